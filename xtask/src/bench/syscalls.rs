//! `cargo xtask bench --syscalls`: which system calls an operation makes, and why each of them. A
//! call that nobody has given a reason for is an error.

mod reasons;
pub(super) mod trace;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
    thread,
};

use nix::{
    sched::{CpuSet, sched_getaffinity, sched_setaffinity},
    unistd::Pid,
};

use self::{
    reasons::{About, Used},
    trace::{Counts, Trace},
};
use super::{
    Programs,
    numbers::float,
    page::Section,
    tree::{Tree, directory},
};
use crate::{command, failure::Failure, systemd};

/// The larger and the smaller number of repetitions; what one more costs is a share of the
/// difference.
const REPEATED: (usize, usize) = (110, 10);
/// The same for services of a listing. A short one looks at more of each.
const LISTED: (usize, usize) = (165, 65);
/// The same where each of them is a start under a real supervisor.
const STARTED: (usize, usize) = (6, 2);
const SERVICES: usize = 120;

/// The table so far, and what of it has no reason.
struct Calls {
    text: String,
    unexplained: Vec<String>,
    reasons: Used,
}

/// Everything, as a table.
pub(super) fn all(programs: &Programs) -> Result<Section, Failure> {
    let mut calls = Calls {
        text: "| operation | call | on | how often | why |\n|---|---|---|---:|---|\n".to_owned(),
        unexplained: Vec::new(),
        reasons: Used::default(),
    };
    for suite in ["runit", "s6", "daemontools"] {
        let of = |services| svctl_status(programs, suite, services, 1);
        let listing = format!("`svctl status`, one service more, {suite}");
        calls.rows(About::Directories, &listing, &more(&of(LISTED.0)?, &of(LISTED.1)?, LISTED));
    }
    let on = |processors| svctl_status(programs, "runit", LISTED.0, processors);
    let thread = "`svctl status`, a second processor";
    calls.rows(About::Process, thread, &more(&on(2)?, &on(1)?, (2, 1)));
    let tree = Tree::new(programs, "runit", SERVICES)?;
    for (name, what) in [
        ("status", "`Service::status`, kept directory"),
        ("statuses", "`Bulk::statuses`, one service more"),
        ("send", "`Service::send`"),
        ("event", "an event of a `WatchSet`"),
        ("add", "`WatchSet::add` and the snapshot, one service more"),
    ] {
        let of = |times| operation(programs, name, tree.path(), times);
        calls.rows(About::Directories, what, &more(&of(REPEATED.0)?, &of(REPEATED.1)?, REPEATED));
    }
    if command::on_path("runsv") {
        let of = |times| {
            let dir = directory()?;
            operation(programs, "up", dir.path(), times)
        };
        calls.rows(
            About::Directories,
            "`pursue` of up, runit",
            &more(&of(STARTED.0)?, &of(STARTED.1)?, STARTED),
        );
    }
    if systemd::require().is_ok() {
        let of = |times: usize| units(programs, times);
        let listing = "`Bus::states`, both threads";
        calls.rows(About::Bus, listing, &more(&of(REPEATED.0)?, &of(REPEATED.1)?, REPEATED));
    }
    let start = Trace::whole(Command::new(&programs.svctl).arg("--version"))?;
    let start = start.counts().into_iter().map(|(call, count)| (call, float(count))).collect();
    calls.rows(About::Process, "`svctl --version`, start to end", &start);
    // Which of them there are is the machine's matter, too: what is missing here has no rows.
    for idle in calls.reasons.idle() {
        eprintln!("no call has this reason: {idle}");
    }
    if calls.unexplained.is_empty() {
        return Ok(Section { name: "calls", text: calls.text });
    }
    print!("{}", calls.text);
    let list = calls.unexplained.join("\n  ");
    Err(Failure::Because(format!("these calls have no reason:\n  {list}")))
}

/// How often one repetition makes each call.
type Each = BTreeMap<(String, String), f64>;

/// What one more costs.
fn more(many: &Counts, few: &Counts, (larger, smaller): (usize, usize)) -> Each {
    let before = |call| few.get(call).copied().unwrap_or_default();
    many.iter()
        .map(|(call, &count)| {
            let difference = count.saturating_sub(before(call));
            (call.clone(), float(difference) / float(larger - smaller))
        })
        // What is shown has two digits.
        .filter(|(_, often)| *often >= 0.01)
        .collect()
}

impl Calls {
    fn rows(&mut self, about: About, operation: &str, each: &Each) {
        for ((name, on), often) in each {
            let why = self.reasons.why(about, name, on).unwrap_or_else(|| {
                self.unexplained.push(format!("{operation}: {name} {on}"));
                "**no reason is known**"
            });
            let on = if on.is_empty() { String::new() } else { format!("`{on}`") };
            let often =
                format!("{often:.2}").trim_end_matches('0').trim_end_matches('.').to_owned();
            self.text.push_str(&format!("| {operation} | `{name}` | {on} | {often} | {why} |\n"));
        }
        let sum: f64 = each.values().sum();
        self.text.push_str(&format!("| {operation} | **all** | | **{sum:.2}** | |\n"));
    }
}

fn svctl_status(
    programs: &Programs,
    suite: &str,
    services: usize,
    processors: usize,
) -> Result<Counts, Failure> {
    let tree = Tree::new(programs, suite, services)?;
    let mut status = Command::new(&programs.svctl);
    status.arg("status").env("SVDIR", tree.path());
    // A thread of its own takes the limit along when it ends.
    let trace = || {
        let limited = limit_processors(processors);
        limited.map_err(|why| Failure::cannot("choose a processor", why))?;
        Trace::whole(&status)
    };
    let trace = thread::scope(|scope| scope.spawn(trace).join());
    Ok(trace.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?.counts())
}

/// What this thread starts from now on runs on no more processors than these.
fn limit_processors(number: usize) -> nix::Result<()> {
    const ITSELF: Pid = Pid::from_raw(0);
    let all = sched_getaffinity(ITSELF)?;
    let allowed = (0..CpuSet::count()).filter(|cpu| all.is_set(*cpu) == Ok(true));
    let mut some = CpuSet::new();
    allowed.take(number).try_for_each(|cpu| some.set(cpu))?;
    sched_setaffinity(ITSELF, &some)
}

fn operation(programs: &Programs, name: &str, dir: &Path, times: usize) -> Result<Counts, Failure> {
    let dir = dir.display().to_string();
    Ok(Trace::of(programs, &[name, &dir, &times.to_string()])?.counts())
}

/// In the machine.
fn units(programs: &Programs, times: usize) -> Result<Counts, Failure> {
    const SCRIPT: &str = r#"calls=$(mktemp) && strace -f -y -o "$calls" "$1" op list "$2" >&2 &&
        cat "$calls""#;
    let this = command::this()?;
    let bench: &PathBuf = &programs.bench;
    let mut run = Command::new(this);
    run.args(["systemd", "--", "sh", "-c", SCRIPT, "sh"]).arg(bench).arg(times.to_string());
    let done = command::capture(&mut run)?;
    if !done.ok {
        return Err(Failure::cannot("trace the listing of units", done.text));
    }
    Ok(Trace::marked(&done.text)?.counts())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(of: &[(&str, &str, usize)]) -> Counts {
        of.iter().map(|&(name, on, count)| ((name.to_owned(), on.to_owned()), count)).collect()
    }

    #[test]
    fn one_more_is_a_share_of_the_difference() {
        let few = counts(&[("openat", "supervise/ok", 10), ("brk", "", 3)]);
        let many = counts(&[("openat", "supervise/ok", 110), ("brk", "", 3), ("read", "x", 50)]);
        let each = more(&many, &few, (110, 10));
        let shown: Vec<_> = each.iter().map(|((name, _), often)| (name.as_str(), *often)).collect();
        assert_eq!(shown, [("openat", 1.0), ("read", 0.5)]);
    }

    #[test]
    fn a_call_without_a_reason_is_found() {
        let (text, unexplained, reasons) = (String::new(), Vec::new(), Used::default());
        let mut calls = Calls { text, unexplained, reasons };
        let call = |name: &str, on: &str| ((name.to_owned(), on.to_owned()), 1.0);
        calls.rows(
            About::Directories,
            "op",
            &Each::from([call("openat", "supervise/ok"), call("ptrace", "")]),
        );
        assert_eq!(calls.unexplained, ["op: ptrace "]);
        assert!(calls.text.contains("| `openat` | `supervise/ok` | 1 |"), "{}", calls.text);
        let idle = calls.reasons.idle();
        assert!(!idle.contains(&"openat supervise/ok".to_owned()), "{idle:?}");
        assert!(idle.contains(&"openat supervise/status".to_owned()), "{idle:?}");
    }
}
