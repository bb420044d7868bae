//! [`Unit`] as an [`svclient::Supervised`]: units beside service directories.

use std::{borrow::Cow, sync::Arc, task::Waker};

use svclient::{
    CrashLoop, Group, Intent, Name, Normally, Oddities, Pending, Status, Subscription, Suite,
    Supervised, Support, Told,
};
use svproto::{Cause, LastExit, Op};

use crate::{
    Action, Error, ErrorKind, Job, JobResult, Load, Outcome, ServiceResult, Unit, UnitStatus,
    wire::slot::block_on,
};

/// What an operation of the family is under systemd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Request {
    Start,
    Stop,
    Once,
    NoRestart,
    Restart,
    TryRestart,
    Reload,
    Pause,
    Cont,
    Signal(i32),
}

/// `None` for what systemd does not have.
const fn request_of(intent: Intent) -> Option<Request> {
    match intent {
        Intent::Up => Some(Request::Start),
        Intent::Down => Some(Request::Stop),
        Intent::Once => Some(Request::Once),
        Intent::Restart => Some(Request::Restart),
        Intent::Reload => Some(Request::Reload),
        Intent::Op(op) => request(op),
        _ => None,
    }
}

/// `None` for what systemd does not have: a supervisor per service that could be ended, process
/// groups, and a `down` file.
const fn request(op: Op) -> Option<Request> {
    use nix::libc as c;
    Some(match op {
        Op::Up => Request::Start,
        Op::Down => Request::Stop,
        Op::Once => Request::Once,
        Op::NoRestart => Request::NoRestart,
        Op::TryRestart => Request::TryRestart,
        Op::Reload => Request::Reload,
        Op::Pause => Request::Pause,
        Op::Cont => Request::Cont,
        Op::Hup => Request::Signal(c::SIGHUP),
        Op::Alarm => Request::Signal(c::SIGALRM),
        Op::Interrupt => Request::Signal(c::SIGINT),
        Op::Quit => Request::Signal(c::SIGQUIT),
        Op::Usr1 => Request::Signal(c::SIGUSR1),
        Op::Usr2 => Request::Signal(c::SIGUSR2),
        Op::Term => Request::Signal(c::SIGTERM),
        Op::Kill => Request::Signal(c::SIGKILL),
        Op::Abort => Request::Signal(c::SIGABRT),
        Op::Winch => Request::Signal(c::SIGWINCH),
        _ => return None,
    })
}

impl Unit {
    fn carry_out(&self, request: Request) -> Result<Pending, Error> {
        let job = match request {
            Request::Start => self.start(),
            Request::Stop => self.stop(),
            Request::Once => self.once(),
            Request::Restart => self.restart(),
            Request::TryRestart => self.try_restart(),
            Request::Reload => self.reload(),
            // The manager has replied, and it is done.
            Request::NoRestart => return self.no_restart().wait().map(|()| Pending::read()),
            Request::Pause => return self.pause().wait().map(|()| Pending::read()),
            Request::Cont => return self.cont().wait().map(|()| Pending::read()),
            Request::Signal(signal) => {
                return self.kill(signal).wait().map(|()| Pending::read());
            }
        };
        Ok(pending(job.wait()?))
    }
}

/// What the manager says of a job once it is over.
pub(crate) fn pending(job: Job) -> Pending {
    let name = job.unit().name().to_string();
    Pending::telling(async move {
        let outcome = job.outcome().await.map_err(|why| error(why, &name))?;
        Ok(told(&outcome))
    })
}

/// What an outcome is in the words of all supervisors.
pub(crate) fn told(outcome: &Outcome) -> Told {
    let unit = outcome.status();
    let told = match outcome {
        Outcome::Missed { .. } if unit.is_condition_unmet() => Told::skipped(Cause::Condition),
        Outcome::Missed { job, .. } => match cause(job, unit) {
            (cause, Some(says)) => Told::never(cause).because(says),
            (cause, None) => Told::never(cause),
        },
        Outcome::Reached { .. } | Outcome::Deadline { .. } => Told::reached(),
    };
    let word: Cow<'static, str> = outcome.job().map_or("", JobResult::name).to_owned().into();
    told.with_status(observation(unit)).with_word(word)
}

/// Why a unit is not as its job was to make it, and in words if there is more to say than the cause
/// alone does. Pure.
fn cause(job: &JobResult, unit: &UnitStatus) -> (Cause, Option<String>) {
    let cause = match job {
        JobResult::Dependency => Cause::Dependency,
        JobResult::Timeout => Cause::TimedOut,
        JobResult::Canceled => Cause::Canceled,
        JobResult::Assert => Cause::Assertion,
        JobResult::Missed => Cause::NotKnown,
        JobResult::Frozen => Cause::Frozen,
        JobResult::Invalid => Cause::NotUp,
        JobResult::Concurrency => Cause::TooMany,
        JobResult::Done | JobResult::Failed => match (unit.result(), unit.status.last_exit) {
            (ServiceResult::StartLimitHit, _) => Cause::StartLimit,
            (ServiceResult::Timeout, _) => Cause::StartTimeout,
            (ServiceResult::OomKill, _) => Cause::OutOfMemory,
            (ServiceResult::Watchdog, _) => Cause::Watchdog,
            (ServiceResult::Resources, _) => Cause::Resources,
            (_, LastExit::Exited { code }) => {
                return (Cause::Exited, Some(Cause::Exited.about(&code.to_string()).to_string()));
            }
            (_, LastExit::Signaled { signal, core }) => {
                let cause = if core { Cause::CoreDump } else { Cause::Killed };
                let signal = svclient::signal_name(signal)
                    .map_or_else(|| format!("signal {signal}"), str::to_owned);
                return (cause, Some(cause.about(&signal).to_string()));
            }
            (result, _) => {
                return (Cause::Other, Some(Cause::Other.about(result.name()).to_string()));
            }
        },
        _ => Cause::Impossible,
    };
    (cause, None)
}

impl Supervised for Unit {
    fn name(&self) -> Name<'_> {
        Name::new(Self::name(self).as_str())
    }

    fn suite(&self) -> Option<Suite> {
        Some(Suite::Systemd)
    }

    fn support(&self, intent: &Intent) -> Support {
        if request_of(*intent).is_some() { Support::Yes } else { Support::No }
    }

    fn status(&self) -> Result<Status, svclient::Error> {
        let status = Self::status(self).wait();
        status
            .map(|status| observation(&status))
            .map_err(|why| error(why, Self::name(self).as_str()))
    }

    fn request(&self, intent: &Intent) -> Result<Pending, svclient::Error> {
        let name = Self::name(self).as_str();
        let Some(request) = request_of(*intent) else {
            let unsupported = Error::Unsupported {
                action: Action::Other(intent.name()),
                subject: name.to_owned(),
                why: "systemd has no such request",
            };
            return Err(error(unsupported, name));
        };
        self.carry_out(request).map_err(|why| error(why, name))
    }

    fn subscribe(&self, waker: Waker) -> Result<Subscription, svclient::Error> {
        let name = Self::name(self).as_str();
        let failure = |why| error(why, name);
        let deadline = std::time::Instant::now().checked_add(crate::Bus::PATIENCE);
        let ring = async {
            // Signals come under the unit's own name only.
            let id = self.bus().id_of(Self::name(self)).await?;
            self.bus().router().ring(id, waker).await
        };
        match block_on(ring, deadline) {
            Some(listening) => Ok(Subscription::wakes_while(listening.map_err(failure)?)),
            None => Err(failure(Error::NoReply {
                action: Action::Watch,
                subject: name.to_owned(),
                within: crate::Bus::PATIENCE,
            })),
        }
    }

    /// Those that systemd made by itself, since the unit was last started by hand.
    fn restarts(&self) -> Result<Option<u64>, svclient::Error> {
        let status = Self::status(self).wait();
        let status = status.map_err(|why| error(why, Self::name(self).as_str()))?;
        Ok(Some(status.restarts()))
    }

    /// One question to the manager.
    fn oddities(&self, seen: &Status) -> Oddities {
        let Ok(unit) = Self::status(self).wait() else { return Oddities::default() };
        let is_young = seen.facts().is_some_and(CrashLoop::may_be);
        let loops = is_young && unit.restarts() >= CrashLoop::ENOUGH;
        Oddities {
            crash_loop: loops.then(|| CrashLoop { ends: unit.restarts(), within: None }),
            is_definition_newer: Some(unit.needs_reload()),
            stale_since: None,
        }
    }

    fn group(&self) -> Option<Arc<dyn Group>> {
        Some(self.bus().group())
    }
}

/// The part of a status that is the same for all supervisors.
pub(crate) fn observation(unit: &UnitStatus) -> Status {
    let normally = match unit.cached_file_state() {
        _ if unit.load == Load::Masked => Some(Normally::Down),
        "enabled" | "enabled-runtime" => Some(Normally::Up),
        "disabled" | "masked" | "masked-runtime" => Some(Normally::Down),
        // Static, generated, transient: whether it is started is not its own affair.
        _ => None,
    };
    let readiness = unit.status.readiness;
    Status::of(unit.status)
        .with_normally(normally)
        .with_suite(Suite::Systemd)
        .with_notifies(readiness != svproto::Readiness::NotReported)
        .with_restarts(unit.restarts())
}

/// The same error in the words of `svclient`.
pub(crate) fn error(error: Error, name: &str) -> svclient::Error {
    let (doing, kind, hint) = parts(&error);
    let source = Box::new(error);
    svclient::Error::Other { doing, name: name.to_owned(), kind, hint, source }
}

/// As [`error`], for one error that many services have.
pub(crate) fn shared_error(error: &Arc<Error>, name: &str) -> svclient::Error {
    let (doing, kind, hint) = parts(error);
    let source = Box::new(Shared(Arc::clone(error)));
    svclient::Error::Other { doing, name: name.to_owned(), kind, hint, source }
}

fn parts(error: &Error) -> (String, svclient::ErrorKind, Option<String>) {
    let action = match error {
        Error::Lost { action, .. }
        | Error::NoReply { action, .. }
        | Error::NoSuchUnit { action, .. }
        | Error::Masked { action, .. }
        | Error::BadUnit { action, .. }
        | Error::Denied { action, .. }
        | Error::Unsupported { action, .. }
        | Error::NotRunning { action, .. }
        | Error::Refused { action, .. }
        | Error::Busy { action, .. }
        | Error::Dependency { action, .. }
        | Error::Exists { action, .. }
        | Error::Manager { action, .. } => action.name(),
        Error::BadName { .. } => "use",
        Error::NoManager { .. } => "reach the manager of",
        Error::Io { doing, .. } => doing,
    };
    let kind = match error {
        Error::Io { source, .. } if source.kind() == std::io::ErrorKind::PermissionDenied => {
            svclient::ErrorKind::Denied
        }
        _ => kind(error.kind()),
    };
    (action.to_owned(), kind, error.hint())
}

fn kind(kind: ErrorKind) -> svclient::ErrorKind {
    use svclient::ErrorKind as Theirs;
    match kind {
        ErrorKind::BadName => Theirs::BadName,
        ErrorKind::NoSuchUnit | ErrorKind::Dependency => Theirs::NotFound,
        ErrorKind::Denied => Theirs::Denied,
        ErrorKind::Unsupported | ErrorKind::Refused | ErrorKind::Masked => Theirs::Unsupported,
        ErrorKind::NoManager => Theirs::NotSupervised,
        ErrorKind::BadUnit => Theirs::NotAService,
        ErrorKind::Exists => Theirs::NameTaken,
        ErrorKind::NoReply => Theirs::NoAnswer,
        ErrorKind::Lost => Theirs::Lost,
        ErrorKind::Busy => Theirs::Busy,
        ErrorKind::Io => Theirs::Io,
        _ => Theirs::Other,
    }
}

/// One error, told of several services.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct Shared(Arc<Error>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_systemd_does_not_have_is_refused() {
        let refused: Vec<_> = Op::all().filter(|op| request(*op).is_none()).collect();
        for op in [
            Op::Exit,
            Op::StopExit,
            Op::StayDown,
            Op::StayUp,
            Op::StayNoRestart,
            Op::GroupPause,
            Op::GroupCont,
            Op::GroupKill,
        ] {
            assert!(refused.contains(&op) && request_of(Intent::Op(op)).is_none(), "{op}");
        }
        for op in [Op::Up, Op::Down, Op::Once, Op::Pause, Op::Cont, Op::Kill, Op::Reload] {
            assert!(request(op).is_some(), "{op}");
        }
    }
}
