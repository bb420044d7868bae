//! Counting tests, from what cargo and nextest print.

use std::{fmt, ops::AddAssign};

use super::Scope;

/// How many tests ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) passed: usize,
    pub(super) failed: usize,
    /// Ignored ones; also those that a filter keeps out, where nextest counts.
    pub(super) not_run: usize,
}

impl Tally {
    /// Adds what this line says, if it is a summary.
    pub(super) fn read(&mut self, line: &str) {
        let line = plain(line);
        // In the first column: nextest indents what a failed test prints, which has such a line.
        if let Some(counts) = line.strip_prefix("test result: ") {
            // "ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s"
            for count in counts.split(['.', ';']) {
                self.count(count, &["failed"], &["ignored"]);
            }
        } else if line.trim_start().starts_with("Summary [")
            && let Some((_, counts)) = line.split_once("run: ")
        {
            // "5/6 tests run: 4 passed (1 slow), 1 failed, 1 timed out, 2 skipped"
            for count in without_parentheses(counts).split(',') {
                self.count(count, &["failed", "exec failed", "timed out"], &["skipped"]);
            }
        }
    }

    /// Without what only seemed to pass: it ran elsewhere, and was counted there, or is no test.
    pub(super) fn without(self, count: usize) -> Self {
        Self { passed: self.passed.saturating_sub(count), ..self }
    }

    /// The total: a live test that skips itself looks as if it had passed.
    pub(super) fn with_skips(self, skips: usize, scope: Scope) -> Total {
        let not_run = if scope == Scope::All { self.not_run } else { 0 };
        Total {
            passed: self.passed.saturating_sub(skips),
            failed: self.failed,
            skipped: skips + not_run,
        }
    }

    fn count(&mut self, count: &str, failed: &[&str], not_run: &[&str]) {
        let Some((number, what)) = count.trim().split_once(' ') else { return };
        let Ok(number) = number.parse::<usize>() else { return };
        if what == "passed" {
            self.passed += number;
        } else if failed.contains(&what) {
            self.failed += number;
        } else if not_run.contains(&what) {
            self.not_run += number;
        }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.not_run += other.not_run;
    }
}

/// The last line of a run.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Total {
    pub(super) passed: usize,
    pub(super) failed: usize,
    pub(super) skipped: usize,
}

impl Total {
    pub(super) fn is_empty(&self) -> bool {
        self.passed + self.failed + self.skipped == 0
    }

    /// With what was never started, and so has no place among those that passed.
    pub(super) fn and_skipped(self, more: usize) -> Self {
        Self { skipped: self.skipped + more, ..self }
    }
}

impl fmt::Display for Total {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

/// The line without colors: `ESC [ ... m`.
pub(super) fn plain(line: &str) -> String {
    let mut parts = line.split("\u{1b}[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once('m').map_or(part, |(_, rest)| rest))
}

fn without_parentheses(text: &str) -> String {
    let mut depth = 0_usize;
    let outside = text.chars().filter(|it| {
        match it {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => return depth == 0,
        }
        false
    });
    outside.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(lines: &[&str], passed: usize, failed: usize, not_run: usize) {
        let mut tally = Tally::default();
        for line in lines {
            tally.read(line);
        }
        assert_eq!(tally, Tally { passed, failed, not_run }, "{lines:?}");
    }

    #[test]
    fn the_summaries_of_cargo_test_add_up() {
        let bad = "test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 9 filtered out";
        let good = "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; \
                    finished in 0.10s\n";
        check(&["running 4 tests", good, bad], 4, 2, 1);
    }

    #[test]
    fn the_summary_of_nextest_counts_every_way_to_fail() {
        check(&["     Summary [   0.005s] 1 test run: 1 passed, 0 skipped"], 1, 0, 0);
        let ways = "     Summary [   1.2s] 7/9 tests run: 3 passed (1 slow, 2 leaky), 1 failed, \
                    2 timed out, 1 exec failed, 4 skipped";
        check(&[ways], 3, 4, 4);
        let colored = "\u{1b}[32;1m     Summary\u{1b}[0m [   0.005s] \u{1b}[1m2\u{1b}[0m tests run: \
                       \u{1b}[1m2\u{1b}[0m \u{1b}[32;1mpassed\u{1b}[0m, \u{1b}[1m0\u{1b}[0m \
                       \u{1b}[33;1mskipped\u{1b}[0m\n";
        check(&[colored], 2, 0, 0);
    }

    #[test]
    fn other_lines_count_nothing() {
        check(&["    test result: FAILED. 0 passed; 1 failed; 0 ignored"], 0, 0, 0);
        check(&["2 passed", "Summary of the weather", "test tests::it_works ... ok"], 0, 0, 0);
    }

    #[test]
    fn a_test_that_was_put_off_counts_once() {
        // Three outside, of which two were put off, and these two inside.
        let tally = Tally { passed: 5, failed: 0, not_run: 0 }.without(2);
        assert_eq!(tally.with_skips(0, Scope::All).to_string(), "3 passed, 0 failed, 0 skipped");
    }

    #[test]
    fn a_live_test_that_skips_did_not_pass() {
        let tally = Tally { passed: 5, failed: 0, not_run: 1 };
        assert_eq!(tally.with_skips(2, Scope::All).to_string(), "3 passed, 0 failed, 3 skipped");
        assert_eq!(
            tally.with_skips(0, Scope::Selected).to_string(),
            "5 passed, 0 failed, 0 skipped"
        );
    }
}
