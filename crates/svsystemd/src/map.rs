//! From systemd's words to the words of all supervisors. Pure: properties in, a [`Status`] out.
//!
//! | `ActiveState` / `SubState` | word |
//! |---|---|
//! | active/running | `up`; `ready` where the service says so itself (Type notify, notify-reload, dbus) |
//! | active/exited | `exited`: it is done, and systemd holds it up |
//! | reloading, refreshing | as active |
//! | activating/condition, start-pre, start, start-post; inactive or failed, its first start queued | `starting` |
//! | activating/auto-restart, auto-restart-queued; failed-, dead-before-auto-restart; inactive or failed, a start after others by itself queued | `backoff` |
//! | deactivating/stop, stop-watchdog, stop-sigterm, stop-sigkill | `stopping` |
//! | deactivating/stop-post, final-… | `finishing` |
//! | inactive, maintenance | `down` |
//! | failed | `failed` |
//! | frozen, or the main process stopped (SIGSTOP) | `paused` |
//!
//! Source: `systemctl --state=help` and observation of systemd 252, 257 and 262.

use std::time::Duration;

use svproto::{Facts, LastExit, Phase, Pid, Readiness, Stage, UnixTime, Want};

use crate::{LoadState, Properties, PropertyValue, ServiceResult, last_run};

/// What only the processes themselves show: systemd does not notice SIGSTOP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MainProcess {
    /// It cannot be seen: another machine, another pid namespace, or none.
    Unseen,
    /// It is stopped (`T` in `/proc/PID/stat`).
    Stopped,
    /// It is not.
    Going,
}

/// The kind of a pending job, as far as it says what is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JobKind {
    Up,
    Down,
}

impl JobKind {
    /// From the property `JobType`; `None` for jobs that ask for nothing ("verify-active", "nop").
    pub(crate) fn from_type(kind: &str) -> Option<Self> {
        match kind {
            "stop" => Some(Self::Down),
            "verify-active" | "nop" | "" => None,
            _ => Some(Self::Up),
        }
    }
}

/// The one place that maps a unit.
pub(crate) fn status(unit: &Properties, job: Option<JobKind>, main: MainProcess) -> Facts {
    let (active, sub) = (unit.text("ActiveState"), unit.text("SubState"));
    // A signal may come when the next process is there, and the state is still that of before.
    let pid = Pid::new(unit.number("MainPID")).filter(|_| !matches!(active, "inactive" | "failed"));
    let control = Pid::new(unit.number("ControlPID"));
    let (mut phase, mut stage) = phase(active, sub, pid);
    let is_there = !matches!(active, "inactive" | "failed") && !sub.starts_with("auto-restart");
    if is_there && job == Some(JobKind::Down) && !matches!(phase, Phase::Finish) {
        // The manager has not begun yet.
        (phase, stage) = (Phase::Up, Stage::Stopping);
    }
    if matches!((phase, stage), (Phase::Down, Stage::NotReported))
        && active == "inactive"
        && last_run::is_set(unit)
    {
        stage = Stage::Exited;
    }
    if job == Some(JobKind::Up) && waits_for_its_turn(unit) {
        stage = Stage::Starting;
    }
    let running = !matches!(phase, Phase::Down | Phase::Finish) || pid.is_some();
    let facts = Facts::new(phase)
        .with_stage(stage)
        .with_want(want(unit, job))
        .with_since(since(unit, phase, pid))
        .with_readiness(readiness(unit, active))
        .with_last_exit(last_exit(unit));
    let facts = match paused(unit, main, running) {
        Some(paused) => facts.with_paused(paused),
        None => facts,
    };
    match phase {
        Phase::Finish => facts.with_finish_pid(control.or(pid)),
        _ => facts.with_pid(pid),
    }
}

/// Whether a queued start is the first one, which waits for other units or for its turn. Between two runs of
/// one that is started again by itself a start is queued as well, and the state is the same.
fn waits_for_its_turn(unit: &Properties) -> bool {
    let is_down = matches!(unit.text("ActiveState"), "inactive" | "failed")
        && !unit.text("SubState").ends_with("-before-auto-restart");
    is_down && unit.get("NRestarts").and_then(PropertyValue::unsigned) == Some(0)
}

fn phase(active: &str, sub: &str, pid: Option<Pid>) -> (Phase, Stage) {
    match (active, sub) {
        (
            _,
            "auto-restart"
            | "auto-restart-queued"
            | "failed-before-auto-restart"
            | "dead-before-auto-restart",
        ) => (Phase::Down, Stage::NotReported),
        ("active" | "reloading" | "refreshing", "exited") => (Phase::Down, Stage::Exited),
        ("active" | "reloading" | "refreshing", _) => (Phase::Up, Stage::NotReported),
        ("activating", _) if pid.is_some() => (Phase::Up, Stage::Starting),
        ("activating", _) => (Phase::Down, Stage::Starting),
        ("deactivating", "stop-post") => (Phase::Finish, Stage::NotReported),
        ("deactivating", sub) if sub.starts_with("final-") => (Phase::Finish, Stage::NotReported),
        ("deactivating", _) => (Phase::Up, Stage::Stopping),
        ("inactive" | "maintenance", _) => (Phase::Down, Stage::NotReported),
        ("failed", _) => (Phase::Down, Stage::Failed),
        _ => (Phase::Unknown(u8::MAX), Stage::NotReported),
    }
}

/// Whether services of this type say themselves when they are ready.
pub(crate) fn notifies(kind: &str) -> bool {
    matches!(kind, "notify" | "notify-reload" | "dbus")
}

fn want(unit: &Properties, job: Option<JobKind>) -> Want {
    match job {
        Some(JobKind::Down) => return Want::Down,
        Some(JobKind::Up) if !last_run::is_set(unit) => return Want::Up,
        _ => (),
    }
    let restarts = !matches!(unit.text("Restart"), "" | "no");
    match unit.text("ActiveState") {
        "inactive" | "failed" | "maintenance" if last_run::is_set(unit) => Want::Down,
        _ if last_run::is_set(unit) => Want::Once,
        "active" | "reloading" | "refreshing" | "activating" => Want::Up,
        "deactivating" if restarts && job.is_none() => Want::Up,
        "inactive" | "failed" if unit.text("SubState").ends_with("-before-auto-restart") => {
            Want::Up
        }
        _ => Want::Down,
    }
}

fn paused(unit: &Properties, main: MainProcess, running: bool) -> Option<bool> {
    // After the death of a frozen unit systemd goes on saying that it is frozen.
    let frozen = matches!(unit.text("FreezerState"), "frozen" | "freezing");
    match main {
        _ if !running => Some(false),
        _ if frozen => Some(true),
        MainProcess::Stopped => Some(true),
        MainProcess::Going => Some(false),
        MainProcess::Unseen => None,
    }
}

fn readiness(unit: &Properties, active: &str) -> Readiness {
    if !notifies(unit.text("Type")) {
        return Readiness::NotReported;
    }
    match active {
        "active" | "reloading" | "refreshing" => {
            Readiness::Ready { since: moment(unit, "ActiveEnterTimestamp") }
        }
        "activating" => Readiness::Awaited,
        _ => Readiness::NotReady,
    }
}

/// Zero means never; and what a unit that was collected did before is forgotten.
fn since(unit: &Properties, phase: Phase, pid: Option<Pid>) -> Option<UnixTime> {
    let first = |names: &[&str]| names.iter().find_map(|name| moment(unit, name));
    match phase {
        _ if pid.is_some() => first(&["ExecMainStartTimestamp", "StateChangeTimestamp"]),
        Phase::Up => first(&["ActiveEnterTimestamp", "StateChangeTimestamp"]),
        Phase::Finish => first(&["ExecMainExitTimestamp", "StateChangeTimestamp"]),
        Phase::Down if unit.text("ActiveState") == "activating" => {
            first(&["StateChangeTimestamp", "InactiveExitTimestamp"])
        }
        Phase::Down if unit.text("ActiveState") == "active" => first(&["ActiveEnterTimestamp"]),
        Phase::Down | Phase::Unknown(_) => {
            first(&["InactiveEnterTimestamp", "StateChangeTimestamp"])
        }
    }
}

/// Of the last run, while none runs. 1, 2 and 3 are `CLD_EXITED`, `CLD_KILLED` and `CLD_DUMPED`.
fn last_exit(unit: &Properties) -> LastExit {
    let status = u8::try_from(unit.number("ExecMainStatus")).ok();
    match (unit.number("ExecMainCode"), status) {
        (1, Some(code)) => LastExit::Exited { code },
        (2, Some(signal)) => LastExit::Signaled { signal, core: false },
        (3, Some(signal)) => LastExit::Signaled { signal, core: true },
        _ => LastExit::NotReported,
    }
}

/// A realtime stamp, in microseconds.
fn moment(unit: &Properties, name: &str) -> Option<UnixTime> {
    let micros = unit.number(name);
    if micros == 0 || micros == u64::MAX {
        return None;
    }
    let stamp = Duration::from_micros(micros);
    UnixTime::new(i64::try_from(stamp.as_secs()).ok()?, stamp.subsec_nanos())
}

impl LoadState {
    pub(crate) fn of(word: &str) -> Self {
        match word {
            "loaded" => Self::Loaded,
            "not-found" => Self::NotFound,
            "masked" => Self::Masked,
            "bad-setting" | "error" => Self::Broken,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl ServiceResult {
    pub(crate) fn of(unit: &Properties) -> Self {
        match unit.text("Result") {
            "" => Self::Success,
            word => Self::from_name(word),
        }
    }
}

#[cfg(test)]
mod tests;
