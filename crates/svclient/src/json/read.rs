//! The JSON of svctl, read back. Fields that are not known here are left alone, and of words that
//! are not known (those of a newer svctl) the nearest is taken: another state is
//! [`State::Unknown`].

use std::{sync::Mutex, time::Duration};

use nix::sys::signal::Signal;
use serde::{Deserialize, Deserializer, de::Error as _};
use svproto::{
    Cause, Facts, LastExit, Phase, Pid, Readiness, Stage, State, UnixTime, Want, cause,
    embedded::{CannotStart, Script},
};

use super::{Exit, Odd};
use crate::{CrashLoop, Liveness, Normally, Oddities, OutcomeKind, Status, Suite};

/// The word of a suite. That of a program's own is kept for as long as this program runs.
///
/// # Errors
///
/// More than 64 such words, and words of more than 64 bytes.
impl<'de> Deserialize<'de> for Suite {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        suite(&word).ok_or_else(|| D::Error::custom("too many words for suites"))
    }
}

fn suite(word: &str) -> Option<Suite> {
    static OWN: Mutex<Vec<&'static str>> = Mutex::new(Vec::new());
    const MOST: usize = 64;
    if let Ok(suite) = word.parse() {
        return Some(suite);
    }
    let mut own = OWN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(known) = own.iter().find(|known| **known == word) {
        return Some(Suite::Own(known));
    }
    (own.len() < MOST && word.len() <= MOST).then(|| {
        let kept: &'static str = Box::leak(word.into());
        own.push(kept);
        Suite::Own(kept)
    })
}

impl<'de> Deserialize<'de> for Normally {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        word.parse().map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for OutcomeKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        word.parse().map_err(D::Error::custom)
    }
}

/// The fields of a [`Status`] in a row of `svctl --json`.
#[derive(Deserialize)]
struct Row {
    suite: Option<String>,
    supervised: Option<bool>,
    state: Option<String>,
    want: Option<String>,
    pid: Option<Pid>,
    finish_pid: Option<Pid>,
    since: Option<UnixTime>,
    ready: Option<bool>,
    ready_since: Option<UnixTime>,
    paused: Option<bool>,
    normally: Option<String>,
    restarts: Option<u64>,
    exit: Option<Exit>,
    odd: Option<Vec<Odd>>,
}

/// A row of `svctl --json`, with or without what stands beside the status in it. The record's own
/// words are those that the row tells of; `uptime` is counted anew from `since`.
///
/// ```
/// use svclient::{State, Status};
///
/// let row = r#"{"service":"web","suite":"runit","supervised":true,"state":"up","want":"up","pid":12}"#;
/// let status: Status = serde_json::from_str(row).unwrap();
/// assert_eq!((status.state(), status.pid().unwrap().get()), (State::Up, 12));
/// ```
///
/// # Errors
///
/// `state` is null: the service could not be looked at, and `error` says why.
impl<'de> Deserialize<'de> for Status {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let row = Row::deserialize(deserializer)?;
        let state = row.state.as_deref().ok_or_else(|| {
            D::Error::custom("`state` is null: the service could not be looked at")
        })?;
        let state = state.parse().unwrap_or(State::Unknown);
        let liveness = match row.supervised {
            Some(true) => Liveness::Alive { supervisor: None },
            Some(false) => Liveness::Dead,
            None => Liveness::Unknown,
        };
        let seen = match state {
            State::Unsupervised if !row.tells_of_a_record() => Self::unsupervised(),
            State::New if !row.tells_of_a_record() => Self::untold(),
            _ => Self::of(row.facts(state)),
        };
        Ok(Self {
            liveness,
            normally: row.normally.as_deref().and_then(|word| word.parse().ok()),
            suite: row.suite.as_deref().and_then(suite),
            state: (seen.state() != state).then_some(state),
            restarts: row.restarts,
            odd: row.odd.into_iter().flatten().fold(Oddities::default(), with),
            ..seen
        })
    }
}

impl Row {
    const fn tells_of_a_record(&self) -> bool {
        self.want.is_some()
            || self.since.is_some()
            || self.pid.is_some()
            || self.finish_pid.is_some()
            || self.exit.is_some()
    }

    /// Facts that have this word, where there are such.
    fn facts(&self, state: State) -> Facts {
        let runs = matches!(state, State::Up | State::Ready | State::Paused);
        let phase = match state {
            State::Unknown => Phase::Unknown(0),
            State::Finishing => Phase::Finish,
            _ if self.finish_pid.is_some() => Phase::Finish,
            _ if runs || self.pid.is_some() => Phase::Up,
            _ => Phase::Down,
        };
        let readiness = match self.ready {
            Some(true) => Readiness::Ready { since: self.ready_since },
            Some(false) if state == State::Starting => Readiness::Awaited,
            Some(false) => Readiness::NotReady,
            None => Readiness::NotReported,
        };
        let exit = self.exit.as_ref().map_or(LastExit::NotReported, Exit::last_exit);
        let mut facts = Facts::new(phase)
            .with_pid(self.pid)
            .with_finish_pid(self.finish_pid)
            .with_since(self.since)
            .with_readiness(readiness)
            .with_last_exit(exit);
        facts.want = self.want.as_deref().and_then(|word| word.parse::<Want>().ok());
        facts.paused = self.paused;
        let stages = [Stage::Starting, Stage::Stopping, Stage::Exited, Stage::Failed];
        let has_word = |it: &Facts| it.state() == state;
        let told = stages.into_iter().map(|stage| facts.with_stage(stage)).find(has_word);
        if has_word(&facts) { facts } else { told.unwrap_or(facts) }
    }
}

/// The same, and this.
fn with(odd: Oddities, told: Odd) -> Oddities {
    let Some(cause) = cause::ALL.iter().find(|cause| cause.kind() == told.kind) else { return odd };
    let exit = told.exit.as_ref().map_or(LastExit::NotReported, Exit::last_exit);
    match (cause, told) {
        (Cause::CrashLoop, Odd { count: Some(ends), within, .. }) => {
            let within = within.and_then(|secs| Duration::try_from_secs_f64(secs).ok());
            Oddities { crash_loop: Some(CrashLoop::new(ends, within)), ..odd }
        }
        (Cause::CannotStart, Odd { script: Some(script), errno, .. }) => {
            let known = [Script::Run, Script::Finish].into_iter().find(|it| it.name() == script);
            let cannot = |script| CannotStart::new(script, errno.unwrap_or_default());
            Oddities { cannot_start: known.map(cannot), ..odd }
        }
        (Cause::DefinitionNewer, _) => Oddities { is_definition_newer: Some(true), ..odd },
        (Cause::Stale, Odd { since: Some(since), .. }) => {
            Oddities { stale_since: Some(since), ..odd }
        }
        (Cause::Stuck, Odd { since: Some(since), .. }) => {
            Oddities { stuck_since: Some(since), ..odd }
        }
        (Cause::GivenUp { .. }, Odd { exit: Some(_), .. }) => {
            Oddities { given_up: Some(exit), ..odd }
        }
        (Cause::ProcessDead, Odd { pid: Some(pid), .. }) => Oddities { dead: Some(pid), ..odd },
        (Cause::Orphan, Odd { pid: Some(pid), .. }) => Oddities { orphan: Some(pid), ..odd },
        (Cause::LeftBehind, Odd { count: Some(count), pid: Some(pid), .. }) => {
            let count = u32::try_from(count).unwrap_or(u32::MAX);
            Oddities { left_behind: Some((count, pid)), ..odd }
        }
        (Cause::Logger, Odd { state: Some(state), .. }) => {
            Oddities { logger: Some(state.parse().unwrap_or(State::Unknown)), ..odd }
        }
        (Cause::LoggerLoop, Odd { count: Some(ends), .. }) => {
            Oddities { logger_loop: Some(ends), ..odd }
        }
        (Cause::Failed { .. }, _) => Oddities { cause: Some(Cause::Failed { exit }), ..odd },
        (Cause::Refused { .. }, _) => Oddities { cause: Some(Cause::Refused { exit }), ..odd },
        (cause, _) => Oddities { cause: Some(*cause), ..odd },
    }
}

impl Exit {
    /// A signal by its name, or by its number after `SIG`.
    fn last_exit(&self) -> LastExit {
        match self {
            Self::Code(code) => LastExit::Exited { code: *code },
            Self::Signal(word) => {
                let named = word.parse::<Signal>().ok().and_then(|it| u8::try_from(it as i32).ok());
                let number = || word.strip_prefix("SIG")?.parse().ok();
                let signal = named.or_else(number);
                signal.map_or(LastExit::NotReported, |signal| LastExit::Signaled {
                    signal,
                    core: false,
                })
            }
        }
    }
}
