//! `svctl notify-bridge`, where the kernel says who has written to a socket.

#[cfg(target_os = "linux")]
#[path = "notify/linux.rs"]
mod system;
#[cfg(not(target_os = "linux"))]
#[path = "notify/elsewhere.rs"]
mod system;

pub(crate) use self::system::{bridge, reader};
