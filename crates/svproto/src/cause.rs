//! The table of causes: why something is not as it was asked to be, or is odd. One row for each:
//! a stable word, how bad it is, one sentence. What finds a cause names a row and says what it is
//! about; the sentence is written here alone.
//!
//! ```
//! use svproto::cause::{Cause, Severity};
//!
//! let cause = Cause::Dependency;
//! assert_eq!((cause.word(), cause.severity()), ("dependency", Severity::Error));
//! let sentence = cause.about("db.service").to_string();
//! assert_eq!(sentence, "the dependency db.service failed");
//! ```

use core::fmt;

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

macro_rules! causes {
    ($($(#[$doc:meta])* $name:ident $word:literal $severity:ident $before:literal $(.. $after:literal)?)*) => {
        /// Why. New causes will come.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Cause {
            $($(#[$doc])* $name,)*
        }

        /// All causes, each once.
        pub const ALL: &[Cause] = &[$(Cause::$name,)*];

        const fn row(cause: Cause) -> Row {
            match cause {
                $(Cause::$name => Row {
                    word: $word,
                    severity: Severity::$severity,
                    before: $before,
                    after: causes!(@after $($after)?),
                },)*
            }
        }
    };
    (@after) => { None };
    (@after $after:literal) => { Some($after) };
}

struct Row {
    word: &'static str,
    severity: Severity,
    before: &'static str,
    /// `None` where nothing is named.
    after: Option<&'static str>,
}

causes! {
    // What a start came to that is no failure.
    /// It had one thing to do and has done it. About its exit.
    Ran "ran" Note "ran and ended with " .. ""
    /// A condition of the definition was not met. About the condition.
    Condition "condition" Note "condition " .. " was not met, nothing was started"
    /// A command of the definition decides whether to start, and said no. About its answer.
    ConditionCommand "condition-command" Note "ExecCondition= " .. ", nothing was started"

    // How a run ended.
    /// It ended with a code that is a failure. About the code.
    Exited "exited" Error "exited with " .. ""
    /// A signal ended it. About the signal.
    Killed "killed" Error "killed by " .. ""
    /// A signal ended it, and it left a core dump. About the signal.
    CoreDump "core-dump" Error "killed by " .. ", which left a core dump"
    /// The kernel ended it for want of memory.
    OutOfMemory "out-of-memory" Error "the kernel ended it for want of memory"
    /// It did not report to the watchdog in time.
    Watchdog "watchdog" Error "it did not report to its watchdog in time"
    /// Something could not be set up for it.
    Resources "resources" Error "the supervisor could not set up what it needs"
    /// Its program could not be started. About the step that failed.
    NotExecuted "not-executed" Error "its program was not started: " .. ""

    // What a start did not come to.
    /// What is to run before it failed. About the command and its end.
    BeforeStart "before-start" Error "" .. " before the start"
    /// What is to run after its start failed. About the command and its end.
    AfterStart "after-start" Error "" .. " after the start"
    /// What is to run after its end failed. About the command and its end.
    AfterEnd "after-end" Error "" .. " after its end"
    /// It ended before it said that it is ready. About its exit.
    EndedBeforeReady "ended-before-ready" Error "it ended before it was ready: " .. ""
    /// It was not ready in the time that its definition gives. About the time.
    StartTimeout "start-timeout" Error "the start timed out: not ready in " .. ""
    /// It did not end in the time that its definition gives. About the time.
    StopTimeout "stop-timeout" Warning "it did not end in " .. " and was killed"
    /// The request was not done in the time that the definition gives. About the time.
    JobTimeout "job-timeout" Error "the request timed out after " .. ""
    /// Something that it requires failed. About that.
    Dependency "dependency" Error "the dependency " .. " failed"
    /// An assertion of the definition did not hold. About the assertion.
    Assertion "assertion" Error "the assertion " .. " failed"
    /// It was started too often in a short time. About how often in which time.
    StartLimit "start-limit" Error "it was started too often (" .. ")"
    /// It stays down because it is masked.
    Masked "masked" Error "it is masked"
    /// Its definition cannot be used. About what is wrong with it.
    BadDefinition "bad-definition" Error "its definition cannot be used: " .. ""

    // What became of the request itself.
    /// Another request took its place, or somebody took it back.
    Superseded "superseded" Error "another request took the place of this one"
    /// It does not run, so there is nothing to do for this request.
    NotUp "not-up" Error "it is not up"
    /// Its reload failed. About how.
    Reload "reload" Error "the reload failed: " .. ""
    /// Its processes are frozen.
    Frozen "frozen" Error "it is frozen"
    /// Too many of its group run already.
    TooMany "too-many" Error "too many of its group run already"
    /// It cannot do this.
    NotPossible "not-possible" Error "it cannot do this"
    /// The supervisor gave a reason that has no row here. About its word.
    Other "other" Error "the supervisor says: " .. ""
    /// The supervisor went away, or the connection to it, and what became of it cannot be told.
    Lost "lost" Error "the supervisor was not there to tell what became of it"
}

impl Cause {
    /// The stable word, as in the `why` of JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        row(self).word
    }

    /// How bad it is.
    #[must_use]
    pub const fn severity(self) -> Severity {
        row(self).severity
    }

    /// The sentence about something: `Display` writes it.
    #[must_use]
    pub const fn about(self, what: &str) -> Sentence<'_> {
        Sentence { cause: self, what }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
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
        let row = row(self.cause);
        f.write_str(row.before)?;
        match row.after {
            Some(after) => {
                f.write_str(self.what)?;
                f.write_str(after)
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, string::ToString};

    use super::*;

    #[test]
    fn every_cause_has_a_word_of_its_own_and_one_sentence() {
        let words: BTreeSet<_> = ALL.iter().map(|cause| cause.word()).collect();
        assert_eq!(words.len(), ALL.len());
        for cause in ALL {
            let word = cause.word();
            assert!(word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'), "{word}");
            let sentence = cause.about("this").to_string();
            assert!(!sentence.ends_with('.') && !sentence.contains("{}"), "{sentence}");
        }
    }

    #[test]
    fn a_sentence_says_what_it_is_about() {
        assert_eq!(Cause::Exited.about("4").to_string(), "exited with 4");
        assert_eq!(Cause::Masked.about("").to_string(), "it is masked");
        assert_eq!(Cause::Ran.severity(), Severity::Note);
    }
}
