//! A service directory: its files, its logger, and what its suite reads of it.

use std::path::{Path, PathBuf};

use svproto::{Dialect, cause::Severity};

use super::{
    execline,
    file::{self, Executed, Reader, Script},
    logger, s6, script,
    subject::{Role, Service},
};
use crate::{
    rule::{files, suites},
    shell, suite,
    visit::Visit,
};

/// What a whole directory has.
pub(crate) fn check(visit: &mut Visit<'_>, dir: &Path, run_is_needed: bool) {
    visit.look();
    visit.heed_file(dir);
    let names = visit.names(dir);
    let suite = suite_of(visit, dir, &names);
    let has = |name: &str| names.iter().any(|it| it == name);
    let log = dir.join("log");
    let is_log_dir = visit.world.entry(&log).is_ok_and(|it| it.is_dir());
    let is_log_file = suite == Some(Dialect::Encore)
        && visit.world.entry(&log).is_ok_and(|it| it.is_file() && it.mode & 0o111 != 0);
    let service = Service { dir, suite, is_logged: is_log_dir || is_log_file };

    let runs_without = has("start") && suite == Some(Dialect::Encore);
    let is_needed = run_is_needed && !runs_without;
    if has("run") || is_needed {
        executed(visit, &service, "run", Severity::Error, Role::Run);
    }
    if has("finish") {
        finish(visit, &service);
    }
    if suite == Some(Dialect::Encore) {
        for name in ["start", "stop", "notify"].into_iter().filter(|it| has(it)) {
            executed(visit, &service, name, Severity::Warning, Role::Other);
        }
        if is_log_file {
            executed(visit, &service, "log", Severity::Error, Role::LogRun);
        }
    }
    if has("log") && !is_log_dir && !is_log_file {
        log_is_no_directory(visit, &service);
    }
    if is_log_dir {
        of_logger(visit, &log, suite);
    }
    ignored(visit, &service, &names);
    if has("check") && matches!(suite, None | Some(Dialect::Runit)) {
        executed(visit, &service, "check", Severity::Warning, Role::Other);
    }
    if has("control") && suite == Some(Dialect::Runit) {
        controls(visit, &service);
    }
    if suite == Some(Dialect::S6) {
        s6::check(visit, dir, &names);
    }
    supervise(visit, dir);
}

/// Looks at a script, and reads it.
fn executed(
    visit: &mut Visit<'_>,
    service: &Service<'_>,
    name: &str,
    severity: Severity,
    role: Role,
) {
    let path = service.dir.join(name);
    let working_dir = service.dir;
    let shown = if role == Role::LogRun && name == "run" { "log/run" } else { name };
    let file = Executed { path: &path, name: shown, severity, working_dir };
    let Some(script) = file::check(visit, &file) else { return };
    read(visit, service, &script, role);
}

pub(crate) fn read(visit: &mut Visit<'_>, service: &Service<'_>, script: &Script, role: Role) {
    match script.reader {
        Reader::Shell => script::check(visit, service, script, role),
        Reader::Execline => execline::check(visit, service, script),
        Reader::Other => {}
    }
}

fn finish(visit: &mut Visit<'_>, service: &Service<'_>) {
    let path = service.dir.join("finish");
    match service.suite {
        Some(suite @ (Dialect::Daemontools | Dialect::Encore)) => {
            let message = format!("{suite} never runs finish");
            visit.tell(Visit::at(&suites::FINISH_IGNORED, &path, message));
        }
        _ => executed(visit, service, "finish", Severity::Warning, Role::Finish),
    }
}

fn log_is_no_directory(visit: &mut Visit<'_>, service: &Service<'_>) {
    let path = service.dir.join("log");
    if visit.world.is_missing(&path) {
        let to = visit.world.link(&path).unwrap_or_default();
        let message = format!("log is a link to {}, where nothing is", to.display());
        visit.tell(Visit::at(&suites::LINK_BROKEN, &path, message));
        return;
    }
    if let (Ok(entry), Some(suite)) = (visit.world.entry(&path), service.suite) {
        if suite == Dialect::Encore && entry.is_file() {
            // encore's own form, and it cannot be executed.
            let file = Executed {
                path: &path,
                name: "log",
                severity: Severity::Error,
                working_dir: service.dir,
            };
            let _script = file::check(visit, &file);
            return;
        }
        let message = format!("log is {}; {suite} takes a directory with run in it", entry.what());
        visit.tell(Visit::at(&suites::LOG_NOT_DIRECTORY, &path, message));
    }
}

fn of_logger(visit: &mut Visit<'_>, log: &Path, suite: Option<Dialect>) {
    let names = visit.names(log);
    let service = Service { dir: log, suite, is_logged: false };
    // Debian's packages ship an empty one, with notes of theirs beside it: log/run is made when its runit
    // copies the directory to /etc/sv.
    let is_made_later =
        names.is_empty() && log.parent().is_some_and(|it| visit.world.is_there(&it.join(".meta")));
    if names.iter().any(|it| it == "run") || !is_made_later {
        executed(visit, &service, "run", Severity::Error, Role::LogRun);
    }
    let finish = log.join("finish");
    if names.iter().any(|it| it == "finish") {
        match suite {
            Some(Dialect::Runit) => {
                let message = "runsv runs log/run alone, never log/finish";
                visit.tell(Visit::at(&suites::LOG_FINISH_IGNORED, &finish, message));
            }
            Some(Dialect::Daemontools | Dialect::Encore) => self::finish(visit, &service),
            _ => executed(visit, &service, "finish", Severity::Warning, Role::Finish),
        }
    }
    logger::directory(visit, log, &names);
    if suite == Some(Dialect::S6) {
        s6::check(visit, log, &names);
    }
    supervise(visit, log);
}

/// Files that another suite reads.
fn ignored(visit: &mut Visit<'_>, service: &Service<'_>, names: &[String]) {
    const OF_S6: [&str; 9] = [
        "notification-fd",
        "timeout-kill",
        "timeout-finish",
        "max-death-tally",
        "down-signal",
        "reload-signal",
        "lock-fd",
        "flag-newpidns",
        "flag-timeout-killpg",
    ];
    let Some(suite) = service.suite else { return };
    for name in names {
        let path = service.dir.join(name);
        let is_executable =
            || visit.world.entry(&path).is_ok_and(|it| it.is_file() && it.mode & 0o111 != 0);
        let finding = match name.as_str() {
            "check" if suite != Dialect::Runit && is_executable() => {
                Visit::at(&suites::CHECK_IGNORED, &path, format!("{suite} never runs check"))
            }
            "control"
                if suite != Dialect::Runit
                    && visit.world.entry(&path).is_ok_and(|it| it.is_dir()) =>
            {
                let message = format!("{suite} runs no script in control");
                Visit::at(&suites::CONTROL_IGNORED, &path, message)
            }
            _ if suite != Dialect::S6 && OF_S6.contains(&name.as_str()) => {
                let message = format!("{suite} does not read {name}");
                Visit::at(&suites::S6_FILE_IGNORED, &path, message)
            }
            _ => continue,
        };
        visit.tell(finding);
    }
}

/// runit's scripts for requests.
fn controls(visit: &mut Visit<'_>, service: &Service<'_>) {
    const LETTERS: [&str; 13] = ["t", "d", "u", "x", "k", "p", "c", "a", "h", "i", "q", "1", "2"];
    let dir = service.dir.join("control");
    if !visit.world.entry(&dir).is_ok_and(|it| it.is_dir()) {
        return;
    }
    for name in visit.names(&dir) {
        let path = dir.join(&name);
        if !visit.world.entry(&path).is_ok_and(|it| it.is_file()) || name.starts_with('.') {
            continue;
        }
        if LETTERS.contains(&name.as_str()) {
            executed(visit, service, &format!("control/{name}"), Severity::Warning, Role::Other);
        } else if visit.world.entry(&path).is_ok_and(|it| it.mode & 0o111 != 0) {
            let message = format!("no request runs control/{name}");
            visit.tell(Visit::at(&suites::CONTROL_NAME, &path, message));
        }
    }
}

fn supervise(visit: &mut Visit<'_>, dir: &Path) {
    let path = dir.join("supervise");
    let Ok(entry) = visit.world.entry(&path) else { return };
    if !entry.is_dir() {
        let message = format!("supervise is {}, so no supervisor can start", entry.what());
        visit.tell(Visit::at(&files::WRONG_TYPE, &path, message));
    }
}

/// One script, wherever it lies.
pub(crate) fn script(visit: &mut Visit<'_>, path: &Path) {
    visit.look();
    let dir = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let is_in_log = dir.file_name().is_some_and(|it| it == "log");
    let role = match name.as_str() {
        "run" if is_in_log => Role::LogRun,
        "run" => Role::Run,
        "finish" => Role::Finish,
        _ => Role::Other,
    };
    let names = visit.names(dir);
    let suite = suite_of(visit, dir, &names);
    let is_logged = visit.world.entry(&dir.join("log")).is_ok_and(|it| it.is_dir());
    let service = Service { dir, suite, is_logged };
    executed(visit, &service, &name, Severity::Error, role);
}

/// Whose a directory is: what was said, or what its names and the programs of its scripts say.
fn suite_of(visit: &Visit<'_>, dir: &Path, names: &[String]) -> Option<Dialect> {
    if visit.linter.suite.is_some() {
        return visit.linter.suite;
    }
    let scripts: [PathBuf; 3] = [dir.join("run"), dir.join("log/run"), dir.join("finish")];
    let mut programs = Vec::new();
    for path in &scripts {
        let Ok((bytes, _)) = visit.world.read_start(path) else { continue };
        if bytes.starts_with(b"\x7fELF") {
            continue;
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let interpreter = text.lines().next().unwrap_or_default();
        for word in interpreter.trim_start_matches("#!").split_whitespace() {
            programs.extend(word.rsplit('/').next().map(str::to_owned));
        }
        if let Some(script) = shell::read(&text) {
            for command in &script.commands {
                let skipped = usize::from(command.name() == Some("exec"));
                let words = command.words.get(skipped..).unwrap_or_default();
                let chain = shell::chain(words);
                programs.extend(chain.links.iter().map(|it| it.name.to_owned()));
            }
        }
    }
    suite::guess(names.iter().map(String::as_str), programs.iter().map(String::as_str))
}
