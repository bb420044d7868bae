//! `svctl __look DEPTH`: looks at the directories that it reads, each in a thread of its own, and says when it begins
//! and when it is done. One that does not answer holds its thread and nobody else; whoever has started this ends it
//! then (`first.rs`).

use std::{
    collections::VecDeque,
    ffi::OsString,
    fs,
    io::{self, Read, Write},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use svcmgr::{LogDir, LogFrom, LogSearch, Logs, Machine, Service};

use crate::{
    exit::Exit,
    silent::{Depth, Look},
    view::View,
};

/// More is no list of directories.
const LARGEST: u64 = 64 << 20;
/// Where nobody comes back for so long, the others are held.
const HELD: Duration = Duration::from_millis(20);
/// No more threads, however many are held.
const MOST: usize = 512;
/// Of a file or a directory, so much tells that it answers.
const SOME: u64 = 64 << 10;
const ENTRIES: usize = 1000;

pub(crate) fn run(depth: Depth) -> Exit {
    end_with_the_one_who_asks();
    let mut text = Vec::new();
    if io::stdin().take(LARGEST).read_to_end(&mut text).is_err() {
        return Exit::System;
    }
    let (machine, state) = (Machine::new(), Mutex::default());
    let all = Arc::new(All { depth, machine, state, changed: Condvar::new() });
    for (look, path) in text.split(|byte| *byte == 0).filter_map(Look::read) {
        all.add(look, path);
    }
    let mut state = all.state();
    let mut threads = 0_usize;
    while state.open > 0 {
        // One thread is enough, and twice as many each time that some are held.
        let more = threads.max(1).min(state.waiting.len()).min(MOST.saturating_sub(threads));
        for _ in 0..more {
            let its = Arc::clone(&all);
            threads += usize::from(thread::Builder::new().spawn(move || its.work()).is_ok());
        }
        let waited = all.changed.wait_timeout_while(state, HELD, |state| state.open > 0);
        state = waited.unwrap_or_else(PoisonError::into_inner).0;
    }
    Exit::Done
}

/// Nobody is left to hear of it.
#[cfg(target_os = "linux")]
fn end_with_the_one_who_asks() {
    let _goes_on_then = nix::sys::prctl::set_pdeathsig(nix::sys::signal::Signal::SIGKILL);
}

#[cfg(not(target_os = "linux"))]
fn end_with_the_one_who_asks() {}

struct All {
    depth: Depth,
    machine: Machine,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<(Look, PathBuf)>,
    /// Waiting, or begun.
    open: usize,
}

/// Says that something is done, however it ends.
struct Done<'a>(&'a All, &'a Path);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        say(b'-', self.1);
        self.0.state().open -= 1;
        self.0.changed.notify_all();
    }
}

impl All {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that is done under the lock can panic half way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, look: Look, path: PathBuf) {
        say(b'+', &path);
        let mut state = self.state();
        state.open += 1;
        state.waiting.push_back((look, path));
        drop(state);
        self.changed.notify_all();
    }

    fn next(&self) -> Option<(Look, PathBuf)> {
        self.state().waiting.pop_front()
    }

    fn work(&self) {
        while let Some((look, path)) = self.next() {
            let _done = Done(self, &path);
            match look {
                Look::All => {
                    for name in list(&path) {
                        if !name.as_bytes().starts_with(b".") {
                            self.add(Look::Service, path.join(name));
                        }
                    }
                }
                Look::List => drop(list(&path)),
                Look::Service => self.service(&path),
                Look::File => file(&path),
                Look::Built => {
                    for name in list(&path).into_iter().take(ENTRIES) {
                        drop(list(&path.join(name)));
                    }
                }
                Look::Tree => tree(&path),
            }
        }
    }

    fn service(&self, path: &Path) {
        if self.depth == Depth::Logs && LogDir::is_at(path) {
            log(path);
            return;
        }
        let Ok(service) = Service::open(path) else { return };
        let service = service.sharing(&self.machine);
        if let Ok(seen) = service.status() {
            let _asked = View::new(&service, &seen).asking(&service);
        }
        match self.depth {
            Depth::Status => (),
            Depth::Why => drop(service.explain()),
            Depth::Logs => logs(&service),
            Depth::Show => {
                let _known = (service.explain(), service.details());
                logs(&service);
            }
        }
    }
}

fn say(sign: u8, path: &Path) {
    let record = [&[sign], path.as_os_str().as_bytes(), &[0]].concat();
    let mut out = io::stdout().lock();
    // Whoever has asked may have gone.
    let _heard = out.write_all(&record).and_then(|()| out.flush());
}

fn list(path: &Path) -> Vec<OsString> {
    let _followed = fs::metadata(path);
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name()).collect()
}

fn file(path: &Path) {
    if fs::metadata(path).is_ok_and(|it| it.is_file())
        && let Ok(file) = fs::File::open(path)
    {
        let _read = io::copy(&mut file.take(SOME), &mut io::sink());
    }
}

/// Everything below a directory, so far as somebody would keep it there: not more than so many files.
fn tree(path: &Path) {
    let (mut left, mut files) = (VecDeque::from([path.to_owned()]), 0_usize);
    while let Some(path) = left.pop_front().filter(|_| files < ENTRIES) {
        files += 1;
        // A link from there to elsewhere is looked at, and not what is below it.
        if path.symlink_metadata().is_ok_and(|it| it.is_dir()) {
            left.extend(list(&path).into_iter().map(|name| path.join(name)));
        } else {
            file(&path);
        }
    }
}

fn logs(service: &Service) {
    LogSearch::new().of(service).dirs().iter().for_each(|it| log(it.path()));
}

/// As `logs` does: the list, and the last lines.
fn log(path: &Path) {
    let Ok(log) = LogDir::open(path) else { return };
    let _read = log.has_stamps();
    if let Ok(mut logs) = Logs::new()
        && logs.add(&log, LogFrom::Last(1)).is_ok()
    {
        let _line = logs.next_now();
    }
}
