//! What is wrong in service directories, scan directories, sources of s6-rc, logger scripts, units,
//! definitions and Procfiles, before they are run.
//!
//! Files are read, never run: nothing is started, and nothing is changed. What a rule finds names its row
//! of the table ([`rules`]), a place, and what to do.
//!
//! ```
//! # let tree = tempfile::tempdir().unwrap();
//! # let dir = tree.path().join("web");
//! # std::fs::create_dir_all(&dir).unwrap();
//! # std::fs::write(dir.join("run"), "#!/bin/sh\r\nexec server\r\n").unwrap();
//! use svlint::Linter;
//!
//! let report = Linter::new().lint(&dir);
//! for finding in &report.findings {
//!     println!("{}: {finding}", finding.rule.code);
//! }
//! assert!(report.findings.iter().any(|it| it.rule.code == "line-ends"));
//! ```
//!
//! | to do                                   | use                              |
//! |-----------------------------------------|----------------------------------|
//! | look at a directory or a file           | [`Linter::lint`]                 |
//! | say whose directories they are          | [`Linter::suite`]                |
//! | look into an unpacked image             | [`Linter::image`]                |
//! | know every rule                         | [`rules`]                        |
//! | change what can be changed safely       | [`fix::apply`]                   |
//!
//! Files may belong to somebody else: no FIFO or device is opened, no file is read without a bound, and
//! inside an image every link is followed inside it.
//!
//! Words are used as in the [glossary].
//!
//! [glossary]: https://docs.rs/svcmgr/latest/svcmgr/glossary
#![cfg_attr(docsrs, feature(doc_cfg))]

mod allow;
mod check;
mod execline;
mod finding;
pub mod fix;
mod recognise;
mod rule;
mod shell;
mod source;
mod suite;
mod visit;
mod world;

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
};

use svproto::Dialect;

pub use finding::{Edit, FileBytes, Finding, Fix, Location, Span, Unseen};
pub use rule::{Area, Rule, rules};
pub use svproto::cause::Severity;

/// What to look at, and how.
#[derive(Clone, Debug, Default)]
pub struct Linter {
    suite: Option<Dialect>,
    image: Option<PathBuf>,
    allowed: BTreeSet<String>,
}

/// What was found.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// What rules found, by path and line; what is allowed is left out.
    pub findings: Vec<Finding>,
    /// How many more there were that a comment, a file or the caller allows.
    pub allowed: usize,
    /// What could not be looked at.
    pub unseen: Vec<Unseen>,
    /// How many directories of services, sources and files were looked at.
    pub looked_at: usize,
    /// The texts that were read: scripts, units, configurations.
    pub files: Vec<PathBuf>,
}

impl Linter {
    /// Looks at this machine's files, and finds out whose each directory is.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// All directories of services are this suite's. Without it, what lies in them decides; where that says
    /// nothing, only what holds for all suites is told.
    #[must_use]
    pub fn suite(self, suite: Dialect) -> Self {
        Self { suite: Some(suite), ..self }
    }

    /// Paths are those inside of this directory, an unpacked image; links are followed inside of it, and
    /// users, interpreters and programs are looked up there.
    #[must_use]
    pub fn image(self, root: impl Into<PathBuf>) -> Self {
        Self { image: Some(root.into()), ..self }
    }

    /// Leaves out what the rule of this code finds.
    #[must_use]
    pub fn allow(mut self, code: impl Into<String>) -> Self {
        self.allowed.insert(code.into());
        self
    }

    /// Looks at several, each thing once.
    #[must_use]
    pub fn lint_all<P: AsRef<Path>>(&self, paths: &[P]) -> Report {
        let world = match self.world() {
            Ok(world) => world,
            Err(error) => {
                let path = self.image.clone().unwrap_or_default();
                let unseen = vec![Unseen { path, why: error.to_string() }];
                return Report { unseen, ..Report::default() };
            }
        };
        let mut visit = visit::Visit::new(self, &world);
        for path in paths {
            recognise::look(&mut visit, path.as_ref());
        }
        visit.report()
    }

    /// Looks at a service directory, a scan directory, sources of s6-rc, a directory of units, or one file
    /// of those; of an image, with `/` or a directory without any of these, at the usual places in it.
    #[must_use]
    pub fn lint(&self, path: &Path) -> Report {
        self.lint_all(&[path])
    }

    fn world(&self) -> io::Result<world::World> {
        self.image.as_deref().map_or_else(|| Ok(world::World::here()), world::World::image)
    }
}
