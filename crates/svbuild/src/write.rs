//! Makes a plan so: this file and those below `write/` are all of this crate that writes.
//!
//! **A service directory that is new** is made under another name, complete and on disk, and
//! renamed.
//!
//! **One that is there** may have a supervisor in it, which keeps the directory open, so it cannot
//! be exchanged for another. It is changed at one moment all the same:
//!
//! 1. In `.svbuild.work`, `old` gets what is there and `new` what is to be there; `current` is a link to
//!    `old`.
//! 2. Each entry that changes is replaced by a link to `.svbuild.work/current/…`. Whoever reads it reads
//!    what was there before. An entry that is to be made is a dangling link, hence absent.
//! 3. `current` is replaced by a link to `new`, by one rename. This is the moment.
//! 4. Each link is replaced by what it leads to, and `.svbuild.work` is removed.
//!
//! After a crash, whoever reads sees all of the old or all of the new. The next write does step 4
//! with whatever `current` leads to, before it compares anything. Files are on disk before a name
//! leads to them, and names before the next step relies on them.
//!
//! **A single file** is written under another name, and renamed.
//!
//! One limit: a look that has read a link of step 2 and has not yet come to what it leads to, while
//! the whole of step 4 is done, finds nothing. The system has no way to wait for such a look. It
//! would have to rest in the middle of one system call for as long as several `fsync` take.
//!
//! Only entries of the plan, and of the list of what was written before, are touched: `supervise`,
//! logs and files of others stay.
//!
//! **Who else may write there.** A directory in which, or above which, somebody less privileged
//! than the caller may write is refused ([`Error::Untrusted`]). Beyond that every step is relative
//! to a descriptor that was asked who owns it and what it is, and follows no link, so that nobody
//! can lead it elsewhere. What an earlier write has left is believed only in the form that it
//! leaves.

mod alone;
mod change;
mod disk;
mod exchange;
mod recover;
mod unit;

use std::{
    io,
    path::{Path, PathBuf},
};

pub use self::exchange::exchange;
use self::{alone::Alone, disk::Disk};
use crate::{
    error::Error,
    plan::{Diff, Plan},
    trusted_dir::TrustedDir,
};

/// One operation on the disk, told before it is done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct WriteStep {
    /// The verb, as in "cannot write".
    pub doing: &'static str,
    /// What it is done to.
    pub path: PathBuf,
}

/// What a write has done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WriteReport {
    /// What was different, and is not any more.
    pub diff: Diff,
    /// What was left of a write that did not come to its end, and was brought to one.
    pub recovered: Vec<PathBuf>,
}

impl Plan {
    /// Makes it so, durably. A second time changes nothing.
    ///
    /// What somebody else changed is overwritten; [`Plan::begin`] and [`Plan::diff`] tell
    /// beforehand. Everything that is made belongs to the caller.
    ///
    /// ```
    /// use svbuild::{Definitions, Options, Service, Target};
    ///
    /// # let tree = tempfile::tempdir().unwrap();
    /// # let dir = tree.path();
    /// let definitions = Definitions::default().with("web", Service::new(["server"]));
    /// let plan = definitions.render(Target::S6, Options::new())?;
    /// plan.write(dir)?;
    /// assert!(dir.join("web/run").exists());
    /// assert!(plan.diff(dir)?.is_empty(), "a second write changes nothing");
    /// # Ok::<(), svbuild::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Untrusted`] where somebody less privileged than the caller may write in `dir`, in a
    /// service directory, or in any directory above: who is its owner and neither the caller nor
    /// root; its group, if that may write and is not the caller's own (of an ordinary user, the
    /// group of the same number); and everybody, if all may write. In a directory with the sticky
    /// bit, such as `/tmp`, what belongs to the caller or to root is safe. To write for another
    /// user, do it in a process of that user.
    ///
    /// [`Error::WrongType`], [`Error::TooLarge`], [`Error::OutsideName`], [`Error::Busy`],
    /// [`Error::Io`].
    ///
    /// Each unit is as it was or as it is to be; units before it in the plan may be done.
    pub fn write(&self, dir: &Path) -> Result<WriteReport, Error> {
        self.begin(dir)?.finish()
    }

    /// Takes the lock, ends what an earlier write has left, and compares: what [`Writing::finish`]
    /// will change.
    ///
    /// # Errors
    ///
    /// As [`Plan::write`].
    pub fn begin(&self, dir: &Path) -> Result<Writing<'_>, Error> {
        Writing::begin(self, dir, Disk::silent())
    }

    /// As [`Plan::write`], telling each operation on the disk beforehand; for tests of what a crash
    /// leaves.
    ///
    /// # Errors
    ///
    /// As [`Plan::write`], and [`Error::Io`] with an error of the observer.
    pub fn write_observed(
        &self,
        dir: &Path,
        observer: &mut dyn FnMut(&WriteStep) -> io::Result<()>,
    ) -> Result<WriteReport, Error> {
        Writing::begin(self, dir, Disk::observed(observer))?.finish()
    }
}

/// A plan and a directory that is locked for it. Dropped, it leaves all as it is.
#[derive(Debug)]
#[must_use = "nothing is written before `finish`"]
pub struct Writing<'a> {
    plan: &'a Plan,
    dir: TrustedDir,
    disk: Disk<'a>,
    written: WriteReport,
    /// `None` if there is nothing to do: that leaves no trace either.
    alone: Option<Alone>,
}

impl<'a> Writing<'a> {
    fn begin(plan: &'a Plan, dir: &Path, mut disk: Disk<'a>) -> Result<Self, Error> {
        plan.check_names()?;
        let dir = disk.reach(dir)?;
        let mut written = WriteReport::default();
        let names = || plan.units.keys().chain(&plan.removals);
        if !Alone::is_left(&dir, names()) && is_done(plan, &dir) {
            return Ok(Self { plan, dir, disk, written, alone: None });
        }
        let alone = Some(Alone::in_dir(&dir, names())?);
        for name in names() {
            if disk.recover(&dir, name)? {
                written.recovered.push(dir.path().join(name));
            }
        }
        written.diff = plan.compared(Some(&dir))?;
        Ok(Self { plan, dir, disk, written, alone })
    }

    /// What differs, and so will be changed.
    #[must_use]
    pub const fn diff(&self) -> &Diff {
        &self.written.diff
    }

    /// What was left of a write that did not come to its end, and was brought to one.
    #[must_use]
    pub fn recovered(&self) -> &[PathBuf] {
        &self.written.recovered
    }

    /// Makes the plan so.
    ///
    /// # Errors
    ///
    /// As [`Plan::write`].
    pub fn finish(mut self) -> Result<WriteReport, Error> {
        if self.alone.is_none() {
            return Ok(self.written);
        }
        for (name, unit) in &self.plan.units {
            self.disk.unit(&self.dir, name, unit)?;
        }
        for name in &self.plan.removals {
            self.disk.remove(&self.dir, name)?;
        }
        Ok(self.written)
    }
}

/// Whether making the plan so takes no step at all: nothing differs, and nothing was left of an
/// earlier write.
fn is_done(plan: &Plan, dir: &TrustedDir) -> bool {
    let mut refuse = |_: &WriteStep| Err(io::ErrorKind::Other.into());
    let mut disk = Disk::observed(&mut refuse);
    let names = plan.units.keys().chain(&plan.removals);
    let mut left = names.map(|name| disk.recover(dir, name));
    if !left.all(|left| matches!(left, Ok(false))) {
        return false;
    }
    plan.units.iter().all(|(name, unit)| disk.unit(dir, name, unit).is_ok())
        && plan.removals.iter().all(|name| disk.remove(dir, name).is_ok())
}
