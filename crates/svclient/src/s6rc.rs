//! Directories that s6-rc keeps: it starts and stops what is in them, and does not hear of what
//! others ask.

use std::{
    ffi::OsStr,
    fs,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

use svproto::s6::rc;

use crate::{Service, node};

/// A service of s6-rc.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct S6Rc {
    /// `LIVE/servicedirs/NAME`.
    dir: PathBuf,
}

impl Service {
    /// What s6-rc is to this service; `None` if it does not keep it. Told by where its directory
    /// really is: in `servicedirs` of a live directory.
    #[must_use]
    pub fn s6_rc(&self) -> Option<S6Rc> {
        S6Rc::at(&self.handle().for_paths())
    }
}

impl S6Rc {
    fn at(dir: &Path) -> Option<Self> {
        // Entries of its scan directory are links; one system call for each that is none.
        let is_below = |path: &Path| path.parent().is_some_and(|all| all.ends_with("servicedirs"));
        let link = fs::read_link(dir);
        if !link.as_deref().is_ok_and(is_below) && !is_below(dir) {
            return None;
        }
        let dir = fs::canonicalize(dir).ok().filter(|dir| is_below(dir))?;
        let this = Self { dir };
        let live = this.live();
        let is_live = live.join("compiled").is_dir() && live.join("state").is_file();
        is_live.then_some(this)
    }

    /// The live directory.
    #[must_use]
    pub fn live(&self) -> &Path {
        self.dir.ancestors().nth(2).unwrap_or(&self.dir)
    }

    /// What s6-rc calls it.
    #[must_use]
    pub fn name(&self) -> &OsStr {
        self.dir.file_name().unwrap_or_default()
    }

    /// Whether it is one of s6-rc's own, which hold pipes and run oneshots for it.
    #[must_use]
    pub fn is_helper(&self) -> bool {
        self.name().as_bytes().starts_with(b"s6rc-")
    }

    /// Whether s6-rc takes it for up; `None` where that may not be read.
    #[must_use]
    pub fn is_up(&self) -> Option<bool> {
        let read = |name: &str| {
            let path = self.live().join(name);
            node::read_at_most(&path.as_path().into(), LONGEST).ok().flatten()
        };
        let number = rc::number(&read("compiled/resolve.cdb")?, self.name().as_bytes())?;
        rc::is_up(&read("state")?, number)
    }
}

/// No database is longer.
const LONGEST: u64 = 16 << 20;
