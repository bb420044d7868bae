//! Errors of all crates are in one form, and the same refusal has the same line in each.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::{error::Error, io, path::PathBuf};

use svcmgr::{
    Distrust, Intent, build, devtree,
    proto::{DecodeError, Dialect},
    testkit,
};

fn denied() -> io::Error {
    io::Error::from(io::ErrorKind::PermissionDenied)
}

fn path() -> PathBuf {
    "/s/web".into()
}

/// The line of each, and why.
fn lines(errors: Vec<Box<dyn Error>>) -> Vec<(String, Option<String>)> {
    errors
        .into_iter()
        .map(|error| (error.to_string(), error.source().map(ToString::to_string)))
        .collect()
}

/// The same line, and the same reason, whoever says it.
#[track_caller]
fn same(line: &str, why: Option<&str>, errors: Vec<Box<dyn Error>>) {
    for said in lines(errors) {
        assert_eq!(said, (line.to_owned(), why.map(ToOwned::to_owned)));
    }
}

#[test]
fn the_same_refusal_has_the_same_line_in_every_crate() {
    let (doing, path) = ("open", path);
    same(
        "cannot open /s/web",
        Some("permission denied"),
        vec![
            Box::new(svcmgr::Error::Io { doing, path: path(), source: denied() }),
            Box::new(build::Error::Io { doing, path: path(), source: denied() }),
            Box::new(devtree::Error::Io { doing, path: path(), source: denied() }),
            Box::new(devtree::TreeError::Io {
                doing: doing.into(),
                path: path(),
                source: denied(),
            }),
            Box::new(testkit::KitError::Io { doing, path: path(), source: denied() }),
        ],
    );
    let (expected, found) = ("a FIFO", "a regular file");
    same(
        "cannot use /s/web: it is a regular file, not a FIFO",
        None,
        vec![
            Box::new(svcmgr::Error::WrongType { path: path(), expected, found }),
            Box::new(build::Error::WrongType { path: path(), expected, found }),
            Box::new(devtree::Error::WrongType { path: path(), expected, found }),
        ],
    );
    let why = Distrust::Owner(7);
    same(
        "cannot use /s/web: it belongs to user 7",
        None,
        vec![
            Box::new(svcmgr::Error::Untrusted { path: path(), why }),
            Box::new(build::Error::Untrusted { path: path(), why }),
            Box::new(devtree::Error::Untrusted { path: path(), why }),
        ],
    );
    let doing = "wait for services";
    same(
        "cannot wait for services",
        Some("permission denied"),
        vec![
            Box::new(svcmgr::Error::System { doing, source: denied() }),
            Box::new(devtree::Error::System { doing, source: denied() }),
        ],
    );
}

/// What an error of another crate is passed on with: nothing is said twice, and nothing is lost.
#[test]
fn an_error_that_is_passed_on_keeps_its_line_and_its_reason() {
    let inner = || svcmgr::Error::Io { doing: "open", path: path(), source: denied() };
    let tree = || devtree::TreeError::from(inner());
    let said = ("cannot open /s/web".to_owned(), Some("permission denied".to_owned()));
    let kit = testkit::KitError::from(tree());
    assert_eq!(lines(vec![Box::new(tree()), Box::new(kit)]), [said.clone(), said]);

    let gaps = build::Error::Untrusted { path: path(), why: Distrust::Everybody };
    let error = devtree::TreeError::Unbuildable { name: "web".into(), source: gaps };
    let said = lines(vec![Box::new(error)]);
    let why = "cannot use /s/web: everybody may write there";
    assert_eq!(said, [("cannot define `web`".to_owned(), Some(why.to_owned()))]);
}

#[test]
fn a_line_is_one_line_without_a_full_stop_and_leaves_the_reason_to_the_source() {
    let doing = "open";
    let length = DecodeError::Length { dialect: Dialect::S6, found: 3 };
    let errors: Vec<Box<dyn Error>> = vec![
        Box::new(svcmgr::Error::NotFound { path: path() }),
        Box::new(svcmgr::Error::Dangling { link: path(), leads_to: "/gone".into() }),
        Box::new(svcmgr::Error::NoUnits { name: "web.service".into() }),
        Box::new(svcmgr::Error::NotAService { dir: path() }),
        Box::new(svcmgr::Error::UnknownDialect { dir: path() }),
        Box::new(svcmgr::Error::Malformed { path: path(), source: length }),
        Box::new(svcmgr::Error::NotSupervised {
            intent: Intent::Up,
            dir: path(),
            is_late_logger: false,
        }),
        Box::new(svcmgr::Error::NotTakingRequests { intent: Intent::Up, dir: path() }),
        Box::new(svcmgr::Error::ScannerNotTakingRequests { dir: path() }),
        Box::new(svcmgr::Error::BadName { name: "a/b".into() }),
        Box::new(svcmgr::Error::NoScanDir { name: "web".into() }),
        Box::new(svcmgr::Error::Unanswered { path: path() }),
        Box::new(svcmgr::Error::NotALink { path: path(), found: "a directory" }),
        Box::new(svcmgr::Error::Watch { path: path(), source: denied() }),
        Box::new(svcmgr::Error::unsupported("web", Intent::Reload)),
        Box::new(build::Error::TooLarge { path: path(), limit: 9 }),
        Box::new(build::Error::Busy { path: path(), by: None }),
        Box::new(devtree::Error::Held { dir: path(), lock: path() }),
        Box::new(devtree::Error::Full { dir: path(), more: 1, services: 2, limit: 3 }),
        Box::new(devtree::Error::Stopping { doing }),
        Box::new(devtree::Error::Gone),
        Box::new(devtree::TreeError::Held { base: path(), by: "process 7".into() }),
        Box::new(devtree::TreeError::NoKeeper { why: devtree::NoKeeper::NotCalled }),
        Box::new(devtree::TreeError::Deadline { doing: "start", base: path() }),
    ];
    for error in errors {
        let line = error.to_string();
        assert!(line.starts_with("cannot "), "{line}");
        assert!(!line.ends_with('.') && !line.contains('\n'), "{line}");
        let why = error.source().map(ToString::to_string);
        assert!(!why.is_some_and(|why| line.contains(&why)), "{line}: said twice");
    }
}

/// `fn main() -> Result<(), Error>` prints `Debug`: no field of a struct is shown.
#[test]
fn main_prints_what_a_person_reads() {
    let check = |error: &dyn Error, expected: &str| assert_eq!(format!("{error:?}"), expected);
    let dir = path();
    check(
        &svcmgr::Error::NotSupervised { intent: Intent::Up, dir, is_late_logger: false },
        "cannot send `up` to /s/web: no supervisor is running there\n  \
         hint: start a supervisor there, or link the directory into a scan directory whose scanner \
         runs",
    );
    check(
        &svcmgr::Error::Io { doing: "open", path: "/s/\u{1b}[2J".into(), source: denied() },
        "cannot open /s/\\u{1b}[2J: permission denied",
    );
    let io = || build::Error::Io { doing: "open", path: path(), source: denied() };
    check(&io(), "cannot open /s/web: permission denied");
    check(
        &testkit::KitError::Io { doing: "open", path: path(), source: denied() },
        "cannot open /s/web: permission denied",
    );
    let pid = DecodeError::Pid { dialect: Dialect::Runit, pid: 0 };
    let text = format!("{:?}", svcmgr::Error::Malformed { path: path(), source: pid });
    assert!(text.starts_with(&format!("cannot read /s/web: {pid}\n  hint: ")), "{text}");
    assert!(!text.contains('{'), "{text}");
}
