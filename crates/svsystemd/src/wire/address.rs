//! Where a manager is: the system's, this user's, or behind an address; and connecting there.

use std::{
    fmt,
    num::NonZeroUsize,
    path::{Path, PathBuf},
};

use zbus::{Connection, connection::Builder};

use crate::error::BusError;

/// The socket of the system's manager.
const SYSTEM: &str = "/run/systemd/private";
/// That of a user's, in the directory of that user's runtime files.
const OF_USER: &str = "systemd/private";

/// Where a manager answers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Address {
    /// The system's, by way of the system bus.
    System,
    /// This user's, by way of the session bus.
    User,
    /// A bus at a D-Bus address.
    Bus(String),
    /// The socket of the manager itself, without a bus.
    Private(PathBuf),
}

impl Address {
    pub(crate) async fn connect(&self, queue: NonZeroUsize) -> Result<Connection, BusError> {
        let builder = match self {
            Self::System => Builder::system(),
            Self::User => Builder::session(),
            Self::Bus(address) => Builder::address(address.as_str()),
            Self::Private(path) => {
                super::private::connect(path).map_err(|why| BusError::of(&why))?
            }
        };
        builder.max_queued(queue).build().await.map_err(|why| BusError::of(&why))
    }

    /// The manager's own socket, if this process may have the right to it.
    pub(crate) fn socket(&self) -> Option<PathBuf> {
        match self {
            Self::System if nix::unistd::geteuid().is_root() => Some(SYSTEM.into()),
            Self::User => {
                let runtime = PathBuf::from(std::env::var_os("XDG_RUNTIME_DIR")?);
                runtime.is_absolute().then(|| runtime.join(OF_USER))
            }
            Self::System | Self::Bus(_) | Self::Private(_) => None,
        }
    }

    /// Whether the manager's files are those that are seen from here: a bus of another name may
    /// lead into a container, and a container may have the bus of its host.
    pub(crate) fn is_here(&self) -> bool {
        let is_usual = match self {
            Self::System => std::env::var_os("DBUS_SYSTEM_BUS_ADDRESS").is_none(),
            Self::User => true,
            Self::Private(path) => path == Path::new(SYSTEM),
            Self::Bus(_) => false,
        };
        // systemd's own sign that it runs this system (`sd_booted`).
        is_usual && Path::new("/run/systemd/system").is_dir()
    }

    /// Whether it is that of this user.
    pub(crate) fn is_users(&self) -> bool {
        *self == Self::User
    }

    /// Whether a bus stands between: it forwards signals by rules, and knows names.
    pub(crate) const fn has_bus(&self) -> bool {
        match self {
            Self::System | Self::User | Self::Bus(_) => true,
            Self::Private(_) => false,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System => f.write_str("the service manager of the system"),
            Self::User => f.write_str("the service manager of this user"),
            Self::Bus(address) => write!(f, "the service manager at {address}"),
            Self::Private(path) => write!(f, "the service manager at {}", path.display()),
        }
    }
}
