//! File systems (FUSE) over a directory whose server does not answer: it reads nothing, or it takes every question.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "one of several users"
)]

use std::{
    fs::File,
    io::{Read, Write},
    os::fd::{AsFd, AsRawFd, OwnedFd},
    path::Path,
    thread::{self, JoinHandle},
};

use nix::{
    fcntl::OFlag,
    mount::{MsFlags, mount},
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sched::{CloneFlags, unshare},
    unistd::pipe2,
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

/// A server that takes questions and keeps them, as one does whose own server is gone: SIGKILL does not end who has
/// asked, before the server ends.
pub struct Keeps {
    stop: Option<OwnedFd>,
    server: Option<JoinHandle<()>>,
}

impl Keeps {
    /// As [`Hang::over`].
    pub fn over(dir: &Path) -> Option<Self> {
        Self::but(dir, |_| None)
    }

    /// One that answers whoever has the word `looks` on its command line, until another child of the same parent
    /// asks for the first time; from then on none of them. Nothing is in the directory.
    pub fn over_after_looks(dir: &Path, looks: &'static [u8]) -> Option<Self> {
        let mut over = Vec::new();
        Self::but(dir, move |question| {
            let asks = u32::from_ne_bytes(question[32..36].try_into().unwrap());
            let read =
                |file: &str| std::fs::read(format!("/proc/{asks}/{file}")).unwrap_or_default();
            let stat = String::from_utf8_lossy(&read("stat")).into_owned();
            let parent = stat.rsplit_once(") ")?.1.split(' ').nth(1)?.to_owned();
            if !read("cmdline").windows(looks.len()).any(|it| it == looks) {
                over.push(parent);
                return None;
            }
            if over.contains(&parent) { None } else { empty(question) }
        })
    }

    fn but(
        dir: &Path,
        mut answers: impl FnMut(&[u8]) -> Option<Vec<u8>> + Send + 'static,
    ) -> Option<Self> {
        let Hang { mut server } = Hang::over(dir)?;
        let (stopped, stop) = pipe2(OFlag::O_CLOEXEC).unwrap();
        let server = thread::spawn(move || {
            loop {
                let mut fds =
                    [server.as_fd(), stopped.as_fd()].map(|fd| PollFd::new(fd, PollFlags::POLLIN));
                poll(&mut fds, PollTimeout::NONE).unwrap();
                if fds[1].any().unwrap() {
                    return;
                }
                let mut question = vec![0; 1 << 20];
                let len = server.read(&mut question).unwrap();
                // FUSE_INIT, of which the kernel waits for an answer before it asks for anything.
                if len >= 16 && question[4..8] == 26_u32.to_ne_bytes() {
                    let mut answer = [0; 80];
                    answer[..4].copy_from_slice(&80_u32.to_ne_bytes());
                    answer[8..16].copy_from_slice(&question[8..16]);
                    answer[16..20].copy_from_slice(&7_u32.to_ne_bytes());
                    answer[20..24].copy_from_slice(&31_u32.to_ne_bytes());
                    answer[36..40].copy_from_slice(&(1_u32 << 16).to_ne_bytes());
                    server.write_all(&answer).unwrap();
                } else if let Some(answer) = answers(&question[..len]) {
                    // Whoever has asked may have been killed.
                    let _gone = server.write_all(&answer);
                }
            }
        });
        Some(Self { stop: Some(stop), server: Some(server) })
    }
}

/// What a file system says that has one directory, with nothing in it.
fn empty(question: &[u8]) -> Option<Vec<u8>> {
    const ENOENT: i32 = -2;
    const ENOSYS: i32 = -38;
    let operation = u32::from_ne_bytes(question[4..8].try_into().unwrap());
    let (error, body) = match operation {
        // FUSE_FORGET, FUSE_INTERRUPT and FUSE_BATCH_FORGET want no answer.
        2 | 36 | 42 => return None,
        // FUSE_LOOKUP.
        1 => (ENOENT, Vec::new()),
        // FUSE_GETATTR: a directory, known for no time at all.
        3 => {
            let mut attributes = vec![0; 104];
            attributes[76..80].copy_from_slice(&0o40_755_u32.to_ne_bytes());
            attributes[80..84].copy_from_slice(&2_u32.to_ne_bytes());
            (0, attributes)
        }
        // FUSE_OPENDIR.
        27 => (0, vec![0; 16]),
        // FUSE_READDIR and FUSE_RELEASEDIR.
        28 | 29 => (0, Vec::new()),
        _ => (ENOSYS, Vec::new()),
    };
    let len = u32::try_from(16 + body.len()).unwrap().to_ne_bytes();
    Some([&len[..], &error.to_ne_bytes(), &question[8..16], &body].concat())
}

impl Drop for Keeps {
    fn drop(&mut self) {
        drop(self.stop.take());
        let _ended = self.server.take().unwrap().join();
    }
}
