//! What is odd about a service: that it crashes again and again, that its definition is newer than
//! its process, that its record is that of a supervisor which is gone.
//!
//! What a look tells without another question is in every [`Status`](crate::Status);
//! [`Service::oddities`](crate::Service::oddities) asks for the rest.

use std::time::Duration;

use svproto::{
    Cause, Facts, LastExit, Phase, Pid, Reading, State, UnixTime, Want,
    embedded::{CannotStart, Embedded},
    s6::tally::Death,
};

/// What is odd. Nothing, by default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Oddities {
    /// It crashes again and again, where the suite tells: s6 by its death tally, systemd by
    /// `NRestarts`, the embedded supervisor by its count of deaths that nobody asked for.
    pub crash_loop: Option<CrashLoop>,
    /// Whether the process was started before its definition was last changed: `run` and the
    /// directory `env`, under s6 also `notification-fd` and `data/run`; a unit's files. `None` without a process and where it is not known.
    pub is_definition_newer: Option<bool>,
    /// No supervisor, and a record of one: when that was last written.
    pub stale_since: Option<UnixTime>,
    /// Wanted up, and without a process since then, which is longer than [`Oddities::STUCK`].
    pub stuck_since: Option<UnixTime>,
    /// A script that could not be started, as the embedded supervisor tells.
    pub cannot_start: Option<CannotStart>,
    /// Why it cannot be started or has failed, where the supervisor says more than how the last run
    /// ended: a unit is masked, its start timed out.
    pub cause: Option<Cause>,
    /// It is normally up, its last run failed, and its supervisor does not start it any more:
    /// `finish` may have refused it (s6, the embedded supervisor). How that run ended.
    pub given_up: Option<LastExit>,
    /// The process that the record names is dead, and the supervisor has not noticed; Linux, where
    /// its pid namespace is that of this process.
    pub dead: Option<Pid>,
    /// Its supervisor may be about to notice that, and is not to blame yet.
    pub(crate) is_noticing: bool,
    /// No supervisor, and the process of its record still runs (Linux).
    pub orphan: Option<Pid>,
    /// So many processes run in the directory that no supervisor knows, and the first of them
    /// (Linux).
    pub left_behind: Option<(u32, Pid)>,
    /// How its logger stands, where that is not as it should be.
    pub logger: Option<State>,
    /// Its logger crashes again and again: how often it ended.
    pub logger_loop: Option<u64>,
}

/// A service that does not stay up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct CrashLoop {
    /// How often it ended.
    pub ends: u64,
    /// In how long a time, where that is known.
    pub within: Option<Duration>,
}

impl Oddities {
    /// Wanted up and without a process for longer than this, a service is stuck.
    pub const STUCK: Duration = Duration::from_secs(60);

    /// A supervisor that lives notices the end of a process within this.
    pub(crate) const NOTICING: Duration = Duration::from_secs(2);

    /// The same, with a crash loop.
    #[must_use]
    pub const fn with_crash_loop(self, crash_loop: Option<CrashLoop>) -> Self {
        Self { crash_loop, ..self }
    }

    /// The same, knowing whether the definition was changed after the process had started.
    #[must_use]
    pub const fn with_definition_newer(self, is_newer: Option<bool>) -> Self {
        Self { is_definition_newer: is_newer, ..self }
    }

    /// The same, with the age of a record whose supervisor is gone.
    #[must_use]
    pub const fn with_stale_since(self, stale_since: Option<UnixTime>) -> Self {
        Self { stale_since, ..self }
    }

    /// The same, with why it cannot be started or has failed.
    #[must_use]
    pub const fn with_cause(self, cause: Option<Cause>) -> Self {
        Self { cause, ..self }
    }

    /// Each oddity as a row of the table of causes, and what it is about in words:
    /// [`Cause::about`] makes a sentence of both. `now` is the wall clock.
    #[must_use]
    pub fn causes(&self, now: UnixTime) -> Vec<(Cause, String)> {
        let ago = |at: UnixTime| span(at.elapsed(now));
        let mut all = Vec::new();
        if let Some(CrashLoop { ends, within }) = self.crash_loop {
            let within = within.map(|within| format!(" in {}", span(within))).unwrap_or_default();
            all.push((Cause::CrashLoop, format!("{ends} times{within}")));
        }
        if let Some(CannotStart { script, errno, .. }) = self.cannot_start {
            let why = i32::try_from(errno).ok().filter(|errno| *errno > 0);
            let why = why.map(|errno| format!(": {}", nix::errno::Errno::from_raw(errno).desc()));
            all.push((Cause::CannotStart, script.name().to_owned() + &why.unwrap_or_default()));
        }
        all.extend(self.cause.map(|cause| (cause, String::new())));
        if self.is_definition_newer == Some(true) {
            all.push((Cause::DefinitionNewer, String::new()));
        }
        all.extend(self.stale_since.map(|at| (Cause::Stale, ago(at))));
        all.extend(self.stuck_since.map(|at| (Cause::Stuck, ago(at))));
        all.extend(self.given_up.map(|exit| (Cause::GivenUp { exit }, String::new())));
        let dead = self.dead.filter(|_| !self.is_noticing);
        all.extend(dead.map(|pid| (Cause::ProcessDead, pid.to_string())));
        all.extend(self.orphan.map(|pid| (Cause::Orphan, pid.to_string())));
        all.extend(self.left_behind.map(|(count, pid)| {
            let more = if count == 1 { String::new() } else { format!(" and {} more", count - 1) };
            (Cause::LeftBehind, format!("process {pid}{more}"))
        }));
        all.extend(self.logger.map(|state| (Cause::Logger, state.to_string())));
        all.extend(self.logger_loop.map(|ends| (Cause::LoggerLoop, format!("{ends} times"))));
        all
    }

    /// What a reading alone tells.
    pub(crate) fn of_reading(reading: &Reading) -> Self {
        let Reading::Record(facts) = reading else { return Self::default() };
        let is_stuck = |since: &UnixTime| since.elapsed(UnixTime::now()) > Self::STUCK;
        let is_awaited = facts.want == Some(Want::Up)
            && facts.pid.or(facts.finish_pid).is_none()
            && facts.state() != State::Exited;
        let stuck_since = facts.since.filter(|_| is_awaited).filter(is_stuck);
        Self { stuck_since, ..Self::default() }
    }
}

/// Seconds as people say them: `40ms`, `1.2s`, `3m 5s`.
pub(crate) fn span(time: Duration) -> String {
    let whole = time.as_secs();
    match whole {
        0 => format!("{}ms", time.as_millis()),
        1..=9 => format!("{:.1}s", time.as_secs_f64()),
        10..=59 => format!("{whole}s"),
        60..=3599 => format!("{}m {}s", whole / 60, whole % 60),
        3600..=86_399 => format!("{}h {}m", whole / 3600, whole / 60 % 60),
        _ => format!("{}d {}h", whole / 86_400, whole / 3600 % 24),
    }
}

impl CrashLoop {
    /// So many ends, in so long a time where that is known.
    #[must_use]
    pub const fn new(ends: u64, within: Option<Duration>) -> Self {
        Self { ends, within }
    }

    /// So many ends with a failure are a crash loop.
    pub const ENOUGH: u64 = 3;
    /// So many are one, too, if they may all have been asked for: exits with 0, and SIGKILL.
    pub const ENOUGH_OF_ANY: u64 = 6;
    /// They lie in so long a time, and the last of them no longer ago.
    pub const WITHIN: Duration = Duration::from_secs(60);
    /// A process that has lived so long has ended the loop, to the embedded supervisor.
    const CALM: Duration = Duration::from_secs(10);

    /// Whether a service that stands like this may be in one: what has been so for longer is not.
    #[must_use]
    pub fn may_be(status: &Facts) -> bool {
        status.since.is_some_and(|since| since.elapsed(UnixTime::now()) <= Self::WITHIN)
    }

    /// By the deaths that s6 has kept. Those that were asked for do not count: it is the signal
    /// that tells (`asked`). An exit with 0, or 128 and that signal, may have been.
    pub(crate) fn of_deaths(
        deaths: &[Death],
        now: UnixTime,
        asked: impl Fn(u8) -> bool,
    ) -> Option<Self> {
        let is_recent =
            |death: &&Death| death.at().is_some_and(|at| at.elapsed(now) <= Self::WITHIN);
        let (mut failures, mut ends, mut first) = (0, 0, None);
        for death in deaths.iter().filter(is_recent) {
            match death.exit() {
                LastExit::Signaled { signal, .. } if asked(signal) => continue,
                LastExit::Signaled { signal: SIGKILL, .. } | LastExit::Exited { code: 0 } => (),
                LastExit::Exited { code } if code > 128 && asked(code - 128) => (),
                _ => failures += 1,
            }
            ends += 1;
            first = first.or_else(|| death.at());
        }
        let is_loop = failures >= Self::ENOUGH || ends >= Self::ENOUGH_OF_ANY;
        is_loop.then(|| Self { ends, within: first.map(|at| at.elapsed(now)) })
    }

    /// By what the embedded supervisor has counted.
    pub(crate) fn of_embedded(embedded: &Embedded, facts: &Facts) -> Option<Self> {
        let lives = facts.phase == Phase::Up && facts.pid.is_some();
        let is_calm =
            lives && facts.since.is_none_or(|since| since.elapsed(UnixTime::now()) >= Self::CALM);
        let ends = embedded.crashes;
        (ends >= Self::ENOUGH && !is_calm).then_some(Self { ends, within: None })
    }
}

pub(crate) const SIGKILL: u8 = 9;

#[cfg(test)]
mod tests {
    use svproto::{Scale, Tai64n};

    use super::*;

    fn deaths(ends: &[(i64, u8, u8)]) -> Vec<Death> {
        let label = |at| Tai64n::from_unix(UnixTime::new(at, 0).unwrap(), Scale::LeapSeconds);
        ends.iter()
            .map(|(at, code, signal)| Death::new(label(*at).unwrap(), *code, *signal))
            .collect()
    }

    #[test]
    fn deaths_that_were_asked_for_are_no_crash_loop() {
        let now = UnixTime::new(1_795_000_060, 0).unwrap();
        let at = 1_795_000_040;
        let asked = |signal| signal == 15;
        let ends = |all: &[(i64, u8, u8)]| {
            CrashLoop::of_deaths(&deaths(all), now, asked).map(|found| found.ends)
        };
        assert_eq!(ends(&[(at, 1, 0); 3]), Some(3));
        assert_eq!(ends(&[(at, 1, 0); 2]), None);
        assert_eq!(ends(&[(at, 139, 11); 3]), Some(3));
        // Restarted by hand, five times: by the signal, by what a program makes of it, by SIGKILL.
        assert_eq!(ends(&[(at, 143, 15); 5]), None);
        assert_eq!(ends(&[(at, 143, 0), (at, 0, 0), (at, 0, 0), (at, 137, 9), (at, 137, 9)]), None);
        assert_eq!(ends(&[(at, 0, 0); 6]), Some(6));
        // Long ago.
        assert_eq!(ends(&[(at - 3600, 1, 0); 30]), None);
        let found = CrashLoop::of_deaths(&deaths(&[(at, 1, 0); 3]), now, asked).unwrap();
        assert_eq!(found.within, Some(Duration::from_secs(20)));
    }

    #[test]
    fn what_is_odd_is_a_row_of_the_table_of_causes() {
        let now = UnixTime::new(200_000, 0).unwrap();
        let odd = Oddities {
            crash_loop: Some(CrashLoop { ends: 4, within: Some(Duration::from_millis(3200)) }),
            is_definition_newer: Some(true),
            stale_since: UnixTime::new(200_000 - 10_920, 0),
            stuck_since: UnixTime::new(200_000 - 61, 0),
            cannot_start: Some(CannotStart::new(svproto::embedded::Script::Run, 2)),
            cause: Some(Cause::Masked),
            given_up: Some(LastExit::Exited { code: 3 }),
            dead: Pid::new(12),
            is_noticing: false,
            orphan: Pid::new(13),
            left_behind: Some((2, Pid::new(14).unwrap())),
            logger: Some(State::Backoff),
            logger_loop: Some(3),
        };
        let said: Vec<_> =
            odd.causes(now).iter().map(|(it, about)| it.about(about).to_string()).collect();
        assert_eq!(
            said,
            [
                "crash loop: ended 4 times in 3.2s",
                "cannot start run: No such file or directory",
                "is masked",
                "definition newer than process",
                "stale record, 3h 2m old",
                "stuck: wanted up, without a process for 1m 1s",
                "exited with 3 and is no longer wanted up",
                "its process 12 is dead, and its supervisor has not noticed",
                "process 13 of a supervisor that is gone still runs",
                "left behind: process 14 and 1 more",
                "its logger is backoff",
                "its logger is in a crash loop: ended 3 times",
            ]
        );
        assert!(Oddities::default().causes(now).is_empty());
        // No blame before its supervisor has had the time.
        let young = Oddities { dead: Pid::new(12), is_noticing: true, ..Oddities::default() };
        assert!(young.causes(now).is_empty());
    }
}
