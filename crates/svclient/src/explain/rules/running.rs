//! What its logs say, and how its processes live.

use svproto::{Cause, LastExit, s6::tally::Death};

use super::super::{Certainty, Evidence, Finding, Remedy, facts::Facts, machine};
use crate::{
    explain::words,
    odd::span,
    sockets::{self, Listening},
};

/// The kernel has ended processes of its control group, and its last run may have been one of them.
pub(super) fn memory(facts: &Facts, found: &mut Vec<Finding>) {
    let Some((path, count)) = facts.ended_for_memory.as_ref().filter(|(_, count)| *count > 0)
    else {
        return;
    };
    let certainty = match facts.reading().map(|it| it.last_exit) {
        Some(LastExit::Signaled { signal: 9, .. }) => Certainty::Likely,
        // A shell says so of what it has waited for.
        Some(LastExit::Exited { code: 137 }) => Certainty::Likely,
        Some(LastExit::NotReported) => Certainty::Guess,
        _ => return,
    };
    let evidence = Evidence::new(format!("oom_kill {count}")).at(path);
    found.push(Finding::new(Cause::OutOfMemory, "").seen(evidence).certainty(certainty));
}

pub(super) fn logs(facts: &Facts, found: &mut Vec<Finding>) {
    let Some((cause, line, certainty)) = words::sign(&facts.lines) else { return };
    let evidence = Evidence::new(line.shown()).at(&line.path);
    let finding = Finding::new(cause, line.shown()).seen(evidence).certainty(certainty);
    found.push(if cause == Cause::AddressInUse {
        port_of(&line.text)
            .map_or_else(|| finding.clone(), |port| held(facts, port, finding.clone()))
    } else {
        finding
    });
}

/// What programs say for other reasons as well: only where nothing better was found.
pub(super) fn last_word(facts: &Facts, found: &mut Vec<Finding>) {
    let Some((cause, line, certainty)) = words::last_word(&facts.lines) else { return };
    if found.iter().any(|it| it.certainty >= Certainty::Likely) {
        return;
    }
    let about = match cause {
        Cause::ProgramMissing | Cause::FileMissing => words::missing(cause, &line.text),
        _ => Some(line.shown()),
    };
    let Some(about) = about else { return };
    let evidence = Evidence::new(line.shown()).at(&line.path);
    found.push(Finding::new(cause, about).seen(evidence).certainty(certainty));
}

/// The port that a line of a log is about: what stands behind a colon, or the word `port`.
fn port_of(line: &str) -> Option<u16> {
    let mut best = None;
    for (at, byte) in line.bytes().enumerate() {
        let is_there = byte == b':' || line.get(..=at).is_some_and(|it| it.ends_with("port "));
        let digits: String = line.get(at + 1..)?.chars().take_while(char::is_ascii_digit).collect();
        let port = digits.parse().ok().filter(|port| *port > 0);
        // What follows the address may be the line of a source, or a time stands before it.
        if is_there && port.is_some_and(|port| !sockets::on_port(port).is_empty()) {
            best = port;
        }
    }
    best
}

/// Who has the port.
fn held(facts: &Facts, port: u16, mut finding: Finding) -> Finding {
    let mut own = None;
    for (socket, owner) in sockets::on_port(port) {
        let Listening { protocol, address, .. } = &socket;
        let who = match owner {
            Some(pid) => machine::process_in_words(Some(pid)),
            None => "a process of another user".to_owned(),
        };
        finding = finding.seen(Evidence::new(format!("{who} listens on {protocol} {address}")));
        let is_left = facts.odd.left_behind.is_some_and(|(_, pid)| Some(pid) == owner);
        own = own.or(owner.filter(|_| is_left));
    }
    match own {
        Some(pid) => {
            let says = format!("process {pid} was left behind by an earlier run");
            let finding = finding.seen(Evidence::new(says).at(&facts.dir));
            finding.helps(Remedy::Command(format!("kill {pid}")))
        }
        None => finding,
    }
}

/// How long runs have lived, as far as that is known.
pub(super) fn lives(facts: &Facts, finding: Finding) -> Finding {
    if !facts.runs.ends.is_empty() {
        let count = facts.runs.ends.len();
        let runs = if count == 1 { "run" } else { "runs" };
        let says =
            format!("{count} {runs} ended while it was looked at: {}", facts.runs.in_words());
        return finding.seen(Evidence::new(says));
    }
    // s6 tells of the last hundred ends when they were.
    let ends: Vec<_> = facts.deaths.iter().rev().take(4).filter_map(Death::at).collect();
    let apart: Vec<String> = ends
        .iter()
        .zip(ends.iter().skip(1))
        .map(|(later, earlier)| span(earlier.elapsed(*later)))
        .collect();
    if apart.is_empty() {
        return finding;
    }
    let says =
        format!("its ends were {} apart, the last first: no run lived longer", apart.join(", "));
    finding.seen(Evidence::new(says).at(facts.dir.join(svproto::files::DEATH_TALLY)))
}

pub(super) fn pipe(facts: &Facts, found: &mut Vec<Finding>) {
    let Some(blocked) = &facts.blocked else { return };
    let reader = blocked.reader.clone().unwrap_or_else(|| "anybody".to_owned());
    let writes =
        Evidence::new("waits in a write to a pipe").at(format!("/proc/{}/wchan", blocked.pid));
    let reads = Evidence::new(format!("{reader} {}", blocked.says));
    let reads = if blocked.reader.is_some() { reads } else { Evidence::new(blocked.says) };
    found.push(Finding::new(Cause::PipeFull, reader).seen(writes).seen(reads));
}

pub(super) fn descriptors(facts: &Facts, found: &mut Vec<Finding>) {
    let Some(limit) = facts.all_descriptors else { return };
    let pid = facts.reading().and_then(|it| it.pid);
    let place = pid.map(|pid| format!("/proc/{pid}/fd")).unwrap_or_default();
    let about = format!("process {} has {limit} open", pid.map(u32::from).unwrap_or_default());
    let evidence = Evidence::new(format!("holds {limit}, and no more are allowed")).at(place);
    found.push(Finding::new(Cause::NoDescriptors, about).seen(evidence));
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn the_port_of_a_line_is_one_that_somebody_has() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        for line in [
            format!("bind() to 0.0.0.0:{port} failed (98: Address already in use)"),
            format!("12:59:01 cannot listen on port {port}: Address already in use"),
            format!("listen EADDRINUSE: address already in use :::{port}"),
        ] {
            assert_eq!(port_of(&line), cfg!(target_os = "linux").then_some(port), "{line}");
        }
        assert_eq!(port_of("Address already in use"), None);
    }
}
