//! Starts a service, waits until it has stayed up for a while, and says what became of it.
//!
//!     cargo run -p svcmgr --example up -- /etc/service/web

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use svcmgr::{Error, Goal, Request, Service};

fn main() -> Result<ExitCode, Error> {
    let dir = std::env::args_os().nth(1).unwrap_or_else(|| "/etc/service/web".into());
    let web = Service::open(dir)?;
    // A process that dies at once was up, too, so this asks for more. For more than a second,
    // because in the first one daemontools does not notice that a process has ended.
    let request = Request::up().until(Goal::UpFor(Duration::from_millis(1500)));
    let deadline = Instant::now() + Duration::from_secs(4);
    let outcome = request.pursue(&web, deadline)?;
    println!("{}: {outcome}", web.name());
    Ok(if outcome.is_reached() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
