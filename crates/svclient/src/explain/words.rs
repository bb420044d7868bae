//! What logs said last: lines that tell why a program has ended.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use svproto::{Cause, Pid, UnixTime};

use super::{Certainty, file, machine};
use crate::{Service, node};

/// What a log says of the runs of now was written within this.
const RECENT: Duration = Duration::from_secs(60);
/// What is further up may be of days ago.
const LAST: usize = 8;
const TAIL: usize = 4096;

/// A line of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) path: PathBuf,
    /// The whole of it, without a label of TAI64N: what it tells of may stand at its end.
    pub(super) text: String,
    /// Nothing was written after it.
    pub(super) is_last: bool,
    /// Others write there, too.
    pub(super) is_shared: bool,
}

impl Line {
    /// As much of it as is worth showing.
    pub(super) fn shown(&self) -> String {
        self.text.chars().take(file::SHOWN).collect()
    }

    /// Whether one of these names stands in it as a word of its own.
    pub(super) fn names_one_of(&self, names: &[String]) -> bool {
        let is_of_name = |it: char| it.is_alphanumeric() || matches!(it, '-' | '_' | '.' | '@');
        let mut words = self.text.split(|it: char| !is_of_name(it));
        words.any(|word| names.iter().any(|name| word == name))
    }
}

/// Words of programs and of the system, as they stand in logs, in small letters. What names a kind of
/// fault is looked for in every line, in this order.
const PLAIN: [(Cause, &[&str]); 8] = [
    (Cause::AddressInUse, &["address already in use", "eaddrinuse", "address in use"]),
    (Cause::DiskFull, &["no space left on device", "enospc", "disk quota exceeded"]),
    (
        Cause::NoDescriptors,
        &["too many open files", "emfile", "enfile", "shared object file: error 24"],
    ),
    (
        Cause::LibraryMissing,
        &["error while loading shared libraries", "modulenotfounderror", "cannot find module"],
    ),
    (
        Cause::NoMemory,
        &["cannot allocate memory", "out of memory", "bad_alloc", "enomem", "memoryerror"],
    ),
    (Cause::NoProcesses, &["cannot fork", "can't fork", "unable to fork", "fork failed"]),
    (Cause::ReadOnly, &["read-only file system", "erofs"]),
    (Cause::SyntaxError, &["syntax error"]),
];
/// The same that programs say for other reasons as well, and go on: only of the very last line.
const LOOSE: [(Cause, &[&str]); 5] = [
    (Cause::NoVariable, &["parameter not set", "unbound variable", "parameter null or not set"]),
    (
        Cause::NoAnswer,
        &[
            "connection refused",
            "econnrefused",
            "could not resolve host",
            "name resolution",
            "name or service not known",
            "no route to host",
            "network is unreachable",
            "connection timed out",
            "i/o timeout",
            "etimedout",
            "enotfound",
        ],
    ),
    (Cause::NotPermitted, &["permission denied", "operation not permitted", "eacces", "eperm"]),
    (Cause::ProgramMissing, &[": not found", ": command not found"]),
    (Cause::FileMissing, &["no such file or directory", "enoent"]),
];

/// What the lines are a sign of, and which of them.
pub(super) fn sign(lines: &[Line]) -> Option<(Cause, &Line, Certainty)> {
    lines.iter().find_map(|line| said(&PLAIN, line))
}

/// The same of the very last, where nothing else is a reason.
pub(super) fn last_word(lines: &[Line]) -> Option<(Cause, &Line, Certainty)> {
    lines.iter().filter(|line| line.is_last).find_map(|line| said(&LOOSE, line))
}

/// What a line that tells of something missing names: the program that a shell has not found, or the
/// path that is missing now as well.
pub(super) fn missing(cause: Cause, text: &str) -> Option<String> {
    if cause == Cause::ProgramMissing {
        let before = text.strip_suffix(": command not found");
        return program_of(before.or_else(|| text.strip_suffix(": not found"))?);
    }
    let words = text.split(|it: char| it.is_whitespace() || "'\"`,()[]=".contains(it));
    let mut paths =
        words.map(|it| it.trim_end_matches([':', '.'])).filter(|it| it.starts_with('/'));
    let is_gone = |it: &&str| node::stat(Path::new(it)).is_ok_and(|it| it.is_none());
    paths.find(is_gone).map(str::to_owned)
}

fn program_of(text: &str) -> Option<String> {
    let name = text.rsplit(": ").next()?.trim();
    let is_name = !name.is_empty() && !name.contains(char::is_whitespace);
    is_name.then(|| name.to_owned())
}

/// What servers say of what others have asked them, in the words for a fault of their own.
const OF_OTHERS: [&str; 2] = ["syntax error at or near", "sql syntax"];

fn said<'a>(table: &[(Cause, &[&str])], line: &'a Line) -> Option<(Cause, &'a Line, Certainty)> {
    let text = line.text.to_ascii_lowercase();
    if OF_OTHERS.iter().any(|words| text.contains(words)) {
        return None;
    }
    let (cause, _) = table.iter().find(|(_, all)| all.iter().any(|word| text.contains(word)))?;
    Some((*cause, line, if line.is_shared { Certainty::Guess } else { Certainty::Likely }))
}

/// The last lines of a service's logs, or of where its supervisor's messages go, the newest first.
pub(super) fn last(service: &Service, supervisor: Option<Pid>) -> Vec<Line> {
    let mut all = Vec::new();
    for dir in service.logs().dirs() {
        end_of(&dir.path().join("current"), false, &mut all);
    }
    if let (true, Some(pid)) = (all.is_empty(), supervisor) {
        messages(pid, &mut all);
    }
    all
}

fn end_of(path: &Path, is_shared: bool, all: &mut Vec<Line>) {
    let changed = node::stat(path).ok().flatten().as_ref().and_then(node::changed);
    if changed.is_none_or(|it| it.elapsed(UnixTime::now()) > RECENT) {
        return;
    }
    if let Some(bytes) = file::read_end(path, TAIL) {
        take(&bytes, path, is_shared, all);
    }
}

fn take(bytes: &[u8], path: &Path, is_shared: bool, all: &mut Vec<Line>) {
    let lines =
        bytes.split(|byte| *byte == b'\n').rev().filter(|line| !line.trim_ascii().is_empty());
    for (at, line) in lines.take(LAST).enumerate() {
        let text = file::whole(without_label(line.trim_ascii()));
        all.push(Line { path: path.to_owned(), text, is_last: at == 0, is_shared });
    }
}

/// What stands behind `@` and the 24 digits of a label, which loggers put before a line.
fn without_label(line: &[u8]) -> &[u8] {
    match line.split_at_checked(25) {
        Some(([b'@', digits @ ..], [b' ', rest @ ..]))
            if digits.iter().all(u8::is_ascii_hexdigit) =>
        {
            rest
        }
        _ => line,
    }
}

/// Standard error of the supervisor, which its service has as well: a file, or the words behind `log:`
/// that `runsvdir` shows instead of its own.
fn messages(supervisor: Pid, all: &mut Vec<Line>) {
    let stderr = |pid: Pid| fs::read_link(format!("/proc/{pid}/fd/2")).ok();
    let Some(own) = stderr(supervisor) else { return };
    let above = machine::parent(supervisor).filter(|it| machine::is_scanner(*it));
    let is_shared =
        machine::has_many(supervisor) || above.is_some_and(|it| stderr(it).as_ref() == Some(&own));
    if own.is_absolute() && own.is_file() {
        end_of(&own, is_shared, all);
        return;
    }
    let Some(above) = above else { return };
    let path = PathBuf::from(format!("/proc/{above}/cmdline"));
    let words = fs::read(&path).unwrap_or_default();
    let title = words.strip_suffix(b"\0").unwrap_or(&words);
    let Some(at) = title.windows(4).position(|it| it == b"log:") else { return };
    // It is filled up with dots at its beginning.
    let said = title.get(at + 4..).unwrap_or_default();
    let dots = said.iter().take_while(|byte| matches!(byte, b'.' | b' ')).count();
    take(said.get(dots..).unwrap_or_default(), &path, true, all);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(all: &[&str]) -> Vec<Line> {
        let mut lines = Vec::new();
        take(all.join("\n").as_bytes(), Path::new("/log"), false, &mut lines);
        lines
    }

    #[test]
    fn a_line_that_names_a_fault_is_a_sign_of_it() {
        let by_any = |all: &[&str]| sign(&lines(all)).map(|it| (it.0, it.1.text.clone()));
        let by_last = |all: &[&str]| last_word(&lines(all)).map(|it| (it.0, it.1.text.clone()));
        let bind = "bind() to 0.0.0.0:80 failed (98: Address already in use)";
        let told = [bind, "still could not bind()", ""];
        assert_eq!(by_any(&told), Some((Cause::AddressInUse, bind.into())));
        let refused = "connect: Connection refused";
        assert_eq!(by_last(&["start", refused]), Some((Cause::NoAnswer, refused.into())));
        assert_eq!(by_any(&["start", refused]), None);
        // It went on after that.
        assert_eq!(by_last(&[refused, "started"]), None);
        assert_eq!(by_any(&[]), None);
        // A question of somebody's.
        assert_eq!(by_any(&["ERROR:  syntax error at or near \"SELEC\" at character 1"]), None);
        // A label, and much before the word that tells.
        let long = format!("{}: bind: Address already in use", "x".repeat(70));
        let labelled = format!("@4000000068f0e1d20f1a2b3c {long}");
        assert_eq!(by_any(&[&labelled]), Some((Cause::AddressInUse, long.clone())));
        assert_eq!(lines(&[&labelled])[0].shown(), long[..80]);
        for kept in ["@400000006 x", "@4000000068f0e1d20f1a2b3g x"] {
            assert_eq!(lines(&[kept])[0].text, kept);
        }
        let unread = "./run: 3: Syntax error: end of file unexpected";
        assert_eq!(by_any(&[unread]), Some((Cause::SyntaxError, unread.into())));
    }

    #[test]
    fn what_is_missing_is_named_by_the_line() {
        let program = |text| missing(Cause::ProgramMissing, text);
        assert_eq!(program("./run: 5: [[: not found"), Some("[[".into()));
        assert_eq!(program("./run: line 3: foo: command not found"), Some("foo".into()));
        assert_eq!(program("GET /x: page not found"), None);
        let file = |text| missing(Cause::FileMissing, text);
        let gone = Some("/nonexistent/app.conf".to_owned());
        for text in [
            "open /nonexistent/app.conf: no such file or directory",
            "[Errno 2] No such file or directory: '/nonexistent/app.conf'",
            "/bin/sh: cannot open \"/nonexistent/app.conf\": No such file or directory",
        ] {
            assert_eq!(file(text), gone, "{text}");
        }
        assert_eq!(file("open /bin/sh: No such file or directory"), None);
    }

    #[test]
    fn a_line_of_a_log_of_many_is_of_whom_it_names() {
        let line = |text: &str| lines(&[text]).remove(0);
        let names = ["web-1".to_owned(), "nginx".to_owned()];
        for its in ["nginx: [emerg] bind() failed", "s6-supervise web-1: warning: x", "[web-1]: x"]
        {
            assert!(line(its).names_one_of(&names), "{its}");
        }
        for not in ["sleep: error while loading shared libraries", "web-10: x", "nginx-old: x", ""]
        {
            assert!(!Line { text: not.into(), ..line("x") }.names_one_of(&names), "{not}");
        }
    }
}
