//! Listening to s6's event directory, so that a transition is told even if the next one has already
//! overwritten its record.
//!
//! A listener is a FIFO in `event/` with a name of 39 bytes. For every event the supervisor writes
//! a letter to each, removes those that nobody reads, and drops the letter where one is full. The
//! FIFO is made under another name, opened, and renamed, so that the supervisor never meets it
//! without a reader; it is kept open for writing too, so that it never ends.
//!
//! Source: `ftrigw_notifyb_nosig.c` and `ftrigw_clean.c` of s6 2.11; observed on three versions.

use std::{
    fs::{self, File},
    io::Read,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use nix::{
    errno::Errno,
    fcntl::{OFlag, open},
    sys::stat::{FchmodatFlags, Mode, fchmodat, fstat, stat},
    unistd::mkfifo,
};
use svproto::{
    Dialect, Scale, Tai64n, UnixTime, files,
    s6::event::{LISTENER_NAME_LEN, LISTENER_PREFIX, S6Event},
};

use super::{News, WatchKey, WatchSet, dirs::Who, news::Queued};
use crate::{Error, ErrorKind, changes::Dir, node};

/// A FIFO in an event directory; removed when dropped.
pub(super) struct Listener {
    path: PathBuf,
    letters: File,
    /// Never written to.
    _writer: OwnedFd,
}

impl WatchSet {
    /// Listens to the events of a service under s6 as well: each transition comes as
    /// [`News::Heard`], however soon the next one follows. Listeners that nobody reads any more are
    /// cleared away, as s6 does.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] for a key of no service and where there is no event directory (s6 makes
    /// it when it first runs), [`Error::Other`] of kind [`ErrorKind::Unsupported`] where s6 does
    /// not supervise, [`Error::Denied`] where this user may not add a listener, [`Error::Io`]. The
    /// service is watched by its record as before.
    pub fn listen(&mut self, key: WatchKey) -> Result<(), Error> {
        self.be_here()?;
        let Some(member) = self.members.get(&key) else {
            return Err(Error::NotFound { path: files::EVENT.into() });
        };
        let service = member.subject.service();
        let of_s6 = member.subject.directory().filter(|it| it.dialect() == Some(Dialect::S6));
        let Some(service) = of_s6 else {
            return Err(Error::Other {
                doing: "listen to".into(),
                name: service.name().to_string(),
                kind: ErrorKind::Unsupported,
                hint: None,
                source: "only s6 tells its transitions".into(),
            });
        };
        let events = service.handle().for_paths().join(files::EVENT);
        self.listen_in(key, &events)
    }

    /// Makes a listener there, unless that of the service is.
    pub(super) fn listen_in(&mut self, key: WatchKey, events: &Path) -> Result<(), Error> {
        self.watch(Who::Service(key), &Dir::Events(events.to_owned()))?;
        let Some(member) = self.members.get_mut(&key) else { return Ok(()) };
        if !member.listener.as_ref().is_some_and(Listener::is_there) {
            clean(events);
            member.listener = Some(Listener::new(events)?);
        }
        Ok(())
    }

    /// Takes the letters that have come.
    pub(super) fn hear_letters(&mut self, key: WatchKey) {
        let Some(member) = self.members.get_mut(&key) else { return };
        let Some(listener) = &mut member.listener else { return };
        if self.queue.len() > AT_ONCE {
            // They wait in the pipe until the caller has taken what there is.
            member.letters_left = true;
            return;
        }
        let (events, more) = listener.drain();
        member.letters_left = more;
        let subject = member.subject.clone();
        let mut seen = None;
        for event in events {
            // One look for all of them: the record tells of the last one anyway.
            let status = match seen {
                Some(status) => Ok(status),
                None => subject.status(),
            };
            seen = status.as_ref().ok().copied();
            let (news, subject) = (News::Heard(event), subject.clone());
            self.queue.push_back(Queued { key, subject, news, status });
        }
    }
}

impl Listener {
    fn new(events: &Path) -> Result<Self, Error> {
        let name = name();
        let (hidden, path) = (events.join(format!(".{name}")), events.join(name));
        let fail = |doing: &'static str, path: &Path, errno: Errno| match errno {
            Errno::ENOENT => Error::NotFound { path: events.to_owned() },
            errno => Error::os(doing, path, "write", errno),
        };
        mkfifo(&hidden, Mode::from_bits_truncate(0o600))
            .map_err(|errno| fail("make", &hidden, errno))?;
        let opened = Self::open(&hidden, &path);
        if opened.is_err() {
            // It has no other name yet, and nobody knows this one.
            let _gone = fs::remove_file(&hidden);
        }
        opened.map_err(|errno| fail("open", &path, errno))
    }

    fn open(hidden: &Path, path: &Path) -> Result<Self, Errno> {
        let flags = OFlag::O_NONBLOCK | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
        let letters = open(hidden, flags | OFlag::O_RDONLY, Mode::empty())?;
        let writer = open(hidden, flags | OFlag::O_WRONLY, Mode::empty())?;
        // The supervisor may be another user's; whatever the umask is, it must be able to write.
        let mode = Mode::from_bits_truncate(0o622);
        fchmodat(nix::fcntl::AT_FDCWD, hidden, mode, FchmodatFlags::FollowSymlink)?;
        nix::fcntl::renameat(nix::fcntl::AT_FDCWD, hidden, nix::fcntl::AT_FDCWD, path)?;
        Ok(Self { path: path.to_owned(), letters: File::from(letters), _writer: writer })
    }

    /// Whether a supervisor would find it: the directory may be another one by now.
    fn is_there(&self) -> bool {
        let found = stat(&self.path).map(|found| node::identity(&found));
        found.is_ok() && found == fstat(&self.letters).map(|own| node::identity(&own))
    }

    /// Some letters, and whether there may be more: a supervisor may write faster than this reads.
    fn drain(&mut self) -> (Vec<S6Event>, bool) {
        let mut buffer = [0; AT_ONCE];
        // An error is "nothing more" (`EAGAIN`); what else there is shows in the record.
        let count = self.letters.read(&mut buffer).unwrap_or(0);
        let heard = buffer.iter().take(count).map(|&letter| S6Event::from_byte(letter)).collect();
        (heard, count == AT_ONCE)
    }
}

/// Letters of one service that are taken before others are looked at: a page of a pipe, for a page
/// is free for others only when all of it was read.
const AT_ONCE: usize = 4096;

impl Drop for Listener {
    fn drop(&mut self) {
        // The supervisor may have been quicker.
        let _gone = fs::remove_file(&self.path);
    }
}

/// Removes listeners without a reader: those of programs that were killed.
fn clean(events: &Path) {
    let Ok(entries) = fs::read_dir(events) else { return };
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name();
        let is_listener = name.len() == LISTENER_NAME_LEN
            && name.as_encoded_bytes().starts_with(LISTENER_PREFIX.as_bytes());
        let flags = OFlag::O_WRONLY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
        let opened = is_listener.then(|| open(&entry.path(), flags, Mode::empty()));
        if matches!(opened, Some(Err(Errno::ENXIO))) {
            let _gone = fs::remove_file(entry.path());
        }
    }
}

/// A name in the form that s6's own listeners have: the time, and something of our own.
fn name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let label = Tai64n::from_unix(UnixTime::now(), Scale::LeapSeconds).unwrap_or_default();
    let own = COUNT.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37) ^ std::process::id();
    format!("ftrig1:{label}:{:06x}", own & 0x00ff_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_the_form_that_s6_looks_for_and_are_never_the_same() {
        let (one, two) = (name(), name());
        assert_eq!((one.len(), two.len()), (LISTENER_NAME_LEN, LISTENER_NAME_LEN));
        assert!(one.starts_with(LISTENER_PREFIX));
        assert_ne!(one, two);
    }

    #[test]
    fn letters_come_in_order_and_nothing_is_left_behind() {
        let tree = tempfile::tempdir().unwrap();
        let mut listener = Listener::new(tree.path()).unwrap();
        let path = listener.path.clone();
        fs::write(&path, "u").unwrap();
        fs::write(&path, "dD").unwrap();
        let letters = vec![S6Event::Up, S6Event::Died, S6Event::Down];
        assert_eq!(listener.drain(), (letters, false));
        assert_eq!(listener.drain(), (Vec::new(), false));
        clean(tree.path());
        assert!(path.exists());
        drop(listener);
        assert_eq!(fs::read_dir(tree.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_a_killed_program_left_is_cleared_away_and_nothing_else() {
        let tree = tempfile::tempdir().unwrap();
        let listener = Listener::new(tree.path()).unwrap();
        let dead = tree.path().join(name());
        mkfifo(&dead, Mode::S_IRWXU).unwrap();
        let others =
            ["short", "not-a-listener-but-of-the-same-length-x"].map(|n| tree.path().join(n));
        for other in &others {
            mkfifo(other, Mode::S_IRWXU).unwrap();
        }
        clean(tree.path());
        assert!(!dead.exists() && listener.path.exists() && others.iter().all(|o| o.exists()));
    }
}
