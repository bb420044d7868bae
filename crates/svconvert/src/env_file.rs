//! Files of variables, as `EnvironmentFile=` of systemd and `env_file` of a definition have them.
//!
//! Source: `systemd.exec(5)`, and what systemd 252 was seen to make of such files.

/// What a file sets, in its order.
pub(crate) fn read(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = Rest(text);
    while let Some(c) = rest.peek() {
        if is_blank(c) {
            rest.next();
        } else if c == '#' || c == ';' {
            rest.until(is_line_end);
        } else {
            // A name has one character at least, whichever it is.
            let mut name = String::from(c);
            rest.next();
            name.push_str(rest.until(|c| c == '=' || is_line_end(c)));
            let name = name.trim_end_matches([' ', '\t']);
            // A line without one says nothing.
            if rest.next() == Some('=') {
                let value = rest.value();
                if is_name(name) {
                    found.push((name.to_owned(), value));
                }
            }
        }
    }
    found
}

const fn is_line_end(c: char) -> bool {
    matches!(c, '\n' | '\r')
}

const fn is_blank(c: char) -> bool {
    is_line_end(c) || matches!(c, ' ' | '\t')
}

/// What is still to be read.
struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    fn peek(&self) -> Option<char> {
        self.0.chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let mut chars = self.0.chars();
        let c = chars.next();
        self.0 = chars.as_str();
        c
    }

    fn until(&mut self, is_end: impl Fn(char) -> bool) -> &'a str {
        let (taken, rest) = self.0.split_at(self.0.find(is_end).unwrap_or(self.0.len()));
        self.0 = rest;
        taken
    }

    /// Up to the end of the line: pieces in quotes, and one without at the end.
    fn value(&mut self) -> String {
        let mut value = String::new();
        loop {
            self.until(|c| !matches!(c, ' ' | '\t'));
            match self.peek() {
                Some('\'') => {
                    self.next();
                    value.push_str(self.until(|c| c == '\''));
                    self.next();
                }
                Some('"') => {
                    self.next();
                    self.double_quoted(&mut value);
                }
                _ => break,
            }
        }
        let mut piece = String::new();
        // What stays of it without the blanks at its end; an escaped character is none.
        let mut kept = 0;
        while let Some(c) = self.next().filter(|c| !is_line_end(*c)) {
            if c == '\\' {
                piece.extend(self.next().filter(|c| !is_line_end(*c)));
            } else {
                piece.push(c);
            }
            if c == '\\' || !is_blank(c) {
                kept = piece.len();
            }
        }
        piece.truncate(kept);
        value + &piece
    }

    /// Up to the quote that closes.
    fn double_quoted(&mut self, value: &mut String) {
        while let Some(c) = self.next().filter(|c| *c != '"') {
            if c != '\\' {
                value.push(c);
                continue;
            }
            match self.next() {
                Some(c @ ('"' | '\\' | '`' | '$')) => value.push(c),
                Some('\n') | None => (),
                Some(c) => value.extend(['\\', c]),
            }
        }
    }
}

/// Whether a variable may have this name.
pub(crate) fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_those_of_systemd() {
        let found = read(
            "A=x y # no comment\n# B=1\nexport C=no name\nD='a'\"b\" c\nE=\"two\nlines\"\nF= \n\
             ; I=1\nG = a\\ \\\n b \t\nnothing\nH=\"\\$x\\n\\\ny\" 'z'\nJ=a 'b'\nK='open",
        );
        let expected = [
            ("A", "x y # no comment"),
            ("D", "abc"),
            ("E", "two\nlines"),
            ("F", ""),
            ("G", "a  b"),
            ("H", "$x\\nyz"),
            ("J", "a 'b'"),
            ("K", "open"),
        ];
        let expected: Vec<_> = expected.map(|(a, b)| (a.to_owned(), b.to_owned())).into();
        assert_eq!(found, expected);
    }
}
