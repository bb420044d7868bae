//! The events of a scan directory as a stream under tokio, beside something else.
//!
//!     cargo run -p svcmgr --example tokio --features tokio -- /etc/service [COUNT]

use std::{future::poll_fn, pin::pin};

use futures_core::Stream;
use svcmgr::{ScanDir, WatchSet, tokio::WatchStream};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let dir = args.next().unwrap_or_else(|| "/etc/service".into());
    let count = args.next().and_then(|count| count.parse().ok()).unwrap_or(usize::MAX);
    let mut watch = WatchSet::new()?;
    watch.follow(ScanDir::new(dir))?;
    let mut stream = pin!(WatchStream::new(watch)?);
    for _ in 0..count {
        // Dropping this future at any point loses nothing.
        let next = poll_fn(|cx| stream.as_mut().poll_next(cx));
        tokio::select! {
            event = next => match event {
                Some(event) => {
                    let event = event?;
                    println!("{} {}", event.name(), event.news.name());
                }
                None => break,
            },
            signal = tokio::signal::ctrl_c() => return Ok(signal?),
        }
    }
    Ok(())
}
