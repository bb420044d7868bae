//! Restarts services and says what came of it: a new process, or why not.
//!
//!     cargo run -p svcmgr --example restart -- /etc/service/web /etc/service/db

use std::time::{Duration, Instant};

use svcmgr::{Error, Outcome, Request, Service, pursue};

fn main() -> Result<(), Error> {
    let services: Vec<Service> =
        std::env::args_os().skip(1).map(Service::open).collect::<Result<_, _>>()?;
    // SIGTERM first; SIGKILL for what is still there after five seconds.
    let request = Request::restart().kill_after(Duration::from_secs(5));
    let deadline = Instant::now() + Duration::from_secs(30);
    for (service, result) in services.iter().zip(pursue(&services, &request, deadline)?) {
        let line = match result {
            Ok(Outcome::Reached { observation, took }) => {
                let pid = observation.reading.facts().and_then(|status| status.pid);
                let pid = pid.map(|pid| pid.to_string()).unwrap_or_default();
                format!("restarted as {pid} after {} ms", took.as_millis())
            }
            Ok(Outcome::Never { why, .. }) => why.to_string(),
            Ok(Outcome::Deadline { acknowledged: true, .. }) => "still stopping".to_owned(),
            Ok(Outcome::NotAsked) => "not asked".to_owned(),
            Ok(Outcome::Deadline { .. }) => {
                "not restarted, and no sign that the request was read".to_owned()
            }
            Err(error) => error.to_string(),
        };
        println!("{}: {line}", service.name());
    }
    Ok(())
}
