//! kqueue, for macOS and the BSDs: a descriptor for every directory, no names of entries, and no
//! word of a lock that is closed; so everything is looked at once a second besides.
//!
//! Type-checked on FreeBSD and both Apple targets, never run there.

use std::{
    collections::HashMap,
    fs::File,
    io,
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, RawFd},
        unix::fs::OpenOptionsExt,
    },
    path::Path,
    time::Duration,
};

use kqueue::{EventData, EventFilter, FilterFlag, Ident, Vnode, Watcher};
use nix::fcntl::OFlag;

use super::{Dir, DirId, EntryKind, Hint};

/// The mechanism.
pub(crate) struct Changes {
    queue: Watcher,
    /// The watched directory, and its record where it has one: encore rewrites that in place, which
    /// the directory does not notice.
    open: HashMap<DirId, (File, Option<File>)>,
    /// Whose descriptor it is.
    ids: HashMap<RawFd, DirId>,
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
        Ok(Self { queue: Watcher::new()?, open: HashMap::new(), ids: HashMap::new(), next: 0 })
    }

    /// What stands in for it while it is elsewhere. It tells nothing.
    #[expect(clippy::unused_self, reason = "as on Linux")]
    pub(crate) fn stand_in(&self) -> io::Result<Self> {
        Self::new()
    }

    /// From now on the descriptor is readable also when this one is. Whoever owns that empties it,
    /// and keeps it as long as this.
    pub(crate) fn join(&mut self, fd: BorrowedFd<'_>) -> io::Result<()> {
        self.queue.add_fd(fd.as_raw_fd(), EventFilter::EVFILT_READ, FilterFlag::empty())?;
        self.queue.watch()
    }

    /// Starts to watch a directory, links followed.
    pub(crate) fn watch(&mut self, dir: &Dir) -> io::Result<DirId> {
        let (path, record) = match dir {
            Dir::Service(path) | Dir::Above(path) | Dir::Events(path) => (path, None),
            Dir::Log(path) => (path, open_beside(&path.join("current"))),
            Dir::Supervise(path) => (path, open_beside(&path.join("status"))),
        };
        let file = open(path, OFlag::O_DIRECTORY)?;
        let id = DirId(self.next);
        self.next = self.next.wrapping_add(1);
        for file in [Some(&file), record.as_ref()].into_iter().flatten() {
            let changes = FilterFlag::NOTE_WRITE
                | FilterFlag::NOTE_EXTEND
                | FilterFlag::NOTE_DELETE
                | FilterFlag::NOTE_RENAME
                | FilterFlag::NOTE_REVOKE;
            self.queue.add_file(file, EventFilter::EVFILT_VNODE, changes)?;
            self.ids.insert(file.as_raw_fd(), id);
        }
        self.open.insert(id, (file, record));
        if let Err(error) = self.queue.watch() {
            self.unwatch(id);
            return Err(error);
        }
        Ok(id)
    }

    /// The same for what is no link, where one call tells: not here.
    #[expect(clippy::unused_self, clippy::needless_pass_by_ref_mut, reason = "as on Linux")]
    pub(crate) fn watch_unless_link(&mut self, _: &Dir) -> Option<DirId> {
        None
    }

    /// Ends a watch. The queue forgets a descriptor before it is closed: another file may have its
    /// number next.
    pub(crate) fn unwatch(&mut self, id: DirId) {
        let Some((file, record)) = self.open.remove(&id) else { return };
        for file in [Some(&file), record.as_ref()].into_iter().flatten() {
            self.ids.remove(&file.as_raw_fd());
            // One whose file is gone has left the queue by itself.
            let _gone = self.queue.remove_file(file, EventFilter::EVFILT_VNODE);
        }
    }

    /// Hands over what has happened since the last call, without waiting.
    pub(crate) fn drain(&mut self, sink: &mut dyn FnMut(Hint)) -> io::Result<()> {
        while let Some(event) = self.queue.poll(None) {
            let id = match event.ident {
                Ident::Fd(fd) => self.ids.get(&fd).copied(),
                _ => None,
            };
            match (event.data, id) {
                (EventData::Vnode(Vnode::Delete | Vnode::Revoke), Some(id)) => {
                    self.unwatch(id);
                    sink(Hint::Gone(id));
                }
                // An error of a descriptor that is no longer watched concerns nobody.
                (EventData::Error(error), _) => match error.kind() {
                    io::ErrorKind::NotFound | io::ErrorKind::Interrupted => (),
                    _ => return Err(error),
                },
                (_, Some(id)) => sink(Hint::In(id, EntryKind::Anything)),
                (_, None) => (),
            }
        }
        Ok(())
    }
}

/// A record or a log beside its directory, if there is one: no link, and nothing that would block.
fn open_beside(path: &Path) -> Option<File> {
    let file = open(path, OFlag::O_NOFOLLOW).ok()?;
    file.metadata().is_ok_and(|data| data.is_file()).then_some(file)
}

fn open(path: &Path, more: OFlag) -> io::Result<File> {
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOCTTY | more;
    File::options().read(true).custom_flags(flags.bits()).open(path)
}

impl AsFd for Changes {
    #[expect(unsafe_code, reason = "the crate lends its descriptor as a number only")]
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: the queue owns the descriptor and closes it when it is dropped, not before.
        unsafe { BorrowedFd::borrow_raw(self.queue.as_raw_fd()) }
    }
}
