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
    /// Where the first `=` is that no quote is before.
    assigns_at: Option<usize>,
    has_tilde: bool,
}

/// A plain command; `None` for any other line: it takes a shell.
pub(crate) fn plain(line: &str) -> Option<Plain> {
    let mut plain = Plain::default();
    for word in words(line)? {
        if plain.words.is_empty() {
            if let Some((name, value)) = word.assignment() {
                if word.has_tilde {
                    return None;
                }
                plain.env.push((name.to_owned(), value.to_owned()));
                continue;
            }
            if !word.is_quoted && means_something(&word.text) {
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

fn words(line: &str) -> Option<Vec<Word>> {
    let mut words = Vec::new();
    let mut chars = line.trim().chars().peekable();
    while chars.peek().is_some() {
        while chars.next_if(|c| matches!(c, ' ' | '\t')).is_some() {}
        let mut word: Option<Word> = None;
        while let Some(c) = chars.next_if(|c| !matches!(c, ' ' | '\t')) {
            one(c, &mut chars, word.get_or_insert_default())?;
        }
        words.extend(word);
    }
    Some(words)
}

/// A character that begins something; `None` where that means something to a shell.
fn one(
    c: char,
    chars: &mut std::iter::Peekable<std::str::Chars<'_>>,
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
                    '$' | '`' => return None,
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
        '$' | '`' | '|' | '&' | ';' | '<' | '>' | '(' | ')' | '*' | '?' | '[' | '\n' | '\r' => {
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
    fn words_are_quoted_for_a_shell() {
        let words = ["a", "b c", "it's", ""].map(str::to_owned);
        assert_eq!(join(&words), "a 'b c' 'it'\\''s' ''");
        let joined = join(&words);
        assert_eq!(plain_words(&joined).unwrap(), words);
    }
}
