//! Units of systemd and service directories in one list: restarted together, watched together.
//!
//!     cargo run -p svcmgr --example mixed --features systemd -- web.service /etc/service/db

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use svcmgr::{Bulk, Error, Request, Suite, Supervised, WatchSet};

fn main() -> Result<(), Error> {
    let services: Vec<Arc<dyn Supervised>> =
        std::env::args_os().skip(1).map(svcmgr::open).collect::<Result<_, _>>()?;
    let mut watch = WatchSet::new()?;
    for service in &services {
        watch.add(Arc::clone(service))?;
    }
    let deadline = Instant::now() + Duration::from_secs(30);
    let outcomes = Bulk::new(&services).pursue(&Request::restart(), deadline)?;
    for (service, outcome) in services.iter().zip(outcomes) {
        let done = outcome?.is_reached();
        let suite = service.suite().map_or("nobody", Suite::name);
        println!(
            "{} ({suite}): {}",
            service.name(),
            if done { "restarted" } else { "not restarted" }
        );
    }
    // What happened meanwhile was not missed.
    while let Some(event) = watch.next_now()? {
        let state = event.status.as_ref().ok().and_then(|seen| Some(seen.facts()?.state()));
        println!(
            "{} {}: {}",
            event.news.name(),
            event.name(),
            state.map_or("unknown", |it| it.name())
        );
    }
    Ok(())
}
