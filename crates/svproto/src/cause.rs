//! The table of causes: why something is not as it was asked to be, or is odd. One row for each: a
//! stable word, how bad it is, one sentence; and that sentence again, with what it is about. What
//! finds a cause names a row; the sentence is written here alone.
//!
//! Sentences are clauses that follow a name: "web: exited with 3 and is no longer wanted up".
//!
//! ```
//! use svproto::cause::{Cause, Severity};
//!
//! let cause = Cause::Dependency;
//! assert_eq!((cause.kind(), cause.severity()), ("dependency", Severity::Error));
//! assert_eq!(cause.to_string(), "a service that it needs failed");
//! assert_eq!(cause.about("db.service").to_string(), "the dependency db.service failed");
//! ```

use core::fmt;

use crate::LastExit;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Severity {
    /// As it should be, and worth a word.
    Note,
    /// It works, and is not as somebody would want it.
    Warning,
    /// It does not work.
    Error,
}

crate::words!(Severity, "severity": Note "note", Warning "warning", Error "error");

macro_rules! causes {
    ($($(#[$doc:meta])* $name:ident $({ $exit:ident })? $word:literal $severity:ident
        $sentence:literal $(, $before:literal .. $after:literal)?;)*) => {
        /// Why. `Display` is the sentence, [`Cause::kind`] the word for programs. New causes will
        /// come.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Cause {
            $(
                $(#[$doc])*
                $name $({
                    /// How the last run ended, where that is known.
                    $exit: LastExit,
                })?,
            )*
        }

        /// All causes, each once.
        pub const ALL: &[Cause] =
            &[$(Cause::$name $({ $exit: LastExit::NotReported })?,)*];

        const fn row(cause: &Cause) -> Row {
            match cause {
                $(Cause::$name $({ $exit: _ })? => Row {
                    word: $word,
                    severity: Severity::$severity,
                    sentence: $sentence,
                    about: causes!(@about $($before, $after)?),
                },)*
            }
        }
    };
    (@about) => { None };
    (@about $before:literal, $after:literal) => { Some(($before, $after)) };
}

struct Row {
    word: &'static str,
    severity: Severity,
    /// After the end of the last run, where the cause has one.
    sentence: &'static str,
    /// What stands before and after what it is about.
    about: Option<(&'static str, &'static str)>,
}

causes! {
    // What looks at a service show.

    /// No supervisor holds the directory.
    Unsupervised "unsupervised" Error "no supervisor is running there";
    /// It is down and the supervisor no longer wants it up: `finish` refused another start, the
    /// last run is over, or somebody asked for down.
    GivenUp { exit } "given-up" Error "and is no longer wanted up";
    /// It is down, and its `finish` exited with 125: it is not to be started again. The caller of a
    /// wait says so: no record shows it.
    Refused { exit } "refused" Error "and its finish script refused another start (exit 125)";
    /// It was to go down, and now it is wanted up again.
    WantedUpAgain "wanted-up-again" Error "is wanted up again";
    /// The service does not report readiness.
    NoReadiness "no-readiness" Error "does not report readiness";
    /// Its supervisor says that it failed.
    Failed { exit } "failed" Error "and failed";

    // What a start came to that is no failure.

    /// It had one thing to do and has done it. About its exit code.
    Ran "ran" Note "ran and ended", "ran and ended with " .. "";
    /// A condition for its start does not hold, so nothing was done. About the condition.
    Condition "condition" Note "a condition for its start does not hold",
        "condition " .. " was not met, nothing was started";
    /// A command decides whether it is started, and said no. About the command.
    ConditionCommand "condition-command" Note "a condition for its start does not hold",
        "" .. " said no, nothing was started";

    // How a run ended.

    /// It ended with a code that is a failure. About the code.
    Exited "exited" Error "exited with a failure", "exited with " .. "";
    /// A signal ended it. About the signal.
    Killed "killed" Error "was killed by a signal", "killed by " .. "";
    /// A signal ended it, and it left a core dump. About the signal.
    CoreDump "core-dump" Error "was killed by a signal, and left a core dump",
        "killed by " .. ", and left a core dump";
    /// The kernel ended it for want of memory.
    OutOfMemory "out-of-memory" Error "was killed for want of memory";
    /// It did not report to the watchdog in time.
    Watchdog "watchdog" Error "did not report to its watchdog in time";
    /// Something could not be set up for it.
    Resources "resources" Error "its supervisor could not set up what it needs";
    /// Its program was not started. About the step that failed.
    NotExecuted "not-executed" Error "its program was not started",
        "its program was not started: " .. "";

    /// The mounts of its own could not be made. About the setting that asks for what is missing.
    Namespace "namespace" Error "its mounts could not be set up", "its mounts could not be set up: " .. "";
    /// A file with variables for its environment is missing. About the file.
    EnvironmentFile "environment-file" Error "a file with its environment is missing",
        "the environment file " .. " is missing";
    /// It waits for its turn: others are to be started or stopped first. About those.
    Waiting "waiting" Warning "waits for its turn", "waits for " .. "";

    /// It is not started, because what it needs has failed. About what that is.
    HeldBack "held-back" Warning "is held back", "is held back: " .. "";

    // What a start did not come to.

    /// What is to run before it failed. About the command and its end.
    BeforeStart "before-start" Error "a command before its start failed",
        "" .. " before the start";
    /// What is to run after its start failed. About the command and its end.
    AfterStart "after-start" Error "a command after its start failed", "" .. " after the start";
    /// What is to run at its stop or after its end failed. About the command and its end.
    AfterEnd "after-end" Error "a command after its end failed", "" .. " after its end";
    /// It ended before it said that it is ready. About its end.
    EndedBeforeReady "ended-before-ready" Error "ended before it was ready",
        "ended before it was ready: " .. "";
    /// It was not ready in the time that its definition gives. About the time.
    StartTimeout "start-timeout" Error "the start timed out",
        "the start timed out: not ready in " .. "";
    /// It ran for as long as its definition lets it, and was ended. About the time.
    RunTimeout "run-timeout" Error "ran for as long as it may, and was ended",
        "ran for " .. ", which is as long as it may, and was ended";
    /// It did not end in the time that its definition gives. About the time.
    StopTimeout "stop-timeout" Warning "did not end in time and was killed",
        "did not end in " .. " and was killed";
    /// A service that it needs failed. About that service.
    Dependency "dependency" Error "a service that it needs failed",
        "the dependency " .. " failed";
    /// An assertion for its start does not hold. About the assertion.
    Assertion "assertion" Error "an assertion for its start does not hold",
        "the assertion " .. " failed";
    /// It was started too often in too short a time. About how often in which time.
    StartLimit "start-limit" Error "was started too often in too short a time",
        "was started too often (" .. ")";
    /// It cannot be started because it is masked.
    Masked "masked" Error "is masked";
    /// Its definition cannot be used. About what is wrong with it.
    BadDefinition "bad-definition" Error "its definition cannot be used",
        "its definition cannot be used: " .. "";

    // What is odd about a service, whatever was asked of it.

    /// It does not stay up. About how often it ended.
    CrashLoop "crash-loop" Error "crash loop", "crash loop: ended " .. "";
    /// A script of its directory could not be started. About which, and why.
    CannotStart "cannot-start" Error "a script cannot be started", "cannot start " .. "";
    /// Its definition was changed after its process had started.
    DefinitionNewer "definition-newer" Warning "definition newer than process";
    /// No supervisor, and a record of one. About its age.
    Stale "stale" Warning "stale record", "stale record, " .. " old";
    /// It is wanted up, and nothing comes of it. About for how long.
    Stuck "stuck" Error "stuck: wanted up, without a process",
        "stuck: wanted up, without a process for " .. "";

    /// Its supervisor says that it runs, and its process is dead. About the process.
    ProcessDead "process-dead" Error "its process is dead, and its supervisor has not noticed",
        "its process " .. " is dead, and its supervisor has not noticed";
    /// Its supervisor is gone, and its process still runs. About the process.
    Orphan "orphan" Warning "a process of a supervisor that is gone still runs",
        "process " .. " of a supervisor that is gone still runs";
    /// Processes run in its directory that no supervisor knows. About which.
    LeftBehind "left-behind" Warning "processes were left behind", "left behind: " .. "";
    /// Its logger does not run as it should. About how it stands.
    Logger "logger" Error "its logger does not run", "its logger is " .. "";
    /// Its logger does not stay up. About how often it ended.
    LoggerLoop "logger-loop" Error "its logger is in a crash loop",
        "its logger is in a crash loop: ended " .. "";

    // What its `check` script says.

    /// It said no. About how.
    CheckFailed "check-failed" Error "its check script says no", "its check script " .. "";
    /// It does not end. About for how long.
    CheckOverdue "check-overdue" Error "its check script does not end",
        "its check script has not ended for " .. "";
    /// It cannot be run.
    CheckNotExecutable "check-not-executable" Error "its check script is not executable";

    // What a request that was read is not obeyed by.

    /// Its process is stopped by a pause.
    Paused "paused" Error "its process is paused; `cont` lets it go on";
    /// Its process does not end, whatever was sent. About what was sent.
    NotObeyed "not-obeyed" Error "its process has not ended", "its process has not ended by " .. "";
    /// Nothing shows that the supervisor has read the request.
    NotRead "not-read" Error "its supervisor gave no sign that it has read the request";

    // What became of the request itself.

    /// Its supervisor gave the request up after a time of its own. About the time.
    TimedOut "timed-out" Error "took longer than its supervisor allows",
        "the request timed out after " .. "";
    /// Another request took the place of this one, or somebody canceled it.
    Canceled "canceled" Error "another request took the place of this one";
    /// It does not run, so there is nothing to do for this request.
    NotUp "not-up" Error "is not up";
    /// Its reload failed. About how.
    Reload "reload" Error "the reload failed", "the reload failed: " .. "";
    /// Its processes are frozen.
    Frozen "frozen" Error "is frozen";
    /// Too many of its group run already.
    TooMany "too-many" Error "too many of its group run already";
    /// It cannot do this, or not as it stands.
    Impossible "impossible" Error "cannot do this as it stands";
    /// Its supervisor gave a reason that has no row here. About its word.
    Other "other" Error "its supervisor gives another reason", "its supervisor says: " .. "";
    /// Its supervisor was asked, and what became of that can no longer be told.
    NotKnown "not-known" Error "what became of the request cannot be told any more";

    // What a look into its directory shows: why nobody holds it.

    /// The entry of a scan directory is a link to what is not there. About where it leads.
    LinkBroken "link-broken" Error "its link leads nowhere", "its link leads to " .. ", where nothing is";
    /// No scan directory has it, so no scanner starts a supervisor. About those that were looked at.
    NotEnabled "not-enabled" Error "no scan directory leads to it", "no scan directory leads to it: not " .. "";
    /// Nobody scans the directory that it is in. About that directory.
    NoScanner "no-scanner" Error "no scanner runs on its scan directory", "no scanner runs on " .. "";
    /// A scanner runs, and has not started a supervisor for it. About the scan directory.
    NotTakenUp "not-taken-up" Error "its scanner has not taken it up",
        "the scanner of " .. " has not taken it up";
    /// Somebody who is no supervisor holds the lock, so that none can start. About who.
    LockHeld "lock-held" Error "its lock is held, and not by a supervisor",
        "its lock is held by " .. ", which is not its supervisor";
    /// A file by which its supervisor is asked is not there. About the file.
    NoControl "no-control" Error "its supervisor cannot be asked anything",
        "" .. " is missing, so its supervisor cannot be asked anything";
    /// A name of its directory is not what it has to be. About what and what it is.
    WrongType "wrong-type" Error "a file of its directory is of the wrong type", "" .. "";
    /// The record is one that no supervisor writes. About the file.
    BadRecord "bad-record" Error "its record is damaged", "" .. " is damaged";
    /// Its supervisor is stopped by a signal, so it does nothing. About the process.
    SupervisorStopped "supervisor-stopped" Error "its supervisor is stopped by a signal",
        "its supervisor, process " .. ", is stopped by a signal";

    // Why a file cannot be executed. About the file.

    /// There is none.
    FileMissing "file-missing" Error "run is missing", "" .. " is missing";
    /// Nobody, or not its user, may execute it.
    FileNotExecutable "file-not-executable" Error "run is not executable", "" .. " is not executable";
    /// There is nothing in it.
    FileEmpty "file-empty" Error "run is empty", "" .. " is empty";
    /// Lines end with a carriage return, which is a part of the interpreter's name to the kernel.
    LineEnds "line-ends" Error "run has the line ends of DOS", "" .. " has the line ends of DOS";
    /// A byte order mark stands before `#!`.
    ByteOrderMark "byte-order-mark" Error "run begins with a byte order mark",
        "" .. " begins with a byte order mark";
    /// It is neither a program nor a script with `#!` as its first two bytes.
    NoInterpreterLine "no-interpreter-line" Error "run does not begin with #!",
        "" .. " does not begin with #!, and is no program";
    /// Its first line names an interpreter that is not there. About that.
    NoInterpreter "no-interpreter" Error "the interpreter is missing", "the interpreter " .. " is missing";
    /// It is a program for another kind of processor.
    WrongMachine "wrong-machine" Error "run is a program for another machine",
        "" .. " is a program for another machine";
    /// It lies on a file system from which nothing may be executed.
    NoExecMount "noexec-mount" Error "run is on a file system mounted noexec",
        "" .. " is on a file system mounted noexec";

    // What a script names and the machine lacks.

    /// A program that is to be run. About that.
    ProgramMissing "program-missing" Error "a program that its script runs is missing",
        "the program " .. " is missing";
    /// A user. About the name.
    NoUser "no-user" Error "a user that its script names does not exist here",
        "the user " .. " does not exist here";
    /// A group. About the name.
    NoGroup "no-group" Error "a group that its script names does not exist here",
        "the group " .. " does not exist here";
    /// A directory. About that.
    NoDirectory "no-directory" Error "a directory that its script needs does not exist",
        "the directory " .. " does not exist";
    /// A file or directory that its user may not reach. About which, and who.
    NotReachable "not-reachable" Error "its user may not reach what its script names", "" .. "";
    /// Its run ends while what it started goes on. About which processes.
    Backgrounds "backgrounds" Error "its run ends, and what that has started goes on in the background",
        "its run ends, and what that has started goes on in the background: " .. "";

    // How it stands, where that is the reason.

    /// It is down, and not wanted up.
    WantedDown "wanted-down" Warning "is down, and wanted down";
    /// It is down, and a `down` file lets its supervisor leave it down. About the file.
    DownFile "down-file" Warning "is down, and normally down", "is down, and normally down: there is " .. "";
    /// Its run ended and its supervisor waits before the next; how it ended is not told.
    BackOff "back-off" Error "its run ended, and is about to be started again";
    /// Its `finish` script does not end. About for how long.
    FinishOverdue "finish-overdue" Error "its finish script does not end",
        "its finish script has not ended for " .. "";
    /// It is one that says when it is ready, and has not said so. About for how long.
    NotReady "not-ready" Warning "has not said that it is ready", "has not said that it is ready for " .. "";
    /// There is a logger, and nobody supervises it.
    LoggerUnsupervised "logger-unsupervised" Error "its logger is unsupervised";

    // What a log or the system shows.

    /// Another process has the address. About the line of the log.
    AddressInUse "address-in-use" Error "an address that it needs is in use",
        "an address that it needs is in use: " .. "";
    /// No space or no inodes are left. About where.
    DiskFull "disk-full" Error "its file system is full", "the file system of " .. " is full";
    /// Nothing may be written there. About where.
    ReadOnly "read-only" Error "its file system is read-only", "the file system of " .. " is read-only";
    /// It has as many files open as it may. About how many, or the line of the log.
    NoDescriptors "no-descriptors" Error "no more files may be opened", "no more files may be opened: " .. "";
    /// Memory that it asked for was refused. About the line of the log.
    NoMemory "no-memory" Error "memory was refused", "memory was refused: " .. "";
    /// No further process may be started. About the line of the log.
    NoProcesses "no-processes" Error "no further process may be started",
        "no further process may be started: " .. "";
    /// A library that its program needs is not there. About the line of the log.
    LibraryMissing "library-missing" Error "a library is missing", "a library is missing: " .. "";
    /// A script, or another file that it reads, is not of the form that it has to be. About the line of the log.
    SyntaxError "syntax-error" Error "a file that it reads has a syntax error",
        "a file that it reads has a syntax error: " .. "";
    /// What it needs does not answer. About the line of the log.
    NoAnswer "no-answer" Error "what it needs does not answer", "what it needs does not answer: " .. "";
    /// The system refused something. About the line of the log.
    NotPermitted "not-permitted" Error "something is not permitted to it",
        "something is not permitted to it: " .. "";
    /// It waits to write to a pipe that nobody empties. About who should.
    PipeFull "pipe-full" Error "it waits for a full pipe to be emptied",
        "it waits for a full pipe to be emptied by " .. "";
    /// A variable that its script needs is not set. About the name.
    NoVariable "no-variable" Error "a variable that its script needs is not set",
        "the variable " .. " is not set";

    // What else a look into its directory shows.

    /// A file of one value holds something else. About the file and what it holds.
    BadValue "bad-value" Warning "a file of its directory has no usable value", "" .. "";
    /// Scanners pass over names that begin with a dot. About the name.
    HiddenName "hidden-name" Error "scanners pass over its name", "scanners pass over " .. ": it begins with a dot";
    /// Its `supervise` leads where nothing can be made. About where.
    NoStateDirectory "no-state-directory" Error "its supervise directory cannot be made",
        "supervise leads to " .. ", which cannot be made";
}

impl Cause {
    /// The stable word for programs, as in the `why` of JSON.
    ///
    /// ```
    /// use svproto::{Cause, LastExit};
    ///
    /// let cause = Cause::GivenUp { exit: LastExit::Exited { code: 1 } };
    /// assert_eq!(cause.kind(), "given-up");
    /// ```
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        row(self).word
    }

    /// How bad it is.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        row(self).severity
    }

    /// The sentence with what it is about: `Display` writes it. Nothing is the sentence alone.
    #[must_use]
    pub const fn about<'a>(&self, what: &'a str) -> Sentence<'a> {
        Sentence { cause: *self, what }
    }
}

/// Reads [`Cause::kind`]. How the last run ended is not in the word.
///
/// ```
/// use svproto::cause::Cause;
///
/// assert_eq!("dependency".parse(), Ok(Cause::Dependency));
/// assert!("a service that it needs failed".parse::<Cause>().is_err());
/// ```
impl core::str::FromStr for Cause {
    type Err = crate::UnknownWord;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let named = ALL.iter().copied().find(|cause| cause.kind() == word);
        named.ok_or(crate::UnknownWord::new("cause"))
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::GivenUp { exit } | Self::Refused { exit } | Self::Failed { exit } = self {
            match exit {
                LastExit::Exited { code } => write!(f, "exited with {code} ")?,
                LastExit::Signaled { signal, .. } => write!(f, "killed by signal {signal} ")?,
                _ => f.write_str("is down ")?,
            }
        }
        f.write_str(row(self).sentence)
    }
}

/// The sentence of a cause, with what it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sentence<'a> {
    cause: Cause,
    what: &'a str,
}

impl fmt::Display for Sentence<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match row(&self.cause).about {
            Some((before, after)) if !self.what.is_empty() => {
                f.write_str(before)?;
                f.write_str(self.what)?;
                f.write_str(after)
            }
            _ => self.cause.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, string::ToString};

    use super::*;

    #[test]
    fn every_cause_has_a_word_of_its_own_and_one_sentence() {
        let words: BTreeSet<_> = ALL.iter().map(Cause::kind).collect();
        assert_eq!(words.len(), ALL.len());
        for cause in ALL {
            let word = cause.kind();
            assert!(word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{word}");
            for sentence in [cause.to_string(), cause.about("this").to_string()] {
                assert!(!sentence.is_empty() && !sentence.ends_with('.'), "{word}: {sentence}");
                assert_eq!(sentence, sentence.trim(), "{word}");
            }
        }
    }

    #[test]
    fn a_sentence_says_what_it_is_about() {
        assert_eq!(Cause::Exited.about("4").to_string(), "exited with 4");
        assert_eq!(Cause::Exited.about("").to_string(), "exited with a failure");
        assert_eq!(Cause::Masked.about("it").to_string(), "is masked");
        let exit = LastExit::Exited { code: 3 };
        let given_up = Cause::GivenUp { exit }.to_string();
        assert_eq!(given_up, "exited with 3 and is no longer wanted up");
        assert_eq!((Cause::Ran.severity(), Cause::Ran.kind()), (Severity::Note, "ran"));
    }
}
