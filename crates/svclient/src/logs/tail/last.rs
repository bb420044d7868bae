//! The last lines of a file: looked for from its end, so that a long file costs what is wanted of it.

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, BufRead as _, Read as _, Seek as _, SeekFrom},
};

use crate::logs::packed::{LINE, Packing, Unpacked};

/// Where the last lines of a file begin, and how many there are.
pub(super) struct LastLines {
    pub(super) offset: u64,
    /// How long the file was; of a packed one, which does not grow, anything.
    pub(super) len: u64,
    pub(super) lines: usize,
    /// The line before these is too long to look for its beginning: it begins before the offset.
    pub(super) within_a_line: bool,
}

/// The same of a packed file, which has a beginning only.
fn last_unpacked(mut file: Unpacked, count: usize) -> io::Result<LastLines> {
    // Where the last lines begin, and what stands before the next byte.
    let (mut starts, mut offset, mut before) = (VecDeque::new(), 0, b'\n');
    loop {
        let bytes = file.fill_buf()?;
        let Some((last, others)) = bytes.split_last() else { break };
        // Of each piece its last lines are enough.
        let ends = others.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n');
        let first = (before == b'\n').then_some(offset);
        let begin = ends.map(|(at, _)| offset + at as u64 + 1).chain(first).take(count);
        let begin: Vec<u64> = begin.collect();
        starts.extend(begin.into_iter().rev());
        starts.drain(..starts.len().saturating_sub(count));
        (before, offset) = (*last, offset + bytes.len() as u64);
        let len = bytes.len();
        file.consume(len);
    }
    let lines = starts.len();
    let offset = starts.front().copied().unwrap_or(offset);
    Ok(LastLines { offset, len: u64::MAX, lines, within_a_line: false })
}

/// Looks for line ends from the back, so that a long file costs what is wanted of it.
pub(super) fn last_lines(mut file: File, count: usize) -> io::Result<LastLines> {
    const PIECE: u64 = 64 * 1024;
    if let Some(packing) = packing(&file)? {
        return match packing.unpack(file) {
            Some(unpacked) => last_unpacked(unpacked, count),
            // Nothing in it is a line.
            None => Ok(LastLines { offset: 0, len: u64::MAX, lines: 0, within_a_line: false }),
        };
    }
    let len = file.seek(SeekFrom::End(0))?;
    if count == 0 {
        return Ok(LastLines { offset: len, len, lines: 0, within_a_line: false });
    }
    let (mut lines, mut end, mut piece) = (0, len, Vec::new());
    // Where the line begins that was seen last.
    let mut line = len;
    while end > 0 {
        if line - end > LINE {
            return Ok(LastLines { offset: end, len, lines, within_a_line: true });
        }
        let start = end.saturating_sub(PIECE);
        file.seek(SeekFrom::Start(start))?;
        piece.clear();
        (&mut file).take(end - start).read_to_end(&mut piece)?;
        for (at, byte) in piece.iter().enumerate().rev() {
            let offset = start + at as u64 + 1;
            // The end of the last line begins no other.
            if *byte == b'\n' && offset < len {
                lines += 1;
                line = offset;
                if lines == count {
                    return Ok(LastLines { offset, len, lines, within_a_line: false });
                }
            }
        }
        end = start;
    }
    let lines = lines + usize::from(len > 0);
    Ok(LastLines { offset: 0, len, lines, within_a_line: false })
}

/// How a file is packed; leaves it at its beginning.
pub(super) fn packing(mut file: &File) -> io::Result<Option<Packing>> {
    let mut magic = Vec::new();
    file.take(Packing::MAGIC).read_to_end(&mut magic)?;
    file.rewind()?;
    Ok(Packing::of(&magic))
}
