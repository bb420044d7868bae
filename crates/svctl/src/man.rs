//! The manual pages, made of the parser: `docs/man` holds what this prints, and the test below that
//! it still does. `UPDATE=1 cargo test -p svctl --bin svctl man` writes them anew. `svcmgr.toml(5)`
//! is made of `docs/svcmgr.toml.md`, whose tables are svbuild's own.

mod examples;
mod markdown;

use std::{collections::BTreeMap, fs, path::PathBuf};

use clap::Command;
use clap_mangen::{
    Man,
    roff::{Roff, bold, roman},
};
use svcmgr::{Dialect, proto::op::TABLE};

use crate::{args::Args, exit::codes};

const ENVIRONMENT: [(&str, &str); 3] = [
    ("SVDIR", "The scan directories, separated by colons, unless --dir is given."),
    ("SVWAIT", "How long to wait, unless --timeout is given."),
    ("NO_COLOR", "If it is set and not empty, no colour unless --color asks for it."),
];

const FILES: [(&str, &str); 2] = [
    (
        "/etc/service, /var/service, /service, /run/service, /run/s6/services, /run/runit/service, \
         /run/openrc/s6-scan",
        "The usual scan directories; a user's own are `service` in $XDG_RUNTIME_DIR, in $XDG_CONFIG_HOME \
         and in the home directory.",
    ),
    (
        "supervise/ok, supervise/lock, supervise/control, supervise/status",
        "What a supervisor keeps in a service directory.",
    ),
];

fn pages() -> BTreeMap<String, String> {
    let mut parser = Args::parser().disable_help_subcommand(true);
    parser.build();
    let mut pages = BTreeMap::from([("svctl.1".to_owned(), page(&parser, "svctl"))]);
    for command in parser.get_subcommands().filter(|command| !command.is_hide_set()) {
        let name = format!("svctl-{}", command.get_name());
        pages.insert(format!("{name}.1"), page(command, &name));
    }
    pages.insert("svctl-dialects.7".to_owned(), dialects());
    pages.insert("svcmgr.toml.5".to_owned(), definitions());
    pages
}

fn docs() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

/// The page about definitions, by way of the one in Markdown.
fn definitions() -> String {
    let mut page = Roff::new();
    page.control("TH", ["svcmgr.toml", "5", "2026-11-23", "svctl", "svctl"]);
    page.control("SH", ["NAME"]);
    page.text([roman("svcmgr.toml - definitions of services, for every supervisor")]);
    let text = fs::read_to_string(docs().join("svcmgr.toml.md")).unwrap();
    markdown::render(&text, &mut page);
    see_also(&mut page, &[("svctl-build", "(1)"), ("svctl-dev", "(1)")]);
    tidied(&page.to_roff())
}

fn see_also(page: &mut Roff, pages: &[(&str, &str)]) {
    page.control("SH", ["SEE ALSO"]);
    let all = pages.iter().enumerate().flat_map(|(at, (name, section))| {
        [roman(if at > 0 { ", " } else { "" }), bold(*name), roman(*section)]
    });
    page.text(all.collect::<Vec<_>>());
}

fn page(command: &Command, name: &str) -> String {
    // Leaked: a parser keeps a name for as long as the program runs, which here is a test.
    let command = command.clone().name(name.to_owned().leak() as &'static str);
    let man = Man::new(command).source("svctl").manual("svctl").date("2026-11-23");
    let mut text = Vec::new();
    man.render(&mut text).unwrap();
    let mut more = Roff::new();
    let codes = name.strip_prefix("svctl-").map_or(&codes::ALL[..], |command| {
        codes::of(command).unwrap_or_else(|| panic!("no exit codes of {command}")).meanings
    });
    section(&mut more, "EXIT STATUS", codes);
    section(&mut more, "ENVIRONMENT", &ENVIRONMENT);
    if name == "svctl" {
        section(&mut more, "FILES", &FILES);
        section(&mut more, "EXAMPLES", &examples::OF_ALL);
        see_also(&mut more, &[("svctl-dialects", "(7)"), ("svcmgr.toml", "(5)")]);
    }
    let examples = name.strip_prefix("svctl-").map(examples::of).unwrap_or_default();
    if !examples.is_empty() {
        section(&mut more, "EXAMPLES", examples);
    }
    tidied(&String::from_utf8(text).unwrap()) + &more.to_roff()
}

/// Without what means nothing and what mandoc warns of: line breaks beside an empty line, a
/// paragraph that a heading begins.
fn tidied(page: &str) -> String {
    let lines: Vec<&str> = page.lines().collect();
    let is_idle = |at: usize| {
        let before = at.checked_sub(1).and_then(|at| lines.get(at)).unwrap_or(&"");
        let after = lines.get(at + 1).unwrap_or(&"");
        match lines[at] {
            ".br" => before.is_empty() || after.is_empty(),
            ".PP" => before.starts_with(".SH"),
            _ => false,
        }
    };
    let kept = (0..lines.len()).filter(|&at| !is_idle(at));
    kept.flat_map(|at| [lines[at], "\n"]).collect()
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
        "A request is one byte, or two, written to supervise/control. These are the words of svctl send, and \
         the bytes of each suite. A request that a suite has no byte for is refused, and nothing similar is \
         sent instead. Some bytes exist only in some versions of a suite: svctl detects the version, or is \
         told with --suite.",
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
    see_also(&mut page, &[("svctl", "(1)")]);
    page.to_roff()
}

#[test]
fn manual_pages_are_those_of_the_parser() {
    let dir = docs().join("man");
    let pages = pages();
    if std::env::var_os("UPDATE").is_some() {
        fs::create_dir_all(&dir).unwrap();
        for (name, text) in &pages {
            fs::write(dir.join(name), text).unwrap();
        }
    }
    for (name, text) in &pages {
        let kept = fs::read_to_string(dir.join(name)).unwrap_or_default();
        assert!(kept == *text, "docs/man/{name}: UPDATE=1 cargo test -p svctl --bin svctl man");
    }
    let kept = fs::read_dir(dir).unwrap().count();
    assert_eq!(kept, pages.len(), "a page in docs/man has no command");
}

/// mandoc has nothing to say of them, and every key is there.
#[test]
fn manual_pages_are_well_formed() {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if !std::env::split_paths(&path).any(|dir| dir.join("mandoc").is_file()) {
        let line = "terminal: no mandoc in PATH\n";
        let hint = "`cargo xtask setup` installs it";
        assert!(std::env::var_os("SV_ALLOW_SKIPS").is_some(), "{line}  hint: {hint}");
        eprint!("skipped: {line}");
        if let Some(file) = std::env::var_os("SV_SKIPS_FILE") {
            let mut file = fs::File::options().append(true).open(file).unwrap();
            std::io::Write::write_all(&mut file, line.as_bytes()).unwrap();
        }
        return;
    }
    for name in pages().keys() {
        let page = docs().join("man").join(name);
        let mut mandoc = std::process::Command::new("mandoc");
        let output = mandoc.args(["-T", "lint", "-W", "warning"]).arg(page).output().unwrap();
        let lint = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && lint.is_empty(), "{lint}");
    }
    let page = fs::read_to_string(docs().join("man/svcmgr.toml.5")).unwrap();
    let told = fs::read_to_string(docs().join("svcmgr.toml.md")).unwrap();
    let keys = svcmgr::build::spec::KEYS.iter().map(|key| key.path);
    // Tables are told by their parts.
    let keys: Vec<_> = keys.filter(|key| told.contains(&format!("\n| `{key}` |"))).collect();
    assert!(keys.len() > 40, "{keys:?}");
    for key in keys {
        assert!(page.contains(&format!("\\fB{}\\fR", key.replace('-', "\\-"))), "{key}");
    }
}
