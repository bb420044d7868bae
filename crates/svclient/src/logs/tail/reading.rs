//! An open file of a log, read line by line with a bound for each: a file may have no line ends,
//! may be a terabyte of nothing, and may grow faster than it is read.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read, Seek, SeekFrom},
    path::PathBuf,
};

use super::{Generation, Identity, LONGEST};
use crate::logs::packed::{LINE, Unpacked};

/// So far from the end.
const BACK: u64 = 1024 * 1024;

/// So many holes of a line are stepped over.
const HOLES: usize = 16;

/// What is read of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// A line without its end, or as much of a long one as is given out.
    Line(Vec<u8>),
    /// So many bytes of that line follow, and are not given out.
    Cut(u64),
}

/// What it is read from.
pub(super) enum Source {
    Plain(BufReader<File>),
    Packed(Box<Unpacked>),
}

impl Read for Source {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(file) => file.read(buf),
            Self::Packed(file) => file.read(buf),
        }
    }
}

impl BufRead for Source {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match self {
            Self::Plain(file) => file.fill_buf(),
            Self::Packed(file) => file.fill_buf(),
        }
    }

    fn consume(&mut self, amount: usize) {
        match self {
            Self::Plain(file) => file.consume(amount),
            Self::Packed(file) => file.consume(amount),
        }
    }
}

/// An open file.
pub(super) struct Reading {
    source: Source,
    pub(super) path: PathBuf,
    pub(super) identity: Identity,
    pub(super) generation: Generation,
    /// Where the next byte is.
    position: u64,
    /// What was read of a line that is not complete.
    partial: Vec<u8>,
    /// The rest of the line is not given out.
    rest: Option<Rest>,
}

/// What is left out of a long line.
#[derive(Default)]
struct Rest {
    bytes: u64,
    /// Read, as holes are not.
    read: u64,
    holes: usize,
    told: bool,
}

impl Reading {
    /// From this byte of it on, or from its end.
    pub(super) fn new(
        mut source: Source,
        (path, identity, generation): (PathBuf, Identity, Generation),
        offset: Option<u64>,
    ) -> io::Result<Self> {
        let position = match (&mut source, offset) {
            (Source::Plain(file), Some(offset)) => file.seek(SeekFrom::Start(offset))?,
            (Source::Plain(file), None) => file.seek(SeekFrom::End(0))?,
            (Source::Packed(file), offset) => {
                let rest = offset.unwrap_or(u64::MAX);
                io::copy(&mut file.take(rest), &mut io::sink())?
            }
        };
        Ok(Self { source, path, identity, generation, position, partial: Vec::new(), rest: None })
    }

    /// Whether the bytes that are read are not those of the file.
    pub(super) const fn is_packed(&self) -> bool {
        matches!(self.source, Source::Packed(_))
    }

    /// Whether the file is damaged, so that its end is not its end; told once.
    pub(super) fn take_damage(&mut self) -> bool {
        match &mut self.source {
            Source::Plain(_) => false,
            Source::Packed(file) => file.get_mut().failure().is_some(),
        }
    }

    /// The next piece; `None` at the end of the file, or where `end` is, or once `enough` was read.
    pub(super) fn read(&mut self, end: u64, enough: u64) -> io::Result<Option<Piece>> {
        loop {
            if self.rest.is_none() {
                return self.read_line(end);
            }
            if let Some(piece) = self.leave_out(end, enough)? {
                return Ok(Some(piece));
            }
            if self.rest.is_some() {
                return Ok(None);
            }
        }
    }

    /// Where the next byte is.
    pub(super) const fn position(&self) -> u64 {
        self.position
    }

    /// The beginning of the line is not here, so its rest is nothing.
    pub(super) fn leave_out_the_line(&mut self) {
        self.rest = Some(Rest::default());
    }

    /// Whether there is something that was not read yet.
    pub(super) fn has_more(&mut self) -> io::Result<bool> {
        Ok(!self.source.fill_buf()?.is_empty())
    }

    /// What there is of a line that has no end.
    pub(super) fn take_rest(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.partial)
    }

    fn read_line(&mut self, end: u64) -> io::Result<Option<Piece>> {
        let room = LONGEST.saturating_sub(self.partial.len()) as u64;
        let room = room.min(end.saturating_sub(self.position));
        let read = (&mut self.source).take(room).read_until(b'\n', &mut self.partial)?;
        self.position += read as u64;
        if self.partial.last() == Some(&b'\n') {
            self.partial.pop();
        } else if self.partial.len() < LONGEST {
            return Ok(None);
        } else {
            self.rest = Some(Rest::default());
        }
        Ok(Some(Piece::Line(std::mem::take(&mut self.partial))))
    }

    /// Goes to the end of the line; tells once how much that was.
    fn leave_out(&mut self, end: u64, enough: u64) -> io::Result<Option<Piece>> {
        let Some(rest) = &mut self.rest else { return Ok(None) };
        loop {
            if self.position >= enough {
                return Ok(None);
            }
            if rest.read > LINE && step_over(&mut self.source, rest, &mut self.position, end)? {
                break;
            }
            let room = usize::try_from(end.saturating_sub(self.position)).unwrap_or(usize::MAX);
            let bytes = self.source.fill_buf()?;
            let bytes = bytes.get(..room.min(bytes.len())).unwrap_or(bytes);
            if bytes.is_empty() {
                let is_news = rest.bytes > 0 && !std::mem::replace(&mut rest.told, true);
                return Ok(is_news.then_some(Piece::Cut(rest.bytes)));
            }
            let found = bytes.iter().position(|byte| *byte == b'\n');
            let (len, count) = found.map_or((bytes.len(), bytes.len()), |at| (at, at + 1));
            self.source.consume(count);
            self.position += count as u64;
            rest.bytes += len as u64;
            rest.read += len as u64;
            if found.is_some() {
                break;
            }
        }
        let rest = self.rest.take().filter(|rest| rest.bytes > 0 && !rest.told);
        Ok(rest.map(|rest| Piece::Cut(rest.bytes)))
    }
}

/// Goes on behind a hole, or near the end; whether that is where a line begins.
fn step_over(
    source: &mut Source,
    rest: &mut Rest,
    position: &mut u64,
    end: u64,
) -> io::Result<bool> {
    let Source::Plain(source) = source else {
        // There is no way but through it, and it ends soon.
        rest.read = 0;
        return Ok(false);
    };
    let len = source.get_ref().metadata()?.len().min(end);
    let data = after_hole(source.get_ref(), *position).unwrap_or(len).min(len);
    rest.read = 0;
    let is_hole = data > *position && rest.holes < HOLES;
    let begun = *position;
    let (found, to) = if is_hole {
        rest.holes += 1;
        (None, data)
    } else {
        let start = len.saturating_sub(BACK).max(begun);
        source.seek(SeekFrom::Start(start))?;
        let mut back = Vec::new();
        source.take(len.saturating_sub(start)).read_to_end(&mut back)?;
        let found = back.iter().position(|byte| *byte == b'\n').map(|at| start + at as u64);
        (found, found.map_or_else(|| len.max(begun), |at| at + 1))
    };
    rest.bytes += found.unwrap_or(to).saturating_sub(begun);
    *position = to;
    source.seek(SeekFrom::Start(to))?;
    Ok(found.is_some())
}

/// Where the next data is, if there is a hole here and the system tells.
#[cfg(target_os = "linux")]
fn after_hole(file: &File, position: u64) -> Option<u64> {
    use nix::{
        errno::Errno,
        unistd::{Whence, lseek},
    };
    let from = i64::try_from(position).ok()?;
    match lseek(file, from, Whence::SeekData) {
        Ok(data) => u64::try_from(data).ok(),
        // Nothing but a hole up to the end.
        Err(Errno::ENXIO) => None,
        Err(_) => Some(position),
    }
}

#[cfg(not(target_os = "linux"))]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere there may be nothing more")]
fn after_hole(_file: &File, position: u64) -> Option<u64> {
    Some(position)
}
