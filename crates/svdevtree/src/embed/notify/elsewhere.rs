//! Other systems do not say who has written to a socket, so nobody is heard.

use std::{io, os::fd::OwnedFd};

use super::NotifyMessage;

pub(super) fn make() -> io::Result<OwnedFd> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(super) fn name(_: &OwnedFd) -> io::Result<String> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(super) fn receive(_: &OwnedFd, _: Option<u32>) -> io::Result<Option<NotifyMessage>> {
    Err(io::ErrorKind::Unsupported.into())
}
