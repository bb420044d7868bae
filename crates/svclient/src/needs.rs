//! For whom a service waits, where the build that made its directory has left that: the file `needs`.
//!
//! | line                        | says                                                          |
//! |-----------------------------|---------------------------------------------------------------|
//! | `after NAME WHEN`           | NAME comes first, if it is being started too                  |
//! | `needs NAME WHEN`           | NAME comes first and is started with it; without, it is not   |
//! | `wants NAME WHEN`           | NAME comes first and is started with it, whatever becomes of it |
//!
//! `WHEN` is `up`, `ready` or `done`; after `done` stand exit codes that are as good as 0. Source:
//! `crates/svbuild/src/render/needs.rs`, which is made with this.

use std::{ffi::OsStr, io, path::Path};

use svproto::files;

use crate::{Error, Service, at::At, node};

/// More is no list that a build has made.
const MOST_BYTES: u64 = 64 << 10;

/// A service for which another one waits, as the definition has it that its directory was built from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Needed {
    /// Its name: an entry of the same scan directory.
    pub name: String,
    /// Which list it is of.
    pub list: NeedList,
    /// How far it must be.
    pub when: NeedWhen,
    /// Of a job: exit codes that are as good as 0.
    pub success: Vec<u8>,
}

/// How much a service depends on one that it waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NeedList {
    /// It comes after that one, if both are being started.
    After,
    /// That one is started with it, and it does not start without.
    Needs,
    /// That one is started with it, and it starts whatever becomes of that.
    Wants,
}

svproto::words!(NeedList, "list of services":
    After "after",
    Needs "needs",
    Wants "wants",
);

/// How far a service must be for another to start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NeedWhen {
    /// Its program runs.
    Up,
    /// It has said that it is ready.
    Ready,
    /// The job has ended with success.
    Done,
}

svproto::words!(NeedWhen, "moment of a service":
    Up "up",
    Ready "ready",
    Done "done",
);

impl Service {
    /// For whom this service waits, as `svbuild` has left it in the directory; nobody for a directory without
    /// that. Supervisors do not read it: it is for whoever starts services in their order.
    ///
    /// ```
    /// # let tree = tempfile::tempdir().unwrap();
    /// # let dir = tree.path().join("web");
    /// # std::fs::create_dir_all(&dir).unwrap();
    /// # std::fs::write(dir.join("run"), "#!/bin/sh\n").unwrap();
    /// use svclient::{NeedList, Service};
    ///
    /// std::fs::write(dir.join("needs"), "needs db ready\n")?;
    /// let needed = Service::open(&dir)?.needed()?;
    /// assert_eq!((&*needed[0].name, needed[0].list), ("db", NeedList::Needs));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::Untrusted`] where somebody less privileged than the caller may change the file, and so decide
    /// what else is started; [`Error::Io`].
    pub fn needed(&self) -> Result<Vec<Needed>, Error> {
        if !node::exists(&self.handle().at(files::NEEDS)) {
            return Ok(Vec::new());
        }
        let path = self.handle().for_paths();
        let walked = svtrust::walk(&path).map_err(|error| match error {
            svtrust::Error::Untrusted { path, why } => Error::Untrusted { path, why },
            svtrust::Error::Io { doing, path, source } => Error::os(doing, &path, "search", source),
            other => Error::os("find", &path, "search", io::Error::other(other)),
        })?;
        if let Some(name) = walked.missing.first() {
            return Err(Error::NotFound { path: walked.path.join(name) });
        }
        let at = At::held(std::os::fd::AsFd::as_fd(&walked.dir), files::NEEDS, &path);
        let Some(file) = node::open_file(&at)? else { return Ok(Vec::new()) };
        let distrusted = svtrust::Caller::now().distrusts(&file, &at.path(), false);
        let distrusted =
            distrusted.map_err(|source| Error::os("look at", &at.path(), "read", source))?;
        if let Some(why) = distrusted {
            return Err(Error::Untrusted { path: at.path(), why });
        }
        let text = node::read_at_most(&at, MOST_BYTES)?.unwrap_or_default();
        Ok(String::from_utf8_lossy(&text).lines().filter_map(line).collect())
    }
}

/// A line of the file; what a later version may write is passed over.
fn line(text: &str) -> Option<Needed> {
    let mut words = text.split(' ');
    let list = words.next()?.parse().ok()?;
    let name = words.next().filter(|name| is_entry(name))?.to_owned();
    let when = words.next()?.parse().ok()?;
    let success = words.map(str::parse).collect::<Result<_, _>>().ok()?;
    Some(Needed { name, list, when, success })
}

/// Whether it names something in the same directory, and nothing else.
fn is_entry(name: &str) -> bool {
    !name.starts_with('.') && Path::new(name).file_name() == Some(OsStr::new(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_whole_or_is_passed_over() {
        let web = Needed {
            name: "web@1".into(),
            list: NeedList::Needs,
            when: NeedWhen::Done,
            success: vec![2, 3],
        };
        assert_eq!(line("needs web@1 done 2 3"), Some(web));
        for other in ["needs", "needs web", "needs ../web up", "needs .web up", "later web up", ""]
        {
            assert_eq!(line(other), None, "{other}");
        }
        assert_eq!(line("needs web done 256"), None);
    }
}
