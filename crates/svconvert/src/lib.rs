//! What people have, as definitions of [`svbuild`]: units of systemd and other descriptions of services, read
//! with a report that says what became of each line.
//!
//! Data in, data out: files are read by way of [`Files`], which is the disk or memory; nothing is written and
//! no program is started. Nothing is guessed either: a line is said in the definition exactly or in another way
//! ([`LineVerdict::Equivalent`]), or the report says what differs, what is missing, or why there is no service.
//!
//! ```
//! use svconvert::{LineVerdict, Memory, convert};
//!
//! let unit = "[Service]\nExecStart=/usr/bin/web --port 80\nUser=www-data\nKillMode=mixed\n";
//! let files = Memory::new().file("/etc/systemd/system/web.service", unit);
//! let conversion = convert(&files, &["/etc/systemd/system/web.service".into()], None)?;
//! assert!(conversion.text.contains("exec = [\"/usr/bin/web\", \"--port\", \"80\"]"));
//! let user = &conversion.report.lines[2];
//! assert_eq!((user.verdict, user.key.as_deref()), (LineVerdict::Exact, Some("user")));
//! # Ok::<(), svconvert::Error>(())
//! ```
//!
//! | to do                                   | use                                              |
//! |-----------------------------------------|--------------------------------------------------|
//! | read files                              | [`convert`]                                      |
//! | read from the disk, or from memory      | [`Disk`], [`Memory`]                             |
//! | the definitions, and their text         | [`Conversion::definitions`], [`Conversion::text`] |
//! | what became of each line                | [`Conversion::report`]                           |
//! | service directories or units of it      | [`Conversion::render`]                           |
#![cfg_attr(docsrs, feature(doc_cfg))]
#![forbid(unsafe_code)]

mod book;
mod compose;
mod conversion;
mod dirs;
mod env_file;
mod files;
mod format;
mod procfile;
mod references;
mod report;
mod shell;
mod signal;
mod supervisord;
mod systemd;
mod yaml;

pub use conversion::{Conversion, Error, convert};
pub use files::{Disk, FileKind, Files, Memory};
pub use format::Format;
pub use report::{Counts, LineReport, LineVerdict, Location, Report, ServiceReport};
