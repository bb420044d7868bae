//! A program for every change, which has it as JSON on its standard input: a few at a time, the others in their order.

use std::{
    collections::VecDeque,
    ffi::{OsStr, OsString},
    io::{self, PipeReader, PipeWriter, Read, Write},
    num::NonZeroUsize,
    os::fd::{AsFd, BorrowedFd},
    process::{Command, Stdio},
    sync::mpsc::{Receiver, Sender, channel},
    thread,
};

use svcmgr::WatchEvent;

use super::view;
use crate::{
    json,
    output::{Output, printable},
};

/// So many changes are kept while the programs are behind. More are left out, and counted.
const KEPT: usize = 10_000;

/// Programs that run, and changes that are to come.
pub(super) struct Hooks {
    program: OsString,
    limit: usize,
    waiting: VecDeque<Change>,
    running: usize,
    left_out: u64,
    /// A byte for each program that has ended, to wait for.
    bell: PipeReader,
    ring: PipeWriter,
    told: (Sender<Ended>, Receiver<Ended>),
}

struct Change {
    service: String,
    json: Vec<u8>,
}

/// What came of a program that is not as it should be.
type Ended = Option<String>;

impl Hooks {
    pub(super) fn of(program: &OsStr, limit: NonZeroUsize) -> io::Result<Self> {
        let (bell, ring) = io::pipe()?;
        Ok(Self {
            program: program.to_owned(),
            limit: limit.get(),
            waiting: VecDeque::new(),
            running: 0,
            left_out: 0,
            bell,
            ring,
            told: channel(),
        })
    }

    /// Readable when a program has ended.
    pub(super) fn ended(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }

    /// Takes a change.
    pub(super) fn take(&mut self, event: &WatchEvent, output: &mut Output) {
        if self.waiting.len() >= KEPT {
            if self.left_out == 0 {
                output
                    .message("the program of --exec is too slow: changes are left out from now on");
            }
            self.left_out += 1;
            return;
        }
        let view = view(event);
        let line = json::Line::of(&view, event.seq, event.news.name());
        let json = serde_json::to_vec(&line).unwrap_or_default();
        self.waiting.push_back(Change { service: view.shown().to_owned(), json });
        self.go_on(output);
    }

    /// Hears what has ended, and starts as many more as may run.
    pub(super) fn go_on(&mut self, output: &mut Output) {
        while let Ok(ended) = self.told.1.try_recv() {
            self.hear(ended, output);
            // There is a byte for each that was told.
            let _byte = self.bell.read(&mut [0]);
        }
        if self.left_out > 0 && self.waiting.len() < KEPT {
            let left_out = crate::text::count(std::mem::take(&mut self.left_out));
            output.message(&format!("{left_out} changes were left out before this"));
        }
        while self.running < self.limit {
            let Some(change) = self.waiting.pop_front() else { return };
            self.start(change);
        }
    }

    /// Waits for what is still to be done: no change is lost because the reader of the output has gone.
    pub(super) fn finish(&mut self, output: &mut Output) {
        self.go_on(output);
        while self.running > 0 {
            let Ok(ended) = self.told.1.recv() else { return };
            self.hear(ended, output);
            self.go_on(output);
        }
    }

    fn hear(&mut self, ended: Ended, output: &mut Output) {
        self.running = self.running.saturating_sub(1);
        if let Some(why) = ended {
            output.message(&why);
        }
    }

    fn start(&mut self, change: Change) {
        self.running += 1;
        let (program, told) = (self.program.clone(), self.told.0.clone());
        let ring = self.ring.try_clone();
        let run = move || {
            let ended = run(&program, &change).map(|why| {
                let program = printable(&program.to_string_lossy());
                format!("{program}, for a change of {}: {why}", change.service)
            });
            // Both only fail where nobody waits any more.
            let _gone = told.send(ended);
            let _gone = ring.and_then(|mut ring| ring.write_all(b"."));
        };
        if let Err(error) = thread::Builder::new().spawn(run) {
            let _gone =
                self.told.0.send(Some(format!("cannot run the program of --exec: {error}")));
            let _gone = self.ring.write_all(b".");
        }
    }
}

/// Runs it, and says what is wrong.
fn run(program: &OsStr, change: &Change) -> Option<String> {
    let mut command = Command::new(program);
    command.stdin(Stdio::piped()).stdout(Stdio::null());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return Some(format!("cannot be started: {error}")),
    };
    if let Some(mut input) = child.stdin.take() {
        // One that reads nothing may end before all is written.
        let _unread = input.write_all(&change.json).and_then(|()| input.write_all(b"\n"));
    }
    match child.wait() {
        Ok(status) if status.success() => None,
        Ok(status) => Some(status.to_string()),
        Err(error) => Some(error.to_string()),
    }
}
