//! Service control for runit, s6, daemontools and daemontools-encore: one crate to name.
//!
//! | to do                                    | use                                            |
//! |------------------------------------------|------------------------------------------------|
//! | a service by the name that somebody typed | [`open`]                                      |
//! | look at a service                        | [`Service::open`], [`Service::status`]         |
//! | list what a scanner sees                 | [`ScanDir`]                                    |
//! | ask for something, without waiting       | [`Service::send`]                              |
//! | ask, and wait until it is so             | [`pursue`]                                     |
//! | the same for many, a few at a time       | [`Bulk`]                                       |
//! | start by need, stop in reverse           | [`Plan`]                                       |
//! | follow any number of services            | [`WatchSet`]                                   |
//! | use a supervisor of your own in all that | [`Backend`]                                    |
//! | read and write the bytes, nothing else   | [`proto`]                                      |
//! | make service directories and units       | `build` (feature `build`)                      |
//!
//! ```no_run
//! use svcmgr::{ScanDir, WatchSet};
//!
//! let mut watch = WatchSet::new()?;
//! for service in ScanDir::new("/etc/service").services()? {
//!     watch.add(service)?;
//! }
//! for event in watch {
//!     let event = event?;
//!     println!("{} {} {:?}", event.seq, event.news.name(), event.observation);
//! }
//! # Ok::<(), svcmgr::Error>(())
//! ```
//!
//! | feature    | adds                                               |
//! |------------|----------------------------------------------------|
//! | `build`    | definitions: one for every supervisor, and systemd |
//! | `serde`    | `Serialize` and `Deserialize` for [`proto`]        |
//! | `tokio`    | a watch as a `Stream`, driven by tokio             |
//! | `async-io` | a watch as a `Stream`, driven by async-io (smol)   |
//! | `devtree`  | [`devtree`]: a supervisor to embed, trees of services, a test kit |
//! | `systemd`  | `systemd`: units, by way of D-Bus; needs Rust 1.89 |
//!
//! This crate only names things. Files, waiting and errors are `svclient`'s; bytes are `svproto`'s.
#![cfg_attr(docsrs, feature(doc_cfg))]

#[doc(inline)]
pub use svclient::*;

// The same signature; with units, their names are known as well.
#[cfg(feature = "systemd")]
#[doc(inline)]
pub use svsystemd::open;

/// Definitions: one for every supervisor, applied safely.
#[cfg(feature = "build")]
#[doc(inline)]
pub use svbuild as build;

/// systemd's units, by way of D-Bus. A unit is a [`Backend`]: it goes together with service
/// directories in [`WatchSet`] and [`Bulk`].
#[cfg(feature = "systemd")]
#[doc(inline)]
pub use svsystemd as systemd;

/// The codecs: records, control bytes, names, pure decisions.
#[doc(inline)]
pub use svproto as proto;

/// A supervisor to embed, trees of services, and a test kit: for development, tests and containers.
#[cfg(feature = "devtree")]
#[doc(inline)]
pub use svdevtree as devtree;
