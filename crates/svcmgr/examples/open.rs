//! How services stand, by the names that somebody typed.
//!
//!     cargo run -p svcmgr --example open -- web web/log ./web /etc/service/web
//!     cargo run -p svcmgr --example open --features systemd -- web.service systemd:web

use svcmgr::{Error, Reading, Suite};

fn main() -> Result<(), Error> {
    for name in std::env::args_os().skip(1) {
        let service = svcmgr::open(&name)?;
        let seen = service.status()?;
        let suite = service.suite().map_or("nobody", Suite::name);
        match seen.reading {
            Reading::Record(status) => println!("{}: {}, {suite}", service.name(), status.state()),
            // Not an error: nobody supervises it, and its record would be stale.
            Reading::Unsupervised => println!("{}: unsupervised", service.name()),
            Reading::NotYet => println!("{}: its supervisor is starting", service.name()),
        }
    }
    Ok(())
}
