//! What one list tells of many units: their states, in systemd's words and in those of all
//! supervisors.

use std::collections::HashMap;

use svproto::State;

use crate::{
    Action, Bus, BusCall, Error, LoadState, Properties, PropertyValue, UnitName, UnitStatus, bulk,
    error::Subject,
    map::{JobKind, MainProcess},
    wire::reply::Listed,
};

/// The state of a unit, as a list of many has it: without processes and moments.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct UnitState {
    /// The name that the unit itself goes by.
    pub name: UnitName,
    /// What there is of its unit file.
    pub load: LoadState,
    /// systemd's `ActiveState`, as in "active".
    pub active: String,
    /// systemd's `SubState`, as in "running".
    pub sub: String,
    /// The unit whose state it has taken over (devices only).
    pub follows: Option<UnitName>,
    /// The pending job: its number, and its type as in "start".
    pub job: Option<(u32, String)>,
    /// The word of all supervisors, as far as a list tells. `Up` may be `Ready` or `Paused`, and
    /// `Down` a run that was the last ([`crate::Unit::once`]) and has ended; only
    /// [`crate::UnitStatus`] tells.
    pub state: State,
}

impl UnitState {
    /// `None` for a name that no unit can have.
    pub(crate) fn of(row: Listed) -> Option<Self> {
        let name = UnitName::new(&row.name).ok()?;
        Some(Self {
            name,
            load: LoadState::of(&row.load),
            state: row.state(),
            follows: UnitName::new(&row.follows).ok(),
            active: row.active,
            sub: row.sub,
            job: row.job,
        })
    }
}

impl Bus {
    /// The states of the units that are loaded and whose name fits a pattern with shell wildcards,
    /// sorted by name: one question, whatever their number. [`Bus::status_of`] asks for the rest.
    pub fn states<'a>(&'a self, patterns: &'a [&'a str]) -> BusCall<'a, Vec<UnitState>> {
        self.ask(Action::Look, &Subject::Manager, async move {
            Ok(states_of(self.list_by_patterns(patterns).await?))
        })
    }

    /// The states of these units, sorted by name, in one question. Also of those that do not exist
    /// ([`UnitState::load`]); one that was asked for under an alias is there under its own name.
    pub fn states_of<'a>(&'a self, units: &'a [UnitName]) -> BusCall<'a, Vec<UnitState>> {
        self.ask(
            Action::Look,
            &Subject::Manager,
            async move { Ok(states_of(self.list(units).await?)) },
        )
    }
}

/// What one list tells of each of these units, in their order; of the few whose state it leaves open, and of
/// those that it has under another name, more is asked.
pub(crate) async fn in_brief(
    bus: &Bus,
    units: &[UnitName],
) -> Result<Vec<Result<UnitStatus, Error>>, Error> {
    let rows = bus.list(units).await?;
    let rows: HashMap<&str, &Listed> = rows.iter().map(|row| (row.name.as_str(), row)).collect();
    let (mut seen, mut asked) = (Vec::with_capacity(units.len()), Vec::new());
    for (at, unit) in units.iter().enumerate() {
        match rows.get(unit.as_str()).filter(|row| !row.is_open()) {
            _ if unit.is_template() => seen.push((at, Err(Error::template(unit)))),
            Some(row) => seen.push((at, Ok(row.status()))),
            None => asked.push((at, unit.clone())),
        }
    }
    seen.extend(bulk::all_in_full(bus, asked).await?);
    Ok(bulk::in_order(units, seen).collect())
}

fn states_of(rows: Vec<Listed>) -> Vec<UnitState> {
    let mut states: Vec<_> = rows.into_iter().filter_map(UnitState::of).collect();
    states.sort_unstable_by(|one, other| one.name.cmp(&other.name));
    states
}

impl Listed {
    /// A name behind which there is nothing.
    pub(crate) fn is_nothing(&self) -> bool {
        self.load == "not-found" && self.active == "inactive"
    }

    /// A service that runs and has no job: it has a main process, most likely.
    pub(crate) fn runs(&self) -> bool {
        self.load == "loaded"
            && (self.active.as_str(), self.sub.as_str()) == ("active", "running")
            && self.job.is_none()
            && self.name.ends_with(".service")
    }

    /// What is neither under way to another state nor a service that runs.
    pub(crate) fn stands_still(&self) -> bool {
        let is_service = self.name.ends_with(".service");
        self.job.is_none()
            && match self.active.as_str() {
                "inactive" | "failed" => !self.sub.ends_with("-before-auto-restart"),
                "active" => !is_service || self.sub == "exited",
                _ => false,
            }
    }

    /// The property with the moment at which it entered the state that it stands in.
    pub(crate) fn entered(&self) -> &'static str {
        if self.active == "active" { "ActiveEnterTimestamp" } else { "InactiveEnterTimestamp" }
    }

    /// As properties of the unit.
    pub(crate) fn say(&self, properties: &mut Properties) {
        for (name, word) in [
            ("Id", &self.name),
            ("LoadState", &self.load),
            ("ActiveState", &self.active),
            ("SubState", &self.sub),
        ] {
            properties.0.insert(name.to_owned(), PropertyValue::Text(word.clone()));
        }
    }

    fn state(&self) -> State {
        self.status().facts.state()
    }

    /// What it tells, which is no process and no moment.
    pub(crate) fn status(&self) -> UnitStatus {
        let job = self.job.as_ref().and_then(|(_, kind)| JobKind::from_type(kind));
        let mut properties = Properties::default();
        self.say(&mut properties);
        UnitStatus::new(properties, job, MainProcess::Unseen)
    }

    /// Whether its words leave the state open: what is down and has a start queued waits for its first or for its
    /// next one.
    fn is_open(&self) -> bool {
        self.job.is_some() && matches!(self.active.as_str(), "inactive" | "failed")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(active: &str, sub: &str, job: Option<&str>) -> UnitState {
        let row = Listed {
            name: "web.service".to_owned(),
            load: "loaded".to_owned(),
            active: active.to_owned(),
            sub: sub.to_owned(),
            follows: String::new(),
            job: job.map(|kind| (7, kind.to_owned())),
        };
        UnitState::of(row).unwrap()
    }

    #[test]
    fn a_row_has_the_word_of_the_table() {
        for (active, sub, job, state) in [
            ("active", "running", None, State::Up),
            ("active", "running", Some("stop"), State::Stopping),
            ("active", "exited", None, State::Exited),
            ("reloading", "reload", None, State::Up),
            ("activating", "start", Some("start"), State::Starting),
            ("activating", "auto-restart", None, State::Backoff),
            ("deactivating", "stop-sigterm", Some("stop"), State::Stopping),
            ("deactivating", "stop-post", None, State::Finishing),
            ("inactive", "dead", None, State::Down),
            ("failed", "failed", None, State::Failed),
            ("new", "words", None, State::Unknown),
        ] {
            assert_eq!(listed(active, sub, job).state, state, "{active}/{sub} {job:?}");
        }
        let row = listed("active", "running", Some("stop"));
        assert_eq!((row.follows, row.job), (None, Some((7, "stop".to_owned()))));
    }
}
