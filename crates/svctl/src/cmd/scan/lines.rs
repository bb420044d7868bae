//! What services without a logger write, line by line and with their names, to standard output. A thread does it. It
//! leaves nothing out: a service that writes more than is read waits, as it would without svctl.

use std::{
    io::{self, Read as _, Write as _},
    os::{
        fd::{AsFd as _, OwnedFd},
        unix::net::UnixStream,
    },
    sync::mpsc::{self, Receiver, Sender},
    time::Duration,
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
    unistd::read,
};
use unicode_width::UnicodeWidthStr as _;

use crate::{
    json,
    output::{aside::write_all, printable},
};

/// The thread.
pub(super) struct Lines {
    sources: Sender<Source>,
    waker: UnixStream,
    ended: Receiver<()>,
}

/// What one service writes.
struct Source {
    name: String,
    pipe: OwnedFd,
    /// The beginning of a line.
    begun: Vec<u8>,
}

/// How lines look.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    pub(super) json: bool,
    /// Nothing of a service controls the terminal.
    pub(super) terminal: bool,
    /// Of the longest name.
    pub(super) width: usize,
}

/// So much of one service is read before the others have their turn.
const PIECE: usize = 64 * 1024;

/// A longer line is written in parts, each as a line.
const LONGEST: usize = 256 * 1024;

/// Once all services have ended, so long for what they have left behind and still writes.
const LAST: Duration = Duration::from_secs(1);

impl Lines {
    /// Begins; there is nothing to read yet.
    pub(super) fn start(form: Form) -> io::Result<Self> {
        let (sources, new) = mpsc::channel();
        let (end, ended) = mpsc::channel();
        let (waker, woken) = UnixStream::pair()?;
        woken.set_nonblocking(true)?;
        std::thread::Builder::new().name("lines".into()).spawn(move || {
            relay(&new, &woken, form);
            let _heard = end.send(());
        })?;
        Ok(Self { sources, waker, ended })
    }

    /// Where a service of this name is to write.
    pub(super) fn open(&self, name: &str) -> io::Result<OwnedFd> {
        let (pipe, writer) = io::pipe()?;
        let (pipe, writer) = (OwnedFd::from(pipe), OwnedFd::from(writer));
        let source = Source { name: name.to_owned(), pipe, begun: Vec::new() };
        self.sources.send(source).map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        (&self.waker).write_all(&[0])?;
        Ok(writer)
    }

    /// Waits until all that was written is told, but not for ever.
    pub(super) fn finish(self) {
        let Self { sources, waker, ended } = self;
        drop((sources, waker));
        let _late = ended.recv_timeout(LAST);
    }
}

fn relay(new: &Receiver<Source>, woken: &UnixStream, form: Form) {
    let mut sources: Vec<Source> = Vec::new();
    let mut more = true;
    while more || !sources.is_empty() {
        let pollin = |fd| PollFd::new(fd, PollFlags::POLLIN);
        let mut fds: Vec<PollFd<'_>> = sources.iter().map(|it| pollin(it.pipe.as_fd())).collect();
        if more {
            fds.push(pollin(woken.as_fd()));
        }
        // Interrupted or not, what has something is read.
        let _ready = poll(&mut fds, PollTimeout::NONE);
        let ready: Vec<bool> = fds.iter().map(|fd| fd.any().unwrap_or(false)).collect();
        let mut text = Vec::new();
        let mut at = 0;
        sources.retain_mut(|source| {
            at += 1;
            ready.get(at - 1) != Some(&true) || source.read(form, &mut text)
        });
        // Whoever reads it may have left; services do not end with that.
        let _left = write_all(&io::stdout(), &text);
        more &= is_open(woken);
        sources.extend(new.try_iter());
    }
}

/// Whether somebody may still open something.
fn is_open(mut woken: &UnixStream) -> bool {
    loop {
        match woken.read(&mut [0; 64]) {
            Ok(0) => return false,
            Ok(_) => (),
            Err(error) => return error.kind() != io::ErrorKind::ConnectionReset,
        }
    }
}

impl Source {
    /// Whether there may be more.
    fn read(&mut self, form: Form, text: &mut Vec<u8>) -> bool {
        let mut piece = vec![0; PIECE];
        let length = match read(&self.pipe, &mut piece) {
            Ok(length) => length,
            Err(Errno::EINTR | Errno::EAGAIN) => return true,
            Err(_) => 0,
        };
        for part in piece.get(..length).unwrap_or_default().split_inclusive(|byte| *byte == b'\n') {
            self.begun.extend_from_slice(part);
            if self.begun.ends_with(b"\n") {
                self.begun.pop();
                self.tell(form, text);
            } else if self.begun.len() >= LONGEST {
                self.tell(form, text);
            }
        }
        if length == 0 && !self.begun.is_empty() {
            self.tell(form, text);
        }
        length > 0
    }

    /// The line that has been read.
    fn tell(&mut self, form: Form, text: &mut Vec<u8>) {
        let line = std::mem::take(&mut self.begun);
        if form.json {
            let line = String::from_utf8_lossy(&line);
            let service = &*self.name;
            let logged = json::Logged { service, url: None, log: None, at: None, line };
            text.extend(serde_json::to_vec(&logged).unwrap_or_default());
        } else {
            let pad = form.width.saturating_sub(self.name.width());
            text.extend(format!("{}{:pad$} | ", self.name, "").into_bytes());
            if form.terminal {
                text.extend(printable(&String::from_utf8_lossy(&line)).into_bytes());
            } else {
                text.extend(line);
            }
        }
        text.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(form: Form, written: &[u8]) -> String {
        let (pipe, writer) = io::pipe().unwrap();
        let (pipe, writer) = (OwnedFd::from(pipe), OwnedFd::from(writer));
        let mut source = Source { name: "web".into(), pipe, begun: Vec::new() };
        write_all(&writer, written).unwrap();
        drop(writer);
        let mut text = Vec::new();
        while source.read(form, &mut text) {}
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn a_line_has_its_name_and_the_last_one_needs_no_end() {
        let form = Form { json: false, terminal: false, width: 5 };
        assert_eq!(told(form, b"one\n\ntwo"), "web   | one\nweb   | \nweb   | two\n");
        assert_eq!(told(form, b"\x1b[1mbold\n"), "web   | \x1b[1mbold\n");
        let terminal = Form { terminal: true, ..form };
        assert!(!told(terminal, b"\x1b[2J\rother | x\n").contains(['\x1b', '\r']));
    }

    #[test]
    fn a_line_without_end_is_written_in_parts() {
        let (pipe, writer) = io::pipe().unwrap();
        let (pipe, writer) = (OwnedFd::from(pipe), OwnedFd::from(writer));
        let mut source = Source { name: "web".into(), pipe, begun: vec![b'x'; LONGEST] };
        write_all(&writer, b"yz\n").unwrap();
        let mut text = Vec::new();
        let form = Form { json: false, terminal: false, width: 3 };
        assert!(source.read(form, &mut text));
        let lines = String::from_utf8(text).unwrap();
        assert_eq!(lines.len(), "web | ".len() + LONGEST + "yz\n".len());
    }

    #[test]
    fn each_line_is_an_object() {
        let form = Form { json: true, terminal: false, width: 3 };
        let line: serde_json::Value = serde_json::from_str(&told(form, b"a \"b\"\xff\n")).unwrap();
        assert_eq!(line["service"], "web");
        assert_eq!(line["line"], "a \"b\"\u{fffd}");
    }
}
