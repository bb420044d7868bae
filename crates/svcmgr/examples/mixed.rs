//! Units of systemd and service directories in one list: restarted together, watched together.
//!
//!     cargo run -p svcmgr --example mixed --features systemd -- web.service /etc/service/db

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use svcmgr::{Error, Request, Suite, Supervised, WatchSet};

fn main() -> Result<(), Error> {
    let services: Vec<Arc<dyn Supervised>> =
        std::env::args_os().skip(1).map(svcmgr::open).collect::<Result<_, _>>()?;
    let mut watch = WatchSet::new()?;
    for service in &services {
        watch.add(Arc::clone(service))?;
    }
    let deadline = Instant::now() + Duration::from_secs(30);
    for (service, outcome) in Request::restart().pursue_all(&services, deadline)? {
        let suite = service.suite().map_or("nobody", Suite::name);
        println!("{} ({suite}): {}", service.name(), outcome?);
    }
    // What happened meanwhile was not missed.
    while let Some(event) = watch.next_now()? {
        println!("{event}");
    }
    Ok(())
}
