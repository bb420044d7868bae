//! When a service is ready and whether it is well, for a supervisor that asks by itself: the file `probes`, and scripts for
//! what it cannot ask.

use std::net::SocketAddr;

use super::{Entries, Job, family};
use crate::{
    error::Error,
    script::{Arg, Language, Step},
    spec::{HealthCheck, ReadyCheck, Service, Time},
};

/// What the supervisor is to do.
enum Way {
    /// The line that says it.
    Itself(String),
    /// A script with this program; as a process of the service or not.
    Script(Vec<Arg>, bool),
}

pub(super) fn write(job: &Job<'_>, entries: &mut Entries, process: &[Step]) -> Result<(), Error> {
    let service = job.service;
    let mut text = String::new();
    let ready = service.ready.as_ref().map(|ready| &ready.check);
    let health = service.health.as_ref().map(|health| &health.check);
    let asked = [
        ("ready", "data/check", ready.and_then(of_readiness)),
        ("health", "data/health", health.map(of_health)),
    ];
    for (key, path, way) in asked {
        match way {
            None => (),
            Some(Way::Itself(line)) => text.push_str(&format!("{key} {line}\n")),
            Some(Way::Script(program, is_own)) => {
                text.push_str(&format!("{key} command\n"));
                let steps = if is_own { process.to_vec() } else { Vec::new() };
                family::ask(job, entries, (path, key), (steps, program), Language::Sh)?;
            }
        }
    }
    text.push_str(&times(service));
    if !text.is_empty() {
        entries.file(svproto::files::PROBES, 0o644, text);
    }
    Ok(())
}

fn of_readiness(check: &ReadyCheck) -> Option<Way> {
    Some(match check {
        // The file for it is s6's.
        ReadyCheck::Fd(_) => return None,
        ReadyCheck::Notify => Way::Itself("notify".to_owned()),
        ReadyCheck::Tcp(place) => of_place(place),
        ReadyCheck::Http(url) => of_url(url),
        ReadyCheck::Command(argv) => Way::Script(family::words(argv), true),
    })
}

fn of_health(check: &HealthCheck) -> Way {
    match check {
        HealthCheck::Tcp(place) => of_place(place),
        HealthCheck::Http(url) => of_url(url),
        HealthCheck::Command(argv) => Way::Script(family::words(argv), true),
    }
}

fn of_place(place: &str) -> Way {
    if is_known(place) {
        Way::Itself(format!("tcp {place}"))
    } else {
        Way::Script(family::connects(place).unwrap_or_default(), false)
    }
}

fn of_url(url: &str) -> Way {
    let rest = url.strip_prefix("http://");
    let authority = rest.and_then(|rest| rest.split(['/', '?', '#']).next());
    let is_one = authority.is_some_and(|it| is_known(it) || is_known(&format!("{it}:80")));
    if is_one {
        Way::Itself(format!("http {url}"))
    } else {
        Way::Script(family::answers(url), false)
    }
}

/// Whether nothing has to be looked up for it.
fn is_known(place: &str) -> bool {
    let port = place.strip_prefix("localhost:");
    port.map_or_else(|| place.parse::<SocketAddr>().is_ok(), |port| port.parse::<u16>().is_ok())
}

fn times(service: &Service) -> String {
    let mut text = String::new();
    let mut say = |words: &str, time: Option<Time>| {
        if let Some(time) = time {
            text.push_str(&format!("{words} {}\n", time.0.as_millis()));
        }
    };
    say("ready timeout", service.ready.as_ref().and_then(|ready| ready.timeout));
    say("watchdog", service.watchdog);
    let Some(health) = &service.health else { return text };
    say("health every", health.every);
    say("health timeout", health.timeout);
    if let Some(failures) = health.failures {
        text.push_str(&format!("health failures {failures}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_to_be_looked_up_is_asked_by_a_script() {
        let itself = |way: Way| matches!(way, Way::Itself(_));
        for place in ["127.0.0.1:80", "[::1]:80", "localhost:80"] {
            assert!(itself(of_place(place)), "{place}");
        }
        assert!(!itself(of_place("db:5432")));
        for url in ["http://127.0.0.1/a", "http://[::1]:81?b", "http://localhost:8080"] {
            assert!(itself(of_url(url)), "{url}");
        }
        for url in ["https://127.0.0.1/", "http://web/", "http://a@127.0.0.1/"] {
            assert!(!itself(of_url(url)), "{url}");
        }
    }
}
