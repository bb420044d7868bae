//! How the services of a scan directory stand.
//!
//!     cargo run -p svcmgr --example status -- /etc/service

use svcmgr::{Error, ScanDir};

fn main() -> Result<(), Error> {
    let dir = std::env::args_os().nth(1).unwrap_or_else(|| "/etc/service".into());
    for service in ScanDir::new(dir).services()? {
        // A service that cannot be read does not hide the others.
        let line = match service.status() {
            Ok(status) => status.to_string(),
            Err(error) => format!("{error} {}", error.hint().unwrap_or_default()),
        };
        println!("{}: {line}", service.name());
    }
    Ok(())
}
