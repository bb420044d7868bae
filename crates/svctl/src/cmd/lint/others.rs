//! What shellcheck and systemd-analyze say of the files that were looked at. It is theirs: it is neither
//! judged nor mended here.

use std::{
    ffi::OsStr,
    fs::File,
    io::{self, Read, Seek},
    os::{fd::AsRawFd, unix::fs::OpenOptionsExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use serde_json::Value;
use svcmgr::{Severity, UNIT_TYPES};

use crate::{args::Other, json::Said};

/// An interpreter's line is no longer than this.
const FIRST: u64 = 256;
/// So many files are given to one run. Each script is open meanwhile.
const FILES: usize = 100;

/// What a program says of those of these files that are its kind, in the order of paths and lines.
pub(crate) fn ask(other: Other, user: bool, files: &[PathBuf]) -> io::Result<Vec<Said>> {
    let mut all = Vec::new();
    match other {
        Other::Shellcheck => {
            for some in files.chunks(FILES) {
                let scripts: Vec<Script> = some.iter().filter_map(|it| Script::open(it)).collect();
                if !scripts.is_empty() {
                    all.extend(shellcheck(&scripts)?);
                }
            }
        }
        Other::SystemdAnalyze => {
            let units: Vec<&PathBuf> = files.iter().filter(|it| is_unit(it)).collect();
            for some in units.chunks(FILES) {
                all.extend(analyze(user, some)?);
            }
        }
    }
    all.sort_by(|a, b| (&a.path, a.line, a.column).cmp(&(&b.path, b.line, b.column)));
    Ok(all)
}

fn shellcheck(scripts: &[Script]) -> io::Result<Vec<Said>> {
    let mut command = Command::new(Other::Shellcheck.name());
    command.args(["--format=json1", "--"]).args(scripts.iter().map(Script::place));
    let said = command.stdin(Stdio::null()).output()?;
    let all = of_shellcheck(&said.stdout, |place| {
        let script = scripts.iter().find(|it| it.place() == place);
        script.map_or_else(|| place.into(), |it| it.path.clone())
    });
    all.ok_or_else(|| io::Error::other(String::from_utf8_lossy(&said.stderr).trim().to_owned()))
}

/// By path: a unit's name is that of its file, and what is beside it belongs to it. `docs/lint.md` says what follows.
fn analyze(user: bool, units: &[&PathBuf]) -> io::Result<Vec<Said>> {
    let mut command = Command::new(Other::SystemdAnalyze.name());
    if user {
        command.arg("--user");
    }
    let said = command.args(["--man=no", "verify", "--"]).args(units);
    let said = said.stdin(Stdio::null()).output()?;
    let text = String::from_utf8_lossy(&said.stderr).into_owned();
    Ok(text.lines().filter_map(|line| of_analyze(line, units)).collect())
}

/// A script of a shell that shellcheck knows. It is opened here, and shellcheck gets what was opened: whoever
/// may write beside it could put a FIFO in its place, which nobody would come back from, or a link to a file
/// of somebody else.
struct Script {
    path: PathBuf,
    file: File,
}

impl Script {
    fn open(path: &Path) -> Option<Self> {
        // Even to open a device can do something.
        if !path.metadata().is_ok_and(|it| it.is_file()) {
            return None;
        }
        let flags = (OFlag::O_NONBLOCK | OFlag::O_NOCTTY).bits();
        let mut file = File::options().read(true).custom_flags(flags).open(path).ok()?;
        if !file.metadata().is_ok_and(|it| it.is_file()) {
            return None;
        }
        let mut first = Vec::new();
        (&file).take(FIRST).read_to_end(&mut first).ok()?;
        file.rewind().ok()?;
        if !is_of_shell(&first) {
            return None;
        }
        // What is started next gets it; of this process that is shellcheck alone.
        fcntl(&file, FcntlArg::F_SETFD(FdFlag::empty())).ok()?;
        Some(Self { path: path.to_owned(), file })
    }

    /// Where a process that has inherited it finds it.
    fn place(&self) -> String {
        format!("/dev/fd/{}", self.file.as_raw_fd())
    }
}

/// Whether the first line names a shell that shellcheck knows.
fn is_of_shell(first: &[u8]) -> bool {
    let Some(line) = first.strip_prefix(b"#!") else { return false };
    let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let mut words = line.split_ascii_whitespace();
    let mut name = words.next().and_then(|it| it.rsplit('/').next());
    if name == Some("env") {
        name = words.find(|it| !it.starts_with('-'));
    }
    matches!(name, Some("sh" | "bash" | "dash" | "ash" | "ksh"))
}

fn is_unit(path: &Path) -> bool {
    let kind = path.extension().and_then(OsStr::to_str);
    kind.is_some_and(|kind| UNIT_TYPES.contains(&kind))
}

/// Source: the form `json1` of shellcheck 0.7 and later, as its manual has it. `path` says of which file it
/// is what shellcheck was given.
fn of_shellcheck(text: &[u8], path: impl Fn(&str) -> PathBuf) -> Option<Vec<Said>> {
    let value: Value = serde_json::from_slice(text).ok()?;
    let number = |it: &Value, name: &str| u32::try_from(it.get(name)?.as_u64()?).ok();
    let one = |it: &Value| {
        Some(Said {
            by: Other::Shellcheck.name(),
            path: path(it.get("file")?.as_str()?),
            line: number(it, "line"),
            column: number(it, "column"),
            severity: match it.get("level")?.as_str()? {
                "error" => Severity::Error,
                "warning" => Severity::Warning,
                _ => Severity::Note,
            },
            code: Some(format!("SC{}", it.get("code")?.as_u64()?)),
            text: it.get("message")?.as_str()?.to_owned(),
        })
    };
    Some(value.get("comments")?.as_array()?.iter().filter_map(one).collect())
}

/// `/etc/x.service:3: Unknown key`, `x.service: Command /y is not executable`, or another line.
fn of_analyze(line: &str, files: &[&PathBuf]) -> Option<Said> {
    let line = line.trim();
    let (before, text) = line.split_once(": ").unwrap_or(("", line));
    let (path, number) = before.rsplit_once(':').unwrap_or((before, ""));
    let number = number.parse().ok();
    let is_it = |it: &&&PathBuf| it.file_name() == Some(OsStr::new(path));
    let path = match files.iter().find(is_it) {
        Some(file) => Some((*file).clone()),
        None => path.starts_with('/').then(|| PathBuf::from(path)),
    };
    let text = if path.is_some() { text } else { line };
    (!line.is_empty()).then(|| Said {
        by: Other::SystemdAnalyze.name(),
        path: path.unwrap_or_default(),
        line: number,
        column: None,
        severity: Severity::Warning,
        code: None,
        text: text.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_systemd_analyze_is_of_a_file_or_of_none() {
        let files = [PathBuf::from("/tmp/units/web.service")];
        let files: Vec<&PathBuf> = files.iter().collect();
        let of = |line: &str| {
            let said = of_analyze(line, &files).unwrap();
            (said.path.display().to_string(), said.line, said.text)
        };
        let (path, none) = ("/tmp/units/web.service".to_owned(), String::new());
        assert_eq!(
            of("/tmp/units/web.service:3: Unknown key 'X' in section [Service], ignoring."),
            (path.clone(), Some(3), "Unknown key 'X' in section [Service], ignoring.".to_owned())
        );
        assert_eq!(
            of("web.service: Command /x is not executable: No such file or directory"),
            (path, None, "Command /x is not executable: No such file or directory".to_owned())
        );
        let other = "Failed to prepare filename web: Invalid argument";
        assert_eq!(of(other), (none, None, other.to_owned()));
        assert!(of_analyze("", &files).is_none());
    }

    #[test]
    fn what_shellcheck_says_is_taken_as_it_is() {
        let text = br#"{"comments":[{"file":"run","line":3,"endLine":3,"column":6,"endColumn":8,
            "level":"info","code":2086,"message":"Double quote","fix":null}]}"#;
        let all = of_shellcheck(text, |it| it.into()).unwrap();
        let one = all.first().unwrap();
        assert_eq!((one.line, one.column, one.severity), (Some(3), Some(6), Severity::Note));
        assert_eq!((one.code.as_deref(), &*one.text), (Some("SC2086"), "Double quote"));
        assert!(of_shellcheck(b"no such option", |it| it.into()).is_none());
    }

    /// What is exchanged after the linter has looked is neither waited for nor followed.
    #[test]
    fn only_a_regular_file_is_lent() {
        let tree = tempfile::tempdir().unwrap();
        let at = |name: &str| tree.path().join(name);
        std::fs::write(at("run"), "#!/bin/sh\nexec server\n").unwrap();
        std::fs::write(at("perl"), "#!/usr/bin/perl\n").unwrap();
        nix::unistd::mkfifo(&at("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        std::os::unix::fs::symlink("/dev/tty", at("terminal")).unwrap();
        for name in ["perl", "fifo", "terminal", "absent"] {
            assert!(Script::open(&at(name)).is_none(), "{name}");
        }
        let script = Script::open(&at("run")).unwrap();
        std::fs::remove_file(at("run")).unwrap();
        let lent = std::fs::read(script.place()).unwrap();
        assert!(lent.ends_with(b"exec server\n"), "{lent:?}");
    }
}
