//! Starting services when it is said, and stopping them by need: on threads beside the view.

use std::{
    collections::BTreeMap,
    io::{self, Read as _},
    os::fd::{AsFd, BorrowedFd},
    os::unix::net::UnixStream,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use svcmgr::{Error, Op, OutcomeKind, Request, Service, pursue};

use super::{
    said::{Said, Teller, why},
    stage::{Cast, Job, Stage},
    take_up::{AFTER_KILL, TAKING, TakeUp},
};
use crate::{
    cmd::{deadline::deadline, definitions::notices::Notices},
    exit::Exit,
    text,
};

/// The threads that work, and how they are heard.
pub(super) struct Starter {
    said: mpsc::Receiver<Said>,
    say: mpsc::Sender<Said>,
    /// What is to be done, in this order.
    work: mpsc::Sender<Work>,
    /// Nothing more is to be started.
    ending: Arc<AtomicBool>,
    /// Held while the tree is written.
    writing: Arc<Mutex<()>>,
    reader: UnixStream,
    writer: UnixStream,
}

enum Work {
    Start(Start),
    TakeUp(Box<TakeUp>),
}

/// A service that is to be started.
struct Start {
    name: String,
    dir: PathBuf,
}

impl Start {
    fn of(cast: &Cast) -> Self {
        Self { name: cast.name.clone(), dir: cast.dir.clone() }
    }
}

impl Starter {
    /// Has the engine take on all of them, down until their turn comes, and waits for what is to be started.
    pub(super) fn new(stage: &Stage) -> io::Result<Self> {
        let (say, said) = mpsc::channel();
        let (reader, writer) = UnixStream::pair()?;
        reader.set_nonblocking(true)?;
        let (work, wanted) = mpsc::channel();
        let (ending, writing) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let (its, lock) = (Arc::clone(&ending), Arc::clone(&writing));
        let this = Self { said, say, work, ending, writing, reader, writer };
        let scan = stage.tree.scan_dir();
        let all: Vec<Start> = stage.cast.iter().map(Start::of).collect();
        this.spawn(move |teller| {
            let refused = |name: String, error: &Error| {
                teller.tell(Said::Refused { name, why: why(error), exit: Exit::from(error) });
            };
            // Whoever looks finds all of them.
            for start in all {
                if its.load(Ordering::Relaxed) {
                    return;
                }
                if let Err(error) = scan.enable(&start.dir, Instant::now() + TAKING) {
                    refused(start.name, &error);
                }
            }
            for work in wanted {
                if its.load(Ordering::Relaxed) {
                    return;
                }
                let start = match work {
                    Work::Start(start) => start,
                    Work::TakeUp(take_up) => {
                        take_up.retire(&scan, &teller);
                        let _held = lock.lock().unwrap_or_else(PoisonError::into_inner);
                        if its.load(Ordering::Relaxed) {
                            return;
                        }
                        teller.tell(Said::TakenUp(take_up.put(&scan)));
                        continue;
                    }
                };
                let begun = Service::open(&start.dir).and_then(|service| service.send(Op::Up));
                match begun {
                    // Not before: it would be started when it is taken on, and then once more.
                    Ok(()) => Notices::release(&start.dir),
                    Err(error) => refused(start.name, &error),
                }
            }
        })?;
        Ok(this)
    }

    /// Starts it, after those that were said before.
    pub(super) fn start(&self, cast: &Cast) {
        // Once nothing more is to be started, nobody listens.
        let _heard = self.work.send(Work::Start(Start::of(cast)));
    }

    /// Puts other definitions in the place of those that the tree has.
    pub(super) fn take_up(&self, take_up: TakeUp) {
        let _heard = self.work.send(Work::TakeUp(Box::new(take_up)));
    }

    /// Stops the services, each level before those that it needs.
    pub(super) fn stop(&self, stage: &Stage, at_once: bool) -> io::Result<()> {
        self.ending.store(true, Ordering::Relaxed);
        let (levels, writing) = (stage.levels(), Arc::clone(&self.writing));
        self.spawn(move |teller| {
            // What is half written ends first.
            drop(writing.lock());
            if at_once {
                for job in levels.iter().flatten() {
                    // What is gone is down.
                    let _sent = Service::open(&job.dir).and_then(|it| {
                        it.send(Op::Down)?;
                        it.send(Op::Kill)
                    });
                }
            }
            for level in levels {
                stop(&level, &teller);
                teller.look();
            }
            teller.tell(Said::Stopped);
        })
    }

    /// What was told since the last call.
    pub(super) fn heard(&mut self) -> Vec<Said> {
        while matches!(self.reader.read(&mut [0; 64]), Ok(1..)) {}
        self.said.try_iter().collect()
    }

    fn spawn(&self, work: impl FnOnce(Teller) + Send + 'static) -> io::Result<()> {
        let teller = Teller { say: self.say.clone(), writer: self.writer.try_clone()? };
        thread::Builder::new().spawn(move || work(teller)).map(drop)
    }
}

impl AsFd for Starter {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }
}

/// All of a level at once. Each has its own time, so those with the same are asked together, and nobody's
/// time is counted against another.
fn stop(level: &[Job], teller: &Teller) {
    let mut by_time: BTreeMap<Duration, Vec<&Job>> = BTreeMap::new();
    for job in level {
        by_time.entry(job.kill_after).or_default().push(job);
    }
    thread::scope(|scope| {
        for (kill_after, jobs) in by_time {
            scope.spawn(move || stop_together(&jobs, kill_after, teller));
        }
    });
}

fn stop_together(jobs: &[&Job], kill_after: Duration, teller: &Teller) {
    // What was never started has no supervisor, and is down.
    let opened = jobs.iter().filter_map(|&job| Some((job, Service::open(&job.dir).ok()?)));
    let (jobs, services): (Vec<&Job>, Vec<Service>) = opened.unzip();
    let deadline = deadline(kill_after.saturating_add(AFTER_KILL));
    let Ok(outcomes) = pursue(&services, &Request::down().kill_after(kill_after), deadline) else {
        return;
    };
    for (job, outcome) in jobs.into_iter().zip(outcomes) {
        match outcome {
            Ok(outcome) if outcome.is_reached() && outcome.took() >= kill_after => {
                let text =
                    format!("had to be killed after {}", text::span(kill_after.as_secs_f64()));
                teller.failed(&job.name, text, Exit::Deadline);
            }
            // One that has lost its supervisor is down.
            Err(_) => (),
            Ok(outcome) if outcome.is_reached() || outcome.kind() == OutcomeKind::Never => (),
            Ok(_) => teller.failed(&job.name, "does not end", Exit::Deadline),
        }
    }
}
