//! One definition of a service, correct for every supervisor, applied safely.
//!
//! A definition is data: from TOML, or from a builder. It becomes a [`Plan`] for one [`Target`],
//! which is data as well: it can be printed, compared with what is on disk, and written. Every word
//! in it is quoted for its reader, and what a target cannot express is refused, or left out with a
//! comment where that is asked for.
//!
//! ```
//! use svbuild::{Definitions, Options, Service, Target};
//!
//! let web = Service::new(["/usr/bin/web", "--root", "/srv/my site"]).env("PORT", "8080").umask(0o022);
//! let plan = Definitions::default().with("web", web).render(Target::Runit, Options::default())?;
//! let run = plan.to_string();
//! assert!(run.contains("umask 022") && run.contains("/usr/bin/web --root '/srv/my site'"), "{run}");
//! # let dir = std::env::temp_dir().join(format!("svbuild-doc-{}", std::process::id()));
//! # let dir = dir.as_path();
//! for change in plan.diff(dir)?.foreign() {
//!     println!("{} was changed by somebody else", change.path.display());
//! }
//! plan.write(dir)?;
//! assert!(plan.diff(dir)?.is_empty());
//! # std::fs::remove_dir_all(dir).unwrap();
//! # Ok::<(), svbuild::Error>(())
//! ```
//!
//! | to do                                     | use                                               |
//! |-------------------------------------------|---------------------------------------------------|
//! | read a file, with the place of what is wrong | [`Definitions::from_toml`]                     |
//! | describe a service in code                | [`Service::new`] and its methods                  |
//! | know every key, its form and its default  | [`spec::KEYS`]                                    |
//! | know what a target can express            | [`target::CAPABILITIES`]                          |
//! | make service directories or units         | [`Definitions::render`], [`Plan::write`]          |
//! | quote a word for one reader               | [`quote`]                                         |
//!
//! It reads no status and starts no process, and only what is below `write` writes.
//!
//! Words are used as in the [glossary].
//!
//! [glossary]: https://docs.rs/svcmgr/latest/svcmgr/glossary
#![cfg_attr(docsrs, feature(doc_cfg))]

mod error;
pub mod plan;
pub mod quote;
mod render;
mod script;
pub mod spec;
pub mod target;
mod trusted_dir;
mod write;

pub use error::{Error, ErrorKind, Gap};
pub use plan::Plan;
pub use render::{Lossy, Options};
pub use script::Language;
pub use spec::{Definitions, Service};
pub use svtrust::Distrust;
pub use target::Target;
pub use write::{WriteReport, WriteStep, Writing, exchange};
