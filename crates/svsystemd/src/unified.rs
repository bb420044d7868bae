//! What a unit's status is in the words of all supervisors.

use svclient::{CrashLoop, Normally, Oddities, Status, Suite};
use svproto::{Cause, State, Want};

use crate::{LoadState, PropertyValue, UnitStatus};

/// The part of a status that is the same for all supervisors.
pub(crate) fn common_status(unit: &UnitStatus) -> Status {
    let normally = match unit.cached_file_state() {
        _ if unit.load == LoadState::Masked => Some(Normally::Down),
        "enabled" | "enabled-runtime" => Some(Normally::Up),
        "disabled" | "masked" | "masked-runtime" => Some(Normally::Down),
        // Static, generated, transient: whether it is started is not its own affair.
        _ => None,
    };
    let cause = match unit.load {
        LoadState::Masked => Some(Cause::Masked),
        LoadState::Broken => Some(Cause::BadDefinition),
        _ => None,
    };
    let newer = unit.properties().get("NeedDaemonReload").and_then(PropertyValue::bool);
    let seen = Status::of(unit.facts).with_normally(normally).with_suite(Suite::Systemd);
    if let Some(state) = unit.state_of_its_own() {
        let odd = Oddities::default().with_cause(cause).with_definition_newer(newer);
        return seen.with_state(state).with_odd(odd);
    }
    let crash_loop = crash_loop(Some(&unit.facts), unit.told_restarts());
    let odd = seen.odd().with_crash_loop(crash_loop).with_cause(cause).with_definition_newer(newer);
    let seen =
        seen.with_notifies(unit.facts.readiness != svproto::Readiness::NotReported).with_odd(odd);
    unit.told_restarts().map_or(seen, |restarts| seen.with_restarts(restarts))
}

/// Whether it is in a crash loop: it was started again by itself so often since it was last started by
/// hand, and the last time was a moment ago. One that is not to run is in none.
pub(crate) fn crash_loop(
    facts: Option<&svproto::Facts>,
    restarts: Option<u64>,
) -> Option<CrashLoop> {
    let facts = facts.filter(|it| CrashLoop::may_be(it) && it.want != Some(Want::Down))?;
    let ends = restarts.filter(|restarts| *restarts >= CrashLoop::ENOUGH)?;
    (facts.state() != State::Down).then_some(CrashLoop::new(ends, None))
}
