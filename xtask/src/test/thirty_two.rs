//! What decodes and what reads files, on a processor of 32 bits: any of today's x86 is one as well.

use std::env::consts::{ARCH, OS};

use crate::{
    command::{cargo, has_nextest},
    failure::Failure,
    session::Session,
    toolchain,
};

const TARGET: &str = "i686-unknown-linux-musl";

/// Runs the tests of svproto and svclient there. Where they cannot be built, that is said.
pub(super) fn run(session: &mut Session) -> Result<(), Failure> {
    if (ARCH, OS) != ("x86_64", "linux") {
        return Ok(());
    }
    if let Err(why) = toolchain::target(TARGET) {
        session.leave_out(format!("{TARGET}: {why}"));
        return Ok(());
    }
    let run: &[&str] = if has_nextest() { &["nextest", "run"] } else { &["test", "--tests"] };
    let mut command = cargo(run);
    command.args(["--target", TARGET, "-p", "svproto", "-p", "svclient", "--all-features"]);
    // What the benchmarks depend on has a line of C, for which any compiler will do.
    let compiler = "CC_i686_unknown_linux_musl";
    if std::env::var_os(compiler).is_none() {
        command.env(compiler, "gcc");
    }
    session.run_again("32 bits", command.arg("--no-fail-fast"))
}
