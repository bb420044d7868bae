//! What is odd about a service: that it crashes again and again, that its definition is newer than its
//! process, that its record is that of a supervisor which is gone.

use std::time::Duration;

use svproto::{Dialect, Facts, Phase, Reading, UnixTime, files};

use crate::{Service, Status, node};

/// What is odd. Nothing, by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Oddities {
    /// It crashes again and again, where the suite tells: s6 by its death tally, systemd by
    /// `NRestarts`, the embedded supervisor by its growing delays.
    pub crash_loop: Option<CrashLoop>,
    /// Whether the process was started before its definition was last changed: `run`, under s6 also
    /// `notification-fd`; a unit's files. `None` without a process and where it is not known.
    pub is_definition_newer: Option<bool>,
    /// No supervisor, and a record of one: when that was last written.
    pub stale_since: Option<UnixTime>,
}

/// A service that does not stay up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CrashLoop {
    /// How often it ended.
    pub ends: u64,
    /// In how long a time, where that is known.
    pub within: Option<Duration>,
}

impl CrashLoop {
    /// So many ends are a crash loop.
    pub const ENOUGH: u64 = 3;
    /// They lie in so long a time, and the last of them no longer ago.
    pub const WITHIN: Duration = Duration::from_secs(60);

    /// Whether a service that stands like this may be in one: what has been so for longer is not.
    #[must_use]
    pub fn may_be(status: &Facts) -> bool {
        status.since.is_some_and(|since| since.elapsed(UnixTime::now()) <= Self::WITHIN)
    }
}

impl Service {
    /// What is odd about it, after it was seen like this. Costs a look at `run` for a service that
    /// has a process, and a reading of `supervise/death_tally` or `supervise/embedded` for one that
    /// started or ended in the last minute.
    #[must_use]
    pub fn oddities(&self, seen: &Status) -> Oddities {
        let status = match &seen.reading {
            Reading::Record(status) => status,
            Reading::Unsupervised => {
                let record = node::stat(self.home().at(files::STATUS)).ok().flatten();
                let stale_since = record.as_ref().and_then(node::changed);
                return Oddities { stale_since, ..Oddities::default() };
            }
            Reading::NotYet => return Oddities::default(),
        };
        let crash_loop =
            CrashLoop::may_be(status).then(|| self.crash_loop(seen.dialect(), status)).flatten();
        let is_definition_newer = status
            .since
            .filter(|_| status.phase == Phase::Up && status.pid.is_some())
            .and_then(|since| self.is_definition_newer(seen.dialect(), since));
        Oddities { crash_loop, is_definition_newer, stale_since: None }
    }

    fn crash_loop(&self, dialect: Option<Dialect>, facts: &Facts) -> Option<CrashLoop> {
        if dialect == Some(Dialect::S6) {
            let deaths = self.deaths().ok()?;
            let now = UnixTime::now();
            let recent = deaths.iter().filter_map(svproto::s6::tally::Death::at);
            let mut recent = recent.filter(|at| at.elapsed(now) <= CrashLoop::WITHIN);
            let first = recent.next()?;
            let ends = recent.count() as u64 + 1;
            let within = Some(first.elapsed(now));
            return (ends >= CrashLoop::ENOUGH).then_some(CrashLoop { ends, within });
        }
        if dialect != Some(Dialect::Runit) {
            return None;
        }
        let ends = self.embedded(facts)?.backoff?.crashes;
        (ends >= CrashLoop::ENOUGH).then_some(CrashLoop { ends, within: None })
    }

    fn is_definition_newer(&self, dialect: Option<Dialect>, since: UnixTime) -> Option<bool> {
        let newer = |name| {
            let found = node::stat(self.home().at(name)).ok().flatten();
            found.as_ref().and_then(node::changed).map(|changed| changed > since)
        };
        match newer("run")? {
            false if dialect == Some(Dialect::S6) => {
                Some(newer(files::NOTIFICATION_FD).unwrap_or(false))
            }
            newer => Some(newer),
        }
    }
}
