//! What the embedded supervisor tells beside runit's record: the file `supervise/embedded`.
//!
//! `svdevtree` keeps it for clients, and replaces it by rename just before the record. It is text,
//! a fact on each line, the first word its name. Words of which a reader knows nothing are passed
//! over.
//!
//! | line                              | there     | meaning                                            |
//! |-----------------------------------|-----------|----------------------------------------------------|
//! | `record @LABEL`                   | first     | the stamp of the record that all this belongs to   |
//! | `restarts N`                      | always    | how often `run` was started again since it is supervised |
//! | `ready awaited`, `ready @LABEL`   | while up  | it is to say that it is ready; it said so then     |
//! | `exit code N @LABEL`              | once ended | how the last run ended, and when                  |
//! | `exit signal N @LABEL`            | once ended | the same by a signal; `core` instead where it left one |
//! | `cannot-start SCRIPT ERRNO`       | if so     | `run` or `finish` has no process, and why          |
//! | `crashes N`                       | in a loop | deaths in a row that nobody asked for, each after less than 10 s |
//! | `backoff N MILLISECONDS @LABEL`   | while it rests | the same; the rest, and when it is over       |
//! | `end asked`                       | if so     | somebody asked for the end of the last run         |
//! | `gave-up N MILLISECONDS`          | if so     | it is not started any more: so many starts in that time |
//! | `entry NAME`                      | if it fits | the name under which it was taken on: [`EntryName`] |
//!
//! Labels are on [`Scale::Fixed`]. A file whose first label is not that of the record is another
//! supervisor's, or of another moment, and says nothing: see [`Embedded::belongs_to`].
//!
//! Source: `crates/svdevtree/src/embed/publish.rs`, which is made with this.

use core::fmt;

use crate::{Facts, LastExit, Phase, Readiness, Scale, Stage, Tai64n, UnixTime, stamp};

/// What the file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Embedded {
    /// The stamp of the record that this belongs to.
    pub record: Tai64n,
    /// How often `run` was started again since the service is supervised, whoever asked for it.
    pub restarts: u64,
    /// `None` for a service that does not say when it is ready, and without a process.
    pub readiness: Option<Notice>,
    /// How the last run ended, and when. `None` before the first end.
    pub exit: Option<(LastExit, Tai64n)>,
    /// Why there is no process; until one is there.
    pub cannot_start: Option<CannotStart>,
    /// Deaths in a row that nobody asked for, each after less than ten seconds; 0 in no loop.
    pub crashes: u64,
    /// While it rests between two of them, where rests grow.
    pub backoff: Option<Backoff>,
    /// Somebody asked for the end of the last run; so that it was none of its own.
    pub is_end_asked: bool,
    /// It is not started any more, because it was too often.
    pub gave_up: Option<GaveUp>,
}

/// What a service that says when it is ready has said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Nothing yet.
    Awaited,
    /// That it is ready, at this moment.
    Ready(Tai64n),
}

/// A script that could not be started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct CannotStart {
    /// Which.
    pub script: Script,
    /// The number of the system's error; 0 where it gave none.
    pub errno: u32,
}

impl CannotStart {
    /// This script, which could not be started because of this error.
    #[must_use]
    pub const fn new(script: Script, errno: u32) -> Self {
        Self { script, errno }
    }
}

/// A script that the embedded supervisor starts; the word for it is the name of its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Script {
    /// The service.
    Run,
    /// What is run after each end of it.
    Finish,
}

crate::words!(Script, "script": Run "run", Finish "finish");

/// A rest that grows with each death that nobody asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Backoff {
    /// Deaths in a row.
    pub crashes: u64,
    /// How long it rests, in milliseconds.
    pub millis: u64,
    /// When it starts again.
    pub until: Tai64n,
}

/// A limit on starts that was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct GaveUp {
    /// So many starts.
    pub starts: u64,
    /// Within so many milliseconds.
    pub millis: u64,
}

impl GaveUp {
    /// After so many starts within so many milliseconds.
    #[must_use]
    pub const fn new(starts: u64, millis: u64) -> Self {
        Self { starts, millis }
    }
}

impl Backoff {
    /// After so many deaths in a row, a rest of so many milliseconds that ends then.
    #[must_use]
    pub const fn new(crashes: u64, millis: u64, until: Tai64n) -> Self {
        Self { crashes, millis, until }
    }
}

impl Embedded {
    /// No file is longer, in bytes; room for words to come included.
    pub const MAX_LEN: usize = 1024;

    /// Nothing but the record that it belongs to.
    #[must_use]
    pub const fn new(record: Tai64n) -> Self {
        let (readiness, exit, cannot_start, backoff) = (None, None, None, None);
        let (is_end_asked, gave_up) = (false, None);
        Self {
            record,
            restarts: 0,
            readiness,
            exit,
            cannot_start,
            crashes: 0,
            backoff,
            is_end_asked,
            gave_up,
        }
    }

    /// Reads the file; `None` for what is none.
    ///
    /// ```
    /// use svproto::embedded::Embedded;
    ///
    /// assert_eq!(Embedded::from_bytes(b"not what the supervisor writes"), None);
    /// ```
    #[must_use]
    pub fn from_bytes(text: &[u8]) -> Option<Self> {
        let (first, mut rest) = cut(text, b'\n')?;
        let mut all = Self::new(stamp::label(first.strip_prefix(b"record ")?)?);
        while !rest.is_empty() {
            let (line, more) = cut(rest, b'\n')?;
            rest = more;
            let Some((word, facts)) = cut(line, b' ') else { continue };
            match word {
                b"restarts" => all.restarts = number(facts)?,
                b"ready" if facts == b"awaited" => all.readiness = Some(Notice::Awaited),
                b"ready" => all.readiness = Some(Notice::Ready(stamp::label(facts)?)),
                b"exit" => all.exit = Some(exit(facts)?),
                b"cannot-start" => all.cannot_start = Some(cannot_start(facts)?),
                b"crashes" => all.crashes = number(facts)?,
                b"backoff" => all.backoff = Some(backoff(facts)?),
                b"end" => all.is_end_asked = facts == b"asked",
                b"gave-up" => all.gave_up = Some(gave_up(facts)?),
                _ => (),
            }
        }
        Some(all)
    }

    /// Whether it was written together with the record of which these are the facts.
    #[must_use]
    pub fn belongs_to(&self, facts: &Facts) -> bool {
        let at = self.record.unix(Scale::Fixed);
        at.is_some() && at == facts.since
    }

    /// Whether it was written after the record of which these are the facts: that of its own is
    /// about to follow.
    #[must_use]
    pub fn is_ahead_of(&self, facts: &Facts) -> bool {
        match (self.record.unix(Scale::Fixed), facts.since) {
            (Some(here), Some(there)) => here > there,
            _ => false,
        }
    }

    /// The facts of the record, with what this adds to them, if it [belongs to](Self::belongs_to)
    /// it.
    #[must_use]
    pub fn add_to(&self, facts: Facts) -> Facts {
        if !self.belongs_to(&facts) {
            return facts;
        }
        let readiness = match self.readiness.filter(|_| facts.phase == Phase::Up) {
            None => facts.readiness,
            Some(Notice::Awaited) => Readiness::Awaited,
            Some(Notice::Ready(at)) => Readiness::Ready { since: at.unix(Scale::Fixed) },
        };
        let last_exit = match (self.exit, facts.phase, self.restarts) {
            (Some((exit, _)), _, _) => exit,
            (None, Phase::Down, _) => LastExit::NotStarted,
            (None, ..) => facts.last_exit,
        };
        let is_failed = self.gave_up.is_some() && facts.phase == Phase::Down;
        let stage = if is_failed { Stage::Failed } else { facts.stage };
        Facts { stage, readiness, last_exit, ..facts }
    }

    /// When the last run ended; `None` before the first end, and if that is no moment.
    #[must_use]
    pub fn exited_at(&self) -> Option<UnixTime> {
        self.exit.and_then(|(_, at)| at.unix(Scale::Fixed))
    }
}

/// The file, with the end of its last line.
impl fmt::Display for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "record {}\nrestarts {}", self.record, self.restarts)?;
        match self.readiness {
            None => (),
            Some(Notice::Awaited) => writeln!(f, "ready awaited")?,
            Some(Notice::Ready(at)) => writeln!(f, "ready {at}")?,
        }
        match self.exit {
            Some((LastExit::Exited { code }, at)) => writeln!(f, "exit code {code} {at}")?,
            Some((LastExit::Signaled { signal, core }, at)) => {
                writeln!(f, "exit {} {signal} {at}", if core { "core" } else { "signal" })?;
            }
            _ => (),
        }
        if let Some(CannotStart { script, errno }) = self.cannot_start {
            writeln!(f, "cannot-start {} {errno}", script.name())?;
        }
        if self.crashes > 0 {
            writeln!(f, "crashes {}", self.crashes)?;
        }
        if let Some(Backoff { crashes, millis, until }) = self.backoff {
            writeln!(f, "backoff {crashes} {millis} {until}")?;
        }
        if self.is_end_asked {
            writeln!(f, "end asked")?;
        }
        if let Some(GaveUp { starts, millis }) = self.gave_up {
            writeln!(f, "gave-up {starts} {millis}")?;
        }
        Ok(())
    }
}

/// `code 3 @LABEL` and its like.
/// The name under which the supervisor has taken a service on, that of an entry of a scan directory: no
/// control characters, blanks and `%` are in it, but `%` and two digits for each of their bytes, and for
/// those beyond ASCII.
///
/// ```
/// use svproto::embedded::EntryName;
///
/// assert_eq!(EntryName(b"my web").to_string(), "my%20web");
/// assert!(EntryName(b"my web").is_in(b"record @4000\nentry my%20web\n"));
/// assert!(!EntryName(b"my").is_in(b"record @4000\nentry my%20web\n"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EntryName<'a>(pub &'a [u8]);

impl EntryName<'_> {
    /// Whether the text of the file says this name.
    #[must_use]
    pub fn is_in(&self, text: &[u8]) -> bool {
        let mut lines = text.split(|byte| *byte == b'\n');
        lines.any(|line| line.strip_prefix(b"entry ").is_some_and(|said| self.is_said(said)))
    }

    fn is_said(&self, mut said: &[u8]) -> bool {
        for byte in self.0 {
            let escaped = [b'%', hex(byte >> 4), hex(byte & 15)];
            let form = if is_plain(*byte) { core::slice::from_ref(byte) } else { &escaped };
            let Some(rest) = said.strip_prefix(form) else { return false };
            said = rest;
        }
        said.is_empty()
    }
}

impl fmt::Display for EntryName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| {
            if is_plain(*byte) {
                write!(f, "{}", char::from(*byte))
            } else {
                write!(f, "%{byte:02x}")
            }
        })
    }
}

const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b'%'
}

const fn hex(digit: u8) -> u8 {
    if digit < 10 { b'0' + digit } else { b'a' + (digit & 15) - 10 }
}

fn exit(facts: &[u8]) -> Option<(LastExit, Tai64n)> {
    let (how, rest) = cut(facts, b' ')?;
    let (digits, at) = cut(rest, b' ')?;
    let number = u8::try_from(number(digits)?).ok()?;
    let exit = match how {
        b"code" => LastExit::Exited { code: number },
        b"signal" => LastExit::Signaled { signal: number, core: false },
        b"core" => LastExit::Signaled { signal: number, core: true },
        _ => return None,
    };
    Some((exit, stamp::label(at)?))
}

/// `run 2`.
fn cannot_start(facts: &[u8]) -> Option<CannotStart> {
    let (script, errno) = cut(facts, b' ')?;
    let script = match script {
        b"run" => Script::Run,
        b"finish" => Script::Finish,
        _ => return None,
    };
    Some(CannotStart { script, errno: u32::try_from(number(errno)?).ok()? })
}

/// `4 8000 @LABEL`.
fn backoff(facts: &[u8]) -> Option<Backoff> {
    let (crashes, rest) = cut(facts, b' ')?;
    let (millis, until) = cut(rest, b' ')?;
    Some(Backoff {
        crashes: number(crashes)?,
        millis: number(millis)?,
        until: stamp::label(until)?,
    })
}

/// `5 60000`.
fn gave_up(facts: &[u8]) -> Option<GaveUp> {
    let (starts, millis) = cut(facts, b' ')?;
    Some(GaveUp { starts: number(starts)?, millis: number(millis)? })
}

/// What is before the first such byte, and what is after it.
fn cut(text: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let end = text.iter().position(|byte| *byte == at)?;
    let (before, rest) = text.split_at_checked(end)?;
    Some((before, rest.get(1..)?))
}

fn number(digits: &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for byte in digits {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < 10)?;
        number = number.checked_mul(10)?.checked_add(digit.into())?;
    }
    (!digits.is_empty()).then_some(number)
}

#[cfg(test)]
mod tests {
    use std::{format, string::ToString as _, vec::Vec};

    use super::*;
    use crate::Pid;

    fn label(secs: i64) -> Tai64n {
        Tai64n::from_unix(UnixTime::new(secs, 462_833_500).unwrap(), Scale::Fixed).unwrap()
    }

    fn full() -> Embedded {
        Embedded {
            record: label(1_795_390_979),
            restarts: u64::MAX,
            readiness: Some(Notice::Ready(label(1_795_390_980))),
            exit: Some((LastExit::Signaled { signal: 11, core: true }, label(1_795_390_970))),
            cannot_start: Some(CannotStart { script: Script::Finish, errno: u32::MAX }),
            crashes: u64::MAX,
            backoff: Some(Backoff {
                crashes: u64::MAX,
                millis: u64::MAX,
                until: label(1_795_390_999),
            }),
            is_end_asked: true,
            gave_up: Some(GaveUp::new(u64::MAX, u64::MAX)),
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let exits = [
            LastExit::Exited { code: 0 },
            LastExit::Exited { code: 255 },
            LastExit::Signaled { signal: 9, core: false },
        ];
        let mut all: Vec<_> = [Embedded::new(label(0)), full()].into();
        all.extend(exits.map(|exit| Embedded { exit: Some((exit, label(7))), ..full() }));
        all.push(Embedded { readiness: Some(Notice::Awaited), backoff: None, ..full() });
        for embedded in all {
            let text = embedded.to_string();
            assert!(text.len() <= Embedded::MAX_LEN / 2, "{text}");
            assert_eq!(Embedded::from_bytes(text.as_bytes()), Some(embedded), "{text}");
        }
    }

    #[test]
    fn the_name_of_an_entry_is_one_word_and_that_name_alone() {
        let names: [&[u8]; 6] = [b"web", b"my web", b"%", b"a\nentry b", b"\xff\0", b""];
        for name in names {
            let text = format!("{}entry {}\n", full(), EntryName(name));
            assert_eq!(Embedded::from_bytes(text.as_bytes()), Some(full()));
            for other in names {
                assert_eq!(EntryName(other).is_in(text.as_bytes()), other == name, "{text}");
            }
        }
    }

    #[test]
    fn words_to_come_are_passed_over() {
        let text = format!("{}colour blue 7\nalone\n", full());
        assert_eq!(Embedded::from_bytes(text.as_bytes()), Some(full()));
    }

    #[test]
    fn what_nobody_writes_says_nothing() {
        let first = "record @400000006b037e0d1b96475c\n";
        assert!(Embedded::from_bytes(first.as_bytes()).is_some());
        for text in [
            "",
            "record",
            "record @400000006b037e0d1b96475c",
            "restarts 3\n",
            "record @400000006b037e0d1b9647\n",
            "Record @400000006b037e0d1b96475c\n",
        ] {
            assert_eq!(Embedded::from_bytes(text.as_bytes()), None, "{text}");
        }
        for line in [
            "restarts -1\n",
            "restarts \n",
            "restarts 99999999999999999999999\n",
            "restarts 3",
            "ready\n ready",
            "ready 7\n",
            "exit code 256 @400000006b037e0d1b96475c\n",
            "exit code 3\n",
            "exit with 3 @400000006b037e0d1b96475c\n",
            "cannot-start run\n",
            "cannot-start down 2\n",
            "cannot-start run 4294967296\n",
            "crashes many\n",
            "backoff 3 1000\n",
            "backoff 3 1000 soon\n",
            "gave-up 5\n",
            "gave-up 5 soon\n",
        ] {
            let text = format!("{first}{line}");
            assert_eq!(Embedded::from_bytes(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn it_says_something_of_its_own_record_alone() {
        let facts = crate::runit::RunitRecord::new(crate::runit::RunitFields {
            since: full().record,
            pid: Pid::new(4711),
            paused: false,
            want_up: true,
            got_term: false,
            phase: Phase::Up,
        })
        .facts();
        let told = full().add_to(facts);
        assert!(matches!(told.readiness, Readiness::Ready { since: Some(_) }));
        assert_eq!(told.last_exit, LastExit::Signaled { signal: 11, core: true });
        let later = Embedded { record: label(1_795_390_981), ..full() };
        assert_eq!(later.add_to(facts), facts);
        assert!(later.is_ahead_of(&facts) && !full().is_ahead_of(&facts));
        // Without a process nothing is ready, and what never ran has not ended.
        let down = Facts { phase: Phase::Down, pid: None, ..facts };
        assert_eq!(full().add_to(down).readiness, down.readiness);
        assert_eq!(full().add_to(down).state(), crate::State::Failed);
        let never = Embedded { exit: None, ..full() };
        assert_eq!(never.add_to(down).last_exit, LastExit::NotStarted);
    }
}
