//! What the suites' own tools say, beside an outcome.

use std::fs;

use svcmgr::{Outcome, OutcomeKind};

use super::Subject;

/// What was to become of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    Up,
    Down,
    Restart,
    Once,
}

/// Whether `sv status`, `svstat` or `s6-svstat` calls it down.
pub fn says_down(native: &str) -> bool {
    native.contains("down") && !native.contains("(pid ") && !native.contains("want up")
}

/// The process that the tool names.
fn process(native: &str) -> Option<u32> {
    let (_, rest) = native.split_once("(pid ")?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// Whether there is a process that was not reaped yet, and has not ended.
fn lives(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// Nobody else asked anything meanwhile. A request of before may still lie unread, and scripts end by themselves: so
/// what is not as the outcome has it must be the work of a later run.
///
/// # Panics
///
/// The tool contradicts the outcome.
pub fn compare(
    subject: &Subject,
    asked: Asked,
    before: Option<u32>,
    outcome: &Outcome,
    native: &str,
) {
    let name = subject.name();
    let said = process(native);
    let pid = outcome.status().and_then(svcmgr::Status::pid).map(svcmgr::Pid::get);
    match (asked, outcome.kind()) {
        (Asked::Down, OutcomeKind::Reached | OutcomeKind::Already) => {
            let still = said.is_some() && said == before && before.is_some_and(lives);
            assert!(!still, "{name}: {outcome}, and its tool says {native}");
        }
        (Asked::Up | Asked::Restart | Asked::Once, OutcomeKind::Reached | OutcomeKind::Already) => {
            // Without one: the single run that was asked for is over already.
            let Some(pid) = pid else {
                assert_eq!(asked, Asked::Once, "{name}: {outcome}, without a process");
                return;
            };
            let contradicts = said != Some(pid) && lives(pid) && says_down(native);
            assert!(!contradicts, "{name}: {outcome}, and its tool says {native}");
            if asked == Asked::Restart && outcome.kind() == OutcomeKind::Reached {
                assert_ne!(Some(pid), before, "{name}: {outcome}, and it is the process of before");
            }
        }
        (_, OutcomeKind::Never) => {
            // It says that the service will not be so; a process that nobody has asked for since would be so.
            let up = said.is_some_and(|pid| Some(pid) != before && lives(pid));
            let is_asked_up = matches!(asked, Asked::Up | Asked::Restart);
            assert!(
                !(up && is_asked_up && native.contains("want up")),
                "{name}: {outcome}, and its tool says {native}"
            );
        }
        _ => (),
    }
}

#[test]
fn the_words_of_each_tool_are_read() {
    for down in
        ["down: 3s", "down 0 seconds, normally up", "down (exitcode 0) 1 seconds, ready 1 seconds"]
    {
        assert!(says_down(down) && process(down).is_none(), "{down}");
    }
    for up in
        ["run: (pid 41) 3s", "up (pid 41) 0 seconds", "up (pid 41 pgid 41) 1 seconds, want down"]
    {
        assert!(!says_down(up) && process(up) == Some(41), "{up}");
    }
    assert!(!says_down("down: 0s, normally down, want up") && lives(std::process::id()));
}
