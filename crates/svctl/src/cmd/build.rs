//! `svctl build`: from definitions to service directories or units.

mod checked;
pub(super) mod deputy;
mod hand;
mod located;
mod older;
mod others;
pub(super) mod wire;

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use svcmgr::build::{
    Definitions, Error, ErrorKind, Language, Lossy, Options, Plan, Target,
    plan::Diff,
    spec::{Base, Finding, Findings},
};

use crate::{
    args::{Build, Made, Owner, Script},
    exit::Exit,
    json::{self, Changed, Found, Verb},
    output::{Output, printable},
    silent::Silent,
};

/// Definitions that are larger are no definitions.
const LARGEST: u64 = 16 << 20;

/// Builds, or says what it would do.
pub(crate) fn run(silent: &Silent, args: &Build, output: &mut Output) -> Exit {
    if let Some(path) = silent.paths().next() {
        let error = Silent::error(path);
        output.error(&error);
        return Exit::from(&error);
    }
    match build(args, output) {
        Ok(exit) | Err(exit) => exit,
    }
}

fn build(args: &Build, output: &mut Output) -> Result<Exit, Exit> {
    let text = read(&args.file, output)?;
    let dir = dir_of(&args.file);
    let base = dir.as_deref().map_or(Base::Unknown, Base::Said);
    let (definitions, text) = understood(&args.file, text, base, output)?;
    // clap has made sure that there is one where one is needed.
    let Some(target) = args.target.filter(|_| !args.check) else {
        return checked::run(args, &text, &definitions, output);
    };
    if args.s6_overlay && target != Target::S6Rc {
        output.message("--s6-overlay is for --to s6-rc");
        return Err(Exit::Usage);
    }
    let rendered = render(&definitions, args, target);
    let plan = planned(&args.file, &text, rendered, output)?;
    let out = args.out.as_deref();
    match out {
        Some(out) if !args.dry_run => carry_out(&args.made(), target, &plan, out, output),
        _ => {
            if output.json {
                output.json(&json::Built::dry(target.name(), &plan));
            } else {
                if let Some(Owner { uid, gid }) = args.owner {
                    output.line(&format!("everything belongs to {uid}:{gid}"));
                }
                let text = plan.to_string();
                // Gaps and notes were told above.
                let told = plan.gaps.len() + plan.notes.len();
                text.lines().skip(told).for_each(|line| output.line(line));
            }
            Ok(Exit::Done)
        }
    }
}

/// Compares or writes, with the rights of whoever the place belongs to.
pub(super) fn carry_out(
    args: &Made,
    target: Target,
    plan: &Plan,
    out: &Path,
    output: &mut Output,
) -> Result<Exit, Exit> {
    let parts = hand::parts(plan, out, args.owner).map_err(|why| {
        output.message(&why);
        Exit::Negative
    })?;
    let mut all = Found::default();
    for (owner, part) in &parts {
        // Before anything is overwritten.
        let note = |found: Found, output: &mut Output| {
            if !args.diff {
                warn(out, &found, output);
            }
            all.and(found);
        };
        match owner {
            Some(owner) => hand::over(*owner, part, out, args, output, note)?,
            None => here(args, part, out, output, note)?,
        }
    }
    all.changes.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    let differs = !all.changes.is_empty();
    if args.is_told {
        tell(args, target, plan, &all, output);
        // Of what belongs to others, nothing is opened by this process.
        let is_own = parts.iter().all(|(owner, _)| owner.is_none());
        if !args.diff && !output.quiet && is_own {
            older::tell(target, out, &all, output);
        }
    }
    Ok(if args.diff && differs { Exit::Negative } else { Exit::Done })
}

fn here(
    args: &Made,
    plan: &Plan,
    out: &Path,
    output: &mut Output,
    mut found: impl FnMut(Found, &mut Output),
) -> Result<(), Exit> {
    if args.diff {
        let diff = plan.diff(out).map_err(|error| refused(&error, output))?;
        found(Found::of(&diff, &[], true), output);
        return Ok(());
    }
    let writing = plan.begin(out).map_err(|error| refused(&error, output))?;
    if !args.adopt {
        require_own(writing.diff(), out, output)?;
    }
    found(Found::of(writing.diff(), writing.recovered(), false), output);
    writing.finish().map(drop).map_err(|error| refused(&error, output))
}

fn warn(out: &Path, found: &Found, output: &mut Output) {
    for path in &found.recovered {
        output.message(&format!("warning: ended an earlier write of {path} that did not"));
    }
    for change in found.changes.iter().filter(|change| change.foreign) {
        let path = out.join(&change.path);
        let done = if change.what == Verb::Removed { "is removed" } else { "is overwritten" };
        output.message(&format!(
            "warning: {} {done}, which somebody else made or changed",
            path.display()
        ));
    }
}

/// The definitions of a text, which comes back. What is wrong with them is told.
pub(super) fn understood(
    file: &Path,
    text: String,
    base: Base<'_>,
    output: &mut Output,
) -> Result<(Definitions, String), Exit> {
    let definitions = Definitions::from_toml_in(&text, base).map_err(|findings| {
        explain(file, &text, &findings, output);
        Exit::Negative
    })?;
    if definitions.service.is_empty() {
        output.message(&printable(&format!("{} has no service", file.display())));
        return Err(Exit::Negative);
    }
    Ok((definitions, text))
}

fn render(definitions: &Definitions, args: &Build, target: Target) -> Result<Plan, Error> {
    let language = match args.script {
        Script::Execline => Language::Execline,
        Script::Sh => Language::Sh,
    };
    let lossy = if args.lossy { Lossy::Commented } else { Lossy::Refused };
    let options = Options::new().language(language).lossy(lossy).s6_overlay(args.s6_overlay);
    if args.service.is_empty() {
        return definitions.render(target, options);
    }
    definitions.render_some(args.service.iter().map(String::as_str), target, options)
}

/// What is to be on disk. Why it cannot be, and what is left out, is told.
pub(super) fn planned(
    file: &Path,
    text: &str,
    rendered: Result<Plan, Error>,
    output: &mut Output,
) -> Result<Plan, Exit> {
    let plan = rendered.map_err(|error| match located::refused(text, &error) {
        Some(findings) => {
            explain(file, text, &findings, output);
            if error.kind() == ErrorKind::Gaps && error.hint().is_some() {
                output.hint("with --lossy these are left out, each with a comment");
            }
            Exit::Negative
        }
        None => refused(&error, output),
    })?;
    for gap in &plan.gaps {
        output.message(&printable(&format!("warning: left out: {gap}")));
    }
    if !output.quiet {
        for note in &plan.notes {
            output.message(&printable(&format!("note: {note}")));
        }
    }
    Ok(plan)
}

/// Refuses to replace what somebody else made or changed.
pub(super) fn require_own(diff: &Diff, out: &Path, output: &mut Output) -> Result<(), Exit> {
    let lost = others::lost(diff, out);
    if lost.is_empty() {
        return Ok(());
    }
    for line in &lost {
        output.message(&printable(line));
    }
    output.hint(others::HINT);
    Err(Exit::Negative)
}

pub(super) fn read(file: &Path, output: &mut Output) -> Result<String, Exit> {
    let mut bytes = Vec::new();
    let result = if file == Path::new("-") {
        std::io::stdin().take(LARGEST + 1).read_to_end(&mut bytes)
    } else {
        fs::File::open(file).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes))
    };
    if let Err(error) = result {
        output.message(&printable(&format!("cannot read {}: {error}", file.display())));
        return Err(Exit::System);
    }
    if bytes.len() as u64 > LARGEST {
        output.message(&printable(&format!("cannot use {}: it is too large", file.display())));
        return Err(Exit::Negative);
    }
    String::from_utf8(bytes).map_err(|_| {
        output.message(&printable(&format!("cannot use {}: it is not UTF-8", file.display())));
        Exit::Negative
    })
}

/// Where a file lies, without links: what relative paths of it are relative to. `None` for what has no
/// place, as standard input.
pub(super) fn dir_of(file: &Path) -> Option<PathBuf> {
    let whole = std::path::absolute(file).ok().filter(|_| file != Path::new("-"))?;
    fs::canonicalize(whole.parent()?).ok()
}

/// Every finding with the line that it is about.
pub(super) fn explain(file: &Path, text: &str, findings: &Findings, output: &mut Output) {
    let path = printable(&file.display().to_string());
    for finding in &findings.0 {
        let report = report(&path, text, finding, output.has_color());
        output.report(&report);
    }
}

fn report(path: &str, text: &str, finding: &Finding, color: bool) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() };
    let message = printable(&finding.message);
    let mut group = Group::with_title(Level::ERROR.primary_title(message));
    if let Some(span) = &finding.span {
        // A span over several lines is a whole table; its first line says enough.
        let end = text
            .get(span.bytes.clone())
            .and_then(|it| it.find('\n'))
            .map(|it| span.bytes.start + it);
        let bytes = span.bytes.start..end.unwrap_or(span.bytes.end);
        let annotation = AnnotationKind::Primary.span(bytes);
        group =
            group.element(Snippet::source(text).line_start(1).path(path).annotation(annotation));
    }
    let mut groups = vec![group];
    if let Some(help) = &finding.help {
        groups.push(Group::with_title(Level::HELP.secondary_title(printable(help))));
    }
    renderer.render(&groups)
}

pub(super) fn refused(error: &Error, output: &mut Output) -> Exit {
    // Each is a line of its own.
    for line in told(error) {
        output.message(&printable(&line));
    }
    if let Some(hint) = error.hint() {
        output.hint(hint);
    }
    match error.kind() {
        ErrorKind::Io | ErrorKind::Busy => Exit::System,
        ErrorKind::NoService => Exit::Usage,
        _ => Exit::Negative,
    }
}

/// An error and its causes, in lines.
fn told(error: &Error) -> Vec<String> {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text.lines().map(str::to_owned).collect()
}

/// What was done, or would be. A word of it may come from a process of another user.
fn tell(args: &Made, target: Target, plan: &Plan, found: &Found, output: &mut Output) {
    if output.json {
        output.json(&json::Built::new(target.name(), plan, found));
    } else if args.diff {
        found.lines.iter().for_each(|line| output.line(&printable(line)));
    } else if !output.quiet {
        for Changed { path, what, .. } in &found.changes {
            output.line(&printable(&format!("{} {path}", what.name())));
        }
        if found.changes.is_empty() {
            output.line("nothing to change");
        }
    }
}
