//! A stream that is written by a thread of its own, for programs on which services depend: a reader
//! that is behind (a terminal that was stopped, a full pipe, a slow disk) holds up nobody but that
//! thread.
//!
//! What waits for the reader is bounded. [`Aside::is_behind`] says when there is no room for more
//! than what must be said; the caller leaves out what it can and counts it. Beyond [`MOST`] nothing
//! is taken.

use std::{
    io::{self, Write},
    os::fd::{AsFd, AsRawFd as _},
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use nix::errno::Errno;

/// So many bytes may wait before a reader is behind.
const ROOM: usize = 256 * 1024;
/// No more is kept for it, whatever it is.
const MOST: usize = 4 * ROOM;
/// At the end, so long for what waits.
const LAST: Duration = Duration::from_secs(1);

/// A stream, and the thread that writes it.
pub(crate) struct Aside {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: Vec<u8>,
    /// What the thread has taken and not yet written.
    under_way: usize,
    failed: Option<Failed>,
    over: bool,
}

/// Why nothing is written any more.
#[derive(Clone, Copy)]
struct Failed {
    kind: io::ErrorKind,
    /// What the system calls it.
    code: Option<i32>,
}

impl From<Failed> for io::Error {
    fn from(Failed { kind, code }: Failed) -> Self {
        code.map_or_else(|| kind.into(), Self::from_raw_os_error)
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that is done under the lock can panic half way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    const fn behind(&self) -> usize {
        self.waiting.len() + self.under_way
    }
}

impl Aside {
    /// Takes what is for this stream from now on. No descriptor is opened for it: a supervisor that
    /// says how many services fit into its open files must not have room for fewer once it has said
    /// so.
    pub(crate) fn new(stream: impl AsFd + Send + 'static) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let its = Arc::clone(&shared);
        std::thread::Builder::new().name("output".into()).spawn(move || write(&its, &stream))?;
        Ok(Self { shared })
    }

    /// Whether the reader has enough to do: what can be left out is to be left out.
    pub(crate) fn is_behind(&self) -> bool {
        self.shared.state().behind() > ROOM
    }

    /// Waits for the reader to take what there is, but not for ever.
    pub(crate) fn drain(&self) {
        let limit = Instant::now() + LAST;
        let mut state = self.shared.state();
        while state.behind() > 0 && state.failed.is_none() {
            let left = limit.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = self.shared.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Write for Aside {
    /// Never waits. Fails if an earlier write has.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.shared.state();
        if let Some(failed) = state.failed {
            return Err(failed.into());
        }
        if state.behind() < MOST {
            state.waiting.extend_from_slice(bytes);
            self.shared.changed.notify_all();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.shared.state().failed.map_or(Ok(()), |failed| Err(failed.into()))
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        self.drain();
        // A thread that is stuck in a write ends with the process.
        self.shared.state().over = true;
        self.shared.changed.notify_all();
    }
}

fn write(shared: &Shared, stream: &impl AsFd) {
    let mut taken = Vec::new();
    loop {
        let mut state = shared.state();
        while state.waiting.is_empty() {
            if state.over {
                return;
            }
            state = shared.wait(state);
        }
        std::mem::swap(&mut taken, &mut state.waiting);
        state.under_way = taken.len();
        drop(state);
        let written = write_all(stream, &taken);
        taken.clear();
        let mut state = shared.state();
        state.under_way = 0;
        if let Err(error) = written {
            state.failed = Some(Failed { kind: error.kind(), code: error.raw_os_error() });
            state.waiting = Vec::new();
        }
        shared.changed.notify_all();
        if state.failed.is_some() {
            return;
        }
    }
}

/// Who writes to standard output has it until all of that is written: what comes from several threads is not
/// mixed within a line.
static STDOUT: Mutex<()> = Mutex::new(());

/// Writes all of it, however long that takes.
pub(crate) fn write_all(stream: &impl AsFd, mut bytes: &[u8]) -> io::Result<()> {
    let is_stdout = stream.as_fd().as_raw_fd() == io::stdout().as_raw_fd();
    let _whole = is_stdout.then(|| STDOUT.lock().unwrap_or_else(PoisonError::into_inner));
    while !bytes.is_empty() {
        match nix::unistd::write(stream, bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(Errno::EINTR) => (),
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn a_reader_that_does_not_read_holds_nobody_up_and_fills_no_memory() {
        let (reader, writer) = io::pipe().unwrap();
        let mut aside = Aside::new(writer).unwrap();
        for _ in 0..100 {
            aside.write_all(&vec![b'x'; 64 * 1024]).unwrap();
        }
        assert!(aside.is_behind());
        assert!(aside.shared.state().behind() < MOST + 64 * 1024);
        // A reader that comes back gets what was kept, and then is not behind.
        std::thread::spawn(move || io::copy(&mut { reader }, &mut io::sink()));
        aside.drain();
        assert!(!aside.is_behind());
    }

    #[test]
    fn what_was_said_is_written_whole_and_in_order() {
        let (mut reader, writer) = io::pipe().unwrap();
        let mut aside = Aside::new(writer).unwrap();
        for at in 0..1000 {
            writeln!(aside, "{at}").unwrap();
        }
        drop(aside);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert!(text.lines().map(str::parse).eq((0..1000).map(Ok::<u32, std::num::ParseIntError>)));
    }

    #[test]
    fn a_reader_that_left_is_an_error_of_the_next_write() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let mut aside = Aside::new(writer).unwrap();
        aside.write_all(b"x").unwrap();
        aside.drain();
        let error = aside.write_all(b"x").unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    }
}
