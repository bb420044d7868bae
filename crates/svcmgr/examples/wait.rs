//! Waits until every service of a scan directory is up, and asks for nothing.
//!
//!     cargo run -p svcmgr --example wait -- /etc/service [SECONDS]

use std::time::{Duration, Instant};

use svcmgr::{Error, Goal, Outcome, Request, ScanDir, pursue};

fn main() -> Result<(), Error> {
    let mut args = std::env::args_os().skip(1);
    let dir = args.next().unwrap_or_else(|| "/etc/service".into());
    let seconds = args.next().and_then(|text| text.to_str()?.parse().ok()).unwrap_or(30);
    let services = ScanDir::new(dir).services()?;
    let deadline = Instant::now() + Duration::from_secs(seconds);
    // One watch for all: a thousand services cost no thread and no timer.
    let outcomes = pursue(&services, &Request::wait(Goal::Up), deadline)?;
    for (service, outcome) in services.iter().zip(outcomes) {
        match outcome? {
            Outcome::Reached { .. } => println!("{}: up", service.name()),
            Outcome::Never { why, .. } => println!("{}: {why}", service.name()),
            Outcome::Deadline { .. } | Outcome::NotAsked => {
                println!("{}: not in time", service.name());
            }
        }
    }
    Ok(())
}
