//! What becomes of one supervised process: a table of states and events, without files and clock.
//!
//! The loop tells a [`Machine`] what happened, and when; the machine answers with what is to be done,
//! in order. A service has one, and its logger another.
//!
//! | phase  | event              | then                                                        |
//! |--------|--------------------|-------------------------------------------------------------|
//! | down   | begin, wanted up   | `control/u`, start `run`                                    |
//! | down   | `u` `o`            | the same; within the rest after a short life, when it ends  |
//! | down   | `x`                | the end                                                     |
//! | run    | `d` `x`            | `control/t` or stop signal, SIGCONT, `control/d` or `/x`    |
//! | run    | `t`                | `control/t` or SIGTERM                                      |
//! | run    | other letters      | `control/LETTER` or the signal                              |
//! | run    | it is not well     | `control/t` or stop signal, SIGCONT; SIGABRT for one that is silent |
//! | run    | the process died   | finish if there is one, else down                           |
//! | finish | any letter         | only the want and the paused flag                           |
//! | finish | the script ended   | down                                                        |
//! | down   | it was the last run, or one too many | wanted down; `control/f` after a failure     |
//! | down   | wanted up          | a rest if it lived less than a second, else what was asked, then start |
//! | down   | want exit          | the end                                                     |
//!
//! Source: `runsv` of runit 2.1.2 as Debian ships it, observed; `crates/svdevtree/tests/live` compares.

mod judge;
mod unwell;

use std::time::Duration;

use nix::sys::signal::Signal;
pub(crate) use svproto::Now;
use svproto::{Op, Phase, Pid, UnixTime};

use super::{
    event::{Exit, ServicePart, Unwell},
    restarts::{Limit, RestartRule, Starts},
};

/// What `runsv` waits after a process that lived for less than this.
pub(crate) const SECOND: Duration = Duration::from_secs(1);
/// A life that lasted longer ends the growth of delays.
pub(crate) const CALM: Duration = Duration::from_secs(10);
/// The exit code of a process that could not be started, as the suites have it.
const CANNOT_START: u8 = 111;
/// What `runsv` waits when the system has no room for a process.
const NO_ROOM: Duration = Duration::from_secs(5);

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Want {
    Up,
    Down,
    /// Down, and then the end of the supervision.
    Exit,
}

/// What a service may ask for beyond `runsv`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Policy {
    /// Sent by `d` and `x`; SIGTERM with `runsv`.
    pub(crate) stop: Signal,
    /// From the stop signal of `d` and `x` to SIGKILL.
    pub(crate) kill_after: Option<Duration>,
    /// After which ends another run follows, how soon and how often.
    pub(crate) restart: RestartRule,
    /// It says when it is ready.
    pub(crate) notifies: bool,
}

impl Policy {
    /// What `runsv` does.
    pub(crate) const RUNIT: Self = Self {
        stop: Signal::SIGTERM,
        kill_after: None,
        restart: RestartRule::ALWAYS,
        notifies: false,
    };
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The files are in place.
    Begin,
    /// A control byte.
    Asked(Op),
    /// What was to be started has a process.
    Started(Pid),
    /// It has none: the file is missing or cannot be executed.
    NotStarted { finish: bool },
    /// It has none: the system has no room for it now.
    NoRoom,
    /// The process ended; whether there is a `finish` to read.
    Exited { exit: Exit, finish: bool },
    /// The control script ended, or there is none; whether it did the work of the signal.
    Scripted { instead: bool },
    /// The service said that it is ready, or was found to be.
    Notified,
    /// It said that it is not ready any more.
    NotReady,
    /// It is not as it should be, and is to end for that.
    Unwell(Unwell),
    /// A timer that was set has run out.
    Due(Timer),
    /// Nothing will be written to the logger any more.
    Retire,
}

/// Of each kind there is one at most; setting it again moves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timer {
    /// The rest before the next start.
    Rest,
    /// From the stop signal to SIGKILL.
    Kill,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Write the files that tell how it stands.
    Publish,
    /// Start `run`; the answer is `Started`, `NotStarted` or `NoRoom`. Always the last of a list.
    Run,
    /// Start `finish` with its two arguments; answers and place as `Run`.
    Finish(Exit),
    /// Run `control/LETTER` and tell with `Scripted`. Always the last of a list.
    Script(char),
    /// Send it to the process.
    Signal(Signal),
    /// SIGKILL because the time to stop is over.
    Overdue,
    /// Ring after so long.
    Set(Timer, Duration),
    /// Do not ring.
    Unset(Timer),
    /// Tell that it is ready.
    Ready,
    /// The supervision is over.
    End,
}

/// The rest of what was begun, while a control script runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    Run,
    /// `control/t` on behalf of this signal.
    Stop(Signal),
    /// `control/d`, `control/x` or `control/f`: nothing is left to do.
    Stopped,
    /// `control/t` on behalf of the stop signal, for one that is not as it should be.
    Unwell,
    Signal(Signal),
    Pause,
    Cont,
}

/// One supervised process.
#[expect(clippy::struct_excessive_bools, reason = "facts, each on its own")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Machine {
    part: ServicePart,
    policy: Policy,
    phase: Phase,
    want: Want,
    pid: Option<Pid>,
    paused: bool,
    got_term: bool,
    since: UnixTime,
    /// When `run` was started.
    begun: Duration,
    /// Before this there is no start.
    rest_until: Duration,
    /// A start is due at the end of the rest, whatever the want.
    once: bool,
    script: Option<After>,
    /// A process was asked for and its answer is awaited.
    starting: bool,
    ready: Option<UnixTime>,
    /// How often `run` was started, or was to be.
    starts: u64,
    last_exit: Option<(Exit, UnixTime)>,
    /// Somebody asked for the end of this process.
    told: bool,
    /// Why this process is ended, or was, although nobody asked for it.
    unwell: Option<Unwell>,
    /// Deaths in a row that nobody asked for.
    crashes: u32,
    delay: Option<Duration>,
    /// Those that count against the limit of the policy.
    counted: Starts,
    /// It is not started any more because it was too often.
    gave_up: Option<Limit>,
    retired: bool,
    over: bool,
}

impl Machine {
    pub(crate) const fn new(part: ServicePart, policy: Policy, want: Want, now: Now) -> Self {
        Self {
            part,
            policy,
            phase: Phase::Down,
            want,
            pid: None,
            paused: false,
            got_term: false,
            since: now.wall,
            begun: now.steady,
            rest_until: Duration::ZERO,
            once: false,
            script: None,
            starting: false,
            ready: None,
            starts: 0,
            last_exit: None,
            told: false,
            unwell: None,
            crashes: 0,
            delay: None,
            counted: Starts::NONE,
            gave_up: None,
            retired: false,
            over: false,
        }
    }

    /// What counts from the next start on.
    pub(crate) const fn set_policy(&mut self, policy: Policy) {
        self.policy = policy;
    }

    pub(crate) const fn phase(&self) -> Phase {
        self.phase
    }

    pub(crate) const fn want(&self) -> Want {
        self.want
    }

    pub(crate) const fn pid(&self) -> Option<Pid> {
        self.pid
    }

    pub(crate) const fn paused(&self) -> bool {
        self.paused
    }

    pub(crate) const fn got_term(&self) -> bool {
        self.got_term
    }

    pub(crate) const fn since(&self) -> UnixTime {
        self.since
    }

    /// Whether there is a process that is to say that it is ready.
    pub(crate) fn notifies(&self) -> bool {
        self.policy.notifies && self.is_running()
    }

    /// When it said that it is ready.
    pub(crate) const fn ready(&self) -> Option<UnixTime> {
        self.ready
    }

    /// How often `run` was started again.
    pub(crate) const fn restarts(&self) -> u64 {
        self.starts.saturating_sub(1)
    }

    /// Whether its supervisor is to end with it. An `up`, `down` or `once` that comes later takes that back.
    pub(crate) fn wants_exit(&self) -> bool {
        self.want == Want::Exit
    }

    /// How the last run ended, and when.
    pub(crate) const fn last_exit(&self) -> Option<(Exit, UnixTime)> {
        self.last_exit
    }

    /// How the last run ended of what nothing will start any more by itself, if nobody asked for that end.
    pub(crate) fn ended_for_good(&self) -> Option<Exit> {
        let is_over = self.over || self.is_idle();
        self.last_exit.map(|(exit, _)| exit).filter(|_| is_over && !self.told)
    }

    /// Whether somebody asked for the end of the last run; while it runs, for the one to come.
    pub(crate) const fn was_told(&self) -> bool {
        self.told
    }

    /// The limit that it has met, so that it is not started any more.
    pub(crate) const fn gave_up(&self) -> Option<Limit> {
        self.gave_up
    }

    /// Deaths in a row that nobody asked for, and the delay that they led to.
    pub(crate) const fn delay(&self) -> (u32, Option<Duration>) {
        (self.crashes, self.delay)
    }

    /// Whether it waits for the end of its rest to start.
    pub(crate) const fn is_resting(&self) -> bool {
        self.pid.is_none() && matches!(self.phase, Phase::Down) && self.is_wanted()
    }

    /// Down, and nothing will start it by itself.
    pub(crate) const fn is_idle(&self) -> bool {
        matches!(self.phase, Phase::Down)
            && self.pid.is_none()
            && !(self.is_wanted() || self.starting || self.is_busy() || self.over)
    }

    /// While a control script runs nothing else is to be told, as `runsv` hears nothing then.
    pub(crate) const fn is_busy(&self) -> bool {
        self.script.is_some()
    }

    const fn is_wanted(&self) -> bool {
        matches!(self.want, Want::Up) || self.once
    }

    /// What is to be done after this. What cannot happen now changes nothing.
    pub(crate) fn step(&mut self, event: Event, now: Now) -> Vec<Action> {
        let mut todo = Vec::new();
        if self.over {
            return todo;
        }
        match event {
            Event::Begin => self.start_if_wanted(now, &mut todo),
            Event::Asked(op) if !self.is_busy() && !self.starting => self.asked(op, now, &mut todo),
            Event::Started(pid) if self.starting => self.started(pid, now, &mut todo),
            Event::NotStarted { finish } if self.starting => {
                self.starting = false;
                if self.phase != Phase::Finish {
                    self.phase = Phase::Up;
                    self.starts = self.starts.saturating_add(1);
                    (self.since, self.begun) = (now.wall, now.steady);
                    (self.told, self.once, self.paused) = (false, false, false);
                    self.unwell = None;
                    self.counted.note(now.steady, self.policy.restart.limit);
                }
                self.ended(Exit::Code(CANNOT_START), finish, now, &mut todo);
            }
            Event::NoRoom if self.starting => {
                self.starting = false;
                if self.phase == Phase::Finish {
                    self.ended(Exit::Code(CANNOT_START), false, now, &mut todo);
                } else if self.want == Want::Exit {
                    self.end(&mut todo);
                } else {
                    // Not a death: it starts as soon as there is room.
                    self.once = true;
                    self.rest(NO_ROOM, now);
                    self.start_if_wanted(now, &mut todo);
                }
            }
            Event::Exited { exit, finish } if self.pid.is_some() && !self.is_busy() => {
                self.ended(exit, finish, now, &mut todo);
            }
            Event::Scripted { instead } => self.scripted(instead, now, &mut todo),
            Event::Notified
                if self.policy.notifies && self.is_running() && self.ready.is_none() =>
            {
                self.ready = Some(now.wall);
                todo.extend([Action::Publish, Action::Ready]);
            }
            Event::NotReady if self.is_running() && self.ready.take().is_some() => {
                todo.push(Action::Publish);
            }
            Event::Unwell(why) if self.can_be_unwell() => self.is_unwell(why, now, &mut todo),
            Event::Due(Timer::Rest) if !self.is_busy() && self.is_resting() && !self.starting => {
                self.rest_until = now.steady;
                self.start_if_wanted(now, &mut todo);
            }
            Event::Due(Timer::Kill) if self.pid.is_some() && self.phase == Phase::Up => {
                todo.push(Action::Overdue);
            }
            Event::Retire if self.part == ServicePart::Log && !self.retired => {
                self.retired = true;
                self.once = false;
                if self.pid.is_none() && !self.starting {
                    self.end(&mut todo);
                } else {
                    self.want = Want::Exit;
                    todo.push(Action::Publish);
                }
            }
            _ => (),
        }
        todo
    }

    fn asked(&mut self, op: Op, now: Now, todo: &mut Vec<Action>) {
        // Its pipe is closed: a new process would read nothing.
        if self.retired && matches!(op, Op::Up | Op::Once) {
            return;
        }
        match op {
            Op::Up | Op::Once => {
                self.want = if op == Op::Up { Want::Up } else { Want::Down };
                // Whoever asks starts the count anew.
                (self.counted, self.gave_up) = (Starts::NONE, None);
                self.once = op == Op::Once && self.pid.is_none() && self.phase == Phase::Down;
                todo.push(Action::Publish);
                self.start_if_wanted(now, todo);
            }
            Op::Down | Op::StopExit => {
                if op == Op::StopExit && self.part == ServicePart::Log {
                    return;
                }
                if !self.retired {
                    self.want = if op == Op::Down { Want::Down } else { Want::Exit };
                }
                (self.once, self.gave_up) = (false, None);
                todo.push(Action::Publish);
                if self.is_running() {
                    self.script_or('t', After::Stop(self.policy.stop), now, todo);
                } else if self.phase == Phase::Down && self.pid.is_none() {
                    self.stay_down(todo);
                }
            }
            Op::Term if self.is_running() => {
                self.script_or('t', After::Stop(Signal::SIGTERM), now, todo);
            }
            Op::Pause | Op::Cont => {
                let after = if op == Op::Pause { After::Pause } else { After::Cont };
                let letter = if op == Op::Pause { 'p' } else { 'c' };
                if self.is_running() {
                    self.script_or(letter, after, now, todo);
                } else {
                    self.paused = op == Op::Pause;
                    todo.push(Action::Publish);
                }
            }
            _ => {
                if let Some((letter, signal)) = plain_signal(op).filter(|_| self.is_running()) {
                    self.script_or(letter, After::Signal(signal), now, todo);
                }
            }
        }
    }

    /// Only the service has control scripts.
    fn script_or(&mut self, letter: char, after: After, now: Now, todo: &mut Vec<Action>) {
        self.script = Some(after);
        if self.part == ServicePart::Main {
            todo.push(Action::Script(letter));
        } else {
            self.scripted(false, now, todo);
        }
    }

    fn scripted(&mut self, instead: bool, now: Now, todo: &mut Vec<Action>) {
        let Some(after) = self.script.take() else { return };
        match after {
            After::Run => {
                self.starting = true;
                todo.push(Action::Run);
            }
            After::Stop(signal) => {
                if !instead {
                    self.told = true;
                    self.got_term = true;
                    todo.extend([Action::Signal(signal), Action::Publish]);
                }
                if self.want == Want::Up {
                    return;
                }
                if let Some(after) = self.policy.kill_after {
                    todo.push(Action::Set(Timer::Kill, after));
                }
                todo.push(Action::Signal(Signal::SIGCONT));
                let letter = if self.want == Want::Exit { 'x' } else { 'd' };
                self.script_or(letter, After::Stopped, now, todo);
            }
            After::Unwell => self.told_to_end(instead, todo),
            After::Stopped => (),
            After::Signal(signal) => {
                self.told |= signal == Signal::SIGKILL;
                if !instead {
                    todo.push(Action::Signal(signal));
                }
            }
            After::Pause | After::Cont => {
                self.paused = after == After::Pause;
                if !instead {
                    let signal = if self.paused { Signal::SIGSTOP } else { Signal::SIGCONT };
                    todo.push(Action::Signal(signal));
                }
                todo.push(Action::Publish);
            }
        }
    }

    fn started(&mut self, pid: Pid, now: Now, todo: &mut Vec<Action>) {
        self.starting = false;
        self.pid = Some(pid);
        (self.paused, self.got_term) = (false, false);
        if self.phase != Phase::Finish {
            self.phase = Phase::Up;
            self.starts = self.starts.saturating_add(1);
            (self.since, self.begun, self.told, self.once) = (now.wall, now.steady, false, false);
            self.unwell = None;
            self.counted.note(now.steady, self.policy.restart.limit);
        }
        if self.phase == Phase::Up {
            self.delay = None;
        }
        todo.push(Action::Publish);
    }

    fn ended(&mut self, exit: Exit, finish: bool, now: Now, todo: &mut Vec<Action>) {
        self.pid = None;
        self.got_term = false;
        if self.phase == Phase::Up {
            todo.push(Action::Unset(Timer::Kill));
            self.ready = None;
            self.last_exit = Some((exit, now.wall));
            if finish && self.part == ServicePart::Main {
                self.phase = Phase::Finish;
                self.starting = true;
                todo.extend([Action::Publish, Action::Finish(exit)]);
                return;
            }
        }
        self.phase = Phase::Down;
        self.since = now.wall;
        todo.push(Action::Publish);
        let is_own = !self.told && self.want == Want::Up;
        self.weigh(now);
        if self.want == Want::Exit {
            return self.end(todo);
        }
        if is_own && self.want == Want::Down && self.has_failed() {
            self.script_or('f', After::Stopped, now, todo);
        }
        if self.is_resting() {
            // Never at once: as `runsv`, it hears first what was asked of the process that is no more.
            todo.push(Action::Set(Timer::Rest, self.rest_until.saturating_sub(now.steady)));
        }
    }

    fn rest(&mut self, rest: Duration, now: Now) {
        self.rest_until = now.steady.saturating_add(rest);
    }

    fn start_if_wanted(&mut self, now: Now, todo: &mut Vec<Action>) {
        if !self.is_resting() || self.starting || self.is_busy() {
            return;
        }
        match self.rest_until.checked_sub(now.steady).filter(|rest| !rest.is_zero()) {
            Some(rest) => todo.push(Action::Set(Timer::Rest, rest)),
            None => self.script_or('u', After::Run, now, todo),
        }
    }

    /// Asked to be down, and it is.
    fn stay_down(&mut self, todo: &mut Vec<Action>) {
        todo.push(Action::Unset(Timer::Rest));
        self.delay = None;
        if self.want == Want::Exit {
            self.end(todo);
        }
    }

    fn end(&mut self, todo: &mut Vec<Action>) {
        self.over = true;
        todo.push(Action::End);
    }

    fn is_running(&self) -> bool {
        self.phase == Phase::Up && self.pid.is_some()
    }
}

/// The letters that send a signal and change nothing else.
const fn plain_signal(op: Op) -> Option<(char, Signal)> {
    Some(match op {
        Op::Hup => ('h', Signal::SIGHUP),
        Op::Alarm => ('a', Signal::SIGALRM),
        Op::Interrupt => ('i', Signal::SIGINT),
        Op::Quit => ('q', Signal::SIGQUIT),
        Op::Usr1 => ('1', Signal::SIGUSR1),
        Op::Usr2 => ('2', Signal::SIGUSR2),
        Op::Kill => ('k', Signal::SIGKILL),
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
