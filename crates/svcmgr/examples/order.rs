//! Starts services in the order of their needs, and prints the plan first.
//!
//!     cargo run -p svcmgr --example order -- /etc/service web:db,cache db: cache:

use std::time::{Duration, Instant};

use svcmgr::{OnFailure, Order, Request, ScanDir};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let scan = ScanDir::new(args.next().ok_or("usage: order DIR NAME:AFTER,AFTER...")?);
    let edges: Vec<(String, String)> = args
        .map(|arg| arg.split_once(':').map(|(name, after)| (name.into(), after.into())))
        .collect::<Option<_>>()
        .ok_or("write each service as NAME:AFTER,AFTER")?;
    let after = |names: &'_ str| -> Vec<String> {
        names.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()
    };
    let needs: Vec<(String, Vec<String>)> =
        edges.into_iter().map(|(name, names)| (name, after(&names))).collect();
    let plan = Order::new(needs.iter().map(|(name, after)| (&**name, after.iter().map(|n| &**n))))?;
    print!("{plan}");
    let services =
        needs.iter().map(|(name, _)| scan.service(name)).collect::<Result<Vec<_>, _>>()?;
    let deadline = Instant::now() + Duration::from_secs(30);
    for step in plan.carry_out(&services, &Request::up(), deadline, OnFailure::Stop)? {
        println!("{}: {:?}", step.name, step.result.map(|result| result.is_ok()));
    }
    Ok(())
}
