//! [`Unit`] as an [`svclient::Supervised`]: units beside service directories.

use std::{
    future::{poll_fn, ready},
    sync::Arc,
    task::{Poll, Waker},
    time::Instant,
};

use svclient::{
    Explanation, Group, Intent, Name, Oddities, Pending, Status, Subscription, Suite, Supervised,
    Support, Told,
};
use svproto::{Cause, Op, State};

use crate::{
    Action, Error, ErrorKind, KillWhom, Properties, PropertyValue, RequestAnswer, Unit,
    UnitRequests, asking,
    obstacle::{self, Around},
    obstacles,
    unified::{common_status, crash_loop},
    wire::{call, reply, slot::block_on},
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
    Kill,
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
        Op::Kill => Request::Kill,
        Op::Abort => Request::Signal(c::SIGABRT),
        Op::Winch => Request::Signal(c::SIGWINCH),
        _ => return None,
    })
}

/// What is asked for as a job: the manager tells what becomes of it.
const fn job_of(request: Request) -> Option<Action> {
    Some(match request {
        Request::Start => Action::Start,
        Request::Stop => Action::Stop,
        Request::Once => Action::Once,
        Request::Restart => Action::Restart,
        Request::TryRestart => Action::TryRestart,
        Request::Reload => Action::Reload,
        Request::NoRestart
        | Request::Pause
        | Request::Cont
        | Request::Kill
        | Request::Signal(_) => return None,
    })
}

/// The same for what every supervisor can be asked.
pub(crate) fn action_of(intent: Intent) -> Option<Action> {
    request_of(intent).and_then(job_of)
}

impl Unit {
    fn carry_out(&self, request: Request) -> Result<Pending, svclient::Error> {
        let name = Self::name(self).as_str();
        let done = match request {
            // The manager has replied, and it is done.
            Request::NoRestart => self.no_restart().wait(),
            Request::Pause => self.pause().wait(),
            Request::Cont => self.cont().wait(),
            Request::Kill => self.kill_what_is_to_end(),
            Request::Signal(signal) => self.kill(signal).wait(),
            _ => {
                let action = job_of(request).unwrap_or(Action::Start);
                let units = std::slice::from_ref(Self::name(self));
                let requests = self.bus().request_all(action, units, None);
                requests.delivered();
                // A refusal is told at once.
                return match requests.poll(0, Waker::noop()) {
                    Some(Ok(answer)) => Ok(answered(answer)),
                    Some(Err(why)) => Err(error(why, name)),
                    None => Ok(pending(&Arc::new(requests), 0, name)),
                };
            }
        };
        done.map(|()| Pending::read()).map_err(|why| error(why, name))
    }

    /// SIGKILL to the main process. A stop is waited for until all processes are gone that it is to end,
    /// so one under way is helped by no less; and one whose own command hangs, by its end.
    fn kill_what_is_to_end(&self) -> Result<(), Error> {
        let own = call::interface(Self::name(self));
        let names = [(call::UNIT, "ActiveState"), (own.as_str(), "KillMode")];
        let unit = self.ask_for(&names).unwrap_or_default();
        let kill = |whom| self.signal(whom, nix::libc::SIGKILL).wait();
        if unit.text("ActiveState") != "deactivating" {
            return kill(KillWhom::Main);
        }
        if matches!(unit.text("KillMode"), "control-group" | "mixed") {
            return kill(KillWhom::All);
        }
        for whom in [KillWhom::Main, KillWhom::Control] {
            match kill(whom) {
                Err(Error::NotRunning { .. }) => (),
                done => done?,
            }
        }
        Ok(())
    }
}

/// What the manager says of the request to one unit of many.
pub(crate) fn pending(requests: &Arc<UnitRequests>, at: usize, name: &str) -> Pending {
    let (requests, name) = (Arc::clone(requests), name.to_owned());
    Pending::telling(poll_fn(move |cx| match requests.poll(at, cx.waker()) {
        Some(answer) => Poll::Ready(answer.map(told).map_err(|why| error(why, &name))),
        None => Poll::Pending,
    }))
}

/// What the manager has said already.
pub(crate) fn answered(answer: RequestAnswer) -> Pending {
    Pending::telling(ready(Ok(told(answer))))
}

/// An answer in the words of all supervisors.
fn told(answer: RequestAnswer) -> Told {
    let became = match answer {
        RequestAnswer::Settled(became) => *became,
        RequestAnswer::Deadline { taken, status } => {
            return Told::late(taken).with_status(common_status(&status));
        }
        RequestAnswer::NotAsked { status } => {
            return Told::not_asked().with_status(common_status(&status));
        }
    };
    let told = match became.cause {
        Some(cause) if became.is_skipped() => Told::skipped(cause),
        _ if became.reached => Told::reached(),
        cause => Told::never(cause.unwrap_or(Cause::Other)),
    };
    let told = told.with_status(common_status(&became.status)).after(became.took);
    let told = told.with_change(became.changed);
    let told = match became.sentence() {
        Some(sentence) => told.because(sentence),
        None => told,
    };
    match became.result {
        Some(result) => told.with_word(result.name().to_owned()),
        None => told,
    }
}

impl Unit {
    /// Properties of the unit, in one round trip; those that its type has.
    fn ask_for(&self, names: &[(&str, &str)]) -> Result<Properties, Error> {
        let (bus, subject) = (self.bus(), Self::name(self).into());
        bus.ask(Action::Look, &subject, self.ask_of(Self::name(self).path(), names)).wait()
    }

    /// How things are around its manager, as far as the conditions of this unit ask for it.
    pub(crate) async fn around_now(&self, unit: &Properties) -> Around {
        let around = self.bus().around();
        if !obstacle::needs_manager(unit) {
            return around;
        }
        let names = obstacle::NEEDED_OF_MANAGER.map(|name| (call::MANAGER, name));
        match self.ask_of(call::MANAGER_PATH.to_owned(), &names).await {
            Ok(said) => around.saying(said),
            Err(_) => around,
        }
    }

    async fn ask_of(&self, path: String, names: &[(&str, &str)]) -> Result<Properties, Error> {
        let bus = self.bus();
        let pump = bus.pump().await?;
        let asked = bus.ask_each(&pump, &[(path, names)])?;
        let values = reply::answers(asked).await.into_iter().flatten();
        if pump.is_lost() {
            let subject = Self::name(self).to_string();
            return Err(Error::Lost { action: Action::Look, subject });
        }
        let named = names.iter().zip(values);
        Ok(named.filter_map(|((_, name), value)| Some((*name, value?))).collect())
    }
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
        let failure = |why| error(why, Self::name(self).as_str());
        let units = std::slice::from_ref(Self::name(self));
        let seen = self.bus().observe(units).wait().map_err(failure)?.pop();
        // One unit, one answer.
        let lost =
            || Err(Error::Lost { action: Action::Look, subject: Self::name(self).to_string() });
        seen.unwrap_or_else(lost).map_err(failure)
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
        self.carry_out(request)
    }

    fn subscribe(&self, waker: Waker) -> Result<Subscription, svclient::Error> {
        let name = Self::name(self).as_str();
        let failure = |why| error(why, name);
        let deadline = Instant::now().checked_add(crate::Bus::PATIENCE);
        let ring = async {
            // Signals come under the unit's own name only.
            let id = self.bus().id_of(Self::name(self)).await?;
            self.bus().router().wake_on_change(id, waker).await
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

    /// One round trip to the manager.
    fn oddities(&self, seen: &Status) -> Oddities {
        *self.looked_closer(seen).odd()
    }

    /// One round trip to the manager.
    fn looked_closer(&self, seen: &Status) -> Status {
        let has_failed = seen.state() == State::Failed;
        let own = call::interface(Self::name(self));
        let mut names = vec![(call::UNIT, "NeedDaemonReload"), (call::SERVICE, "NRestarts")];
        if has_failed {
            names.extend(asking::OF_FAILURE.map(|name| (own.as_str(), name)));
            names.extend(asking::STAMPS.map(|name| (call::UNIT, name)));
        }
        let Ok(unit) = self.ask_for(&names) else { return *seen };
        let restarts = unit.get("NRestarts").and_then(PropertyValue::unsigned);
        let newer = unit.get("NeedDaemonReload").and_then(PropertyValue::bool);
        let seen = restarts.map_or(*seen, |restarts| seen.with_restarts(restarts));
        let odd = seen.odd().with_definition_newer(newer);
        let odd = odd.with_crash_loop(crash_loop(seen.facts(), restarts));
        let cause = if has_failed { asking::cause_of_failure(unit) } else { None };
        seen.with_odd(odd.with_cause(cause.or(odd.cause)))
    }

    /// One round trip to the manager, or two or three where it has conditions; none where the status says it.
    fn obstacle(&self, seen: &Status) -> Option<(Cause, String)> {
        if let Some(obstacle) = obstacle_seen(seen) {
            return Some(obstacle);
        }
        let (bus, units) = (self.bus(), std::slice::from_ref(Self::name(self)));
        let asked = obstacles::of_all(bus, units);
        bus.ask(Action::Look, &Self::name(self).into(), asked).wait().ok()?.pop()?
    }

    fn explain(&self) -> Result<Explanation, svclient::Error> {
        let why = Self::explain(self).wait();
        why.map_err(|why| error(why, Self::name(self).as_str()))
    }

    fn explain_before(&self, deadline: Instant) -> Result<Explanation, svclient::Error> {
        let (action, subject) = (Action::Look, Self::name(self).to_string());
        let within = deadline.saturating_duration_since(Instant::now());
        let late = || Err(Error::NoReply { action, subject: subject.clone(), within });
        let why = block_on(Self::explain(self), Some(deadline)).unwrap_or_else(late);
        why.map_err(|why| error(why, &subject))
    }

    fn group(&self) -> Option<Arc<dyn Group>> {
        Some(self.bus().group())
    }
}

/// What keeps a unit down, where its status says it.
pub(crate) fn obstacle_seen(seen: &Status) -> Option<(Cause, String)> {
    let cause = seen.odd().cause;
    let cause = cause.filter(|it| matches!(it, Cause::Masked | Cause::BadDefinition))?;
    Some((cause, String::new()))
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
        Error::BadName(_) => "use",
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
