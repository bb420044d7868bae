//! What a terminal has room for. What is painted over again must be as large as it was thought to
//! be.

use std::os::fd::AsFd;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Columns and lines of a terminal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) width: usize,
    pub(crate) height: usize,
}

impl Size {
    /// That of this terminal; the usual one of what is none.
    pub(crate) fn now(terminal: impl AsFd) -> Self {
        let (width, height) = terminal_size::terminal_size_of(terminal)
            .map_or((80, 24), |(width, height)| (usize::from(width.0), usize::from(height.0)));
        Self { width: width.max(1), height }
    }
}

/// How many lines of a terminal these take.
pub(crate) fn height(lines: &[usize], width: usize) -> usize {
    lines.iter().map(|line| line.div_ceil(width).max(1)).sum()
}

/// As much of a line as has room.
pub(crate) fn cut(line: &str, room: usize) -> &str {
    let mut width = 0;
    let mut chars = line.char_indices();
    let end = chars.find(|(_, c)| {
        width += c.width().unwrap_or(0);
        width > room
    });
    end.and_then(|(at, _)| line.get(..at)).unwrap_or(line)
}

/// With blanks behind it, up to so many columns.
pub(crate) fn padded(text: &str, width: usize) -> String {
    format!("{text}{:pad$}", "", pad = width.saturating_sub(text.width()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_and_counted_as_a_terminal_shows_them() {
        assert_eq!(cut("web  up", 5), "web  ");
        assert_eq!(cut("日本語", 5), "日本");
        assert_eq!(cut("web", 80), "web");
        assert_eq!(padded("日本", 6), "日本  ");
        // Folded where it has become too long, and an empty line is one as well.
        assert_eq!(height(&[79, 30, 0], 80), 3);
        assert_eq!(height(&[79, 40, 0], 40), 2 + 1 + 1);
    }
}
