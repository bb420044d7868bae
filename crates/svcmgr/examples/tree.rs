//! Two services for development, nothing installed, nothing left behind.
//!
//!     cargo run -p svcmgr --example tree --features devtree

use std::time::{Duration, Instant};

use svcmgr::devtree::{Definition, DevTree, TreeError};

fn main() -> Result<(), TreeError> {
    let soon = || Instant::now() + Duration::from_secs(20);
    // `DevTree::named("blog")` would be there the next time.
    let mut tree = DevTree::temporary()?;
    for name in ["db", "web"] {
        tree.add(&Definition::new(name, ["sh", "-c", "echo hello; exec sleep 1000"]))?;
    }
    tree.start(soon())?;
    for name in ["db", "web"] {
        tree.enable(name, soon())?;
    }
    // A scan directory like any other: `svctl --dir` and `sv` work on it, too.
    for service in tree.scan_dir().services().unwrap_or_default() {
        let seen = service.status().ok().and_then(|seen| Some(seen.reading.status()?.state()));
        println!("{}: {}", service.name(), seen.map_or("unknown", |state| state.name()));
    }
    let stopped = tree.stop(soon())?;
    println!("stopped, {} killed", stopped.killed);
    Ok(())
}
