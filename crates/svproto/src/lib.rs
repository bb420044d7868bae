//! The bytes of the daemontools family and what they mean: status records, control bytes, event
//! letters, file names. For runit, s6, daemontools and daemontools-encore.
//!
//! Bytes go in and typed values come out, and the other way round. Nothing here opens a file, reads
//! a clock, allocates or panics, so the crate can be linked alone into firmware, a monitor or a
//! supervisor of your own. `svclient` adds the files and the waiting.
//!
//! ```
//! use svproto::{Dialect, Record, State};
//!
//! // What runsv 2.2.0 left in `supervise/status` of a running service.
//! let bytes = *b"\x40\0\0\0\x6b\x03\x7e\x0d\x1b\x96\x47\x5c\xa7\x58\0\0\0u\0\x01";
//! let status = Record::from_bytes(Dialect::Runit, &bytes)?.facts();
//! assert_eq!(status.state(), State::Up);
//! assert_eq!(status.pid.map(|pid| pid.get()), Some(22695));
//! assert_eq!(status.since.map(|since| since.secs()), Some(1_795_390_979));
//! # Ok::<(), svproto::DecodeError>(())
//! ```
//!
//! Read in this order: [`dialect`] (who wrote the bytes), [`daemontools`], [`encore`], [`runit`]
//! and [`s6`] (what they wrote), [`record`] (any of them), [`facts`] (what it means), [`op`] (what
//! can be asked, and by which byte), [`files`] (where), [`track`] (what changed), [`goal`] (is the
//! wait over), [`cause`] (why not), [`embedded`] (what the embedded supervisor adds). [`tai`] is
//! the clock on the wire; [`scan`] the alphabet of `s6-svscan`.
//!
//! | feature | adds |
//! |---------|------|
//! | `serde` | `Serialize` and `Deserialize` for the plain data types |
//! | `std`   | [`UnixTime`] to and from `SystemTime`, and `UnixTime::now`; needs the standard library |
//!
//! Not here: systemd (it has no bytes of this kind), files, waiting.
//!
//! Words are used as in the [glossary].
//!
//! [glossary]: https://docs.rs/svcmgr/latest/svcmgr/glossary
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(any(test, feature = "std"))]
extern crate std;

/// The programs of the page for those who take this crate alone.
#[cfg(doctest)]
#[doc = include_str!("embedding.md")]
struct Embedding;

pub mod cause;
pub mod daemontools;
pub mod dialect;
pub mod embedded;
pub mod encore;
pub mod error;
pub mod facts;
pub mod files;
pub mod goal;
pub mod now;
pub mod op;
pub mod record;
#[doc(hidden)]
pub mod report;
pub mod runit;
pub mod s6;
pub mod scan;
pub mod stamp;
pub mod tai;
pub mod track;
pub mod version;
pub mod word;

mod bytes;

pub use cause::Cause;
pub use dialect::{Dialect, Evidence};
pub use error::DecodeError;
pub use facts::{Facts, LastExit, Phase, Pid, Readiness, Reading, Stage, State, Want};
pub use now::Now;
pub use op::{Op, Unsupported};
pub use record::Record;
pub use tai::{Scale, Tai64n, UnixTime};
pub use version::Version;
pub use word::UnknownWord;
