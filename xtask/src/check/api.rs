//! The public face of each library crate, as a listing that is kept in `docs/api`: a change of it
//! is seen in review. Made of rustdoc's JSON, which only a nightly compiler writes; `UPDATE=1`
//! writes the listings anew.

use std::{env, fs, path::PathBuf, process::Command};

use public_api::{Builder, MINIMUM_NIGHTLY_RUST_VERSION};

use crate::{
    command,
    failure::Failure,
    report::{Report, Verdict},
    toolchain,
    workspace::{Member, Workspace},
};

/// One step for each crate that others can use.
pub(super) fn run(workspace: &Workspace, report: &Report) {
    for member in workspace.publishable().filter(|member| member.has_library) {
        report.step("api", &format!("public face of {}", member.name), || check(workspace, member));
    }
}

fn check(workspace: &Workspace, member: &Member) -> Verdict {
    if !toolchain::is_installed("nightly") {
        return Verdict::Skipped("a nightly compiler is not installed".to_owned());
    }
    let found = match listing(workspace, &member.name) {
        Ok(Listing::Is(found)) => found,
        Ok(Listing::OfAnotherTime(why)) => return Verdict::Skipped(why),
        Err(failure) => return failure.into(),
    };
    let path = kept(&member.name);
    if env::var_os("UPDATE").is_some() {
        let written =
            fs::write(&path, &found).map_err(|why| Failure::cannot("write the listing", why));
        return written.map_or_else(Into::into, |()| Verdict::Passed);
    }
    let before = fs::read_to_string(&path).unwrap_or_default();
    if before == found {
        return Verdict::Passed;
    }
    let mut text = difference(&before, &found);
    text.push_str("\n\nUPDATE=1 cargo xtask check api writes docs/api anew\n");
    Verdict::Failed(text)
}

fn kept(name: &str) -> PathBuf {
    command::root().join("docs/api").join(format!("{name}.txt"))
}

enum Listing {
    Is(String),
    /// The compiler writes a form that is not known here.
    OfAnotherTime(String),
}

/// Every item that a program can name, a line each.
fn listing(workspace: &Workspace, name: &str) -> Result<Listing, Failure> {
    let target = workspace.target.join("api");
    let mut rustdoc = Command::new("rustup");
    rustdoc.current_dir(command::root()).args(["run", "nightly", "cargo", "rustdoc", "--quiet"]);
    rustdoc.args(["--package", name, "--lib", "--all-features", "--target-dir"]).arg(&target);
    rustdoc.args([
        "--",
        "-Z",
        "unstable-options",
        "--output-format",
        "json",
        "--cap-lints",
        "allow",
    ]);
    let done = command::capture(&mut rustdoc)?;
    if !done.ok {
        return Err(Failure::cannot("document the public face", done.text));
    }
    let json = target.join("doc").join(format!("{name}.json"));
    // What every type has, and what follows from its fields, says nothing.
    let read =
        Builder::from_rustdoc_json(json).omit_blanket_impls(true).omit_auto_trait_impls(true);
    match read.omit_auto_derived_impls(true).build() {
        Ok(api) => {
            let items: Vec<String> = api.items().map(ToString::to_string).collect();
            Ok(Listing::Is(items.join("\n") + "\n"))
        }
        Err(why) => Ok(Listing::OfAnotherTime(format!(
            "this nightly compiler writes another form than that from {MINIMUM_NIGHTLY_RUST_VERSION} on: {why}"
        ))),
    }
}

/// The lines that are on one side only.
fn difference(before: &str, now: &str) -> String {
    let only = |mark: char, these: &str, those: &str| -> Vec<String> {
        let those: Vec<&str> = those.lines().collect();
        let these = these.lines().filter(|line| !those.contains(line));
        these.map(|line| format!("{mark} {line}")).collect()
    };
    [only('-', before, now), only('+', now, before)].concat().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gone_and_what_is_new_is_shown() {
        assert_eq!(difference("a\nb\n", "b\nc\n"), "- a\n+ c");
        assert_eq!(difference("a\n", "a\n"), "");
    }
}
