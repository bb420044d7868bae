//! Linux: an abstract socket without a name of anybody's choice, and the kernel's word who has written to it.

use std::{
    fs, io,
    os::{
        fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd, RawFd},
        unix::fs::MetadataExt as _,
    },
};

use nix::{
    cmsg_space,
    errno::Errno,
    sys::socket::{
        AddressFamily, ControlMessageOwned, MsgFlags, SockFlag, SockType, UnixAddr,
        UnixCredentials, bind, getsockname, recvmsg, setsockopt, socket, sockopt,
    },
    unistd::{Pid, close, geteuid},
};

use super::Stranger;

/// No message is longer; what is longer is cut, and not taken.
const LONGEST: usize = 4096;
/// How far up a process is looked for: more than any chain of programs is long.
const DEEPEST: usize = 64;

/// The socket of one run.
#[derive(Debug)]
pub(crate) struct NotifySocket {
    socket: OwnedFd,
    name: String,
    /// Who may not tell was told.
    pub(crate) told_stranger: bool,
}

impl NotifySocket {
    pub(crate) fn new() -> io::Result<Self> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        let socket = socket(AddressFamily::Unix, SockType::Datagram, flags, None)?;
        setsockopt(&socket, sockopt::PassCred, &true)?;
        // Without a name, the kernel gives one that nobody has.
        bind(socket.as_raw_fd(), &UnixAddr::new_unnamed())?;
        let address: UnixAddr = getsockname(socket.as_raw_fd())?;
        let name = address.as_abstract().and_then(|name| std::str::from_utf8(name).ok());
        let name = name.map(|name| format!("@{name}")).ok_or(Errno::EADDRNOTAVAIL)?;
        Ok(Self { socket, name, told_stranger: false })
    }

    /// The value of `NOTIFY_SOCKET`.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The next message that is there; `None` if there is none.
    pub(crate) fn receive(&self, main: Option<u32>) -> Option<Result<Vec<u8>, Stranger>> {
        let mut text = vec![0; LONGEST];
        let mut parts = [io::IoSliceMut::new(&mut text)];
        let mut control = cmsg_space!(UnixCredentials, [RawFd; 16]);
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_CMSG_CLOEXEC;
        let received =
            recvmsg::<UnixAddr>(self.socket.as_raw_fd(), &mut parts, Some(&mut control), flags)
                .ok()?;
        let mut sender = None;
        for part in received.cmsgs().into_iter().flatten() {
            match part {
                ControlMessageOwned::ScmCredentials(it) => sender = Some(it),
                ControlMessageOwned::ScmRights(descriptors) => {
                    for descriptor in descriptors {
                        let _closed = close(descriptor);
                    }
                }
                _ => (),
            }
        }
        let is_whole = !received.flags.contains(MsgFlags::MSG_TRUNC);
        let length = if is_whole { received.bytes } else { 0 };
        let who = sender.map_or(Stranger { pid: 0, user: u32::MAX }, |it| Stranger {
            pid: it.pid(),
            user: it.uid(),
        });
        if !may_tell(who, main) {
            return Some(Err(who));
        }
        text.truncate(length);
        Some(Ok(text))
    }
}

impl AsFd for NotifySocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn may_tell(who: Stranger, main: Option<u32>) -> bool {
    if who.user == 0 || who.user == geteuid().as_raw() {
        return true;
    }
    let Some(main) = main else { return false };
    let owner = fs::metadata(format!("/proc/{main}")).map(|of| of.uid());
    owner.is_ok_and(|owner| owner == who.user) || descends(who.pid, main)
}

/// Whether a process is that one, or one that it has started, or one of those have.
fn descends(process: i32, from: u32) -> bool {
    let Ok(from) = i32::try_from(from) else { return false };
    let mut at = process;
    for _ in 0..DEEPEST {
        if at == from {
            return true;
        }
        match parent(at) {
            Some(parent) if parent > 1 => at = parent,
            _ => return false,
        }
    }
    false
}

/// Behind the name, in which there may be anything, and the state.
fn parent(process: i32) -> Option<i32> {
    let process = Pid::from_raw(process);
    let stat = fs::read(format!("/proc/{process}/stat")).ok()?;
    let end = stat.iter().rposition(|byte| *byte == b')')?;
    let rest = String::from_utf8_lossy(stat.get(end + 1..)?).into_owned();
    rest.split_ascii_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_neither_of_the_user_nor_started_by_the_service_may_not_tell() {
        let me = std::process::id();
        let own = i32::try_from(me).unwrap();
        let (nobody, main) = (u32::MAX - 7, Some(me));
        assert!(may_tell(Stranger { pid: 1, user: 0 }, None));
        assert!(may_tell(Stranger { pid: 1, user: geteuid().as_raw() }, None));
        assert!(may_tell(Stranger { pid: own, user: nobody }, main), "the service itself");
        assert!(!may_tell(Stranger { pid: 1, user: nobody }, main));
        assert!(!may_tell(Stranger { pid: own, user: nobody }, None));
        let parent = parent(own).unwrap();
        assert!(descends(own, u32::try_from(parent).unwrap()) && !descends(parent, me));
    }
}
