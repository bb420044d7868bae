//! The syntax of unit files: sections, directives, lines that go on in the next.
//!
//! Source: `systemd.syntax(7)`; `src/shared/conf-parser.c` of systemd 252.

use crate::report::Location;

/// A line that says something.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    pub(super) location: Location,
    pub(super) text: String,
    pub(super) says: Says,
}

#[derive(Clone, Debug)]
pub(super) enum Says {
    Section(String),
    Assignment {
        section: String,
        key: String,
        value: String,
    },
    /// What systemd warns of and leaves out.
    Nothing(&'static str),
}

const BLANKS: [char; 4] = [' ', '\t', '\n', '\r'];

/// Every line but comments and empty ones.
pub(super) fn parse(file: &str, text: &str) -> Vec<Piece> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut pieces = Vec::new();
    let mut section = String::new();
    // Where the line began that goes on, and what there is of it.
    let mut open: Option<(usize, String)> = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        let content = line.trim_end_matches(['\n', '\r']).trim_start_matches(BLANKS);
        if content.starts_with(['#', ';']) {
            continue;
        }
        let (from, mut whole) = open.take().unwrap_or((start, String::new()));
        whole.push_str(content);
        if ends_in_escape(&whole) {
            whole.pop();
            whole.push(' ');
            open = Some((from, whole));
            continue;
        }
        piece(file, text, from..at, &whole, &mut section, &mut pieces);
    }
    if let Some((from, whole)) = open {
        piece(file, text, from..at, &whole, &mut section, &mut pieces);
    }
    pieces
}

fn ends_in_escape(line: &str) -> bool {
    line.bytes().rev().take_while(|byte| *byte == b'\\').count() % 2 == 1
}

fn piece(
    file: &str,
    text: &str,
    bytes: std::ops::Range<usize>,
    whole: &str,
    section: &mut String,
    pieces: &mut Vec<Piece>,
) {
    let whole = whole.trim_matches(BLANKS);
    if whole.is_empty() {
        return;
    }
    let says = if let Some(rest) = whole.strip_prefix('[') {
        match rest.strip_suffix(']') {
            Some(name) => {
                name.clone_into(section);
                Says::Section(name.to_owned())
            }
            None => Says::Nothing("systemd leaves it out: a section has no `]`"),
        }
    } else if section.is_empty() {
        Says::Nothing("systemd leaves it out: it stands in no section")
    } else {
        match whole.split_once('=') {
            Some((key, value)) => Says::Assignment {
                section: section.clone(),
                key: key.trim_matches(BLANKS).to_owned(),
                value: value.trim_matches(BLANKS).to_owned(),
            },
            None => Says::Nothing("systemd leaves it out: it has no `=`"),
        }
    };
    let location = Location::of(file, text, bytes.clone());
    let text = text.get(bytes).unwrap_or_default().trim().to_owned();
    pieces.push(Piece { location, text, says });
}

/// A boolean, as systemd reads it.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "yes" | "y" | "true" | "t" | "on" => Some(true),
        "0" | "no" | "n" | "false" | "f" | "off" => Some(false),
        _ => None,
    }
}

/// A length of time in milliseconds, as systemd reads it; `None` for `infinity` within the `Ok`.
pub(super) fn time(text: &str) -> Result<Option<u64>, ()> {
    let text = text.trim();
    if text == "infinity" {
        return Ok(None);
    }
    let mut micros: f64 = 0.0;
    let mut rest = text;
    if rest.is_empty() {
        return Err(());
    }
    while !rest.is_empty() {
        let digits =
            rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').len();
        let (number, after) = rest.split_at(digits);
        let number: f64 = number.parse().map_err(|_| ())?;
        let after = after.trim_start();
        let letters = after.len() - after.trim_start_matches(|c: char| c.is_alphabetic()).len();
        let (unit, after) = after.split_at(letters);
        let scale = match unit {
            "" | "s" | "sec" | "second" | "seconds" => 1e6,
            "us" | "usec" | "µs" | "μs" => 1.0,
            "ms" | "msec" => 1e3,
            "m" | "min" | "minute" | "minutes" => 6e7,
            "h" | "hr" | "hour" | "hours" => 3.6e9,
            "d" | "day" | "days" => 8.64e10,
            "w" | "week" | "weeks" => 6.048e11,
            "M" | "month" | "months" => 2.629_8e12,
            "y" | "year" | "years" => 3.155_76e13,
            _ => return Err(()),
        };
        micros += number * scale;
        rest = after.trim_start();
    }
    if !(0.0..1e18).contains(&micros) {
        return Err(());
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it was compared")]
    Ok(Some((micros / 1e3).ceil() as u64))
}

/// A number of bytes with a letter, powers of 1024; `None` for `infinity` within the `Ok`.
pub(super) fn size(text: &str) -> Result<Option<u64>, ()> {
    let text = text.trim();
    if text == "infinity" {
        return Ok(None);
    }
    let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let shift = match text.strip_prefix(digits).unwrap_or_default().trim() {
        "" | "B" => 0,
        "K" => 10,
        "M" => 20,
        "G" => 30,
        "T" => 40,
        "P" => 50,
        _ => return Err(()),
    };
    let number: u64 = digits.parse().map_err(|_| ())?;
    number.checked_mul(1 << shift).map(Some).ok_or(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<(String, String)> {
        let pieces = parse("x", text).into_iter();
        pieces
            .filter_map(|it| match it.says {
                Says::Assignment { key, value, .. } => Some((key, value)),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn a_line_goes_on_after_a_backslash_and_over_comments() {
        let text = "[Service]\nExecStart=/bin/a \\\n# no\n   b\\\n ; no\nc\nNice = 5 \n#x\n\\\\\n";
        let found = values(text);
        assert_eq!(found[0], ("ExecStart".into(), "/bin/a  b c".into()));
        assert_eq!(found[1], ("Nice".into(), "5".into()));
        let location = &parse("x", text)[1].location;
        assert_eq!((location.line, location.last, location.column), (2, 6, 1));
    }

    #[test]
    fn times_are_those_of_systemd() {
        for (text, millis) in
            [("5", 5000), ("100ms", 100), ("1min 30s", 90_000), ("0.5", 500), ("2h", 7_200_000)]
        {
            assert_eq!(time(text), Ok(Some(millis)), "{text}");
        }
        assert_eq!(time("infinity"), Ok(None));
        for wrong in ["", "x", "5 parsecs", "-1"] {
            assert_eq!(time(wrong), Err(()), "{wrong}");
        }
    }

    #[test]
    fn sizes_are_powers_of_1024() {
        assert_eq!(size("4G"), Ok(Some(4 << 30)));
        assert_eq!([size("7"), size("infinity"), size("10%")], [Ok(Some(7)), Ok(None), Err(())]);
    }
}
