//! The way from the root to a directory, one name after the other. Each directory is open before the next
//! name is looked at, so nobody can exchange what was looked at; and none is gone through in which somebody
//! less privileged could have put what is found there.

use std::{
    ffi::{OsStr, OsString},
    io,
    path::{Component, Path},
};

use rustix::fs::{CWD, Mode};

use super::{Caller, Kind, Place, TO_PASS};
use crate::error::Error;

/// As many links as the system itself follows.
const MOST_LINKS: u32 = 40;

/// Where a walk ended.
#[derive(Debug)]
pub(crate) struct Walked {
    /// The last directory that is there.
    pub(crate) place: Place,
    /// The names below it that are missing; empty if all are there.
    pub(crate) missing: Vec<OsString>,
}

impl Place {
    /// Comes to a directory by its path. Links on the way are followed where they belong to root or to the
    /// caller.
    pub(crate) fn walk(path: &Path) -> Result<Walked, Error> {
        let absolute = std::path::absolute(path).map_err(Error::io("find", path))?;
        let caller = Caller::now();
        let top = Path::new("/");
        let fd = rustix::fs::openat(CWD, top, TO_PASS, Mode::empty());
        let fd = fd.map_err(|error| Error::io("open", top)(error.into()))?;
        let top = Self { fd, path: top.to_owned(), caller };
        top.require(true)?;

        // From the root down to where the walk is, so that `..` is the way back.
        let mut way: Vec<Self> = Vec::new();
        let mut here = top;
        // The next name is the last.
        let mut names: Vec<OsString> = parts(&absolute);
        let mut links = 0;
        while let Some(name) = names.pop() {
            if name == ".." {
                here = way.pop().unwrap_or(here);
                continue;
            }
            let full = here.path.join(&name);
            let Some(looked) = here.look(&name)? else {
                names.push(name);
                names.reverse();
                if names.iter().any(|name| name == "..") {
                    let missing = io::ErrorKind::NotFound.into();
                    return Err(Error::io("open", &full)(missing));
                }
                return Ok(Walked { place: here, missing: names });
            };
            match looked.kind {
                Kind::Link => {
                    if !caller.trusts(looked.uid) {
                        let why = super::Distrust::Owner(looked.uid);
                        return Err(Error::Untrusted { path: full, why });
                    }
                    links += 1;
                    if links > MOST_LINKS {
                        let error = rustix::io::Errno::LOOP.into();
                        return Err(Error::io("open", path)(error));
                    }
                    let to = here.link(&name)?;
                    if to.is_absolute() && !way.is_empty() {
                        way.truncate(1);
                        here = way.pop().unwrap_or(here);
                    }
                    names.extend(parts(&to));
                }
                Kind::Directory => {
                    let Some(next) = here.enter(&name)? else {
                        let gone = io::ErrorKind::NotFound.into();
                        return Err(Error::io("open", &full)(gone));
                    };
                    way.push(std::mem::replace(&mut here, next));
                }
                _ => return Err(Error::io("open", &full)(rustix::io::Errno::NOTDIR.into())),
            }
        }
        Ok(Walked { place: here, missing: Vec::new() })
    }

    /// A directory on the way; it may be one that many share.
    pub(crate) fn enter(&self, name: &OsStr) -> Result<Option<Self>, Error> {
        self.open(name, TO_PASS, true)
    }
}

/// The names of a path, the first one last.
fn parts(path: &Path) -> Vec<OsString> {
    let name = |part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    };
    let mut parts: Vec<_> = path.components().filter_map(name).collect();
    parts.reverse();
    parts
}
