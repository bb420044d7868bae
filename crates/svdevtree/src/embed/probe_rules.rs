//! Whether a run is ready, and whether it is well: the file [`PROBES`].
//!
//! | line                           | meaning                                                          |
//! |--------------------------------|------------------------------------------------------------------|
//! | `ready notify`                 | it sends `READY=1` to `NOTIFY_SOCKET`, as `sd_notify(3)` has it    |
//! | `ready tcp PLACE`              | it is ready when `ADDRESS:PORT` or `localhost:PORT` takes a connection |
//! | `ready http URL`               | when this answers with a status below 400; no `https:`, and an address or `localhost` |
//! | `ready command`                | when the script `data/check` exits with 0                        |
//! | `ready timeout MILLISECONDS`   | then its start has failed, and it is ended                       |
//! | `health tcp\|http\|command`    | as for `ready`; the script is `data/health`                      |
//! | `health every MILLISECONDS`    | the pause between two questions; 10 s without it                 |
//! | `health timeout MILLISECONDS`  | how long an answer may take; 2 s without it                      |
//! | `health failures N`            | so many in a row, and it is ended and started again; 3 without it |
//! | `watchdog MILLISECONDS`        | once it is ready it sends `WATCHDOG=1` more often than that      |
//!
//! A line that is none of these counts for nothing.

use std::{
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

/// The file in a service directory.
pub(crate) const PROBES: &str = svproto::files::PROBES;

/// The scripts that are asked.
const CHECK: &str = "./data/check";
const HEALTH: &str = "./data/health";

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// One of these takes a connection.
    Tcp(Vec<SocketAddr>),
    /// It answers this with a status below 400.
    Http(Vec<SocketAddr>, Vec<u8>),
    /// The script of this name exits with 0.
    Script(&'static str),
}

impl Question {
    /// `ADDRESS:PORT`, or `localhost:PORT`: other names would have to be looked up, and that is waited for.
    pub(crate) fn tcp(place: &str) -> Option<Self> {
        addresses(place).map(Self::Tcp)
    }

    /// `http://ADDRESS[:PORT][/PATH]`.
    pub(crate) fn http(url: &str) -> Option<Self> {
        let rest = url.strip_prefix("http://")?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end)?;
        let path = path.split('#').next().unwrap_or_default();
        let slash = if path.starts_with('/') { "" } else { "/" };
        let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| !port.contains(']'));
        let place = if has_port { authority.to_owned() } else { format!("{authority}:80") };
        let request = format!(
            "GET {slash}{path} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: svctl\r\nAccept: */*\r\n\
             Connection: close\r\n\r\n"
        );
        Some(Self::Http(addresses(&place)?, request.into_bytes()))
    }
}

fn addresses(place: &str) -> Option<Vec<SocketAddr>> {
    let Some(port) = place.strip_prefix("localhost:") else {
        return place.parse().ok().map(|address| vec![address]);
    };
    let port = port.parse().ok()?;
    // The one that is asked for first is taken from the end.
    Some(vec![(Ipv6Addr::LOCALHOST, port).into(), (Ipv4Addr::LOCALHOST, port).into()])
}

/// How it is known that a service is ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ReadyBy {
    Notify,
    Asking(Question),
}

/// What the file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProbeRules {
    pub(crate) ready: Option<ReadyBy>,
    pub(crate) ready_timeout: Option<Duration>,
    pub(super) health: Option<Question>,
    pub(super) every: Duration,
    pub(super) timeout: Duration,
    pub(super) failures: u32,
    pub(crate) watchdog: Option<Duration>,
}

impl ProbeRules {
    pub(crate) const NONE: Self = Self {
        ready: None,
        ready_timeout: None,
        health: None,
        every: Duration::from_secs(10),
        timeout: Duration::from_secs(2),
        failures: 3,
        watchdog: None,
    };

    pub(crate) fn from_text(text: &str) -> Self {
        let mut rules = Self::NONE;
        for line in text.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            let millis = |text: &str| {
                let millis = text.parse().ok().map(Duration::from_millis);
                millis.filter(|it| !it.is_zero())
            };
            match *words {
                ["ready", "notify"] => rules.ready = Some(ReadyBy::Notify),
                ["ready", "timeout", time] => rules.ready_timeout = millis(time),
                ["ready", ref question @ ..] => {
                    let question = asked(question, CHECK).map(ReadyBy::Asking);
                    rules.ready = question.or(rules.ready);
                }
                ["health", "every", time] => rules.every = millis(time).unwrap_or(rules.every),
                ["health", "timeout", time] => {
                    rules.timeout = millis(time).unwrap_or(rules.timeout);
                }
                ["health", "failures", count] => {
                    let count = count.parse().ok().filter(|count| *count > 0);
                    rules.failures = count.unwrap_or(rules.failures);
                }
                ["health", ref question @ ..] => {
                    rules.health = asked(question, HEALTH).or(rules.health);
                }
                ["watchdog", time] => rules.watchdog = millis(time),
                _ => (),
            }
        }
        rules
    }

    /// Whether the service is to be heard on a socket.
    pub(crate) fn hears(&self) -> bool {
        self.ready == Some(ReadyBy::Notify)
    }
}

fn asked(words: &[&str], script: &'static str) -> Option<Question> {
    match *words {
        ["tcp", place] => Question::tcp(place),
        ["http", url] => Question::http(url),
        ["command"] => Some(Question::Script(script)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(text: &str) -> ProbeRules {
        ProbeRules::from_text(text)
    }

    fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_place_is_an_address_or_this_machine_and_nothing_that_must_be_looked_up() {
        let one = |text: &str| vec![text.parse().unwrap()];
        assert_eq!(Question::tcp("127.0.0.1:80"), Some(Question::Tcp(one("127.0.0.1:80"))));
        assert_eq!(Question::tcp("[::1]:80"), Some(Question::Tcp(one("[::1]:80"))));
        let Some(Question::Tcp(both)) = Question::tcp("localhost:80") else { panic!() };
        assert_eq!(both.last(), one("127.0.0.1:80").first());
        for place in ["db:5432", "127.0.0.1", "", "localhost:x"] {
            assert_eq!(Question::tcp(place), None, "{place}");
        }
    }

    #[test]
    fn a_url_becomes_a_request_to_its_place() {
        let asked = |url: &str| match Question::http(url) {
            Some(Question::Http(places, request)) => {
                let request = String::from_utf8(request).unwrap();
                let line = request.lines().next().unwrap().to_owned();
                assert!(request.ends_with("\r\n\r\n"), "{request}");
                Some((places[0].to_string(), line))
            }
            _ => None,
        };
        for (url, place, line) in [
            ("http://127.0.0.1:8080/a?b#c", "127.0.0.1:8080", "GET /a?b HTTP/1.1"),
            ("http://[::1]", "[::1]:80", "GET / HTTP/1.1"),
            ("http://127.0.0.1?a", "127.0.0.1:80", "GET /?a HTTP/1.1"),
        ] {
            assert_eq!(asked(url), Some((place.to_owned(), line.to_owned())), "{url}");
        }
        for url in ["https://127.0.0.1/", "http://web/", "http://", "x"] {
            assert_eq!(asked(url), None, "{url}");
        }
    }

    #[test]
    fn what_the_file_says_is_read_and_the_rest_counts_for_nothing() {
        let all = rules(
            "ready tcp 127.0.0.1:80\nready timeout 60000\nhealth command\nhealth every 5\nhealth timeout 6\n\
             health failures 7\nwatchdog 8\n",
        );
        let question = Question::tcp("127.0.0.1:80").unwrap();
        assert_eq!(all.ready, Some(ReadyBy::Asking(question)));
        assert_eq!((all.every, all.timeout, all.failures), (at(5), at(6), 7));
        assert_eq!((all.ready_timeout, all.watchdog), (Some(at(60_000)), Some(at(8))));
        assert_eq!(all.health, Some(Question::Script(HEALTH)));
        assert!(rules("ready notify\n").hears());
        for text in ["", "ready", "ready tcp db:1\n", "health every 0\n", "watchdog soon\n", "\0"] {
            assert_eq!(rules(text), ProbeRules::NONE, "{text:?}");
        }
    }
}
