//! Scan directories: the services that a scanner would see, and putting services in and out of its
//! sight.

mod near;
mod scanner;
mod survey;
mod usual;

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    time::Instant,
};

use crate::{Error, Service, aside, handle, node};

pub use self::{scanner::Scanner, survey::Survey};

/// A directory of service directories, or of links to them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScanDir {
    dir: PathBuf,
}

impl ScanDir {
    /// A scan directory by its path; looks at nothing yet.
    ///
    /// ```
    /// # let tree = tempfile::tempdir().unwrap();
    /// # let dir = tree.path().join("web");
    /// # std::fs::create_dir_all(&dir).unwrap();
    /// # std::fs::write(dir.join("run"), "#!/bin/sh\n").unwrap();
    /// # let scan_dir = tree.path();
    /// use svclient::ScanDir;
    ///
    /// for service in ScanDir::new(scan_dir).services()? {
    ///     println!("{} is {}", service.name(), service.status()?.state());
    /// }
    /// # Ok::<(), svclient::Error>(())
    /// ```
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// The first of [`ScanDir::find_all`].
    #[must_use]
    pub fn find() -> Option<Self> {
        Self::find_all().into_iter().next()
    }

    /// Those that `$SVDIR` names, with colons between them; else the usual places of suites and of
    /// this user that have a supervised service; else the first of them that has any service. Two
    /// names of one directory are one.
    #[must_use]
    pub fn find_all() -> Vec<Self> {
        usual::find_all()
    }

    /// Where [`ScanDir::find_all`] looks: the directories that `$SVDIR` names, else the usual places of
    /// suites and of this user, whether they are there or not. Nothing is looked at.
    #[must_use]
    pub fn usual_places() -> Vec<PathBuf> {
        usual::places()
    }

    /// Where a name stands that one of these has, `web/log` included; in the first of them where
    /// none has it.
    ///
    /// # Errors
    ///
    /// [`Error::NoScanDir`] where there are none; [`Error::Ambiguous`] if it leads to different
    /// services in two of them.
    pub fn entry_of(all: &[Self], name: &OsStr) -> Result<PathBuf, Error> {
        let none = || Error::NoScanDir { name: name.to_owned() };
        let first = all.first().ok_or_else(none)?.dir.join(name);
        let mut found = all.iter().map(|scan| scan.dir.join(name));
        let mut found = found.by_ref().filter(|path| path.symlink_metadata().is_ok());
        let Some(entry) = found.next() else { return Ok(first) };
        match found.find(|other| *other != entry && leads_to(other) != leads_to(&entry)) {
            Some(second) => Err(Error::Ambiguous { name: name.to_owned(), first: entry, second }),
            None => Ok(entry),
        }
    }

    /// The error for a name that none of these has, with the name that is most like it.
    ///
    /// ```
    /// # let tree = tempfile::tempdir().unwrap();
    /// # std::fs::create_dir(tree.path().join("database")).unwrap();
    /// # let scan_dir = tree.path();
    /// use svclient::ScanDir;
    ///
    /// let error = ScanDir::no_such_name(&[ScanDir::new(scan_dir)], "databse".as_ref());
    /// assert_eq!(error.hint().as_deref(), Some("did you mean database?"));
    /// ```
    #[must_use]
    pub fn no_such_name(all: &[Self], name: &OsStr) -> Error {
        let dirs = all.iter().map(|scan| scan.dir.clone()).collect();
        Error::NoSuchName { name: name.to_owned(), dirs, near: near::nearest(all, name) }
    }

    /// The directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// A service by its name in this directory; `web/log` is the logger of `web`.
    ///
    /// ```
    /// # let tree = tempfile::tempdir().unwrap();
    /// # let dir = tree.path().join("web");
    /// # std::fs::create_dir_all(&dir).unwrap();
    /// # std::fs::write(dir.join("run"), "#!/bin/sh\n").unwrap();
    /// # let scan_dir = tree.path();
    /// use svclient::{ErrorKind, ScanDir};
    ///
    /// let scan_dir = ScanDir::new(scan_dir);
    /// assert_eq!(scan_dir.service("web")?.name(), "web");
    /// assert_eq!(scan_dir.service("mail").unwrap_err().kind(), ErrorKind::NotFound);
    /// # Ok::<(), svclient::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Service::open`].
    pub fn service(&self, name: &str) -> Result<Service, Error> {
        Service::open(self.dir.join(name)).map(|service| service.named(name))
    }

    /// Every service, sorted by name. Links are followed; hidden names and what is no directory
    /// are skipped, as every scanner does; a directory without `run` and `supervise` is no service.
    ///
    /// ```
    /// # let tree = tempfile::tempdir().unwrap();
    /// # let dir = tree.path().join("web");
    /// # std::fs::create_dir_all(&dir).unwrap();
    /// # std::fs::write(dir.join("run"), "#!/bin/sh\n").unwrap();
    /// # let scan_dir = tree.path();
    /// use svclient::ScanDir;
    ///
    /// let names: Vec<String> =
    ///     ScanDir::new(scan_dir).services()?.iter().map(|it| it.name().to_string()).collect();
    /// assert_eq!(names, ["web"]);
    /// # Ok::<(), svclient::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::Denied`] or [`Error::Io`] if the directory cannot be read. An
    /// entry that cannot be used is left out.
    pub fn services(&self) -> Result<Vec<Service>, Error> {
        Ok(self.services_and_loops()?.0)
    }

    /// As [`ScanDir::services`], and the entries that lead back to this directory or to one above
    /// it: somebody meant to enable a service and enabled all of them.
    ///
    /// # Errors
    ///
    /// As [`ScanDir::services`].
    pub fn services_and_loops(&self) -> Result<(Vec<Service>, Vec<PathBuf>), Error> {
        let (mut services, mut loops) = (Vec::new(), Vec::new());
        for name in self.names()? {
            match Service::open(self.dir.join(&name)) {
                Ok(service) => services.push(service),
                Err(_) if self.leads_back(&name) => loops.push(self.dir.join(&name)),
                Err(_) => (),
            }
        }
        Ok((services, loops))
    }

    /// Whether an entry leads to this directory, or to one above it.
    #[must_use]
    pub fn leads_back(&self, name: &OsStr) -> bool {
        let Some(end) = leads_to(&self.dir.join(name)) else { return false };
        let here = std::fs::canonicalize(&self.dir);
        here.is_ok_and(|here| here.ancestors().any(|above| leads_to(above) == Some(end)))
    }

    /// Lists the directory, to look at every service in one pass.
    ///
    /// # Errors
    ///
    /// As [`ScanDir::services`].
    pub fn survey(&self) -> Result<Survey, Error> {
        let names = self.names()?;
        Ok(Survey::new(&self.dir, handle::open_directory(&self.dir)?, names))
    }

    /// The same for services of these names, in this order; nothing is listed.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::Denied`] or [`Error::Io`] if the directory cannot be opened;
    /// [`Error::BadName`] for what no entry can be called.
    pub fn survey_of(&self, names: Vec<OsString>) -> Result<Survey, Error> {
        names.iter().try_for_each(|name| require_entry(name))?;
        Ok(Survey::new(&self.dir, handle::open_directory(&self.dir)?, names))
    }

    /// The names that a scanner looks at, sorted.
    pub(crate) fn names(&self) -> Result<Vec<OsString>, Error> {
        let list = std::fs::read_dir(&self.dir).map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => Error::NotFound { path: self.dir.clone() },
            _ => Error::os("list", &self.dir, "read", source),
        })?;
        let mut names = Vec::new();
        for entry in list {
            let entry = entry.map_err(|source| Error::os("list", &self.dir, "read", source))?;
            let name = entry.file_name();
            if !name.as_bytes().starts_with(b".") {
                names.push(name);
            }
        }
        sort(&mut names);
        Ok(names)
    }

    /// Does something that hangs where the scan directory, or the service, does: see
    /// [`crate::aside`].
    pub(crate) fn aside<T: Send + 'static>(
        &self,
        deadline: Instant,
        act: impl FnOnce(Self) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let this = self.clone();
        let result = aside::before(deadline, move || act(this));
        result.unwrap_or_else(|| Err(Error::Unanswered { path: self.dir.clone() }))
    }

    /// Where a name stands, if a scanner would look at it.
    pub(crate) fn entry(&self, name: &OsStr) -> Result<PathBuf, Error> {
        require_entry(name).map(|()| self.dir.join(name))
    }

    /// Another entry that leads to the same directory. Scanners tell services apart by that.
    pub(crate) fn other_name(
        &self,
        name: &OsStr,
        is: node::Identity,
    ) -> Result<Option<PathBuf>, Error> {
        let mut others = self.names()?.into_iter().filter(|other| other != name);
        let other = others.find(|other| leads_to(&self.dir.join(other)) == Some(is));
        Ok(other.map(|other| self.dir.join(other)))
    }

    pub(crate) fn require(&self) -> Result<(), Error> {
        match node::stat(&self.dir)? {
            None => Err(Error::NotFound { path: self.dir.clone() }),
            Some(stat) if node::is_dir(&stat) => Ok(()),
            Some(stat) => Err(Error::WrongType {
                path: self.dir.clone(),
                expected: "a scan directory",
                found: node::what(&stat),
            }),
        }
    }
}

/// Refuses what no scanner would look at.
pub(crate) fn require_entry(name: &OsStr) -> Result<(), Error> {
    let bytes = name.as_bytes();
    if bytes.is_empty() || bytes.starts_with(b".") || bytes.contains(&b'/') {
        return Err(Error::BadName { name: name.to_owned() });
    }
    Ok(())
}

/// Sorts names by their bytes. Those of a large directory begin alike, so as a rule the eight bytes
/// after that tell any two apart, in a third of the time that whole names take.
fn sort(names: &mut Vec<OsString>) {
    let Some((first, others)) = names.split_first() else { return };
    let alike = |len: usize, other: &OsString| {
        let pairs = first.as_bytes().iter().zip(other.as_bytes()).take(len);
        pairs.take_while(|(a, b)| a == b).count()
    };
    let alike = others.iter().fold(first.len(), alike);
    let key = |name: &OsString| {
        let mut key = [0_u8; 8];
        key.iter_mut().zip(name.as_bytes().iter().skip(alike)).for_each(|(to, from)| *to = *from);
        key
    };
    // A name that ends is before all that go on with a byte, which is never 0.
    let mut keyed: Vec<_> = names.drain(..).map(|name| (key(&name), name)).collect();
    keyed.sort_unstable();
    names.extend(keyed.into_iter().map(|(_, name)| name));
}

/// What is at the end of a path, under whatever name.
pub(crate) fn leads_to(path: &Path) -> Option<node::Identity> {
    node::stat(path).ok().flatten().as_ref().map(node::identity)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_by_their_bytes() {
        let sorted = |names: &[&[u8]]| {
            let names = names.iter().map(|name| OsStr::from_bytes(name).to_owned());
            let (mut ours, mut expected): (Vec<_>, Vec<_>) =
                names.map(|it| (it.clone(), it)).unzip();
            sort(&mut ours);
            expected.sort();
            assert_eq!(ours, expected);
        };
        sorted(&[]);
        sorted(&[b"web"]);
        sorted(&[b"web-2", b"web", b"web-10", b"web-\xff", b"web-1", b"web-"]);
        sorted(&[b"b", b"a", b"ab", b"\x01"]);
        sorted(&[b"site-long-beginning-b", b"site-long-beginning-a", b"site-long-beginning-a2"]);
        sorted(&[b"x12345678-b", b"x12345678-a", b"x1234567", b"x12345678"]);
    }
}
