//! Why something is not relied on, in words.

use std::fmt;

/// Why a directory or a link is not relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Distrust {
    /// It belongs to this user, who is neither root nor the caller.
    Owner(u32),
    /// It belongs to somebody outside of this user namespace; who that is the system does not say.
    Outsider,
    /// This group may write there.
    Group(u32),
    /// This user may write there, by an access list.
    User(u32),
    /// Everybody may write there.
    Everybody,
    /// This user has mounted the file system (FUSE), and decides what is to be seen in it.
    Mounted(u32),
    /// A file system that some program makes up (FUSE), and nobody can see who has mounted it.
    MountedBySomebody,
    /// A link with several names, in a directory that others share: who gave it this name is not
    /// known.
    SecondName,
}

impl fmt::Display for Distrust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Owner(uid) => write!(f, "it belongs to user {uid}"),
            Self::Outsider => f.write_str("it belongs to somebody outside of this user namespace"),
            Self::Group(gid) => write!(f, "group {gid} may write there"),
            Self::User(uid) => write!(f, "user {uid} may write there, by an access list"),
            Self::Everybody => f.write_str("everybody may write there"),
            Self::Mounted(uid) => write!(f, "its file system was mounted by user {uid}"),
            Self::MountedBySomebody => {
                f.write_str("its file system is a program's, of a user that cannot be found out")
            }
            Self::SecondName => {
                f.write_str("it is a second name of a link, which may be anybody's")
            }
        }
    }
}
