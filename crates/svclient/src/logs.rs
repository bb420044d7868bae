//! Logs as `svlogd`, `multilog` and `s6-log` keep them: where they are, their files in order, and
//! their lines, followed through rotation.
//!
//! A log directory holds `current`, which grows, and files named by the moment of their rotation.
//! A logger renames `current` and makes another; a reader that follows keeps the file open, reads it
//! to its end, and goes on with the next.

mod find;
mod packed;
mod tail;

use std::{
    collections::VecDeque,
    ffi::{OsStr, OsString},
    fmt,
    os::fd::{AsFd, BorrowedFd},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, poll},
};
use svproto::{Scale, UnixTime};

pub use self::find::{FoundLogs, LogNote, LogSearch};
use self::tail::Tail;
use crate::{
    Error,
    changes::{Changes, Dir, DirId, Hint},
    lend::{self, Lent},
    node,
};

/// A log directory, and on which scale its labels are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogDir {
    path: PathBuf,
    scale: Option<Scale>,
    zone: Option<OsString>,
    selects: bool,
}

impl LogDir {
    /// A directory that a logger writes: it holds `current`, or, in the middle of a rotation, what
    /// that was. Labels of `s6-log` are on [`Scale::LeapSeconds`], those of `svlogd` and `multilog`
    /// on [`Scale::Fixed`].
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] or [`Error::Denied`] if there is no `current` to be seen.
    pub fn new(path: impl Into<PathBuf>, scale: Scale) -> Result<Self, Error> {
        let path = path.into();
        match node::stat(&path.join(CURRENT))? {
            Some(_) => Ok(Self { path, scale: Some(scale), zone: None, selects: false }),
            None if Self::is_at(&path) => {
                Ok(Self { path, scale: Some(scale), zone: None, selects: false })
            }
            None => Err(Error::NotFound { path: path.join(CURRENT) }),
        }
    }

    /// Whether a logger writes there: the directory holds `current`, or what `current` was until a
    /// moment ago.
    #[must_use]
    pub fn is_at(path: impl AsRef<Path>) -> bool {
        tail::is_log(path.as_ref())
    }

    /// As [`LogDir::new`], judging by the last line: its label and the time at which `current` was
    /// written agree on one scale and are 27 seconds apart on the other. Of an empty log, its first
    /// line is judged when it is read.
    ///
    /// ```
    /// # let tree = tempfile::tempdir().unwrap();
    /// use svclient::{LogDir, LogFrom, LogItem, Logs};
    ///
    /// std::fs::write(tree.path().join("current"), "started\nserving\n").unwrap();
    /// let mut logs = Logs::new()?;
    /// logs.add(&LogDir::open(tree.path())?, LogFrom::Last(1))?;
    /// let line = logs.next_now()?.unwrap();
    /// assert!(matches!(line.item, LogItem::Line(text) if text == b"serving"));
    /// # Ok::<(), svclient::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`LogDir::new`].
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, Error> {
        let this = Self::new(path, Scale::Fixed)?;
        Ok(Self { scale: tail::likely_scale(&this.path), ..this })
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The scale of its labels; `None` if none was there to judge by.
    #[must_use]
    pub fn scale(&self) -> Option<Scale> {
        self.scale
    }

    /// `TZ` of its logger, where that was found: `s6-log T` writes local time. `None` is the time
    /// zone of the system, as a rule.
    #[must_use]
    pub fn zone(&self) -> Option<&OsStr> {
        self.zone.as_deref()
    }

    /// Whether its logger writes only some of the lines there, as far as that was found.
    #[must_use]
    pub fn selects(&self) -> bool {
        self.selects
    }

    /// Whether its lines have stamps, by the last of them; `None` for an empty log.
    #[must_use]
    pub fn has_stamps(&self) -> Option<bool> {
        tail::has_stamps(&self.path)
    }
}

/// Turns what the clock on a logger's wall showed into moments.
struct WallClock(Box<dyn Fn(UnixTime) -> Option<UnixTime> + Send + Sync>);

impl WallClock {
    fn moment(&self, shown: UnixTime) -> Option<UnixTime> {
        (self.0)(shown)
    }
}

/// Where to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogFrom {
    /// With the oldest line that is kept.
    Start,
    /// With the last so many lines.
    Last(usize),
    /// With the first line that is not older than this. Lines without a stamp have the time of the
    /// one before.
    Time(UnixTime),
    /// With what is written from now on.
    End,
}

/// One of the logs of [`Logs`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogKey(usize);

impl LogKey {
    /// How many logs were added before it.
    #[must_use]
    pub fn index(self) -> usize {
        self.0
    }
}

/// A line, or what stands in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogLine {
    /// Which log.
    pub key: LogKey,
    /// When it was written, where the logger says; for a line without a stamp the time of the one
    /// before.
    pub at: Option<UnixTime>,
    /// What it is.
    pub item: LogItem,
}

/// What there is to read in a log.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogItem {
    /// A line, without stamp and end. Of a line longer than [`Logs::LONGEST`] it is the beginning,
    /// and [`LogItem::Cut`] follows.
    Line(Vec<u8>),
    /// The line before is longer than what was given out.
    Cut {
        /// At least so many bytes of it were left out.
        left_out: u64,
    },
    /// A file that cannot be read as lines: a processor has made something else of it. Of gzip and
    /// zstd, lines are read with the feature `packed`.
    NotText(PathBuf),
    /// A packed file is damaged, has a line of more than 16 MiB, or is longer than any log: lines may be missing after
    /// the one before. Of each, 272 MiB are unpacked at least, 64 for one of what is packed, and 4 GiB at most.
    Damaged(PathBuf),
    /// The logger has removed files; lines that were not read may have been in them.
    Lost,
}

/// As a person reads it. Bytes that are not UTF-8 are replaced, and nothing is escaped: a line may have what a
/// terminal obeys.
///
/// ```
/// use svclient::LogItem;
///
/// assert_eq!(LogItem::Line(b"listening".to_vec()).to_string(), "listening");
/// assert_eq!(LogItem::Cut { left_out: 7 }.to_string(), "at least 7 bytes were left out");
/// ```
impl fmt::Display for LogItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(text) => f.write_str(&String::from_utf8_lossy(text)),
            Self::Cut { left_out } => write!(f, "at least {left_out} bytes were left out"),
            Self::NotText(path) => write!(f, "{} is no text", path.display()),
            Self::Damaged(path) => write!(f, "{} is damaged; lines may be missing", path.display()),
            Self::Lost => f.write_str("files were removed; lines may be missing"),
        }
    }
}

/// Logs that are read together: what there is already in the order of its times, and then what
/// comes.
///
/// As [`crate::WatchSet`]: [`Logs::next_before`] waits; [`Logs::next_now`] does not, and the
/// descriptor becomes readable when there is something to read.
pub struct Logs {
    changes: Changes,
    tails: Vec<(DirId, Tail)>,
    /// Which log had the last lines, and how many it had in a row.
    last: (usize, usize),
    /// What is there is given out, in the order of its times, and nothing else.
    is_past: bool,
    /// Much was read of a log, and no line was found yet.
    unfinished: bool,
    /// What was read and not given out yet.
    ahead: VecDeque<Result<LogLine, Error>>,
    /// The directories, and at which of them somebody looks.
    places: Arc<Vec<PathBuf>>,
    turn: Arc<AtomicUsize>,
    /// All of it hangs, and this only stands in for it.
    away: Option<Box<Away>>,
}

/// Logs that hang, and what is to be done with them once they are back.
struct Away {
    lent: lend::Away<Logs, ()>,
    later: Vec<fn(&mut Logs)>,
    without_time: Vec<u64>,
}

/// The log directories.
impl fmt::Debug for Logs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Logs").field("logs", &self.tails.len()).finish_non_exhaustive()
    }
}

impl Logs {
    /// The longest line that comes whole, in bytes.
    pub const LONGEST: usize = tail::LONGEST;

    /// No log.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the system has no watch left to give.
    pub fn new() -> Result<Self, Error> {
        let changes =
            Changes::new().map_err(|source| Error::system("wait for lines of logs", source))?;
        Ok(Self::with(changes))
    }

    fn with(changes: Changes) -> Self {
        Self {
            changes,
            tails: Vec::new(),
            last: (0, 0),
            is_past: false,
            unfinished: false,
            ahead: VecDeque::new(),
            places: Arc::default(),
            turn: Arc::default(),
            away: None,
        }
    }

    /// Adds a log.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::Denied`] or [`Error::Io`] if it cannot be listed, watched or
    /// read.
    pub fn add(&mut self, log: &LogDir, from: LogFrom) -> Result<LogKey, Error> {
        self.add_with(log, from, None)
    }

    /// As [`Logs::add`], of a log whose lines may have stamps in local time, as `s6-log T` writes
    /// them: `moment` makes a moment of what the clock on the wall showed, which it gets as if that
    /// were in UTC. [`LogDir::zone`] says which time zone that is.
    ///
    /// # Errors
    ///
    /// As [`Logs::add`].
    pub fn add_in_zone(
        &mut self,
        log: &LogDir,
        from: LogFrom,
        moment: impl Fn(UnixTime) -> Option<UnixTime> + Send + Sync + 'static,
    ) -> Result<LogKey, Error> {
        self.add_with(log, from, Some(WallClock(Box::new(moment))))
    }

    /// How many lines of a log were left out by [`LogFrom::Time`] because nobody says when they
    /// were written.
    #[must_use]
    pub fn without_time(&self, key: LogKey) -> u64 {
        if let Some(away) = &self.away {
            return away.without_time.get(key.0).copied().unwrap_or_default();
        }
        self.tails.get(key.0).map_or(0, |(_, tail)| tail.without_time())
    }

    fn add_with(
        &mut self,
        log: &LogDir,
        from: LogFrom,
        clock: Option<WallClock>,
    ) -> Result<LogKey, Error> {
        self.be_here()?;
        // Armed before it is listed.
        let dir = Dir::Log(log.path.clone());
        let id = self.changes.watch(&dir).map_err(|source| Error::unwatched(&log.path, source))?;
        let tail = Tail::open(log, from, clock)?;
        self.tails.push((id, tail));
        Arc::make_mut(&mut self.places).push(log.path.clone());
        Ok(LogKey(self.tails.len() - 1))
    }

    /// The next line that is there already, of whichever log it is oldest in; never waits. A log
    /// that is written faster than it is read does not keep this from the others, unless
    /// [`Logs::stop_at_present`] was called.
    ///
    /// # Errors
    ///
    /// [`Error::Denied`] or [`Error::Io`] if a file cannot be read; the next call goes on with the
    /// other logs. [`Error::Unanswered`] for as long as a look hangs that [`Logs::next_before`] has
    /// left.
    pub fn next_now(&mut self) -> Result<Option<LogLine>, Error> {
        self.be_here()?;
        match self.ahead.pop_front() {
            Some(line) => line.map(Some),
            None => self.read_now(),
        }
    }

    fn read_now(&mut self) -> Result<Option<LogLine>, Error> {
        self.unfinished = false;
        for (at, (_, tail)) in self.tails.iter_mut().enumerate() {
            self.turn.store(at, Ordering::Relaxed);
            // What is there is in order only if the next line of each is known.
            loop {
                match tail.fill() {
                    Ok(true) => break,
                    Ok(false) if self.is_past => (),
                    Ok(false) => {
                        self.unfinished = true;
                        break;
                    }
                    Err(error) => {
                        // The others go on, and this one with what is heard of it.
                        tail.rest();
                        return Err(error);
                    }
                }
            }
        }
        let heads = self.tails.iter().enumerate();
        let heads = heads.filter_map(|(at, (_, tail))| Some((tail.next()?.0, at)));
        let (last, count) = self.last;
        let has_had_enough = !self.is_past && count >= IN_A_ROW;
        let first = heads.min_by_key(|(time, at)| (has_had_enough && *at == last, *time, *at));
        let Some((_, at)) = first else { return Ok(None) };
        self.last = (at, if at == last && !has_had_enough { count + 1 } else { 1 });
        let taken = self.tails.get_mut(at).and_then(|(_, tail)| tail.take());
        Ok(taken.map(|(time, what)| LogLine { key: LogKey(at), at: time, item: what }))
    }

    /// From now on only what is there at this moment is given out, however fast the logs grow: then
    /// [`Logs::next_now`] has nothing more, until [`Logs::go_on`].
    ///
    /// # Errors
    ///
    /// [`Error::Denied`] or [`Error::Io`] if a directory cannot be listed.
    pub fn stop_at_present(&mut self) -> Result<(), Error> {
        self.be_here()?;
        self.is_past = true;
        self.tails.iter_mut().try_for_each(|(_, tail)| tail.stop_at_present())
    }

    /// Goes on with what was written since [`Logs::stop_at_present`].
    pub fn go_on(&mut self) {
        if self.do_later(Self::go_on) {
            return;
        }
        self.is_past = false;
        self.tails.iter_mut().for_each(|(_, tail)| tail.go_on());
    }

    /// What there is of lines that have no end yet comes next, as lines.
    pub fn finish(&mut self) {
        if self.do_later(Self::finish) {
            return;
        }
        self.tails.iter_mut().for_each(|(_, tail)| tail.finish());
    }

    /// The next line, or `None` if `deadline` passes first. As an iterator the logs wait for ever.
    ///
    /// The call ends within 0.2 s of it, also where a directory hangs in the system (a server that
    /// is gone): logs are read in a thread beside this one.
    ///
    /// # Errors
    ///
    /// As [`Logs::next_now`], and [`Error::Unanswered`] if a directory hangs, for as long as it
    /// does. Later calls go on with it, and nothing is lost.
    pub fn next_before(&mut self, deadline: Instant) -> Result<Option<LogLine>, Error> {
        self.next_by(Some(deadline))
    }

    fn next_by(&mut self, deadline: Option<Instant>) -> Result<Option<LogLine>, Error> {
        self.come_back(deadline)?;
        loop {
            if self.ahead.is_empty() {
                self.hear()?;
                self.read_ahead(deadline)?;
            }
            if let Some(line) = self.ahead.pop_front() {
                return line.map(Some);
            }
            let now = Instant::now();
            if deadline.is_some_and(|deadline| deadline <= now) {
                return Ok(None);
            }
            let pause = self.changes.look_every().and_then(|pause| now.checked_add(pause));
            let pause = if self.unfinished { Some(now) } else { pause };
            let until = deadline.into_iter().chain(pause).min();
            let timeout = until.map_or(nix::poll::PollTimeout::NONE, |until| {
                node::round_up(until.saturating_duration_since(now))
            });
            let mut fds = [PollFd::new(self.changes.as_fd(), PollFlags::POLLIN)];
            match poll(&mut fds, timeout) {
                Ok(_) | Err(Errno::EINTR) => (),
                Err(errno) => {
                    return Err(Error::system("wait for lines of logs", errno));
                }
            }
        }
    }

    /// Reads some lines; by a deadline without being held beyond it.
    fn read_ahead(&mut self, deadline: Option<Instant>) -> Result<(), Error> {
        let Some(deadline) = deadline else {
            let line = self.read_now().transpose();
            self.ahead.extend(line);
            return Ok(());
        };
        let changes = self.changes.stand_in();
        let changes = changes.map_err(|source| Error::system("wait for lines of logs", source))?;
        let (places, turn) = (Arc::clone(&self.places), Arc::clone(&self.turn));
        let stand_in = Self { places, turn, ..Self::with(changes) };
        let without_time = self.tails.iter().map(|(_, tail)| tail.without_time()).collect();
        let lent = lend::lend(self, stand_in, deadline, |this| {
            // A thread for each line would take longer than the line.
            while this.ahead.len() < IN_A_ROW {
                let Some(line) = this.read_now().transpose() else { break };
                let failed = line.is_err();
                this.ahead.push_back(line);
                if failed {
                    break;
                }
            }
        });
        match lent {
            Lent::Done(()) => Ok(()),
            Lent::TooMany => Err(self.unanswered()),
            Lent::Away(lent) => {
                self.away = Some(Box::new(Away { lent, later: Vec::new(), without_time }));
                Err(self.unanswered())
            }
        }
    }

    /// Waits for logs that hang.
    fn come_back(&mut self, deadline: Option<Instant>) -> Result<(), Error> {
        let Some(away) = self.away.take() else { return Ok(()) };
        let Away { lent, later, without_time } = *away;
        match lent.take_back(deadline) {
            Ok((logs, ())) => {
                *self = logs;
                for act in later {
                    act(self);
                }
                Ok(())
            }
            Err(lent) => {
                self.away = Some(Box::new(Away { lent, later, without_time }));
                Err(self.unanswered())
            }
        }
    }

    /// For whatever needs the logs themselves.
    fn be_here(&mut self) -> Result<(), Error> {
        self.come_back(Some(Instant::now()))
    }

    /// What is done with logs that hang once they are back.
    fn do_later(&mut self, act: fn(&mut Self)) -> bool {
        let _they_hang = self.be_here();
        let Some(away) = &mut self.away else { return false };
        away.later.push(act);
        true
    }

    fn unanswered(&self) -> Error {
        let place = self.places.get(self.turn.load(Ordering::Relaxed));
        Error::Unanswered { path: place.cloned().unwrap_or_default() }
    }

    /// When to look again even if the descriptor says nothing; `None` where it tells everything.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        if self.unfinished {
            return Some(Instant::now());
        }
        self.changes.look_every().and_then(|pause| Instant::now().checked_add(pause))
    }

    /// Empties the descriptor. What it says is not needed: every tail knows where it is.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if the notification mechanism fails.
    pub fn hear(&mut self) -> Result<(), Error> {
        self.be_here()?;
        let tails = &mut self.tails;
        let mut heard = |hint| {
            let of = |id| move |tail: &&mut (DirId, Tail)| tail.0 == id;
            match hint {
                Hint::In(id, _) | Hint::Gone(id) => {
                    tails.iter_mut().filter(of(id)).for_each(|(_, tail)| tail.wake());
                }
                Hint::Overflow => tails.iter_mut().for_each(|(_, tail)| tail.wake()),
            }
        };
        self.changes
            .drain(&mut heard)
            .map_err(|source| Error::system("wait for lines of logs", source))?;
        if self.changes.look_every().is_some() {
            for (_, tail) in &mut self.tails {
                tail.wake();
            }
        }
        Ok(())
    }
}

impl Iterator for Logs {
    type Item = Result<LogLine, Error>;

    /// The next line, whenever it comes. Never `None`.
    fn next(&mut self) -> Option<Self::Item> {
        self.next_by(None).transpose()
    }
}

impl AsFd for Logs {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.changes.as_fd()
    }
}

/// So many lines of one log come before one of another that is younger.
const IN_A_ROW: usize = 64;

/// The file that grows.
const CURRENT: &str = "current";
