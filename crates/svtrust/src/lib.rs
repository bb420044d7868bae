//! Opens a directory by its path, and refuses a path that somebody less privileged than the caller
//! could have changed.
//!
//! [`walk`] goes from the root, one name after the other. Each directory is opened, and its owner,
//! mode and access list are checked, before the next name is looked at. A symbolic link is read and
//! followed here, never by the system.
//!
//! | each                   | must                                                                              |
//! |------------------------|-----------------------------------------------------------------------------------|
//! | directory              | belong to root or the caller; nobody else may write there, also not by an access list (ACL), unless it is sticky |
//! | symbolic link          | belong to root or the caller; in a directory that others share, have only one name |
//! | file system (FUSE)     | be mounted by root or the caller: its server can show any owner and any mode       |
//!
//! The result is a descriptor, so it stays the same directory whatever is moved or renamed later.
//!
//! # Owners that this user namespace does not know
//!
//! In a user namespace every owner who has no number in it is shown as one and the same, mostly
//! 65534. That may be the machine's root, or any user of it, and the system does not say which. So
//! such an owner is not trusted. There are two exceptions. The owner of the root directory decides
//! anyhow what every program here is and reads. And some directories belong to root on every system:
//! `/home`, `/tmp`, `/var/lib`, `/run/user` and the like.
//!
//! This crate changes nothing on the disk, and knows nothing of services. Words are used as in the [glossary].
//!
//! [glossary]: https://docs.rs/svcmgr/latest/svcmgr/glossary

mod caller;
mod distrust;
mod file_type;
mod others;
mod walk;

use std::{io, path::PathBuf};

pub use self::{
    caller::Caller,
    distrust::Distrust,
    file_type::file_type,
    others::{has_access_list, is_outsider},
    walk::{Walked, walk, walk_from},
};

/// Why a directory was not come to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Somebody else may decide what is there.
    #[error("cannot use {}: {why}", path.display())]
    Untrusted {
        /// The directory, or the link.
        path: PathBuf,
        /// Who.
        why: Distrust,
    },
    /// The operating system refused.
    #[error("cannot {doing} {}", path.display())]
    Io {
        /// The verb, as in "cannot open".
        doing: &'static str,
        /// The directory, or the link.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}
