//! What became of a request to one unit: from the end of its job and what the unit says of itself to
//! a verdict and a cause. It touches nothing; [`super::reason`] asks what is missing.

use svproto::Cause;

use crate::{Action, JobResult, Properties, PropertyValue, exits, obstacle};

/// What a verdict is made of.
pub(crate) struct Facts<'a> {
    pub(crate) action: Action,
    pub(crate) result: &'a JobResult,
    /// How the unit stands, and what was asked about it since.
    pub(crate) unit: &'a Properties,
    /// Its state before it was asked.
    pub(crate) before: &'a str,
    /// `CLOCK_MONOTONIC` when it was asked, in microseconds.
    pub(crate) asked_at: u64,
    /// The dependency that failed, if it was found.
    pub(crate) dependency: Option<&'a str>,
    /// Only a service has a main process.
    pub(crate) is_service: bool,
    /// What is wrong with the unit that this one is to start, a socket or a timer.
    pub(crate) triggered: Option<&'a (Cause, String)>,
}

/// A verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Judged {
    pub(crate) reached: bool,
    pub(crate) changed: bool,
    pub(crate) cause: Option<Cause>,
    pub(crate) about: String,
}

/// What commands of a unit may have failed: the property, its word, and when they run.
const COMMANDS: [(&str, Cause); 9] = [
    ("ExecCondition", Cause::BeforeStart),
    ("ExecStartPre", Cause::BeforeStart),
    ("ExecStartPost", Cause::AfterStart),
    ("ExecStop", Cause::AfterEnd),
    ("ExecStopPost", Cause::AfterEnd),
    ("ExecStart", Cause::BeforeStart),
    ("ExecReload", Cause::Reload),
    ("ExecMount", Cause::BeforeStart),
    ("ExecActivate", Cause::BeforeStart),
];

/// Whether an action is to end with the unit up, or with its work done.
pub(crate) const fn starts(action: Action) -> bool {
    matches!(
        action,
        Action::Start
            | Action::Restart
            | Action::Once
            | Action::ReloadOrRestart
            | Action::TryRestart
    )
}

/// The properties that a verdict on this end needs beside those that are signalled, by interface:
/// those of all units, and those of the unit's own type.
pub(crate) fn questions(facts: &Facts<'_>) -> (Vec<&'static str>, Vec<&'static str>) {
    let (unit, result) = (facts.unit, facts.result);
    let is_stop_late = unit.text("Result") == "timeout";
    match result {
        JobResult::Assert => (vec!["Asserts"], vec![]),
        JobResult::Dependency => (vec!["Requires", "Requisite", "BindsTo"], vec![]),
        JobResult::Timeout => (vec!["JobTimeoutUSec", "JobRunningTimeoutUSec"], vec![]),
        _ if facts.action == Action::Reload && *result == JobResult::Failed => {
            (vec![], vec!["ExecReload"])
        }
        _ if facts.action == Action::Stop && is_stop_late => (vec![], vec!["TimeoutStopUSec"]),
        _ if facts.action == Action::Stop && facts.is_service && facts.has_stop_failed() => {
            (vec![], vec!["ExecStop", "ExecStopPost"])
        }
        _ if !starts(facts.action) => (vec![], vec![]),
        JobResult::Done if unit.text("Result") == "exec-condition" => {
            (vec![], vec!["ExecCondition"])
        }
        JobResult::Done if facts.is_condition_unmet() => (vec!["Conditions"], vec![]),
        JobResult::Done if facts.was_left_alone() => (vec!["FreezerState"], vec!["ControlGroup"]),
        JobResult::Done if facts.is_active() => (vec![], vec!["Type", "Restart"]),
        // It ran well. The manager has dropped it, and reads its files again for each question.
        JobResult::Done if facts.is_down() && matches!(unit.text("Result"), "success" | "") => {
            (vec![], vec!["Restart"])
        }
        _ if facts.is_held_by_limit() => {
            (vec!["StartLimitBurst", "StartLimitIntervalUSec"], vec![])
        }
        _ => {
            let mut own = vec!["Type", "Restart", "TimeoutStartUSec", "TimeoutStopUSec"];
            if !facts.has_main_failed() {
                own.extend(COMMANDS.map(|(name, _)| name));
            }
            (vec![], own)
        }
    }
}

/// What most verdicts on such an end need, whatever the unit says of it: properties of all units, and of the
/// unit's own type.
pub(crate) const fn likely(
    action: Action,
    result: &JobResult,
) -> (&'static [&'static str], &'static [&'static str]) {
    match result {
        JobResult::Assert => (&["Asserts"], &[]),
        JobResult::Dependency => (&["Requires", "Requisite", "BindsTo"], &[]),
        JobResult::Done if starts(action) => (&["Conditions"], &["Type", "Restart"]),
        JobResult::Failed if starts(action) => {
            (&["StartLimitBurst", "StartLimitIntervalUSec"], &["Type", "Restart"])
        }
        _ => (&[], &[]),
    }
}

/// What tells why a unit has failed: properties of its own type, and stamps of all units.
pub(crate) const OF_FAILURE: [&str; 14] = [
    "Type",
    "Result",
    "RuntimeMaxUSec",
    "ExecMainCode",
    "ExecMainStatus",
    "ExecMainStartTimestampMonotonic",
    "ExecMainExitTimestampMonotonic",
    "ExecCondition",
    "ExecStartPre",
    "ExecStartPost",
    "ExecStop",
    "ExecStopPost",
    "ExecStart",
    "ExecReload",
];
pub(crate) const STAMPS: [&str; 3] = [
    "InactiveExitTimestampMonotonic",
    "ActiveEnterTimestampMonotonic",
    "ActiveExitTimestampMonotonic",
];

/// Why a unit has failed that nobody has just asked for anything; `None` where the end of its last
/// run says all.
pub(crate) fn cause_of_failure(unit: Properties) -> Option<Cause> {
    match failure(unit)?.0 {
        Cause::Exited | Cause::Killed | Cause::CoreDump | Cause::Other => None,
        cause => Some(cause),
    }
}

/// Why the last run of a unit failed, and what that is about, where nobody has just asked for anything.
pub(crate) fn failure(mut unit: Properties) -> Option<(Cause, String)> {
    unit.set("ActiveState", "failed");
    let was_up =
        unit.number("ActiveExitTimestampMonotonic") > unit.number("InactiveExitTimestampMonotonic");
    // When its last run began. Between two runs the next is said to have begun.
    let is_between = unit.text("SubState").starts_with("auto-restart");
    let id = unit.text("Id");
    let facts = Facts {
        action: Action::Start,
        result: &JobResult::Failed,
        unit: &unit,
        before: "",
        asked_at: if is_between { 0 } else { unit.number("InactiveExitTimestampMonotonic") },
        dependency: None,
        is_service: id.is_empty() || id.ends_with(".service"),
        triggered: None,
    };
    let Judged { cause, about, .. } = facts.failed();
    let was_up_for = unit
        .number("ActiveExitTimestampMonotonic")
        .saturating_sub(unit.number("ActiveEnterTimestampMonotonic"));
    Some(match cause? {
        // It had come up, so its time was over, or it was the stop.
        Cause::StartTimeout if was_up && was_up_for >= run_limit(&unit) => {
            (Cause::RunTimeout, span(&unit, &["RuntimeMaxUSec"]))
        }
        Cause::StartTimeout if was_up => (Cause::StopTimeout, span(&unit, &["TimeoutStopUSec"])),
        cause => (cause, about),
    })
}

/// For how long it may run, in microseconds.
fn run_limit(unit: &Properties) -> u64 {
    match unit.number("RuntimeMaxUSec") {
        0 => u64::MAX,
        limit => limit,
    }
}

/// How the main process ended; `None` where it ended well or did not run.
pub(crate) fn end_of_main(unit: &Properties) -> Option<(Cause, String)> {
    let failed = unit.number("ExecMainStatus") != 0 && unit.number("ExecMainCode") != 0;
    failed.then(|| exit(unit)).flatten()
}

/// Which command of a unit failed, how it ended, and the path and the code of its end.
pub(crate) fn failed_command(unit: &Properties) -> Option<FailedCommand> {
    COMMANDS.into_iter().find_map(|(name, _)| {
        let rows = unit.get(name)?.fields();
        let row = rows.iter().find(|row| command(row).is_some())?;
        let [path, .., code, status] = row.fields() else { return None };
        let code = (code.unsigned() == Some(1)).then(|| status.unsigned()).flatten();
        Some(FailedCommand { name, path: path.text()?.to_owned(), code })
    })
}

/// A command of a unit that failed.
pub(crate) struct FailedCommand {
    /// The setting that has it.
    pub(crate) name: &'static str,
    pub(crate) path: String,
    /// What it exited with, if it did.
    pub(crate) code: Option<u64>,
}

/// The verdict.
pub(crate) fn judge(facts: &Facts<'_>) -> Judged {
    match facts.action {
        Action::Stop => facts.stopped(),
        Action::Reload => facts.reloaded(),
        action if starts(action) => facts.started(),
        _ => facts.verdict(*facts.result == JobResult::Done, None, ""),
    }
}

impl Facts<'_> {
    fn word(&self, name: &str) -> &str {
        self.unit.text(name)
    }

    fn is_active(&self) -> bool {
        matches!(self.word("ActiveState"), "active" | "reloading" | "refreshing")
    }

    /// Whether a start found it up, and did nothing.
    fn was_left_alone(&self) -> bool {
        self.is_service
            && matches!(self.action, Action::Start | Action::Once)
            && self.before == "active"
            && self.is_active()
            && !self.is_since("ActiveEnterTimestampMonotonic")
    }

    /// It was up, and has failed since it was told to stop.
    fn has_stop_failed(&self) -> bool {
        self.word("ActiveState") == "failed" && !matches!(self.before, "inactive" | "failed")
    }

    fn is_down(&self) -> bool {
        matches!(self.word("ActiveState"), "inactive" | "failed" | "maintenance" | "")
    }

    /// Whether a stamp of the unit is of this request.
    fn is_since(&self, stamp: &str) -> bool {
        self.unit.number(stamp) >= self.asked_at.max(1)
    }

    fn is_condition_unmet(&self) -> bool {
        self.is_down()
            && self.is_since("ConditionTimestampMonotonic")
            && !self.unit.is("ConditionResult")
    }

    /// Whether the start was refused before anything was begun: the unit did not leave its state.
    fn is_held_by_limit(&self) -> bool {
        self.word("Result") == "start-limit-hit"
            || (*self.result == JobResult::Failed
                && self.is_service
                && self.is_down()
                // What cannot be set up is not begun either.
                && self.word("Result") != "resources"
                && !self.is_since("InactiveExitTimestampMonotonic"))
    }

    /// Whether the main process ran for this request, and its end is the failure. One that was killed
    /// since a command failed beside it is not.
    fn has_main_failed(&self) -> bool {
        let status = self.unit.number("ExecMainStatus");
        self.is_since("ExecMainExitTimestampMonotonic")
            && match (self.word("Result"), self.unit.number("ExecMainCode")) {
                ("signal", code) => code == 2,
                ("core-dump", code) => code == 3,
                (_, code) => code == 1 && status != 0,
            }
    }

    fn verdict(&self, reached: bool, cause: Option<Cause>, about: impl Into<String>) -> Judged {
        // A signal of the unit says that its state has changed, if it has.
        let changed = match self.action {
            Action::Stop => self.before != "inactive" && self.before != "failed" && self.is_down(),
            Action::Reload => reached,
            _ => {
                self.is_since("InactiveExitTimestampMonotonic")
                    || self.is_since("ActiveEnterTimestampMonotonic")
                    || self.is_since("ExecMainStartTimestampMonotonic")
            }
        };
        Judged { reached, changed, cause, about: about.into() }
    }

    fn never(&self, cause: Cause, about: impl Into<String>) -> Judged {
        self.verdict(false, Some(cause), about)
    }

    fn started(&self) -> Judged {
        match self.result {
            // Somebody else's start may have taken the place of this one.
            JobResult::Done | JobResult::Canceled | JobResult::Missed if self.is_active() => {
                self.verdict(true, None, "")
            }
            JobResult::Done | JobResult::Missed => self.done_and_not_active(),
            JobResult::Failed => self.failed(),
            other => self.otherwise(other),
        }
    }

    /// The job did what there was to do, and the unit is not up.
    fn done_and_not_active(&self) -> Judged {
        if self.word("Result") == "exec-condition" {
            let said = lines("ExecCondition", self.unit.get("ExecCondition"));
            return self.verdict(true, Some(Cause::ConditionCommand), said);
        }
        if self.is_condition_unmet() {
            let unmet = conditions(self.unit.get("Conditions"));
            return self.verdict(true, Some(Cause::Condition), unmet);
        }
        let is_over = matches!(self.word("ActiveState"), "inactive" | "deactivating");
        let is_well = matches!(self.word("Result"), "success" | "");
        if self.action == Action::TryRestart && is_over && self.before == "inactive" {
            return self.verdict(true, None, "");
        }
        // One that is started again however it ends does no work that it could be done with.
        if is_over && matches!(self.word("Restart"), "always" | "on-success") {
            return self.failed();
        }
        if is_over && is_well && self.is_since("InactiveExitTimestampMonotonic") {
            return self.verdict(
                true,
                Some(Cause::Ran),
                self.unit.number("ExecMainStatus").to_string(),
            );
        }
        if is_over && is_well {
            // What it was is not known any more; the manager says that it is done.
            return self.verdict(*self.result == JobResult::Done, None, "");
        }
        self.failed()
    }

    /// Why it failed.
    fn failed(&self) -> Judged {
        if self.is_held_by_limit() {
            return self.never(Cause::StartLimit, limit(self.unit));
        }
        if let Some((cause, about)) = self.triggered {
            return self.never(*cause, about);
        }
        match self.word("Result") {
            "resources" => self.never(Cause::Resources, ""),
            "protocol" => {
                let end = self.end_of_main().map(|(cause, about)| cause.about(&about).to_string());
                self.never(Cause::EndedBeforeReady, end.unwrap_or_default())
            }
            "watchdog" => self.never(Cause::Watchdog, ""),
            "oom-kill" => self.never(Cause::OutOfMemory, ""),
            "timeout" => self.never(Cause::StartTimeout, span(self.unit, &["TimeoutStartUSec"])),
            "exit-code" | "signal" | "core-dump" | "success" | "" => {
                let command = || self.command_end().or_else(|| self.forgotten_command());
                let main = || self.end_of_main().filter(|_| self.is_end_of_main_all());
                let found = if self.has_main_failed() { None } else { command() };
                if let Some((cause, about)) = found.or_else(main) {
                    return self.never(cause, about);
                }
                match self.word("Result") {
                    "" | "success" if !self.is_service => self.never(Cause::Impossible, ""),
                    "" | "success" => self.never(Cause::Other, self.result.name()),
                    word => self.never(Cause::Other, word),
                }
            }
            other => self.never(Cause::Other, other),
        }
    }

    /// How the main process of this run ended, if it did.
    fn end_of_main(&self) -> Option<(Cause, String)> {
        let is_over = self.is_service && self.is_since("ExecMainExitTimestampMonotonic");
        is_over.then(|| exit(self.unit)).flatten()
    }

    /// Whether that is all there is to say: it failed, or nothing did.
    fn is_end_of_main_all(&self) -> bool {
        self.has_main_failed() || matches!(self.word("Result"), "success" | "")
    }

    /// Which command it must have been, where the manager does not know any more how they ended: it
    /// forgets that when it reads its files again. `None` where it may have been one of several kinds.
    fn forgotten_command(&self) -> Option<(Cause, String)> {
        let is_end = matches!(self.word("Result"), "exit-code" | "signal" | "core-dump");
        if !self.is_service || !is_end || self.asked_at == 0 {
            return None;
        }
        let kinds: &[(&str, Cause)] = if self.is_since("ActiveEnterTimestampMonotonic") {
            &[("ExecStop", Cause::AfterEnd), ("ExecStopPost", Cause::AfterEnd)]
        } else if self.is_since("ExecMainStartTimestampMonotonic") {
            &[
                ("ExecStartPost", Cause::AfterStart),
                ("ExecStop", Cause::AfterEnd),
                ("ExecStopPost", Cause::AfterEnd),
            ]
        } else if self.word("Type") == "forking" {
            &[
                ("ExecCondition", Cause::BeforeStart),
                ("ExecStartPre", Cause::BeforeStart),
                ("ExecStart", Cause::BeforeStart),
                ("ExecStartPost", Cause::AfterStart),
            ]
        } else {
            &[("ExecCondition", Cause::BeforeStart), ("ExecStartPre", Cause::BeforeStart)]
        };
        let of = |(name, cause): &(&str, Cause)| {
            let rows = self.unit.get(name)?.fields().iter();
            let lines: Vec<String> =
                rows.filter_map(that_counts).map(|line| format!("{name}={line}")).collect();
            (!lines.is_empty()).then(|| (*cause, lines.join(" or ")))
        };
        let found: Vec<_> = kinds.iter().filter_map(of).collect();
        let (cause, _) = *found.first()?;
        let is_one_kind = found.iter().all(|(other, _)| *other == cause);
        let lines: Vec<String> = found.into_iter().map(|(_, lines)| lines).collect();
        is_one_kind.then(|| (cause, format!("{} failed", lines.join(" or "))))
    }

    /// Which of its commands failed, and how it ended.
    fn command_end(&self) -> Option<(Cause, String)> {
        self.command_ends().next()
    }

    fn command_ends(&self) -> impl Iterator<Item = (Cause, String)> {
        COMMANDS.into_iter().filter_map(|(name, cause)| {
            let failed = self.unit.get(name)?.fields().iter().find_map(command)?;
            Some((cause, format!("{name}={failed}")))
        })
    }

    fn stopped(&self) -> Judged {
        if self.is_down() {
            // The result may be that of a run that was over before.
            if self.word("Result") == "timeout" && !matches!(self.before, "inactive" | "failed") {
                let late = span(self.unit, &["TimeoutStopUSec"]);
                return self.verdict(true, Some(Cause::StopTimeout), late);
            }
            // It is down all the same, and what its stop was to do may not be done.
            if self.has_stop_failed() {
                let failed = self.command_ends().find(|(cause, _)| *cause == Cause::AfterEnd);
                if let Some((cause, about)) = failed {
                    return self.verdict(true, Some(cause), about);
                }
            }
            return self.verdict(true, None, "");
        }
        match self.result {
            JobResult::Done => self.never(Cause::Canceled, ""),
            other => self.otherwise(other),
        }
    }

    fn reloaded(&self) -> Judged {
        match self.result {
            JobResult::Done => self.verdict(true, None, ""),
            JobResult::Failed => {
                let failed =
                    self.unit.get("ExecReload").map(PropertyValue::fields).unwrap_or_default();
                let failed = failed.iter().find_map(command);
                let word = || Some(self.word("ReloadResult")).filter(|it| *it != "success");
                let said = failed.or_else(|| word().map(str::to_owned));
                self.never(Cause::Reload, said.unwrap_or_default())
            }
            other => self.otherwise(other),
        }
    }

    fn otherwise(&self, result: &JobResult) -> Judged {
        match result {
            JobResult::Canceled => self.never(Cause::Canceled, ""),
            JobResult::Timeout => {
                let names = ["JobTimeoutUSec", "JobRunningTimeoutUSec"];
                self.never(Cause::TimedOut, span(self.unit, &names))
            }
            JobResult::Dependency => {
                let named = self.dependency.unwrap_or("that it requires");
                self.never(Cause::Dependency, named)
            }
            JobResult::Assert => self.never(Cause::Assertion, conditions(self.unit.get("Asserts"))),
            JobResult::Invalid | JobResult::Skipped => self.never(Cause::NotUp, ""),
            JobResult::Frozen => self.never(Cause::Frozen, ""),
            JobResult::Concurrency => self.never(Cause::TooMany, ""),
            JobResult::Unsupported => self.never(Cause::Impossible, ""),
            JobResult::Missed | JobResult::Collected => self.never(Cause::NotKnown, ""),
            other => self.never(Cause::Other, other.name()),
        }
    }
}

/// How the main process ended; `None` where the manager does not say that it did.
fn exit(unit: &Properties) -> Option<(Cause, String)> {
    let status = unit.number("ExecMainStatus");
    Some(match unit.number("ExecMainCode") {
        1 => match exits::step(status) {
            Some(step) => (Cause::NotExecuted, format!("{step} (exit {status})")),
            None => (Cause::Exited, status.to_string()),
        },
        2 => (Cause::Killed, exits::signal(status)),
        3 => (Cause::CoreDump, exits::signal(status)),
        _ => return None,
    })
}

/// A command whose failure is not ignored, in its words.
fn that_counts(row: &PropertyValue) -> Option<String> {
    let [path, words, ignored, ..] = row.fields() else { return None };
    if ignored.bool() == Some(true) {
        return None;
    }
    line(path, words)
}

/// A command that failed, and its end, from a row of an `Exec…` property: the program, its words,
/// whether its failure is ignored, four stamps, a pid, how it ended, and with what. `None` if it did
/// not.
fn command(row: &PropertyValue) -> Option<String> {
    let [path, words, ignored, .., code, status] = row.fields() else { return None };
    let (code, status) = (code.unsigned()?, status.unsigned()?);
    let end = match code {
        1 if status != 0 => match exits::step(status) {
            Some(step) => format!("was not started: {step} (exit {status})"),
            None => format!("exited with {status}"),
        },
        2 | 3 => format!("was killed by {}", exits::signal(status)),
        _ => return None,
    };
    if ignored.bool() == Some(true) {
        return None;
    }
    Some(format!("{} {end}", line(path, words)?))
}

fn line(path: &PropertyValue, words: &PropertyValue) -> Option<String> {
    let words: Vec<&str> = words.fields().iter().filter_map(PropertyValue::text).collect();
    if words.is_empty() { path.text().map(str::to_owned) } else { Some(words.join(" ")) }
}

/// The commands of an `Exec…` property, as in a unit file: the one that failed, if that is known.
fn lines(name: &str, rows: Option<&PropertyValue>) -> String {
    let rows = rows.map(PropertyValue::fields).unwrap_or_default();
    let failed: Vec<_> = rows.iter().filter(|row| command(row).is_some()).collect();
    let shown = if failed.is_empty() { rows.iter().collect() } else { failed };
    let shown = shown.into_iter().filter_map(|row| match row.fields() {
        [path, words, ..] => Some(format!("{name}={}", line(path, words)?)),
        _ => None,
    });
    shown.collect::<Vec<_>>().join(" or ")
}

/// The conditions that were not met, as in a unit file. One that nobody has tested since the unit was
/// loaded is named only if none was.
fn conditions(all: Option<&PropertyValue>) -> String {
    let rows = all.map(PropertyValue::fields).unwrap_or_default();
    // More than 0 for yes, less for no, 0 for not tested.
    let is_unmet =
        |row: &&PropertyValue| matches!(row.fields().last(), Some(PropertyValue::Signed(..=-1)));
    let unmet: Vec<_> = rows.iter().filter(is_unmet).collect();
    obstacle::lines(&if unmet.is_empty() { rows.iter().collect() } else { unmet })
}

/// The first of these spans that is set.
pub(crate) fn span(unit: &Properties, names: &[&str]) -> String {
    let is_set = |micros: &u64| *micros > 0 && *micros != u64::MAX;
    let micros = names.iter().map(|name| unit.number(name)).find(is_set);
    micros.map_or_else(|| "the time that it has".to_owned(), seconds)
}

fn seconds(micros: u64) -> String {
    let whole = micros / 1_000_000;
    match (whole, micros % 1_000_000 / 1000) {
        (_, 0) if whole >= 120 && whole.is_multiple_of(60) => format!("{} min", whole / 60),
        (_, 0) => format!("{whole} s"),
        (0, millis) => format!("{millis} ms"),
        (_, millis) => format!("{whole}.{} s", format!("{millis:03}").trim_end_matches('0')),
    }
}

/// How often in which time a unit may be started.
pub(crate) fn limit(unit: &Properties) -> String {
    match (unit.number("StartLimitBurst"), unit.number("StartLimitIntervalUSec")) {
        (0, _) | (_, 0) => "by its StartLimitBurst=".to_owned(),
        (burst, micros) => format!("{burst} times in {}", seconds(micros)),
    }
}

#[cfg(test)]
mod tests;
