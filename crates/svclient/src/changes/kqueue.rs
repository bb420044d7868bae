//! kqueue, for macOS and the BSDs: a descriptor for every directory, no names of entries, and no
//! word of a lock that is closed; so everything is looked at once a second besides.
//!
//! Type-checked on FreeBSD and both Apple targets, never run there.

use std::{
    collections::HashMap,
    fs::File,
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd},
    time::Duration,
};

use nix::{
    libc,
    sys::event::{EvFlags, EventFilter, FilterFlag, KEvent, Kqueue},
};

use super::{Dir, DirId, Hint, Place};

/// The mechanism.
pub(crate) struct Changes {
    queue: Kqueue,
    /// The watched directory, and its record where it has one: encore rewrites that in place, which
    /// the directory does not notice.
    open: HashMap<DirId, (File, Option<File>)>,
    next: i32,
}

impl Changes {
    /// How often everything must be looked at because the mechanism cannot tell all.
    #[expect(
        clippy::unused_self,
        clippy::unnecessary_wraps,
        reason = "the other mechanism can tell all, as a rule"
    )]
    pub(crate) fn look_every(&self) -> Option<Duration> {
        Some(Duration::from_secs(1))
    }

    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { queue: Kqueue::new()?, open: HashMap::new(), next: 0 })
    }

    /// From now on the descriptor is readable also when this one is. Whoever owns that empties it,
    /// and keeps it as long as this.
    pub(crate) fn join(&mut self, fd: BorrowedFd<'_>) -> io::Result<()> {
        let ident = usize::try_from(fd.as_raw_fd()).unwrap_or_default();
        let (flags, nothing) = (EvFlags::EV_ADD | EvFlags::EV_CLEAR, FilterFlag::empty());
        // No directory has this number.
        let change = KEvent::new(ident, EventFilter::EVFILT_READ, flags, nothing, 0, -1);
        self.queue.kevent(&[change], &mut [], None)?;
        Ok(())
    }

    /// Starts to watch a directory, links followed.
    pub(crate) fn watch(&mut self, dir: &Dir) -> io::Result<DirId> {
        let (path, record) = match dir {
            Dir::Service(path) | Dir::Above(path) | Dir::Events(path) => (path, None),
            Dir::Log(path) => (path, File::open(path.join("current")).ok()),
            Dir::Supervise(path) => (path, File::open(path.join("status")).ok()),
        };
        let file = File::open(path)?;
        if !file.metadata()?.is_dir() {
            return Err(io::Error::from_raw_os_error(libc::ENOTDIR));
        }
        let id = DirId(self.next);
        self.next = self.next.wrapping_add(1);
        self.register(&file, id)?;
        if let Some(record) = &record {
            self.register(record, id)?;
        }
        self.open.insert(id, (file, record));
        Ok(id)
    }

    /// The same for what is no link, where one call tells: not here.
    #[expect(clippy::unused_self, clippy::needless_pass_by_ref_mut, reason = "as on Linux")]
    pub(crate) fn watch_unless_link(&mut self, _: &Dir) -> Option<DirId> {
        None
    }

    /// Ends a watch: closing a descriptor removes its events.
    pub(crate) fn unwatch(&mut self, id: DirId) {
        self.open.remove(&id);
    }

    /// Hands over what has happened since the last call, without waiting.
    pub(crate) fn drain(&mut self, sink: &mut dyn FnMut(Hint)) -> io::Result<()> {
        let nothing =
            KEvent::new(0, EventFilter::EVFILT_VNODE, EvFlags::empty(), FilterFlag::empty(), 0, 0);
        let mut events = [nothing; 64];
        let now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        loop {
            let count = self.queue.kevent(&[], &mut events, Some(now))?;
            for event in events.iter().take(count) {
                let Ok(id) = i32::try_from(event.udata()).map(DirId) else { continue };
                if event.fflags().intersects(FilterFlag::NOTE_DELETE | FilterFlag::NOTE_REVOKE) {
                    self.open.remove(&id);
                    sink(Hint::Gone(id));
                } else {
                    sink(Hint::In(id, Place::Anything));
                }
            }
            if count < events.len() {
                return Ok(());
            }
        }
    }

    fn register(&self, file: &File, id: DirId) -> io::Result<()> {
        let ident = usize::try_from(file.as_raw_fd()).map_err(io::Error::other)?;
        let change = KEvent::new(
            ident,
            EventFilter::EVFILT_VNODE,
            EvFlags::EV_ADD | EvFlags::EV_CLEAR,
            FilterFlag::NOTE_WRITE
                | FilterFlag::NOTE_EXTEND
                | FilterFlag::NOTE_DELETE
                | FilterFlag::NOTE_RENAME
                | FilterFlag::NOTE_REVOKE,
            0,
            id.0 as isize,
        );
        self.queue.kevent(&[change], &mut [], None)?;
        Ok(())
    }
}

impl AsFd for Changes {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.queue.as_fd()
    }
}
