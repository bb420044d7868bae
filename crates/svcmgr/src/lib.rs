//! Service control for runit, s6, daemontools, daemontools-encore and systemd: one crate to name.
//!
//! | to do                                    | use                                            |
//! |------------------------------------------|------------------------------------------------|
//! | a service by the name that somebody typed | [`open`]                                      |
//! | look at a service                        | [`Service::open`], [`Service::status`]         |
//! | list what a scanner sees                 | [`ScanDir`]                                    |
//! | ask for something, without waiting       | [`Service::send`]                              |
//! | ask, and wait until it is so             | [`Request::pursue`]; of several, [`Request::pursue_all`] |
//! | the same for many, a few at a time       | [`Bulk`]                                       |
//! | start by need, stop in reverse           | [`Order`]                                      |
//! | follow any number of services            | [`WatchSet`]                                   |
//! | read what services have logged           | [`Logs`]                                       |
//! | use a supervisor of your own in all that | [`Supervised`]                                    |
//! | test a program without any supervisor    | [`scripted`]                                   |
//! | read and write the bytes, nothing else   | [`proto`]                                      |
//! | make service directories and units       | `build` (feature `build`)                      |
//! | take over units, Procfiles and the like  | `convert` (feature `convert`)                  |
//! | say what is wrong before it is run       | `lint` (feature `lint`)                        |
//! | units of systemd, installing them        | `systemd` (feature `systemd`)                  |
//! | ask other hosts, by ssh                  | `remote` (feature `remote`)                    |
//! | trees of services for development        | `devtree` (feature `devtree`)                  |
//! | real services in a `#[test]`             | `testkit` (feature `devtree`)                  |
//!
//! ```no_run
//! use std::time::{Duration, Instant};
//! use svcmgr::{Error, Request, ScanDir, WatchSet};
//!
//! fn main() -> Result<(), Error> {
//!     let scan = ScanDir::new("/etc/service");
//!     for service in scan.services()? {
//!         println!("{} is {}", service.name(), service.status()?.state());
//!     }
//!     // Waits for another process, or says why there will be none.
//!     let web = scan.service("web")?;
//!     println!("{}", Request::restart().pursue(&web, Instant::now() + Duration::from_secs(30))?);
//!     // Every change, also of services that come later.
//!     let mut watch = WatchSet::new()?;
//!     watch.follow(scan)?;
//!     for event in watch {
//!         println!("{}", event?);
//!     }
//!     Ok(())
//! }
//! ```
//!
//! # Names
//!
//! [`open`] reads a name as `svctl` does:
//!
//! | name                           | is                                                          |
//! |--------------------------------|-------------------------------------------------------------|
//! | `web`                          | a service in the scan directories: those of `$SVDIR`, else of the usual places those that are in use |
//! | `web/log`                      | its logger                                                  |
//! | `./web`, `/etc/service/web`    | a service directory: begins with `.` or `/`, or ends with `/` |
//! | `web.service`, `systemd:web`   | a unit of the system's manager (feature `systemd`)          |
//!
//! # Features
//!
//! Each adds something and changes nothing. Without any, this is the client of the daemontools
//! family.
//!
//! | feature    | adds                                                                             |
//! |------------|----------------------------------------------------------------------------------|
//! | `build`    | `build`: one definition for every supervisor, and systemd                        |
//! | `convert`  | `convert`: definitions of what describes services elsewhere, with a report of every line; and `build` |
//! | `lint`     | `lint`: what is wrong in directories, units and definitions, before they are run |
//! | `systemd`  | `systemd`: units, by way of D-Bus, and [`open`] knows their names; needs Rust 1.89 |
//! | `remote`   | `remote`: `svctl` on other hosts, by the user's `ssh`                            |
//! | `devtree`  | `devtree`: a supervisor to embed, trees of services; `testkit`                   |
//! | `tokio`    | `tokio`: a watch as a `Stream`, `pursue` as a future; connections of `systemd` run on tokio |
//! | `async-io` | `async_io`: the same, driven by async-io (smol)                                  |
//! | `serde`    | `Serialize` for [`Status`] and [`Outcome`], the JSON of `svctl`; `Deserialize` for [`Status`] and [`proto`] |
//!
//! The [`guide`] has a program for each task, and shows how they fit together. The [`glossary`] says
//! what each word means.
//!
//! This crate only names things. Files, waiting and errors are `svclient`'s; bytes are `svproto`'s.
#![cfg_attr(docsrs, feature(doc_cfg))]

#[doc = include_str!("glossary.md")]
pub mod glossary {}

// Its programs are the examples, which are built and run as such.
#[cfg_attr(not(doctest), doc = include_str!("guide.md"))]
#[allow(clippy::test_attr_in_doctest, reason = "a program of the guide is a test")]
pub mod guide {}

#[doc(inline)]
pub use svclient::*;

// The same signature; with units, their names are known as well.
#[cfg(feature = "systemd")]
#[doc(inline)]
pub use svsystemd::open;

/// What is wrong in service directories, units and definitions, before they are run.
#[cfg(feature = "lint")]
#[cfg_attr(docsrs, doc(cfg(feature = "lint")))]
#[doc(inline)]
pub use svlint as lint;

/// What describes services elsewhere, as definitions, with a report of every line.
#[cfg(feature = "convert")]
#[cfg_attr(docsrs, doc(cfg(feature = "convert")))]
#[doc(inline)]
pub use svconvert as convert;

/// `svctl` on other hosts, by the user's `ssh`.
#[cfg(feature = "remote")]
#[cfg_attr(docsrs, doc(cfg(feature = "remote")))]
#[doc(inline)]
pub use svremote as remote;

/// Definitions: one for every supervisor, applied safely.
#[cfg(feature = "build")]
#[cfg_attr(docsrs, doc(cfg(feature = "build")))]
#[doc(inline)]
pub use svbuild as build;

/// systemd's units, by way of D-Bus. A unit is a [`Supervised`]: it goes together with service
/// directories in [`WatchSet`] and [`Bulk`].
#[cfg(feature = "systemd")]
#[cfg_attr(docsrs, doc(cfg(feature = "systemd")))]
#[doc(inline)]
pub use svsystemd as systemd;

/// The codecs: records, control bytes, names, pure decisions.
#[doc(inline)]
pub use svproto as proto;

/// A supervisor to embed, and trees of services: for development, tests and containers.
#[cfg(feature = "devtree")]
#[cfg_attr(docsrs, doc(cfg(feature = "devtree")))]
#[doc(inline)]
pub use svdevtree as devtree;

/// Real services in a `#[test]`, gone when it ends.
#[cfg(feature = "devtree")]
#[cfg_attr(docsrs, doc(cfg(feature = "devtree")))]
#[doc(inline)]
pub use svdevtree::testkit;

/// README's program, which the doctests compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// The program of the first steps, which the doctests compile.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/first-steps/program.md")]
struct FirstSteps;
