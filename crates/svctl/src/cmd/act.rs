//! Asking every named service for something and waiting until it is so: `up`, `down`, `once`,
//! `restart`, `exit`; and `wait`, which asks for nothing.

mod order;

use std::time::{Duration, Instant};

use svcmgr::{Bulk, Error, Goal, Normally, Op, Outcome, Request, UnixTime};

use self::order::{Ties, Way};
use super::{
    deadline::{of_command, timeout},
    guard::Guard,
    persist,
    progress::Progress,
    report::{Asked, Done, Live, report, report_any},
    send,
};
use crate::{
    args::{self, Act, Global, Lasting, Named, Timeout, Wait, Waiting},
    exit::Exit,
    json::Ended,
    names::{self, Found, NoTargets, Target, usable},
    output::Output,
};

/// What is asked for, and its word.
#[derive(Clone, Copy)]
pub(crate) struct Deed {
    pub(crate) word: &'static str,
    pub(crate) request: Request,
}

pub(crate) const UP: Deed = Deed { word: "up", request: Request::up() };
pub(crate) const DOWN: Deed = Deed { word: "down", request: Request::down() };
pub(crate) const ONCE: Deed = Deed { word: "once", request: Request::once() };
pub(crate) const RESTART: Deed = Deed { word: "restart", request: Request::restart() };

pub(crate) fn run(global: &Global, act: &Act, deed: Deed, output: &mut Output) -> Exit {
    carry_out(global, &act.named, &act.waiting, act.limit, deed.until(act.goal), None, output)
}

/// `up` and `down`, which may be for the next start as well.
pub(crate) fn lasting(global: &Global, args: &Lasting, deed: Deed, output: &mut Output) -> Exit {
    let Lasting { act, persist } = args;
    let lasts = persist.then_some(match deed.word {
        "down" => Normally::Down,
        _ => Normally::Up,
    });
    carry_out(global, &act.named, &act.waiting, act.limit, deed.until(act.goal), lasts, output)
}

impl Deed {
    fn until(self, goal: Option<Goal>) -> Self {
        match goal {
            Some(goal) => Self { request: self.request.until(goal), ..self },
            None => self,
        }
    }

    /// In which order services are asked that were built from one file; `None` for all at once.
    fn way(self) -> Option<Way> {
        match self.word {
            "up" => Some(Way::Up),
            "restart" => Some(Way::Again),
            "down" => Some(Way::Down),
            _ => None,
        }
    }

    /// Whether s6-rc would have it otherwise afterwards.
    fn is_behind_a_back(&self) -> bool {
        matches!(self.word, "up" | "down" | "once" | "exit")
    }
}

pub(crate) fn exit(global: &Global, exit: &args::Exit, output: &mut Output) -> Exit {
    if exit.when_ended {
        return send::run(global, &exit.named, &send::Ask::These(&[Op::Exit]), output);
    }
    let deed = Deed { word: "exit", request: Request::new(Op::StopExit, Goal::Gone) };
    carry_out(global, &exit.named, &exit.waiting, None, deed, None, output)
}

pub(crate) fn wait(global: &Global, wait: &Wait, output: &mut Output) -> Exit {
    let Prepared { mut targets, deadline, guard, .. } =
        match prepare(global, &wait.named, &wait.timeout, output) {
            Ok(prepared) => prepared,
            Err(NoTargets(exit)) => return exit,
        };
    names::expect_scanners(&mut targets);
    let found = usable(&targets);
    guard.found(found.iter().map(|found| found.name().to_string()));
    let progress = Progress::of(&found, wait.named.stream, output);
    let bulk = Bulk::new(&found);
    let asked = Asked {
        goal: wait.goal,
        word: None,
        at: UnixTime::now(),
        deadline: Some(deadline),
        user: global.user,
    };
    let bulk = if wait.any { bulk.any() } else { bulk };
    let live = Live::of(wait.named.stream, targets.len(), asked);
    let mut live = live.map(|live| live.any(wait.any));
    let results = bulk.pursue_telling(&Request::wait(wait.goal), deadline, |at, result| {
        progress.done(at);
        guard.done(at, outcome(result));
        tell_live(live.as_mut(), &found, at, result, output);
    });
    drop((guard, progress));
    match results {
        Ok(results) => {
            let results = results.into_iter().map(|result| result.map(Done::Waited)).collect();
            if wait.any {
                report_any(targets, results, asked, live, output)
            } else {
                report(targets, results, asked, live, output)
            }
        }
        Err(error) => {
            output.error(&error);
            Exit::from(&error)
        }
    }
}

fn carry_out(
    global: &Global,
    named: &Named,
    waiting: &Waiting,
    limit: Option<std::num::NonZeroUsize>,
    deed: Deed,
    lasts: Option<Normally>,
    output: &mut Output,
) -> Exit {
    if waiting.no_wait {
        return without_waiting(global, named, deed, output);
    }
    let Prepared { mut targets, timeout, deadline, guard } =
        match prepare(global, named, &waiting.timeout, output) {
            Ok(prepared) => prepared,
            Err(NoTargets(exit)) => return exit,
        };
    if waiting.kill_after.is_some_and(|after| after >= timeout) {
        output.message("--kill-after must be shorter than --timeout, or nothing is ever killed");
        return Exit::Usage;
    }
    if lasts.is_some()
        && let Err(NoTargets(exit)) = persist::require(&targets, deed.word, global.user, output)
    {
        return exit;
    }
    if deed.is_behind_a_back() {
        names::warn_of_s6_rc(&targets, output);
    }
    let ties = match deed.way().map(|way| Ties::read(&mut targets, way, global, output)) {
        Some(Ok(ties)) => Some(ties).filter(|ties| !ties.is_empty()),
        Some(Err(NoTargets(exit))) => return exit,
        None => None,
    };
    names::expect_scanners(&mut targets);
    let request = waiting.kill_after.map_or(deed.request, |after| deed.request.kill_after(after));
    let found = usable(&targets);
    guard.found(found.iter().map(|found| found.name().to_string()));
    let progress = Progress::of(&found, named.stream, output);
    let asked = Asked {
        goal: deed.request.goal(),
        word: Some(deed.word),
        at: UnixTime::now(),
        deadline: Some(deadline),
        user: global.user,
    };
    let mut live = Live::of(named.stream, targets.len(), asked);
    let named = ties.as_ref().map_or(found.len(), Ties::named);
    let results = if let Some(ties) = ties {
        let limits = (limit, deadline);
        ties.carry_out(&found, request, limits, output, &mut |at, result, output| {
            progress.done(at);
            guard.done(at, result.as_ref().map_or_else(Ended::of_error, Done::ended));
            if let (Some(live), Some(service)) = (&mut live, found.get(at)) {
                live.tell(at, &**service, result.as_ref(), output);
            }
        })
    } else {
        let bulk = Bulk::new(&found);
        let bulk = match limit {
            Some(limit) => bulk.limit(limit),
            None => bulk,
        };
        let results = bulk.pursue_telling(&request, deadline, |at, result| {
            progress.done(at);
            guard.done(at, outcome(result));
            tell_live(live.as_mut(), &found, at, result, output);
        });
        let waited = |all: Vec<Result<_, _>>| all.into_iter().map(|it| it.map(Done::Waited));
        results.map(|all| waited(all).collect())
    };
    drop((guard, progress));
    match results {
        Ok(mut results) => {
            let own = found.get(..named).unwrap_or(&found);
            let lasting = lasts.map(|normally| persist::keep(own, &mut results, normally));
            let exit = report(targets, results, asked, live, output);
            exit.max(lasting.map_or(Exit::Done, |kept| persist::tell(kept, output)))
        }
        Err(error) => {
            output.error(&error);
            Exit::from(&error)
        }
    }
}

fn without_waiting(global: &Global, named: &Named, deed: Deed, output: &mut Output) -> Exit {
    let targets = match names::find(global, &named.services, output) {
        Ok(targets) => targets,
        Err(NoTargets(exit)) => return exit,
    };
    if deed.is_behind_a_back() {
        names::warn_of_s6_rc(&targets, output);
    }
    let asked = Asked {
        goal: deed.request.goal(),
        word: Some(deed.word),
        at: UnixTime::now(),
        deadline: None,
        user: global.user,
    };
    let send = |found: &Found| {
        let before = found.status().ok();
        let changed = before.and_then(|seen| send::changes(deed.request.intent(), &seen));
        deed.request.send(found).map(|_| Done::Sent(deed.word.to_owned(), changed))
    };
    let found = usable(&targets);
    let mut live = Live::of(named.stream, targets.len(), asked);
    let one = |(at, found): (usize, &Found)| {
        let result = send(found);
        if let Some(live) = &mut live {
            live.tell(at, &**found, result.as_ref(), output);
        }
        result
    };
    let results = found.iter().enumerate().map(one).collect();
    report(targets, results, asked, live, output)
}

/// Tells of the service at this place, where that is done at once.
fn tell_live(
    live: Option<&mut Live>,
    found: &[Found],
    at: usize,
    result: &Result<Outcome, Error>,
    output: &mut Output,
) {
    let (Some(live), Some(service)) = (live, found.get(at)) else { return };
    let done = result.as_ref().map(|outcome| Done::Waited(outcome.clone()));
    live.tell(at, &**service, done.as_ref().map_err(|error| *error), output);
}

/// The services, for how long to wait, and until when: to find them takes of that time.
struct Prepared {
    targets: Vec<Target>,
    timeout: Duration,
    deadline: Instant,
    guard: Guard,
}

fn prepare(
    global: &Global,
    named: &Named,
    wait: &Timeout,
    output: &mut Output,
) -> Result<Prepared, NoTargets> {
    let timeout = timeout(wait).map_err(|why| {
        output.message(&why);
        NoTargets(Exit::Usage)
    })?;
    let deadline = of_command(timeout);
    let typed = named.services.iter().map(|name| name.to_string_lossy().into_owned());
    let guard = Guard::until(deadline, typed, output);
    let targets = names::find(global, &named.services, output)?;
    Ok(Prepared { targets, timeout, deadline, guard })
}

/// In a word of the JSON.
fn outcome(result: &Result<Outcome, Error>) -> Ended {
    match result {
        Ok(outcome) => outcome.kind().into(),
        Err(error) => Ended::of_error(error),
    }
}
