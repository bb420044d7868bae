//! What services have logged, merged by time, and then what they log from now on.
//!
//!     cargo run -p svcmgr --example logs -- /etc/service [LINES]
//!
//! Ends after LINES lines, if that is given.

use svcmgr::{Error, LogFrom, Logs, ScanDir};

fn main() -> Result<(), Error> {
    let mut args = std::env::args_os().skip(1);
    let dir = args.next().unwrap_or_else(|| "/etc/service".into());
    let count = args.next().and_then(|count| count.to_str()?.parse().ok()).unwrap_or(usize::MAX);
    let mut logs = Logs::new()?;
    let mut names = Vec::new();
    for service in ScanDir::new(dir).services()? {
        let found = service.logs();
        for log in found.dirs() {
            logs.add(log, LogFrom::Start)?;
            names.push(service.name().to_string());
        }
        // Why there is none: it has no logger, or one that writes to syslog.
        for note in found.notes() {
            eprintln!("{}: {note}", service.name());
        }
    }
    // Waits for each line, also across rotation.
    for line in logs.take(count) {
        let line = line?;
        let name = names.get(line.key.index()).map_or("", String::as_str);
        // The text; also what is no line, such as that some were removed unread.
        println!("{name}: {}", line.item);
    }
    Ok(())
}
