//! Talks to supervisors of the daemontools family through the file system: asks whether one is
//! alive, reads its status, sends requests, watches, waits. For runit, s6, daemontools and
//! daemontools-encore; no program of theirs is run.
//!
//! ```no_run
//! use std::time::{Duration, Instant};
//! use svclient::{Request, Service};
//!
//! let web = Service::open("/etc/service/web")?;
//! println!("{} is {}", web.name(), web.status()?.state());
//!
//! // Watches first, then sends, then waits for another process.
//! let outcome = Request::restart().pursue(&web, Instant::now() + Duration::from_secs(10))?;
//! println!("{}: {outcome}", web.name());
//! # Ok::<(), svclient::Error>(())
//! ```
//!
//! [`Service`] is a service directory; [`ScanDir`] finds them; [`WatchSet`] follows any number of
//! them with one descriptor and no timer; [`pursue`] subscribes, asks and waits; [`Bulk`] does so for
//! many, and says how many at a time. A [`Supervised`] is anything that is supervised: all of these take
//! service directories and your own supervisors alike.
//!
//! Being down, paused or unsupervised is an answer; [`Error`] is for what could not be asked.
//!
//! On Linux watching is inotify. On macOS and the BSDs it is kqueue, which has been type-checked
//! and never run: it cannot see a supervisor being killed, so services are looked at once a second
//! there, and every service costs two descriptors.
//!
//! | feature    | adds                                                         |
//! |------------|--------------------------------------------------------------|
//! | `tokio`    | `svclient::tokio`: a watch as a `Stream`, `pursue` as a future |
//! | `async-io` | `svclient::async_io`: the same, for smol                     |
//! | `serde`    | `Serialize` for [`Status`] and [`Outcome`]: the JSON of svctl; `Deserialize` for [`Status`] |
//!
//! Not here: byte layouts (`svproto`), starting processes (but a service's own `check` script, for
//! a caller that waits for it), D-Bus, printing.
//!
//! Words are used as in the [glossary].
//!
//! [glossary]: https://docs.rs/svcmgr/latest/svcmgr/glossary
#![cfg_attr(docsrs, feature(doc_cfg))]

mod aside;
mod at;
mod bulk;
mod changes;
mod check;
mod deadline;
mod details;
mod detect;
mod enable;
mod error;
mod explain;
mod finding;
mod handle;
mod intent;
#[cfg(feature = "serde")]
mod json;
#[doc(hidden)]
pub mod lend;
mod liveness;
mod logs;
mod machine;
mod name;
mod needs;
mod node;
mod odd;
mod open;
mod order;
mod pending;
mod processes;
mod pursue;
mod s6rc;
mod scandir;
pub mod scripted;
mod service;
mod signal;
mod sockets;
mod status;
#[cfg(any(feature = "tokio", feature = "async-io"))]
mod stream;
mod suite;
mod supervised;
mod threads;
mod versions;
mod watch;

pub use bulk::{Bulk, pursue};
pub use check::{CheckAnswer, CheckRule};
pub use details::{Details, FileDetails, ProcessDetails, ProcessRole};
pub use enable::{Disabled, Enabled, EnabledLink, Noticed, SupervisionEnd};
pub use error::{Error, ErrorKind};
pub use finding::{Certainty, Evidence, Explanation, Finding, Remedy, Unseen};
pub use intent::{Intent, Support};
pub use liveness::Liveness;
pub use logs::{FoundLogs, LogDir, LogFrom, LogItem, LogKey, LogLine, LogNote, LogSearch, Logs};
pub use machine::Machine;
pub use name::{Name, is_path};
pub use needs::{NeedList, NeedWhen, Needed};
pub use odd::{CrashLoop, Oddities};
pub use open::{UNIT_TYPES, open, unit_in};
pub use order::{OnFailure, Order, OrderError, OrderStep};
pub use pending::{Pending, Settled, Told};
pub use pursue::{Outcome, OutcomeKind, Request};
pub use s6rc::S6Rc;
pub use scandir::{ScanDir, Scanner, Survey};
pub use service::{Service, restart_ops};
pub use signal::signal_name;
pub use sockets::Listening;
pub use status::{Normally, Status};
#[cfg(feature = "async-io")]
#[cfg_attr(docsrs, doc(cfg(feature = "async-io")))]
pub use stream::async_io;
#[cfg(feature = "tokio")]
#[cfg_attr(docsrs, doc(cfg(feature = "tokio")))]
pub use stream::tokio;
pub use suite::Suite;
pub use supervised::{Group, Subscription, Supervised};
pub use svtrust::Distrust;
pub use versions::{FoundVersion, Versions};
pub use watch::{News, Stopper, WatchEvent, WatchKey, WatchSet};

pub use svproto::{
    Cause, Dialect, Facts, LastExit, Op, Phase, Pid, Readiness, Reading, Scale, Stage, State,
    UnixTime, UnknownWord, Version, Want,
    cause::Severity,
    goal::Goal,
    s6::{event::S6Event, tally::Death},
    scan::ScanOp,
};
