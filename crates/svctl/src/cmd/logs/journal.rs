//! What units write, by way of `journalctl -o json`: the journal's files have no other stable
//! reader. One child, an argument vector, a line of JSON for each entry.
//!
//! Source: `journalctl(1)` and `systemd.journal-fields(7)` of systemd 252; the JSON form is
//! described in "Journal Export Formats" of systemd's documentation.

use std::{
    collections::VecDeque,
    io::{self, Read},
    os::fd::{AsFd, BorrowedFd},
    process::{Child, ChildStdout, Command, Stdio},
    thread::JoinHandle,
    time::Duration,
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
};
use serde_json::{Map, Value};
use svcmgr::{LogFrom, UnixTime};

use crate::output::printable;

/// Which entries.
pub(super) struct Query {
    pub(super) units: Vec<String>,
    /// Of this user's manager.
    pub(super) user: bool,
    pub(super) from: LogFrom,
    /// Not more, and the last of them.
    pub(super) lines: Option<usize>,
    pub(super) until: Option<UnixTime>,
}

/// Where an earlier reading ended.
pub(super) enum Resume {
    /// After the entry with this cursor.
    After(String),
    /// There was none; after this moment.
    Since(UnixTime),
}

/// An entry.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// The unit that it is of, or about.
    pub(super) unit: Option<String>,
    pub(super) at: Option<UnixTime>,
    pub(super) text: Vec<u8>,
}

/// A running `journalctl`.
pub(super) struct Journal {
    child: Child,
    out: ChildStdout,
    errors: Option<JoinHandle<Vec<u8>>>,
    buffer: Vec<u8>,
    entries: VecDeque<Entry>,
    cursor: Option<String>,
    ended: bool,
}

/// What is asked of `journalctl` to be told: it leaves out the rest.
const FIELDS: &str = "--output-fields=MESSAGE,_SYSTEMD_UNIT,_SYSTEMD_USER_UNIT,UNIT,USER_UNIT,\
                      OBJECT_SYSTEMD_UNIT,OBJECT_SYSTEMD_USER_UNIT,COREDUMP_UNIT,COREDUMP_USER_UNIT";

/// About whom an entry is goes before by whom it is: the manager writes about units.
const UNIT_FIELDS: [&str; 8] = [
    "UNIT",
    "USER_UNIT",
    "OBJECT_SYSTEMD_UNIT",
    "OBJECT_SYSTEMD_USER_UNIT",
    "COREDUMP_UNIT",
    "COREDUMP_USER_UNIT",
    "_SYSTEMD_USER_UNIT",
    "_SYSTEMD_UNIT",
];

/// It leaves out what is longer than 4096 bytes, so no entry is as long.
const LONGEST: usize = 16 * 1024 * 1024;

/// No more of what it complains of is kept.
const COMPLAINTS: u64 = 4096;

impl Journal {
    /// Reads what is there, and ends.
    pub(super) fn read(query: &Query) -> io::Result<Self> {
        Self::start(&arguments(query))
    }

    /// Goes on with what comes from there on, for ever.
    pub(super) fn follow(query: &Query, resume: &Resume) -> io::Result<Self> {
        Self::start(&follow_arguments(query, resume))
    }

    fn start(arguments: &[String]) -> io::Result<Self> {
        let mut child = Command::new("journalctl")
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let missing = || io::Error::other("its output is not a pipe");
        let out = child.stdout.take().ok_or_else(missing)?;
        let errors = child.stderr.take().map(|stream| {
            std::thread::spawn(move || {
                let mut kept = Vec::new();
                let mut stream = stream.take(COMPLAINTS);
                // What was read until then is told.
                let _cut_short = stream.read_to_end(&mut kept);
                let _rest = io::copy(&mut stream.into_inner(), &mut io::sink());
                kept
            })
        });
        let (buffer, entries) = (Vec::new(), VecDeque::new());
        Ok(Self { child, out, errors, buffer, entries, cursor: None, ended: false })
    }

    /// The next entry that has been read.
    pub(super) fn next_now(&mut self) -> Option<Entry> {
        self.entries.pop_front()
    }

    /// Whether it says something, or ends, within this time.
    pub(super) fn says_something(&self, within: Duration) -> io::Result<bool> {
        if !self.entries.is_empty() || self.ended {
            return Ok(true);
        }
        let mut fds = [PollFd::new(self.out.as_fd(), PollFlags::POLLIN)];
        let timeout = PollTimeout::try_from(within).unwrap_or(PollTimeout::MAX);
        match poll(&mut fds, timeout) {
            Ok(count) => Ok(count > 0),
            Err(Errno::EINTR) => Ok(true),
            Err(errno) => Err(errno.into()),
        }
    }

    /// The next entry, waited for; `None` at the end.
    pub(super) fn next(&mut self) -> io::Result<Option<Entry>> {
        while self.entries.is_empty() && !self.ended {
            self.hear()?;
        }
        Ok(self.entries.pop_front())
    }

    /// Reads once; waits where nothing is there.
    pub(super) fn hear(&mut self) -> io::Result<()> {
        let mut piece = [0; 8 * 1024];
        let len = match self.out.read(&mut piece) {
            Ok(len) => len,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            Err(error) => return Err(error),
        };
        self.ended = len == 0;
        if self.buffer.len() > LONGEST {
            return Err(io::Error::other("it prints a line that has no end"));
        }
        self.buffer.extend(piece.get(..len).unwrap_or_default());
        let whole = self.buffer.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let lines: Vec<u8> = self.buffer.drain(..whole).collect();
        for line in lines.split(|byte| *byte == b'\n') {
            // "-- No entries --" is no entry.
            let Ok(Value::Object(fields)) = serde_json::from_slice(line) else { continue };
            if let Some(cursor) = fields.get("__CURSOR").and_then(Value::as_str) {
                self.cursor = Some(cursor.to_owned());
            }
            self.entries.extend(entries(&fields));
        }
        Ok(())
    }

    /// Whether no more will come than what has been read.
    pub(super) fn is_over(&self) -> bool {
        self.ended && self.entries.is_empty()
    }

    /// Readable when there is something to hear.
    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.out.as_fd()
    }

    /// Where to go on.
    pub(super) fn cursor(&self) -> Option<&str> {
        self.cursor.as_deref()
    }

    /// Once it is over: whether it did what it was asked, and what it said.
    pub(super) fn end(mut self) -> io::Result<(bool, String)> {
        let status = self.child.wait()?;
        let said = self.errors.take().and_then(|errors| errors.join().ok()).unwrap_or_default();
        Ok((status.success(), String::from_utf8_lossy(&said).trim().to_owned()))
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        // It may be over; a child of ours keeps its number until it is waited for.
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// What would show more of a journal than `journalctl` has shown, by what it says of itself.
///
/// Source: `journal_access_check_and_warn` in journal-util.c of systemd 252.
pub(super) fn lacks(is_done: bool, said: &str) -> Option<String> {
    if ["not seeing messages from", "insufficient permissions"].iter().any(|it| said.contains(it)) {
        return Some("the right to read the journal: root, or group systemd-journal".to_owned());
    }
    let last = said.lines().last().unwrap_or("a journal");
    (!is_done).then(|| printable(last))
}

fn arguments(query: &Query) -> Vec<String> {
    // Without `--all` what is longer than 4096 bytes is null.
    let mut all: Vec<String> =
        ["--no-pager", "--output=json", "--all", FIELDS].map(String::from).into();
    let unit = if query.user { "--user-unit=" } else { "--unit=" };
    if query.user {
        all.push("--user".to_owned());
    }
    all.extend(query.units.iter().map(|name| format!("{unit}{name}")));
    let last = match query.from {
        LogFrom::Last(count) => Some(count),
        _ => query.lines,
    };
    all.extend(last.map(|count| format!("--lines={count}")));
    if let LogFrom::Time(since) = query.from {
        all.push(format!("--since={}", moment(since)));
    }
    all.extend(query.until.map(|until| format!("--until={}", moment(until))));
    all
}

fn follow_arguments(query: &Query, resume: &Resume) -> Vec<String> {
    let (units, user, from) = (query.units.clone(), query.user, LogFrom::Start);
    let whole = Query { units, user, from, lines: None, until: None };
    let mut all = arguments(&whole);
    all.extend(["--follow".to_owned(), "--lines=all".to_owned()]);
    all.push(match resume {
        Resume::After(cursor) => format!("--after-cursor={cursor}"),
        Resume::Since(at) => format!("--since={}", moment(*at)),
    });
    all
}

/// Seconds since 1970, as `systemd.time(7)` has them; to the microsecond, which is what the journal
/// has.
fn moment(at: UnixTime) -> String {
    let secs = u64::try_from(at.secs()).unwrap_or(0);
    format!("@{secs}.{:06}", at.nanos() / 1000)
}

/// A line of text each; an entry may hold several.
fn entries(fields: &Map<String, Value>) -> Vec<Entry> {
    let unit =
        UNIT_FIELDS.into_iter().find_map(|name| fields.get(name)?.as_str()).map(str::to_owned);
    let at = fields.get("__REALTIME_TIMESTAMP").and_then(stamp);
    let Some(text) = fields.get("MESSAGE").and_then(bytes) else { return Vec::new() };
    let text = text.strip_suffix(b"\n").unwrap_or(&text);
    let lines = text.split(|byte| *byte == b'\n');
    lines.map(|line| Entry { unit: unit.clone(), at, text: line.to_vec() }).collect()
}

/// Microseconds, in digits.
fn stamp(value: &Value) -> Option<UnixTime> {
    let micros: u64 = value.as_str()?.parse().ok()?;
    let nanos = u32::try_from(micros % 1_000_000 * 1000).ok()?;
    UnixTime::new(i64::try_from(micros / 1_000_000).ok()?, nanos)
}

/// Text, or an array of bytes where it is not text; the first of several. `null` was too long.
fn bytes(value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::String(text) => Some(text.clone().into_bytes()),
        Value::Array(items) => {
            let byte = |item: &Value| u8::try_from(item.as_u64()?).ok();
            let all: Option<Vec<u8>> = items.iter().map(byte).collect();
            all.or_else(|| bytes(items.first()?))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn read(line: &str) -> Vec<Entry> {
        entries(serde_json::from_str::<Value>(line).unwrap().as_object().unwrap())
    }

    #[test]
    fn what_journalctl_may_not_show_is_told() {
        let hint = "Hint: You are currently not seeing messages from other users and the system.\n      \
                    Users in groups 'adm', 'systemd-journal' can see all messages.\n      \
                    Pass -q to turn off this notice.";
        let none = "No journal files were opened due to insufficient permissions.";
        for (is_done, said) in [(true, hint), (false, hint), (false, none), (true, none)] {
            assert!(lacks(is_done, said).unwrap().starts_with("the right to read the journal"));
        }
        assert_eq!(lacks(true, "No journal files were found."), None);
        let failed = lacks(false, "first\nFailed to open: \u{1b}no").unwrap();
        assert_eq!(failed, "Failed to open: \\u{1b}no");
    }

    #[test]
    fn a_message_is_text_or_bytes_or_several_lines() {
        let stamp = r#""__REALTIME_TIMESTAMP":"1795387890569530","_SYSTEMD_UNIT":"web.service""#;
        let texts = |message: &str| {
            let all = read(&format!(r#"{{{stamp},"MESSAGE":{message}}}"#));
            for entry in &all {
                assert_eq!(entry.unit.as_deref(), Some("web.service"));
                assert_eq!(entry.at, UnixTime::new(1_795_387_890, 569_530_000));
            }
            all.into_iter().map(|entry| entry.text).collect::<Vec<_>>()
        };
        assert_eq!(texts(r#""one\ntwo\n""#), [&b"one"[..], b"two"]);
        assert_eq!(texts("[104,255,10,105]"), [&b"h\xff"[..], b"i"]);
        assert_eq!(texts(r#"["first","second"]"#), [b"first"]);
        assert_eq!(texts(r#"[[104,105],"second"]"#), [b"hi"]);
        assert_eq!(texts("[]"), [b""]);
        assert!(texts("null").is_empty() && texts("7").is_empty() && texts("[300]").is_empty());
        assert!(read("{}").is_empty());
    }

    #[test]
    fn what_the_manager_says_of_a_unit_is_the_units() {
        let line = r#"{"MESSAGE":"Started","_SYSTEMD_UNIT":"init.scope","UNIT":"web.service"}"#;
        assert_eq!(read(line)[0].unit.as_deref(), Some("web.service"));
        assert_eq!(read(line)[0].at, None);
    }

    #[test]
    fn arguments_are_words_and_never_a_line() {
        let query = Query {
            units: vec!["a.service".into(), "b;id.service".into()],
            user: true,
            from: LogFrom::Time(UnixTime::new(7, 5_000).unwrap()),
            lines: Some(20),
            until: UnixTime::new(-3, 0),
        };
        let said = arguments(&query);
        assert_eq!(
            said[4..],
            [
                "--user",
                "--user-unit=a.service",
                "--user-unit=b;id.service",
                "--lines=20",
                "--since=@7.000005",
                "--until=@0.000000"
            ]
        );
        let said = follow_arguments(&query, &Resume::After("s=1;i=2".into()));
        assert_eq!(said[7..], ["--follow", "--lines=all", "--after-cursor=s=1;i=2"]);
    }
}
