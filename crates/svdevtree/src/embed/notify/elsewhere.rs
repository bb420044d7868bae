//! Other systems do not say who has written to a socket, so nobody is heard.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd},
};

use super::Stranger;

/// There is none.
#[allow(dead_code, reason = "nobody makes one")]
#[derive(Debug)]
pub(crate) struct NotifySocket {
    socket: std::os::unix::net::UnixDatagram,
    /// Who may not tell was told.
    pub(crate) told_stranger: bool,
}

impl NotifySocket {
    pub(crate) fn new() -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    #[allow(clippy::unused_self, reason = "elsewhere it has one")]
    pub(crate) const fn name(&self) -> &'static str {
        ""
    }

    #[allow(clippy::unused_self, reason = "elsewhere there may be one")]
    pub(crate) const fn receive(&self, _: Option<u32>) -> Option<Result<Vec<u8>, Stranger>> {
        None
    }
}

impl AsFd for NotifySocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
