//! With whose rights this process works, and who else may change what it is to rely on.

use std::{io, os::fd::AsFd, path::Path};

use rustix::fs::Stat;

use crate::{Distrust, others};

/// With whose rights this process works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caller {
    uid: u32,
    gid: u32,
}

impl Caller {
    /// As it is now: effective user and group.
    #[must_use]
    pub fn now() -> Self {
        let (uid, gid) = (rustix::process::geteuid(), rustix::process::getegid());
        Self { uid: uid.as_raw(), gid: gid.as_raw() }
    }

    /// Whether a user is root, who may change everything anyway, or the caller.
    #[must_use]
    pub const fn trusts(self, uid: u32) -> bool {
        uid == 0 || uid == self.uid
    }

    /// Whether somebody else may exchange what is in an open directory. Where `sticky` is allowed,
    /// a directory with that bit passes: in it nobody removes or renames what belongs to others, so
    /// what belongs to the caller or to root stays. The caller of this must look at the owner of
    /// each entry then. `path` is where it is, by way of no link.
    ///
    /// # Errors
    ///
    /// What the system says to looking at it.
    pub fn distrusts(
        self,
        dir: impl AsFd,
        path: &Path,
        sticky: bool,
    ) -> io::Result<Option<Distrust>> {
        let stat = rustix::fs::fstat(&dir)?;
        if let Some(why) = self.distrusts_owner(&stat, path) {
            return Ok(Some(why));
        }
        if let Some(why) = others::mounted(&dir, &stat, |uid| self.trusts(uid)) {
            return Ok(Some(why));
        }
        let mode = bits(&stat);
        if sticky && is_sticky(mode) {
            return Ok(None);
        }
        if mode & BY_OTHERS != 0 {
            return Ok(Some(Distrust::Everybody));
        }
        // Where there is an access list, these bits are the most that anybody has by it.
        if mode & BY_GROUP == 0 {
            return Ok(None);
        }
        let listed = others::listed(&dir, stat.st_gid);
        Ok(listed.into_iter().find(|&why| !self.is_alone_as(why)))
    }

    pub(crate) fn distrusts_owner(self, stat: &Stat, path: &Path) -> Option<Distrust> {
        if self.trusts(stat.st_uid) {
            None
        } else if !others::is_outsider(stat.st_uid) {
            Some(Distrust::Owner(stat.st_uid))
        } else {
            (!others::is_everywhere_roots(path)).then_some(Distrust::Outsider)
        }
    }

    /// Whether this right is the caller's, or root's, alone.
    fn is_alone_as(self, right: Distrust) -> bool {
        match right {
            Distrust::User(uid) => self.trusts(uid),
            // Where each user has a group of the same number, that group is nobody else's. Root's
            // is no such group: containers run programs of other users in it.
            Distrust::Group(gid) => {
                let is_own = self.uid != 0 && gid == self.gid && gid == self.uid;
                is_own && !others::has_others(gid, self.uid)
            }
            _ => false,
        }
    }
}

const BY_OTHERS: u32 = 0o002;
const BY_GROUP: u32 = 0o020;

const fn is_sticky(mode: u32) -> bool {
    mode & 0o1000 != 0
}

/// Whether others make entries there.
pub(crate) fn is_shared(stat: &Stat) -> bool {
    bits(stat) & (BY_GROUP | BY_OTHERS) != 0
}

#[allow(clippy::useless_conversion, reason = "modes have another type elsewhere")]
fn bits(stat: &Stat) -> u32 {
    u32::from(stat.st_mode)
}
