//! Who else may change a directory, and whether that matters to whoever writes there.

use std::fmt;

use super::Looked;

/// Why a directory is not written into, nor anything below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Distrust {
    /// It belongs to this user, who is neither root nor the caller.
    Owner(u32),
    /// This group may write there.
    Group(u32),
    /// Everybody may write there.
    Everybody,
}

impl fmt::Display for Distrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Owner(uid) => write!(f, "it belongs to user {uid}"),
            Self::Group(gid) => write!(f, "group {gid} may write there"),
            Self::Everybody => f.write_str("everybody may write there"),
        }
    }
}

/// With whose rights this process works.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller {
    uid: u32,
    gid: u32,
}

impl Caller {
    pub(crate) fn now() -> Self {
        let (uid, gid) = (rustix::process::geteuid(), rustix::process::getegid());
        Self { uid: uid.as_raw(), gid: gid.as_raw() }
    }

    /// Root may change everything anyway.
    pub(crate) const fn trusts(self, uid: u32) -> bool {
        uid == 0 || uid == self.uid
    }

    /// Whether somebody else may exchange what is in a directory. Where `sticky` is allowed, a directory
    /// with that bit passes: in it nobody removes or renames what belongs to others, so what belongs to
    /// the caller or to root stays. Who asks must look at the owner of each entry then.
    pub(super) fn distrusts(self, dir: &Looked, sticky: bool) -> Option<Distrust> {
        const STICKY: u32 = 0o1000;
        if !self.trusts(dir.uid) {
            return Some(Distrust::Owner(dir.uid));
        }
        if sticky && dir.mode & STICKY != 0 {
            return None;
        }
        if dir.mode & 0o002 != 0 {
            return Some(Distrust::Everybody);
        }
        let writes = dir.mode & 0o020 != 0 && !self.is_alone_in(dir.gid);
        writes.then_some(Distrust::Group(dir.gid))
    }

    /// Where each user has a group of the same number, that group is nobody else's. Root's is no such
    /// group: containers run programs of other users in it.
    const fn is_alone_in(self, gid: u32) -> bool {
        self.uid != 0 && gid == self.gid && gid == self.uid
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::Kind;

    const ROOT: Caller = Caller { uid: 0, gid: 0 };
    const USER: Caller = Caller { uid: 1000, gid: 1000 };

    fn dir(uid: u32, gid: u32, mode: u32) -> Looked {
        Looked { kind: Kind::Directory, mode, uid, gid, len: 0 }
    }

    #[test]
    fn whoever_else_may_write_is_named() {
        for (caller, looked, sticky, expected) in [
            (ROOT, dir(0, 0, 0o755), false, None),
            (ROOT, dir(1000, 0, 0o755), false, Some(Distrust::Owner(1000))),
            (ROOT, dir(0, 50, 0o775), false, Some(Distrust::Group(50))),
            (ROOT, dir(0, 0, 0o775), false, Some(Distrust::Group(0))),
            (ROOT, dir(0, 0, 0o757), false, Some(Distrust::Everybody)),
            (ROOT, dir(0, 0, 0o1777), true, None),
            (ROOT, dir(0, 0, 0o1777), false, Some(Distrust::Everybody)),
            // Its owner may do so in a sticky directory, too.
            (ROOT, dir(1000, 0, 0o1777), true, Some(Distrust::Owner(1000))),
            (USER, dir(0, 0, 0o755), false, None),
            (USER, dir(1000, 1000, 0o755), false, None),
            (USER, dir(1000, 1000, 0o775), false, None),
            (USER, dir(1000, 100, 0o775), false, Some(Distrust::Group(100))),
            (USER, dir(1001, 1001, 0o755), false, Some(Distrust::Owner(1001))),
        ] {
            assert_eq!(caller.distrusts(&looked, sticky), expected, "{caller:?} {looked:?}");
        }
    }
}
