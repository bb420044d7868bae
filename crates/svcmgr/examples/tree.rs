//! Two services for development, nothing installed, nothing left behind.
//!
//!     cargo run -p svcmgr --example tree --features devtree

use std::{
    error::Error,
    time::{Duration, Instant},
};

use svcmgr::{
    Request,
    devtree::{Definition, DevTree, become_keeper_if_asked},
};

fn main() -> Result<(), Box<dyn Error>> {
    // First of all: the tree's keeper is this program, executed once more.
    become_keeper_if_asked();
    let soon = || Instant::now() + Duration::from_secs(20);
    // `DevTree::named("blog")?` would be kept for the next time.
    let mut tree = DevTree::temporary()?;
    for name in ["db", "web"] {
        tree.add(Definition::new(name, ["sh", "-c", "echo hello; exec sleep 1000"]))?;
    }
    tree.start(soon())?;
    for name in ["db", "web"] {
        tree.enable(name, soon())?;
    }
    // A scan directory like any other: `svctl --dir` and `sv` work on it, too.
    let services = tree.scan_dir().services()?;
    for (service, outcome) in Request::up().pursue_all(&services, soon())? {
        println!("{}: {}", service.name(), outcome?);
    }
    let stopped = tree.stop(soon())?;
    println!("stopped, {} killed", stopped.killed);
    Ok(())
}
