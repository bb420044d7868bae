//! Linux: an abstract socket without a name of anybody's choice, and the kernel's word who has written to it.

use std::{
    fs, io,
    os::{
        fd::{AsRawFd as _, OwnedFd, RawFd},
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

use super::NotifyMessage;

/// No message is longer; what is longer is cut, and not taken.
const LONGEST: usize = 4096;
/// How far up a process is looked for: more than any chain of programs is long.
const DEEPEST: usize = 64;

pub(super) fn make() -> io::Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(AddressFamily::Unix, SockType::Datagram, flags, None)?;
    setsockopt(&socket, sockopt::PassCred, &true)?;
    // Without a name, the kernel gives one that nobody has.
    bind(socket.as_raw_fd(), &UnixAddr::new_unnamed())?;
    Ok(socket)
}

pub(super) fn name(socket: &OwnedFd) -> io::Result<String> {
    let address: UnixAddr = getsockname(socket.as_raw_fd())?;
    let name = address.as_abstract().and_then(|name| std::str::from_utf8(name).ok());
    Ok(name.map(|name| format!("@{name}")).ok_or(Errno::EADDRNOTAVAIL)?)
}

pub(super) fn receive(socket: &OwnedFd, service: Option<u32>) -> io::Result<Option<NotifyMessage>> {
    let mut text = vec![0; LONGEST];
    let mut parts = [io::IoSliceMut::new(&mut text)];
    // Whoever asks for a barrier sends a descriptor, and waits until it is closed.
    let mut control = cmsg_space!(UnixCredentials, [RawFd; 16]);
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_CMSG_CLOEXEC;
    let received = recvmsg::<UnixAddr>(socket.as_raw_fd(), &mut parts, Some(&mut control), flags);
    let received = match received {
        Ok(received) => received,
        Err(Errno::EAGAIN | Errno::EINTR) => return Ok(None),
        Err(why) => return Err(why.into()),
    };
    let (mut pid, mut user) = (0, u32::MAX);
    for part in received.cmsgs().into_iter().flatten() {
        match part {
            ControlMessageOwned::ScmCredentials(it) => (pid, user) = (it.pid(), it.uid()),
            ControlMessageOwned::ScmRights(descriptors) => {
                for descriptor in descriptors {
                    let _closed = close(descriptor);
                }
            }
            _ => (),
        }
    }
    let is_whole = !received.flags.contains(MsgFlags::MSG_TRUNC);
    let length = received.bytes;
    let may_tell = may_tell(pid, user, service);
    text.truncate(if may_tell && is_whole { length } else { 0 });
    Ok(Some(NotifyMessage { text, pid, user, may_tell }))
}

fn may_tell(pid: i32, user: u32, service: Option<u32>) -> bool {
    if user == 0 || user == geteuid().as_raw() {
        return true;
    }
    let Some(service) = service else { return false };
    let owner = fs::metadata(format!("/proc/{service}")).map(|of| of.uid());
    owner.is_ok_and(|owner| owner == user) || descends(pid, service)
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
        assert!(may_tell(1, 0, None));
        assert!(may_tell(1, geteuid().as_raw(), None));
        assert!(may_tell(own, nobody, main), "the service itself");
        assert!(!may_tell(1, nobody, main));
        assert!(!may_tell(own, nobody, None));
        let parent = parent(own).unwrap();
        assert!(descends(own, u32::try_from(parent).unwrap()) && !descends(parent, me));
    }
}
