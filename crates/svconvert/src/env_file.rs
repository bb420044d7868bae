//! Files of variables, as `EnvironmentFile=` of systemd and `env_file` of a definition have them.
//!
//! Source: `systemd.exec(5)`; `env-file.c` of systemd 254.

#[derive(Clone, Copy)]
enum State {
    BeforeKey,
    Key,
    BeforeValue,
    Value,
    Escape,
    Single,
    Double,
    DoubleEscape,
    Comment,
    CommentEscape,
}

/// What a file sets, in its order.
pub(crate) fn read(text: &str) -> Vec<(String, String)> {
    let mut reader =
        Reader { found: Vec::new(), key: String::new(), value: String::new(), kept: 0 };
    let mut state = State::BeforeKey;
    for c in text.chars() {
        state = reader.step(state, c);
    }
    match state {
        State::BeforeKey | State::Key | State::Comment | State::CommentEscape => (),
        State::Value => reader.put_trimmed(),
        _ => reader.put(),
    }
    reader.found
}

struct Reader {
    found: Vec<(String, String)>,
    key: String,
    value: String,
    /// So much of the value stays when its line ends.
    kept: usize,
}

impl Reader {
    fn put(&mut self) {
        let name = self.key.trim_end_matches([' ', '\t']).to_owned();
        if is_name(&name) {
            self.found.push((name, self.value.clone()));
        }
        self.key.clear();
        self.value.clear();
    }

    fn put_trimmed(&mut self) {
        self.value.truncate(self.kept);
        self.put();
    }

    fn step(&mut self, state: State, c: char) -> State {
        let line_end = c == '\n' || c == '\r';
        let blank = line_end || c == ' ' || c == '\t';
        match state {
            State::BeforeKey if c == '#' || c == ';' => State::Comment,
            State::BeforeKey if blank => State::BeforeKey,
            State::Key if line_end => {
                self.key.clear();
                State::BeforeKey
            }
            State::Key if c == '=' => {
                self.kept = 0;
                State::BeforeValue
            }
            State::BeforeKey | State::Key => {
                self.key.push(c);
                State::Key
            }
            State::BeforeValue if line_end => {
                self.put();
                State::BeforeKey
            }
            State::BeforeValue if c == '\'' => State::Single,
            State::BeforeValue if c == '"' => State::Double,
            State::BeforeValue if c == '\\' => State::Escape,
            State::BeforeValue if blank => State::BeforeValue,
            State::Value if line_end => {
                self.put_trimmed();
                State::BeforeKey
            }
            State::Value if c == '\\' => {
                self.kept = self.value.len();
                State::Escape
            }
            State::BeforeValue | State::Value => {
                self.value.push(c);
                if !blank {
                    self.kept = self.value.len();
                }
                State::Value
            }
            State::Escape => {
                if !line_end {
                    self.value.push(c);
                }
                self.kept = self.value.len();
                State::Value
            }
            State::Single if c == '\'' => State::BeforeValue,
            State::Double if c == '"' => State::BeforeValue,
            State::Double if c == '\\' => State::DoubleEscape,
            State::Single => {
                self.value.push(c);
                State::Single
            }
            State::Double => {
                self.value.push(c);
                State::Double
            }
            State::DoubleEscape => {
                if "\"\\`$".contains(c) {
                    self.value.push(c);
                } else if c != '\n' {
                    self.value.extend(['\\', c]);
                }
                State::Double
            }
            State::Comment if c == '\\' => State::CommentEscape,
            State::Comment | State::CommentEscape if line_end => State::BeforeKey,
            State::Comment | State::CommentEscape => State::Comment,
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
            "A=x y # no comment\n# B=1\nexport C=no name\nD='a'\"b\"\nE=\"two\nlines\"\nF= \n",
        );
        let expected = [("A", "x y # no comment"), ("D", "ab"), ("E", "two\nlines"), ("F", "")];
        let expected: Vec<_> = expected.map(|(a, b)| (a.to_owned(), b.to_owned())).into();
        assert_eq!(found, expected);
    }
}
