//! Starting and stopping services by need, on a thread beside the view.

use std::{
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

use svcmgr::{Error, Goal, Op, Outcome, Request, ScanDir, Service, pursue};

use super::stage::Stage;
use crate::{cmd::act::deadline, exit::Exit};

/// What the crew tells.
pub(super) enum Said {
    /// All that is to be up is up, and ready where it says so.
    Ready { took: Duration },
    /// One did not do what it should.
    Failed { name: String, why: String, exit: Exit },
    /// Everything is down.
    Stopped,
}

/// The threads that work, and how they are heard.
pub(super) struct Crew {
    said: mpsc::Receiver<Said>,
    say: mpsc::Sender<Said>,
    /// Nothing more is to be started.
    ending: Arc<AtomicBool>,
    bell: UnixStream,
    rope: UnixStream,
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

impl Crew {
    /// Enables the services, each level when the one before is up.
    pub(super) fn start(stage: &Stage) -> io::Result<Self> {
        let (say, said) = mpsc::channel();
        let (bell, rope) = UnixStream::pair()?;
        bell.set_nonblocking(true)?;
        let ending = Arc::new(AtomicBool::new(false));
        let this = Self { said, say, ending: Arc::clone(&ending), bell, rope };
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
            }
            teller.tell(Said::Stopped);
        })
    }

    /// What was told since the last call.
    pub(super) fn heard(&mut self) -> Vec<Said> {
        while matches!(self.bell.read(&mut [0; 64]), Ok(1..)) {}
        self.said.try_iter().collect()
    }

    fn spawn(&self, work: impl FnOnce(Teller) + Send + 'static) -> io::Result<()> {
        let teller = Teller { say: self.say.clone(), rope: self.rope.try_clone()?, mute: None };
        thread::Builder::new().spawn(move || work(teller)).map(drop)
    }
}

impl AsFd for Crew {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }
}

struct Teller {
    say: mpsc::Sender<Said>,
    rope: UnixStream,
    /// Who is told to end has not failed to start.
    mute: Option<Arc<AtomicBool>>,
}

impl Teller {
    fn tell(&self, said: Said) {
        if self.mute.as_ref().is_some_and(|mute| mute.load(Ordering::Relaxed)) {
            return;
        }
        // Nobody listens any more once the view has ended.
        let _heard = self.say.send(said).is_ok() && (&self.rope).write(&[1]).is_ok();
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
        Ok(Outcome::Reached { .. }) => return true,
        Ok(Outcome::Never { why, .. }) => {
            teller.failed(&job.name, why.to_string(), Exit::Negative);
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

fn stop(level: &[Job], teller: &Teller) {
    for job in level {
        // All are told first, then waited for one by one: each has its own time.
        let _told = Service::open(&job.dir).and_then(|service| service.send(Op::Down));
    }
    let begun = Instant::now();
    for job in level {
        let Ok(service) = Service::open(&job.dir) else { continue };
        let left = job.kill_after.saturating_sub(begun.elapsed());
        let request = Request::down().kill_after(left);
        let deadline = deadline(left.saturating_add(Duration::from_secs(5)));
        match pursue(&[service], &request, deadline).map(|mut all| all.pop()) {
            Ok(Some(Ok(Outcome::Reached { took, .. }))) if took > left => {
                let text = format!("had to be killed after {} s", job.kill_after.as_secs());
                teller.failed(&job.name, text, Exit::Deadline);
            }
            Ok(Some(Ok(Outcome::Reached { .. } | Outcome::Never { .. })) | None) => (),
            Ok(Some(Ok(_))) => teller.failed(&job.name, "does not end", Exit::Deadline),
            // One that was never started, or has lost its supervisor, is down.
            Ok(Some(Err(_))) | Err(_) => (),
        }
    }
}

fn why(error: &Error) -> String {
    crate::output::message(error)
}
