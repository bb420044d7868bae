//! inotify: one instance for all directories, by name of the entry, no timers.
//!
//! All but encore publish a record by renaming it (`IN_MOVED_TO`); encore writes in place
//! (`IN_MODIFY`). When a supervisor ends, even by SIGKILL, the kernel closes its lock
//! (`IN_CLOSE_WRITE`). The watch is put on the directory: one on the file would end at the first
//! rename.

use std::{
    ffi::OsStr,
    io,
    os::{
        fd::{AsFd, BorrowedFd},
        unix::ffi::OsStrExt,
    },
    path::Path,
    time::Duration,
};

use inotify::{EventMask, Inotify, WatchDescriptor, WatchMask};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags};

use super::{Dir, DirId, EntryKind, Hint};

/// The mechanism.
pub(crate) struct Changes {
    /// `None` where this user has no instance left.
    inotify: Option<Inotify>,
    /// A directory could not be watched, so what happens there must be looked for.
    blind: bool,
    /// Made when another descriptor joins; it becomes readable when one of them does.
    joined: Option<Epoll>,
    /// What is read goes here; made once, so that it is not cleared for each event.
    buffer: Vec<u8>,
    /// Needed to end a watch; the crate offers no way from the number back.
    descriptors: std::collections::HashMap<DirId, WatchDescriptor>,
}

impl Changes {
    pub(crate) fn new() -> io::Result<Self> {
        let descriptors = std::collections::HashMap::new();
        let (inotify, joined) = match Inotify::init() {
            Ok(inotify) => (Some(inotify), None),
            // Instances are scarce; a process without descriptors gets no epoll either.
            Err(error) if error.raw_os_error() == Some(nix::libc::EMFILE) => {
                (None, Some(Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?))
            }
            Err(error) => return Err(error),
        };
        let buffer = vec![0; BUFFER];
        Ok(Self { blind: inotify.is_none(), inotify, joined, buffer, descriptors })
    }

    /// What stands in for it while it is elsewhere: it tells nothing, and its descriptor is the
    /// same.
    pub(crate) fn stand_in(&self) -> io::Result<Self> {
        let joined = Some(Epoll(self.as_fd().try_clone_to_owned()?));
        let descriptors = std::collections::HashMap::new();
        Ok(Self { inotify: None, blind: false, joined, buffer: Vec::new(), descriptors })
    }

    /// How often everything must be looked at because the mechanism cannot tell all.
    pub(crate) fn look_every(&self) -> Option<Duration> {
        self.blind.then_some(BLIND)
    }

    /// From now on the descriptor is readable also when this one is. Whoever owns that empties it,
    /// and keeps it as long as this.
    pub(crate) fn join(&mut self, fd: BorrowedFd<'_>) -> io::Result<()> {
        if self.joined.is_none() {
            let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
            if let Some(inotify) = &self.inotify {
                epoll.add(inotify, EpollEvent::new(EpollFlags::EPOLLIN, 0))?;
            }
            self.joined = Some(epoll);
        }
        let event = EpollEvent::new(EpollFlags::EPOLLIN, 0);
        self.joined.as_ref().map_or(Ok(()), |epoll| Ok(epoll.add(fd, event)?))
    }

    /// Starts to watch a directory, links followed. The same directory has the same number.
    pub(crate) fn watch(&mut self, dir: &Dir) -> io::Result<DirId> {
        match self.add(dir.path(), mask(dir)) {
            Some(Ok(id)) => Ok(id),
            Some(Err(error)) if error.raw_os_error() != Some(nix::libc::ENOSPC) => Err(error),
            // No watch is left. That the directory is there and may be read counts all the same.
            Some(Err(_)) | None => {
                std::fs::read_dir(dir.path())?;
                self.blind = true;
                Ok(UNSEEN)
            }
        }
    }

    /// The same for what is no link; `None` for a link, and for whatever else goes wrong. One call
    /// tells both.
    pub(crate) fn watch_unless_link(&mut self, dir: &Dir) -> Option<DirId> {
        // A slash at the end would mean the target.
        let path = dir.path().components();
        self.add(path.as_path(), mask(dir) | WatchMask::DONT_FOLLOW)?.ok()
    }

    fn add(&mut self, path: &Path, mask: WatchMask) -> Option<io::Result<DirId>> {
        let added = self.inotify.as_ref()?.watches().add(path, mask);
        Some(added.map(|descriptor| {
            let id = DirId(descriptor.get_watch_descriptor_id());
            self.descriptors.insert(id, descriptor);
            id
        }))
    }

    /// Ends a watch. One that ended by itself is no error.
    pub(crate) fn unwatch(&mut self, id: DirId) {
        if let Some(descriptor) = self.descriptors.remove(&id) {
            // The kernel's only complaint is that it is gone already.
            let _gone = self.inotify.as_ref().map(|it| it.watches().remove(descriptor));
        }
    }

    /// Hands over what has happened since the last call, without waiting; in a storm not all of it,
    /// and then the descriptor stays readable.
    pub(crate) fn drain(&mut self, sink: &mut dyn FnMut(Hint)) -> io::Result<()> {
        let Some(inotify) = &mut self.inotify else { return Ok(()) };
        for _ in 0..READS {
            let events = match inotify.read_events(&mut self.buffer) {
                Ok(events) => events,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let mut taken = 0;
            for event in events {
                taken +=
                    HEADER + event.name.map_or(0, |name| name.len() + 1).next_multiple_of(HEADER);
                let id = DirId(event.wd.get_watch_descriptor_id());
                if event.mask.contains(EventMask::Q_OVERFLOW) {
                    sink(Hint::Overflow);
                } else if event.mask.contains(EventMask::IGNORED) {
                    self.descriptors.remove(&id);
                    sink(Hint::Gone(id));
                } else if event.mask.contains(EventMask::MOVE_SELF) {
                    sink(Hint::In(id, EntryKind::Layout));
                } else if let Some(kind) = event.name.and_then(|name| entry_kind(name, event.mask))
                {
                    sink(Hint::In(id, kind));
                }
            }
            // There was room for one more, so there was none: the kernel need not be asked to say
            // so.
            if taken + LARGEST <= BUFFER {
                return Ok(());
            }
        }
        Ok(())
    }
}

impl AsFd for Changes {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match (&self.joined, &self.inotify) {
            (Some(epoll), _) => epoll.0.as_fd(),
            (None, Some(inotify)) => inotify.as_fd(),
            // There is one of the two; standard input would be readable too often at worst.
            (None, None) => nix::fcntl::AT_FDCWD,
        }
    }
}

/// Some five hundred events with the name of a record.
const BUFFER: usize = 16 * 1024;

/// What the kernel keeps for one instance (16,384 events) is read by less, if its names are short.
const READS: usize = 64;

/// An event without a name. A name is filled up with zeros, one at least, to a multiple of this.
///
/// Source: `inotify(7)`, and `round_event_name_len` in Linux's `fs/notify/inotify/inotify_user.c`.
const HEADER: usize = 16;

/// An event with the longest name (`NAME_MAX`).
const LARGEST: usize = HEADER + 256;

/// What is to be told of a directory.
fn mask(dir: &Dir) -> WatchMask {
    let mask = match dir {
        Dir::Service(_) | Dir::Above(_) => ENTRIES,
        Dir::Supervise(_) => {
            WatchMask::MOVED_TO
                | WatchMask::MODIFY
                | WatchMask::CLOSE_WRITE
                | WatchMask::DELETE_SELF
                | WatchMask::MOVE_SELF
        }
        // s6 opens a listener for every event; what is written to a FIFO is not told.
        Dir::Events(_) => WatchMask::CLOSE_WRITE,
        Dir::Log(_) => ENTRIES | WatchMask::MODIFY,
    };
    // Two roles may meet on one directory, so a mask is added to, never replaced.
    mask | WatchMask::ONLYDIR | WatchMask::MASK_ADD
}

/// Between two looks, where nobody tells.
const BLIND: Duration = Duration::from_millis(100);

/// Directories that could not be watched.
const UNSEEN: DirId = DirId(-1);

/// Entries that come and go.
const ENTRIES: WatchMask = WatchMask::CREATE
    .union(WatchMask::DELETE)
    .union(WatchMask::MOVE)
    .union(WatchMask::DELETE_SELF)
    .union(WatchMask::MOVE_SELF);

/// `None` for what changes nothing that is reported: most of what is written to a control FIFO or
/// beside a record.
fn entry_kind(name: &OsStr, mask: EventMask) -> Option<EntryKind> {
    let written = mask.intersects(EventMask::MOVED_TO | EventMask::MODIFY);
    match name.as_bytes() {
        name if name.starts_with(b"ftrig1:") => Some(EntryKind::Letters),
        b"status" if written => Some(EntryKind::Status),
        b"current" if written => Some(EntryKind::Line),
        b"lock" if mask.contains(EventMask::CLOSE_WRITE) => Some(EntryKind::Lock),
        _ if mask.intersects(EventMask::MODIFY | EventMask::CLOSE_WRITE) => None,
        b"down" | b"notification-fd" => Some(EntryKind::Down),
        b"supervise" | b"event" => Some(EntryKind::Layout),
        // `embedded` is followed by its record.
        b"status" | b"status.new" | b"stat" | b"stat.new" | b"pid" | b"pid.new" | b"embedded"
        | b"embedded.new" | b"death_tally" | b"death_tally.new" => None,
        _ => Some(EntryKind::Entry),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many entries appear at once; how many of them are told of by one call.
    fn told(count: usize, name_len: usize) -> usize {
        let tree = tempfile::tempdir().unwrap();
        let mut changes = Changes::new().unwrap();
        changes.watch(&Dir::Above(tree.path().to_owned())).unwrap();
        for number in 0..count {
            std::fs::create_dir(tree.path().join(format!("{number:0name_len$}"))).unwrap();
        }
        let mut told = 0;
        changes.drain(&mut |_| told += 1).unwrap();
        told
    }

    #[test]
    fn one_call_empties_the_queue_however_the_buffer_was_filled() {
        // The longest names: sixty fill the buffer. Names that take 16, 32 and 48 bytes of an
        // event.
        for (names, name_len) in [(58..=63, 255), (510..=515, 15), (340..=344, 16), (255..=260, 32)]
        {
            for count in names {
                assert_eq!(told(count, name_len), count, "names of {name_len} bytes");
            }
        }
    }
}
