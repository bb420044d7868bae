//! The lock that `s6-supervise` holds, for tests inside and outside of the crate.

use nix::libc;

/// A write lock on a whole file.
pub(crate) fn write_lock() -> libc::flock {
    #[expect(clippy::cast_possible_truncation, reason = "F_WRLCK and SEEK_SET are 0 to 3")]
    libc::flock {
        l_type: libc::F_WRLCK as _,
        l_whence: libc::SEEK_SET as _,
        l_start: 0,
        l_len: 0,
        l_pid: 0,
    }
}
