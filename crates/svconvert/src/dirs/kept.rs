//! A script that stays as it is: its text becomes an argument of its interpreter, where it is known how that takes
//! one; else its file is the program.
//!
//! Source: the manual of each interpreter.

use std::path::Path;

use svbuild::spec::Word;

/// An interpreter: its name, the option that takes a text, and whether a name stands before the arguments.
type Interpreter = (&'static str, &'static str, bool);

const KNOWN: [Interpreter; 15] = [
    ("sh", "-c", true),
    ("ash", "-c", true),
    ("dash", "-c", true),
    ("bash", "-c", true),
    ("ksh", "-c", true),
    ("mksh", "-c", true),
    ("zsh", "-c", true),
    ("execlineb", "-c", false),
    ("fish", "-c", false),
    ("python", "-c", false),
    ("python2", "-c", false),
    ("python3", "-c", false),
    ("perl", "-e", false),
    ("ruby", "-e", false),
    ("node", "-e", false),
];

/// The words that run a script. `name` stands before arguments that follow, for an interpreter that takes one.
pub(super) fn words(text: &str, file: &Path, name: Option<&str>) -> Vec<Word> {
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    let (line, body) = match first.strip_prefix("#!") {
        Some(line) => (line, rest),
        None => ("/bin/sh", text),
    };
    let mut words: Vec<Word> = line.split_whitespace().map(Into::into).collect();
    // Behind `env` or `with-contenv`, too.
    let last = line.split_whitespace().rfind(|it| !it.starts_with('-')).unwrap_or_default();
    let known = KNOWN.iter().find(|(name, ..)| last.rsplit('/').next() == Some(name));
    let Some((_, option, takes_name)) = known else { return vec![file.as_os_str().into()] };
    words.push((*option).into());
    words.push(body.trim_end().into());
    words.extend(name.filter(|_| *takes_name).map(Into::into));
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_interpreter_takes_a_text_in_its_own_way() {
        for (text, expected) in [
            ("echo", "/bin/sh -c echo finish"),
            ("#!/usr/bin/env bash\necho", "/usr/bin/env bash -c echo finish"),
            ("#!/usr/bin/execlineb -S0\necho", "/usr/bin/execlineb -S0 -c echo"),
            ("#!/usr/bin/perl -w\nprint;", "/usr/bin/perl -w -e print;"),
            ("#!/usr/bin/env /lib/runit/invoke-run\necho", "/srv/web/finish"),
        ] {
            let words = words(text, Path::new("/srv/web/finish"), Some("finish"));
            let words: Vec<_> =
                words.iter().map(|it| it.as_os_str().to_string_lossy().into_owned()).collect();
            assert_eq!(words.join(" "), expected, "{text}");
        }
    }
}
