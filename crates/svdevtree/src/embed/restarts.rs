//! After which ends a service is started again, how soon, and how often: the file [`RESTART`].
//!
//! | line                              | meaning                                        | without it         |
//! |-----------------------------------|------------------------------------------------|--------------------|
//! | `when always\|on-failure\|never`  | after which ends                               | after each         |
//! | `success N ...`                   | exit codes that are no failure, beside 0       | 0 alone            |
//! | `delay MILLISECONDS`              | the rest before the next start                 | that of `runsv`    |
//! | `longest-delay MILLISECONDS`      | rests of a crash loop double up to this        | they do not grow   |
//! | `limit N MILLISECONDS`            | so many starts in that time, and it is given up | never             |
//!
//! An end that somebody asked for is followed by what was asked, whatever the file says. A line that is none of these
//! counts for nothing.

use std::time::Duration;

use super::event::Exit;

/// Who decides that a run was the last; [`super::machine::Machine`] asks after each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RestartRule {
    when: When,
    /// A bit for each exit code.
    success: [u64; 4],
    pub(crate) delay: Option<Duration>,
    pub(crate) longest_delay: Option<Duration>,
    pub(crate) limit: Option<Limit>,
}

/// So many starts within such a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limit {
    pub(crate) starts: u32,
    pub(crate) within: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum When {
    Always,
    OnFailure,
    Never,
}

impl RestartRule {
    /// After each end, as `runsv`.
    pub(crate) const ALWAYS: Self = Self {
        when: When::Always,
        success: [1, 0, 0, 0],
        delay: None,
        longest_delay: None,
        limit: None,
    };

    /// What the file says.
    pub(crate) fn from_text(text: &str) -> Self {
        let mut rule = Self::ALWAYS;
        for line in text.lines() {
            let Some((word, rest)) = line.split_once(' ') else { continue };
            let millis = || rest.parse().ok().map(Duration::from_millis);
            match (word, rest) {
                ("when", "on-failure") => rule.when = When::OnFailure,
                ("when", "never") => rule.when = When::Never,
                ("success", codes) => {
                    let codes = codes.split(' ').filter_map(|code| code.parse().ok());
                    codes.for_each(|code| rule.succeeds_with(code));
                }
                ("delay", _) => rule.delay = millis(),
                ("longest-delay", _) => rule.longest_delay = millis(),
                ("limit", rest) => rule.limit = limit(rest),
                _ => (),
            }
        }
        rule
    }

    /// The same, with rests of a crash loop that double up to this.
    pub(crate) const fn with_longest_delay(self, longest_delay: Option<Duration>) -> Self {
        Self { longest_delay, ..self }
    }

    fn succeeds_with(&mut self, code: u8) {
        if let Some(bits) = self.success.get_mut(usize::from(code / 64)) {
            *bits |= 1 << (code % 64);
        }
    }

    /// Whether another run follows one that ended like this by itself.
    pub(crate) fn starts_again_after(&self, exit: Exit) -> bool {
        match (self.when, exit) {
            (When::Always, _) | (When::OnFailure, Exit::Signal { .. }) => true,
            (When::OnFailure, Exit::Code(_)) => !self.is_success(exit),
            (When::Never, _) => false,
        }
    }

    /// Whether another run follows one that has failed, however it ended.
    pub(crate) fn starts_again_after_failure(&self) -> bool {
        self.when != When::Never
    }

    /// Whether a run that ended like this has done what it was to do.
    pub(crate) fn is_success(&self, exit: Exit) -> bool {
        let Exit::Code(code) = exit else { return false };
        let bits = self.success.get(usize::from(code / 64)).copied().unwrap_or(0);
        bits >> (code % 64) & 1 == 1
    }
}

fn limit(text: &str) -> Option<Limit> {
    let (starts, millis) = text.split_once(' ')?;
    let starts = starts.parse().ok().filter(|starts| *starts > 0)?;
    Some(Limit { starts, within: Duration::from_millis(millis.parse().ok()?) })
}

/// The starts that count against a limit: as systemd counts them, from the first one on for the time of the limit, and
/// then anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Starts {
    count: u32,
    /// When the first was, on the steady clock.
    first: Duration,
}

impl Starts {
    pub(crate) const NONE: Self = Self { count: 0, first: Duration::ZERO };

    /// One more.
    pub(crate) fn note(&mut self, now: Duration, limit: Option<Limit>) {
        let Some(limit) = limit else { return };
        if self.count == 0 || now.saturating_sub(self.first) > limit.within {
            *self = Self { count: 0, first: now };
        }
        self.count = self.count.saturating_add(1);
    }

    /// Whether a start at that moment would be one too many.
    pub(crate) fn leave_none_at(&self, at: Duration, limit: Limit) -> bool {
        self.count >= limit.starts && at.saturating_sub(self.first) <= limit.within
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_file_says_is_read_and_what_it_does_not_say_is_runsvs() {
        let rule = RestartRule::from_text(
            "when on-failure\nsuccess 2 255\ndelay 2000\nlongest-delay 30000\nlimit 5 60000\n",
        );
        assert_eq!(rule.delay, Some(Duration::from_secs(2)));
        assert_eq!(rule.longest_delay, Some(Duration::from_secs(30)));
        assert_eq!(rule.limit, Some(Limit { starts: 5, within: Duration::from_secs(60) }));
        for (code, again) in [(0, false), (1, true), (2, false), (64, true), (255, false)] {
            assert_eq!(rule.starts_again_after(Exit::Code(code)), again, "{code}");
        }
        let killed = Exit::Signal { number: 15, core: false };
        assert!(rule.starts_again_after(killed));
        let never = RestartRule::from_text("when never\n");
        assert!(!never.starts_again_after(killed) && !never.starts_again_after(Exit::Code(1)));
        for text in ["", "when", "when often\n", "delay soon\n", "limit 5\n", "limit 0 1\n", "\0"] {
            assert_eq!(RestartRule::from_text(text), RestartRule::ALWAYS, "{text:?}");
        }
    }

    #[test]
    fn starts_count_from_the_first_one_on_for_the_time_of_the_limit() {
        let at = Duration::from_secs;
        let limit = Limit { starts: 2, within: at(10) };
        let mut starts = Starts::NONE;
        starts.note(at(100), Some(limit));
        assert!(!starts.leave_none_at(at(101), limit));
        starts.note(at(101), Some(limit));
        assert!(starts.leave_none_at(at(110), limit) && !starts.leave_none_at(at(111), limit));
        starts.note(at(111), Some(limit));
        assert!(!starts.leave_none_at(at(112), limit));
    }
}
