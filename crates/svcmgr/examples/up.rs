//! Starts a service, waits until it has stayed up for a while, and says what became of it.
//!
//!     cargo run -p svcmgr --example up -- /etc/service/web

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use svcmgr::{Error, Goal, Outcome, Request, Service, pursue};

fn main() -> Result<ExitCode, Error> {
    let dir = std::env::args_os().nth(1).unwrap_or_else(|| "/etc/service/web".into());
    let web = Service::open(dir)?;
    // A process that dies at once was up, too. So ask for more than that; and for more than the
    // second in which daemontools, having started one, does not look whether it is still there.
    let request = Request::up().until(Goal::UpFor(Duration::from_millis(1500)));
    let deadline = Instant::now() + Duration::from_secs(4);
    let mut code = ExitCode::FAILURE;
    for outcome in pursue(&[web], &request, deadline)? {
        match outcome? {
            Outcome::Reached { observation, .. } => {
                let pid = observation.reading.facts().and_then(|status| status.pid);
                println!(
                    "up, and stays up{}",
                    pid.map_or(String::new(), |pid| format!(" (pid {pid})"))
                );
                code = ExitCode::SUCCESS;
            }
            Outcome::Never { why, .. } => println!("it will not: {why}"),
            Outcome::Deadline { observation, acknowledged, .. } => {
                let state = observation.reading.facts().map(|status| status.state().name());
                let heard = if acknowledged { "heard" } else { "perhaps not heard" };
                println!(
                    "not in time: {}, the request was {heard}",
                    state.unwrap_or("unsupervised")
                );
            }
            Outcome::NotAsked => println!("it was never asked"),
        }
    }
    Ok(code)
}
