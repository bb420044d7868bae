//! What one look at a unit gives: the unified status, systemd's own words, and everything raw.

use std::time::Duration;

use svproto::{Facts, State};

use crate::{
    LoadState, Properties, PropertyValue, ServiceResult, UnitName,
    map::{self, JobKind, MainProcess},
};

/// How a unit stands.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct UnitStatus {
    /// In the words of all supervisors.
    pub facts: Facts,
    /// What there is of its unit file. A unit whose file has been removed or masked goes on
    /// running.
    pub load: LoadState,
    properties: Properties,
}

impl UnitStatus {
    pub(crate) fn new(properties: Properties, job: Option<JobKind>, main: MainProcess) -> Self {
        let status = map::status(&properties, job, main);
        Self { facts: status, load: LoadState::of(properties.text("LoadState")), properties }
    }

    /// The name that the unit itself goes by; others may be aliases.
    #[must_use]
    pub fn id(&self) -> Option<UnitName> {
        UnitName::new(self.properties.text("Id")).ok()
    }

    /// systemd's two words, as in "active" and "running".
    #[must_use]
    pub fn states(&self) -> (&str, &str) {
        (self.properties.text("ActiveState"), self.properties.text("SubState"))
    }

    /// The word for a unit that is no service: it has no process that could be up. `None` for a
    /// service.
    #[must_use]
    pub fn state_of_its_own(&self) -> Option<State> {
        let id = self.id()?;
        if id.kind() == "service" {
            return None;
        }
        Some(match self.states().0 {
            "active" | "reloading" | "refreshing" => State::Active,
            "activating" => State::Activating,
            "deactivating" => State::Deactivating,
            "failed" => State::Failed,
            "inactive" | "maintenance" => State::Inactive,
            _ => State::Unknown,
        })
    }

    /// Why the last run ended.
    #[must_use]
    pub fn result(&self) -> ServiceResult {
        ServiceResult::of(&self.properties)
    }

    /// Whether there is such a unit, be it as a file or running.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.load != LoadState::NotFound || !matches!(self.states().0, "inactive" | "")
    }

    /// What is wrong with its unit file, as the manager says it.
    #[must_use]
    pub fn load_error(&self) -> Option<&str> {
        let [_, text] = self.properties.get("LoadError")?.fields() else { return None };
        text.text().filter(|text| !text.is_empty())
    }

    /// What it says of itself (`STATUS=`).
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        Some(self.properties.text("StatusText")).filter(|text| !text.is_empty())
    }

    /// How often it was started again by itself since it was last started by hand.
    #[must_use]
    pub fn restarts(&self) -> u64 {
        self.properties.number("NRestarts")
    }

    /// The same, where the manager was asked.
    pub(crate) fn told_restarts(&self) -> Option<u64> {
        self.properties.get("NRestarts").and_then(PropertyValue::unsigned)
    }

    /// Whether it is reading its configuration again.
    #[must_use]
    pub fn is_reloading(&self) -> bool {
        matches!(self.states().0, "reloading" | "refreshing")
    }

    /// Whether its processes are frozen by the freezer of its control group. Not reported for a
    /// unit that has none any more: systemd's property is stale then.
    #[must_use]
    pub fn is_frozen(&self) -> bool {
        self.facts.paused == Some(true) && self.properties.text("FreezerState") != "running"
    }

    /// Whether its files have changed since they were loaded.
    #[must_use]
    pub fn needs_reload(&self) -> bool {
        self.properties.is("NeedDaemonReload")
    }

    /// Whether the last start was skipped since a condition did not hold.
    #[must_use]
    pub fn is_condition_unmet(&self) -> bool {
        self.properties.number("ConditionTimestamp") > 0 && !self.properties.is("ConditionResult")
    }

    /// Changes with every start, and with nothing else; `None` for a unit that never ran.
    #[must_use]
    pub fn invocation(&self) -> Option<[u8; 16]> {
        let bytes = self.properties.get("InvocationID")?.fields();
        let bytes: Vec<u8> =
            bytes.iter().filter_map(|it| u8::try_from(it.unsigned()?).ok()).collect();
        bytes.try_into().ok()
    }

    /// `CLOCK_MONOTONIC` when the main process was started, while there is one.
    #[must_use]
    pub fn started_monotonic(&self) -> Option<Duration> {
        self.facts.pid?;
        let micros = self.properties.number("ExecMainStartTimestampMonotonic");
        (micros > 0).then(|| Duration::from_micros(micros))
    }

    /// How long the main process has been running: exact also if the clock was set meanwhile.
    #[must_use]
    pub fn uptime(&self) -> Option<Duration> {
        let now = nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC).ok()?;
        Duration::from(now).checked_sub(self.started_monotonic()?)
    }

    /// The state of its unit file as of the last reload of the manager: a cache.
    /// [`crate::Unit::file_state`] reads the disk.
    #[must_use]
    pub fn cached_file_state(&self) -> &str {
        self.properties.text("UnitFileState")
    }

    /// The number of the pending job.
    #[must_use]
    pub fn job(&self) -> Option<u32> {
        let id = self.properties.get("Job")?.fields().first().and_then(PropertyValue::unsigned)?;
        u32::try_from(id).ok().filter(|id| *id != 0)
    }

    /// Everything that the manager says, by systemd's names.
    #[must_use]
    pub fn properties(&self) -> &Properties {
        &self.properties
    }

    /// What must differ for a change to be told.
    pub(crate) fn is_news_after(&self, before: &Self) -> bool {
        let beside = |it: &Self| {
            let states = it.states();
            let states = (states.0.to_owned(), states.1.to_owned());
            (states, it.result(), it.invocation(), it.restarts(), it.text().map(str::to_owned))
        };
        self.facts != before.facts
            || self.load != before.load
            || beside(self) != beside(before)
            || self.is_frozen() != before.is_frozen()
            || self.cached_file_state() != before.cached_file_state()
    }
}
