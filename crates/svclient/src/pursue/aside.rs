//! A call in a thread beside its caller, who can leave it at the deadline when it hangs in the
//! system.

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver, Sender},
    },
    time::{Duration, Instant},
};

use super::{Outcome, Prober, Terms, Turns, pursue_in};
use crate::{
    Error, Status, Supervised, WatchSet,
    aside::{Aside, Heard, NotBegun},
};

/// What the thread says to the caller.
enum Said {
    Done(usize, Result<Outcome, Error>),
    /// What does the caller's own question say of this service?
    Ready(usize, Status),
    End(Result<(), Error>),
}

/// [`pursue_in`] in the real world, and without its caller being held.
pub(crate) fn pursue_aside<B: Supervised + Clone + 'static>(
    services: &[B],
    terms: &Terms<'_>,
    tell: &mut impl FnMut(usize, Result<Outcome, Error>),
) -> Result<(), Error> {
    let &Terms { request, prober, limit, enough, deadline, .. } = terms;
    let begun = Instant::now();
    let (its, its_request) = (services.to_vec(), *request);
    let turns = Arc::new(Turns::of(services.len()));
    let (its_turns, every) = (Arc::clone(&turns), prober.every());
    let (answer, answers) = mpsc::channel();
    let work = move |say: &Sender<Said>| {
        let prober = match every {
            Some(every) => asking_the_caller(every, say.clone(), answers),
            None => Prober::none(),
        };
        let (request, turns) = (&its_request, &*its_turns);
        let terms = Terms { request, prober: &prober, limit, enough, deadline, turns };
        let mut watch = match WatchSet::new() {
            Ok(watch) => watch,
            Err(error) => return drop(say.send(Said::End(Err(error)))),
        };
        let result = pursue_in(&mut watch, &its, &terms, &mut |at, result| {
            let _left = say.send(Said::Done(at, result));
        });
        end(watch, || drop(say.send(Said::End(result))));
    };
    let aside = match Aside::begin(work) {
        Ok(aside) => aside,
        Err(NotBegun::TooMany) => {
            return Err(Silent::of(services.first()).error());
        }
        Err(NotBegun::NoThread(_)) => {
            let mut watch = WatchSet::new()?;
            let result = pursue_in(&mut watch, services, terms, tell);
            drop(watch);
            return result;
        }
    };
    let mut open: Vec<bool> = services.iter().map(|_| true).collect();
    loop {
        match aside.hear_unless(deadline, || turns.is_a_groups()) {
            Heard::Said(Said::Done(at, result)) => {
                open.get_mut(at).map(|open| *open = false).unwrap_or_default();
                tell(at, result);
            }
            Heard::Said(Said::Ready(at, seen)) => {
                let says = services.get(at).is_some_and(|it| prober.says(at, it, &seen));
                let _ended = answer.send(says);
            }
            Heard::Said(Said::End(result)) => return result,
            Heard::End => {
                aside.rethrow();
                return Ok(());
            }
            Heard::Left => break,
        }
    }
    for (at, service) in services.iter().enumerate().filter(|(at, _)| open.get(*at) == Some(&true))
    {
        if let Some(result) = turns.result_when_left(at, service, begun) {
            tell(at, result);
        }
    }
    Ok(())
}

impl Turns {
    /// What is known of a service whose call was left; nothing of one that had no turn.
    pub(crate) fn result_when_left<B: Supervised>(
        &self,
        at: usize,
        service: &B,
        begun: Instant,
    ) -> Option<Result<Outcome, Error>> {
        if self.of.load(Ordering::Acquire) == at + 1 {
            // The system held whoever looked at it.
            return Some(Err(Silent::of(Some(service)).error()));
        }
        let was_asked = self.asked.get(at).is_some_and(|asked| asked.load(Ordering::Acquire));
        was_asked.then(|| Ok(Outcome::unheard(begun.elapsed())))
    }
}

/// Who did not answer.
#[derive(Clone, Debug)]
pub(crate) enum Silent {
    /// The file system of this service directory.
    Directory(PathBuf),
    /// Whoever tells of this service, which is no directory.
    Manager(String),
}

impl Silent {
    /// `None` where there is no service.
    pub(crate) fn of<B: Supervised>(service: Option<&B>) -> Self {
        match service {
            Some(service) if service.directory().is_none() => {
                Self::Manager(service.name().to_string())
            }
            service => {
                let name = service.map(|service| service.name().as_os_str().into());
                Self::Directory(name.unwrap_or_default())
            }
        }
    }

    pub(crate) fn error(&self) -> Error {
        match self {
            Self::Directory(path) => Error::Unanswered { path: path.clone() },
            Self::Manager(name) => Error::Late { name: name.clone() },
        }
    }
}

/// A question that the caller answers: it may hold what no other thread may have.
fn asking_the_caller(
    every: Duration,
    say: Sender<Said>,
    answers: Receiver<bool>,
) -> Prober<'static> {
    let line = Mutex::new((say, answers));
    Prober::asking_by_place(every, move |at, _, seen| {
        let Ok(line) = line.lock() else { return false };
        let (say, answers) = &*line;
        say.send(Said::Ready(at, *seen)).is_ok() && answers.recv().unwrap_or(false)
    })
}

/// Says that all is done, and closes the watch then, for which the kernel takes 8 to 20 ms: a
/// request whose goal is reached after 2 ms would be said to be done after 15. One at a time,
/// because a user has 128 instances.
fn end(watch: WatchSet, say: impl FnOnce()) {
    static CLOSING: AtomicBool = AtomicBool::new(false);
    if CLOSING.swap(true, Ordering::AcqRel) {
        drop(watch);
        return say();
    }
    say();
    drop(watch);
    CLOSING.store(false, Ordering::Release);
}
