//! What one host has answered, all of it.

use serde_json::value::RawValue;
use svcmgr::remote::{EventKind, Host, HostFailure};

use super::{greet, relay, row::Row};
use crate::{exit::Exit, output::Output};

/// One host, and what came of it.
pub(super) struct Answer {
    pub(super) host: Host,
    pub(super) lines: Vec<String>,
    /// The last of its messages.
    message: Option<String>,
    ended: Ended,
    /// What is not healthy after it was done.
    pub(super) unhealthy: Option<Box<Answer>>,
}

enum Ended {
    Not,
    With(u8),
    Failed(HostFailure),
    /// Another host failed before.
    NotAsked,
}

/// Why there is no row of a host.
pub(super) struct Why {
    pub(super) kind: &'static str,
    pub(super) says: String,
    pub(super) hint: Option<&'static str>,
}

impl Answer {
    pub(super) fn of(host: &Host) -> Self {
        let (lines, message, unhealthy) = (Vec::new(), None, None);
        Self { host: host.clone(), lines, message, ended: Ended::Not, unhealthy }
    }

    pub(super) fn not_asked(host: &Host) -> Self {
        Self { ended: Ended::NotAsked, ..Self::of(host) }
    }

    /// Takes what was told; messages go out at once.
    pub(super) fn hear(&mut self, told: EventKind, output: &mut Output) {
        match told {
            EventKind::Answered(version) => greet(&self.host, &version, output),
            EventKind::Line(line) => self.lines.push(line),
            EventKind::Message(message) => {
                relay(&self.host, &message, output);
                self.message = Some(message);
            }
            EventKind::Ended(Ok(code)) => self.ended = Ended::With(code),
            EventKind::Ended(Err(trouble)) => self.ended = Ended::Failed(trouble),
            _ => (),
        }
    }

    /// The objects that it printed: those of an array, or one.
    pub(super) fn objects(&self) -> Option<Vec<&str>> {
        let [line] = &*self.lines else { return None };
        if line.starts_with('{') {
            return serde_json::from_str::<&RawValue>(line).ok().map(|it| vec![it.get()]);
        }
        let all: Vec<&RawValue> = serde_json::from_str(line).ok()?;
        Some(all.into_iter().map(RawValue::get).collect())
    }

    /// Why it has none; `None` where it printed what it should, or text.
    pub(super) fn trouble(&self, is_json: bool) -> Option<Why> {
        let why = |kind, says: String, hint| Some(Why { kind, says, hint });
        match &self.ended {
            Ended::Failed(trouble) => {
                why(trouble.kind(), crate::output::in_full(trouble), trouble.hint())
            }
            Ended::NotAsked => {
                why("not-asked", "not asked, because another host failed".to_owned(), None)
            }
            _ if !is_json || self.objects().is_some() => None,
            _ if self.lines.is_empty() => {
                let says = self.message.as_deref().unwrap_or("svctl there said nothing");
                let says = crate::output::printable(says.strip_prefix("svctl: ").unwrap_or(says));
                why("refused", says, None)
            }
            _ => why("nonsense", "what svctl printed there is no JSON of svctl".to_owned(), None),
        }
    }

    /// The names of its services, as that host takes them.
    pub(super) fn services(&self) -> Vec<String> {
        let rows = self.objects().unwrap_or_default();
        rows.into_iter().filter_map(|json| Row::of(json)?.argument()).collect()
    }

    pub(super) fn is_unhealthy(&mut self, checked: Self) {
        self.unhealthy = Some(Box::new(checked));
    }

    pub(super) fn exit(&self) -> Exit {
        match &self.ended {
            Ended::With(code) => exit_of(*code),
            Ended::Failed(trouble) => exit_for(trouble),
            // What it stands for is in the answer of the host that failed.
            Ended::NotAsked => Exit::Done,
            Ended::Not => Exit::System,
        }
    }
}

/// The highest.
pub(super) fn exit(answers: &[Answer]) -> Exit {
    answers.iter().map(Answer::exit).max().unwrap_or_default()
}

/// That of a program there.
pub(super) fn exit_of(code: u8) -> Exit {
    let known = [Exit::Done, Exit::Negative, Exit::Deadline, Exit::Usage, Exit::Unsupervised];
    known.into_iter().find(|exit| *exit as u8 == code).unwrap_or(Exit::System)
}

/// That of a host that cannot be asked.
pub(super) fn exit_for(trouble: &HostFailure) -> Exit {
    if trouble.is_late() { Exit::Deadline } else { Exit::System }
}
