//! `svctl show`: the whole picture of one service, on at most some screens.

use std::{
    collections::{BTreeMap, VecDeque},
    ffi::OsString,
    path::Path,
};

use svcmgr::{
    Details, FileDetails, LogFrom, LogItem, LogLine, Logs, Pid, ProcessDetails, Service,
    Supervised, UnixTime, systemd::PropertyValue,
};

use super::logs;
use crate::{
    args::Global,
    exit::Exit,
    json::{self, ShownLine},
    names::{self, Found, NoTargets},
    output::{Output, printable},
    reason::Asker,
    text,
    view::View,
};

/// So many lines of its log.
const LINES: usize = 10;
/// So many lines of a file of its definition.
const TEXT: usize = 12;

pub(crate) fn run(global: &Global, service: &OsString, output: &mut Output) -> Exit {
    let targets = match names::find(global, std::slice::from_ref(service), output) {
        Ok(targets) => targets,
        Err(NoTargets(exit)) => return exit,
    };
    let mut targets = targets.into_iter();
    let (Some(target), None) = (targets.next(), targets.next()) else {
        output.message("`show` takes one service");
        return Exit::Usage;
    };
    let looked = target.found.and_then(|found| found.status().map(|seen| (found, seen)));
    let (found, seen) = match looked {
        Ok(looked) => looked,
        Err(error) => {
            output.error(&error);
            return Exit::from(&error);
        }
    };
    let view = View::new(&*found, &seen).asking(&*found);
    let view = Asker::of(1, global.user).with_reason(&*found, view);
    let (details, lines) = match found.directory() {
        Some(directory) => (directory.details(), last_lines(directory)),
        None => of_unit(global, &found, view.pid(), output),
    };
    if output.json {
        output.json(&json::Shown::of(&view, &details, &lines));
    } else if !output.quiet {
        print(&view, &details, &lines, output);
    }
    Exit::Done
}

/// What systemd tells of a unit, beside its processes.
fn of_unit(
    global: &Global,
    found: &Found,
    main: Option<Pid>,
    output: &mut Output,
) -> (Details, Vec<ShownLine>) {
    let mut details = main.map(Details::of_process).unwrap_or_default();
    let name = found.name().to_string_lossy().into_owned();
    let status =
        names::bus(global, output).ok().and_then(|bus| bus.unit(&name).ok()?.status().wait().ok());
    if let Some(status) = status {
        let one = status.properties().get("FragmentPath").and_then(|it| it.text());
        let more =
            status.properties().get("DropInPaths").map(PropertyValue::fields).unwrap_or_default();
        let paths = one.into_iter().chain(more.iter().filter_map(|it| it.text()));
        let paths = paths.filter(|it| !it.is_empty());
        details.definition.extend(paths.filter_map(FileDetails::at));
        let group = status.properties().get("ControlGroup").and_then(|it| it.text());
        details.cgroup = group.filter(|it| !it.is_empty()).map(str::to_owned).or(details.cgroup);
    }
    let (lines, unseen) = logs::last_of_unit(&name, global.user, LINES);
    details.unseen.extend(unseen);
    (details, lines)
}

/// The last lines of all of its logs, in the order of their times.
fn last_lines(service: &Service) -> Vec<ShownLine> {
    let found = service.logs();
    let Ok(mut logs) = Logs::new() else { return Vec::new() };
    let dirs: Vec<_> = found
        .dirs()
        .iter()
        .filter(|dir| logs.add(dir, LogFrom::Last(LINES)).is_ok())
        .map(|dir| json::absolute(dir.path()))
        .collect();
    if dirs.is_empty() || logs.stop_at_present().is_err() {
        return Vec::new();
    }
    let mut last: VecDeque<ShownLine> = VecDeque::new();
    while let Ok(Some(LogLine { key, at, item, .. })) = logs.next_now() {
        let LogItem::Line(line) = item else { continue };
        let log = dirs.get(key.index()).cloned();
        let line = String::from_utf8_lossy(&line).into_owned();
        last.push_back(ShownLine { log, at: at.and_then(json::rfc3339), line });
        if last.len() > LINES {
            last.pop_front();
        }
    }
    last.into()
}

fn print(view: &View<'_>, details: &Details, lines: &[ShownLine], output: &mut Output) {
    output.line(&format!("{}: {}", view.shown(), text::summary(view)));
    if let Some(why) = view.why() {
        output.line(&format!("  {}", printable(&why)));
    }
    if let Some(path) = &view.path {
        let suite = view.status.as_ref().and_then(svcmgr::Status::suite).or(view.suite);
        let suite = suite.map(|it| format!(" ({it})")).unwrap_or_default();
        output.line(&printable(&format!("  directory: {}{suite}", path.display())));
    }
    if let Some(group) = &details.cgroup {
        output.line(&printable(&format!("  control group: {group}")));
    }
    processes(&details.processes, output);
    section(
        "listens",
        details.listening.iter().map(|(it, pid)| format!("{it} (pid {pid})")),
        output,
    );
    section("control", details.control.iter().map(|it| file(it, view.path.as_deref())), output);
    if !details.definition.is_empty() {
        output.line("  definition:");
    }
    for one in &details.definition {
        output.line(&format!("    {}", printable(&file(one, view.path.as_deref()))));
        let lines: Vec<&str> = one.text.as_deref().unwrap_or_default().lines().collect();
        for line in lines.iter().take(TEXT) {
            output.line(format!("      | {}", printable(line)).trim_end());
        }
        if lines.len() > TEXT {
            output.line(&format!("      ... {} more", text::counted(lines.len() - TEXT, "line")));
        }
    }
    let mut shown = None;
    for line in lines {
        if shown != Some(&line.log) {
            let log = line.log.as_deref().unwrap_or("the journal");
            output.line(&printable(&format!("  log: {log}")));
            shown = Some(&line.log);
        }
        let at = line.at.as_deref().and_then(|at| at.get(..19)).map(|at| format!("{at}Z "));
        output.line(&printable(&format!("    {}{}", at.unwrap_or_default(), line.line)));
    }
    for unseen in &details.unseen {
        output.line(&printable(&format!("  {unseen}")));
    }
}

fn section(name: &str, lines: impl Iterator<Item = String>, output: &mut Output) {
    for (at, line) in lines.enumerate() {
        if at == 0 {
            output.line(&format!("  {name}:"));
        }
        output.line(&format!("    {}", printable(&line)));
    }
}

/// `run  a regular file 0755 of 0:0  the service`.
fn file(it: &FileDetails, dir: Option<&Path>) -> String {
    let path = dir.and_then(|dir| it.path.strip_prefix(dir).ok()).unwrap_or(&it.path);
    let (user, group) = it.owner;
    let about = if it.about.is_empty() { String::new() } else { format!(": {}", it.about) };
    format!("{} ({} {:04o} of {user}:{group}){about}", path.display(), it.what, it.mode)
}

/// A tree, each process below whoever started it.
fn processes(all: &[ProcessDetails], output: &mut Output) {
    let mut depths: BTreeMap<Pid, usize> = BTreeMap::new();
    let line = |it: &ProcessDetails| {
        let depth = it.parent.and_then(|parent| depths.get(&parent)).map_or(0, |it| it + 1);
        depths.insert(it.pid, depth);
        let words: Vec<_> = it.command.iter().map(|it| it.to_string_lossy()).collect();
        let words: String = words.join(" ").chars().take(100).collect();
        let age = it.started.map(|at| at.elapsed(UnixTime::now()).as_secs_f64());
        let age = age.map(|age| format!(", {} old", text::span(age))).unwrap_or_default();
        let (memory, processor) = (bytes(it.memory), text::time(it.processor.as_secs_f64()));
        let role = it.role.name();
        let indent = "  ".repeat(depth.min(16));
        format!(
            "{indent}{} {words}  [{role}; {} {memory}, {processor} of processor{age}]",
            it.pid, it.state
        )
    };
    section("processes", all.iter().map(line).collect::<Vec<_>>().into_iter(), output);
}

/// `1.2 MB`.
fn bytes(count: u64) -> String {
    match count {
        0..1_000_000 => format!("{} kB", count / 1000),
        1_000_000..1_000_000_000 => format!("{}.{} MB", count / 1_000_000, count / 100_000 % 10),
        _ => format!("{}.{} GB", count / 1_000_000_000, count / 100_000_000 % 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_said_as_people_say_it() {
        let said = [0, 4096, 1_234_567, 12_300_000_000].map(bytes);
        assert_eq!(said, ["0 kB", "4 kB", "1.2 MB", "12.3 GB"]);
    }
}
