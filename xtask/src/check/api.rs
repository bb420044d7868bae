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

/// Documents them all at once, since each by itself would take its dependencies with features of its
/// own; then a step for each crate that others can use.
pub(super) fn run(workspace: &Workspace, report: &Report) {
    let members: Vec<_> = workspace.publishable().filter(|member| member.has_library).collect();
    let mut is_documented = false;
    report.step("api", "public faces, documented", || {
        if !toolchain::is_installed("nightly") {
            return Verdict::Skipped("a nightly compiler is not installed".to_owned());
        }
        let done = document(workspace, &members);
        is_documented = done.is_ok();
        done.map_or_else(Into::into, |()| Verdict::Passed)
    });
    if is_documented {
        for member in members {
            let name = format!("public face of {}", member.name);
            report.step("api", &name, || check(workspace, member));
        }
    }
}

fn check(workspace: &Workspace, member: &Member) -> Verdict {
    let found = match listing(workspace, &member.name) {
        Ok(found) => found,
        Err(why) => return Verdict::Skipped(why),
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

/// Writes rustdoc's JSON of these crates.
fn document(workspace: &Workspace, members: &[&Member]) -> Result<(), Failure> {
    let mut doc = Command::new("rustup");
    doc.current_dir(command::root()).args(["run", "nightly", "cargo", "doc", "--quiet"]);
    doc.args(["--no-deps", "--lib", "--all-features", "--target-dir"]).arg(place(workspace));
    for member in members {
        doc.args(["--package", &member.name]);
    }
    doc.env("RUSTDOCFLAGS", "-Z unstable-options --output-format json --cap-lints allow");
    let done = command::capture(&mut doc)?;
    if done.ok { Ok(()) } else { Err(Failure::cannot("document the public faces", done.text)) }
}

fn place(workspace: &Workspace) -> PathBuf {
    workspace.target.join("api")
}

/// Every item that a program can name, a line each; else why this compiler's form is not known here.
fn listing(workspace: &Workspace, name: &str) -> Result<String, String> {
    let json = place(workspace).join("doc").join(format!("{name}.json"));
    // What every type has, and what follows from its fields, says nothing.
    let read =
        Builder::from_rustdoc_json(json).omit_blanket_impls(true).omit_auto_trait_impls(true);
    match read.omit_auto_derived_impls(true).build() {
        Ok(api) => {
            let items: Vec<String> = api.items().map(ToString::to_string).collect();
            Ok(items.join("\n") + "\n")
        }
        Err(why) => Err(format!(
            "this nightly compiler writes another form than that from {MINIMUM_NIGHTLY_RUST_VERSION} on: {why}"
        )),
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
