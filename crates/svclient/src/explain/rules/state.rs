//! What its directory holds that a supervisor cannot use, and what it says of finish and of the logger.

use svproto::{Cause, Dialect, Op, files};

use super::super::{Evidence, Finding, Remedy, facts::Facts, file, machine};
use crate::{Intent, node};

/// Why a supervisor that is started does not stay: it cannot make what it keeps.
pub(super) fn unmade(facts: &Facts, found: &mut Vec<Finding>) {
    if !facts.is_unsupervised() {
        return;
    }
    let place = facts.dir.join(files::SUPERVISE);
    let leads_to = std::fs::read_link(&place).ok();
    if let Some(leads_to) = leads_to.map(|it| facts.dir.join(it)) {
        let above = leads_to.parent().unwrap_or(&leads_to);
        let is_missing = matches!(node::stat(&leads_to), Ok(None));
        if is_missing && matches!(node::stat(&above.to_owned()), Ok(None)) {
            let link = Evidence::new(format!("is a link to {}", leads_to.display())).at(&place);
            let gone = Evidence::new("is not there").at(above).errno(nix::errno::Errno::ENOENT);
            let finding = Finding::new(Cause::NoStateDirectory, leads_to.display().to_string());
            let remedy = Remedy::Command(format!("mkdir -p {}", file::quoted(above)));
            found.push(finding.seen(link).seen(gone).helps(remedy));
            return;
        }
    }
    let place = if place.symlink_metadata().is_ok() { place } else { facts.dir.clone() };
    if machine::is_read_only(&place) {
        let finding = Finding::new(Cause::ReadOnly, place.display().to_string());
        let says = "is mounted read-only, and a supervisor writes there";
        found.push(finding.seen(Evidence::new(says).at(place).errno(nix::errno::Errno::EROFS)));
    }
}

/// Files of s6 that hold a number.
const NUMBERS: [&str; 5] =
    ["notification-fd", "timeout-kill", "timeout-finish", "max-death-tally", "lock-fd"];

pub(super) fn values(facts: &Facts, found: &mut Vec<Finding>) {
    if facts.dialect != Some(Dialect::S6) {
        return;
    }
    for name in NUMBERS {
        let path = facts.dir.join(name);
        if path.symlink_metadata().is_err() {
            continue;
        }
        let Some(bytes) = file::read(&path) else { continue };
        let text = bytes.trim_ascii();
        if !text.is_empty() && text.len() < 10 && text.iter().all(u8::is_ascii_digit) {
            continue;
        }
        let about = format!("{name} holds no number");
        let evidence = Evidence::new(file::shown(text)).at(path);
        found.push(Finding::new(Cause::BadValue, about).seen(evidence));
    }
}

/// Whether what is to run after each end can be executed. Others than s6 pass over one without the right.
pub(super) fn finish(facts: &Facts, found: &mut Vec<Finding>) {
    if !facts.finish.is_there() || facts.is_elsewhere || facts.dialect == Some(Dialect::Daemontools)
    {
        return;
    }
    let is_s6 = facts.dialect == Some(Dialect::S6);
    let matters =
        |it: &Finding| is_s6 || !matches!(it.cause, Cause::FileNotExecutable | Cause::WrongType);
    found.extend(facts.finish.fault(facts.user()).filter(matters));
}

/// What s6 does with a finish script that does not end.
pub(super) fn timeout_of_finish(facts: &Facts, finding: Finding) -> Finding {
    if facts.dialect != Some(Dialect::S6) {
        return finding;
    }
    let path = facts.dir.join("timeout-finish");
    let text = if path.symlink_metadata().is_ok() {
        file::read(&path).unwrap_or_default()
    } else {
        Vec::new()
    };
    let millis = std::str::from_utf8(text.trim_ascii()).ok().and_then(|it| it.parse::<u64>().ok());
    match millis {
        Some(0) => finding.seen(Evidence::new("is 0: it is never killed").at(path)),
        Some(millis) => finding.seen(Evidence::new(format!("kills it after {millis} ms")).at(path)),
        None => {
            finding.seen(Evidence::new("s6 kills it after 5 s, for there is no timeout-finish"))
        }
    }
}

/// A logger that nobody supervises: it was not there when its supervisor started, most of the time.
pub(super) fn logger_alone(facts: &Facts) -> Finding {
    let log = facts.dir.join("log");
    let evidence = Evidence::new("no supervisor holds it").at(log.join("supervise"));
    let finding = Finding::new(Cause::LoggerUnsupervised, "").seen(evidence);
    let began = facts.supervisor.and_then(crate::processes::began);
    let made = node::stat(&log).ok().flatten().as_ref().and_then(node::changed);
    let is_later = matches!((began, made), (Some(began), Some(made)) if made > began);
    if !is_later {
        return finding;
    }
    let says = "was made or changed after its supervisor had started, which looked for it then";
    let finding = finding.seen(Evidence::new(says).at(log));
    // Its scanner starts another supervisor then.
    let above = facts.supervisor.and_then(machine::parent);
    let is_scanned = above.is_some_and(machine::is_scanner);
    if is_scanned { finding.helps(Remedy::Ask(Intent::Op(Op::Exit))) } else { finding }
}
