//! Starting services when it is said, and stopping them by need: on threads beside the view.

use std::{
    collections::BTreeMap,
    io::{self, Read as _, Write as _},
    os::fd::{AsFd, BorrowedFd},
    os::unix::net::UnixStream,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use svcmgr::{Error, Op, OutcomeKind, Request, Service, pursue};

use super::stage::{Cast, Stage};
use crate::{
    cmd::{deadline::deadline, definitions::notices::Notices},
    exit::Exit,
    text,
};

/// What the starter tells.
pub(super) enum Said {
    /// One cannot be started.
    Refused { name: String, why: String, exit: Exit },
    /// One did not end as it should.
    Failed { name: String, why: String, exit: Exit },
    /// Everything is down.
    Stopped,
    /// What has happened is to be told before anything else is done; then this is answered.
    Look(mpsc::Sender<()>),
}

/// The threads that work, and how they are heard.
pub(super) struct Starter {
    said: mpsc::Receiver<Said>,
    say: mpsc::Sender<Said>,
    /// What is to be started.
    starts: mpsc::Sender<Start>,
    /// Nothing more is to be started.
    ending: Arc<AtomicBool>,
    reader: UnixStream,
    writer: UnixStream,
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

/// One service of a level.
struct Job {
    name: String,
    dir: PathBuf,
    kill_after: Duration,
}

/// For the engine to take a service on.
const TAKING: Duration = Duration::from_secs(60);

/// So long the starter waits for the view to tell what has happened: order is not worth more.
const LOOK: Duration = Duration::from_secs(1);

/// How long a service may take that got SIGKILL.
const AFTER_KILL: Duration = Duration::from_secs(5);

impl Starter {
    /// Has the engine take on all of them, down until their turn comes, and waits for what is to be started.
    pub(super) fn new(stage: &Stage) -> io::Result<Self> {
        let (say, said) = mpsc::channel();
        let (reader, writer) = UnixStream::pair()?;
        reader.set_nonblocking(true)?;
        let (starts, wanted) = mpsc::channel::<Start>();
        let ending = Arc::new(AtomicBool::new(false));
        let this = Self { said, say, starts, ending: Arc::clone(&ending), reader, writer };
        let scan = stage.tree.scan_dir();
        let all: Vec<Start> = stage.cast.iter().map(Start::of).collect();
        this.spawn(move |teller| {
            let refused = |name: String, error: &Error| {
                teller.tell(Said::Refused { name, why: why(error), exit: Exit::from(error) });
            };
            // Whoever looks finds all of them.
            for start in all {
                if ending.load(Ordering::Relaxed) {
                    return;
                }
                if let Err(error) = scan.enable(&start.dir, Instant::now() + TAKING) {
                    refused(start.name, &error);
                }
            }
            for start in wanted {
                if ending.load(Ordering::Relaxed) {
                    return;
                }
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
        let _heard = self.starts.send(Start::of(cast));
    }

    /// Stops the services, each level before those that it needs.
    pub(super) fn stop(&self, stage: &Stage, at_once: bool) -> io::Result<()> {
        self.ending.store(true, Ordering::Relaxed);
        let levels = levels(stage);
        self.spawn(move |teller| {
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

struct Teller {
    say: mpsc::Sender<Said>,
    writer: UnixStream,
}

impl Teller {
    fn tell(&self, said: Said) {
        // Nobody listens any more once the view has ended.
        let _heard = self.say.send(said).is_ok() && (&self.writer).write(&[1]).is_ok();
    }

    /// Has the view tell how this level came out, before the next one is begun: it reads the records by
    /// itself, and would find both done and show them in the order of their names.
    fn look(&self) {
        let (answer, answered) = mpsc::channel();
        if self.say.send(Said::Look(answer)).is_ok() && (&self.writer).write(&[1]).is_ok() {
            let _late = answered.recv_timeout(LOOK);
        }
    }

    fn failed(&self, name: &str, why: impl Into<String>, exit: Exit) {
        self.tell(Said::Failed { name: name.to_owned(), why: why.into(), exit });
    }
}

/// The last to be started first.
fn levels(stage: &Stage) -> Vec<Vec<Job>> {
    let job = |name: &String| {
        stage.find(name).map(|cast| Job {
            name: cast.name.clone(),
            dir: cast.dir.clone(),
            kill_after: cast.kill_after,
        })
    };
    let levels = stage.order.levels().iter().rev();
    levels.map(|level| level.iter().filter_map(job).collect()).collect()
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

fn why(error: &Error) -> String {
    crate::output::message(error)
}
