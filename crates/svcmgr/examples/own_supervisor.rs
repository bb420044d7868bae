//! A supervisor of your own, in the same calls as all others: here a part of this program.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use svcmgr::{Error, Intent, Name, Pending, Pid, Request, Status, Supervised, UnixTime};

struct Cache(Mutex<Status>);

impl Supervised for Cache {
    fn name(&self) -> Name<'_> {
        Name::new("cache")
    }
    fn status(&self) -> Result<Status, Error> {
        Ok(*self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
    fn request(&self, intent: &Intent) -> Result<Pending, Error> {
        let status = match (intent, Pid::new(std::process::id().into())) {
            (Intent::Up, Some(pid)) => Status::up(pid, UnixTime::now()),
            (Intent::Down, _) => Status::down(UnixTime::now()),
            (other, _) => return Err(Error::unsupported(self.name(), *other)),
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = status;
        Ok(Pending::delivered())
    }
}

fn main() -> Result<(), Error> {
    let cache = Arc::new(Cache(Mutex::new(Status::down(UnixTime::now()))));
    let deadline = Instant::now() + Duration::from_secs(10);
    println!("{}: {}", cache.name(), Request::up().pursue(&cache, deadline)?);
    println!("{}: {}", cache.name(), Request::down().pursue(&cache, deadline)?);
    Ok(())
}
