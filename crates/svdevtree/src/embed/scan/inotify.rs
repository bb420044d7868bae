//! Linux: one inotify instance for a scan directory and for what is being made in it.
//!
//! Instances and watches are counted for each user, all containers of a host together. While there
//! is none left, the directory is listed every few seconds, as `runsvdir` does, and each time one
//! is tried for.

use std::{
    collections::BTreeMap,
    fs::File,
    io,
    os::fd::{AsFd, BorrowedFd},
    path::{Path, PathBuf},
    time::Duration,
};

use inotify::{Inotify, WatchDescriptor, WatchMask};

use crate::{Error, WatchLimit, embed::scan::AGAIN};

/// News of a scan directory.
#[derive(Debug)]
pub(crate) struct Changes {
    /// `None` while a limit is met.
    news: Option<News>,
    /// That it is met was told.
    told: bool,
}

#[derive(Debug)]
struct News {
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
    /// A limit that is met is no error here; [`Self::renew`] tells of it.
    pub(crate) fn open(path: &Path) -> Result<Self, Error> {
        let news = match News::open(path) {
            Err(Error::Unwatched { .. }) => None,
            opened => Some(opened?),
        };
        Ok(Self { news, told: false })
    }

    pub(crate) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.news.as_ref().map(|news| news.inotify.as_fd())
    }

    /// When to look without news.
    pub(crate) fn period(&self) -> Option<Duration> {
        self.news.is_none().then_some(AGAIN)
    }

    /// Reads news, in a storm not all; the directory is listed anyway, so what they say does not
    /// matter.
    pub(crate) fn drain(&mut self) {
        let Some(News { inotify, .. }) = &mut self.news else { return };
        let mut buffer = [0; 4096];
        for _ in 0..READS {
            if !inotify.read_events(&mut buffer).is_ok_and(|mut news| news.next().is_some()) {
                break;
            }
        }
    }

    /// Watches the directory that the path leads to now. Of a limit that is met it is told once.
    pub(crate) fn renew(&mut self, path: &Path) -> Result<(), Error> {
        let renewed = match &mut self.news {
            Some(news) => news.renew(path),
            None => News::open(path).map(|news| self.news = Some(news)),
        };
        match renewed {
            Err(error @ Error::Unwatched { .. }) => {
                self.news = None;
                if std::mem::replace(&mut self.told, true) { Ok(()) } else { Err(error) }
            }
            renewed => {
                self.told = false;
                renewed
            }
        }
    }

    /// News also of these, and no longer of others; `false` if one cannot be watched.
    pub(crate) fn await_run(&mut self, dirs: &[PathBuf]) -> bool {
        self.news.as_mut().is_some_and(|news| news.await_run(dirs))
    }
}

impl News {
    fn open(path: &Path) -> Result<Self, Error> {
        let inotify = Inotify::init().map_err(|source| match source.raw_os_error() {
            // One number for two limits: that on open files is met if nothing else can be opened.
            Some(nix::libc::EMFILE) if File::open(path).is_ok() => {
                Error::Unwatched { path: path.to_owned(), limit: WatchLimit::Instances, source }
            }
            _ => Error::io("watch", path, source),
        })?;
        let directory = watch(&inotify, path)?;
        Ok(Self { inotify, directory, unfinished: BTreeMap::new() })
    }

    fn renew(&mut self, path: &Path) -> Result<(), Error> {
        let directory = watch(&self.inotify, path)?;
        let former = std::mem::replace(&mut self.directory, directory);
        if former != self.directory {
            // The kernel has ended it itself if that directory is gone.
            let _gone = self.inotify.watches().remove(former);
        }
        Ok(())
    }

    fn await_run(&mut self, dirs: &[PathBuf]) -> bool {
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

fn watch(inotify: &Inotify, path: &Path) -> Result<WatchDescriptor, Error> {
    inotify.watches().add(path, NAMES).map_err(|source: io::Error| match source.raw_os_error() {
        Some(nix::libc::ENOSPC) => {
            Error::Unwatched { path: path.to_owned(), limit: WatchLimit::Watches, source }
        }
        _ => Error::io("watch", path, source),
    })
}
