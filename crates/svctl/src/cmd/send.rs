//! Sending requests to every named service, without waiting for what comes of them; but for the reload
//! of units, which tell when it is done.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use svcmgr::{
    Bulk, Dialect, Error, Goal, Intent, Op, Outcome, Request, Service, Status, Suite, Supervised,
    UnixTime, Versions, Want,
};

use super::{
    deadline::{of_command, timeout},
    guard::Guard,
    report::{Asked, Done, Live, report},
};
use crate::{
    args::{self, Global, Named},
    exit::Exit,
    json::Ended,
    names::{self, Found, NoTargets, usable},
    output::Output,
};

/// What to send.
pub(crate) enum Ask<'a> {
    /// Each of these, in one write.
    These(&'a [Op]),
    /// What "read your configuration again" is for the service; until then units, which tell when it
    /// is done, are waited for.
    Reload(Option<Instant>),
}

impl Ask<'_> {
    /// The word of a request that may be waited for.
    fn word(&self) -> Option<&'static str> {
        matches!(self, Self::Reload(Some(_))).then_some("reload")
    }

    /// Whether s6-rc would have it otherwise afterwards.
    fn starts_or_stops(&self) -> bool {
        let Self::These(ops) = self else { return false };
        ops.iter().any(|op| {
            matches!(
                op,
                Op::Up
                    | Op::StayUp
                    | Op::Down
                    | Op::StayDown
                    | Op::Once
                    | Op::NoRestart
                    | Op::StayNoRestart
                    | Op::StopExit
                    | Op::Exit
            )
        })
    }

    /// When it is to be over.
    fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Reload(deadline) => *deadline,
            Self::These(_) => None,
        }
    }

    /// What may depend on the version of the suite.
    fn depends_on(&self) -> &[Op] {
        match self {
            Self::These(ops) => ops,
            Self::Reload(_) => &[Op::Reload],
        }
    }
}

/// Lets services read their configuration again.
pub(crate) fn reload_all(global: &Global, args: &args::Reload, output: &mut Output) -> Exit {
    let deadline = match timeout(&args.timeout) {
        Ok(timeout) => (!args.no_wait).then(|| of_command(timeout)),
        Err(why) => {
            output.message(&why);
            return Exit::Usage;
        }
    };
    let typed = args.named.services.iter().map(|name| name.to_string_lossy().into_owned());
    let guard = deadline.map(|deadline| Guard::until(deadline, typed, output));
    guarded(global, &args.named, &Ask::Reload(deadline), guard, output)
}

/// Sends it.
pub(crate) fn run(global: &Global, named: &Named, ask: &Ask<'_>, output: &mut Output) -> Exit {
    guarded(global, named, ask, None, output)
}

fn guarded(
    global: &Global,
    named: &Named,
    ask: &Ask<'_>,
    guard: Option<Guard>,
    output: &mut Output,
) -> Exit {
    let targets = match names::find(global, &named.services, output) {
        Ok(targets) => targets,
        Err(NoTargets(exit)) => return exit,
    };
    if ask.starts_or_stops() {
        names::warn_of_s6_rc(&targets, output);
    }
    let mut versions = Versions::new();
    let known: Vec<Found> = usable(&targets)
        .into_iter()
        .map(|found| of_version(found, ask.depends_on(), &mut versions, output))
        .collect();
    if let Some(guard) = &guard {
        guard.found(known.iter().map(|found| found.name().to_string()));
    }
    let asked = Asked {
        goal: Goal::Known,
        word: ask.word(),
        at: UnixTime::now(),
        deadline: ask.deadline(),
        user: global.user,
    };
    let mut told = match reload_units(&known, ask) {
        Ok(told) => told.into_iter(),
        Err(error) => {
            output.error(&error);
            return Exit::from(&error);
        }
    };
    let mut live = Live::of(named.stream, targets.len(), asked);
    let one = |(at, found): (usize, &Found)| {
        let result = match told.next().flatten() {
            Some(told) => told.map(Done::Waited),
            None => send(found, ask),
        };
        if let Some(guard) = &guard {
            guard.done(at, became(&result));
        }
        if let Some(live) = &mut live {
            live.tell(at, &**found, result.as_ref(), output);
        }
        result
    };
    let results = known.iter().enumerate().map(one).collect();
    drop(guard);
    report(targets, results, asked, live, output)
}

/// Reloads units and waits until they have done so; `None` for all others.
fn reload_units(known: &[Found], ask: &Ask<'_>) -> Result<Vec<Option<Waited>>, Error> {
    let Ask::Reload(Some(deadline)) = ask else { return Ok(known.iter().map(|_| None).collect()) };
    let is_unit = |found: &&Found| found.suite() == Some(Suite::Systemd);
    let units: Vec<Found> = known.iter().filter(is_unit).cloned().collect();
    let mut outcomes = Bulk::new(&units).pursue(&Request::reload(), *deadline)?.into_iter();
    Ok(known.iter().map(|found| is_unit(&found).then(|| outcomes.next()).flatten()).collect())
}

type Waited = Result<Outcome, Error>;

/// In a word of the JSON.
fn became(result: &Result<Done, Error>) -> Ended {
    match result {
        Ok(Done::Waited(outcome)) => outcome.kind().into(),
        Ok(_) => Ended::Sent,
        Err(error) => Ended::of_error(error),
    }
}

fn send(found: &Found, ask: &Ask<'_>) -> Result<Done, Error> {
    let reload = [reload(&**found)];
    let (ops, word) = match ask {
        Ask::These(ops) => (*ops, None),
        Ask::Reload(_) => (&reload[..], Some("reload")),
    };
    // What only signals has nothing to do where no process is. An error shows when it is sent.
    let names: Vec<_> = ops.iter().map(|op| op.name()).collect();
    let word = word.map_or_else(|| names.join(","), str::to_owned);
    if ops.iter().all(|op| only_signals(*op))
        && let Some(service) = found.directory()
        && service.status().is_ok_and(|seen| seen.facts().is_some_and(|it| it.pid.is_none()))
        && ops.iter().all(|op| found.support(&(*op).into()).is_yes())
    {
        return Ok(Done::NotUp(word));
    }
    let before = found.status().ok();
    let mut each = ops.iter().map(|op| changes(Some((*op).into()), before.as_ref()?));
    let changed = each.try_fold(false, |all, one| Some(all || one?));
    match (ops, found.directory()) {
        ([op], _) => drop(found.request(&(*op).into())?),
        (ops, Some(service)) => {
            let soon = Instant::now() + AT_ONCE;
            let deadline = ask.deadline().map_or(soon, |deadline| deadline.min(soon));
            service.send_all_before(ops, deadline)?;
        }
        // Elsewhere there is no one write of several.
        (ops, None) => {
            ops.iter().try_for_each(|op| found.request(&(*op).into()).map(drop))?;
        }
    }
    Ok(Done::Sent(names.join(","), changed))
}

/// Whether such a request changes something about a service that stands like this. What only signals,
/// always; `None` where the record does not tell.
pub(super) fn changes(intent: Option<Intent>, before: &Status) -> Option<bool> {
    let facts = before.facts()?;
    let is_down = facts.pid.or(facts.finish_pid).is_none();
    let stays = |want, there: bool| facts.want.map(|it| it != want || !there);
    Some(match intent? {
        Intent::Up | Intent::Op(Op::Up) => stays(Want::Up, facts.pid.is_some())?,
        Intent::Down | Intent::Op(Op::Down) => stays(Want::Down, is_down)?,
        Intent::Op(Op::Pause) => facts.paused != Some(true),
        Intent::Op(Op::Cont) => facts.paused != Some(false),
        _ => true,
    })
}

/// How long a full FIFO is waited for.
const AT_ONCE: Duration = Duration::from_secs(1);

/// What does nothing but to send a signal that a service is to act upon.
const fn only_signals(op: Op) -> bool {
    matches!(
        op,
        Op::Hup
            | Op::Alarm
            | Op::Interrupt
            | Op::Quit
            | Op::Usr1
            | Op::Usr2
            | Op::Abort
            | Op::Winch
            | Op::Reload
    )
}

/// What "read your configuration again" is: the request of that name where there is one, else
/// SIGHUP, as for `sv reload`.
fn reload(service: &dyn Supervised) -> Op {
    if service.support(&Op::Reload.into()).is_yes() || names_a_signal(service) {
        Op::Reload
    } else {
        Op::Hup
    }
}

/// Whether somebody wrote down which signal it is. A suite that does not read it would send another,
/// of which the service may die: it is asked all the same, and refuses.
fn names_a_signal(service: &dyn Supervised) -> bool {
    let s6 = service.directory().filter(|it| it.dialect() == Some(Dialect::S6));
    s6.is_some_and(|service| service.dir().join("reload-signal").symlink_metadata().is_ok())
}

/// The same service, whose version is known where one of the requests depends on it and it can be
/// found out.
fn of_version(found: Found, ops: &[Op], versions: &mut Versions, output: &mut Output) -> Found {
    let depends = |service: &&Service| {
        let Some(dialect) = service.dialect() else { return false };
        ops.iter().any(|op| op.depends_on_version(dialect)) && !service.has_version()
    };
    let Some(service) = found.directory().filter(depends) else { return found };
    let Some(known) = versions.of(service) else { return found };
    if output.verbose {
        output.message(&format!("{}: {known}", found.name()));
    }
    Arc::new(service.clone().of_version(known.version))
}
