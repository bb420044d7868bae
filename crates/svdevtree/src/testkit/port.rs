//! Free ports that two tests do not get at the same time.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    os::fd::OwnedFd,
};

use rustix::net::{
    AddressFamily, SocketType, bind, getsockname, socket, sockopt::set_socket_reuseaddr,
};

/// A TCP port of 127.0.0.1, reserved as long as the value lives.
///
/// The system chose it, and a socket that never listens is bound to it, with `SO_REUSEADDR`.
///
/// | who                                          | gets the port | on Linux because                         |
/// |----------------------------------------------|---------------|------------------------------------------|
/// | another `Port`, any program that binds port 0 | no           | a port that is bound is never chosen     |
/// | the service, if it sets `SO_REUSEADDR`       | yes           | it may share it with what does not listen |
/// | the service, without `SO_REUSEADDR`          | no            | [`release`](Self::release) it first      |
///
/// Rust's `TcpListener`, Go, Python's `socketserver`, Node and most servers set `SO_REUSEADDR`. Not
/// guaranteed: that nobody who was told this very number, or tries all, takes it before the service
/// does; nor that it is free on other addresses; nor, on other systems than Linux, that the two can
/// share it.
#[derive(Debug)]
pub struct Port {
    number: u16,
    _bound: OwnedFd,
}

impl Port {
    /// Reserves a free port.
    ///
    /// ```
    /// use svdevtree::testkit::Port;
    ///
    /// let (one, two) = (Port::reserve()?, Port::reserve()?);
    /// assert_ne!(one.number(), two.number());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// There is none, or no descriptor.
    pub fn reserve() -> io::Result<Self> {
        let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
        rustix::io::fcntl_setfd(&socket, rustix::io::FdFlags::CLOEXEC)?;
        set_socket_reuseaddr(&socket, true)?;
        bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))?;
        let addr = SocketAddr::try_from(getsockname(&socket)?)?;
        Ok(Self { number: addr.port(), _bound: socket })
    }

    /// Its number.
    #[must_use]
    pub const fn number(&self) -> u16 {
        self.number
    }

    /// The address.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.number).into()
    }

    /// Gives it up, for a server that does not set `SO_REUSEADDR`. From now on, somebody else may
    /// get it.
    #[must_use]
    pub fn release(self) -> u16 {
        self.number
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, net::TcpListener};

    use super::*;

    #[test]
    fn nobody_gets_a_port_twice() {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                std::thread::spawn(|| {
                    (0..100).map(|_| Port::reserve().unwrap()).collect::<Vec<_>>()
                })
            })
            .collect();
        let ports: Vec<Port> = threads.into_iter().flat_map(|it| it.join().unwrap()).collect();
        let numbers: BTreeSet<u16> = ports.iter().map(Port::number).collect();
        assert_eq!(numbers.len(), ports.len());
        for _ in 0..200 {
            let other = TcpListener::bind("127.0.0.1:0").unwrap();
            assert!(!numbers.contains(&other.local_addr().unwrap().port()));
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_server_listens_on_a_port_that_is_reserved() {
        use std::net::TcpStream;

        let port = Port::reserve().unwrap();
        assert!(TcpStream::connect(port.addr()).is_err());
        let listener = TcpListener::bind(port.addr()).unwrap();
        TcpStream::connect(port.addr()).unwrap();
        drop(listener);
        TcpListener::bind(("0.0.0.0", port.number())).unwrap();
    }
}
