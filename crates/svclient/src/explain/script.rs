//! What a shell script says that it will run, as far as that shows without a shell. Rules of thumb:
//! only what stands outside of every condition and holds no variable is taken at its word, and reading
//! ends where that can no longer be said.

/// A simple command.
#[expect(clippy::struct_excessive_bools, reason = "facts, each on its own")]
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Command {
    /// Counted from 1.
    pub(super) line: u32,
    pub(super) words: Vec<Word>,
    /// The files that its output is to go to.
    pub(super) outputs: Vec<Word>,
    /// The files that its input is to come from.
    pub(super) inputs: Vec<Word>,
    /// `&` follows.
    pub(super) in_background: bool,
    /// Something follows that depends on how it ends.
    pub(super) is_tested: bool,
    /// Nothing follows it, or nothing that is not read.
    pub(super) is_last: bool,
    /// A program in a chain of execline: `exec` before it is not written, and others follow it.
    pub(super) is_link: bool,
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
    if read(text, &mut all).is_some() {
        if let Some(last) = all.last_mut() {
            last.is_last = true;
        }
    }
    all
}

/// `None` where the rest was not read.
fn read(text: &str, all: &mut Vec<Command>) -> Option<()> {
    let mut number = 0_u32;
    let mut known: Vec<(String, String)> = Vec::new();
    // What another file sets is not known.
    let is_alone =
        !text.split_whitespace().any(|it| matches!(it, "." | "source" | "read" | "eval"));
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
        let whole = filled_in(whole, &known);
        if whole.trim_start().starts_with("if ") {
            // What only sets variables, or reads them from a file, changes nothing of what follows it.
            let (more, reads) = past_condition(&whole, &mut lines)?;
            number += more;
            if reads {
                let words = vec![Word { text: ".".to_owned(), is_plain: true }];
                all.push(Command { line: start, words, ..Command::default() });
            }
            continue;
        }
        let parts = split(&whole)?;
        let mut parts = parts.into_iter().peekable();
        while let Some(mut part) = parts.next() {
            let is_set = |word: &Word| word.is_plain && assignment(&word.text).is_some();
            while part.words.len() > 1 && part.words.first().is_some_and(is_set) {
                part.words.remove(0);
            }
            let Some(first) = part.words.first() else { continue };
            if let ([only], true, false) = (&*part.words, is_alone, part.is_conditional_next) {
                let set = assignment(&only.text).filter(|_| only.is_plain);
                known.extend(
                    set.filter(|(name, value)| is_set_once(text, name) && is_simple(value)),
                );
            }
            // `cd a || cd b`: which of them it is does not show.
            let next = parts.peek().and_then(|it| it.words.first());
            let gives_up = next.is_none_or(|it| ENDS.contains(&it.text.as_str()));
            let goes_on = first.text == "cd" && part.is_and;
            if first.text == "cd" && part.is_conditional_next && !gives_up && !goes_on {
                return None;
            }
            let is_set = first.text == "set" && first.is_plain;
            if is_set && part.words.len() == 2 {
                continue; // `set -e` and its kin change nothing here.
            }
            if COMPOUND.contains(&first.text.as_str()) || first.text.ends_with("()") {
                return None;
            }
            all.push(Command {
                line: start,
                words: part.words,
                outputs: part.files.outputs,
                inputs: part.files.inputs,
                in_background: part.in_background,
                is_tested: part.is_conditional_next,
                ..Command::default()
            });
            if part.is_conditional_next && !goes_on {
                break;
            }
        }
    }
    Some(())
}

/// `NAME=VALUE` of a shell.
fn assignment(word: &str) -> Option<(String, String)> {
    let (name, value) = word.split_once('=')?;
    let is_name =
        !name.is_empty() && name.chars().all(|it| it.is_ascii_alphanumeric() || it == '_');
    is_name.then(|| (name.to_owned(), value.to_owned()))
}

fn is_set_once(text: &str, name: &str) -> bool {
    text.matches(&format!("{name}=")).count() == 1 && !text.contains(&format!("for {name} "))
}

/// A value that is one word wherever it stands.
fn is_simple(value: &str) -> bool {
    !value.is_empty()
        && value.chars().all(|it| it.is_ascii_alphanumeric() || "-_./@+:,".contains(it))
}

/// A line with the values that are known by then in the place of their names.
fn filled_in(line: String, known: &[(String, String)]) -> String {
    if !line.contains('$') || line.contains(['\'', '\\']) {
        return line;
    }
    let mut line = line;
    for (name, value) in known {
        line = line.replace(&format!("${{{name}}}"), value);
        let sign = format!("${name}");
        let mut from = 0;
        while let Some(at) = line.get(from..).and_then(|it| it.find(&sign)).map(|at| from + at) {
            let end = at + sign.len();
            let next = line.get(end..).and_then(|it| it.chars().next());
            if next.is_some_and(|it| it.is_ascii_alphanumeric() || it == '_') {
                from = end;
            } else {
                line.replace_range(at..end, value);
                from = at + value.len();
            }
        }
    }
    line
}

/// How many more lines an `if` has, and whether it reads another file; `None` where what follows depends on it.
fn past_condition(first: &str, lines: &mut std::str::Lines<'_>) -> Option<(u32, bool)> {
    let (mut depth, mut more, mut reads) = (0_u32, 0, false);
    let mut line = first;
    loop {
        let mut is_over = false;
        for word in line.split([' ', '\t', ';']).filter(|it| !it.is_empty()) {
            match word {
                _ if is_over => return None,
                "if" => depth += 1,
                "fi" => depth = depth.checked_sub(1)?,
                "." | "source" => reads = true,
                "cd" | "set" | "exec" | "exit" | "return" | "eval" | "shift" | "trap" => {
                    return None;
                }
                _ if word.starts_with('#') => break,
                _ if word.contains("<<") || word.ends_with("()") => return None,
                _ => {}
            }
            is_over = depth == 0;
        }
        if depth == 0 {
            return Some((more, reads));
        }
        line = lines.next()?;
        more += 1;
    }
}

/// What a script says that goes no further.
const ENDS: [&str; 6] = ["exit", "return", "die", "fail", "fatal", "{"];

/// What its redirections name.
#[derive(Default)]
struct Files {
    outputs: Vec<Word>,
    inputs: Vec<Word>,
}

impl Files {
    fn of(&mut self, direction: Option<char>) -> &mut Vec<Word> {
        if direction == Some('>') { &mut self.outputs } else { &mut self.inputs }
    }
}

#[derive(Default)]
struct Part {
    words: Vec<Word>,
    files: Files,
    in_background: bool,
    /// What follows depends on how this ends.
    is_conditional_next: bool,
    /// It follows where this ends well.
    is_and: bool,
}

/// A line in simple commands; `None` where it cannot be read: here documents, quotes over lines.
fn split(line: &str) -> Option<Vec<Part>> {
    let mut parts = Vec::new();
    let mut words: Vec<Word> = Vec::new();
    let mut files = Files::default();
    let mut word: Option<Word> = None;
    let mut next_is_of: Option<char> = None;
    let mut chars = line.chars().peekable();
    // Where the word has a `<` or `>` that no quotes are around.
    let operator = std::cell::Cell::new(None);
    let mut end_word = |word: &mut Option<Word>, words: &mut Vec<Word>, files: &mut Files| {
        let operator = operator.take();
        let Some(done) = word.take() else { return };
        let target_of = next_is_of.take();
        if let (Some(at), true) = (operator, done.is_plain) {
            // A redirection; what it names may follow it.
            let (before, file) = done.text.split_at(at + 1);
            let direction = before.chars().next_back();
            if file.is_empty() {
                next_is_of = direction;
            } else if !file.starts_with('&') && !before.ends_with("<>") {
                files.of(direction).push(Word { text: file.to_owned(), is_plain: true });
            }
        } else if target_of.is_none() {
            words.push(done);
        } else {
            files.of(target_of).push(done);
        }
    };
    let plain = || Word { text: String::new(), is_plain: true };
    while let Some(next) = chars.next() {
        match next {
            ' ' | '\t' => end_word(&mut word, &mut words, &mut files),
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
                end_word(&mut word, &mut words, &mut files);
                let is_double = chars.peek() == Some(&next);
                if is_double {
                    chars.next();
                }
                let in_background = next == '&' && !is_double;
                let is_conditional_next = next == '|' || (next == '&' && is_double);
                if next == ';' && is_double {
                    return None;
                }
                let (words, files) = (std::mem::take(&mut words), std::mem::take(&mut files));
                let is_and = next == '&' && is_double;
                parts.push(Part { words, files, in_background, is_conditional_next, is_and });
            }
            other => {
                let it = word.get_or_insert_with(plain);
                it.is_plain &=
                    !matches!(other, '$' | '`' | '*' | '?' | '[' | '{' | '(' | ')' | '~');
                if matches!(other, '<' | '>') {
                    operator.set(Some(it.text.len()));
                }
                it.text.push(other);
            }
        }
    }
    end_word(&mut word, &mut words, &mut files);
    parts.push(Part { words, files, ..Part::default() });
    Some(parts)
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

    fn of(text: &str) -> Option<super::super::exec::Exec> {
        let all = commands(text);
        let found = all.iter().find(|it| it.words[0].text == "exec")?;
        super::super::exec::exec(&found.words[1..])
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
    fn what_a_script_sets_once_is_filled_in() {
        let last = |text: &str| of(text).and_then(|it| it.programs.last().cloned());
        let found = Some("/opt/web/server".to_owned());
        for text in [
            "D=/opt/web\nexec $D/server",
            "D=/opt\nE=\"$D/web\"\nexec nice -n 5 \"${E}/server\" -x",
            "A=1 exec /opt/web/server",
            "if [ -r /etc/x ]; then . /etc/x; fi\nexec /opt/web/server",
            "if a; then\n  if b; then X=1\n  fi\nelse\n  Y=2\nfi\nexec /opt/web/server",
            "cd / && exec /opt/web/server",
        ] {
            assert_eq!(last(text), found, "{text}");
        }
        for text in [
            "D=/opt/web\nD=/x\nexec $D/server",
            "D=/opt/web\n. ./conf\nexec $D/server",
            "if a; then D=/opt/web; fi\nexec $D/server",
            "D='/opt/web x'\nexec $D/server",
            "D=/opt\nexec $Dir/server",
            "if a; then cd /x; fi\nexec /opt/web/server",
            "if a; then exit 0; fi\nexec /opt/web/server",
            "if a; then\nexec /opt/web/server",
        ] {
            assert_eq!(last(text), None, "{text}");
        }
    }

    #[test]
    fn the_last_command_is_known_where_all_was_read() {
        let last = |text: &str| commands(text).last().map(|it| (it.is_last, it.is_tested));
        assert_eq!(last("cd /\nserver -x\n"), Some((true, false)));
        assert_eq!(last("modprobe x || true\nif a; then exec b; fi"), Some((false, true)));
        assert!(commands("perl -e 'open(F, \"<\", 1)'")[0].inputs.is_empty());
        assert_eq!(commands("cat < /etc/x 2>&1")[0].inputs[0].text, "/etc/x");
    }
}
