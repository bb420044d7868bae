//! One log, read from where one likes to the end of the file that grows.

use std::{
    collections::{BTreeSet, VecDeque},
    fs,
    io::{self, BufReader, Read, Seek, SeekFrom},
    os::unix::{ffi::OsStrExt, fs::MetadataExt},
    path::{Path, PathBuf},
};

use svproto::{Scale, UnixTime, stamp};

use self::{
    last::{last_lines, packing},
    reading::{Piece, Reading, Source},
};
use super::{CURRENT, LogDir, LogFrom, LogItem, WallClock};
use crate::{Error, node};

mod last;
mod reading;

/// Longer lines are cut, so that a log without line ends does not fill the memory.
pub(super) const LONGEST: usize = 64 * 1024;

/// Reads one log.
pub(super) struct Tail {
    dir: PathBuf,
    /// `None` until there is a line to judge by.
    scale: Option<Scale>,
    file: Option<Reading>,
    /// Nothing older is given out.
    since: Option<UnixTime>,
    /// What the clock on the logger's wall showed, as a moment.
    clock: Option<WallClock>,
    /// Of the last line with a stamp.
    at: Option<UnixTime>,
    /// Lines that were left out because nobody says when they were written.
    without_time: u64,
    /// What is to be given out.
    ready: VecDeque<(Option<UnixTime>, LogItem)>,
    /// The directory may have changed since the end was met.
    awake: bool,
    /// What was there is read; what comes is written now, with a time or without one.
    is_live: bool,
    /// What is written from now on is not to be read yet.
    present: Option<Present>,
    /// What there was when its last lines were counted, until something is read.
    counted: Option<Present>,
}

/// So many bytes are read before others have their turn.
const AT_ONCE: u64 = 256 * 1024;

/// What there was of a log at a moment.
struct Present {
    files: BTreeSet<Identity>,
    /// The file that grows, and how long it was.
    last: Option<(Identity, u64)>,
    /// Bytes of it that were not read yet, where that is known. A file that is removed meanwhile
    /// leaves its number to a new one, so a log that is rotated quickly could be taken for what
    /// there was again and again.
    left: u64,
    /// So many files follow the one that is open.
    following: usize,
}

/// Device and inode.
type Identity = (u64, u64);

/// A file in the order of a log: rotated ones by their labels, then what is being rotated, then the
/// one that grows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Generation {
    Rotated(Vec<u8>),
    /// s6-log's, for the moment of a rotation.
    Previous,
    Current,
}

#[derive(PartialEq, Eq)]
struct Listed {
    generation: Generation,
    path: PathBuf,
    identity: Identity,
}

impl Tail {
    pub(super) fn open(
        log: &LogDir,
        from: LogFrom,
        clock: Option<WallClock>,
    ) -> Result<Self, Error> {
        let mut tail = Self {
            dir: log.path().to_owned(),
            scale: log.scale(),
            file: None,
            since: None,
            clock,
            at: None,
            without_time: 0,
            ready: VecDeque::new(),
            awake: true,
            is_live: false,
            present: None,
            counted: None,
        };
        for _ in 0..LISTS_OF_A_MOVING_LOG {
            let files = list(log.path())?;
            tail.begin(&files, from)?;
            if tail.file.is_some() || files.is_empty() {
                break;
            }
        }
        Ok(tail)
    }

    fn begin(&mut self, files: &[Listed], from: LogFrom) -> Result<(), Error> {
        match from {
            LogFrom::Start => self.begin_with(files, Some(0)),
            LogFrom::End => {
                let last = files.get(files.len().saturating_sub(1)..).unwrap_or_default();
                self.begin_with(last, None)
            }
            LogFrom::Time(since) => {
                self.since = Some(since);
                // The label of a file is when it was closed: all of it is older.
                let scale = self.scale.unwrap_or(Scale::Fixed);
                let is_older =
                    |file: &&Listed| file.ends(scale).is_some_and(|closed| closed < since);
                let older = files.iter().take_while(is_older).count();
                self.begin_with(files.get(older..).unwrap_or_default(), Some(0))
            }
            LogFrom::Last(count) => self.begin_before_the_end(files, count),
        }
    }

    /// Sees to it that the next line is at hand, if there is one. `false` if much was read and
    /// there is no line yet: another call goes on.
    pub(super) fn fill(&mut self) -> Result<bool, Error> {
        let mut budget = AT_ONCE;
        self.counted = None;
        while self.ready.is_empty() && self.awake {
            if budget == 0 {
                return Ok(false);
            }
            let Some(begun) = self.file.as_ref().map(Reading::position) else {
                // Before there is a first file.
                let files = list(&self.dir)?;
                if files.first().is_some_and(|first| self.is_future(first)) {
                    self.awake = false;
                    break;
                }
                self.begin_with(&files, Some(0))?;
                // None there, or renamed at this moment.
                self.awake = self.file.is_some() || !files.is_empty();
                continue;
            };
            let piece = self.read(begun.saturating_add(budget))?;
            let position = self.file.as_ref().map_or(begun, Reading::position);
            let taken = position.saturating_sub(begun);
            budget = budget.saturating_sub(taken.max(1));
            match piece {
                Some(Piece::Line(line)) => self.offer(&line),
                Some(Piece::Cut(left_out)) => self.cut(left_out),
                None if budget == 0 => (),
                None => self.at_the_end()?,
            }
            if let Some(present) = &mut self.present {
                present.left = present.left.saturating_sub(taken);
                self.awake &= present.left > 0;
            }
        }
        Ok(true)
    }

    /// From now on only what there is by now is read, until [`Tail::go_on`].
    pub(super) fn stop_at_present(&mut self) -> Result<(), Error> {
        if let Some(counted) = self.counted.take() {
            self.present = Some(counted);
            return Ok(());
        }
        let files = list(&self.dir)?;
        let last = files.last().and_then(|last| {
            let data = fs::symlink_metadata(&last.path).ok()?;
            // By now it may be another file, of which there was nothing.
            let len = if (data.dev(), data.ino()) == last.identity { data.len() } else { u64::MAX };
            Some((last.identity, len))
        });
        // Of one file alone the length says how much that is: those before the last may be packed.
        let left = match (&self.file, last) {
            (Some(file), Some((identity, len))) if file.identity == identity && len < u64::MAX => {
                len.saturating_sub(file.position())
            }
            _ => u64::MAX,
        };
        let open = self.file.as_ref().map(|file| file.identity);
        let here = files.iter().position(|file| Some(file.identity) == open);
        let following = here.map_or(files.len(), |here| files.len() - here - 1);
        let files = files.iter().map(|file| file.identity).collect();
        self.present = Some(Present { files, last, left, following });
        Ok(())
    }

    pub(super) fn go_on(&mut self) {
        self.present = None;
        self.is_live = true;
        self.awake = true;
    }

    /// Gives out what there is of a line that has no end yet.
    pub(super) fn finish(&mut self) {
        let rest = self.file.as_mut().map(Reading::take_rest).unwrap_or_default();
        if !rest.is_empty() {
            self.offer(&rest);
        }
    }

    /// Whether a file that comes next was not there yet. Its number may be that of one that was.
    fn is_future(&self, file: &Listed) -> bool {
        self.present.as_ref().is_some_and(|present| {
            let grows = file.generation == Generation::Current;
            let is_last = present.last.is_some_and(|(last, _)| last == file.identity);
            present.following == 0 || !present.files.contains(&file.identity) || (grows && !is_last)
        })
    }

    /// Up to where the open file is to be read.
    fn end(&self) -> u64 {
        // Of a packed file, all: nobody writes to it.
        let here = self.file.as_ref().filter(|file| !file.is_packed()).map(|file| file.identity);
        let last = self.present.as_ref().and_then(|present| present.last);
        last.filter(|(identity, _)| Some(*identity) == here).map_or(u64::MAX, |(_, len)| len)
    }

    /// The time of what comes next, if that is known, and what it is.
    pub(super) fn next(&self) -> Option<&(Option<UnixTime>, LogItem)> {
        self.ready.front()
    }

    pub(super) fn take(&mut self) -> Option<(Option<UnixTime>, LogItem)> {
        self.ready.pop_front()
    }

    pub(super) fn wake(&mut self) {
        self.awake = true;
    }

    pub(super) fn rest(&mut self) {
        self.awake = false;
    }

    fn offer(&mut self, line: &[u8]) {
        if self.scale.is_none() && line.starts_with(b"@") {
            self.scale = likely_scale(&self.dir);
        }
        let (mut at, mut text) = stamp::split(line, self.scale.unwrap_or(Scale::Fixed));
        if let (None, Some(clock)) = (at, &self.clock) {
            let (shown, rest) = stamp::split_local(line);
            if let Some(moment) = shown.and_then(|shown| clock.moment(shown)) {
                (at, text) = (Some(moment), rest);
            }
        }
        self.at = at.or(self.at);
        self.push(LogItem::Line(text.to_vec()));
    }

    /// How many lines were left out because nobody says when they were written.
    pub(super) const fn without_time(&self) -> u64 {
        self.without_time
    }

    fn cut(&mut self, left_out: u64) {
        self.push(LogItem::Cut { left_out });
    }

    fn push(&mut self, item: LogItem) {
        let is_old = |since| self.at.map_or(!self.is_live, |at| at < since);
        if !self.since.is_some_and(is_old) {
            self.ready.push_back((self.at, item));
        } else if self.at.is_none() && matches!(item, LogItem::Line(_)) {
            self.without_time += 1;
        }
    }

    /// What comes next in the open file; `None` at the end.
    fn read(&mut self, enough: u64) -> Result<Option<Piece>, Error> {
        let end = self.end();
        let Some(file) = &mut self.file else { return Ok(None) };
        file.read(end, enough).map_err(|source| Error::os("read", &self.dir, "read", source))
    }

    /// The file that was read is at its end: it grows, or another follows.
    fn at_the_end(&mut self) -> Result<(), Error> {
        let damaged = |file: &mut Reading| file.take_damage().then(|| file.path.clone());
        if let Some(path) = self.file.as_mut().and_then(damaged) {
            self.finish();
            self.ready.push_back((self.at, LogItem::Damaged(path)));
            return Ok(());
        }
        if self.end() != u64::MAX {
            self.awake = false;
            return Ok(());
        }
        let current = fs::symlink_metadata(self.dir.join(CURRENT));
        let current = current.ok().map(|data| (data.dev(), data.ino()));
        if current.is_some() && current == self.file.as_ref().map(|file| file.identity) {
            // As a rule. If it is renamed now, that will be heard.
            self.awake = false;
            return Ok(());
        }
        let files = list(&self.dir)?;
        let Some(file) = &mut self.file else { return Ok(()) };
        let here = files.iter().position(|other| other.identity == file.identity);
        let after = match here {
            Some(here) => here + 1,
            // Removed, and so was everything before it.
            None => match file.generation {
                Generation::Rotated(_) => {
                    files.iter().take_while(|other| other.generation <= file.generation).count()
                }
                Generation::Previous | Generation::Current => 0,
            },
        };
        let next = files.get(after..).unwrap_or_default();
        if next.is_empty() {
            if here.is_none() {
                self.file = None;
            }
            self.awake = false;
            return Ok(());
        }
        // Lines that were written between the end and the renaming. Now nobody writes to it.
        match file.has_more() {
            Ok(false) => (),
            Ok(true) => return Ok(()),
            Err(source) => return Err(Error::os("read", &self.dir, "read", source)),
        }
        if next.first().is_some_and(|next| self.is_future(next)) {
            self.awake = false;
            return Ok(());
        }
        // A list is old when it is there: what has another name by now is looked for again.
        let Some(begun) = open(next, Some(0))? else { return Ok(()) };
        self.finish();
        if here.is_none() {
            self.ready.push_back((self.at, LogItem::Lost));
        }
        self.go_on_with(begun);
        Ok(())
    }

    /// Begins with the first of these files, if it is still what it was when it was listed: from
    /// this byte of it, or from its end.
    fn begin_with(&mut self, files: &[Listed], offset: Option<u64>) -> Result<(), Error> {
        if let Some(begun) = open(files, offset)? {
            self.go_on_with(begun);
        }
        Ok(())
    }

    fn go_on_with(&mut self, (file, packed): (Reading, Option<PathBuf>)) {
        if let Some(present) = &mut self.present {
            present.following = present.following.saturating_sub(1);
        }
        self.file = Some(file);
        self.ready.extend(packed.map(|path| (self.at, LogItem::NotText(path))));
    }

    /// Begins where `count` lines are left, in whichever file that is.
    fn begin_before_the_end(&mut self, files: &[Listed], count: usize) -> Result<(), Error> {
        let mut left = count;
        // Those lines and what is written while they are looked for are two things.
        let mut last = None;
        for (at, file) in files.iter().enumerate().rev() {
            let Some(opened) = node::open_file(&file.path.as_path().into())? else { continue };
            let found = last_lines(opened, left)
                .map_err(|source| Error::os("read", &file.path, "read", source))?;
            if at + 1 == files.len() {
                last = Some((file.identity, found.len));
            }
            left = left.saturating_sub(found.lines);
            if left == 0 || found.within_a_line {
                self.begin_with(files.get(at..).unwrap_or_default(), Some(found.offset))?;
                let following = files.len() - at - 1;
                self.counted = last.filter(|_| self.file.is_some()).map(|last| Present {
                    files: files.iter().map(|file| file.identity).collect(),
                    last: Some(last),
                    left: if following == 0 {
                        last.1.saturating_sub(found.offset)
                    } else {
                        u64::MAX
                    },
                    following,
                });
                if let Some(file) = self.file.as_mut().filter(|_| found.within_a_line) {
                    file.leave_out_the_line();
                }
                return Ok(());
            }
        }
        self.begin_with(files, Some(0))
    }
}

impl Generation {
    fn of(name: &[u8]) -> Option<Self> {
        match name {
            b"current" => Some(Self::Current),
            b"previous" => Some(Self::Previous),
            name => {
                stamp::label(name.get(..LABEL)?)?;
                // `.s` is complete, `.u` was cut off; what a processor is at work on is neither.
                // What somebody has packed beside the logger has one ending more.
                let ending = name.get(LABEL..)?;
                let packed = [&b""[..], b".gz", b".zst", b".xz", b".bz2"];
                let known = packed.iter().filter_map(|packed| ending.strip_suffix(*packed));
                let known = known.into_iter().any(|ending| matches!(ending, b".s" | b".u"));
                known.then(|| Self::Rotated(name.to_vec()))
            }
        }
    }
}

const LISTS_OF_A_MOVING_LOG: usize = 100;

/// Bytes of a label's text.
const LABEL: usize = 25;

impl Listed {
    /// When a rotated file was closed.
    fn ends(&self, scale: Scale) -> Option<UnixTime> {
        match &self.generation {
            Generation::Rotated(name) => stamp::label(name.get(..LABEL)?)?.unix(scale),
            Generation::Previous | Generation::Current => None,
        }
    }
}

/// The files of the log as they are now, in their order.
///
/// A file that is renamed while a directory is listed may be missed or be told twice, so two lists
/// must agree, and the second may have met no name that was gone: two may miss the same file, of
/// which one saw `current` and the other `previous`. Between two rotations there is time for many.
fn list(dir: &Path) -> Result<Vec<Listed>, Error> {
    agreed(|| list_once(dir))
}

fn agreed(mut once: impl FnMut() -> Result<Once, Error>) -> Result<Vec<Listed>, Error> {
    let mut files = once()?.files;
    for _ in 0..LISTS_OF_A_MOVING_LOG {
        let again = once()?;
        let is_it = again.is_whole && again.files == files;
        files = again.files;
        if is_it {
            break;
        }
    }
    Ok(files)
}

/// What was found by going through a directory once.
struct Once {
    files: Vec<Listed>,
    /// Whether every name still led to a file when it was looked at.
    is_whole: bool,
}

fn list_once(dir: &Path) -> Result<Once, Error> {
    let fail = |source| Error::os("list", dir, "read", source);
    let mut files = Vec::new();
    let mut is_whole = true;
    for entry in fs::read_dir(dir).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        let name = entry.file_name();
        let Some(generation) = Generation::of(name.as_bytes()) else { continue };
        // It may be gone by now.
        let Ok(data) = fs::symlink_metadata(entry.path()) else {
            is_whole = false;
            continue;
        };
        if data.is_file() {
            let identity = (data.dev(), data.ino());
            files.push(Listed { generation, path: entry.path(), identity });
        }
    }
    files.sort_unstable_by(|a, b| a.generation.cmp(&b.generation));
    // multilog links a file to its new name before it removes the old one.
    let mut seen = BTreeSet::new();
    files.retain(|file| seen.insert(file.identity));
    // A packer writes all of a file before it removes the other.
    let mut plain = Vec::new();
    files.retain(|file| match &file.generation {
        Generation::Rotated(name) if !plain.is_empty() && name.starts_with(&plain) => false,
        Generation::Rotated(name) => {
            plain.clone_from(name);
            true
        }
        Generation::Previous | Generation::Current => true,
    });
    Ok(Once { files, is_whole })
}

/// Opens the first of the files, and names it if it is no text; `None` if it is not there, or
/// another file has its name.
fn open(
    files: &[Listed],
    offset: Option<u64>,
) -> Result<Option<(Reading, Option<PathBuf>)>, Error> {
    let Some(Listed { generation, path, identity }) = files.first() else { return Ok(None) };
    let Some(file) = node::open_file(&path.as_path().into())? else { return Ok(None) };
    let begin = || {
        let data = file.metadata()?;
        if (data.dev(), data.ino()) != *identity {
            return Ok(None);
        }
        let packing = packing(&file)?;
        let unpacked = packing.and_then(|packing| packing.unpack(file.try_clone().ok()?));
        let is_text = packing.is_none() || unpacked.is_some();
        // Where nothing is a line, nothing is read.
        let offset = offset.filter(|_| is_text);
        let source = match unpacked {
            Some(unpacked) => Source::Packed(Box::new(unpacked)),
            None => Source::Plain(BufReader::new(file)),
        };
        let reading = Reading::new(source, (path.clone(), *identity, generation.clone()), offset)?;
        Ok(Some((reading, (!is_text).then(|| path.clone()))))
    };
    begin().map_err(|source: io::Error| Error::os("read", path, "read", source))
}

/// Whether a directory is one that a logger writes. For a moment of a rotation there is no
/// `current`: it has another name then, which a list may miss as well.
pub(super) fn is_log(dir: &Path) -> bool {
    (0..LOOKS).any(|_| {
        fs::metadata(dir.join(CURRENT)).is_ok_and(|data| data.is_file())
            || list_once(dir).is_ok_and(|once| !once.files.is_empty())
    })
}

/// At something that has one of two names at any time.
const LOOKS: usize = 4;

/// The scale on which a log is written, judged by its last line; `None` if that has no label.
pub(super) fn likely_scale(dir: &Path) -> Option<Scale> {
    let files = list(dir).ok()?;
    files.iter().rev().find_map(|file| scale_of(&file.path))
}

/// Whether the last line of a log has a stamp of any form; `None` where there is no line.
pub(super) fn has_stamps(dir: &Path) -> Option<bool> {
    list(dir).ok()?.iter().rev().find_map(|file| {
        let last = last_line(&file.path)?;
        let stamped = [stamp::split(&last, Scale::Fixed).0, stamp::split_local(&last).0];
        Some(stamped.into_iter().any(|at| at.is_some()))
    })
}

/// The beginning of the last line of a file that is not packed.
fn last_line(path: &Path) -> Option<Vec<u8>> {
    let mut file = node::open_file(&path.into()).ok()??;
    if packing(&file).ok()?.is_some() {
        // When it was packed says nothing.
        return None;
    }
    let last = last_lines(file.try_clone().ok()?, 1).ok()?;
    file.seek(SeekFrom::Start(last.offset)).ok()?;
    let mut line = Vec::new();
    file.take(64).read_to_end(&mut line).ok()?;
    (!line.is_empty()).then_some(line)
}

/// The scale on which the last label of a file was written when the file was.
fn scale_of(path: &Path) -> Option<Scale> {
    let written = fs::metadata(path).ok()?;
    let line = last_line(path)?;
    let label = stamp::label(line.get(..LABEL)?)?.unix(Scale::Fixed)?;
    // s6-log's is 27 seconds ahead here, and no logger waits so long with what it has stamped.
    let ahead = label.secs().saturating_sub(written.mtime());
    Some(if ahead > 13 { Scale::LeapSeconds } else { Scale::Fixed })
}

#[cfg(test)]
mod tests;
