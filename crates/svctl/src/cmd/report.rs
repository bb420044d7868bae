//! What came of a request to each service: a line, or a row with its outcome.

mod say;

use svcmgr::{Cause, Error, ErrorKind, Goal, Outcome, OutcomeKind, Service, Supervised, UnixTime};

use crate::{
    exit::Exit,
    json::{self, Row},
    names::Target,
    output::{Output, message},
    text,
};

/// What came of a request to one service.
#[allow(clippy::large_enum_variant, reason = "on 64 bits; nearly all of them are of the largest")]
pub(crate) enum Done {
    /// The request of this name.
    Sent(&'static str),
    /// The request of this name was not sent: there is no process to do anything about.
    NotUp(&'static str),
    Waited(Outcome),
}

/// What was waited for.
#[derive(Clone, Copy)]
pub(crate) struct Asked {
    pub(crate) goal: Goal,
    /// What was asked for; `None` for a wait alone.
    pub(crate) word: Option<&'static str>,
    /// When.
    pub(crate) at: UnixTime,
}

/// Tells of every target, in order. `results` are those of the targets that could be used.
pub(crate) fn report(
    targets: Vec<Target>,
    results: Vec<Result<Done, Error>>,
    asked: Asked,
    output: &mut Output,
) -> Exit {
    let told = tell_all(targets, results, asked);
    let exit = told.iter().map(|told| told.exit).max().unwrap_or(Exit::Done);
    print(&told, output);
    exit
}

/// As [`report`], where one service that reached the goal is enough.
pub(crate) fn report_any(
    targets: Vec<Target>,
    results: Vec<Result<Done, Error>>,
    asked: Asked,
    output: &mut Output,
) -> Exit {
    let told = tell_all(targets, results, asked);
    let exit = told.iter().map(|told| told.exit).min().unwrap_or(Exit::Done);
    if output.json || exit != Exit::Done {
        print(&told, output);
    } else {
        let reached: Vec<Told> = told.into_iter().filter(|told| told.exit == Exit::Done).collect();
        print(&reached, output);
    }
    exit
}

fn tell_all(targets: Vec<Target>, results: Vec<Result<Done, Error>>, asked: Asked) -> Vec<Told> {
    let mut results = results.into_iter();
    let mut all = Vec::new();
    for target in targets {
        all.push(match target.found {
            Ok(service) => match results.next() {
                Some(Ok(done)) => tell(&*service, &done, asked),
                Some(Err(error)) => Told::failed_for(&*service, error),
                // Every service that could be used has a result.
                None => continue,
            },
            Err(error) => {
                Told::failed(Row::failed(&target.name, target.path.as_deref(), &error), error)
            }
        });
    }
    all
}

fn print(all: &[Told], output: &mut Output) {
    if output.json {
        let array: Vec<_> = all.iter().map(Told::json).collect();
        output.json(&array);
    } else {
        for told in all {
            told.print(output);
        }
    }
}

/// What to say about one service.
struct Told {
    row: Row<'static>,
    outcome: &'static str,
    took: Option<f64>,
    why: Option<String>,
    /// The same as a sentence of its own.
    words: String,
    exit: Exit,
    error: Option<Error>,
}

impl Told {
    /// What was asked was not done; how the service stands can be said all the same.
    fn failed_for(service: &dyn Supervised, error: Error) -> Self {
        if error.kind() == ErrorKind::Unanswered {
            // To look at it once more would take as long.
            let row = Row::failed(&service.name().to_string(), None, &error);
            return Self { outcome: "deadline", ..Self::failed(row, error) };
        }
        Self::failed(Row::failed_for(service, &error), error)
    }

    fn failed(row: Row<'_>, error: Error) -> Self {
        let (why, exit) = (Some(message(&error)), Exit::from(&error));
        let row = row.into_owned();
        let words = String::new();
        Self { row, outcome: "error", took: None, why, words, exit, error: Some(error) }
    }

    fn json(&self) -> json::Result<'_> {
        let why = self.why.clone();
        json::Result { row: &self.row, outcome: self.outcome, took: self.took, why }
    }

    fn print(&self, output: &mut Output) {
        let name = self.row.shown();
        match &self.error {
            Some(error) => output.error(error),
            None if self.why.is_some() => output.message(&format!("{name}: {}", self.words)),
            None if output.quiet => (),
            None => output.line(&format!("{name}: {}", self.words)),
        }
    }
}

fn tell(service: &dyn Supervised, done: &Done, Asked { goal, word, at }: Asked) -> Told {
    let asked_ago = || at.elapsed(json::now());
    let look = |observation| Row::new(service, observation).into_owned();
    let (row, outcome, took, why, words, exit) = match done {
        // How it stands right after; a request may not be read yet.
        Done::Sent(op) => {
            return unwaited(service, "sent", None, &format!("sent `{op}`"), Exit::Done);
        }
        Done::NotUp(op) => {
            let why = format!("it {}", Cause::NotUp);
            let words = format!("{why}, so `{op}` was not sent");
            return unwaited(service, "never", Some(&why), &words, Exit::Negative);
        }
        Done::Waited(outcome) => {
            let Some(observation) = outcome.status() else {
                let why = "the deadline passed before its turn, and nothing was asked";
                return unwaited(service, "deadline", Some(why), why, Exit::Deadline);
            };
            let (row, took) = (look(observation), outcome.took().as_secs_f64());
            if outcome.kind() == OutcomeKind::NotAsked {
                // To look at many takes time, and the time is over.
                let why = "the deadline passed before its turn, and nothing was asked".to_owned();
                let (words, why, error) = (why.clone(), Some(why), None);
                let (outcome, exit) = ("deadline", Exit::Deadline);
                return Told { row, outcome, took: None, why, words, exit, error };
            }
            match (outcome.why(), outcome.reason()) {
                (Some(cause), Some(why)) if outcome.kind() == OutcomeKind::Skipped => {
                    let words = format!("skipped: {why}");
                    let is_well = cause.severity() == svcmgr::proto::cause::Severity::Note;
                    let exit = if is_well { Exit::Done } else { Exit::Negative };
                    (row, "skipped", took, Some(why), words, exit)
                }
                (Some(cause), Some(why)) => {
                    let is_alone = cause == Cause::Unsupervised;
                    let exit = if is_alone { Exit::Unsupervised } else { Exit::Negative };
                    let words = say::never(&row, goal, &why, took);
                    (row, "never", took, Some(why), words, exit)
                }
                _ if outcome.is_reached() && word == Some("reload") => {
                    let words = match outcome.word() {
                        Some(_) => format!("reloaded after {}", text::time(took)),
                        // Nobody tells whether it was read.
                        None => "sent `reload`".to_owned(),
                    };
                    (row, "reached", took, None, words, Exit::Done)
                }
                (None, Some(how)) if outcome.is_reached() => {
                    // Its supervisor knows more than a look shows.
                    let words = format!("{how} (after {})", text::time(took));
                    (row, "reached", took, None, words, Exit::Done)
                }
                _ if outcome.is_reached() => {
                    let words = say::reached(&row, goal, took, asked_ago());
                    (row, "reached", took, None, words, Exit::Done)
                }
                _ => {
                    let read = outcome.was_read();
                    let words = say::overdue(&row, goal, word.map(|it| (it, read)), asked_ago());
                    (row, "deadline", took, Some(overdue(word, read)), words, Exit::Deadline)
                }
            }
        }
    };
    Told { row, outcome, took: Some(took), why, words, exit, error: None }
}

/// Whether the supervisor is known to have read the request.
fn overdue(word: Option<&str>, acknowledged: bool) -> String {
    match (word, acknowledged) {
        (None, _) => "the deadline passed".to_owned(),
        (Some(word), true) => {
            format!("`{word}` was read, and the deadline passed before it was done")
        }
        (Some(word), false) => {
            format!("the deadline passed without a sign that the supervisor has read `{word}`")
        }
    }
}

fn unwaited(
    service: &dyn Supervised,
    outcome: &'static str,
    why: Option<&str>,
    words: &str,
    exit: Exit,
) -> Told {
    match service.status() {
        Ok(observation) => {
            let row = Row::new(service, &observation).into_owned();
            let (why, words) = (why.map(str::to_owned), words.to_owned());
            Told { row, outcome, took: None, why, words, exit, error: None }
        }
        Err(error) => {
            let path = service.directory().map(Service::dir);
            Told::failed(Row::failed(&service.name().to_string_lossy(), path, &error), error)
        }
    }
}
