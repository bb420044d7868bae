//! What a shell script says that it will run, as far as that shows without a shell. Rules of thumb:
//! only what stands outside of every condition and holds no variable is taken at its word, and reading
//! ends where that can no longer be said.

/// A simple command.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Command {
    /// Counted from 1.
    pub(super) line: u32,
    pub(super) words: Vec<Word>,
    /// The files that its output is to go to.
    pub(super) outputs: Vec<Word>,
    /// `&` follows.
    pub(super) in_background: bool,
}

/// A word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) text: String,
    /// It says what it says: no variable, no pattern, no command in it.
    pub(super) is_plain: bool,
}

/// Words that begin what is not followed further.
const COMPOUND: [&str; 16] = [
    "if", "for", "while", "until", "case", "select", "function", "{", "(", "!", "[[", "eval",
    "return", "exit", "alias", "set",
];

/// The simple commands that are reached whatever happens before them.
pub(super) fn commands(text: &str) -> Vec<Command> {
    let mut all = Vec::new();
    let mut number = 0_u32;
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        number += 1;
        let start = number;
        let mut whole = line.to_owned();
        while whole.ends_with('\\') {
            whole.pop();
            let Some(next) = lines.next() else { break };
            number += 1;
            whole.push(' ');
            whole.push_str(next);
        }
        let Some(parts) = split(&whole) else { return all };
        let mut parts = parts.into_iter().peekable();
        while let Some(part) = parts.next() {
            let Some(first) = part.words.first() else { continue };
            // `cd a || cd b`: which of them it is does not show.
            let next = parts.peek().and_then(|it| it.words.first());
            let gives_up = next.is_none_or(|it| ENDS.contains(&it.text.as_str()));
            if first.text == "cd" && part.is_conditional_next && !gives_up {
                return all;
            }
            let is_set = first.text == "set" && first.is_plain;
            if is_set && part.words.len() == 2 {
                continue; // `set -e` and its kin change nothing here.
            }
            if COMPOUND.contains(&first.text.as_str()) || first.text.ends_with("()") {
                return all;
            }
            all.push(Command {
                line: start,
                words: part.words,
                outputs: part.outputs,
                in_background: part.in_background,
            });
            if part.is_conditional_next {
                break;
            }
        }
    }
    all
}

/// What a script says that goes no further.
const ENDS: [&str; 6] = ["exit", "return", "die", "fail", "fatal", "{"];

struct Part {
    words: Vec<Word>,
    outputs: Vec<Word>,
    in_background: bool,
    /// What follows depends on how this ends.
    is_conditional_next: bool,
}

/// A line in simple commands; `None` where it cannot be read: here documents, quotes over lines.
fn split(line: &str) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    let mut words: Vec<Word> = Vec::new();
    let mut outputs: Vec<Word> = Vec::new();
    let mut word: Option<Word> = None;
    let mut next_is_of: Option<char> = None;
    let mut chars = line.chars().peekable();
    let mut end_word = |word: &mut Option<Word>, words: &mut Vec<Word>, outputs: &mut Vec<Word>| {
        let Some(done) = word.take() else { return };
        let target_of = next_is_of.take();
        if let (Some(at), true) = (done.text.rfind(['<', '>']), done.is_plain) {
            // A redirection; what it names may follow it.
            let (before, file) = done.text.split_at(at + 1);
            let direction = before.chars().next_back();
            if file.is_empty() {
                next_is_of = direction;
            } else if direction == Some('>') && !file.starts_with('&') && !before.ends_with("<>") {
                outputs.push(Word { text: file.to_owned(), is_plain: true });
            }
        } else if target_of.is_none() {
            words.push(done);
        } else if target_of == Some('>') {
            outputs.push(done);
        }
    };
    let plain = || Word { text: String::new(), is_plain: true };
    while let Some(next) = chars.next() {
        match next {
            ' ' | '\t' => end_word(&mut word, &mut words, &mut outputs),
            '#' if word.is_none() => break,
            '\'' => {
                let it = word.get_or_insert_with(plain);
                loop {
                    match chars.next()? {
                        '\'' => break,
                        other => it.text.push(other),
                    }
                }
            }
            '"' => {
                let it = word.get_or_insert_with(plain);
                loop {
                    match chars.next()? {
                        '"' => break,
                        '\\' => it.text.push(chars.next()?),
                        other => {
                            it.is_plain &= !matches!(other, '$' | '`');
                            it.text.push(other);
                        }
                    }
                }
            }
            '\\' => word.get_or_insert_with(plain).text.push(chars.next()?),
            '<' if chars.peek() == Some(&'<') => return None,
            ';' | '|' | '&' => {
                let is_redirection =
                    next == '&' && word.as_ref().is_some_and(|it| it.text.ends_with(['>', '<']));
                if is_redirection {
                    word.get_or_insert_with(plain).text.push(next);
                    continue;
                }
                if next == '&' && chars.peek() == Some(&'>') {
                    word.get_or_insert_with(plain).text.push(next);
                    continue;
                }
                end_word(&mut word, &mut words, &mut outputs);
                let is_double = chars.peek() == Some(&next);
                if is_double {
                    chars.next();
                }
                let in_background = next == '&' && !is_double;
                let is_conditional_next = next == '|' || (next == '&' && is_double);
                if next == ';' && is_double {
                    return None;
                }
                let (words, outputs) = (std::mem::take(&mut words), std::mem::take(&mut outputs));
                parts.push(Part { words, outputs, in_background, is_conditional_next });
            }
            other => {
                let it = word.get_or_insert_with(plain);
                it.is_plain &=
                    !matches!(other, '$' | '`' | '*' | '?' | '[' | '{' | '(' | ')' | '~');
                it.text.push(other);
            }
        }
    }
    end_word(&mut word, &mut words, &mut outputs);
    parts.push(Part { words, outputs, in_background: false, is_conditional_next: false });
    Some(parts)
}

/// What an `exec` comes to behind those who prepare it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Exec {
    /// Each program on the way, by the word for it.
    pub(super) programs: Vec<String>,
    pub(super) users: Vec<String>,
    pub(super) groups: Vec<String>,
    /// Directories of variables (`envdir`).
    pub(super) directories: Vec<String>,
    /// The way was followed to its end.
    pub(super) is_whole: bool,
}

/// Reads the words behind `exec`. `None` for one that only redirects.
pub(super) fn exec(words: &[Word]) -> Option<Exec> {
    let mut found = Exec::default();
    let mut rest = words.iter().peekable();
    rest.peek()?;
    while let Some(word) = rest.next() {
        let is_option = found.programs.is_empty() && word.text.starts_with('-');
        if is_option || !word.is_plain || word.text.is_empty() {
            return Some(found);
        }
        found.programs.push(word.text.clone());
        let name = word.text.rsplit('/').next().unwrap_or_default();
        // Options that take a word of their own, by their letters.
        let (with_word, arguments): (&str, usize) = match name {
            "chpst" => ("uUbe/CnlLmdopfcrt", 0),
            "softlimit" | "s6-softlimit" => ("acdflmoprst", 0),
            "pgrphack" | "nohup" => ("", 0),
            "nice" => ("n", 0),
            "ionice" => ("cn", 0),
            "setuidgid" | "s6-setuidgid" | "envuidgid" | "s6-envuidgid" | "envdir"
            | "s6-envdir" | "setlock" | "s6-setlock" => ("", 1),
            _ => {
                found.is_whole = true;
                return Some(found);
            }
        };
        let mut is_elsewhere = name.ends_with("envdir");
        while let Some(option) = rest.next_if(|it| it.text.starts_with('-') && it.text.len() > 1) {
            if !option.is_plain || option.text == "--" || option.text.starts_with("--") {
                return Some(found);
            }
            let letters = &option.text[1..];
            let Some(at) = letters.find(|it| with_word.contains(it)) else { continue };
            let (letter, behind) = (letters[at..].chars().next()?, &letters[at + 1..]);
            let value = if behind.is_empty() {
                let Some(value) = rest.next() else { return Some(found) };
                value.clone()
            } else {
                Word { text: behind.to_owned(), is_plain: option.is_plain }
            };
            if name == "chpst" && letter == 'u' && value.is_plain {
                found.account(&value.text);
            }
            if name == "chpst" && letter == 'e' && value.is_plain {
                found.directories.push(value.text.clone());
            }
            // Another root, directory or environment: what follows is not looked for here.
            is_elsewhere |= name == "chpst" && matches!(letter, 'e' | '/' | 'C');
        }
        for _ in 0..arguments {
            let Some(value) = rest.next() else { return Some(found) };
            if name.ends_with("uidgid") && value.is_plain {
                found.account(&value.text);
            }
            if name.ends_with("envdir") && value.is_plain {
                found.directories.push(value.text.clone());
            }
        }
        if is_elsewhere {
            return Some(found);
        }
    }
    Some(found)
}

impl Exec {
    /// `user`, `user:group:group`, `:uid:gid`; numbers need no entry.
    fn account(&mut self, text: &str) {
        if text.starts_with(':') {
            return;
        }
        let is_name = |it: &&str| !it.is_empty() && !it.bytes().all(|it| it.is_ascii_digit());
        let mut parts = text.split(':');
        self.users.extend(parts.next().filter(is_name).map(str::to_owned));
        self.groups.extend(parts.filter(is_name).map(str::to_owned));
    }
}

/// A variable that ends a script where it is not set, and the line that asks for it: `${NAME:?}`, and
/// any where `set -u` holds. Only in commands that are reached whatever happens, only one that the script
/// sets nowhere, and of none that a shell sets by itself.
pub(super) fn needed(text: &str, commands: &[Command]) -> Vec<(u32, String)> {
    const OWN: [&str; 14] = [
        "PWD", "OLDPWD", "IFS", "PPID", "OPTIND", "OPTARG", "LINENO", "RANDOM", "SECONDS", "SHLVL",
        "UID", "EUID", "HOSTNAME", "PATH",
    ];
    let takes_others = |word: &str| {
        matches!(word, "." | "source" | "eval" | "getopts" | "read") || word.ends_with("envdir")
    };
    if text.split_whitespace().any(takes_others) || text.contains("chpst -e") {
        return Vec::new();
    }
    let is_strict = text.lines().any(|line| {
        let mut words = line.split_whitespace();
        let first = words.next().unwrap_or_default();
        let says_u = |it: &str| it.starts_with('-') && it.contains('u');
        (first == "set" || first.starts_with("#!")) && words.any(|it| says_u(it) || it == "nounset")
    });
    let is_set = |name: &str| {
        let sets = [format!("{name}="), format!("{name}:="), format!("for {name} ")];
        sets.iter().any(|it| text.contains(it.as_str()))
    };
    let mut all = Vec::new();
    for command in commands {
        for word in command.words.iter().filter(|word| !word.is_plain) {
            for part in word.text.split('$').skip(1) {
                let inner = part.strip_prefix('{');
                let rest = inner.unwrap_or(part);
                let end = rest.find(|it: char| !it.is_ascii_alphanumeric() && it != '_');
                let (name, after) = rest.split_at(end.unwrap_or(rest.len()));
                let is_name = name.starts_with(|it: char| it.is_ascii_alphabetic() || it == '_');
                let asks = inner.is_some() && (after.starts_with(":?") || after.starts_with('?'));
                let is_bare = inner.is_none() || after.starts_with('}');
                let ends_it = asks || (is_strict && is_bare);
                if is_name && ends_it && !OWN.contains(&name) && !is_set(name) {
                    all.push((command.line, name.to_owned()));
                }
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(u32, Vec<String>, bool)> {
        let words = |it: &Command| it.words.iter().map(|it| it.text.clone()).collect();
        commands(text).iter().map(|it| (it.line, words(it), it.in_background)).collect()
    }

    fn of(text: &str) -> Option<Exec> {
        let all = commands(text);
        let found = all.iter().find(|it| it.words[0].text == "exec")?;
        exec(&found.words[1..])
    }

    #[test]
    fn only_what_is_reached_whatever_happens_is_read() {
        let all = read("#!/bin/sh\nset -e\ncd /srv || exit 1\nexec 2>&1\nexec prog -a 'b c' &\n");
        let words = |all: &[&str]| all.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        assert_eq!(all[0], (3, words(&["cd", "/srv"]), false));
        assert_eq!(all[1], (4, words(&["exec"]), false));
        assert_eq!(all[2], (5, words(&["exec", "prog", "-a", "b c"]), true));
        for not_read in [
            "if true; then\nexec prog\nfi",
            "test -x prog && exec prog",
            "cat <<X\nexec prog\nX",
            "f() {\nexec prog\n}",
            "case $1 in a) exec prog;; esac",
            "echo 'over\nlines'\nexec prog",
            "exit 0\nexec prog",
        ] {
            assert_eq!(of(not_read), None, "{not_read}");
        }
    }

    #[test]
    fn files_that_output_goes_to_are_told_apart_from_words() {
        let outputs = |text: &str| -> Vec<String> {
            let all = commands(text);
            all.iter().flat_map(|it| it.outputs.iter().map(|it| it.text.clone())).collect()
        };
        assert_eq!(outputs("exec >>/var/log/web 2>&1"), ["/var/log/web"]);
        assert_eq!(outputs("exec server > out 2> err </dev/null"), ["out", "err"]);
        assert_eq!(outputs("exec 2>&1"), [""; 0]);
        assert_eq!(outputs("exec server >&2 <in"), [""; 0]);
        assert_eq!(of("exec server > out -p").unwrap().programs, ["server"]);
    }

    #[test]
    fn a_directory_that_may_be_another_ends_the_reading() {
        for not_read in ["cd /a || cd /b\nexec ./x", "cd /a 2>/dev/null || true\nexec ./x"] {
            assert_eq!(of(not_read), None, "{not_read}");
        }
        for read in ["cd /a || exit 1\nexec ./x", "cd /a || { echo no; exit 1; }\nexec ./x"] {
            assert!(of(read).is_some(), "{read}");
        }
    }

    #[test]
    fn a_variable_that_ends_a_script_is_named() {
        let names = |text: &str| -> Vec<String> {
            needed(text, &commands(text)).into_iter().map(|(_, name)| name).collect()
        };
        assert_eq!(names("#!/bin/sh\nexec server ${PORT:?no port}"), ["PORT"]);
        assert_eq!(names("#!/bin/sh -eu\nexec server \"$PORT\" $HOST"), ["PORT", "HOST"]);
        assert_eq!(names("set -eu\n: ${A?}\nexec server"), ["A"]);
        for none in [
            "exec server $PORT",
            "set -u\nPORT=80\nexec server $PORT",
            "set -u\nexec server ${PORT:-80} '$HOST' $1 $# $PATH",
            "set -u\n. ./conf\nexec server $PORT",
            "set -e\nexec server $PORT",
            "if x; then exec server ${PORT:?}; fi",
            "exec envdir env sh -c 'echo ${PORT:?}'",
            "set -u\nfor PORT in 1 2; do :; done\nexec server $PORT",
        ] {
            assert_eq!(names(none), [""; 0], "{none}");
        }
    }

    #[test]
    fn an_exec_is_followed_behind_those_who_prepare_it() {
        let found = of("exec chpst -u www:adm -o 100 \\\n /opt/web/server -p 80 2>&1").unwrap();
        assert_eq!(found.programs, ["chpst", "/opt/web/server"]);
        assert_eq!((found.users, found.groups), (vec!["www".into()], vec!["adm".into()]));
        let found = of("exec setuidgid www softlimit -m 100 server >/dev/null").unwrap();
        assert_eq!(found.programs, ["setuidgid", "softlimit", "server"]);
        let found = of("exec chpst -u :100:100 $PROGRAM").unwrap();
        assert_eq!((found.programs, found.is_whole), (vec!["chpst".into()], false));
        let found = of("exec chpst -e ./env -u www server").unwrap();
        assert_eq!((found.programs, found.users), (vec!["chpst".into()], vec!["www".into()]));
        assert_eq!(of("exec 2>&1"), None);
        assert_eq!(of("exec \"$@\"").unwrap().programs, [""; 0]);
    }
}
