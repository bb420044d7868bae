//! Words as shells write them: reading a line that somebody is typing in bash, and writing a word
//! that bash reads as these bytes. zsh and fish take words apart and quote them by themselves.

/// A line up to the cursor.
pub(super) struct Line {
    /// Words before the last one, without their quotes; the command's name is the first.
    pub(super) before: Vec<Vec<u8>>,
    /// The last word, which may be empty.
    pub(super) last: Vec<u8>,
    /// How many bytes of `last` bash leaves alone: what stands before an open quote, or up to a
    /// character that ends words for it.
    pub(super) kept: usize,
    /// Where the cursor stands.
    pub(super) within: Within,
}

/// Within which quotes something is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Within {
    Nothing,
    Single,
    Double,
    /// `$'...'`
    Ansi,
}

/// Reads a line. `breaks` is `$COMP_WORDBREAKS`: with `:` in it, bash completes what follows a
/// colon.
pub(super) fn read(line: &[u8], breaks: &[u8]) -> Line {
    let mut this = Line { before: Vec::new(), last: Vec::new(), kept: 0, within: Within::Nothing };
    let mut in_word = false;
    let mut bytes = line.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match (this.within, byte) {
            (Within::Nothing, b' ' | b'\t' | b'\n') => {
                if in_word {
                    this.before.push(std::mem::take(&mut this.last));
                }
                (in_word, this.kept) = (false, 0);
                continue;
            }
            // Another command begins.
            (Within::Nothing, b';' | b'|' | b'&' | b'(') => {
                this = read(&[], breaks);
                in_word = false;
                continue;
            }
            (Within::Nothing, b'\'') => {
                (this.within, this.kept) = (Within::Single, this.last.len());
            }
            (Within::Nothing, b'"') => {
                (this.within, this.kept) = (Within::Double, this.last.len());
            }
            (Within::Nothing, b'$') if bytes.peek() == Some(&b'\'') => {
                bytes.next();
                (this.within, this.kept) = (Within::Ansi, this.last.len());
            }
            (Within::Single | Within::Ansi, b'\'') | (Within::Double, b'"') => {
                // bash takes the word from its begin, or from where it broke.
                (this.within, this.kept) = (Within::Nothing, 0);
            }
            (Within::Nothing, b'\\') => this.last.extend(bytes.next()),
            (Within::Double, b'\\') => match bytes.next() {
                Some(next @ (b'"' | b'\\' | b'$' | b'`')) => this.last.push(next),
                next => this.last.extend([b'\\'].into_iter().chain(next)),
            },
            (Within::Ansi, b'\\') => this.last.extend(escaped(&mut bytes)),
            (Within::Nothing, b':' | b'=') if breaks.contains(&byte) => {
                this.last.push(byte);
                this.kept = this.last.len();
            }
            (_, byte) => this.last.push(byte),
        }
        in_word = true;
    }
    this
}

/// What stands for one byte after a backslash in `$'...'`, of what is written below.
fn escaped(bytes: &mut std::iter::Peekable<impl Iterator<Item = u8>>) -> Option<u8> {
    Some(match bytes.next()? {
        b'n' => b'\n',
        b't' => b'\t',
        b'x' => {
            let mut digit = || {
                let value = char::from(*bytes.peek()?).to_digit(16)?;
                bytes.next();
                u8::try_from(value).ok()
            };
            let first = digit().unwrap_or(0);
            digit().map_or(first, |second| first << 4 | second)
        }
        other => other,
    })
}

/// Writes a word, or the rest of one, for where the cursor stands; `None` if it cannot stand there.
pub(super) fn quoted(word: &[u8], within: Within) -> Option<Vec<u8>> {
    let is_text = std::str::from_utf8(word).is_ok_and(|text| !text.contains(char::is_control));
    match within {
        Within::Nothing if is_text => {
            let is_plain = |byte: &u8| {
                byte.is_ascii_alphanumeric() || !byte.is_ascii() || b"_-./+@%,:=^".contains(byte)
            };
            let escape = |byte: &u8| [(!is_plain(byte)).then_some(b'\\'), Some(*byte)];
            Some(word.iter().flat_map(escape).flatten().collect())
        }
        Within::Nothing => {
            let mut text = b"$'".to_vec();
            text.extend(quoted(word, Within::Ansi)?);
            text.push(b'\'');
            Some(text)
        }
        Within::Single => {
            let mut text = Vec::new();
            for byte in word {
                match byte {
                    b'\'' => text.extend(b"'\\''"),
                    byte => text.push(*byte),
                }
            }
            is_text.then_some(text)
        }
        Within::Double => {
            // A `!` would be looked up in the history, with a backslash as well.
            let escape = |byte: &u8| [b"\"\\$`".contains(byte).then_some(b'\\'), Some(*byte)];
            let text = word.iter().flat_map(escape).flatten().collect();
            (is_text && !word.contains(&b'!')).then_some(text)
        }
        Within::Ansi => {
            let mut text = Vec::new();
            for byte in word {
                match byte {
                    b'\'' | b'\\' => text.extend([b'\\', *byte]),
                    b'\n' => text.extend(b"\\n"),
                    b'\t' => text.extend(b"\\t"),
                    b' '..=b'~' => text.push(*byte),
                    byte => text.extend(format!("\\x{byte:02x}").bytes()),
                }
            }
            Some(text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn reads(line: &str, before: &[&str], last: &str, kept: usize, within: Within) {
        let read = read(line.as_bytes(), b" \t\n\"'><=;|&(:");
        let words: Vec<_> = read.before.iter().map(|word| String::from_utf8_lossy(word)).collect();
        assert_eq!(words, before, "{line}");
        assert_eq!(String::from_utf8_lossy(&read.last), last, "{line}");
        assert_eq!((read.kept, read.within), (kept, within), "{line}");
    }

    #[test]
    fn a_line_is_read_as_bash_does() {
        reads("svctl up ", &["svctl", "up"], "", 0, Within::Nothing);
        reads("svctl up we", &["svctl", "up"], "we", 0, Within::Nothing);
        reads(
            "svctl --dir /a\\ b up 'c d",
            &["svctl", "--dir", "/a b", "up"],
            "c d",
            0,
            Within::Single,
        );
        reads("svctl up \"a\\\"b", &["svctl", "up"], "a\"b", 0, Within::Double);
        reads("svctl up $'a\\x62\\nc", &["svctl", "up"], "ab\nc", 0, Within::Ansi);
        reads("svctl up ab'c", &["svctl", "up"], "abc", 2, Within::Single);
        reads("svctl up 'ab'c", &["svctl", "up"], "abc", 0, Within::Nothing);
        reads("svctl up systemd:we", &["svctl", "up"], "systemd:we", 8, Within::Nothing);
        reads("svctl up --suite=r", &["svctl", "up"], "--suite=r", 8, Within::Nothing);
        reads("svctl up \"\" x", &["svctl", "up", ""], "x", 0, Within::Nothing);
        reads("false; svctl st", &["svctl"], "st", 0, Within::Nothing);
    }

    /// What is written is read as what was meant, in the same quotes.
    #[test]
    fn what_is_written_is_read_again() {
        let words: [&[u8]; 9] = [
            b"web",
            b"a b",
            b"it's",
            b"say \"hi\"",
            b"$HOME`x`",
            b"back\\slash",
            b"new\nline\tx",
            b"\xff0",
            "dienst-ä".as_bytes(),
        ];
        for word in words {
            for (within, open) in [
                (Within::Nothing, ""),
                (Within::Single, "'"),
                (Within::Double, "\""),
                (Within::Ansi, "$'"),
            ] {
                let Some(text) = quoted(word, within) else {
                    assert!(matches!(within, Within::Single | Within::Double), "{word:?}");
                    continue;
                };
                let line = [b"svctl ", open.as_bytes(), &text].concat();
                assert_eq!(read(&line, b"").last, word, "{within:?}");
            }
        }
        assert_eq!(quoted(b"no!", Within::Double), None);
    }
}
