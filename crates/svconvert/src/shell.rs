//! Lines of `sh`: the words of a plain command, and a command line of words.

/// A command in which nothing but quotes and assignments before it means anything to a shell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Plain {
    /// Variables for this command, in their order.
    pub(crate) env: Vec<(String, String)>,
    /// The program and its arguments.
    pub(crate) words: Vec<String>,
}

/// A word without its quotes.
#[derive(Default)]
struct Word {
    text: String,
    is_quoted: bool,
    /// A variable without quotes is in it.
    has_value: bool,
    /// Where the first `=` is that no quote is before.
    assigns_at: Option<usize>,
    has_tilde: bool,
}

/// A plain command; `None` for any other line: it takes a shell.
pub(crate) fn plain(line: &str) -> Option<Plain> {
    plain_with(line, &|_| None)
}

/// The same where a script has set variables before: the value of each that is known.
pub(crate) fn plain_with<'a>(line: &str, value: &dyn Fn(&str) -> Option<&'a str>) -> Option<Plain> {
    let mut plain = Plain::default();
    for word in words(line, value)? {
        if plain.words.is_empty() {
            if let Some((name, value)) = word.assignment() {
                if word.has_tilde {
                    return None;
                }
                plain.env.push((name.to_owned(), value.to_owned()));
                continue;
            }
            if (!word.is_quoted || word.has_value) && means_something(&word.text) {
                return None;
            }
        }
        plain.words.push(word.text);
    }
    (!plain.words.is_empty()).then_some(plain)
}

impl Word {
    fn assignment(&self) -> Option<(&str, &str)> {
        let at = self.assigns_at?;
        let (name, value) = (self.text.get(..at)?, self.text.get(at + 1..)?);
        crate::env_file::is_name(name).then_some((name, value))
    }
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

fn words<'a>(line: &str, value: &dyn Fn(&str) -> Option<&'a str>) -> Option<Vec<Word>> {
    let mut words = Vec::new();
    let mut chars = line.trim().chars().peekable();
    while chars.peek().is_some() {
        while chars.next_if(|c| matches!(c, ' ' | '\t')).is_some() {}
        let mut word: Option<Word> = None;
        while let Some(c) = chars.next_if(|c| !matches!(c, ' ' | '\t')) {
            if c == '$' {
                split(value(&variable(&mut chars)?)?, &mut word, &mut words)?;
            } else {
                one(c, &mut chars, value, word.get_or_insert_default())?;
            }
        }
        words.extend(word);
    }
    Some(words)
}

/// The name in `$NAME` and `${NAME}`, whose `$` is read already.
fn variable(chars: &mut Chars<'_>) -> Option<String> {
    let is_closed = chars.next_if_eq(&'{').is_some();
    let mut name = String::new();
    while let Some(c) = chars.next_if(|c| c.is_ascii_alphanumeric() || *c == '_') {
        name.push(c);
    }
    if is_closed {
        chars.next_if_eq(&'}')?;
    }
    crate::env_file::is_name(&name).then_some(name)
}

/// A value that no quotes are around, which a shell takes apart at blanks and compares with the names of files.
fn split(value: &str, word: &mut Option<Word>, words: &mut Vec<Word>) -> Option<()> {
    let is_blank = |c: char| matches!(c, ' ' | '\t' | '\n');
    // Shells differ in whether they do so after `=`.
    let assigns = word.as_ref().is_some_and(|it| it.assigns_at.is_some());
    if value.contains(['*', '?', '[', '\\']) || assigns && value.contains(is_blank) {
        return None;
    }
    for c in value.chars() {
        if is_blank(c) {
            words.extend(word.take());
        } else {
            let word = word.get_or_insert_default();
            word.text.push(c);
            // What is put in assigns nothing.
            (word.is_quoted, word.has_value) = (true, true);
        }
    }
    Some(())
}

/// A character that begins something; `None` where that means something to a shell.
fn one<'a>(
    c: char,
    chars: &mut Chars<'_>,
    value: &dyn Fn(&str) -> Option<&'a str>,
    word: &mut Word,
) -> Option<()> {
    match c {
        '\'' => {
            word.is_quoted = true;
            loop {
                match chars.next()? {
                    '\'' => return Some(()),
                    c => word.text.push(c),
                }
            }
        }
        '"' => {
            word.is_quoted = true;
            loop {
                match chars.next()? {
                    '"' => return Some(()),
                    '`' => return None,
                    '$' => word.text.push_str(value(&variable(chars)?)?),
                    '\\' => match chars.next()? {
                        c @ ('"' | '\\' | '$' | '`') => word.text.push(c),
                        '\n' => (),
                        c => word.text.extend(['\\', c]),
                    },
                    c => word.text.push(c),
                }
            }
        }
        '\\' => match chars.next()? {
            '\n' => (),
            c => {
                word.is_quoted = true;
                word.text.push(c);
            }
        },
        '`' | '|' | '&' | ';' | '<' | '>' | '(' | ')' | '*' | '?' | '[' | '\n' | '\r' => {
            return None;
        }
        '#' | '~' if word.text.is_empty() => return None,
        c => {
            if c == '=' && !word.is_quoted && word.assigns_at.is_none() {
                word.assigns_at = Some(word.text.len());
            }
            word.has_tilde |= c == '~';
            word.text.push(c);
        }
    }
    Some(())
}

/// The commands of a line that stand one after the other: between `;`, and between `&&`, without a comment at the
/// end; `None` where quotes are open.
pub(crate) fn commands(line: &str) -> Option<Vec<&str>> {
    let (mut found, mut start) = (Vec::new(), 0);
    let mut chars = line.char_indices().peekable();
    let mut before = ' ';
    while let Some((at, c)) = chars.next() {
        match c {
            '\'' => {
                chars.find(|(_, c)| *c == '\'')?;
            }
            '"' => loop {
                match chars.next()?.1 {
                    '"' => break,
                    '\\' => drop(chars.next()?),
                    _ => (),
                }
            },
            '\\' => drop(chars.next()?),
            ';' => {
                found.push(line.get(start..at)?);
                start = at + 1;
            }
            '&' if chars.next_if(|(_, c)| *c == '&').is_some() => {
                found.push(line.get(start..at)?);
                start = at + 2;
            }
            '#' if before == ' ' || before == '\t' => {
                found.push(line.get(start..at)?);
                start = line.len();
                break;
            }
            _ => (),
        }
        before = c;
    }
    found.push(line.get(start..)?);
    Some(found.into_iter().map(str::trim).filter(|it| !it.is_empty()).collect())
}

/// Whether a first word is one of the shell's grammar, or a command that only a shell has.
fn means_something(word: &str) -> bool {
    let own = [
        "!", "{", "}", "case", "do", "done", "elif", "else", "esac", "fi", "for", "if", "in",
        "then", "until", "while", "[", ".", ":", "alias", "bg", "break", "cd", "command",
        "continue", "eval", "exec", "exit", "export", "fg", "getopts", "hash", "jobs", "local",
        "read", "readonly", "return", "set", "shift", "source", "time", "times", "trap", "type",
        "ulimit", "umask", "unalias", "unset", "wait",
    ];
    word.contains(['{', '}']) || own.contains(&word)
}

/// A word that a shell reads as itself.
pub(crate) fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// The words as a command line.
pub(crate) fn join<'a>(words: impl IntoIterator<Item = &'a String>) -> String {
    words.into_iter().map(|word| quote(word)).collect::<Vec<_>>().join(" ")
}

/// A line that takes a shell, as a program. The shell becomes the last program of the line.
pub(crate) fn by_shell(line: &str) -> Vec<String> {
    ["/bin/sh", "-c", line].map(str::to_owned).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain_words(line: &str) -> Option<Vec<String>> {
        plain(line).filter(|it| it.env.is_empty()).map(|it| it.words)
    }

    #[test]
    fn only_plain_commands_are_words() {
        for (line, expected) in [
            ("bin/rails server -p 80", vec!["bin/rails", "server", "-p", "80"]),
            (r#"nginx -g "daemon off;""#, vec!["nginx", "-g", "daemon off;"]),
            (r"a\ b 'c d'\''e' ''", vec!["a b", "c d'e", ""]),
            ("yarn build:css --watch", vec!["yarn", "build:css", "--watch"]),
            ("a b#c x=~ B=1", vec!["a", "b#c", "x=~", "B=1"]),
        ] {
            assert_eq!(plain_words(line).unwrap(), expected, "{line}");
        }
        for line in [
            "", "A=1 b", "a $B", "a \"$B\"", "a; b", "a && b", "a *.c", "a 'open", "exec a",
            "a # c", "cd x", "a > b", "~/x", "{a,b}", "a `b`",
        ] {
            assert_eq!(plain_words(line), None, "{line}");
        }
    }

    #[test]
    fn assignments_before_a_command_are_variables() {
        let it = plain("A=1 B='x y' C= run D=2").unwrap();
        let env = [("A", "1"), ("B", "x y"), ("C", "")].map(|(a, b)| (a.to_owned(), b.to_owned()));
        assert_eq!((it.env, it.words), (env.to_vec(), ["run", "D=2"].map(str::to_owned).to_vec()));
        for line in ["A=1", "A=$B run", "A=~/x run"] {
            assert_eq!(plain(line), None, "{line}");
        }
        assert_eq!(plain("'A'=1 run").unwrap().words, ["A=1", "run"]);
    }

    #[test]
    fn what_a_script_has_set_is_put_in() {
        let value = |name: &str| match name {
            "DIR" => Some("/srv/a b"),
            "OPTS" => Some(" -x  -y "),
            "N" => Some("8"),
            "E" => Some(""),
            "G" => Some("*.c"),
            _ => None,
        };
        for (line, expected) in [
            ("run -p $N", Some(vec!["run", "-p", "8"])),
            ("run \"$DIR/x\" ${N}80", Some(vec!["run", "/srv/a b/x", "880"])),
            ("run $OPTS z", Some(vec!["run", "-x", "-y", "z"])),
            ("run a${OPTS}b", Some(vec!["run", "a", "-x", "-y", "b"])),
            ("run $E \"$E\"", Some(vec!["run", ""])),
            ("run '$N' \\$N", Some(vec!["run", "$N", "$N"])),
            ("run $G", None),
            ("run \"$G\"", Some(vec!["run", "*.c"])),
            ("run $UNKNOWN", None),
            ("run ${N:-9}", None),
            ("run $1", None),
            ("run \"$@\"", None),
            ("run $(date)", None),
            ("A=$OPTS run", None),
        ] {
            let words = plain_with(line, &value).map(|it| it.words);
            let expected: Option<Vec<String>> =
                expected.map(|it| it.into_iter().map(str::to_owned).collect());
            assert_eq!(words, expected, "{line}");
        }
        assert_eq!(plain_with("A=\"$OPTS\" run", &value).unwrap().env[0].1, " -x  -y ");
    }

    #[test]
    fn a_line_is_taken_apart_into_its_commands() {
        for (line, expected) in [
            ("A=1; export A", vec!["A=1", "export A"]),
            ("cd /x && exec run # here", vec!["cd /x", "exec run"]),
            ("run 'a; b' \"c && d\" e#f \\;", vec!["run 'a; b' \"c && d\" e#f \\;"]),
            ("# nothing", vec![]),
            ("run &", vec!["run &"]),
            ("a || exit 1", vec!["a || exit 1"]),
        ] {
            assert_eq!(commands(line).unwrap(), expected, "{line}");
        }
        assert_eq!(commands("run 'a"), None);
    }

    #[test]
    fn words_are_quoted_for_a_shell() {
        let words = ["a", "b c", "it's", ""].map(str::to_owned);
        assert_eq!(join(&words), "a 'b c' 'it'\\''s' ''");
        let joined = join(&words);
        assert_eq!(plain_words(&joined).unwrap(), words);
    }
}
