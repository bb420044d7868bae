//! A supervisor of one's own, in the same calls as all others: here a child of this program.
//!
//!     cargo run -p svcmgr --example own_supervisor -- sleep 1000

use std::{
    process::{Child, Command},
    sync::{Arc, Mutex, PoisonError},
    task::Waker,
    time::{Duration, Instant},
};

use svcmgr::{
    Error, ErrorKind, Intent, Name, Pending, Pid, Request, Status, Subscription, Suite, Supervised,
    Support, UnixTime, WatchSet,
};

/// A command that runs or does not.
#[derive(Clone)]
struct Runner {
    argv: Vec<String>,
    state: Arc<Mutex<State>>,
}

struct State {
    child: Option<Child>,
    since: UnixTime,
}

impl Runner {
    fn refuse(&self, intent: Intent, kind: ErrorKind, why: impl Into<Sorry>) -> Error {
        Error::other(self.name(), format!("send `{intent}` to"), kind, why)
    }
}

type Sorry = Box<dyn std::error::Error + Send + Sync>;

impl Supervised for Runner {
    fn name(&self) -> Name<'_> {
        Name::new(self.argv.first().map_or("nothing", String::as_str))
    }

    fn suite(&self) -> Option<Suite> {
        Some(Suite::Own("runner"))
    }

    fn support(&self, intent: &Intent) -> Support {
        if matches!(intent, Intent::Up | Intent::Down) { Support::Yes } else { Support::No }
    }

    fn status(&self) -> Result<Status, Error> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if matches!(state.child.as_mut().map(Child::try_wait), Some(Ok(Some(_)))) {
            (state.child, state.since) = (None, UnixTime::now());
        }
        let pid = state.child.as_ref().and_then(|child| Pid::new(child.id().into()));
        Ok(pid.map_or(Status::down(state.since), |pid| Status::up(pid, state.since)))
    }

    fn request(&self, intent: &Intent) -> Result<Pending, Error> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match (*intent, &mut state.child) {
            (Intent::Up, None) => {
                let (program, args) = self.argv.split_first().ok_or_else(|| {
                    self.refuse(*intent, ErrorKind::NotFound, "there is no command to run")
                })?;
                let child = Command::new(program).args(args).spawn();
                let child = child.map_err(|error| self.refuse(*intent, ErrorKind::Io, error))?;
                (state.child, state.since) = (Some(child), UnixTime::now());
            }
            (Intent::Down, Some(child)) => {
                child.kill().map_err(|error| self.refuse(*intent, ErrorKind::Io, error))?;
            }
            (Intent::Up | Intent::Down, _) => (),
            _ => {
                return Err(self.refuse(*intent, ErrorKind::Unsupported, "it knows up and down"));
            }
        }
        Ok(Pending::delivered())
    }

    /// Nobody tells of a child's end. Who has a thread or a connection that does calls the waker.
    fn subscribe(&self, _waker: Waker) -> Result<Subscription, Error> {
        Ok(Subscription::every(Duration::from_millis(20)))
    }
}

fn main() -> Result<(), Error> {
    let argv = std::env::args().skip(1).collect();
    let state = Arc::new(Mutex::new(State { child: None, since: UnixTime::now() }));
    let runner = Runner { argv, state };
    let mut watch = WatchSet::new()?;
    watch.add(runner.clone())?;

    let deadline = Instant::now() + Duration::from_secs(10);
    for request in [Request::up(), Request::down()] {
        println!("{}: {}", runner.name(), request.pursue(&runner, deadline)?);
        while let Some(event) = watch.next_now()? {
            println!("{}: {}", event.name(), event.news.name());
        }
    }
    Ok(())
}
