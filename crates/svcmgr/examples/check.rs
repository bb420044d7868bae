//! Why is it not up? Every cause has a word to branch on, a sentence, and often a way out.
//!
//!     cargo run -p svcmgr --example check -- /etc/service/web /etc/service/db

use svcmgr::{ErrorKind, LastExit, Reading, Service, State};

fn main() {
    for dir in std::env::args_os().skip(1) {
        let shown = dir.to_string_lossy();
        match Service::open(&dir).and_then(|service| Ok((service.status()?, service))) {
            Ok((seen, service)) => println!("{shown}: {}", verdict(&service, &seen.reading())),
            Err(error) => {
                println!("{shown}: {error}");
                if let Some(hint) = error.hint() {
                    println!("  {hint}");
                }
                // Kinds are for programs, sentences for people.
                if error.kind() == ErrorKind::Denied {
                    println!("  another user may be allowed to");
                }
            }
        }
    }
}

fn verdict(service: &Service, reading: &Reading) -> String {
    let status = match reading {
        Reading::Record(status) => status,
        Reading::NotYet => return "its supervisor has only just begun".into(),
        Reading::Unsupervised => return "no supervisor is running there".into(),
    };
    match status.state() {
        State::Up | State::Ready => "healthy".into(),
        // Wanted up, and between two runs: it does not stay.
        State::Backoff => {
            let times = service.deaths().map(|deaths| deaths.len()).unwrap_or_default();
            let often = if times > 1 { format!(", {times} times lately") } else { String::new() };
            match status.last_exit {
                LastExit::Exited { code } => format!("does not stay up: exited with {code}{often}"),
                _ => format!("does not stay up{often}"),
            }
        }
        other => format!("is {other}"),
    }
}
