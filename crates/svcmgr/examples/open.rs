//! How services stand, by the names that somebody typed.
//!
//!     cargo run -p svcmgr --example open -- web web/log ./web /etc/service/web
//!     cargo run -p svcmgr --example open --features systemd -- web.service systemd:web

use svcmgr::{Error, Suite};

fn main() -> Result<(), Error> {
    for name in std::env::args_os().skip(1) {
        let service = svcmgr::open(&name)?;
        let suite = service.suite().map_or("nobody", Suite::name);
        println!("{}: {}, {suite}", service.name(), service.status()?.state());
    }
    Ok(())
}
