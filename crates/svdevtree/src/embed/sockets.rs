//! Sockets that are open before a service is started, and stay open while it is started again: the file [`SOCKETS`],
//! with `NAME PLACE` on each line. A place is `ADDRESS:PORT`, or the absolute path of a socket.
//!
//! The service gets them as `sd_listen_fds(3)` has it, from descriptor 3 on, with `LISTEN_FDS` and `LISTEN_FDNAMES`.
//! `LISTEN_PID` is the service's own number, which nobody knows before it is there: `run` says
//! `export LISTEN_PID=$$` before it becomes the program.
//!
//! Source: `sd_listen_fds(3)`, `systemd.socket(5)` of systemd 252, whose socket files have mode 0666 too.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    os::{
        fd::{AsFd as _, AsRawFd as _, OwnedFd},
        unix::net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    fcntl::AtFlags,
    sys::stat::{FchmodatFlags, Mode, SFlag, fchmodat, fstatat},
    unistd::{UnlinkatFlags, unlinkat},
};

use crate::{
    Error,
    trusted::{self, is},
};

/// The file in a service directory.
pub(crate) const SOCKETS: &str = svproto::files::SOCKETS;

/// The first descriptor.
pub(crate) const FIRST: i32 = 3;

/// Those that are open.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    /// What the file said, and the sockets in its order.
    text: String,
    open: Vec<(String, OwnedFd)>,
}

impl Sockets {
    /// Opens what the file says now. What is open at the same place stays as it is.
    pub(crate) fn open(&mut self, text: &str) -> Result<(), Error> {
        if text == self.text {
            return Ok(());
        }
        let lines = |text: &str| -> Vec<(String, String)> {
            let two = |line: &str| line.split_once(' ').map(|(a, b)| (a.to_owned(), b.to_owned()));
            text.lines().filter_map(two).collect()
        };
        let mut before: Vec<_> = lines(&self.text).into_iter().zip(self.open.drain(..)).collect();
        self.text.clear();
        let mut open = Vec::new();
        for (name, place) in lines(text) {
            let kept = before.iter().position(|((_, it), _)| *it == place);
            let socket = match kept {
                Some(at) => before.swap_remove(at).1.1,
                None => listen(&place)?,
            };
            open.push((name, socket));
        }
        self.open = open;
        text.clone_into(&mut self.text);
        Ok(())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Copies for a process, with their numbers.
    pub(crate) fn copies(&self) -> io::Result<Vec<(OwnedFd, i32)>> {
        let copy =
            |((_, socket), number): (&(String, OwnedFd), i32)| Ok((socket.try_clone()?, number));
        self.open.iter().zip(FIRST..).map(copy).collect()
    }

    /// How many, and their names: the values of `LISTEN_FDS` and `LISTEN_FDNAMES`.
    pub(crate) fn variables(&self) -> [(&'static str, String); 2] {
        let names: Vec<&str> = self.open.iter().map(|(name, _)| name.as_str()).collect();
        [("LISTEN_FDS", self.open.len().to_string()), ("LISTEN_FDNAMES", names.join(":"))]
    }
}

fn listen(place: &str) -> Result<OwnedFd, Error> {
    let fail = |source: io::Error| Error::io("listen on", Path::new(place), source);
    if place.starts_with('/') {
        return listen_at(Path::new(place));
    }
    let address: SocketAddr =
        place.parse().map_err(|_| fail(io::Error::from(io::ErrorKind::InvalidInput)))?;
    TcpListener::bind(address).map(OwnedFd::from).map_err(fail)
}

/// In a directory into which nobody less privileged can lead; a socket that nobody listens on any more makes room.
fn listen_at(path: &Path) -> Result<OwnedFd, Error> {
    let fail = |source: io::Error| Error::io("listen on", path, source);
    let (Some(above), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(fail(io::ErrorKind::InvalidInput.into()));
    };
    let dir = trusted::open_safe(above).map_err(|error| match error {
        svtrust::Error::Untrusted { path, why } => Error::Untrusted { path, why },
        svtrust::Error::Io { doing, path, source } => Error::io(doing, &path, source),
        other => fail(io::Error::other(other)),
    })?;
    let direct = PathBuf::from(format!("/proc/self/fd/{}", dir.as_raw_fd()));
    let reached = if direct.exists() { direct.join(name) } else { path.to_owned() };
    let stat = fstatat(dir.as_fd(), name, AtFlags::AT_SYMLINK_NOFOLLOW).ok();
    let is_left = stat.is_some_and(|stat| is(&stat, SFlag::S_IFSOCK))
        && UnixStream::connect(&reached)
            .is_err_and(|error| error.raw_os_error() == Some(Errno::ECONNREFUSED as i32));
    if is_left {
        unlinkat(dir.as_fd(), name, UnlinkatFlags::NoRemoveDir).map_err(|it| fail(it.into()))?;
    }
    let socket = UnixListener::bind(&reached).map_err(fail)?;
    let mode = Mode::from_bits_truncate(0o666);
    let made = fchmodat(dir.as_fd(), name, mode, FchmodatFlags::FollowSymlink);
    made.map_err(|errno| fail(errno.into()))?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_is_open_stays_open_and_what_was_left_behind_makes_room() {
        let tree = tempfile::tempdir().unwrap();
        let path = tree.path().join("web.sock");
        let text = format!("http 127.0.0.1:0\nadmin {}\n", path.display());
        let mut sockets = Sockets::default();
        sockets.open(&text).unwrap();
        let numbers = |sockets: &Sockets| {
            sockets.open.iter().map(|(_, it)| it.as_raw_fd()).collect::<Vec<_>>()
        };
        let before = numbers(&sockets);
        assert_eq!(sockets.variables().map(|(_, it)| it), ["2", "http:admin"]);
        assert_eq!(sockets.copies().unwrap()[1].1, 4);
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o666);
        sockets.open(&text).unwrap();
        assert_eq!(numbers(&sockets), before);
        // Another name, and one less: the socket is the same.
        sockets.open(&format!("control {}\n", path.display())).unwrap();
        assert_eq!(
            (numbers(&sockets), sockets.variables()[1].1.as_str()),
            (vec![before[1]], "control")
        );
        // While somebody listens there, nobody else does.
        let mut others = Sockets::default();
        assert!(others.open(&text).is_err() && others.is_empty());
        drop(sockets);
        others.open(&text).unwrap();
        // What is no socket is left alone.
        let file = tree.path().join("file");
        std::fs::write(&file, "mine").unwrap();
        assert!(Sockets::default().open(&format!("a {}\n", file.display())).is_err());
        assert_eq!(std::fs::read(&file).unwrap(), b"mine");
    }
}
