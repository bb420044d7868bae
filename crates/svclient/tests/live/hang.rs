//! A file system (FUSE) whose server reads nothing, over a directory.
#![allow(unreachable_pub, clippy::unwrap_used, reason = "one of several users")]

use std::{fs::File, os::fd::AsRawFd, path::Path};

use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
};

use super::skips;

/// A server that reads nothing; at its end whoever waits is let go.
pub struct Hang {
    pub server: File,
}

impl Hang {
    /// Mounts it where only this thread, and those that it starts, see it. `None` where that cannot be.
    pub fn over(dir: &Path) -> Option<Self> {
        let skip = |why: &str| skips::leave_out("hangs", why);
        let Ok(server) = File::options().read(true).write(true).open("/dev/fuse") else {
            skip("there is no /dev/fuse");
            return None;
        };
        let options = format!("fd={},rootmode=40000,user_id=0,group_id=0", server.as_raw_fd());
        let (none, flags) = (None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE);
        let mounted = unshare(CloneFlags::CLONE_NEWNS)
            .and_then(|()| mount(none, "/", none, flags, none))
            .and_then(|()| {
                mount(Some("hang"), dir, Some("fuse"), MsFlags::empty(), Some(&*options))
            });
        if let Err(errno) = mounted {
            skip(&format!("no file system that hangs can be made: {errno}"));
            return None;
        }
        Some(Self { server })
    }
}
