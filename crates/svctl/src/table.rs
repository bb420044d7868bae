//! A table that fits: columns as wide as what is in them, fewer of them on a narrow terminal, and
//! never a line that wraps.

use std::fmt::{self, Write as _};

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::pieces::Pieces;

/// Columns of a terminal that a text takes. Most are ASCII, and the tables of Unicode cost a fifth
/// of a long listing.
fn width(text: &[u8]) -> usize {
    if text.iter().all(|byte| (b' '..=b'~').contains(byte)) {
        text.len()
    } else {
        String::from_utf8_lossy(text).width()
    }
}

/// A column.
#[derive(Clone, Copy)]
pub(crate) struct Column {
    /// A column without a head is not shown.
    pub(crate) head: &'static str,
    pub(crate) align: Align,
    /// Which go first where there is not room for all; `None` stays to the end.
    pub(crate) goes: Option<u8>,
}

/// To which side.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
}

/// What stands for nothing.
pub(crate) const NOTHING: &str = "-";
const GAP: usize = 2;
/// The last column is cut to no less than this before another goes.
const LAST: usize = 16;
/// And the first to no less than this.
const FIRST: usize = 12;
const CUT: char = '\u{2026}';

/// The cells of a row, one text after the other: of thousands of rows, memory for each cell would
/// take as long as two system calls a row.
pub(crate) struct Cells<const N: usize> {
    text: Pieces,
    ends: [CellEnd; N],
    filled: usize,
}

/// Where a cell ends in the text, and where the next one begins.
#[derive(Clone, Copy, Default)]
struct CellEnd {
    end: u32,
    /// Columns of a terminal.
    width: u32,
}

impl CellEnd {
    fn width(self) -> usize {
        self.width.try_into().unwrap_or(usize::MAX)
    }
}

impl<const N: usize> Cells<N> {
    /// None yet. What is not filled is empty.
    pub(crate) fn new() -> Self {
        const COMMON: usize = 64;
        Self { text: Pieces::with_capacity(COMMON), ends: [CellEnd::default(); N], filled: 0 }
    }

    /// The next cell.
    pub(crate) fn push(&mut self, cell: &str) {
        self.text.push(cell.as_bytes());
        self.end_cell();
    }

    /// The next cell, as it is printed.
    pub(crate) fn write(&mut self, cell: impl fmt::Display) {
        // Writing to a string does not fail.
        let _written = write!(self.text, "{cell}");
        self.end_cell();
    }

    /// The same, with a sign where there is nothing.
    pub(crate) fn write_or_nothing(&mut self, cell: Option<impl fmt::Display>) {
        match cell {
            Some(cell) => self.write(cell),
            None => self.push(NOTHING),
        }
    }

    fn end_cell(&mut self) {
        let cell = self.text.as_bytes().get(self.start(self.filled)..).unwrap_or_default();
        let in_32_bits = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
        let (end, width) = (in_32_bits(self.text.len()), in_32_bits(width(cell)));
        if let Some(this) = self.ends.get_mut(self.filled) {
            *this = CellEnd { end, width };
            self.filled += 1;
        }
    }

    /// Where a cell begins in the text.
    fn start(&self, at: usize) -> usize {
        let before = at.checked_sub(1).and_then(|before| self.ends.get(before));
        before.map_or(0, |before| before.end.try_into().unwrap_or(usize::MAX))
    }

    /// A cell's text.
    pub(crate) fn get(&self, at: usize) -> &[u8] {
        self.text.as_bytes().get(self.start(at)..self.start(at + 1)).unwrap_or_default()
    }
}

/// A table as text: a head, and a line for each row.
pub(crate) struct Table {
    text: Pieces,
    lines: Vec<Line>,
}

struct Line {
    /// Where it ends, without the line feed.
    end: usize,
    is_cut: bool,
}

impl Table {
    /// All lines, each with a line feed.
    pub(crate) fn text(&self) -> &[u8] {
        self.text.as_bytes()
    }

    /// The head and each row, without line feeds; and whether something of the last cell is
    /// missing.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (&str, bool)> {
        self.lines.iter().scan(0, |from, line| {
            let text = self.text.as_bytes().get(*from..line.end)?;
            *from = line.end + 1;
            Some((str::from_utf8(text).ok()?, line.is_cut))
        })
    }
}

/// Lays out rows in so many columns of a terminal; `None`: as wide as they are.
pub(crate) fn layout<const N: usize>(
    columns: &[Column; N],
    rows: &[Cells<N>],
    width: Option<usize>,
) -> Table {
    let mut head = Cells::new();
    for column in columns {
        head.push(column.head);
    }
    let mut widths = [0; N];
    for row in std::iter::once(&head).chain(rows) {
        for (width, cell) in widths.iter_mut().zip(&row.ends) {
            *width = (*width).max(cell.width());
        }
    }
    let natural = widths;
    let mut shown = columns.map(|column| !column.head.is_empty());
    if let Some(room) = width {
        make_room(columns, rows, &mut widths, &mut shown, room);
    }
    debug_assert!(width.is_some() || widths == natural, "nothing is cut without a width");
    let line_len = total(widths.iter().zip(&shown)) + 1;
    let mut text = Pieces::with_capacity((rows.len() + 1) * line_len);
    let mut lines = Vec::with_capacity(rows.len() + 1);
    let room_of_last = if shown.last() == Some(&true) { widths.last() } else { None };
    let room_of_last = room_of_last.copied().unwrap_or(0);
    for row in std::iter::once(&head).chain(rows) {
        let from = text.len();
        line(&mut text, columns, row, &widths, &shown);
        let mut is_cut = row.ends.last().map_or(0, |last| last.width()) > room_of_last;
        if let Some(room) = width {
            let line = text.as_bytes().get(from..).unwrap_or_default();
            if self::width(line) > room {
                let line = cut(&String::from_utf8_lossy(line), room);
                text.truncate(from);
                text.push(line.as_bytes());
                is_cut = true;
            }
        }
        lines.push(Line { end: text.len(), is_cut });
        text.push(b"\n");
    }
    Table { text, lines }
}

/// Takes columns away until the rest fits with a cut last one: those without anything in them
/// first.
fn make_room<const N: usize>(
    columns: &[Column; N],
    rows: &[Cells<N>],
    widths: &mut [usize; N],
    shown: &mut [bool; N],
    room: usize,
) {
    let is_empty = |at: usize| rows.iter().all(|row| row.get(at) == NOTHING.as_bytes());
    let mut going: Vec<(bool, u8, usize)> = columns
        .iter()
        .enumerate()
        .filter_map(|(at, column)| Some((!is_empty(at), column.goes?, at)))
        .collect();
    going.sort_unstable();
    let mut going = going.into_iter();
    if total(widths.iter().zip(&*shown)) > room {
        // One long name is not to push out everything else.
        if let Some(first) = widths.first_mut() {
            *first = (*first).min((room / 3).max(FIRST));
        }
    }
    loop {
        let front = total(widths.iter().zip(&*shown).take(N.saturating_sub(1)));
        let Some(last) = widths.last_mut() else { return };
        let left = room.saturating_sub(front + GAP);
        if left >= (*last).min(LAST) {
            *last = (*last).min(left);
            return;
        }
        let Some((_, _, at)) = going.next() else {
            let wanted = (*last).min(LAST).saturating_sub(left);
            if let Some(first) = widths.first_mut() {
                *first = (*first).min(first.saturating_sub(wanted).max(FIRST));
            }
            let front = total(widths.iter().zip(&*shown).take(N.saturating_sub(1)));
            if let Some(last) = widths.last_mut() {
                *last = room.saturating_sub(front + GAP);
            }
            return;
        };
        if let Some(shown) = shown.get_mut(at) {
            *shown = false;
        }
    }
}

fn total<'a>(columns: impl Iterator<Item = (&'a usize, &'a bool)>) -> usize {
    let widths = columns.filter(|(_, shown)| **shown).map(|(width, _)| width + GAP);
    widths.sum::<usize>().saturating_sub(GAP)
}

/// Puts a row at the end of a text.
fn line<const N: usize>(
    text: &mut Pieces,
    columns: &[Column; N],
    row: &Cells<N>,
    widths: &[usize; N],
    shown: &[bool; N],
) {
    let from = text.len();
    let cells = columns.iter().zip(row.ends.iter().enumerate()).zip(widths).zip(shown);
    for (((column, (at, cell)), &width), _) in cells.filter(|(_, shown)| **shown) {
        if text.len() > from {
            text.push_times(b' ', GAP);
        }
        let pad = width.saturating_sub(cell.width());
        if column.align == Align::Right {
            text.push_times(b' ', pad);
        }
        if cell.width() > width {
            text.push(cut(&String::from_utf8_lossy(row.get(at)), width).as_bytes());
        } else {
            text.push(row.get(at));
        }
        if column.align == Align::Left {
            text.push_times(b' ', pad);
        }
    }
    let line = text.as_bytes().get(from..).unwrap_or_default();
    let blanks = line.iter().rev().take_while(|byte| **byte == b' ').count();
    text.truncate(text.len() - blanks);
}

/// The beginning of a text, as wide as there is room, with a sign that there is more.
pub(crate) fn cut(text: &str, room: usize) -> String {
    if width(text.as_bytes()) <= room {
        return text.to_owned();
    }
    let mut kept = String::new();
    let mut taken = 1;
    for c in text.chars() {
        taken += c.width().unwrap_or(0);
        if taken > room {
            break;
        }
        kept.push(c);
    }
    if room > 0 {
        kept.push(CUT);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 3] = [
        Column { head: "NAME", align: Align::Left, goes: None },
        Column { head: "PID", align: Align::Right, goes: Some(1) },
        Column { head: "NOTES", align: Align::Left, goes: None },
    ];

    fn lines(width: Option<usize>) -> Vec<String> {
        let long = "n".repeat(40);
        let rows = [["web", "4711", &long], ["\u{65e5}\u{672c}", "-", ""]].map(|texts| {
            let mut cells = Cells::new();
            for text in texts {
                cells.push(text);
            }
            cells
        });
        let table = layout(&COLUMNS, &rows, width);
        let lines: Vec<String> = table.lines().map(|(line, _)| line.to_owned()).collect();
        assert_eq!(table.text(), (lines.join("\n") + "\n").as_bytes());
        lines
    }

    #[test]
    fn nothing_is_cut_without_a_width_and_wide_letters_count_twice() {
        let expected = [
            "NAME   PID  NOTES".to_owned(),
            format!("web   4711  {}", "n".repeat(40)),
            "\u{65e5}\u{672c}     -".to_owned(),
        ];
        assert_eq!(lines(None), expected);
        assert_eq!(lines(Some(52)), expected);
    }

    #[test]
    fn the_last_column_is_cut_and_then_others_go() {
        assert_eq!(lines(Some(28))[1], format!("web   4711  {}\u{2026}", "n".repeat(15)));
        assert_eq!(lines(Some(27))[1], format!("web   {}\u{2026}", "n".repeat(20)));
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        for room in 0..60 {
            for line in lines(Some(room)) {
                assert!(line.width() <= room, "{room}: {line}");
            }
        }
    }
}
