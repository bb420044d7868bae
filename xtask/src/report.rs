//! Steps of a check: one line each, none hidden by the failure of another, and a summary.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use crate::{failure::Failure, times::Times};

/// How a step ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Passed,
    /// It cannot run here; why.
    Skipped(String),
    /// What to show below its line.
    Failed(String),
}

impl From<Failure> for Verdict {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Told | Failure::Status(_) => Self::Failed(String::new()),
            Failure::Because(text) => Self::Failed(text),
        }
    }
}

/// What has run so far. Several threads may take steps.
pub(crate) struct Report {
    started: Instant,
    steps: Mutex<Steps>,
}

#[derive(Default)]
struct Steps {
    passed: usize,
    skipped: Vec<String>,
    failed: Vec<String>,
    times: Times,
}

impl Report {
    pub(crate) fn new() -> Self {
        Self { started: Instant::now(), steps: Mutex::default() }
    }

    fn steps(&self) -> MutexGuard<'_, Steps> {
        self.steps.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a step now and prints its line. Its time is that of the part to which it belongs.
    pub(crate) fn step(&self, part: &str, name: &str, run: impl FnOnce() -> Verdict) {
        let started = Instant::now();
        let verdict = run();
        let took = started.elapsed();
        let mut steps = self.steps();
        steps.times.add(part, took);
        let took = seconds(took);
        match verdict {
            Verdict::Passed => {
                println!("{name} ... ok ({took})");
                steps.passed += 1;
            }
            Verdict::Skipped(why) => {
                println!("{name} ... skipped: {why} ({took})");
                steps.skipped.push(format!("{name}: {why}"));
            }
            Verdict::Failed(text) => {
                println!("{name} ... FAILED ({took})");
                if !text.is_empty() {
                    println!("{}", text.trim_end());
                }
                steps.failed.push(name.to_owned());
            }
        }
    }

    /// Prints the summary; an error when any step failed.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        let steps = self.steps();
        println!();
        for skipped in &steps.skipped {
            println!("skipped: {skipped}");
        }
        for failed in &steps.failed {
            println!("failed: {failed}");
        }
        println!("took: {}", steps.times);
        steps.times.keep("check");
        println!(
            "check: {} ok, {} failed, {} skipped in {}",
            steps.passed,
            steps.failed.len(),
            steps.skipped.len(),
            seconds(self.started.elapsed()),
        );
        if steps.failed.is_empty() { Ok(()) } else { Err(Failure::Told) }
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_does_not_hide_the_steps_after_it() {
        let report = Report::new();
        report.step("part", "first", || Verdict::Failed("text".to_owned()));
        report.step("part", "second", || Verdict::Passed);
        report.step("part", "third", || Verdict::Skipped("no rustup".to_owned()));
        let steps = report.steps();
        assert_eq!((steps.passed, steps.failed.len(), steps.skipped.len()), (1, 1, 1));
        drop(steps);
        assert!(report.finish().is_err());
    }

    #[test]
    fn a_skipped_step_is_no_failure() {
        let report = Report::new();
        report.step("part", "only", || Verdict::Skipped("no rustup".to_owned()));
        assert!(report.finish().is_ok());
    }
}
