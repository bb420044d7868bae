//! The second attempt of tests that failed.
//!
//! Nothing is hidden by it: what fails whenever it is run fails here too, each test that needed it
//! is named at the end of the run, more than a few are a failure, and `--load` and `--repeat`,
//! which look for such tests, give none.

use std::fmt;

use super::tally::{Tally, plain};
use crate::failure::Failure;

/// More tests than these in one part, or in the whole run, do not fail by chance.
const MOST: usize = 4;

/// A test that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failed {
    /// Its binary, where nextest says it: `svctl::live`.
    binary: Option<String>,
    name: String,
}

impl Failed {
    #[cfg(test)]
    pub(super) fn new(name: &str) -> Self {
        Self { binary: None, name: name.to_owned() }
    }

    /// What this line says, if it says that a test failed.
    fn read(line: &str) -> Option<Self> {
        let line = plain(line);
        let line = line.trim_end();
        // In the first column, as for summaries.
        if let Some(rest) = line.strip_prefix("test ") {
            // "test a::b ... FAILED"
            let name = rest.strip_suffix(" ... FAILED")?;
            return Some(Self { binary: None, name: name.to_owned() });
        }
        // "        FAIL [   0.523s] ( 738/1832) svctl::dev services_start"
        let (_, rest) = line.trim_start().strip_prefix("FAIL [")?.split_once("] (")?;
        let mut words = rest.split_once(") ")?.1.split(' ');
        let (binary, name) = (words.next()?.to_owned(), words.next()?.to_owned());
        words.next().is_none().then_some(Self { binary: Some(binary), name })
    }

    /// The words that make a binary of tests run these alone.
    pub(crate) fn exact(failed: &[Self]) -> Vec<String> {
        let names = failed.iter().map(|it| it.name.clone());
        std::iter::once("--exact".to_owned()).chain(names).collect()
    }

    /// The filter that makes nextest run these alone.
    pub(crate) fn filter(failed: &[Self]) -> String {
        let of = |it: &Self| match &it.binary {
            Some(binary) => format!("(binary_id(={binary}) & test(={}))", it.name),
            None => format!("test(={})", it.name),
        };
        failed.iter().map(of).collect::<Vec<_>>().join(" | ")
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(binary) = &self.binary {
            write!(f, "{binary} ")?;
        }
        f.write_str(&self.name)
    }
}

/// What one run of a test command printed.
#[derive(Debug, Default)]
pub(super) struct Attempt {
    pub(super) tally: Tally,
    pub(super) failed: Vec<Failed>,
}

impl Attempt {
    pub(super) fn read(&mut self, line: &str) {
        self.tally.read(line);
        // nextest says it when it happens, and once more at the end.
        if let Some(failed) = Failed::read(line)
            && !self.failed.contains(&failed)
        {
            self.failed.push(failed);
        }
    }

    /// Every failure has a name, and they are few.
    pub(super) fn may_be_chance(&self) -> bool {
        (1..=MOST).contains(&self.failed.len()) && self.failed.len() == self.tally.failed
    }

    /// What both attempts come to, and which tests passed at the second alone.
    pub(super) fn and_then(self, second: &Self) -> (Tally, Vec<Failed>) {
        let ran = second.tally.passed + second.tally.failed;
        if ran != self.failed.len() || second.failed.len() != second.tally.failed {
            return (self.tally, Vec::new());
        }
        let (passed, failed) = (self.tally.passed + second.tally.passed, second.tally.failed);
        let tally = Tally { passed, failed, ..self.tally };
        let passes = |it: &Failed| !second.failed.contains(it);
        (tally, self.failed.into_iter().filter(passes).collect())
    }
}

/// An error where so many were unsteady that it is no chance.
pub(super) fn judge(unsteady: &[Failed]) -> Result<(), Failure> {
    if unsteady.len() <= MOST {
        return Ok(());
    }
    let many = unsteady.len();
    Err(Failure::Because(format!(
        "{many} tests failed and then passed by themselves; up to {MOST} of a run may\n  hint: \
         `cargo xtask test --load 20 --repeat 100 NAME` shows why one does"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_read_from_both_harnesses() {
        let nextest = "        FAIL [   0.523s] ( 738/1832) svctl::dev services_start\n";
        let failed = Failed::read(nextest).map(|it| it.to_string());
        assert_eq!(failed.as_deref(), Some("svctl::dev services_start"));
        let colored = "  \u{1b}[31;1mFAIL\u{1b}[0m [   0.5s] (1/2) \u{1b}[35;1msvctl::live\u{1b}[0m \
                       \u{1b}[36mrunit::\u{1b}[0m\u{1b}[34;1mshown\u{1b}[0m\n";
        let failed = Failed::read(colored).map(|it| it.to_string());
        assert_eq!(failed.as_deref(), Some("svctl::live runit::shown"));
        assert_eq!(Failed::read("test a::b ... FAILED\n"), Some(Failed::new("a::b")));
        for other in ["test a::b ... ok\n", "    test a ... FAILED\n", "test result: FAILED. 1"] {
            assert_eq!(Failed::read(other), None, "{other}");
        }
    }

    #[test]
    fn each_harness_is_told_which() {
        let nextest = Failed { binary: Some("svctl::dev".to_owned()), name: "a::b".to_owned() };
        let filter = "(binary_id(=svctl::dev) & test(=a::b)) | test(=c)";
        assert_eq!(Failed::filter(&[nextest, Failed::new("c")]), filter);
        assert_eq!(Failed::exact(&[Failed::new("a"), Failed::new("b")]), ["--exact", "a", "b"]);
    }

    #[test]
    fn many_failures_and_those_without_a_name_are_no_chance() {
        let attempt = |names: usize, failed: usize| Attempt {
            tally: Tally { failed, ..Tally::default() },
            failed: (0..names).map(|at| Failed::new(&at.to_string())).collect(),
        };
        assert!(attempt(1, 1).may_be_chance() && attempt(MOST, MOST).may_be_chance());
        assert!(!attempt(0, 0).may_be_chance() && !attempt(1, 2).may_be_chance());
        assert!(!attempt(MOST + 1, MOST + 1).may_be_chance());
        assert!(judge(&attempt(MOST, MOST).failed).is_ok());
        assert!(judge(&attempt(MOST + 1, 0).failed).is_err());
    }
}
