//! `cargo xtask bench` has every row, with numbers where the tools are. Its times are not looked
//! at.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::process::Command;

/// The beginning of each row, and the program without which it is absent.
const ROWS: [(&str, &str); 35] = [
    ("runit's record to `Status`", ""),
    ("a record to `Status`, by way of `Record`", ""),
    ("`Service::status`, kept directory", ""),
    ("`Bulk::statuses` of 10, each", ""),
    ("`Bulk::statuses` of 10, `parallel(2)`, each", ""),
    ("`Service::send` |", ""),
    ("`Service::send`, dialect given", ""),
    ("record published to event in hand", ""),
    ("10 records 5.00 ms apart", ""),
    ("`svctl --version`, start to end", ""),
    ("`svctl completions bash`, start to end", ""),
    ("`svctl`, size of the file", ""),
    ("`svctl status`, 1 under runit", "sv"),
    ("`svctl status --json`, 1 under runit", "sv"),
    ("`svctl status NAME...`, 1 under runit", "sv"),
    ("`svctl status`, 10 under runit, each", "sv"),
    ("`svctl status`, 10 under s6", "s6-svstat"),
    ("up under runit: request to goal", "runsv"),
    ("up under runit: `svctl up`, whole process", "runsv"),
    ("up under s6: request to goal", "s6-supervise"),
    ("up under s6: `svctl up`, whole process", "s6-supervise"),
    ("up under daemontools: request to goal", "supervise"),
    ("up under daemontools: `svctl up`, whole process", "supervise"),
    ("watch of 10: set up |", ""),
    ("watch of 10: memory", ""),
    ("watch of 10: descriptors", ""),
    ("watch of 10: threads", ""),
    ("watch of 10: wake-ups", "strace"),
    ("embedded supervisor of 10: processes", ""),
    ("embedded supervisor of 10: memory", ""),
    ("embedded supervisor of 10: processor", ""),
    ("embedded supervisor: kill of a process", "runsv"),
    ("embedded supervisor: start after the second", "runsv"),
    ("systemd, 10 units:", SYSTEMD),
    ("criterion", NEVER),
];

/// Asked for by itself: the row says what is missing for such a machine.
const SYSTEMD: &str = "systemd";
/// Not in what was built for tests.
const NEVER: &str = "never";

#[test]
fn every_row_is_measured_where_its_tools_are() {
    let mut bench = Command::new(env!("CARGO_BIN_EXE_xtask"));
    let output = bench.args(["bench", "--smoke"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let shown = format!("{text}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{shown}");
    for (row, tool) in ROWS {
        let line = text.lines().find(|line| line.starts_with(&format!("| {row}")));
        let line = line.unwrap_or_else(|| panic!("no row `{row}`\n{shown}"));
        assert_eq!(line.matches('|').count(), 10, "{line}");
        let absent = line.contains("| not measured: ");
        match tool {
            NEVER => assert!(absent, "{line}"),
            SYSTEMD => assert!(
                !absent || line.contains("cannot boot a systemd here") || !is_there("strace"),
                "{line}"
            ),
            tool => {
                assert!(!absent || !is_there(tool), "{line}");
                let ours = line.split('|').nth(2).unwrap_or_default();
                assert!(absent || ours.contains(|it: char| it.is_ascii_digit()), "{line}");
            }
        }
    }
}

fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    program.is_empty() || std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}
