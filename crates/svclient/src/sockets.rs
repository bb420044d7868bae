//! Sockets that wait for callers, and whose they are, as Linux tells. Elsewhere nothing is told.

use std::{
    collections::BTreeMap,
    fmt, fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use svproto::Pid;

/// A socket that waits for callers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub struct Listening {
    /// `tcp`, `udp` or `unix`.
    pub protocol: &'static str,
    /// The address and port, or the path of a socket of the file system (`@` before a name of none).
    pub address: String,
    pub(crate) port: Option<u16>,
    inode: u64,
}

/// `tcp 127.0.0.1:8080`.
impl fmt::Display for Listening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.protocol, self.address)
    }
}

/// All that a process sees in its network: those of this one where that is told of none.
pub(crate) fn seen_by(pid: Option<Pid>) -> Vec<Listening> {
    let net = pid.map_or_else(|| "/proc/self/net".to_owned(), |pid| format!("/proc/{pid}/net"));
    let mut all = Vec::new();
    // A socket that listens is in state 10; one of udp that is bound and not connected in state 7.
    for (file, protocol, state) in
        [("tcp", "tcp", "0A"), ("tcp6", "tcp", "0A"), ("udp", "udp", "07"), ("udp6", "udp", "07")]
    {
        let text = fs::read_to_string(format!("{net}/{file}")).unwrap_or_default();
        all.extend(text.lines().skip(1).filter_map(|line| inet(line, protocol, state)));
    }
    let text = fs::read(format!("{net}/unix")).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    all.extend(text.lines().skip(1).filter_map(unix));
    all
}

fn inet(line: &str, protocol: &'static str, state: &str) -> Option<Listening> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    if *words.get(3)? != state {
        return None;
    }
    let (address, port) = words.get(1)?.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let address = SocketAddr::new(ip(address)?, port).to_string();
    Some(Listening { protocol, address, port: Some(port), inode: words.get(9)?.parse().ok()? })
}

/// Words of 32 bits in the order of the machine's bytes.
fn ip(hex: &str) -> Option<IpAddr> {
    let word = |at: usize| {
        let digits = hex.get(at * 8..at * 8 + 8)?;
        u32::from_str_radix(digits, 16).ok().map(u32::to_ne_bytes)
    };
    match hex.len() {
        8 => Some(IpAddr::V4(Ipv4Addr::from(word(0)?))),
        32 => {
            let mut bytes = [0; 16];
            for (at, part) in bytes.chunks_exact_mut(4).enumerate() {
                part.copy_from_slice(&word(at)?);
            }
            Some(IpAddr::V6(Ipv6Addr::from(bytes)))
        }
        _ => None,
    }
}

/// `Num RefCount Protocol Flags Type St Inode Path`; the flag says that it accepts.
fn unix(line: &str) -> Option<Listening> {
    const ACCEPTS: u32 = 0x1_0000;
    let mut words = line.split_ascii_whitespace();
    let flags = u32::from_str_radix(words.nth(3)?, 16).ok()?;
    let inode = words.nth(2)?.parse().ok()?;
    let address = words.collect::<Vec<_>>().join(" ");
    let listens = flags & ACCEPTS != 0;
    listens.then_some(Listening { protocol: "unix", address, port: None, inode })
}

/// The numbers of the sockets that a process has; `None` where this user may not see them.
pub(crate) fn of(pid: Pid) -> Option<Vec<u64>> {
    let list = fs::read_dir(format!("/proc/{pid}/fd")).ok()?;
    let number = |entry: fs::DirEntry| {
        let link = fs::read_link(entry.path()).ok()?;
        link.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
    };
    Some(list.flatten().filter_map(number).collect())
}

impl Listening {
    /// Whether it is one of these.
    pub(crate) fn is_of(&self, numbers: &[u64]) -> bool {
        numbers.contains(&self.inode)
    }
}

/// Who listens on a port of this machine: each address, with the process that has it where that may be seen.
pub(crate) fn on_port(port: u16) -> BTreeMap<Listening, Option<Pid>> {
    let mut all: BTreeMap<Listening, Option<Pid>> =
        seen_by(None).into_iter().filter(|it| it.port == Some(port)).map(|it| (it, None)).collect();
    if all.is_empty() {
        return all;
    }
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let pid = entry.file_name().to_str().and_then(|it| it.parse().ok()).and_then(Pid::new);
        let Some(pid) = pid else { continue };
        let Some(numbers) = of(pid) else { continue };
        for (socket, owner) in &mut all {
            if owner.is_none() && socket.is_of(&numbers) {
                *owner = Some(pid);
            }
        }
        if all.values().all(Option::is_some) {
            break;
        }
    }
    all
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_socket_of_this_process_is_found_by_its_port() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            // Not every machine has the second.
            let Ok(listener) = TcpListener::bind(address) else { continue };
            let address = listener.local_addr().unwrap();
            let found = on_port(address.port());
            let here = Pid::new(std::process::id().into());
            let (socket, owner) =
                found.iter().find(|(socket, _)| socket.address == address.to_string()).unwrap();
            assert_eq!((socket.protocol, *owner), ("tcp", here));
        }
        assert!(on_port(0).is_empty());
    }

    #[test]
    fn an_address_is_read_in_the_order_of_the_machine() {
        let line = |ip: &str| format!("0: {ip}:1F90 00000000:0000 0A 0:0 00:0 0 0 0 4711 1 0");
        let word = format!("{:08X}", u32::from_ne_bytes([127, 0, 0, 1]));
        let found = inet(&line(&word), "tcp", "0A").unwrap();
        assert_eq!((found.address.as_str(), found.inode), ("127.0.0.1:8080", 4711));
        assert_eq!(inet(&line(&word), "tcp", "07"), None);
        assert_eq!(inet("", "tcp", "0A"), None);
        let unix = unix("0000: 00000002 00000000 00010000 0001 01 77 /run/x y").unwrap();
        assert_eq!((unix.address.as_str(), unix.inode), ("/run/x y", 77));
    }
}
