//! A supervisor of your own for one service directory, as in containers and tests. Clients of
//! runit can control it.
//!
//!     cargo run -p svcmgr --example supervise --features devtree -- ./web

use svcmgr::devtree::{Error, Options, ServiceOptions, supervise};

fn main() -> Result<(), Error> {
    let dir = std::env::args_os().nth(1).unwrap_or_else(|| "web".into());
    let options = Options::new().observer(|event| println!("{}", event.kind));
    // Returns when it is told to end: by SIGTERM, or by a client.
    supervise(dir.as_ref(), options, ServiceOptions::new()).map(drop)
}
