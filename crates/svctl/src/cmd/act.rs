//! `svctl up` and `svctl down`: ask every named service, and wait until it is so.

use std::time::{Duration, Instant};

use svcmgr::{Error, Goal, Op, Outcome, Request, Service, Why, pursue};

use crate::{
    args::{self, Act, Global},
    exit::Exit,
    json::{self, Row},
    names::{self, NoTargets, Target},
    output::{Output, message, printable},
    text,
};

pub(crate) fn run(global: &Global, act: &Act, op: Op, goal: Goal, output: &mut Output) -> Exit {
    let targets = match names::find(global, &act.services, output) {
        Ok(targets) => targets,
        Err(NoTargets(exit)) => return exit,
    };
    let services: Vec<Service> =
        targets.iter().filter_map(|target| target.service.as_ref().ok().cloned()).collect();
    let results = if act.no_wait {
        services.iter().map(|service| service.send(op).map(|()| Done::Sent)).collect()
    } else {
        let timeout = match timeout(act) {
            Ok(timeout) => timeout,
            Err(why) => {
                output.message(&why);
                return Exit::Usage;
            }
        };
        if act.kill_after.is_some_and(|after| after >= timeout) {
            output
                .message("--kill-after must be shorter than --timeout, or nothing is ever killed");
            return Exit::Usage;
        }
        let now = Instant::now();
        let deadline = now.checked_add(timeout).unwrap_or(now + FOR_EVER);
        let request = Request::new(op, goal);
        let request = act.kill_after.map_or(request, |after| request.kill_after(after));
        match pursue(&services, &request, deadline) {
            Ok(results) => {
                results.into_iter().map(|result| result.map(Done::Waited)).collect::<Vec<_>>()
            }
            Err(error) => {
                output.error(&error);
                return Exit::from(&error);
            }
        }
    };
    report(targets, results, op, output)
}

/// A century stands for a time that the clock cannot hold.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 86_400);

/// `--timeout`, else `$SVWAIT`, else 30 seconds.
fn timeout(act: &Act) -> Result<Duration, String> {
    match (act.timeout, std::env::var("SVWAIT")) {
        (Some(timeout), _) => Ok(timeout),
        (None, Ok(text)) if !text.is_empty() => {
            args::parse_duration(&text).map_err(|why| format!("cannot read $SVWAIT: {why}"))
        }
        (None, _) => Ok(Duration::from_secs(30)),
    }
}

/// What came of a request.
enum Done {
    Sent,
    Waited(Outcome),
}

fn report(
    targets: Vec<Target>,
    results: Vec<Result<Done, Error>>,
    op: Op,
    output: &mut Output,
) -> Exit {
    let mut results = results.into_iter();
    let mut exit = Exit::Done;
    let mut rows = Vec::new();
    for target in targets {
        let result = match target.service {
            Ok(service) => results.next().map(|result| (service, result)).ok_or(None),
            Err(error) => Err(Some(error)),
        };
        let told = match result {
            Ok((service, Ok(done))) => tell(&service, &done, op),
            Ok((service, Err(error))) => Told::failed_for(&service, error),
            Err(Some(error)) => Told::failed(&target.name, &target.path, error),
            // Every service that could be opened has a result.
            Err(None) => continue,
        };
        exit = exit.max(told.exit);
        if output.json {
            rows.push(told);
        } else {
            told.print(&target.name, output);
        }
    }
    if output.json {
        let array: Vec<_> = rows.iter().map(Told::json).collect();
        output.json(&array);
    }
    exit
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
    fn failed_for(service: &Service, error: Error) -> Self {
        let row = Row::failed_for(service, &error);
        Self { row, ..Self::failed(service.name(), service.dir(), error) }
    }

    fn failed(name: &str, path: &std::path::Path, error: Error) -> Self {
        Self {
            row: Row::failed(name, path, &error),
            outcome: "error",
            took: None,
            why: Some(message(&error)),
            exit: Exit::from(&error),
            error: Some(error),
        }
    }

    fn json(&self) -> json::Result<'_> {
        let why = self.why.clone();
        json::Result { row: &self.row, outcome: self.outcome, took: self.took, why }
    }

    fn print(&self, name: &str, output: &mut Output) {
        let name = printable(name);
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

fn tell(service: &Service, done: &Done, op: Op) -> Told {
    let (observation, outcome, took, why, exit) = match done {
        Done::Sent => {
            // How it stands right after; the request may not be read yet.
            return match service.status() {
                Ok(observation) => Told {
                    row: Row::new(service, &observation),
                    outcome: "sent",
                    took: None,
                    why: None,
                    exit: Exit::Done,
                    error: None,
                },
                Err(error) => Told::failed_for(service, error),
            };
        }
        Done::Waited(Outcome::NotAsked) => {
            return Told {
                row: match service.status() {
                    Ok(observation) => Row::new(service, &observation),
                    Err(error) => Row::failed_for(service, &error),
                },
                outcome: "deadline",
                took: None,
                why: Some("the deadline passed before its turn".to_owned()),
                exit: Exit::Deadline,
                error: None,
            };
        }
        Done::Waited(Outcome::Reached { observation, took }) => {
            (observation, "reached", Some(took), None, Exit::Done)
        }
        Done::Waited(Outcome::Never { why, observation, took }) => {
            let exit = if *why == Why::Unsupervised { Exit::Unsupervised } else { Exit::Negative };
            (observation, "never", Some(took), Some(why.to_string()), exit)
        }
        Done::Waited(Outcome::Deadline { observation, acknowledged, took }) => {
            let why = if *acknowledged {
                format!("`{op}` was read, and the deadline passed before it was done")
            } else {
                format!("the deadline passed without a sign that the supervisor has read `{op}`")
            };
            (observation, "deadline", Some(took), Some(why), Exit::Deadline)
        }
    };
    Told {
        row: Row::new(service, observation),
        outcome,
        took: took.map(Duration::as_secs_f64),
        why,
        exit,
        error: None,
    }
}
