//! A service directory as whoever reads it sees it, also in the middle of a change.

use std::{
    ffi::OsStr,
    path::{Component, Path, PathBuf},
};

use super::{File, MANIFEST, Manifest, Owner, PlanEntry, WORK};
use crate::{
    error::Error,
    trusted_dir::{Caller, Kind, Looked, TrustedDir, wrong},
};

/// A service directory, and what its links into the work directory lead to.
pub(crate) struct Seen<'a> {
    service_dir: &'a TrustedDir,
    stage: Option<TrustedDir>,
}

impl<'a> Seen<'a> {
    pub(crate) fn of(service_dir: &'a TrustedDir) -> Result<Self, Error> {
        Ok(Self { service_dir, stage: stage(service_dir)? })
    }

    /// What is at a path in it. No link is followed, neither at the end nor on the way, but for the
    /// one that a change in progress has made.
    pub(crate) fn entry(&self, path: &Path) -> Result<Option<PlanEntry>, Error> {
        self.find(self.service_dir, Path::new(""), path)
    }

    fn find(
        &self,
        here: &TrustedDir,
        done: &Path,
        rest: &Path,
    ) -> Result<Option<PlanEntry>, Error> {
        let mut parts = rest.components();
        let Some(Component::Normal(name)) = parts.next() else { return Ok(None) };
        let (slot, rest) = (done.join(name), parts.as_path());
        let Some(looked) = here.look(name)? else { return Ok(None) };
        if let Some(stage) = &self.stage {
            if looked.kind == Kind::Link && here.link(name)? == leads_to(&slot) {
                return Seen { service_dir: stage, stage: None }.entry(&slot.join(rest));
            }
        }
        if rest.as_os_str().is_empty() {
            return entry(here, name, &looked).map(Some);
        }
        match here.sub(name)? {
            Some(below) => self.find(&below, &slot, rest),
            None => Ok(None),
        }
    }

    pub(crate) const fn caller(&self) -> Caller {
        self.service_dir.caller()
    }

    /// The list of what was written.
    pub(crate) fn manifest(&self) -> Result<Manifest, Error> {
        let entry = self.entry(Path::new(MANIFEST))?;
        Ok(entry
            .map_or_else(Manifest::default, |entry| believed(&entry, self.service_dir.caller())))
    }
}

/// The list beside single files.
pub(crate) fn file_list(dir: &TrustedDir) -> Result<Manifest, Error> {
    let Some(looked) = dir.look(MANIFEST)? else { return Ok(Manifest::default()) };
    Ok(believed(&entry(dir, MANIFEST.as_ref(), &looked)?, dir.caller()))
}

/// What is no list of ours is none: it says what may be removed.
fn believed(entry: &PlanEntry, caller: Caller) -> Manifest {
    match entry {
        PlanEntry::File(file) if is_ours(file, caller) && file.mode & 0o022 == 0 => {
            Manifest::parse(&file.bytes)
        }
        _ => Manifest::default(),
    }
}

/// An entry of a directory.
pub(crate) fn entry(dir: &TrustedDir, name: &OsStr, looked: &Looked) -> Result<PlanEntry, Error> {
    let path = dir.path().join(name);
    Ok(match looked.kind {
        Kind::Link => PlanEntry::Link(dir.link(name)?),
        Kind::Directory => PlanEntry::Directory { mode: looked.mode },
        Kind::File => {
            let Some((bytes, looked)) = dir.read(name)? else {
                return Err(Error::io("read", &path)(std::io::ErrorKind::NotFound.into()));
            };
            let owner = Some(Owner { uid: looked.uid, gid: looked.gid });
            PlanEntry::File(File { bytes, mode: looked.mode, owner })
        }
        other => return Err(wrong(&path, "a file", other)),
    })
}

/// Whether what is there is what is to be there. A file of somebody else, who may change it at any
/// time, is not.
pub(crate) fn same(old: &PlanEntry, new: &PlanEntry, caller: Caller) -> bool {
    match (old, new) {
        (PlanEntry::File(old), PlanEntry::File(new)) => {
            old.bytes == new.bytes && old.mode == new.mode && is_ours(old, caller)
        }
        _ => old == new,
    }
}

fn is_ours(file: &File, caller: Caller) -> bool {
    file.owner.is_none_or(|owner| caller.trusts(owner.uid))
}

/// The link that stands for an entry while it changes, relative to where it stands.
pub(crate) fn leads_to(slot: &Path) -> PathBuf {
    let mut path: PathBuf = slot.components().skip(1).map(|_| Component::ParentDir).collect();
    path.extend([WORK, "current"]);
    path.join(slot)
}

/// The state that links into the work directory lead to, if there is one.
fn stage(service_dir: &TrustedDir) -> Result<Option<TrustedDir>, Error> {
    if !service_dir.look(WORK)?.is_some_and(|work| work.is_dir()) {
        return Ok(None);
    }
    let Some(work) = service_dir.sub(WORK)? else { return Ok(None) };
    match current(&work)? {
        Some(state) => work.sub(state),
        None => Ok(None),
    }
}

/// Which of the two states is the current one; `None` before there is one.
pub(crate) fn current(work: &TrustedDir) -> Result<Option<&'static str>, Error> {
    let Some(looked) = work.look("current")? else { return Ok(None) };
    let path = work.path().join("current");
    if looked.kind != Kind::Link {
        return Err(wrong(&path, "a symbolic link", looked.kind));
    }
    let to = work.link("current")?;
    let state = ["old", "new"].into_iter().find(|state| to == Path::new(state));
    state.map(Some).ok_or(Error::WrongType {
        path,
        expected: "a link to `old` or `new`",
        found: "a link to somewhere else",
    })
}
