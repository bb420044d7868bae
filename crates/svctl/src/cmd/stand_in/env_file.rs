//! A file of variables, as systemd reads `EnvironmentFile=`.
//!
//! Source: `systemd.exec(5)`; the reader that scripts have, in `svbuild`, is compared with systemd, and the tests here
//! have the same cases.

/// Where the reader is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    BeforeName,
    Name,
    BeforeValue,
    Value,
    /// After a backslash in a value.
    Escaped,
    Single,
    Double,
    /// After a backslash in double quotes.
    DoubleEscaped,
    Comment,
    CommentEscaped,
}

/// Whether a variable can be named so.
pub(super) fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    let first = bytes.next().is_some_and(|it| it.is_ascii_alphabetic() || it == b'_');
    first && bytes.all(|it| it.is_ascii_alphanumeric() || it == b'_')
}

/// Names, whatever they are, and values, in the order of the file.
pub(super) fn variables(text: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut found = Vec::new();
    let mut state = State::BeforeName;
    // Blanks of a value count once something follows them.
    let (mut name, mut value, mut blanks) = (Vec::new(), Vec::new(), Vec::new());
    let put = |name: &mut Vec<u8>, value: &mut Vec<u8>, found: &mut Vec<_>| {
        let mut name = std::mem::take(name);
        name.truncate(name.trim_ascii_end().len());
        found.push((name, std::mem::take(value)));
    };
    let ends_with_line = text.ends_with(b"\n");
    for &byte in text.iter().chain((!ends_with_line).then_some(&b'\n')) {
        let is_end = matches!(byte, b'\n' | b'\r');
        let is_blank = matches!(byte, b' ' | b'\t');
        state = match (state, byte) {
            (State::BeforeName, b'#' | b';') => State::Comment,
            (State::BeforeName, _) if is_end || is_blank => State::BeforeName,
            (State::BeforeName, _) => {
                name = vec![byte];
                State::Name
            }
            (State::Name, _) if is_end => {
                name.clear();
                State::BeforeName
            }
            (State::Name, b'=') => State::BeforeValue,
            (State::Name, _) => {
                name.push(byte);
                State::Name
            }
            (State::BeforeValue, _) if is_end => {
                put(&mut name, &mut value, &mut found);
                State::BeforeName
            }
            (State::BeforeValue, b'\'') => State::Single,
            (State::BeforeValue, b'"') => State::Double,
            (State::BeforeValue, b'\\') => State::Escaped,
            (State::BeforeValue, _) if is_blank => State::BeforeValue,
            (State::Value, _) if is_end => {
                blanks.clear();
                put(&mut name, &mut value, &mut found);
                State::BeforeName
            }
            (State::Value, b'\\') => {
                value.append(&mut blanks);
                State::Escaped
            }
            (State::BeforeValue | State::Value, _) => {
                if is_blank {
                    blanks.push(byte);
                } else {
                    value.append(&mut blanks);
                    value.push(byte);
                }
                State::Value
            }
            (State::Escaped, _) => {
                if !is_end {
                    value.append(&mut blanks);
                    value.push(byte);
                }
                State::Value
            }
            (State::Single, b'\'') | (State::Double, b'"') => State::BeforeValue,
            (State::Single, _) => {
                value.push(byte);
                State::Single
            }
            (State::Double, b'\\') => State::DoubleEscaped,
            (State::Double, _) => {
                value.push(byte);
                State::Double
            }
            (State::DoubleEscaped, _) => {
                match byte {
                    b'"' | b'\\' | b'`' | b'$' => value.push(byte),
                    b'\n' => (),
                    _ => value.extend([b'\\', byte]),
                }
                State::Double
            }
            (State::Comment, b'\\') => State::CommentEscaped,
            (State::Comment | State::CommentEscaped, _) if is_end => State::BeforeName,
            (State::Comment | State::CommentEscaped, _) => State::Comment,
        };
    }
    if !matches!(state, State::BeforeName | State::Name | State::Comment | State::CommentEscaped) {
        put(&mut name, &mut value, &mut found);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_as_systemd_reads_it() {
        let text = b"# c \\\nA=1\n;x\n B = two words  \nC='a b'\"c\\\"d\\e\"\nD=a\\ b\\\nc\nE=\"x\ny\"\nnothing\nF=\nA=2\n1G=x\nH= '' z";
        let read: Vec<(String, String)> = variables(text)
            .into_iter()
            .map(|(name, value)| {
                (String::from_utf8(name).unwrap(), String::from_utf8(value).unwrap())
            })
            .collect();
        let expected = [
            ("A", "1"),
            ("B", "two words"),
            ("C", "a bc\"d\\e"),
            ("D", "a bc"),
            ("E", "x\ny"),
            ("F", ""),
            ("A", "2"),
            ("1G", "x"),
            ("H", "z"),
        ];
        let expected: Vec<_> = expected.map(|(a, b)| (a.to_owned(), b.to_owned())).into();
        assert_eq!(read, expected);
        assert!(is_name("_a1") && !is_name("1G") && !is_name("") && !is_name("a-b"));
    }
}
