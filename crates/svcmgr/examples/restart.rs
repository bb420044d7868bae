//! Restarts services and says what came of it: a new process, or why not.
//!
//!     cargo run -p svcmgr --example restart -- /etc/service/web /etc/service/db

use std::time::{Duration, Instant};

use svcmgr::{Error, Request, Service};

fn main() -> Result<(), Error> {
    let services: Vec<Service> =
        std::env::args_os().skip(1).map(Service::open).collect::<Result<_, _>>()?;
    // SIGTERM first; SIGKILL for what is still there after five seconds.
    let request = Request::restart().kill_after(Duration::from_secs(5));
    let deadline = Instant::now() + Duration::from_secs(30);
    for (service, outcome) in request.pursue_all(&services, deadline)? {
        match outcome {
            Ok(outcome) => println!("{}: {outcome}", service.name()),
            Err(error) => println!("{}: {error}", service.name()),
        }
    }
    Ok(())
}
