//! The events of a scan directory under tokio, beside something else.
//!
//!     cargo run -p svcmgr --example tokio --features tokio -- /etc/service [COUNT]

use svcmgr::{ScanDir, WatchSet, tokio::WatchStream};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let dir = args.next().unwrap_or_else(|| "/etc/service".into());
    let count = args.next().and_then(|count| count.parse().ok()).unwrap_or(usize::MAX);
    let mut watch = WatchSet::new()?;
    watch.follow(ScanDir::new(dir))?;
    let mut events = WatchStream::new(watch)?;
    for _ in 0..count {
        tokio::select! {
            // Dropping this future at any point loses nothing.
            Some(event) = events.next() => {
                println!("{}", event?);
            }
            signal = tokio::signal::ctrl_c() => return Ok(signal?),
        }
    }
    Ok(())
}
