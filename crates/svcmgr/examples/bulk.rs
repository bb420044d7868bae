//! Restarts every service of a scan directory, a few at a time, and tells what came of each.
//!
//!     cargo run -p svcmgr --example bulk -- /etc/service [AT_A_TIME]
//!
//! Services of other kinds may be in the same list: make it of `Arc<dyn Supervised>`.

use std::{
    num::NonZeroUsize,
    time::{Duration, Instant},
};

use svcmgr::{Bulk, Goal, Request, ScanDir};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args_os().skip(1);
    let dir = args.next().unwrap_or_else(|| "/etc/service".into());
    let at_a_time = args.next().and_then(|count| count.to_str()?.parse().ok());
    let services = ScanDir::new(dir).services()?;
    let bulk = Bulk::new(&services)
        .limit(at_a_time.unwrap_or(NonZeroUsize::MIN))
        // What "ready" means for services that do not say it themselves.
        .ready_when(Duration::from_millis(100), |_, status| status.pid().is_some());
    let request = Request::restart().until(Goal::Ready).kill_after(Duration::from_secs(10));
    let outcomes = bulk.pursue(&request, Instant::now() + Duration::from_secs(60))?;
    for (service, outcome) in services.iter().zip(outcomes) {
        match outcome {
            Ok(outcome) => println!("{}: {outcome}", service.name()),
            Err(error) => println!("{}: {error}", service.name()),
        }
    }
    Ok(())
}
