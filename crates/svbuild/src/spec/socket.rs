//! Sockets that are open before a service is started.

use serde::{Deserialize, Serialize};

/// A socket that a service gets as `sd_listen_fds(3)` has it.
///
/// ```
/// use svbuild::{Service, spec::Socket};
///
/// let web = Service::new(["/bin/web"]).socket(Socket::new("http", "127.0.0.1:8080"));
/// assert!(web.check("web").is_empty());
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table with `name` and `listen`")]
pub struct Socket {
    /// `name`: by which the program finds it in `LISTEN_FDNAMES`.
    pub name: String,
    /// `listen`: `ADDRESS:PORT`, or the absolute path of a socket of a file system.
    pub listen: String,
}

impl Socket {
    /// A stream socket of this name at this place.
    pub fn new(name: impl Into<String>, listen: impl Into<String>) -> Self {
        Self { name: name.into(), listen: listen.into() }
    }
}
