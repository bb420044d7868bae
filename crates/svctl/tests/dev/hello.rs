//! The first example, as README shows it, where there is little else.

use std::os::unix::fs::symlink;

use super::*;

#[test]
fn the_first_example_needs_sh_and_sleep_alone() {
    let stage = Stage::new("");
    let bin = stage.path("bin");
    fs::create_dir(&bin).unwrap();
    for program in ["sh", "sleep"] {
        symlink(Path::new("/bin").join(program), bin.join(program)).unwrap();
    }
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/hello/svcmgr.toml");
    let mut command = command(["dev", "--tree"]);
    command.arg(stage.path("tree")).arg(example).env("PATH", bin);
    let running = Running::start_as(command);
    let said = ["greeter | hello, world", "counter | 1", "crasher | working"];
    let lines = running.until_all(&said);
    // The counter waits until the greeter is ready.
    assert!(!lines.iter().any(|line| line.contains("not found")), "{lines:#?}");
    running.signal(Signal::SIGINT);
    let (code, lines) = running.end();
    assert_eq!(code, Some(0), "{lines:#?}");
    nobody_is_left(&stage.path("tree"));
}
