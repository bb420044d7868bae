//! Steps of a check: one line each, none hidden by the failure of another, and a summary.

use std::{
    io::{self, Write},
    time::{Duration, Instant},
};

use crate::failure::Failure;

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

/// What has run so far.
pub(crate) struct Report {
    started: Instant,
    passed: usize,
    skipped: Vec<String>,
    failed: Vec<String>,
}

impl Report {
    pub(crate) fn new() -> Self {
        Self { started: Instant::now(), passed: 0, skipped: Vec::new(), failed: Vec::new() }
    }

    /// Runs a step now and prints its line.
    pub(crate) fn step(&mut self, name: &str, run: impl FnOnce() -> Verdict) {
        print!("{name} ... ");
        // Some steps take minutes; the name is to be seen meanwhile.
        let _ = io::stdout().flush();
        let started = Instant::now();
        let verdict = run();
        let took = seconds(started.elapsed());
        match verdict {
            Verdict::Passed => {
                println!("ok ({took})");
                self.passed += 1;
            }
            Verdict::Skipped(why) => {
                println!("skipped: {why} ({took})");
                self.skipped.push(format!("{name}: {why}"));
            }
            Verdict::Failed(text) => {
                println!("FAILED ({took})");
                if !text.is_empty() {
                    println!("{}", text.trim_end());
                }
                self.failed.push(name.to_owned());
            }
        }
    }

    /// Prints the summary; an error when any step failed.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        println!();
        for skipped in &self.skipped {
            println!("skipped: {skipped}");
        }
        for failed in &self.failed {
            println!("failed: {failed}");
        }
        println!(
            "check: {} ok, {} failed, {} skipped in {}",
            self.passed,
            self.failed.len(),
            self.skipped.len(),
            seconds(self.started.elapsed()),
        );
        if self.failed.is_empty() { Ok(()) } else { Err(Failure::Told) }
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
        let mut report = Report::new();
        report.step("first", || Verdict::Failed("text".to_owned()));
        report.step("second", || Verdict::Passed);
        report.step("third", || Verdict::Skipped("no rustup".to_owned()));
        assert_eq!((report.passed, report.failed.len(), report.skipped.len()), (1, 1, 1));
        assert!(report.finish().is_err());
    }

    #[test]
    fn a_skipped_step_is_no_failure() {
        let mut report = Report::new();
        report.step("only", || Verdict::Skipped("no rustup".to_owned()));
        assert!(report.finish().is_ok());
    }
}
