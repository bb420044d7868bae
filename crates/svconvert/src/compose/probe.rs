//! Questions that process-compose asks: is it ready, is it well?

use std::time::Duration;

use svbuild::spec::{Health, HealthCheck, Ready, ReadyCheck, Time, Word};

use super::{Common, Source, words};
use crate::{book::Book, yaml::Entry};

/// How a question is asked, and when.
struct Probe {
    how: Option<How>,
    period: u64,
    timeout: u64,
    failures: u64,
    delay: u64,
    /// The pace is said, not only what it is without a word.
    is_paced: bool,
}

enum How {
    Http(String),
    Command(Vec<Word>),
}

/// The table of one probe.
#[expect(clippy::too_many_lines, reason = "each key is a line or two, and there are many")]
fn read(
    book: &mut Book,
    source: &Source<'_>,
    entry: &Entry,
    common: &Common,
    key: &str,
    name: &str,
) -> Probe {
    let mut probe =
        Probe { how: None, period: 10, timeout: 1, failures: 3, delay: 0, is_paced: false };
    let head = source.heading(book, entry);
    book.about(head, name);
    let is_health = key == "health";
    for part in entry.node.table() {
        let at = source.line(book, part);
        book.about(at, name);
        if part.node.has_text(&|it| it.contains("{{")) {
            let why = "what is in `{{` is put in by process-compose when it starts, and is not known here; write the value";
            book.refused(at, why);
            continue;
        }
        let number = part.node.number();
        match (part.key.as_str(), number) {
            ("exec", _) => {
                let inner = part.node.table();
                let command =
                    inner.iter().find(|it| it.key == "command").and_then(|it| it.node.text());
                let Some(command) = command else {
                    book.refused(at, "it has no command");
                    continue;
                };
                let words = words(command, common).into_iter().map(Into::into).collect();
                probe.how = Some(How::Command(words));
                book.exact(at, Some(&format!("{key}.command")));
                if inner.iter().any(|it| it.key == "working_dir") {
                    book.approximated(at, None, "it is asked in the directory of the service");
                }
            }
            ("http_get", _) => {
                let text = |key: &str| {
                    part.node.table().iter().find(|it| it.key == key).and_then(|it| it.node.text())
                };
                let host = text("host").unwrap_or("127.0.0.1");
                let port = text("port").map(|it| format!(":{it}")).unwrap_or_default();
                let path = text("path").unwrap_or("/");
                let slash = if path.starts_with('/') { "" } else { "/" };
                let scheme = text("scheme").unwrap_or("http").to_ascii_lowercase();
                probe.how = Some(How::Http(format!("{scheme}://{host}{port}{slash}{path}")));
                book.equivalent(
                    at,
                    Some(&format!("{key}.http")),
                    "any answer with a status below 400 is a good one",
                );
                if part.node.table().iter().any(|it| it.key == "headers") {
                    book.dropped(at, "it is asked without headers of its own");
                }
            }
            ("period_seconds", Some(it)) => {
                probe.period = it.max(1);
                probe.is_paced = true;
                if is_health {
                    book.exact(at, Some("health.every"));
                } else {
                    book.equivalent(
                        at,
                        Some("ready.timeout"),
                        "it is asked once a second, for as long as that may take in all",
                    );
                }
            }
            ("timeout_seconds", Some(it)) => {
                probe.timeout = it.max(1);
                if is_health {
                    book.exact(at, Some("health.timeout"));
                } else {
                    book.equivalent(
                        at,
                        Some(key),
                        "each question has the time that its target gives it",
                    );
                }
            }
            ("failure_threshold", Some(it)) => {
                probe.failures = it.max(1);
                probe.is_paced = true;
                if is_health {
                    book.exact(at, Some("health.failures"));
                } else {
                    book.equivalent(
                        at,
                        Some("ready.timeout"),
                        "it is the time that all questions take",
                    );
                }
            }
            ("initial_delay_seconds", Some(it)) => {
                probe.delay = it;
                let why = if is_health {
                    "it is asked as soon as it is ready, or up"
                } else {
                    "it is asked at once"
                };
                book.equivalent(at, Some(key), why);
            }
            ("success_threshold", Some(it)) => {
                if it > 1 {
                    book.approximated(at, Some(key), "one good answer is enough");
                } else {
                    book.exact(at, Some(key));
                }
            }
            _ => book.dropped(at, "nothing is known of it"),
        }
    }
    if probe.how.is_none() {
        book.dropped(head, "it says neither `exec` nor `http_get`");
    }
    probe
}

/// `readiness_probe`.
pub(super) fn ready(
    book: &mut Book,
    source: &Source<'_>,
    entry: &Entry,
    common: &Common,
    name: &str,
) -> Option<Ready> {
    let probe = read(book, source, entry, common, "ready", name);
    let check = match probe.how? {
        How::Http(url) => ReadyCheck::Http(url),
        How::Command(words) => ReadyCheck::Command(words),
    };
    let ready = Ready::new(check);
    let time = Duration::from_secs(probe.delay + probe.period * probe.failures);
    Some(if probe.is_paced { ready.timeout(Time(time)) } else { ready })
}

/// `liveness_probe`.
pub(super) fn health(
    book: &mut Book,
    source: &Source<'_>,
    entry: &Entry,
    common: &Common,
    name: &str,
) -> Option<Health> {
    let probe = read(book, source, entry, common, "health", name);
    let check = match probe.how? {
        How::Http(url) => HealthCheck::Http(url),
        How::Command(words) => HealthCheck::Command(words),
    };
    let seconds = |it| Time(Duration::from_secs(it));
    let failures = u32::try_from(probe.failures).unwrap_or(u32::MAX);
    Some(
        Health::new(check)
            .every(seconds(probe.period))
            .timeout(seconds(probe.timeout))
            .failures(failures),
    )
}
