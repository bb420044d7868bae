//! Sources of s6-rc, and what s6-overlay makes of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use svproto::{Dialect, cause::Severity};

use super::{
    file::{self, Executed},
    service,
    subject::{Role, Service},
};
use crate::{Finding, rule::rc, visit::Visit};

/// What a source is, as its file `type` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Longrun,
    Oneshot,
    Bundle,
}

/// A name in a list, and where it stands.
struct Named {
    name: String,
    /// The text and the place in it; none for an empty file in a directory.
    location: crate::Location,
}

struct SourceDir {
    kind: Option<Kind>,
    dir: PathBuf,
    dependencies: Vec<Named>,
    contents: Vec<Named>,
    produces: Vec<Named>,
    consumes: Vec<Named>,
}

/// One source without the others: what it names is not looked for.
pub(crate) fn alone(visit: &mut Visit<'_>, dir: &Path) {
    let _source = one(visit, dir);
}

/// A directory of sources.
pub(crate) fn set(visit: &mut Visit<'_>, dir: &Path, names: &[String]) {
    let mut all: BTreeMap<String, SourceDir> = BTreeMap::new();
    for name in names.iter().filter(|it| !it.starts_with('.')) {
        let inner = dir.join(name);
        if visit.world.entry(&inner).is_ok_and(|it| it.is_dir()) {
            let source = one(visit, &inner);
            all.insert(name.clone(), source);
        }
    }
    let is_overlay = dir.ends_with("s6-overlay/s6-rc.d");
    unknown(visit, &all, is_overlay);
    circles(visit, &all);
    pipelines(visit, &all);
    if is_overlay {
        unreached(visit, &all);
    }
}

fn one(visit: &mut Visit<'_>, dir: &Path) -> SourceDir {
    visit.look();
    visit.heed_file(dir);
    let names = visit.names(dir);
    let has = |name: &str| names.iter().any(|it| it == name);
    let kind = kind(visit, dir);
    match kind {
        Some(Kind::Longrun) => longrun(visit, dir, has("run")),
        Some(Kind::Oneshot) => oneshot(visit, dir, &names),
        Some(Kind::Bundle) if !has("contents") && !has("contents.d") => {
            let message = "a bundle needs contents or contents.d";
            visit.tell(Visit::at(&rc::NO_CONTENTS, dir, message));
        }
        _ => {}
    }
    for name in [
        "timeout-up",
        "timeout-down",
        "notification-fd",
        "timeout-kill",
        "timeout-finish",
        "max-death-tally",
    ] {
        if has(name) {
            number(visit, dir, name);
        }
    }
    let dependencies = list(visit, dir, "dependencies", &names);
    let contents = list(visit, dir, "contents", &names);
    let produces = lines(visit, &dir.join("producer-for"));
    let consumes = lines(visit, &dir.join("consumer-for"));
    SourceDir { kind, dir: dir.to_owned(), dependencies, contents, produces, consumes }
}

fn kind(visit: &mut Visit<'_>, dir: &Path) -> Option<Kind> {
    let path = dir.join("type");
    if visit.world.is_missing(&path) {
        let message = "the file type is missing";
        visit.tell(Visit::at(&rc::TYPE, dir, message));
        return None;
    }
    let source = visit.read(&path)?;
    match source.text.trim_end_matches('\n') {
        "longrun" => Some(Kind::Longrun),
        "oneshot" => Some(Kind::Oneshot),
        "bundle" => Some(Kind::Bundle),
        other => {
            let shown = source.quoted(other.lines().next().unwrap_or_default());
            let message = format!("`{shown}` is none of longrun, oneshot, bundle");
            visit.tell(Finding::new(&rc::TYPE, source.first(), message));
            None
        }
    }
}

fn longrun(visit: &mut Visit<'_>, dir: &Path, has_run: bool) {
    if !has_run {
        visit.tell(Visit::at(&rc::NO_RUN, dir, "a longrun needs run"));
        return;
    }
    let service = Service { dir, suite: Some(Dialect::S6), is_logged: false };
    for (name, role, severity) in
        [("run", Role::Run, Severity::Error), ("finish", Role::Finish, Severity::Warning)]
    {
        let path = dir.join(name);
        if name == "finish" && !visit.world.is_there(&path) {
            continue;
        }
        // s6-rc-compile copies them, and makes them executable.
        let file = Executed { path: &path, name, severity, working_dir: dir };
        let before = visit.finding_count();
        let script = file::check(visit, &file);
        visit.forget_since(before, "file-not-executable");
        if let Some(script) = script {
            service::read(visit, &service, &script, role);
        }
    }
}

fn oneshot(visit: &mut Visit<'_>, dir: &Path, names: &[String]) {
    if !names.iter().any(|it| it == "up") {
        visit.tell(Visit::at(&rc::NO_UP, dir, "a oneshot needs up"));
    }
    for name in ["up", "down"] {
        let path = dir.join(name);
        if !visit.world.entry(&path).is_ok_and(|it| it.is_file()) {
            continue;
        }
        let Some(source) = visit.read(&path) else { continue };
        let first = source.first_line();
        let Some(line) = first.strip_prefix("#!") else { continue };
        let program = line.split_whitespace().next().unwrap_or_default();
        let words: Vec<_> =
            line.split_whitespace().map(|it| it.rsplit('/').next().unwrap_or_default()).collect();
        if program.is_empty() || words.contains(&"execlineb") {
            // What is written for execline is read by execline.
            continue;
        }
        let shown = source.quoted(program);
        let message = format!("{name} is read by execline, not by {shown}");
        visit.tell(Finding::new(&rc::UP_SHEBANG, source.first(), message));
    }
}

fn number(visit: &mut Visit<'_>, dir: &Path, name: &str) {
    let Some(source) = visit.read(&dir.join(name)) else { return };
    let digits = source.text.trim_end_matches('\n');
    if digits.is_empty() || !digits.bytes().all(|it| it.is_ascii_digit()) {
        let shown = source.quoted(digits.lines().next().unwrap_or_default());
        let message = format!("{name} holds `{shown}`, which is no number");
        visit.tell(Finding::new(&rc::NUMBER, source.first(), message));
    }
}

/// A list as a file, or as a directory of empty files.
fn list(visit: &mut Visit<'_>, dir: &Path, name: &str, names: &[String]) -> Vec<Named> {
    let as_directory = format!("{name}.d");
    let has = |name: &str| names.iter().any(|it| it == name);
    let mut found = Vec::new();
    if has(name) {
        found = lines(visit, &dir.join(name));
        if has(&as_directory) {
            let message = format!("{name} and {as_directory} are both there, and only one is read");
            visit.tell(Visit::at(&rc::DOUBLE, &dir.join(name), message));
        }
    }
    if has(&as_directory) {
        let inner = dir.join(&as_directory);
        for name in visit.names(&inner).into_iter().filter(|it| !it.starts_with('.')) {
            let path = inner.join(&name);
            let location = crate::Location { path, span: None };
            found.push(Named { name, location });
        }
    }
    found
}

/// The names in a file: words, `#` begins a comment.
fn lines(visit: &mut Visit<'_>, path: &Path) -> Vec<Named> {
    if !visit.world.entry(path).is_ok_and(|it| it.is_file()) {
        return Vec::new();
    }
    let Some(source) = visit.read(path) else { return Vec::new() };
    let mut found = Vec::new();
    for (from, line) in source.lines() {
        let name = line.split('#').next().unwrap_or_default().trim();
        if name.is_empty() {
            continue;
        }
        let start = from + line.find(name).unwrap_or_default();
        let location = source.at(start..start + name.len());
        found.push(Named { name: name.to_owned(), location });
    }
    found
}

/// Sources that s6-overlay brings itself.
const OF_OVERLAY: [&str; 12] = [
    "base",
    "legacy-cont-init",
    "legacy-services",
    "user",
    "user2",
    "top",
    "init-base",
    "fix-attrs",
    "s6rc-fdholder",
    "s6rc-oneshot-runner",
    "ci-service-check",
    "syslogd-overlay",
];

fn unknown(visit: &mut Visit<'_>, all: &BTreeMap<String, SourceDir>, is_overlay: bool) {
    for source in all.values() {
        for named in source.dependencies.iter().chain(&source.contents) {
            let is_of_overlay = is_overlay && OF_OVERLAY.contains(&named.name.as_str());
            if all.contains_key(&named.name) || is_of_overlay {
                continue;
            }
            let message = format!("there is no source {}", named.name);
            visit.tell(Finding::new(&rc::UNKNOWN, named.location.clone(), message));
        }
    }
}

/// What a source cannot be up without.
fn needs(source: &SourceDir) -> impl Iterator<Item = &Named> {
    source.dependencies.iter().chain(&source.contents).chain(&source.consumes)
}

fn circles(visit: &mut Visit<'_>, all: &BTreeMap<String, SourceDir>) {
    let mut told: BTreeSet<&str> = BTreeSet::new();
    for start in all.keys() {
        // Breadth first, with the way that was taken.
        let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
        let mut next = vec![start.as_str()];
        while let Some(here) = next.pop() {
            let Some(source) = all.get(here) else { continue };
            for named in needs(source) {
                let name = named.name.as_str();
                if name == start && !told.contains(name) {
                    let mut way = vec![name, here];
                    let mut at = here;
                    while let Some(before) = seen.get(at) {
                        way.push(before);
                        at = before;
                    }
                    told.extend(&way);
                    way.reverse();
                    let message = format!("a circle: {}", way.join(" needs "));
                    visit.tell(Finding::new(&rc::CYCLE, named.location.clone(), message));
                    next.clear();
                    break;
                }
                if name != start && !seen.contains_key(name) && here != name {
                    seen.insert(name, here);
                    next.push(name);
                }
            }
        }
    }
}

fn pipelines(visit: &mut Visit<'_>, all: &BTreeMap<String, SourceDir>) {
    for (name, source) in all {
        for (list, its) in [(&source.produces, false), (&source.consumes, true)] {
            for named in list {
                let (file, other_file) = if its {
                    ("consumer-for", "producer-for")
                } else {
                    ("producer-for", "consumer-for")
                };
                let Some(other) = all.get(&named.name) else {
                    let message = format!("{file} names {}, which is no source", named.name);
                    visit.tell(Finding::new(&rc::PIPELINE, named.location.clone(), message));
                    continue;
                };
                let back = if its { &other.produces } else { &other.consumes };
                if !back.iter().any(|it| it.name == *name) {
                    let message = format!("{}/{other_file} does not name {name}", named.name);
                    visit.tell(Finding::new(&rc::PIPELINE, named.location.clone(), message));
                }
            }
        }
    }
}

/// What the bundle user does not come to.
fn unreached(visit: &mut Visit<'_>, all: &BTreeMap<String, SourceDir>) {
    if !all.contains_key("user") && !all.contains_key("user2") {
        return;
    }
    let mut reached: BTreeSet<&str> = BTreeSet::new();
    let mut next = vec!["user", "user2"];
    while let Some(name) = next.pop() {
        if !reached.insert(name) {
            continue;
        }
        if let Some(source) = all.get(name) {
            next.extend(needs(source).map(|it| it.name.as_str()));
            next.extend(source.produces.iter().map(|it| it.name.as_str()));
        }
    }
    for (name, source) in all {
        if !reached.contains(name.as_str()) && source.kind != Some(Kind::Bundle) {
            let message = format!("neither user nor what it needs has {name}");
            visit.tell(Visit::at(&rc::NOT_IN_BUNDLE, &source.dir, message));
        }
    }
}

/// Scripts that s6-overlay runs at its start: `cont-init.d`.
pub(crate) fn scripts(visit: &mut Visit<'_>, dir: &Path) {
    for name in visit.names(dir) {
        let path = dir.join(&name);
        if !visit.world.entry(&path).is_ok_and(|it| it.is_file()) || name.starts_with('.') {
            continue;
        }
        service::script(visit, &path);
    }
}
