//! A reader of files of variables of its own, after `systemd.exec(5)`: what the scripts that are made
//! must read, and what systemd does read.

use std::collections::BTreeMap;

/// Lines that mean something to one reader or another; every one ends where it began. Only names with `V`
/// are looked at.
pub const CASES: [&str; 34] = [
    "V1=plain\n",
    "V2=two words\n",
    "V3= outer blanks \t\n",
    "V4='single $V1 \\ `id`'\n",
    "V5=\"double \\\" \\\\ \\$ \\` \\n \\x\"\n",
    "V6=a'b\"c\n",
    "V7=\"a\"'b'c\n",
    "V8=\"over\ntwo lines\"\n",
    "V9='over\n#two lines'\n",
    "V10=joined\\\n lines\n",
    "V11=back\\slash\\ \n",
    "V12=\n",
    "V13=''\n",
    "V14\n",
    " V15 = spaced \n",
    "# V16=comment\n",
    "; V17=comment\n",
    "V18=a # no comment\n",
    "V19=a=b=c\n",
    "1V=no name\nexport V20=no name\nV-21=no name\n",
    "V22=once\nV22=twice\n",
    "V23=$HOME ${V1} $(id) `id` %n ~ * ?\n",
    "V24=caf\u{e9} \u{1f600}\n",
    "V25=\"joined\\\n in quotes\"\n",
    "V26='a' b \n",
    "V27=\"a\"   \n",
    "V28=tab\tin\ta line\n",
    "\n\n  \t\nV29=after nothing\n",
    "V30=x\\\\\n",
    "=nothing\n",
    "V31=\"it's\"\n",
    "V32=a'\\''b\n",
    "V33=; # ;\n",
    "V34='end'",
];

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

/// What a file sets.
#[allow(clippy::too_many_lines, reason = "a state is a line or two, and there are ten")]
pub fn read(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let (mut key, mut value) = (String::new(), String::new());
    // So much of the value is kept when its line ends.
    let mut kept = 0;
    let mut state = State::BeforeKey;
    let mut put = |key: &mut String, value: &mut String| {
        let name = key.trim_end_matches([' ', '\t']).to_owned();
        let first = |c: char| c.is_ascii_alphabetic() || c == '_';
        if name.starts_with(first) && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            found.insert(name, value.clone());
        }
        key.clear();
        value.clear();
    };
    for c in text.chars() {
        let line_end = c == '\n' || c == '\r';
        let blank = line_end || c == ' ' || c == '\t';
        state = match state {
            State::BeforeKey if c == '#' || c == ';' => State::Comment,
            State::BeforeKey if blank => State::BeforeKey,
            State::BeforeKey => {
                key.push(c);
                State::Key
            }
            State::Key if line_end => {
                key.clear();
                State::BeforeKey
            }
            State::Key if c == '=' => {
                kept = 0;
                State::BeforeValue
            }
            State::Key => {
                key.push(c);
                State::Key
            }
            State::BeforeValue if line_end => {
                put(&mut key, &mut value);
                State::BeforeKey
            }
            State::BeforeValue if c == '\'' => State::Single,
            State::BeforeValue if c == '"' => State::Double,
            State::BeforeValue if c == '\\' => State::Escape,
            State::BeforeValue if blank => State::BeforeValue,
            State::BeforeValue => {
                value.push(c);
                kept = value.len();
                State::Value
            }
            State::Value if line_end => {
                value.truncate(kept);
                put(&mut key, &mut value);
                State::BeforeKey
            }
            State::Value if c == '\\' => {
                kept = value.len();
                State::Escape
            }
            State::Value => {
                value.push(c);
                if !blank {
                    kept = value.len();
                }
                State::Value
            }
            State::Escape => {
                if !line_end {
                    value.push(c);
                }
                kept = value.len();
                State::Value
            }
            State::Single if c == '\'' => State::BeforeValue,
            State::Double if c == '"' => State::BeforeValue,
            State::Double if c == '\\' => State::DoubleEscape,
            State::Single => {
                value.push(c);
                State::Single
            }
            State::Double => {
                value.push(c);
                State::Double
            }
            State::DoubleEscape => {
                if "\"\\`$".contains(c) {
                    value.push(c);
                } else if c != '\n' {
                    value.extend(['\\', c]);
                }
                State::Double
            }
            State::Comment if c == '\\' => State::CommentEscape,
            State::Comment | State::CommentEscape if line_end => State::BeforeKey,
            State::Comment | State::CommentEscape => State::Comment,
        };
    }
    match state {
        State::BeforeKey | State::Key | State::Comment | State::CommentEscape => (),
        State::Value => {
            value.truncate(kept);
            put(&mut key, &mut value);
        }
        _ => put(&mut key, &mut value),
    }
    found
}
