//! The rules, in the order of reasons: what stands first is the reason for what follows.

use std::time::Duration;

use svclient::{Certainty, Evidence, Finding, Intent, Remedy};
use svproto::{Cause, Op};

use super::{facts::Facts, step};
use crate::{LoadState, Properties, PropertyValue, asking, map, obstacle, unified::crash_loop};

type Rule = fn(&Facts, &mut Vec<Finding>);

/// Longer than any start should take that others wait for.
const LONG: Duration = Duration::from_secs(5);

const RULES: &[(&str, Rule)] = &[
    ("its definition cannot be used", definition),
    ("it is held", held),
    ("a condition keeps it down", conditions),
    ("its last run failed, or it goes round", ended),
    ("its job waits for others", waiting),
    ("it does not say that it is ready", ready),
    ("its reload failed", reload),
    ("its memory is too small", memory),
    ("its files are newer than what is loaded", newer),
    ("nobody has it start", wanted),
];

/// Every finding that lies with the unit itself, the first reason first.
pub(super) fn all(facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    for (_, rule) in RULES {
        rule(facts, &mut found);
    }
    found
}

fn definition(facts: &Facts, found: &mut Vec<Finding>) {
    let unit = facts.properties();
    let path = unit.text("FragmentPath");
    let at = |evidence: Evidence| if path.is_empty() { evidence } else { evidence.at(path) };
    match facts.status().load {
        LoadState::Masked => {
            let finding =
                Finding::told(Cause::Masked, "").seen(at(Evidence::new("LoadState=masked")));
            found.push(finding.helps(facts.command("unmask")));
        }
        LoadState::Broken => {
            let text = facts.status().load_error().unwrap_or_default();
            let finding = Finding::told(Cause::BadDefinition, text);
            let word = format!("LoadState={}", unit.text("LoadState"));
            let finding = unusable(facts).into_iter().fold(finding, Finding::seen);
            let finding = finding.seen(at(Evidence::new(word)));
            let lint = || Remedy::Command(format!("svctl lint {}", shown_path(path)));
            found.push(if path.is_empty() { finding } else { finding.helps(lint()) });
        }
        _ => (),
    }
}

/// A path as a word of a shell.
fn shown_path(path: &str) -> String {
    let is_plain = path.chars().all(|it| it.is_ascii_alphanumeric() || "/._-@:+".contains(it));
    if is_plain { path.to_owned() } else { format!("'{}'", path.replace('\'', "'\\''")) }
}

/// A line of a file, with what is wrong with it.
fn with_why((_, line): (&str, Evidence), why: &str) -> Evidence {
    let Evidence { path, line: number, says, .. } = line;
    let evidence = Evidence::new(format!("{says}: {why}"));
    let evidence = path.into_iter().fold(evidence, Evidence::at);
    number.into_iter().fold(evidence, Evidence::line)
}

/// What of a service systemd does not take. Source: what 252 refuses when it has read one.
fn unusable(facts: &Facts) -> Option<Evidence> {
    if !facts.is_service() || facts.paths().next().is_none() {
        return None;
    }
    let starts = facts.lines("ExecStart");
    let last = |key: &str| facts.lines(key).pop();
    let kind = last("Type");
    let is_oneshot = kind.as_ref().is_some_and(|it| it.0 == "oneshot");
    let is_relative = |command: &str| {
        let program = command.trim_start_matches(['-', '@', ':', '+', '!', '|']);
        let program = program.split_whitespace().next().unwrap_or_default();
        program.contains('/') && !program.starts_with(['/', '"', '\'', '%', '$'])
    };
    if let Some(at) = starts.iter().position(|it| is_relative(it.0)) {
        return Some(with_why(starts.into_iter().nth(at)?, "its path is not absolute"));
    }
    let remains =
        last("RemainAfterExit").is_some_and(|it| matches!(it.0, "yes" | "true" | "1" | "on"));
    let has_stop = !facts.lines("ExecStop").is_empty() && remains;
    if starts.is_empty() && !has_stop && last("SuccessAction").is_none() {
        return Some(Evidence::new("has no ExecStart=").at(facts.paths().next()?));
    }
    if starts.len() > 1 && !is_oneshot {
        let why = "a second one, which only Type=oneshot may have";
        return Some(with_why(starts.into_iter().nth(1)?, why));
    }
    let restart = last("Restart").filter(|it| matches!(it.0, "always" | "on-success"));
    if let (true, Some(restart)) = (is_oneshot, restart) {
        return Some(with_why(restart, "Type=oneshot does not take it"));
    }
    let is_dbus = kind.as_ref().is_some_and(|it| it.0 == "dbus");
    if is_dbus && last("BusName").is_none() {
        return Some(with_why(kind?, "it needs BusName="));
    }
    None
}

fn held(facts: &Facts, found: &mut Vec<Finding>) {
    if facts.status().facts.paused != Some(true) {
        return;
    }
    if facts.status().is_frozen() && !facts.text("FreezerState").is_empty() {
        let evidence = Evidence::new(format!("FreezerState={}", facts.text("FreezerState")));
        found.push(Finding::told(Cause::Frozen, "").seen(evidence).helps(facts.command("thaw")));
        return;
    }
    let pid = facts.properties().number("MainPID");
    let evidence = Evidence::new("its state is T").at(format!("/proc/{pid}/stat"));
    let remedy = Remedy::Ask(Intent::Op(Op::Cont));
    found.push(Finding::told(Cause::Paused, "").seen(evidence).helps(remedy));
}

/// It is down, nothing has failed, and it will not be started as things are.
fn conditions(facts: &Facts, found: &mut Vec<Finding>) {
    let unit = facts.properties();
    if facts.active() != "inactive" || !found.is_empty() {
        return;
    }
    if facts.text("Result") == "exec-condition" {
        let rows = unit.get("ExecCondition").map(PropertyValue::fields).unwrap_or_default();
        let line = rows.first().and_then(|row| row.fields().first()?.text()).unwrap_or_default();
        let finding = Finding::told(Cause::ConditionCommand, format!("ExecCondition={line}"));
        found.push(finding.seen(facts.evidence("ExecCondition", line)));
        return;
    }
    let Some((cause, about)) = obstacle::of(unit, &facts.around) else { return };
    let finding = about.split(" or ").fold(Finding::told(cause, about.as_str()), |finding, one| {
        let (key, value) = one.split_once('=').unwrap_or((one, ""));
        let line = facts.evidence_of_text(key, value);
        line.into_iter().fold(finding, Finding::seen)
    });
    found.push(finding);
}

/// How the last run ended, in the manager's words.
fn how(unit: &Properties) -> Evidence {
    let result = unit.text("Result");
    let end = match unit.number("ExecMainCode") {
        0 => String::new(),
        1 => format!(", the main process exited with {}", unit.number("ExecMainStatus")),
        _ => format!(
            ", the main process was killed by {}",
            crate::exits::signal(unit.number("ExecMainStatus"))
        ),
    };
    Evidence::new(format!("Result={result}{end}"))
}

fn ended(facts: &Facts, found: &mut Vec<Finding>) {
    let unit = facts.properties();
    let restarts = facts.status().told_restarts();
    let loops = crash_loop(Some(&facts.status().facts), restarts);
    let has_failed = facts.active() == "failed" || facts.is_between_runs();
    if found.iter().any(|it| it.cause == Cause::Masked) || (!has_failed && loops.is_none()) {
        return;
    }
    let is_success = matches!(unit.text("Result"), "success" | "");
    let failure = if is_success && !has_failed { None } else { asking::failure(unit.clone()) };
    // A unit that runs again has the result of this run; its last one was another.
    let failure = failure.filter(|_| has_failed && !(is_success && facts.is_between_runs()));
    let deeper = step::of(facts, failure.as_ref());
    let is_deeper = deeper.is_some();
    found.extend(deeper);
    let is_limited = match &failure {
        Some((Cause::StartLimit, _)) => Some(Certainty::Certain),
        _ if facts.active() == "failed" && !facts.is_between_runs() && would_restart(unit) => {
            Some(Certainty::Likely)
        }
        _ => None,
    };
    if let Some(certainty) = is_limited {
        let finding = Finding::told(Cause::StartLimit, asking::limit(unit)).certainty(certainty);
        let finding = finding.seen(how(unit)).seen(Evidence::new(format!(
            "StartLimitBurst={}, NRestarts={}",
            unit.number("StartLimitBurst"),
            unit.number("NRestarts")
        )));
        found.push(finding.helps(facts.command("reset-failed")));
    } else if let Some(loops) = loops {
        let finding = Finding::told(Cause::CrashLoop, format!("{} times", loops.ends));
        found.push(finding.seen(how(unit)));
    }
    let own = match failure {
        Some((Cause::StartLimit, _)) => asking::end_of_main(unit),
        other => other,
    };
    match own.filter(|_| !is_deeper) {
        Some((cause, about)) => found.push(generic(facts, cause, about)),
        None if facts.is_between_runs() && loops.is_none() && !is_deeper => {
            let word = format!("{}/{}", facts.active(), facts.sub());
            let finding = Finding::told(Cause::BackOff, "").seen(how(unit));
            found.push(finding.seen(Evidence::new(word)));
        }
        None => (),
    }
}

/// What the manager says of the failure, and the setting that it is about.
fn generic(facts: &Facts, cause: Cause, about: String) -> Finding {
    let unit = facts.properties();
    let finding = Finding::told(cause, about).seen(how(unit));
    let key = match cause {
        Cause::StartTimeout => "TimeoutStartSec",
        Cause::RunTimeout => "RuntimeMaxSec",
        Cause::StopTimeout => "TimeoutStopSec",
        Cause::Watchdog => "WatchdogSec",
        Cause::EndedBeforeReady => "Type",
        Cause::BeforeStart | Cause::AfterStart | Cause::AfterEnd => {
            let failed = asking::failed_command(unit);
            let line = failed.map(|it| facts.evidence(it.name, &it.path));
            return line.into_iter().fold(finding, Finding::seen);
        }
        Cause::OutOfMemory => "MemoryMax",
        _ => return finding,
    };
    let word = match cause {
        Cause::StartTimeout => asking::span(unit, &["TimeoutStartUSec"]),
        Cause::RunTimeout => asking::span(unit, &["RuntimeMaxUSec"]),
        Cause::StopTimeout => asking::span(unit, &["TimeoutStopUSec"]),
        Cause::Watchdog => asking::span(unit, &["WatchdogUSec"]),
        Cause::OutOfMemory => match unit.number("MemoryMax") {
            0 | u64::MAX => "infinity".to_owned(),
            bytes => bytes.to_string(),
        },
        _ => facts.text("Type").to_owned(),
    };
    finding.seen(facts.evidence(key, &word))
}

/// Whether it would have been started again after a run that ended like this: where it was not, it met the
/// limit. systemd before 262 does not say so.
fn would_restart(unit: &Properties) -> bool {
    let by_signal = matches!(unit.text("Result"), "signal" | "core-dump");
    let abnormal = by_signal || matches!(unit.text("Result"), "timeout" | "watchdog" | "oom-kill");
    let is_wanted = match unit.text("Restart") {
        "always" => true,
        "on-failure" => !matches!(unit.text("Result"), "success" | ""),
        "on-abnormal" => abnormal,
        "on-abort" => by_signal,
        "on-watchdog" => unit.text("Result") == "watchdog",
        _ => false,
    };
    let has_limit = unit.number("StartLimitBurst") > 0
        && !matches!(unit.number("StartLimitIntervalUSec"), 0 | u64::MAX);
    is_wanted && has_limit && unit.number("NRestarts") > 0 && !is_prevented(unit)
}

/// Whether this end is among those after which it is not started again.
fn is_prevented(unit: &Properties) -> bool {
    let lists = unit.get("RestartPreventExitStatus").map(PropertyValue::fields).unwrap_or_default();
    let at = usize::from(unit.number("ExecMainCode") != 1);
    let status = unit.number("ExecMainStatus");
    let listed = lists.get(at).map(PropertyValue::fields).unwrap_or_default();
    listed.iter().any(|it| it.unsigned() == Some(status))
}

fn waiting(facts: &Facts, found: &mut Vec<Finding>) {
    let Some(job) = facts.job.as_ref().filter(|it| it.is_waiting && !it.before.is_empty()) else {
        return;
    };
    let evidence = Evidence::new(format!("its job is a {}, and is waiting", job.kind));
    found.push(Finding::told(Cause::Waiting, job.before.join(", ")).seen(evidence));
}

fn ready(facts: &Facts, found: &mut Vec<Finding>) {
    let is_awaited = facts.active() == "activating"
        && matches!(facts.sub(), "start" | "start-post")
        && map::notifies(facts.text("Type"));
    let Some(span) =
        facts.since("InactiveExitTimestampMonotonic").filter(|it| is_awaited && *it > LONG)
    else {
        return;
    };
    let limit = match facts.properties().number("TimeoutStartUSec") {
        0 | u64::MAX => "no limit".to_owned(),
        _ => asking::span(facts.properties(), &["TimeoutStartUSec"]),
    };
    let evidence = format!("Type={}, and it has {limit} for its start", facts.text("Type"));
    let evidence = Evidence::new(evidence);
    found.push(Finding::told(Cause::NotReady, format!("{} s", span.as_secs())).seen(evidence));
}

fn reload(facts: &Facts, found: &mut Vec<Finding>) {
    let result = facts.text("ReloadResult");
    if facts.active() != "active" || matches!(result, "success" | "") {
        return;
    }
    let failed = asking::failed_command(facts.properties()).filter(|it| it.name == "ExecReload");
    let code = failed.and_then(|it| it.code).map(|code| format!("exited with {code}"));
    let finding = Finding::told(Cause::Reload, code.unwrap_or_else(|| result.to_owned()));
    let evidence = Evidence::new(format!("ReloadResult={result}"));
    found.push(finding.seen(evidence).seen(facts.evidence("ExecReload", "")));
}

/// A process of a unit that is up was killed by the kernel; 262 counts them.
fn memory(facts: &Facts, found: &mut Vec<Finding>) {
    let kills = facts.properties().number("OOMKills");
    let is_there = found.iter().any(|it| it.cause == Cause::OutOfMemory);
    if facts.active() == "active" && !matches!(kills, 0 | u64::MAX) && !is_there {
        let evidence = Evidence::new(format!("OOMKills={kills}"));
        found.push(Finding::told(Cause::OutOfMemory, "").seen(evidence));
    }
}

fn newer(facts: &Facts, found: &mut Vec<Finding>) {
    if !facts.status().needs_reload() || facts.status().load == LoadState::Masked {
        return;
    }
    let finding = Finding::told(Cause::DefinitionNewer, "");
    let changed =
        |path: &&std::path::Path| std::fs::metadata(path).and_then(|it| it.modified()).ok();
    let finding = match facts.paths().max_by_key(changed) {
        Some(path) => finding.seen(Evidence::new("was changed after it was loaded").at(path)),
        None => finding.seen(Evidence::new("NeedDaemonReload=yes")),
    };
    found.push(finding.helps(facts.reload()));
}

/// That its process ended before anybody told it to, and the line that may say why.
fn by_itself(facts: &Facts) -> Vec<Evidence> {
    let unit = facts.properties();
    let [exit, stop] = ["ExecMainExitTimestampMonotonic", "ActiveExitTimestampMonotonic"]
        .map(|name| unit.number(name));
    let restart = unit.text("Restart");
    let ended = format!("it ended by itself, and Restart={restart} does not start it again");
    // A unit that is dropped when it is down tells no times.
    let ended = (exit > 0 && exit <= stop).then(|| Evidence::new(ended));
    let goes_to_background = |command: &str| {
        let command = command.trim_end_matches(['"', '\'', ' ']);
        command.ends_with('&') && !command.ends_with("&&")
    };
    let has_main = !matches!(facts.text("Type"), "forking" | "oneshot");
    let line = facts.lines("ExecStart").into_iter().find(|it| has_main && goes_to_background(it.0));
    let line = line.map(|it| with_why(it, "it ends at once, and what it leaves is ended with it"));
    ended.into_iter().chain(line).collect()
}

/// Down, and nobody has it up. What does one thing and ends is well when it is down.
fn wanted(facts: &Facts, found: &mut Vec<Finding>) {
    let is_reason = |it: &Finding| it.cause != Cause::DefinitionNewer;
    let is_done = facts.is_service() && facts.text("Type") == "oneshot";
    if facts.active() != "inactive" || facts.job.is_some() || is_done || found.iter().any(is_reason)
    {
        return;
    }
    let finding = Finding::told(Cause::WantedDown, "").seen(Evidence::new("ActiveState=inactive"));
    let has_run = facts.properties().number("ExecMainExitTimestampMonotonic") > 0;
    let finding = if has_run { finding.seen(how(facts.properties())) } else { finding };
    let finding = by_itself(facts).into_iter().fold(finding, Finding::seen);
    // What the command said is forgotten with the unit, which is dropped when it is down.
    let decides = facts.properties().get("ExecCondition").is_some_and(|it| !it.fields().is_empty());
    let line = decides.then(|| facts.evidence("ExecCondition", "a command"));
    let finding = line.into_iter().fold(finding, Finding::seen);
    found.push(finding.helps(Remedy::Ask(Intent::Up)));
}
