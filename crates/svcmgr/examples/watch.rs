//! Follows a scan directory: a line for every change, for services that come and go as well.
//!
//!     cargo run -p svcmgr --example watch -- /etc/service [COUNT]
//!
//! Ends after COUNT events, if that is given.

use svcmgr::{Error, ScanDir, WatchSet};

fn main() -> Result<(), Error> {
    let mut args = std::env::args_os().skip(1);
    let dir = args.next().unwrap_or_else(|| "/etc/service".into());
    let count = args.next().and_then(|count| count.to_str()?.parse().ok()).unwrap_or(usize::MAX);
    let mut watch = WatchSet::new()?;
    watch.follow(ScanDir::new(dir))?;
    // One descriptor, no timer: between two changes this program does not run.
    for event in watch.take(count) {
        let event = event?;
        println!("{:>4} {event}", event.seq);
    }
    Ok(())
}
