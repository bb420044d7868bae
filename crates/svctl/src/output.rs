//! Where words go: data to standard output, messages to standard error. A reader that goes away
//! ends the program quietly.

pub(crate) mod aside;

use std::{
    collections::BTreeSet,
    io::{self, IsTerminal, Write},
    ops::ControlFlow,
    os::fd::{AsFd, BorrowedFd},
    path::Path,
    time::{Duration, Instant},
};

use anstyle::{AnsiColor, Style};
use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::stat::{FileStat, fstat},
};
use svcmgr::{Error, State};

use self::aside::Aside;
use crate::{
    args::{Color, Global},
    exit::Exit,
    name::must_not_be_shown,
    pieces::Pieces,
};

/// The two streams, and how to use them.
#[expect(clippy::struct_excessive_bools, reason = "options, each on its own")]
pub(crate) struct Output {
    out: io::BufWriter<Stdout>,
    /// Standard error, once it is written aside and is not what standard output is.
    messages: Option<Aside>,
    /// Messages about many services, which go out together.
    held: Option<String>,
    pub(crate) json: bool,
    pub(crate) quiet: bool,
    pub(crate) verbose: bool,
    color: bool,
    /// An array was begun.
    in_list: bool,
    reader: Reader,
    /// What was said that is said once.
    noted: BTreeSet<String>,
}

/// As many bytes as a pipe takes at once.
const AT_ONCE: usize = 64 * 1024;

/// Standard output without the buffer of std's, which looks for the end of every line.
enum Stdout {
    Direct(io::Stdout),
    Aside {
        out: Aside,
        /// Standard error is the same terminal or file: messages go in between.
        is_both: bool,
    },
}

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Direct(out) => Ok(nix::unistd::write(out, bytes)?),
            Self::Aside { out, .. } => out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Direct(_) => Ok(()),
            Self::Aside { out, .. } => out.flush(),
        }
    }
}

/// What became of whoever reads standard output.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reader {
    There,
    /// It has heard enough.
    Left,
    /// It cannot take more: a full disk, for one.
    Failed,
}

impl Output {
    pub(crate) fn new(global: &Global) -> Self {
        let color = match global.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => {
                io::stdout().is_terminal()
                    && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
                    && std::env::var_os("TERM").is_some_and(|term| term != "dumb")
            }
        };
        Self {
            out: io::BufWriter::with_capacity(AT_ONCE, Stdout::Direct(io::stdout())),
            messages: None,
            held: None,
            json: global.json,
            quiet: global.quiet,
            verbose: global.verbose,
            color,
            in_list: false,
            reader: Reader::There,
            noted: BTreeSet::new(),
        }
    }

    /// From now on no reader holds up who prints: both streams are written by threads.
    pub(crate) fn step_aside(&mut self) -> io::Result<()> {
        self.flush();
        let is_both = is_same(&io::stdout(), &io::stderr());
        let out = Aside::new(io::stdout())?;
        self.messages = (!is_both).then(|| Aside::new(io::stderr())).transpose()?;
        let out = Stdout::Aside { out, is_both };
        self.out = io::BufWriter::with_capacity(AT_ONCE, out);
        Ok(())
    }

    /// Whether the reader of standard output is behind, so that what can be left out should be.
    pub(crate) fn is_behind(&self) -> bool {
        match self.out.get_ref() {
            Stdout::Direct(_) => false,
            Stdout::Aside { out, .. } => out.is_behind(),
        }
    }

    fn complain(&mut self, line: &str) {
        if let Some(messages) = &mut self.messages {
            // Nobody is left to tell that standard error is closed.
            let _closed = writeln!(messages, "{line}");
        } else if matches!(self.out.get_ref(), Stdout::Aside { is_both: true, .. }) {
            let result = writeln!(self.out, "{line}").and_then(|()| self.out.flush());
            self.note(result);
        } else if let Some(held) = &mut self.held {
            held.push_str(line);
            held.push('\n');
            if held.len() > AT_ONCE {
                self.release();
            }
        } else {
            complain(line);
        }
    }

    /// Lines and messages about many services, in their order and in as few writes as that takes: one
    /// for each takes longer than to find them out, where a reader is woken by each.
    pub(crate) fn together(&mut self, say: impl FnOnce(&mut Self)) {
        self.held = Some(String::new());
        say(self);
        self.release();
        self.held = None;
    }

    /// Writes the messages that were held.
    fn release(&mut self) {
        if let Some(held) = self.held.as_mut().filter(|held| !held.is_empty()) {
            // Nobody is left to tell that standard error is closed.
            let _closed = io::stderr().write_all(held.as_bytes());
            held.clear();
        }
    }

    /// Prints a line of data.
    pub(crate) fn line(&mut self, line: &str) {
        self.release();
        let result = writeln!(self.out, "{line}");
        self.note(result);
    }

    /// Prints bytes as they are: several lines at once, or what moves a terminal's cursor.
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        let result = self.out.write_all(bytes);
        self.note(result);
    }

    /// Prints a line as it is.
    pub(crate) fn bytes(&mut self, line: &[u8]) {
        let result = self.out.write_all(line).and_then(|()| self.out.write_all(b"\n"));
        self.note(result);
    }

    /// Prints a value as one line of JSON.
    pub(crate) fn json(&mut self, value: &impl serde::Serialize) {
        let result = serde_json::to_writer(&mut self.out, value).map_err(io::Error::from);
        let result = result.and_then(|()| writeln!(self.out));
        self.note(result);
    }

    /// Prints a value that is JSON already as the next of an array, which is one line.
    pub(crate) fn list(&mut self, value: &Pieces) {
        let before: &[u8] = if std::mem::replace(&mut self.in_list, true) { b"," } else { b"[" };
        let result = self.out.write_all(before).and_then(|()| self.out.write_all(value.as_bytes()));
        self.note(result);
    }

    /// Ends the array, of which nothing may have been printed yet.
    pub(crate) fn end_list(&mut self) {
        let rest: &[u8] = if std::mem::take(&mut self.in_list) { b"]\n" } else { b"[]\n" };
        let result = self.out.write_all(rest);
        self.note(result);
    }

    /// Hands everything printed so far to the reader.
    pub(crate) fn flush(&mut self) {
        let result = self.out.flush();
        self.note(result);
    }

    /// Whether nobody reads any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.reader != Reader::There
    }

    fn note(&mut self, result: io::Result<()>) {
        match result {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => self.reader = Reader::Left,
            Err(error) if self.reader == Reader::There => {
                self.reader = Reader::Failed;
                self.complain(&format!("svctl: cannot write to standard output: {error}"));
            }
            Ok(()) | Err(_) => (),
        }
    }

    /// Says why something could not be done, and what to do about it.
    pub(crate) fn error(&mut self, error: &Error) {
        self.failure(error, hint_of(error).as_deref());
    }

    /// The same for an error of another layer.
    pub(crate) fn failure(&mut self, error: &dyn std::error::Error, hint: Option<&str>) {
        self.flush();
        self.complain(&format!("svctl: {}", in_full(error)));
        if let Some(hint) = hint {
            self.complain(&format!("  hint: {hint}"));
        }
    }

    /// Says what to do about what was just said.
    pub(crate) fn hint(&mut self, text: &str) {
        self.report(&format!("  hint: {}", printable(text)));
    }

    /// Says something of several lines on standard error, as it is: the caller has made it
    /// printable.
    pub(crate) fn report(&mut self, text: &str) {
        self.flush();
        self.complain(text);
    }

    /// Whether lines may have colour.
    pub(crate) const fn has_color(&self) -> bool {
        self.color
    }

    /// How many columns the terminal has that standard output is; `None` where it is none, and
    /// where nobody knows.
    pub(crate) fn width() -> Option<usize> {
        let stdout = io::stdout();
        if !stdout.is_terminal() {
            return None;
        }
        let told = terminal_size::terminal_size_of(stdout);
        let told = told.map(|(width, _)| usize::from(width.0));
        let said = || std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
        told.filter(|width| *width > 0).or_else(said).filter(|width| *width > 0)
    }

    /// Says something on standard error; what to do about it after `\n  hint: `.
    pub(crate) fn message(&mut self, text: &str) {
        const HINT: &str = "\n  hint: ";
        self.flush();
        let (text, hint) = text.split_once(HINT).unwrap_or((text, ""));
        let mark = if hint.is_empty() { "" } else { HINT };
        self.complain(&format!("svctl: {}{mark}{}", printable(text), printable(hint)));
    }

    /// Says it if it was not said before: of definitions that are read again.
    pub(crate) fn once(&mut self, text: &str) {
        if self.noted.insert(text.to_owned()) {
            self.message(text);
        }
    }

    /// A line in the colour of a state, where there may be colour.
    pub(crate) fn paint(&self, state: Option<State>, line: &str) -> String {
        if self.color { painted(state, line) } else { line.to_owned() }
    }

    /// Ends the output. A reader that went away is no failure; a full disk is.
    pub(crate) fn finish(mut self, exit: Exit) -> Exit {
        self.flush();
        if self.reader == Reader::Failed { Exit::System } else { exit }
    }
}

/// Whether two streams lead to the same place.
fn is_same(one: &impl AsFd, other: &impl AsFd) -> bool {
    let key = |stat: FileStat| (stat.st_dev, stat.st_ino, stat.st_rdev);
    match (fstat(one), fstat(other)) {
        (Ok(one), Ok(other)) => key(one) == key(other),
        _ => false,
    }
}

/// A line on standard error, as it is.
pub(crate) fn complain(line: &str) {
    // Nobody is left to tell that standard error is closed.
    let _closed = writeln!(io::stderr(), "{line}");
}

/// A line in the colour of a state; the words say the same without it.
pub(crate) fn painted(state: Option<State>, line: &str) -> String {
    let color = |color: AnsiColor| Style::new().fg_color(Some(color.into()));
    let style = match state {
        Some(State::Up | State::Ready | State::Active) => color(AnsiColor::Green),
        Some(
            State::Starting
            | State::Stopping
            | State::Finishing
            | State::Paused
            | State::New
            | State::Activating
            | State::Deactivating,
        ) => color(AnsiColor::Yellow),
        Some(State::Down | State::Exited | State::Inactive) => Style::new().dimmed(),
        _ => color(AnsiColor::Red),
    };
    format!("{style}{line}{style:#}")
}

/// Waits until a descriptor is readable, or a moment has come, or nobody reads any more: a
/// watch at rest would not notice that by writing. Whether there is something to read, of each.
pub(crate) fn wait_beside_all(
    wanted: &[BorrowedFd<'_>],
    until: Option<Instant>,
) -> ControlFlow<(), Vec<bool>> {
    let stdout = io::stdout();
    let mut fds: Vec<_> = wanted.iter().map(|fd| PollFd::new(*fd, PollFlags::POLLIN)).collect();
    // No event is asked for: the end of the reader is told all the same.
    fds.push(PollFd::new(stdout.as_fd(), PollFlags::empty()));
    let timeout = until.map_or(PollTimeout::NONE, |until| {
        let left = until.saturating_duration_since(Instant::now());
        let round_up = Duration::from_millis(u64::from(!left.is_zero()));
        let left = left + round_up;
        PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
    });
    // Interrupted or not, the caller looks again.
    let _ready = poll(&mut fds, timeout);
    match fds.pop().and_then(|reader| reader.revents()) {
        Some(events) if events.intersects(PollFlags::POLLERR | PollFlags::POLLNVAL) => {
            ControlFlow::Break(())
        }
        _ => ControlFlow::Continue(fds.iter().map(|fd| fd.any().unwrap_or(false)).collect()),
    }
}

/// An error in one line: what, where, and why.
pub(crate) fn message(error: &Error) -> String {
    in_full(error)
}

/// What to do about an error. A name that no scan directory has may be that of a unit.
pub(crate) fn hint_of(error: &Error) -> Option<String> {
    let unit = match error {
        Error::NoSuchName { name, near: None, .. } => name.to_str().and_then(unit_of),
        _ => None,
    };
    let named = |unit| format!("there is a unit of that name: `{unit}`, or `--system`");
    unit.map(named).or_else(|| error.hint())
}

/// The service unit of this name, where systemd runs this machine and has its file.
fn unit_of(name: &str) -> Option<String> {
    const DIRS: [&str; 4] = [
        "/etc/systemd/system",
        "/run/systemd/system",
        "/usr/lib/systemd/system",
        "/lib/systemd/system",
    ];
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b":_.@-".contains(&byte);
    if !name.bytes().all(is_plain) || !Path::new("/run/systemd/system").is_dir() {
        return None;
    }
    let unit = if name.ends_with(".service") { name.to_owned() } else { format!("{name}.service") };
    let template = unit.split_once('@').map(|(prefix, _)| format!("{prefix}@.service"));
    let file = template.as_ref().unwrap_or(&unit);
    DIRS.iter().any(|dir| Path::new(dir).join(file).exists()).then_some(unit)
}

/// An error of any layer in one line.
pub(crate) fn in_full(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let text = cause.to_string();
        // A layer that says the same in more words says it alone.
        if text.starts_with(&line) {
            line = text;
        } else {
            line.push_str(": ");
            line.push_str(&text);
        }
        source = cause.source();
    }
    printable(&line)
}

/// Text from outside without what could move a terminal's cursor or forge a line.
pub(crate) fn printable(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if must_not_be_shown(c) { safe.extend(c.escape_default()) } else { safe.push(c) }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_that_repeats_its_error_is_said_once() {
        #[derive(Debug)]
        struct Said(&'static str, Option<Box<Said>>);
        impl std::fmt::Display for Said {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.0)
            }
        }
        impl std::error::Error for Said {
            fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
                self.1.as_deref().map(|it| it as _)
            }
        }
        let cause = |text| Some(Box::new(Said(text, None)));
        let line = in_full(&Said("cannot read a", cause("cannot read a: it is gone")));
        assert_eq!(line, "cannot read a: it is gone");
        assert_eq!(
            in_full(&Said("cannot read a", cause("no such file"))),
            "cannot read a: no such file"
        );
    }

    #[test]
    fn names_cannot_move_the_cursor_or_forge_a_line() {
        assert_eq!(printable("a\u{1b}[2Jb\nc d"), "a\\u{1b}[2Jb\\nc d");
        assert_eq!(printable("dienst-ä"), "dienst-ä");
    }
}
