//! Other systems: the directory is listed every five seconds. Type-checked, never run.
#![expect(
    clippy::unused_self,
    clippy::unnecessary_wraps,
    reason = "as on Linux, where it takes them"
)]

use std::{
    os::fd::BorrowedFd,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{Error, embed::scan::AGAIN};

/// News of a scan directory: none.
#[derive(Debug)]
pub(crate) struct Changes;

impl Changes {
    pub(crate) const fn open(_: &Path) -> Result<Self, Error> {
        Ok(Self)
    }

    pub(crate) const fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    pub(crate) const fn period(&self) -> Option<Duration> {
        Some(AGAIN)
    }

    pub(crate) const fn drain(&self) {}

    pub(crate) const fn renew(&self, _: &Path) -> Result<(), Error> {
        Ok(())
    }

    pub(crate) const fn await_run(&self, _: &[PathBuf]) -> bool {
        true
    }
}
