//! Control, status and watching of systemd units over D-Bus, in the words of [`svclient`].
//!
//! ```no_run
//! use std::time::{Duration, Instant};
//! use svsystemd::{Bus, Outcome};
//!
//! let bus = Bus::system().wait()?;
//! let web = bus.unit("web")?;
//! println!("{}", web.status().wait()?.status.state());
//! let job = web.restart().wait()?;
//! match job.outcome_before(Instant::now() + Duration::from_secs(30))? {
//!     Outcome::Reached { .. } => println!("restarted"),
//!     other => println!("{other:?}"),
//! }
//! # Ok::<(), svsystemd::Error>(())
//! ```
//!
//! Everything that is asked is an [`Asked`]: `.await` it in any executor, or `.wait()` for it on a
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
mod file;
mod install;
mod job;
mod links;
mod listed;
mod map;
mod names;
mod observe;
mod once;
mod open;
mod process;
mod proxy;
mod router;
mod status;
mod supervised;
mod transient;
mod unit;
mod value;
mod watch;
mod wire;

pub use action::Action;
pub use asked::Asked;
pub use asking::{Answer, Became, Requests};
pub use bus::Bus;
pub use error::{Error, ErrorKind, Reason};
pub use install::{Finding, Install, Installed, Lifetime, Plan, Removal, Step};
pub use job::{Job, JobResult, Outcome};
pub use listed::UnitState;
pub use names::{UnitName, escape, escape_path, is_type, unescape};
pub use open::open;
pub use proxy::FileChange;
pub use status::{Load, ServiceResult, UnitStatus};
#[doc(no_inline)]
pub use svclient::unit_in;
pub use transient::{Ended, Running, Transient};
pub use unit::{Unit, Whom};
pub use value::{Properties, Value};
pub use watch::{UnitEvent, UnitNews, UnitWatch};
