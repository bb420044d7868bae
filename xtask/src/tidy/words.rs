//! Words that stay out of a crate, because what they name belongs elsewhere.

use std::path::Path;

use super::{
    rules::{self, EVERYWHERE, EXCEPT, Word},
    source,
};

/// Forbidden words in the file at `place`, which is in the `src` of `owner` or of nobody.
pub(super) fn check(owner: Option<&str>, place: &str, text: &str) -> Vec<String> {
    let code = source::code(text);
    let mut findings = search(place, (1..).zip(code.lines()), &EVERYWHERE);
    if let Some(rule) = owner.and_then(rules::of).filter(|_| !is_test(place)) {
        findings.extend(search(place, source::without_tests(&code), rule.words));
    }
    findings
}

/// Whether this is a file of tests inside `src`.
pub(super) fn is_test(place: &str) -> bool {
    let place = Path::new(place);
    place.ends_with("tests.rs") || place.iter().any(|it| it == "tests")
}

fn search<'a>(
    place: &str,
    lines: impl IntoIterator<Item = (usize, &'a str)>,
    words: &[Word],
) -> Vec<String> {
    let mut findings = Vec::new();
    for (number, line) in lines {
        for (word, why) in words.iter().filter(|it| contains(line, it.0)) {
            if EXCEPT.contains(&(place, word)) {
                continue;
            }
            findings.push(format!("{place}:{number}: `{}` stays out; {why}", word.trim()));
        }
    }
    findings
}

/// Whether the word occurs and is not a part of a longer name.
fn contains(line: &str, word: &str) -> bool {
    let named = |it: char| it.is_alphanumeric() || it == '_';
    line.match_indices(word).any(|(at, _)| {
        let (before, rest) = line.split_at(at);
        let after = rest.strip_prefix(word).unwrap_or_default();
        let longer = (word.starts_with(named) && before.ends_with(named))
            || (word.ends_with(named) && after.starts_with(named));
        !longer
    })
}

#[cfg(test)]
mod tests {
    fn check(owner: &str, place: &str, text: &str, expected: &[&str]) {
        let found = super::check(Some(owner), place, text);
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(found.starts_with(expected), "{found}");
        }
    }

    #[test]
    fn an_exception_is_for_one_file() {
        let starts = "let child = Command::new(path);";
        check("svclient", "crates/svclient/src/check.rs", starts, &[]);
        let other = "crates/svclient/src/pursue.rs";
        check("svclient", other, starts, &["crates/svclient/src/pursue.rs:1: `Command::new`"]);
    }

    #[test]
    fn a_word_that_belongs_elsewhere_is_found_with_its_line() {
        let lib = "crates/svproto/src/lib.rs";
        check("svproto", lib, "\nuse std::fmt;\n", &["crates/svproto/src/lib.rs:2: `std::` stays"]);
        let offset = "let n = u32::from_le_bytes(b);";
        check(
            "svclient",
            "crates/svclient/src/a.rs",
            offset,
            &["crates/svclient/src/a.rs:1: `from"],
        );
        check(
            "svcmgr",
            "crates/svcmgr/src/lib.rs",
            "pub fn a() {}",
            &["crates/svcmgr/src/lib.rs:1:"],
        );
        check(
            "svctl",
            "crates/svctl/src/main.rs",
            "use zbus::a;",
            &["crates/svctl/src/main.rs:1:"],
        );
        check(
            "svclient",
            "crates/svclient/src/a.rs",
            "eprintln!()",
            &["crates/svclient/src/a.rs:1: `e"],
        );
    }

    #[test]
    fn prose_longer_names_and_tests_are_free() {
        let lib = "crates/svproto/src/lib.rs";
        check("svproto", lib, "//! Without std::fmt.\n#![forbid(unsafe_code)]\n", &[]);
        check("svproto", lib, "a.unwrap_or(b); c(\"panic!\");\n", &[]);
        check("svproto", lib, "#[cfg(test)]\nmod tests {\n    use std::fmt;\n}\n", &[]);
        check("svproto", "crates/svproto/src/tai/tests.rs", "use std::fmt;\n", &[]);
        let example = super::check(None, "crates/svcmgr/examples/a.rs", "fn main() {}\n");
        assert!(example.is_empty(), "{example:?}");
    }

    #[test]
    fn unfinished_code_is_found_everywhere() {
        check("xtask", "xtask/src/a.rs", "todo!()", &["xtask/src/a.rs:1: `todo!(` stays out"]);
        let tests = "crates/svctl/tests/it.rs";
        check("svctl", tests, "dbg!(a);\nunimplemented!()", &["crates/svctl/tests/it.rs:1", tests]);
    }
}
