//! Command lines of units: prefixes, quotes, escapes, and the variables that systemd puts in.
//!
//! Source: `systemd.service(5)`, "Command lines"; `extract-word.c` and `env-util.c` of systemd 252.

/// One command of a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Command {
    /// Characters before the program, as in `-@:+!`.
    pub(super) prefixes: String,
    /// The program and its arguments; variables are still in them.
    pub(super) words: Vec<String>,
}

impl Command {
    pub(super) fn has(&self, prefix: char) -> bool {
        self.prefixes.contains(prefix)
    }
}

/// The words of a value, quotes and escapes taken off. `None` if a quote is never closed: systemd leaves
/// such a line out.
pub(super) fn words(value: &str) -> Option<Vec<String>> {
    split(value).map(|words| words.into_iter().map(|(word, _)| word).collect())
}

/// What a word is to a line of commands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Word,
    /// A bare `;`.
    Separator,
    /// `\;`, without quotes: the word `;`.
    Semicolon,
}

impl Mark {
    /// By the first characters of the line that is left, as systemd tells it: quotes and escapes are not taken off yet.
    fn of(chars: &std::iter::Peekable<std::str::Chars<'_>>) -> Self {
        let mut ahead = chars.clone();
        let is_escaped = ahead.next_if_eq(&'\\').is_some();
        let is_alone =
            ahead.next() == Some(';') && ahead.next().is_none_or(|c| c.is_ascii_whitespace());
        match (is_alone, is_escaped) {
            (true, false) => Self::Separator,
            (true, true) => Self::Semicolon,
            (false, _) => Self::Word,
        }
    }
}

/// Each word, and what it is to a line of commands.
fn split(value: &str) -> Option<Vec<(String, Mark)>> {
    let mut words = Vec::new();
    let mut chars = value.chars().peekable();
    loop {
        while chars.next_if(char::is_ascii_whitespace).is_some() {}
        if chars.peek().is_none() {
            return Some(words);
        }
        let mark = Mark::of(&chars);
        let (mut word, mut quote) = (String::new(), None);
        while let Some(c) = chars.next_if(|c| quote.is_some() || !c.is_ascii_whitespace()) {
            match (quote, c) {
                (Some(open), c) if c == open => quote = None,
                (None, '"' | '\'') => quote = Some(c),
                (_, '\\') => escape(&mut chars, &mut word),
                (_, c) => word.push(c),
            }
        }
        if quote.is_some() {
            return None;
        }
        words.push((word, mark));
    }
}

/// What a backslash stands for; one that means nothing is itself.
fn escape(chars: &mut std::iter::Peekable<std::str::Chars<'_>>, word: &mut String) {
    let rest = chars.clone();
    let digits = |count: usize, radix: u32| {
        let ahead: String = rest.clone().skip(1).take(count).collect();
        let ok = ahead.len() == count && ahead.chars().all(|c| c.is_digit(radix));
        ok.then(|| u32::from_str_radix(&ahead, radix).ok().and_then(char::from_u32))?
    };
    let (plain, coded) = match chars.peek() {
        Some('a') => (Some('\u{7}'), None),
        Some('b') => (Some('\u{8}'), None),
        Some('f') => (Some('\u{c}'), None),
        Some('n') => (Some('\n'), None),
        Some('r') => (Some('\r'), None),
        Some('t') => (Some('\t'), None),
        Some('v') => (Some('\u{b}'), None),
        Some('s') => (Some(' '), None),
        Some(c @ ('\\' | '"' | '\'')) => (Some(*c), None),
        Some('x') => (None, digits(2, 16).map(|c| (c, 3))),
        Some('u') => (None, digits(4, 16).map(|c| (c, 5))),
        Some('U') => (None, digits(8, 16).map(|c| (c, 9))),
        Some('0'..='3') => {
            let ahead: String = chars.clone().take(3).collect();
            let code = u32::from_str_radix(&ahead, 8).ok().filter(|_| ahead.len() == 3);
            (None, code.and_then(char::from_u32).map(|c| (c, 3)))
        }
        _ => (None, None),
    };
    let (c, taken) = match (plain, coded) {
        (Some(c), _) => (c, 1),
        (None, Some((c, taken))) if c != '\0' => (c, taken),
        _ => ('\\', 0),
    };
    word.push(c);
    for _ in 0..taken {
        chars.next();
    }
}

/// The commands of a line. `None` if it cannot be read.
pub(super) fn commands(value: &str) -> Option<Vec<Command>> {
    let mut commands = Vec::new();
    let mut words = split(value)?.into_iter().peekable();
    while words.peek().is_some() {
        let mut command = Command::default();
        for (word, mark) in words.by_ref() {
            match mark {
                Mark::Separator => break,
                Mark::Semicolon => command.words.push(";".to_owned()),
                Mark::Word => command.words.push(word),
            }
        }
        let Some(first) = command.words.first_mut() else { continue };
        let program = first.trim_start_matches(['-', '@', ':', '+', '!', '|']).to_owned();
        let prefixes = first.strip_suffix(program.as_str()).unwrap_or_default();
        prefixes.clone_into(&mut command.prefixes);
        first.clone_from(&program);
        if !program.is_empty() {
            commands.push(command);
        }
    }
    Some(commands)
}

/// A part of a word as systemd sees it when it starts the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Text(String),
    /// `${NAME}`: the value as it is.
    Value(String),
    /// A word that is `$NAME`: as many words as the value has.
    Words(String),
}

/// The parts of an argument.
pub(super) fn parts(word: &str) -> Vec<Part> {
    if let Some(name) =
        word.strip_prefix('$').filter(|it| !it.starts_with(['{', '$']) && !it.is_empty())
    {
        return vec![Part::Words(name.to_owned())];
    }
    let mut parts = Vec::new();
    let mut text = String::new();
    let mut rest = word;
    while let Some(at) = rest.find('$') {
        let (before, after) = rest.split_at(at);
        text.push_str(before);
        let named = after.strip_prefix("${").and_then(|it| it.split_once('}'));
        if let Some(after) = after.strip_prefix("$$") {
            text.push('$');
            rest = after;
        } else if let Some((name, after)) = named.filter(|(name, _)| is_name(name)) {
            if !text.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut text)));
            }
            parts.push(Part::Value(name.to_owned()));
            rest = after;
        } else {
            text.push('$');
            rest = after.get(1..).unwrap_or_default();
        }
    }
    text.push_str(rest);
    if !text.is_empty() || parts.is_empty() {
        parts.push(Part::Text(text));
    }
    parts
}

pub(super) fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_systemd() {
        for (value, expected) in [
            ("a  b\tc", vec!["a", "b", "c"]),
            (r#""two words" 'it''s' a"b c"d"#, vec!["two words", "its", "ab cd"]),
            (r"a\x20b \t \q \101", vec!["a b", "\t", r"\q", "A"]),
            (r#""say \"x\"" '' "#, vec![r#"say "x""#, ""]),
        ] {
            assert_eq!(words(value).unwrap(), expected, "{value}");
        }
        assert_eq!(words("\"open"), None);
    }

    #[test]
    fn prefixes_and_semicolons_are_no_words() {
        let found = commands(r#"-@/bin/a x ; +/bin/b \; y ';' "\\;" \\; \;;"#).unwrap();
        assert_eq!(found[0].prefixes, "-@");
        assert_eq!(found[0].words, ["/bin/a", "x"]);
        assert_eq!(found[1].prefixes, "+");
        assert_eq!(found[1].words, ["/bin/b", ";", "y", ";", "\\;", "\\;", "\\;;"]);
    }

    #[test]
    fn only_what_systemd_replaces_is_a_variable() {
        assert_eq!(parts("$A"), [Part::Words("A".into())]);
        assert_eq!(parts("${A}"), [Part::Value("A".into())]);
        let expected = [Part::Text("x".into()), Part::Value("A".into()), Part::Text("$y".into())];
        assert_eq!(parts("x${A}$$y"), expected);
        assert_eq!(parts("x$A"), [Part::Text("x$A".into())]);
        assert_eq!(parts(""), [Part::Text(String::new())]);
    }
}
