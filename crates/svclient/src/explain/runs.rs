//! The runs of a service that is looked at for some time: how often they end, and how long each lived.

use std::time::Duration;

use svproto::{Phase, Pid, UnixTime};

use crate::Status;

/// What was seen so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Runs {
    /// For each end, how long the run had lived; `None` where its start was not seen.
    pub(super) ends: Vec<Option<Duration>>,
    up: Option<(Pid, UnixTime)>,
    last: Option<UnixTime>,
}

impl Runs {
    /// So many ends are a loop.
    pub(super) const LOOP: usize = 3;

    pub(super) fn note(&mut self, status: &Status) {
        let Some(facts) = status.facts() else { return };
        let Some(since) = facts.since else { return };
        let now = facts.pid.filter(|_| facts.phase == Phase::Up).map(|pid| (pid, since));
        let is_first = self.last.is_none();
        match self.up {
            Some(up) if now == Some(up) => {}
            Some((_, began)) => {
                // The stamp of a run that ended is when; that of the next one is later.
                let lived = now.is_none().then(|| began.elapsed(since));
                self.ends.push(lived);
            }
            None if now.is_none()
                && !is_first
                && self.last != Some(since)
                && facts.phase == Phase::Down =>
            {
                self.ends.push(None);
            }
            None => {}
        }
        self.up = now;
        self.last = Some(since);
    }

    /// `lived 12ms, 9ms; 1 was over before it was seen`.
    pub(super) fn in_words(&self) -> String {
        let lived: Vec<String> =
            self.ends.iter().flatten().map(|it| crate::odd::span(*it)).collect();
        let unseen = self.ends.len() - lived.len();
        let over = |count| {
            let (was, it) = if count == 1 { ("was", "it was") } else { ("were", "they were") };
            format!("{count} {was} over before {it} seen")
        };
        match (lived.is_empty(), unseen) {
            (true, count) => over(count),
            (false, 0) => format!("lived {}", lived.join(", ")),
            (false, count) => format!("lived {}; {}", lived.join(", "), over(count)),
        }
    }
}

#[cfg(test)]
mod tests {
    use svproto::{Facts, Want};

    use super::*;

    fn status(phase: Phase, pid: u32, millis: u32) -> Status {
        let since = UnixTime::new(1_000_000, millis * 1_000_000);
        let facts = Facts::new(phase).with_want(Want::Up).with_since(since);
        Status::of(facts.with_pid(Pid::new(pid.into())))
    }

    #[test]
    fn each_end_is_counted_and_a_run_that_was_seen_has_lived_so_long() {
        let mut runs = Runs::default();
        for (phase, pid, at) in [
            (Phase::Down, 0, 0),
            (Phase::Up, 7, 100),
            (Phase::Up, 7, 100),
            (Phase::Finish, 0, 112),
            (Phase::Down, 0, 112),
            // The next was over before anybody looked.
            (Phase::Down, 0, 300),
            (Phase::Up, 9, 400),
        ] {
            runs.note(&status(phase, pid, at));
        }
        assert_eq!(runs.ends, [Some(Duration::from_millis(12)), None]);
        assert_eq!(runs.in_words(), "lived 12ms; 1 was over before it was seen");
    }
}
