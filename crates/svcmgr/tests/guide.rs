//! `docs/guide.md` holds the programs of this crate, word for word: `UPDATE=1` writes them into it
//! anew.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::{collections::BTreeSet, fs, path::Path};

const BEGIN: &str = "<!-- program: ";
const END: &str = " -->";

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The page with each program that it names below the line that names it; and their names.
fn filled(page: &str) -> (String, Vec<String>) {
    let (mut text, mut names) = (String::new(), Vec::new());
    let mut lines = page.lines().peekable();
    while let Some(line) = lines.next() {
        text.push_str(line);
        text.push('\n');
        let name = line.strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix(END));
        let Some(name) = name else { continue };
        let program = fs::read_to_string(here().join(name)).unwrap();
        text.push_str(&format!("\n```rust\n{program}```\n"));
        names.push(name.to_owned());
        // What stands there now.
        let mut ahead = lines.clone();
        if ahead.next() == Some("") && ahead.next() == Some("```rust") {
            assert!(lines.by_ref().skip(2).any(|line| line == "```"), "{name}: no end");
        }
    }
    (text, names)
}

#[test]
fn the_guide_has_every_program_as_it_is() {
    let path = here().join("../../docs/guide.md");
    let page = fs::read_to_string(&path).unwrap();
    let (filled, names) = filled(&page);
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &filled).unwrap();
    } else {
        assert!(page == filled, "docs/guide.md: UPDATE=1 cargo test -p svcmgr --test guide");
    }
    let count = names.len();
    let told: BTreeSet<String> = names.into_iter().collect();
    assert_eq!(told.len(), count, "a program is there twice");
    let programs = fs::read_dir(here().join("examples")).unwrap();
    let mut there: BTreeSet<String> = programs
        .map(|entry| format!("examples/{}", entry.unwrap().file_name().to_str().unwrap()))
        .collect();
    there.insert("tests/greeter.rs".into());
    assert_eq!(told, there);
}

#[test]
fn every_program_of_the_guide_is_run() {
    let tests = ["sentences.rs", "systemd.rs"]
        .map(|file| fs::read_to_string(here().join("tests/live").join(file)).unwrap())
        .concat();
    // The embedded supervisor of these tests is the example itself.
    let started = fs::read_to_string(here().join("../svclient/tests/live/supervised.rs")).unwrap();
    for entry in fs::read_dir(here().join("examples")).unwrap() {
        let name = entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned();
        let run = [format!("run(\"{name}\""), format!("example(\"{name}\")")];
        let is_run = run.iter().any(|call| tests.contains(call))
            || started.contains(&format!("examples/{name}\""));
        assert!(is_run, "no test runs the example {name}");
    }
}
