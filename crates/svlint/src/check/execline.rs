//! An execline script: whether execlineb can parse it, and words that it takes otherwise than was meant.

use std::collections::BTreeSet;

use super::{file::Script, subject::Service};
use crate::{
    Finding,
    execline::{self, Fault, Word},
    rule::scripts,
    source::Source,
    visit::Visit,
};

/// What only a shell takes for an operator.
const OF_THE_SHELL: [&str; 9] = ["&&", "||", "|", ">", ">>", "<", "2>&1", "2>", "&"];

pub(crate) fn check(visit: &mut Visit<'_>, _service: &Service<'_>, script: &Script) {
    let source = &script.source;
    let words = match execline::words(&source.text) {
        Ok(words) => words,
        Err(fault) => {
            let (at, message) = match fault {
                Fault::Quote(at) => (at, "this quote does not end"),
                Fault::Open(at) => (at, "this block does not end"),
                Fault::Close(at) => (at, "no block begins before this }"),
            };
            visit.tell(Finding::new(&scripts::EXECLINE_SYNTAX, source.at(at..at + 1), message));
            return;
        }
    };
    shell_words(visit, source, &words);
    // Arguments of the script are variables of their own, by options in its first line.
    variables(visit, source, &words);
}

fn shell_words(visit: &mut Visit<'_>, source: &Source, words: &[Word]) {
    // `if { test a > b }` has one as an argument; only outside of blocks of test is it surely meant
    // otherwise.
    let mut previous = "";
    for word in words {
        let is_it = !word.is_quoted && OF_THE_SHELL.contains(&word.text.as_str());
        if is_it && !matches!(previous, "test" | "expr" | "[") {
            let message = format!("{} is an argument to execline, no operator", word.text);
            visit.tell(Finding::new(&scripts::EXECLINE_SHELL, source.at(word.at.clone()), message));
            return;
        }
        previous = &word.text;
    }
}

fn variables(visit: &mut Visit<'_>, source: &Source, words: &[Word]) {
    let names: BTreeSet<&str> = words.iter().map(|it| it.text.as_str()).collect();
    let splits = names.iter().any(|it| {
        matches!(
            *it,
            "multisubstitute"
                | "multidefine"
                | "elgetopt"
                | "elgetpositionals"
                | "dollarat"
                | "forstdin"
                | "forbacktickx"
        )
    });
    let mut told = BTreeSet::new();
    // A string for a shell is not execline's to read.
    let mut is_of_shell = false;
    for word in words {
        if is_of_shell {
            is_of_shell = false;
            continue;
        }
        is_of_shell = word.text == "-c" && !word.is_quoted;
        for name in uses(&word.text) {
            let is_argument = name.bytes().all(|it| it.is_ascii_digit());
            if is_argument || splits || names.contains(name) || !told.insert(name.to_owned()) {
                continue;
            }
            let message = format!("nothing imports ${}, so it stays as it is", source.quoted(name));
            let location = source.at(word.at.clone());
            visit.tell(Finding::new(&scripts::EXECLINE_VARIABLE, location, message));
        }
    }
}

/// The names behind dollars.
fn uses(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for part in text.split('$').skip(1) {
        let inner = part.strip_prefix('{').and_then(|it| it.split_once('}')).map(|it| it.0);
        let end =
            part.find(|it: char| !it.is_ascii_alphanumeric() && it != '_').unwrap_or(part.len());
        let name = inner.or_else(|| part.get(..end)).unwrap_or_default();
        let is_name = |it: &str| {
            it.starts_with(|it: char| it.is_ascii_alphabetic() || it == '_')
                && it.chars().all(|it| it.is_ascii_alphanumeric() || it == '_')
        };
        if is_name(name) {
            found.push(name);
        }
    }
    found
}
