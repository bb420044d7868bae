//! Starting and stopping services by need, on a thread beside the view.

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

use svcmgr::{Error, Goal, Op, Outcome, OutcomeKind, Request, ScanDir, Service, pursue};

use super::stage::Stage;
use crate::{cmd::deadline::deadline, exit::Exit, text};

/// What the starter tells.
pub(super) enum Said {
    /// All that is to be up is up, and ready where it says so.
    Ready { took: Duration },
    /// One did not do what it should.
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
    /// Nothing more is to be started.
    ending: Arc<AtomicBool>,
    reader: UnixStream,
    writer: UnixStream,
}

/// One service of a level.
struct Job {
    name: String,
    dir: PathBuf,
    goal: Option<Goal>,
    kill_after: Duration,
}

/// A level that takes longer than this to get ready holds the next ones up no more.
const READY: Duration = Duration::from_secs(60);

/// So long the starter waits for the view to tell what has happened: order is not worth more.
const LOOK: Duration = Duration::from_secs(1);

/// How long a service may take that got SIGKILL.
const AFTER_KILL: Duration = Duration::from_secs(5);

impl Starter {
    /// Enables the services, each level when the one before is up.
    pub(super) fn start(stage: &Stage) -> io::Result<Self> {
        let (say, said) = mpsc::channel();
        let (reader, writer) = UnixStream::pair()?;
        reader.set_nonblocking(true)?;
        let ending = Arc::new(AtomicBool::new(false));
        let this = Self { said, say, ending: Arc::clone(&ending), reader, writer };
        let (levels, scan) = (levels(stage), stage.tree.scan_dir());
        this.spawn(move |mut teller| {
            let begun = Instant::now();
            let mut well = true;
            for level in levels {
                if ending.load(Ordering::Relaxed) {
                    return;
                }
                let quiet = Teller { mute: Some(Arc::clone(&ending)), ..teller };
                well &= start(&scan, &level, &quiet);
                quiet.look();
                teller = Teller { mute: None, ..quiet };
            }
            if well {
                teller.tell(Said::Ready { took: begun.elapsed() });
            }
        })?;
        Ok(this)
    }

    /// Stops the services, each level before those that it needs.
    pub(super) fn stop(&mut self, stage: &Stage, at_once: bool) -> io::Result<()> {
        let mut levels = levels(stage);
        levels.reverse();
        self.ending.store(true, Ordering::Relaxed);
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
        let teller = Teller { say: self.say.clone(), writer: self.writer.try_clone()?, mute: None };
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
    /// Who is told to end has not failed to start.
    mute: Option<Arc<AtomicBool>>,
}

impl Teller {
    fn tell(&self, said: Said) {
        if self.mute.as_ref().is_some_and(|mute| mute.load(Ordering::Relaxed)) {
            return;
        }
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

fn levels(stage: &Stage) -> Vec<Vec<Job>> {
    let job = |name: &String| {
        stage.find(name).map(|cast| Job {
            name: cast.name.clone(),
            dir: cast.dir.clone(),
            goal: cast.goal,
            kill_after: cast.kill_after,
        })
    };
    stage.plan.levels().iter().map(|level| level.iter().filter_map(job).collect()).collect()
}

/// Whether all of a level came up.
fn start(scan: &ScanDir, level: &[Job], teller: &Teller) -> bool {
    let deadline = Instant::now() + READY;
    let mut well = true;
    let mut enabled = Vec::new();
    for job in level {
        match scan.enable(&job.dir, deadline) {
            Ok(done) => enabled.push((job, done.service)),
            Err(error) => {
                well = false;
                teller.failed(&job.name, why(&error), Exit::from(&error));
            }
        }
    }
    for goal in [Goal::Up, Goal::Ready] {
        let (jobs, services): (Vec<&Job>, Vec<Service>) = enabled
            .iter()
            .filter(|(job, _)| job.goal == Some(goal))
            .map(|(job, service)| (*job, service.clone()))
            .unzip();
        // Those that become ready are asked only once: they are enabled, hence wanted up.
        match pursue(&services, &Request::wait(goal), deadline) {
            Ok(results) => {
                for (job, result) in jobs.iter().zip(results) {
                    well &= judge(job, result, teller);
                }
            }
            Err(error) => {
                well = false;
                teller.failed("the services", why(&error), Exit::from(&error));
            }
        }
    }
    well
}

fn judge(job: &Job, result: Result<Outcome, Error>, teller: &Teller) -> bool {
    match result {
        Ok(outcome) if outcome.is_reached() => return true,
        Ok(outcome) if outcome.kind() == OutcomeKind::Never => {
            teller.failed(&job.name, outcome.to_string(), Exit::Negative);
        }
        Ok(_) => {
            let goal = if job.goal == Some(Goal::Ready) { "ready" } else { "up" };
            let text = format!("is not {goal} after {} s; the others are started", READY.as_secs());
            teller.failed(&job.name, text, Exit::Deadline);
        }
        Err(error) => teller.failed(&job.name, why(&error), Exit::from(&error)),
    }
    false
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
