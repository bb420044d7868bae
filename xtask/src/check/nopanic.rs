//! svproto cannot panic: a bare-metal program whose panic handler calls a function that does not
//! exist links only when nothing reaches the handler. And it fails to link when something does.

use crate::{
    command::{self, Done, cargo},
    report::{Report, Verdict},
    toolchain,
    workspace::Workspace,
};

/// Its `Cargo.toml`; a workspace of its own, for the sake of its profile.
pub(super) const MANIFEST: &str = "crates/svproto/nopanic/Cargo.toml";
const TARGET: &str = "thumbv7m-none-eabi";
/// The function that does not exist.
const SYMBOL: &str = "svproto_has_a_panic_path";

/// Two steps: the proof, and that the proof can fail.
pub(super) fn run(workspace: &Workspace, report: &Report) {
    let step = |features: &[&str], judge: fn(&Done) -> Verdict| {
        if let Err(why) = toolchain::target(TARGET) {
            return Verdict::Skipped(why);
        }
        let mut build = cargo(["build", "--release", "--target", TARGET]);
        build.args(["--manifest-path", MANIFEST]).args(features);
        build.arg("--target-dir").arg(workspace.target.join("nopanic"));
        match command::capture(&mut build) {
            Ok(done) => judge(&done),
            Err(failure) => failure.into(),
        }
    };
    report.step("nopanic", "nopanic, svproto links", || step(&[], links));
    report.step("nopanic", "nopanic, a panic would not link", || {
        step(&["--features", "prove"], refuses)
    });
}

fn links(done: &Done) -> Verdict {
    if done.ok {
        return Verdict::Passed;
    }
    let why = if done.text.contains(SYMBOL) {
        "something in svproto can panic: look for an index, an arithmetic overflow, an unwrap"
    } else {
        "the build failed for another reason than a panic"
    };
    Verdict::Failed(format!("{}\n{MANIFEST}: {why}", done.text.trim_end()))
}

fn refuses(done: &Done) -> Verdict {
    let why = if done.ok {
        "linked with a deliberate panic in it, so the proof proves nothing"
    } else if done.text.contains(SYMBOL) {
        return Verdict::Passed;
    } else {
        "failed for another reason than its deliberate panic, so the proof proves nothing"
    };
    Verdict::Failed(format!("{}\n{MANIFEST} with feature `prove`: {why}", done.text.trim_end()))
}

#[cfg(test)]
mod tests {
    use std::{os::unix::process::ExitStatusExt, process::ExitStatus};

    use super::*;

    fn done(code: i32, text: &str) -> Done {
        Done { ok: code == 0, status: ExitStatus::from_raw(code << 8), text: text.to_owned() }
    }

    fn says(verdict: &Verdict, words: &str) -> bool {
        matches!(verdict, Verdict::Failed(text) if text.contains(words))
    }

    #[test]
    fn a_proof_that_cannot_fail_is_reported() {
        assert_eq!(
            refuses(&done(101, "undefined symbol: svproto_has_a_panic_path")),
            Verdict::Passed
        );
        assert!(says(&refuses(&done(0, "")), "linked with a deliberate panic"));
        assert!(says(&refuses(&done(101, "no such feature")), "failed for another reason"));
    }

    #[test]
    fn a_panic_path_is_told_from_a_broken_build() {
        assert_eq!(links(&done(0, "")), Verdict::Passed);
        assert!(says(
            &links(&done(101, "undefined symbol: svproto_has_a_panic_path")),
            "can panic"
        ));
        assert!(says(&links(&done(101, "cannot find value")), "another reason"));
    }
}
