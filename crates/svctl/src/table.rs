//! A table that fits: columns as wide as what is in them, fewer of them on a narrow terminal, and never
//! a line that wraps.

use std::borrow::Cow;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Columns of a terminal that a text takes. Most are ASCII, and the tables of Unicode cost a fifth of
/// a long listing.
fn width(text: &str) -> usize {
    if text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) { text.len() } else { text.width() }
}

/// A column.
#[derive(Clone, Copy)]
pub(crate) struct Column {
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

/// A table as lines.
pub(crate) struct Table {
    pub(crate) head: String,
    pub(crate) rows: Vec<Line>,
}

/// A line for a row.
pub(crate) struct Line {
    pub(crate) text: String,
    /// Whether its last cell is not there in full.
    pub(crate) is_cut: bool,
}

/// Lays out rows in so many columns of a terminal; `None`: as wide as they are.
pub(crate) fn layout<const N: usize>(
    columns: &[Column; N],
    rows: &[[Cow<'_, str>; N]],
    width: Option<usize>,
) -> Table {
    let mut widths: [usize; N] = columns.map(|column| column.head.len());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(self::width(cell));
        }
    }
    let natural = widths;
    let mut shown = [true; N];
    if let Some(room) = width {
        make_room(columns, rows, &mut widths, &mut shown, room);
    }
    let heads = columns.map(|column| Cow::Borrowed(column.head));
    let line = |cells: &[Cow<'_, str>; N]| {
        let text = line(columns, cells, &widths, &shown);
        let last = cells.last().map_or(0, |cell| self::width(cell));
        let room = if shown.last() == Some(&true) { widths.last() } else { None };
        let is_cut = last > room.copied().unwrap_or(0);
        match width {
            Some(room) if self::width(&text) > room => {
                Line { text: cut(&text, room), is_cut: true }
            }
            _ => Line { text, is_cut },
        }
    };
    debug_assert!(width.is_some() || widths == natural, "nothing is cut without a width");
    Table { head: line(&heads).text, rows: rows.iter().map(line).collect() }
}

/// Takes columns away until the rest fits with a cut last one: those without anything in them first.
fn make_room<const N: usize>(
    columns: &[Column; N],
    rows: &[[Cow<'_, str>; N]],
    widths: &mut [usize; N],
    shown: &mut [bool; N],
    room: usize,
) {
    let is_empty =
        |at: usize| rows.iter().all(|row| row.get(at).is_none_or(|cell| cell == NOTHING));
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

fn line<const N: usize>(
    columns: &[Column; N],
    cells: &[Cow<'_, str>; N],
    widths: &[usize; N],
    shown: &[bool; N],
) -> String {
    let mut line = String::new();
    let cells = columns.iter().zip(cells).zip(widths).zip(shown);
    for (((column, cell), &width), _) in cells.filter(|(_, shown)| **shown) {
        if !line.is_empty() {
            line.push_str("  ");
        }
        let taken = self::width(cell);
        let pad = width.saturating_sub(taken);
        if column.align == Align::Right {
            line.extend(std::iter::repeat_n(' ', pad));
        }
        if taken > width {
            line.push_str(&cut(cell, width));
        } else {
            line.push_str(cell);
        }
        if column.align == Align::Left {
            line.extend(std::iter::repeat_n(' ', pad));
        }
    }
    line.truncate(line.trim_end().len());
    line
}

/// The beginning of a text, as wide as there is room, with a sign that there is more.
pub(crate) fn cut(text: &str, room: usize) -> String {
    if width(text) <= room {
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
        let rows = [
            ["web".into(), "4711".into(), "n".repeat(40).into()],
            ["\u{65e5}\u{672c}".into(), "-".into(), "".into()],
        ];
        let table = layout(&COLUMNS, &rows, width);
        [table.head].into_iter().chain(table.rows.into_iter().map(|line| line.text)).collect()
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
