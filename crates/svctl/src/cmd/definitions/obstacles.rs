//! What keeps a service from coming up, where that can be known before it is started: there is no such program, or
//! another one has its port.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    net::{IpAddr, SocketAddr, TcpStream},
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use nix::unistd::{AccessFlags, access};
use svcmgr::build::{Definitions, Service, spec::ReadyCheck};

/// A program on this machine takes a connection at once, or not at all.
const ANSWER: Duration = Duration::from_millis(500);

/// Why each of these cannot come up.
pub(crate) fn find(definitions: &Definitions) -> BTreeMap<String, String> {
    let of = |(name, service): (&String, &Service)| {
        let why = missing_program(service).or_else(|| taken_port(service))?;
        Some((name.clone(), why))
    };
    definitions.service.iter().filter_map(of).collect()
}

fn missing_program(service: &Service) -> Option<String> {
    // Below another root other files count, and what a file of variables says of PATH is not known here.
    if service.root.is_some() || !service.env_file.is_empty() || service.env_dir.is_some() {
        return None;
    }
    let program = OsStr::from_bytes(service.exec.first()?.as_bytes());
    let is_one = |path: &Path| path.is_file() && access(path, AccessFlags::X_OK).is_ok();
    if program.as_bytes().contains(&b'/') {
        let path = service.cwd.as_deref().unwrap_or(Path::new("/")).join(program);
        let is_known = Path::new(program).is_absolute() || service.cwd.is_some();
        return match (is_known, path.exists()) {
            (true, false) => Some(format!("there is no {}", path.display())),
            (true, true) if !is_one(&path) => {
                Some(format!("{} cannot be executed", path.display()))
            }
            _ => None,
        };
    }
    let own = service.env.get("PATH").map(|path| OsStr::from_bytes(path.as_bytes()).to_owned());
    let path = own.or_else(|| std::env::var_os("PATH"))?;
    let dirs: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let is_there = dirs.iter().any(|dir| is_one(&dir.join(program)));
    (!is_there).then(|| format!("there is no {} on the PATH", program.display()))
}

/// What answers before the service was started is not the service. Only this machine is asked.
fn taken_port(service: &Service) -> Option<String> {
    let address = match &service.ready.as_ref()?.check {
        ReadyCheck::Tcp(address) => address.clone(),
        ReadyCheck::Http(url) => address_of(url)?,
        _ => return None,
    };
    let (host, port) = address.rsplit_once(':')?;
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let address: IpAddr = if host == "localhost" { "127.0.0.1" } else { host }.parse().ok()?;
    let address = SocketAddr::new(address, port.parse().ok()?);
    if !address.ip().is_loopback() {
        return None;
    }
    TcpStream::connect_timeout(&address, ANSWER).ok()?;
    Some(format!("{address} is another program's: it answers before this one was started"))
}

/// `HOST:PORT` of a URL.
fn address_of(url: &str) -> Option<String> {
    let (rest, port) = match url.strip_prefix("http://") {
        Some(rest) => (rest, 80),
        None => (url.strip_prefix("https://")?, 443),
    };
    let authority = rest.split(['/', '?', '#']).next()?;
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| !port.contains(']'));
    Some(if has_port { authority.to_owned() } else { format!("{authority}:{port}") })
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn obstacle(text: &str) -> Option<String> {
        let text = format!("[service.web]\n{text}");
        let base = svcmgr::build::spec::Base::Implied(Path::new("/"));
        find(&Definitions::from_toml_in(&text, base).unwrap()).remove("web")
    }

    #[test]
    fn a_program_that_is_missing_is_known_before_the_start() {
        let no = obstacle("exec = ['nosuchprog']");
        assert_eq!(no.as_deref(), Some("there is no nosuchprog on the PATH"));
        assert_eq!(obstacle("exec = ['/no/such']").as_deref(), Some("there is no /no/such"));
        // What is relative is so to the base, which is `/` here.
        let no = obstacle("exec = ['./etc/passwd']\ncwd = '/tmp'");
        assert_eq!(no.as_deref(), Some("/etc/passwd cannot be executed"));
        assert!(obstacle("exec = ['sh']\nenv = { PATH = '/nowhere' }").is_some());
        // What decides is not known yet.
        assert_eq!(obstacle("exec = ['nosuchprog']\nenv_file = ['/env']"), None);
        assert_eq!(obstacle("exec = ['/no/such']\nroot = '/srv'"), None);
        assert_eq!(obstacle("exec = ['sh']"), None);
    }

    #[test]
    fn a_port_that_answers_before_the_start_is_another_programs() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        for ready in [
            format!("tcp = '127.0.0.1:{port}'"),
            format!("http = 'http://127.0.0.1:{port}/health'"),
            format!("http = 'http://localhost:{port}'"),
        ] {
            let why = obstacle(&format!("exec = ['sh']\nready = {{ {ready} }}")).unwrap();
            assert!(why.contains("is another program's"), "{why}");
        }
        drop(listener);
        assert_eq!(
            obstacle(&format!("exec = ['sh']\nready = {{ tcp = '127.0.0.1:{port}' }}")),
            None
        );
    }

    #[test]
    fn a_url_names_a_place() {
        for (url, address) in [
            ("http://127.0.0.1:8080/a:1", "127.0.0.1:8080"),
            ("http://localhost", "localhost:80"),
            ("https://[::1]/x", "[::1]:443"),
            ("http://a@[::1]:81?b", "[::1]:81"),
        ] {
            assert_eq!(address_of(url).as_deref(), Some(address), "{url}");
        }
    }
}
