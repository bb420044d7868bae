//! `svctl` on other hosts, by the `ssh` of whoever asks.
//!
//! Where users outgrow one machine they have `ssh` already, with its configuration, keys, agents and jump hosts. So
//! this crate has no connection of its own: it starts `ssh HOST`, has it run the `svctl` that is there, and reads what
//! that prints, line by line. It asks for the version first, and bears fields that it does not know.
//!
//! ```no_run
//! use std::time::Duration;
//! use svremote::{Call, EventKind, Hosts};
//!
//! let hosts = Hosts::of_user()?.find("web1,@db")?;
//! let call = Call::new(["status", "--json"])?.within(Duration::from_secs(30));
//! for event in call.start(&hosts)? {
//!     let host = &hosts[event.host];
//!     match event.kind {
//!         EventKind::Line(line) => println!("{host}: {line}"),
//!         EventKind::Ended(Err(failure)) => println!("{host}: {failure}"),
//!         _ => (),
//!     }
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | to do                                          | use                                     |
//! |------------------------------------------------|-----------------------------------------|
//! | read names of hosts, groups of them, patterns  | [`Hosts`]                               |
//! | run a command on many hosts, a few at a time   | [`Call`]                                |
//! | follow what they print                         | [`Calls`], an iterator of [`HostEvent`] |
//! | tell why a host did not do it                  | [`HostFailure`]                         |
//! | bring the program to hosts that have none      | [`Program`], [`Call::pushing`]          |
//!
//! **Bounds.** A host has a time to answer ([`Call::patience`]) and a time to be done ([`Call::within`]); what it prints
//! is bounded. No more than [`Call::parallel`] processes of `ssh` run at a time, and none outlives its [`Calls`].
//!
//! **Nothing is left running.** The program on the host watches the connection, and ends when that does: also where
//! the network was cut and the server there found out later.
//!
//! **Who is trusted.** What a host prints is data: it is cut at limits and never executed. Names of hosts cannot
//! become options of `ssh`, and words cannot become commands of the remote shell, whichever shell that is.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

mod call;
mod calls;
mod event;
mod failure;
mod host;
mod hosts;
mod lines;
mod program;
mod running;
mod script;

pub use call::{Call, Error};
pub use calls::Calls;
pub use event::{EventKind, HostEvent, Progress};
pub use failure::HostFailure;
pub use host::{BadHost, Host};
pub use hosts::{Hosts, HostsError};
pub use lines::Version;
pub use program::{BadProgram, Program};
