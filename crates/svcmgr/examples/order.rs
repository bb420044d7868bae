//! Starts services in the order of their needs, and prints that order first.
//!
//!     cargo run -p svcmgr --example order -- /etc/service web:db,cache db: cache:

use std::time::{Duration, Instant};

use svcmgr::{OnFailure, Order, Request, ScanDir};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (dir, needs) = args.split_first().ok_or("usage: order DIR NAME:AFTER,AFTER...")?;
    let needs: Vec<(&str, &str)> =
        needs.iter().map(|arg| arg.split_once(':').unwrap_or((arg.as_str(), ""))).collect();
    let order = Order::new(
        needs.iter().map(|(name, after)| (*name, after.split(',').filter(|name| !name.is_empty()))),
    )?;
    print!("{order}");

    let scan = ScanDir::new(dir);
    let services: Result<Vec<_>, _> = needs.iter().map(|(name, _)| scan.service(name)).collect();
    let deadline = Instant::now() + Duration::from_secs(30);
    for step in order.carry_out(&services?, &Request::up(), deadline, OnFailure::Stop)? {
        println!("{step}");
    }
    Ok(())
}
