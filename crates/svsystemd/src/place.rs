//! Where a manager is: the system's, this user's, or behind an address; and connecting there.

use std::{fmt, num::NonZeroUsize};

use zbus::{Connection, connection::Builder};

use crate::error::Reason;

/// Where a manager answers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    /// The system's, by way of the system bus.
    System,
    /// This user's, by way of the session bus.
    User,
    /// A bus at a D-Bus address.
    Address(String),
    /// The socket of the manager itself, without a bus.
    #[cfg(feature = "private-socket")]
    Private(std::path::PathBuf),
}

impl Place {
    pub(crate) async fn connect(&self, queue: NonZeroUsize) -> Result<Connection, Reason> {
        let builder = match self {
            Self::System => Builder::system(),
            Self::User => Builder::session(),
            Self::Address(address) => Builder::address(address.as_str()),
            #[cfg(feature = "private-socket")]
            Self::Private(path) => crate::private::connect(path).map_err(|why| Reason::of(&why))?,
        };
        builder.max_queued(queue).build().await.map_err(|why| Reason::of(&why))
    }

    /// Whether a bus stands between: it forwards signals by rules, and knows names.
    pub(crate) const fn has_bus(&self) -> bool {
        match self {
            Self::System | Self::User | Self::Address(_) => true,
            #[cfg(feature = "private-socket")]
            Self::Private(_) => false,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System => f.write_str("the service manager of the system"),
            Self::User => f.write_str("the service manager of this user"),
            Self::Address(address) => write!(f, "the service manager at {address}"),
            #[cfg(feature = "private-socket")]
            Self::Private(path) => write!(f, "the service manager at {}", path.display()),
        }
    }
}
