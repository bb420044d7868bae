//! One run of tests, of several commands: their environment, what they print, what they add up to.
//!
//! A live test whose supervisor is not installed appends a line `suite: reason` to the file that
//! `SV_SKIPS_FILE` names and returns, if `SV_ALLOW_SKIPS` is set; otherwise it fails. The line is
//! one `write` to a file opened for appending, since tests run at the same time.
//!
//! A test that is the other half of another one, which starts it with a role, appends
//! `no test: name` when it is started alone; it is taken from what passed.
//!
//! A live test that must run elsewhere, in a machine of its own, finds its suite in `SV_PUT_OFF`
//! and appends a line `put off: suite` instead. Such a test counts where it is run, and only there;
//! that it was run is checked.
//!
//! Tests of whole programs share two processors with each other, so now and then one fails by
//! chance. Such a test gets a second attempt, alone, and is named at the end if it passes then;
//! see `second`.

mod second;
mod tally;

use std::{
    env, fs,
    io::{self, IsTerminal},
    num::NonZeroUsize,
    path::PathBuf,
    process::Command,
    sync::Arc,
    thread,
    time::Instant,
};

use tempfile::NamedTempFile;

pub(crate) use self::second::Failed;
use self::{second::Attempt, tally::Tally};
use crate::{command, failure::Failure, setup::readers, suite::Suite, times::Times};

/// Whether a live test may skip.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Skips {
    Allowed,
    Refused,
}

/// Which tests are meant to run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    All,
    /// Those that a filter lets through; the others are not "skipped".
    Selected,
}

/// What has run so far.
pub(crate) struct Session {
    skips: Skips,
    scope: Scope,
    skips_file: Arc<NamedTempFile>,
    /// What was printed, where it is to be shown later.
    printed: Option<String>,
    tally: Tally,
    /// What runs elsewhere, later.
    put_off: Option<Suite>,
    /// How many tests have run elsewhere.
    run_elsewhere: usize,
    /// What was not run as a whole, and why.
    left_out: Vec<String>,
    times: Times,
    thorough: bool,
    /// Where the readers of other formats are; see `setup::readers`.
    readers: Option<PathBuf>,
    /// Whether a test that failed gets a second attempt.
    second: bool,
    /// Tests that failed, and passed when they were run once more by themselves.
    unsteady: Vec<Failed>,
}

/// What says how many tests run at a time, and how many for each processor. What computes takes the place of several:
/// `.config/nextest.toml`. Without nextest, and in the roots beside the systemd machine, nothing knows what computes.
const THREADS: [(&str, usize); 2] = [("NEXTEST_TEST_THREADS", 4), ("RUST_TEST_THREADS", 3)];

/// Makes the command for tests: for all of them, or for those that failed.
pub(crate) trait Tests: Fn(Option<&[Failed]>) -> Result<Command, Failure> {}

impl<T: Fn(Option<&[Failed]>) -> Result<Command, Failure>> Tests for T {}

/// Tells tests to leave nothing out.
pub(crate) const THOROUGH: &str = "SV_THOROUGH";

/// What a test writes that will be run elsewhere.
const PUT_OFF: &str = "put off: ";
/// What the other half of a test writes when it was started alone.
const NO_TEST: &str = "no test: ";

impl Session {
    pub(crate) fn new(skips: Skips, scope: Scope) -> Result<Self, Failure> {
        let skips_file = NamedTempFile::with_prefix("sv-skips-")
            .map_err(|why| Failure::cannot("create a temporary file for skipped tests", why))?;
        let tally = Tally::default();
        let (left_out, times) = (Vec::new(), Times::default());
        let (put_off, run_elsewhere, thorough) = (None, 0, false);
        Ok(Self {
            skips,
            scope,
            skips_file: Arc::new(skips_file),
            printed: None,
            tally,
            put_off,
            run_elsewhere,
            left_out,
            times,
            thorough,
            readers: None,
            second: false,
            unsteady: Vec::new(),
        })
    }

    /// A part of this session that goes on beside it: what it prints is shown when it is joined.
    pub(crate) fn fork(&self) -> Self {
        Self {
            skips: self.skips,
            scope: self.scope,
            skips_file: Arc::clone(&self.skips_file),
            printed: Some(String::new()),
            tally: Tally::default(),
            put_off: self.put_off,
            run_elsewhere: 0,
            left_out: Vec::new(),
            times: Times::default(),
            thorough: self.thorough,
            readers: self.readers.clone(),
            second: self.second,
            unsteady: Vec::new(),
        }
    }

    /// Shows what such a part has printed, as soon as this one is shown, and takes what it has counted.
    pub(crate) fn join(&mut self, part: Self) {
        let text = part.printed.unwrap_or_default();
        match &mut self.printed {
            Some(printed) => printed.push_str(&text),
            None => print!("{text}"),
        }
        self.tally += part.tally;
        self.run_elsewhere += part.run_elsewhere;
        self.left_out.extend(part.left_out);
        self.unsteady.extend(part.unsteady);
        self.times.join(part.times);
    }

    /// Prints a line of xtask's own.
    pub(crate) fn say(&mut self, line: &str) {
        match &mut self.printed {
            Some(printed) => printed.extend(["xtask: ", line, "\n"]),
            None => println!("xtask: {line}"),
        }
    }

    /// Some of the live tests run the examples; a test build alone does not put them where they are
    /// found.
    pub(crate) fn build_examples(&mut self) -> Result<(), Failure> {
        let build = ["build", "--workspace", "--all-features", "--examples"];
        self.run("examples", &mut command::cargo(build))
    }

    /// Whether tests leave nothing out for the sake of time.
    pub(crate) fn be_thorough(&mut self, thorough: bool) {
        self.thorough = thorough;
    }

    /// Tests find the readers of other formats there.
    pub(crate) fn have_readers(&mut self, bin: PathBuf) {
        self.readers = Some(bin);
    }

    /// From now on, tests that fail get a second attempt.
    pub(crate) fn give_second_attempts(&mut self) {
        self.second = true;
    }

    /// From now on, the live tests of this suite are left to [`Session::run_put_off`].
    pub(crate) fn put_off(&mut self, suite: Suite) {
        self.put_off = Some(suite);
    }

    /// Runs tests that were put off, as [`Session::run_tests`] does.
    pub(crate) fn run_put_off(&mut self, part: &str, tests: impl Tests) -> Result<(), Failure> {
        let before = self.tally;
        self.run_again(part, tests)?;
        let ran = |it: Tally| it.passed + it.failed;
        self.run_elsewhere += ran(self.tally) - ran(before);
        Ok(())
    }

    /// Runs tests once more, none of them put off, under other supervisors than those of this
    /// machine.
    pub(crate) fn run_again(&mut self, part: &str, tests: impl Tests) -> Result<(), Failure> {
        let put_off = self.put_off.take();
        self.run_tests(part, tests)?;
        self.put_off = put_off;
        Ok(())
    }

    /// Runs some tests of a binary once more; its others are not "skipped".
    pub(crate) fn run_some(&mut self, part: &str, tests: impl Tests) -> Result<(), Failure> {
        let not_run = self.tally.not_run;
        self.run_again(part, tests)?;
        self.tally.not_run = not_run;
        Ok(())
    }

    /// Notes that something was not run; it counts as one that was skipped.
    pub(crate) fn leave_out(&mut self, why: String) {
        self.left_out.push(why);
    }

    /// Does something else that takes long.
    pub(crate) fn spend<T>(&mut self, part: &str, run: impl FnOnce() -> T) -> T {
        self.times.of(part, run)
    }

    /// Runs a test command, shows what it prints, and counts. Its time is that of this part.
    pub(crate) fn run(&mut self, part: &str, command: &mut Command) -> Result<(), Failure> {
        self.say(part);
        let started = Instant::now();
        let attempt = self.count(command);
        self.times.add(part, started.elapsed());
        self.tally += attempt?.tally;
        Ok(())
    }

    /// The same for a command that can also run some of its tests alone: those that failed, if not
    /// too many for chance.
    pub(crate) fn run_tests(&mut self, part: &str, tests: impl Tests) -> Result<(), Failure> {
        self.say(part);
        let started = Instant::now();
        let attempt = self.attempts(&tests);
        self.times.add(part, started.elapsed());
        self.tally += attempt?;
        Ok(())
    }

    fn attempts(&mut self, tests: &impl Tests) -> Result<Tally, Failure> {
        let first = self.count(&mut tests(None)?)?;
        if !(self.second && first.may_be_chance()) {
            return Ok(first.tally);
        }
        let names: Vec<_> = first.failed.iter().map(ToString::to_string).collect();
        self.say(&format!("once more, one at a time: {}", names.join(", ")));
        let mut again = tests(Some(&first.failed))?;
        again.envs(THREADS.map(|(name, _)| (name, "1")));
        let second = self.count(&mut again)?;
        let (tally, unsteady) = first.and_then(&second);
        self.unsteady.extend(unsteady);
        Ok(tally)
    }

    fn count(&mut self, command: &mut Command) -> Result<Attempt, Failure> {
        match self.skips {
            Skips::Allowed => command.env("SV_ALLOW_SKIPS", "1"),
            Skips::Refused => command.env_remove("SV_ALLOW_SKIPS"),
        };
        match self.put_off {
            Some(suite) => command.env("SV_PUT_OFF", suite.name()),
            None => command.env_remove("SV_PUT_OFF"),
        };
        if self.thorough {
            command.env(THOROUGH, "1");
        }
        command.env("SV_SKIPS_FILE", self.skips_file.path());
        if let Some(readers) = &self.readers {
            command.env(readers::NAME, readers);
        }
        // Most tests wait for supervisors and for what they start, rather than compute.
        let processors = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        for (name, for_each) in THREADS {
            let is_said = command.get_envs().any(|(it, _)| it == name);
            if !is_said && env::var_os(name).is_none() {
                command.env(name, (processors * for_each).to_string());
            }
        }
        // It writes into a pipe and would not know.
        if io::stderr().is_terminal() {
            command.env("CARGO_TERM_COLOR", "always");
        }
        let mut attempt = Attempt::default();
        let status = match &mut self.printed {
            Some(printed) => command::listen(command, |line| {
                attempt.read(line);
                printed.push_str(line);
            }),
            None => command::stream(command, |line| attempt.read(line)),
        }?;
        if !status.success() && attempt.tally.failed == 0 {
            self.say(&format!("`{}` failed before its tests: {status}", command::shown(command)));
            attempt.tally.failed = 1;
        }
        Ok(attempt)
    }

    /// Lists what was skipped and prints the last line; an error unless all is well.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        let path = self.skips_file.path();
        let skips = fs::read_to_string(path)
            .map_err(|why| Failure::cannot(format!("read {}", path.display()), why))?;
        let (no_test, skips): (Vec<_>, Vec<_>) =
            skips.lines().partition(|line| line.starts_with(NO_TEST));
        let (put_off, skips): (Vec<_>, Vec<_>) =
            skips.into_iter().partition(|line| line.starts_with(PUT_OFF));
        for skip in skips.iter().copied().chain(self.left_out.iter().map(String::as_str)) {
            println!("skipped: {skip}");
        }
        if put_off.len() > self.run_elsewhere {
            let (many, ran) = (put_off.len(), self.run_elsewhere);
            return Err(Failure::Because(format!("{many} tests were put off, and {ran} were run")));
        }
        let tally = self.tally.without(put_off.len() + no_test.len());
        let total = tally.with_skips(skips.len(), self.scope);
        let total = total.and_skipped(self.left_out.len());
        if total.is_empty() {
            return Err(Failure::Because("no test ran: the filter matches none".to_owned()));
        }
        for test in &self.unsteady {
            println!("unsteady: {test}: failed, then passed by itself");
        }
        println!("took: {}", self.times);
        self.times.keep("test");
        println!("{total}");
        if total.failed > 0 {
            return Err(Failure::Told);
        }
        second::judge(&self.unsteady)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_went_on_beside_is_counted_and_shown_once_it_is_joined() -> Result<(), Failure> {
        let mut session = Session::new(Skips::Refused, Scope::All)?;
        let mut part = session.fork();
        let mut tests = Command::new("echo");
        part.run("beside", tests.arg("test result: FAILED. 2 passed; 1 failed; 0 ignored"))?;
        part.leave_out("a root".to_owned());
        assert_eq!(
            part.printed.as_deref(),
            Some("xtask: beside\ntest result: FAILED. 2 passed; 1 failed; 0 ignored\n")
        );
        assert_eq!(session.tally, Tally::default());
        session.join(part);
        assert_eq!(session.tally, Tally { passed: 2, failed: 1, not_run: 0 });
        assert_eq!((session.left_out.len(), session.times.to_string().as_str()), (1, "beside 0 s"));
        Ok(())
    }

    fn said(text: &str) -> Command {
        let mut command = Command::new("printf");
        command.arg(text);
        command
    }

    /// `first` and `second` are what the test command prints at each attempt.
    fn two_attempts(first: &str, second: &str) -> Result<Session, Failure> {
        let mut session = Session::new(Skips::Refused, Scope::All)?;
        session.give_second_attempts();
        session.run_tests("some", |failed: Option<&[Failed]>| {
            Ok(said(if failed.is_some() { second } else { first }))
        })?;
        Ok(session)
    }

    const FIRST: &str = "test a::b ... FAILED\ntest c ... ok\n\
                         test result: FAILED. 1 passed; 1 failed; 0 ignored\n";

    #[test]
    fn what_fails_by_chance_passes_at_the_second_attempt_and_is_named() -> Result<(), Failure> {
        let passes = "test a::b ... ok\ntest result: ok. 1 passed; 0 failed; 0 ignored\n";
        let session = two_attempts(FIRST, passes)?;
        assert_eq!(session.tally, Tally { passed: 2, failed: 0, not_run: 0 });
        assert_eq!(session.unsteady, [Failed::new("a::b")]);
        Ok(())
    }

    #[test]
    fn what_fails_twice_fails() -> Result<(), Failure> {
        let fails = "test a::b ... FAILED\ntest result: FAILED. 0 passed; 1 failed; 0 ignored\n";
        // Nor does an attempt that ran nothing prove anything.
        for second in [fails, "test result: ok. 0 passed; 0 failed; 0 ignored\n"] {
            let session = two_attempts(FIRST, second)?;
            assert_eq!(session.tally, Tally { passed: 1, failed: 1, not_run: 0 }, "{second}");
            assert_eq!(session.unsteady, []);
        }
        Ok(())
    }
}
