//! Waits until every service of a scan directory is up, and sends no request.
//!
//!     cargo run -p svcmgr --example wait -- /etc/service [SECONDS]

use std::time::{Duration, Instant};

use svcmgr::{Error, Goal, Request, ScanDir};

fn main() -> Result<(), Error> {
    let mut args = std::env::args_os().skip(1);
    let dir = args.next().unwrap_or_else(|| "/etc/service".into());
    let seconds = args.next().and_then(|text| text.to_str()?.parse().ok()).unwrap_or(30);
    let services = ScanDir::new(dir).services()?;
    let deadline = Instant::now() + Duration::from_secs(seconds);
    // One watch for all: a thousand services cost no thread and no timer.
    for (service, outcome) in Request::wait(Goal::Up).pursue_all(&services, deadline)? {
        println!("{}: {}", service.name(), outcome?);
    }
    Ok(())
}
