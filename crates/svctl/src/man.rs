//! The manual pages, made of the parser: `docs/man` holds what this prints, and the test below that it
//! still does. `UPDATE=1 cargo test -p svctl man` writes them anew.

use std::{collections::BTreeMap, fs, path::PathBuf};

use clap::{Command, CommandFactory};
use clap_mangen::{
    Man,
    roff::{Roff, bold, roman},
};
use svcmgr::{Dialect, proto::op::TABLE};

use crate::args::Args;

const EXIT_STATUS: [(&str, &str); 6] = [
    ("0", "Done; also for the status of services that are down."),
    ("1", "A negative answer: the goal will not be reached, a check failed, no such request."),
    ("99", "The deadline passed, or the supervisor takes no requests."),
    ("100", "The command line or $SVWAIT made no sense; nothing was sent."),
    ("102", "No supervisor is running there."),
    ("111", "The system refused: no such path, no permission."),
];

const ENVIRONMENT: [(&str, &str); 3] = [
    ("SVDIR", "The scan directory, where --dir does not name it."),
    ("SVWAIT", "How long to wait, where --timeout does not say it."),
    ("NO_COLOR", "If it is set and not empty, no colour unless --color asks for it."),
];

const FILES: [(&str, &str); 2] = [
    ("/etc/service, /var/service, /service, /run/service", "The usual scan directories."),
    (
        "supervise/ok, supervise/lock, supervise/control, supervise/status",
        "What a supervisor keeps in a service directory.",
    ),
];

const EXAMPLES: [(&str, &str); 5] = [
    ("svctl status --state backoff,failed", "What does not stay up?"),
    (
        "svctl restart web --for ready --kill-after 10s",
        "Restart it, by force if need be, and wait until the new process is ready.",
    ),
    (
        "svctl wait --for up-for=5s web db && deploy",
        "Go on when both have stayed up for five seconds.",
    ),
    ("svctl check --ready --json", "A health check for a container."),
    ("svctl logs -f web db", "Follow two logs, merged by time."),
];

fn pages() -> BTreeMap<String, String> {
    let mut parser = Args::command().disable_help_subcommand(true);
    parser.build();
    let mut pages = BTreeMap::from([("svctl.1".to_owned(), page(&parser, "svctl"))]);
    for command in parser.get_subcommands().filter(|command| !command.is_hide_set()) {
        let name = format!("svctl-{}", command.get_name());
        pages.insert(format!("{name}.1"), page(command, &name));
    }
    pages.insert("svctl-dialects.7".to_owned(), dialects());
    pages
}

fn page(command: &Command, name: &str) -> String {
    // Leaked: a parser keeps a name for as long as the program runs, which here is a test.
    let command = command.clone().name(name.to_owned().leak() as &'static str);
    let man = Man::new(command).source("svctl").manual("svctl").date("2026-11-23");
    let mut text = Vec::new();
    man.render(&mut text).unwrap();
    let mut more = Roff::new();
    section(&mut more, "EXIT STATUS", &EXIT_STATUS);
    section(&mut more, "ENVIRONMENT", &ENVIRONMENT);
    if name == "svctl" {
        section(&mut more, "FILES", &FILES);
        section(&mut more, "EXAMPLES", &EXAMPLES);
        more.control("SH", ["SEE ALSO"]);
        more.text([bold("svctl-dialects"), roman("(7)")]);
    }
    String::from_utf8(text).unwrap() + &more.to_roff()
}

fn section(page: &mut Roff, title: &str, entries: &[(&str, &str)]) {
    page.control("SH", [title]);
    for (word, about) in entries {
        page.control("TP", []);
        page.text([bold(*word)]);
        page.text([roman(*about)]);
    }
}

/// What each suite takes: the table of the library, as a page.
fn dialects() -> String {
    let mut page = Roff::new();
    page.control("TH", ["svctl-dialects", "7", "2026-11-23", "svctl", "svctl"]);
    page.control("SH", ["NAME"]);
    page.text([roman("svctl-dialects - what each suite of supervisors can be asked for")]);
    page.control("SH", ["DESCRIPTION"]);
    page.text([roman(
        "A request is a byte, or two, in supervise/control. What a suite has no byte for is refused, and \
         nothing similar is sent instead. Some letters need a version of their suite that is not known to \
         have them unless it is named.",
    )]);
    for (column, dialect) in Dialect::ALL.into_iter().enumerate() {
        page.control("SH", [dialect.name().to_uppercase().as_str()]);
        for row in &TABLE {
            let bytes = row.bytes[column];
            if !bytes.is_empty() {
                page.control("TP", []);
                page.text([bold(row.name)]);
                page.text([roman(String::from_utf8_lossy(bytes).into_owned())]);
            }
        }
    }
    page.control("SH", ["SEE ALSO"]);
    page.text([bold("svctl"), roman("(1)")]);
    page.to_roff()
}

#[test]
fn manual_pages_are_those_of_the_parser() {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/man");
    let pages = pages();
    if std::env::var_os("UPDATE").is_some() {
        fs::create_dir_all(&dir).unwrap();
        for (name, text) in &pages {
            fs::write(dir.join(name), text).unwrap();
        }
    }
    for (name, text) in &pages {
        let kept = fs::read_to_string(dir.join(name)).unwrap_or_default();
        assert!(kept == *text, "docs/man/{name}: UPDATE=1 cargo test -p svctl man");
    }
    let kept = fs::read_dir(dir).unwrap().count();
    assert_eq!(kept, pages.len(), "a page in docs/man has no command");
}
