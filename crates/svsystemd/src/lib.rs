//! Control, status and watching of systemd units over D-Bus, in the words of [`svclient`].
//!
//! ```no_run
//! use std::time::{Duration, Instant};
//! use svsystemd::{Bus, JobOutcome};
//!
//! let bus = Bus::system().wait()?;
//! let web = bus.unit("web")?;
//! println!("{}", web.status().wait()?.facts.state());
//! let job = web.restart().wait()?;
//! match job.outcome_before(Instant::now() + Duration::from_secs(30))? {
//!     JobOutcome::Reached { .. } => println!("restarted"),
//!     other => println!("{other:?}"),
//! }
//! # Ok::<(), svsystemd::Error>(())
//! ```
//!
//! Everything that is asked is a [`BusCall`]: `.await` it in any executor, or `.wait()` for it on a
//! thread, also on one of an executor. [`Unit`] is an [`svclient::Supervised`], so units go together
//! with service directories in [`svclient::WatchSet`] and [`svclient::Bulk`].
//!
//! No program is run, no output is parsed; changes are learned from the manager's signals. Read in this order: [`Bus`], [`Unit`],
//! [`UnitStatus`], [`Job`], [`UnitWatch`], [`Install`].
//!
//! | feature          | adds                                                              |
//! |------------------|-------------------------------------------------------------------|
//! | `tokio`          | the connections run on tokio's reactor; nothing to call            |
//!
//! Words are used as in the [glossary].
//!
//! [glossary]: https://docs.rs/svcmgr/latest/svcmgr/glossary
#![cfg_attr(docsrs, feature(doc_cfg))]

mod action;
mod asked;
mod asking;
mod bulk;
mod bus;
mod direct;
mod error;
mod exits;
mod explain;
mod file;
mod group;
mod install;
mod job;
mod last_run;
mod links;
mod listed;
mod map;
mod memory;
mod names;
mod observe;
mod obstacle;
mod obstacles;
mod once;
mod open;
mod process;
mod proxy;
mod router;
mod status;
mod supervised;
mod transient;
mod unified;
mod unit;
mod value;
mod verbs;
mod watch;
mod wire;
mod words;

pub use action::Action;
pub use asked::BusCall;
pub use asking::{RequestAnswer, RequestOutcome, UnitRequests};
pub use bus::Bus;
pub use error::{BusError, Error, ErrorKind};
pub use install::{
    Install, InstallFinding, InstallReport, Lifetime, Removal, UnitPlan, UnitPlanStep,
};
pub use job::{Job, JobOutcome, JobResult};
pub use listed::UnitState;
pub use names::{BadName, UnitName, escape, escape_path, is_type, unescape};
pub use open::open;
pub use status::UnitStatus;
#[doc(no_inline)]
pub use svclient::unit_in;
pub use transient::{RunEnd, Transient, TransientRun};
pub use unit::{KillWhom, Unit};
pub use value::{Properties, PropertyValue};
pub use watch::{UnitEvent, UnitNews, UnitWatch};
pub use wire::reply::FileChange;
pub use words::{LoadState, ServiceResult};
