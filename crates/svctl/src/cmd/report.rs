//! What came of a request to each service: a line, or a row with its outcome.

use std::time::Duration;

use svcmgr::{Backend, Error, Outcome, Service, Why};

use crate::{
    exit::Exit,
    json::{self, Row},
    names::Target,
    output::{Output, message},
    text,
};

/// What came of a request to one service.
pub(crate) enum Done {
    Sent,
    Waited(Outcome),
}

/// Tells of every target, in order. `results` are those of the targets that could be used; `word` is
/// what was asked, `None` for a wait alone.
pub(crate) fn report(
    targets: Vec<Target>,
    results: Vec<Result<Done, Error>>,
    word: Option<&str>,
    output: &mut Output,
) -> Exit {
    let told = tell_all(targets, results, word);
    let exit = told.iter().map(|told| told.exit).max().unwrap_or(Exit::Done);
    print(&told, output);
    exit
}

/// As [`report`], where one service that reached the goal is enough.
pub(crate) fn report_any(
    targets: Vec<Target>,
    results: Vec<Result<Done, Error>>,
    output: &mut Output,
) -> Exit {
    let told = tell_all(targets, results, None);
    let exit = told.iter().map(|told| told.exit).min().unwrap_or(Exit::Done);
    if output.json || exit != Exit::Done {
        print(&told, output);
    } else {
        let reached: Vec<Told> = told.into_iter().filter(|told| told.exit == Exit::Done).collect();
        print(&reached, output);
    }
    exit
}

fn tell_all(
    targets: Vec<Target>,
    results: Vec<Result<Done, Error>>,
    word: Option<&str>,
) -> Vec<Told> {
    let mut results = results.into_iter();
    let mut all = Vec::new();
    for target in targets {
        all.push(match target.backend {
            Ok(backend) => match results.next() {
                Some(Ok(done)) => tell(&*backend, &done, word),
                Some(Err(error)) => Told::failed_for(&*backend, error),
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
    row: Row,
    outcome: &'static str,
    took: Option<f64>,
    why: Option<String>,
    exit: Exit,
    error: Option<Error>,
}

impl Told {
    /// What was asked was not done; how the service stands can be said all the same.
    fn failed_for(backend: &dyn Backend, error: Error) -> Self {
        Self::failed(Row::failed_for(backend, &error), error)
    }

    fn failed(row: Row, error: Error) -> Self {
        let (why, exit) = (Some(message(&error)), Exit::from(&error));
        Self { row, outcome: "error", took: None, why, exit, error: Some(error) }
    }

    fn json(&self) -> json::Result<'_> {
        let why = self.why.clone();
        json::Result { row: &self.row, outcome: self.outcome, took: self.took, why }
    }

    fn print(&self, output: &mut Output) {
        let name = &self.row.shown;
        let state = text::summary(&self.row);
        match (&self.error, &self.why) {
            (Some(error), _) => output.error(error),
            (None, Some(why)) => output.message(&format!("{name}: {why}; now {state}")),
            (None, None) if output.quiet => (),
            (None, None) if self.outcome == "sent" => output.line(&format!("{name}: sent")),
            (None, None) => {
                let took = self.took.map(text::span).unwrap_or_default();
                output.line(&format!("{name}: {state}, after {took}"));
            }
        }
    }
}

fn tell(backend: &dyn Backend, done: &Done, word: Option<&str>) -> Told {
    let (observation, outcome, took, why, exit) = match done {
        // How it stands right after; a request may not be read yet.
        Done::Sent => return unwaited(backend, "sent", None, Exit::Done),
        Done::Waited(Outcome::NotAsked) => {
            let why = "the deadline passed before its turn, and nothing was asked".to_owned();
            return unwaited(backend, "deadline", Some(why), Exit::Deadline);
        }
        Done::Waited(Outcome::Reached { observation, took }) => {
            (observation, "reached", Some(took), None, Exit::Done)
        }
        Done::Waited(Outcome::Never { why, observation, took }) => {
            let exit = if *why == Why::Unsupervised { Exit::Unsupervised } else { Exit::Negative };
            (observation, "never", Some(took), Some(why.to_string()), exit)
        }
        Done::Waited(Outcome::Deadline { observation, acknowledged, took }) => {
            let why = match (word, *acknowledged) {
                (None, _) => "the deadline passed".to_owned(),
                (Some(word), true) => {
                    format!("`{word}` was read, and the deadline passed before it was done")
                }
                (Some(word), false) => format!(
                    "the deadline passed without a sign that the supervisor has read `{word}`"
                ),
            };
            (observation, "deadline", Some(took), Some(why), Exit::Deadline)
        }
    };
    let (row, took) = (Row::new(backend, observation), took.map(Duration::as_secs_f64));
    Told { row, outcome, took, why, exit, error: None }
}

fn unwaited(backend: &dyn Backend, outcome: &'static str, why: Option<String>, exit: Exit) -> Told {
    match backend.status() {
        Ok(observation) => {
            let row = Row::new(backend, &observation);
            Told { row, outcome, took: None, why, exit, error: None }
        }
        Err(error) => {
            let path = backend.directory().map(Service::dir);
            Told::failed(Row::failed(backend.name(), path, &error), error)
        }
    }
}
