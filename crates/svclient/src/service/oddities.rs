//! What is odd about a service, asked of its files and of the processes.

use svproto::{
    Dialect, Facts, LastExit, Phase, Pid, Reading, State, UnixTime, Want, files, s6::tally::Death,
};

use super::Service;
use crate::{
    CrashLoop, Machine, Normally, Oddities, Status, Suite, liveness, node,
    odd::SIGKILL,
    processes::{self, Around},
    signal_name,
};

impl Service {
    /// What is odd about it, after it was seen like this: what the look told, and for a service
    /// that has a process what a look at `run` tells.
    #[must_use]
    pub fn oddities(&self, seen: &Status) -> Oddities {
        self.oddities_on(&self.machine(), seen)
    }

    pub(crate) fn oddities_on(&self, machine: &Machine, seen: &Status) -> Oddities {
        let mut odd = seen.odd;
        odd.logger = self.logger_trouble(seen, &mut odd.logger_loop);
        let dialect = seen.dialect();
        let Reading::Record(status) = &seen.reading else {
            if seen.reading == Reading::Unsupervised {
                odd.orphan = self.orphan();
                odd.left_behind = first(&self.left_behind_on(machine, seen));
            }
            return odd;
        };
        odd.given_up = self.given_up(seen, status);
        odd.dead = dialect.and_then(|it| status.pid.filter(|pid| self.is_dead(*pid, status, it)));
        odd.is_noticing = odd.dead.is_some() && self.may_notice(status, dialect);
        odd.left_behind = first(&self.left_behind_on(machine, seen));
        let is_definition_newer = status
            .since
            .filter(|_| status.phase == Phase::Up && status.pid.is_some())
            .and_then(|since| self.is_definition_newer(seen.dialect(), since));
        Oddities { is_definition_newer, ..odd }
    }

    /// Processes that run in the directory of a service that was seen like this, and that no supervisor
    /// knows (Linux): what a run script that does not `exec` leaves behind when it ends.
    #[must_use]
    pub fn left_behind(&self, seen: &Status) -> Vec<Pid> {
        self.left_behind_on(&self.machine(), seen)
    }

    pub(crate) fn left_behind_on(&self, machine: &Machine, seen: &Status) -> Vec<Pid> {
        let (supervisor, known) = match &seen.reading {
            Reading::Unsupervised => (None, self.orphan().into_iter().collect()),
            Reading::NotYet => return Vec::new(),
            Reading::Record(facts) => {
                let dialect = seen.dialect();
                let supervisor = dialect.and_then(|it| liveness::supervisor(self.handle(), it));
                if supervisor.is_none() {
                    return Vec::new();
                }
                let known: Vec<_> = [facts.pid, facts.finish_pid].into_iter().flatten().collect();
                (supervisor, known)
            }
        };
        let run = seen.facts().filter(|it| it.phase == Phase::Up).and_then(|it| it.pid);
        let around = Around { supervisor, known: &known, run };
        machine.left_in(self.handle(), &around)
    }

    /// What an earlier run has left behind, if that listens at a port: whoever asks there is answered by it,
    /// and the process of the service cannot have the port.
    pub(crate) fn usurper(&self, seen: &Status) -> Option<(Pid, u16)> {
        processes::listener(&self.left_behind(seen), seen.since()?, seen.pid()?)
    }

    /// Whether the process that the record names is dead. It is asked twice: between the end of a
    /// process and the next record lies a moment.
    fn is_dead(&self, pid: Pid, facts: &Facts, dialect: Dialect) -> bool {
        let is_dead = || processes::is_dead(pid, facts.since, self.handle(), dialect);
        if !is_dead() {
            return false;
        }
        let record = self.record().ok().flatten();
        record.and_then(|record| self.facts_in(&record)).is_some_and(|facts| facts.pid == Some(pid))
            && is_dead()
    }

    /// Whether its supervisor has had no time to notice: after an early death runsv rests for the rest of a second,
    /// and supervise after every start.
    fn may_notice(&self, facts: &Facts, dialect: Option<Dialect>) -> bool {
        let is_early =
            facts.since.is_some_and(|it| it.elapsed(UnixTime::now()) < Oddities::NOTICING);
        let supervisor = dialect.and_then(|it| liveness::supervisor(self.handle(), it));
        is_early && !supervisor.is_some_and(processes::is_stopped)
    }

    /// How the last run failed of a service that is normally up and is not started any more. Nobody
    /// has put it down: then a signal would have ended it, or it would have ended well. Without a
    /// `finish` nothing refuses a start.
    fn given_up(&self, seen: &Status, facts: &Facts) -> Option<LastExit> {
        let is_down = facts.phase == Phase::Down && facts.want == Some(Want::Down);
        // Who tells how it ended.
        let tells = matches!(seen.suite, Some(Suite::S6 | Suite::Embedded));
        let may = tells && seen.normally == Some(Normally::Up);
        let failed = match facts.last_exit {
            LastExit::Exited { code: 0 } => false,
            LastExit::Exited { code } => code <= 128 || !self.stops_by(code - 128),
            LastExit::Signaled { signal, .. } => signal != SIGKILL && !self.stops_by(signal),
            _ => false,
        };
        let refuses = self.has_finish() || node::exists(&self.handle().at(files::RESTART));
        (is_down && may && failed && refuses && seen.odd.cause.is_none()).then_some(facts.last_exit)
    }

    /// The process of a supervisor that is gone, if it still runs.
    pub(crate) fn orphan(&self) -> Option<Pid> {
        let facts = self.facts_in(&self.record().ok()??)?;
        let pid = facts.pid?;
        processes::still_runs(pid, facts.since?).then_some(pid)
    }

    /// How the logger stands, unless it stands well; and whether it is in a crash loop.
    fn logger_trouble(&self, seen: &Status, ends: &mut Option<u64>) -> Option<State> {
        if !seen.reading.is_supervised() {
            return None;
        }
        let seen = self.log()?.status().ok()?;
        *ends = seen.odd.crash_loop.map(|it| it.ends);
        let state = seen.state();
        (!matches!(state, State::Up | State::Ready | State::Starting | State::New)).then_some(state)
    }

    /// When the record of a supervisor that is gone was written; `None` without one.
    pub(crate) fn stale_since(&self) -> Option<UnixTime> {
        let record = node::stat(self.handle().at(files::STATUS)).ok().flatten();
        record.as_ref().and_then(node::changed)
    }

    /// What the death tally of s6 tells: how many there are, and whether they are a crash loop.
    pub(crate) fn tallied(&self, facts: &Facts) -> (Option<u64>, Option<CrashLoop>) {
        let tally = node::stat(self.handle().at(files::DEATH_TALLY)).ok().flatten();
        let len = tally.and_then(|stat| u64::try_from(stat.st_size).ok());
        let ends = len.map(|len| len / Death::LEN as u64);
        if ends.is_none_or(|ends| ends < CrashLoop::ENOUGH) || !CrashLoop::may_be(facts) {
            return (ends, None);
        }
        let deaths = self.deaths().unwrap_or_default();
        (ends, CrashLoop::of_deaths(&deaths, UnixTime::now(), |signal| self.stops_by(signal)))
    }

    /// Whether this is the signal by which somebody asks for the end of the process.
    fn stops_by(&self, signal: u8) -> bool {
        const ASKING: [u8; 3] = [1, 2, 15];
        if ASKING.contains(&signal) {
            return true;
        }
        let text = node::read_at_most(&self.handle().at("down-signal"), 32).ok().flatten();
        let text = text.and_then(|text| String::from_utf8(text).ok()).unwrap_or_default();
        let word = text.trim().to_uppercase();
        let name = signal_name(signal).unwrap_or_default();
        word == signal.to_string() || (!name.is_empty() && name.ends_with(&word) && word.len() > 2)
    }

    fn is_definition_newer(&self, dialect: Option<Dialect>, since: UnixTime) -> Option<bool> {
        node::stat(self.handle().at(self.program())).ok().flatten()?;
        Some(self.newer_file(dialect, since).is_some())
    }

    /// What was changed after the process had started that it was started by: its program, and what this one
    /// reads where svbuild wrote it. Of variables it is their directory, in which a new file has been made.
    pub(crate) fn newer_file(
        &self,
        dialect: Option<Dialect>,
        since: UnixTime,
    ) -> Option<&'static str> {
        let newer = |name: &&'static str| {
            let found = node::stat(self.handle().at(name)).ok().flatten();
            found.as_ref().and_then(node::changed).is_some_and(|changed| changed > since)
        };
        let others: &[&str] = match dialect {
            _ if self.shares_supervisor() => &[],
            Some(Dialect::S6) => &[files::NOTIFICATION_FD, "env", "data/run"],
            _ => &["env"],
        };
        [self.program()].into_iter().chain(others.iter().copied()).find(newer)
    }
}

/// How many there are, and the first.
fn first(all: &[Pid]) -> Option<(u32, Pid)> {
    let count = u32::try_from(all.len()).unwrap_or(u32::MAX);
    all.first().map(|pid| (count, *pid))
}
