//! The real loggers, as they are started by what is generated: the same lines are kept, and as many
//! files.
#![cfg(target_os = "linux")]
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::{
    fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
};

use proptest::prelude::*;
use svbuild::{
    Definitions, Language, Options, Service, Target,
    plan::{PlanEntry, Unit},
    spec::{Log, Size, Timestamp},
};
use tempfile::TempDir;

mod memory;
mod programs;
use programs::installed;

const LOGGERS: [(Target, Language, &str); 4] = [
    (Target::Runit, Language::Sh, "svlogd"),
    (Target::Daemontools, Language::Sh, "multilog"),
    (Target::S6, Language::Execline, "s6-log"),
    (Target::S6, Language::Sh, "s6-log"),
];

/// Feeds the logger of a definition until the end of its input. The tree that it has left.
fn feed(target: Target, language: Language, log: Log, input: &[u8]) -> TempDir {
    let tree = memory::tempdir();
    let definitions = Definitions::default().with("web", Service::new(["/bin/true"]).log(log));
    let plan = definitions.render(target, Options::new().language(language)).unwrap();
    let Unit::Directory(entries) = &plan.units["web"] else { unreachable!() };
    for (path, entry) in entries.iter().filter(|(path, _)| path.starts_with("log")) {
        let PlanEntry::File(file) = entry else { unreachable!() };
        let path = tree.path().join(path.strip_prefix("log").unwrap());
        fs::write(&path, &file.bytes).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(file.mode)).unwrap();
    }
    // By way of `env`, so that no other thread can have the script open when it is started.
    let mut child = Command::new("env")
        .arg(tree.path().join("run"))
        .current_dir(tree.path())
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    assert!(child.wait().unwrap().success(), "{target}");
    tree
}

fn current(tree: &Path) -> String {
    fs::read_to_string(tree.join("main/current")).unwrap()
}

/// The rule, as the documentation has it, by trying: `*` stands for text without the character that
/// follows it.
fn matches(pattern: &[u8], line: &[u8]) -> bool {
    match pattern {
        [] => line.is_empty(),
        [b'*'] => true,
        [b'*', next, rest @ ..] => match line.iter().position(|byte| byte == next) {
            Some(at) => matches(rest, &line[at + 1..]),
            None => false,
        },
        [first, rest @ ..] => line.first() == Some(first) && matches(rest, &line[1..]),
    }
}

fn kept(filter: &[String], lines: &[String]) -> Vec<String> {
    let keeps = |line: &&String| {
        let last =
            filter.iter().rfind(|pattern| matches(&pattern.as_bytes()[1..], line.as_bytes()));
        last.is_none_or(|pattern| pattern.starts_with('+'))
    };
    lines.iter().filter(keeps).cloned().collect()
}

proptest! {
    #![proptest_config(programs::cases(60))]

    #[test]
    fn every_logger_keeps_the_lines_that_the_filter_says(
        filter in prop::collection::vec("[-+](\\*?[ab.\\[\\]^$|(){}?/@ -]){0,4}\\*?", 0..4),
        lines in prop::collection::vec("[ab.\\[\\]^$|(){}?+*/@ -]{1,6}", 1..12),
        timestamp in prop::sample::select(vec![Timestamp::None, Timestamp::Tai64n]),
    ) {
        let input = lines.join("\n") + "\n";
        let expected = kept(&filter, &lines);
        for (target, language, program) in LOGGERS {
            if !installed(program) {
                continue;
            }
            let log = filter.iter().fold(Log::new().timestamp(timestamp), Log::filter);
            let tree = feed(target, language, log, input.as_bytes());
            let said = current(tree.path());
            let text = |line: &str| match timestamp {
                Timestamp::None => line.to_owned(),
                _ => line.split_once(' ').unwrap().1.to_owned(),
            };
            let seen: Vec<_> = said.lines().map(text).collect();
            prop_assert_eq!(&seen, &expected, "{} {:?}", target, language);
        }
    }
}

fn old_files(tree: &Path) -> Vec<String> {
    let names = fs::read_dir(tree.join("main")).unwrap();
    let names = names.map(|it| it.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with('@')).collect()
}

#[test]
fn as_many_old_files_are_kept_as_asked() {
    let input = format!("{}\n", "x".repeat(99)).repeat(2000);
    for (target, language, program) in LOGGERS {
        if installed(program) {
            let log = Log::new().max_size(Size(8192)).max_files(3);
            let tree = feed(target, language, log, input.as_bytes());
            assert_eq!(old_files(tree.path()).len(), 3, "{target}");
        }
    }
}

#[test]
fn old_files_go_through_the_processor_word_for_word() {
    let input = format!("{}\n", "x".repeat(99)).repeat(400);
    for (target, language, program) in LOGGERS {
        if !installed(program) {
            continue;
        }
        let log = Log::new().max_size(Size(8192)).processor(["/usr/bin/tr", "x", "'\" $y"]);
        let tree = feed(target, language, log, input.as_bytes());
        let done = old_files(tree.path()).into_iter().filter(|name| {
            let text = fs::read_to_string(tree.path().join("main").join(name)).unwrap();
            text.starts_with("'''")
        });
        assert!(done.count() >= 2, "{target}: the newest may still be on its way");
    }
}

#[test]
fn a_time_for_people_is_utc() {
    for (target, language, program) in LOGGERS {
        if target == Target::Daemontools || !installed(program) {
            continue;
        }
        let log = Log::new().timestamp(Timestamp::Iso8601);
        let tree = feed(target, language, log, b"text\n");
        let said = current(tree.path());
        let now = Command::new("date").args(["-u", "+%Y-%m-%d"]).output().unwrap().stdout;
        let now = String::from_utf8(now).unwrap();
        assert!(said.starts_with(now.trim()) && said.ends_with(" text\n"), "{target} {said}");
    }
}
