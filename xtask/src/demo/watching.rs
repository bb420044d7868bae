//! `svctl watch` in the background: its lines are collected until it is stopped.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use super::{
    PATIENCE, PAUSE,
    supervised::{ended, terminate},
};
use crate::{command, failure::Failure};

/// How long it must print nothing to have told everything.
const QUIET: Duration = Duration::from_millis(500);

/// The process and what it has printed.
pub(super) struct Watching {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
    reader: Option<JoinHandle<()>>,
}

impl Watching {
    pub(super) fn start(mut watch: Command) -> Result<Self, Failure> {
        watch.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = watch.spawn().map_err(|why| command::not_run(&watch, &why))?;
        let lines = Arc::new(Mutex::new(Vec::new()));
        let reader = child.stdout.take().map(|output| {
            let lines = Arc::clone(&lines);
            // Ends with the process, at the end of its output.
            thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    lines.lock().unwrap_or_else(PoisonError::into_inner).push(line);
                }
            })
        });
        Ok(Self { child, lines, reader })
    }

    /// Waits until it has printed enough lines, or no longer.
    pub(super) fn until(&self, enough: impl Fn(usize) -> bool) {
        let deadline = Instant::now() + PATIENCE / 2;
        while !enough(self.printed()) && Instant::now() < deadline {
            thread::sleep(PAUSE);
        }
    }

    /// Waits until it prints nothing for a while, or no longer.
    pub(super) fn until_quiet(&self) {
        let deadline = Instant::now() + PATIENCE / 2;
        let mut last = (self.printed(), Instant::now());
        while last.1.elapsed() < QUIET && Instant::now() < deadline {
            thread::sleep(PAUSE);
            if self.printed() != last.0 {
                last = (self.printed(), Instant::now());
            }
        }
    }

    /// Ends it; the lines that it printed.
    pub(super) fn stop(self) -> Vec<String> {
        let lines = Arc::clone(&self.lines);
        drop(self);
        let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut lines)
    }

    fn printed(&self) -> usize {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = terminate(&self.child);
        if !ended(&mut self.child) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        // What it printed last is still on its way.
        self.reader.take().map(JoinHandle::join);
    }
}
