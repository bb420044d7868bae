//! What shellcheck and systemd-analyze say of the files that were looked at. It is theirs: it is neither
//! judged nor mended here.

use std::{
    ffi::OsStr,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::Value;
use svcmgr::{Severity, UNIT_TYPES};

use crate::{args::Other, json::Said};

/// An interpreter's line is no longer than this.
const FIRST: u64 = 256;
/// So many files are given to one run.
const FILES: usize = 500;

/// What a program says of those of these files that are its kind, in the order of paths and lines.
pub(crate) fn ask(other: Other, user: bool, files: &[PathBuf]) -> io::Result<Vec<Said>> {
    let is_its = |it: &&PathBuf| match other {
        Other::Shellcheck => is_shell(it),
        Other::SystemdAnalyze => is_unit(it),
    };
    let files: Vec<&PathBuf> = files.iter().filter(is_its).collect();
    let mut all = Vec::new();
    for some in files.chunks(FILES) {
        let mut command = Command::new(other.name());
        match other {
            Other::Shellcheck => command.args(["--format=json1", "--"]),
            Other::SystemdAnalyze if user => command.args(["--user", "--man=no", "verify", "--"]),
            Other::SystemdAnalyze => command.args(["--man=no", "verify", "--"]),
        };
        let said = command.args(some).stdin(Stdio::null()).output()?;
        match other {
            Other::Shellcheck => all.extend(of_shellcheck(&said.stdout).ok_or_else(|| {
                io::Error::other(String::from_utf8_lossy(&said.stderr).trim().to_owned())
            })?),
            Other::SystemdAnalyze => {
                let text = String::from_utf8_lossy(&said.stderr).into_owned();
                all.extend(text.lines().filter_map(|line| of_analyze(line, some)));
            }
        }
    }
    all.sort_by(|a, b| (&a.path, a.line, a.column).cmp(&(&b.path, b.line, b.column)));
    Ok(all)
}

/// Whether its first line names a shell that shellcheck knows.
fn is_shell(path: &Path) -> bool {
    let mut first = Vec::new();
    let read = File::open(path).and_then(|file| file.take(FIRST).read_to_end(&mut first));
    let Some(line) = first.strip_prefix(b"#!").filter(|_| read.is_ok()) else { return false };
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

/// Source: the form `json1` of shellcheck 0.7 and later, as its manual has it.
fn of_shellcheck(text: &[u8]) -> Option<Vec<Said>> {
    let value: Value = serde_json::from_slice(text).ok()?;
    let number = |it: &Value, name: &str| u32::try_from(it.get(name)?.as_u64()?).ok();
    let one = |it: &Value| {
        Some(Said {
            by: Other::Shellcheck.name(),
            path: it.get("file")?.as_str()?.into(),
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
        let all = of_shellcheck(text).unwrap();
        let one = all.first().unwrap();
        assert_eq!((one.line, one.column, one.severity), (Some(3), Some(6), Severity::Note));
        assert_eq!((one.code.as_deref(), &*one.text), (Some("SC2086"), "Double quote"));
        assert!(of_shellcheck(b"no such option").is_none());
    }
}
