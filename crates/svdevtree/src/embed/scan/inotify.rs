//! Linux: one inotify instance for a scan directory and for what is being made in it.

use std::{
    collections::BTreeMap,
    os::fd::{AsFd, BorrowedFd},
    path::{Path, PathBuf},
    time::Duration,
};

use inotify::{Inotify, WatchDescriptor, WatchMask};

use crate::Error;

/// News of a scan directory.
#[derive(Debug)]
pub(crate) struct Changes {
    inotify: Inotify,
    directory: WatchDescriptor,
    /// Directories without `run`.
    unfinished: BTreeMap<PathBuf, WatchDescriptor>,
}

/// Names that come and go, and the directory's own end.
const NAMES: WatchMask = WatchMask::CREATE
    .union(WatchMask::DELETE)
    .union(WatchMask::MOVE)
    .union(WatchMask::DELETE_SELF)
    .union(WatchMask::MOVE_SELF)
    .union(WatchMask::ONLYDIR);

/// As many as empty the kernel's queue, if nobody fills it meanwhile.
const READS: usize = 256;

impl Changes {
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let inotify = Inotify::init().map_err(|error| Error::io("watch", path, error))?;
        let directory = inotify.watches().add(path, NAMES);
        let directory = directory.map_err(|error| Error::io("watch", path, error))?;
        Ok(Self { inotify, directory, unfinished: BTreeMap::new() })
    }

    #[expect(clippy::unnecessary_wraps, reason = "other systems have none")]
    pub(crate) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.inotify.as_fd())
    }

    /// No need to look without news.
    #[expect(clippy::unused_self, reason = "other systems have a period")]
    pub(crate) const fn period(&self) -> Option<Duration> {
        None
    }

    /// Reads news, in a storm not all; the directory is listed anyway, so what they say does not matter.
    pub(crate) fn drain(&mut self) {
        let mut buffer = [0; 4096];
        for _ in 0..READS {
            if !self.inotify.read_events(&mut buffer).is_ok_and(|mut news| news.next().is_some()) {
                break;
            }
        }
    }

    /// Watches the directory that the path leads to now.
    pub(crate) fn renew(&mut self, path: &Path) -> Result<(), Error> {
        let watches = &mut self.inotify.watches();
        let directory = watches.add(path, NAMES);
        let directory = directory.map_err(|error| Error::io("watch", path, error))?;
        let former = std::mem::replace(&mut self.directory, directory);
        if former != self.directory {
            // The kernel has ended it itself if that directory is gone.
            let _gone = watches.remove(former);
        }
        Ok(())
    }

    /// News also of these, and no longer of others; `false` if one cannot be watched.
    pub(crate) fn await_run(&mut self, dirs: &[PathBuf]) -> bool {
        let watches = &mut self.inotify.watches();
        self.unfinished.retain(|dir, watch| {
            let keep = dirs.contains(dir);
            if !keep {
                let _gone = watches.remove(watch.clone());
            }
            keep
        });
        dirs.iter().all(|dir| match watches.add(dir, NAMES) {
            Ok(watch) => {
                self.unfinished.insert(dir.clone(), watch);
                true
            }
            Err(_) => false,
        })
    }
}
