//! Coming to a directory by its path so that nobody less privileged than the caller can have led
//! there, and nobody can lead elsewhere afterwards.
//!
//! [`walk`] goes from the root, one name after the other; each directory is open before the next
//! name is looked at, and is asked who may change it. Links on the way are followed by their word,
//! never by the system.
//!
//! | of each                | is asked                                                                          |
//! |------------------------|-----------------------------------------------------------------------------------|
//! | directory              | it is root's or the caller's; nobody else may write there, be it by an access list (ACL), or it is sticky |
//! | symbolic link          | it is root's or the caller's; in a directory that others share, it has one name     |
//! | file system (FUSE)     | root or the caller has mounted it: whoever has may show any owner and any mode     |
//!
//! What [`walk`] has come to stays what it is, whoever moves what: the descriptor is the directory.
//!
//! # Owners that this user namespace does not know
//!
//! In a user namespace every owner who has no number in it is shown as one and the same, mostly
//! 65534. That may be the machine's root, or any user of it, and the system does not say which. So
//! such an owner counts as anybody, but for the root directory, whose owner decides anyhow what
//! every program here is and reads, and for what a system has below it that belongs to root
//! everywhere: `/home`, `/tmp`, `/var/lib`, `/run/user` and their like.
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
    others::is_outsider,
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
