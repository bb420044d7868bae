//! How to test a client of supervisors, here a function that stops services: with doubles that make
//! its work hard. A template for tests of one's own.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

use std::{
    path::Path,
    time::{Duration, Instant},
};

use svclient::{Outcome, Request, ScanDir, pursue};
use svdevtree::testkit::{Kit, double};

// Once in a test program.
svdevtree::testkit!();

/// The client to be tested: stops everything in a scan directory, and names what did not stop.
fn stop_all(scan_dir: &Path, patience: Duration) -> Result<Vec<String>, svclient::Error> {
    let services = ScanDir::new(scan_dir).services()?;
    let outcomes = pursue(&services, &Request::down(), Instant::now() + patience)?;
    let stays = |outcome: &Result<Outcome, _>| !outcome.as_ref().is_ok_and(Outcome::is_reached);
    let named = services.iter().zip(&outcomes).filter(|(_, outcome)| stays(outcome));
    Ok(named.map(|(service, _)| service.name().to_string()).collect())
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

#[test]
fn what_does_not_stop_is_named() {
    let mut kit = Kit::new().unwrap();
    let services = [
        double::never_ready("api"),
        double::ignores_term("worker"),
        double::crashes_at_once("cron", 1),
    ];
    kit.start_all(services, soon()).unwrap();
    let left = stop_all(&kit.scan_dir(), Duration::from_millis(500)).unwrap();
    assert_eq!(left, ["worker"]);
}
