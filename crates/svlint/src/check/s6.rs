//! Files that s6-supervise reads.

use std::path::Path;

use crate::{Finding, rule::suites, visit::Visit};

const NUMBERS: [&str; 5] =
    ["notification-fd", "timeout-kill", "timeout-finish", "max-death-tally", "lock-fd"];
/// s6 keeps no more deaths.
const MOST_DEATHS: u64 = 4096;

pub(crate) fn check(visit: &mut Visit<'_>, dir: &Path, names: &[String]) {
    for name in names {
        if NUMBERS.contains(&name.as_str()) {
            number(visit, dir, name);
        } else if name == "down-signal" || name == "reload-signal" {
            signal(visit, dir, name);
        }
    }
}

fn number(visit: &mut Visit<'_>, dir: &Path, name: &str) {
    let Some(source) = visit.read(&dir.join(name)) else { return };
    let digits = source.text.strip_suffix('\n').unwrap_or(&source.text);
    let is_number = !digits.is_empty() && digits.bytes().all(|it| it.is_ascii_digit());
    let Some(value) = digits.parse::<u64>().ok().filter(|_| is_number) else {
        let shown = source.quoted(digits.lines().next().unwrap_or_default());
        let message = format!("{name} holds `{shown}`, which s6 does not take for a number");
        visit.tell(Finding::new(&suites::S6_NUMBER, source.first(), message));
        return;
    };
    match name {
        "notification-fd" if value < 3 => {
            let message =
                format!("notification-fd is {value}, which is standard input, output or error");
            visit.tell(Finding::new(&suites::S6_NOTIFICATION_FD, source.first(), message));
        }
        "max-death-tally" if value > MOST_DEATHS => {
            let message = format!("max-death-tally is {value}, and s6 keeps {MOST_DEATHS}");
            visit.tell(Finding::new(&suites::S6_TALLY, source.first(), message));
        }
        _ => {}
    }
}

/// Names that Linux and the BSDs have.
const SIGNALS: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2",
    "PIPE", "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG",
    "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
];

fn signal(visit: &mut Visit<'_>, dir: &Path, name: &str) {
    let Some(source) = visit.read(&dir.join(name)) else { return };
    let word = source.text.strip_suffix('\n').unwrap_or(&source.text);
    let upper = word.to_ascii_uppercase();
    let is_name = SIGNALS.contains(&upper.strip_prefix("SIG").unwrap_or(&upper));
    // Linux has 64, and 0 is none.
    let is_number = word.parse::<u8>().is_ok_and(|it| (1..=64).contains(&it));
    if !is_name && !is_number {
        let shown = source.quoted(word.lines().next().unwrap_or_default());
        let message = format!("{name} holds `{shown}`, which is no signal");
        visit.tell(Finding::new(&suites::S6_SIGNAL, source.first(), message));
    }
}
