//! What a test says of a service.

use std::{ffi::OsString, path::PathBuf};

use super::{EXIT, Ready};
use crate::{Definition, Engine};

/// A service of a test: a [`Definition`], and when it counts as ready.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Spec {
    definition: Definition,
    ready: Ready,
}

impl Spec {
    /// A service of this name and the words that run it, as [`Definition::new`]; ready when it has a
    /// process.
    pub fn new<Word: Into<OsString>>(
        name: impl Into<String>,
        argv: impl IntoIterator<Item = Word>,
    ) -> Self {
        Definition::new(name, argv).into()
    }

    /// When it counts as ready.
    pub fn ready(mut self, ready: Ready) -> Self {
        self.ready = ready;
        self
    }

    /// As [`Definition::arg`].
    pub fn arg(self, word: impl Into<OsString>) -> Self {
        Self { definition: self.definition.arg(word), ..self }
    }

    /// As [`Definition::env`].
    pub fn env(self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        Self { definition: self.definition.env(name, value), ..self }
    }

    /// As [`Definition::env_remove`].
    pub fn env_remove(self, name: impl Into<OsString>) -> Self {
        Self { definition: self.definition.env_remove(name), ..self }
    }

    /// As [`Definition::cwd`].
    pub fn cwd(self, dir: impl Into<PathBuf>) -> Self {
        Self { definition: self.definition.cwd(dir), ..self }
    }

    /// As [`Definition::file`].
    pub fn file(self, path: impl Into<PathBuf>, content: impl Into<Vec<u8>>) -> Self {
        Self { definition: self.definition.file(path, content), ..self }
    }

    /// As [`Definition::script`].
    pub fn script(self, path: impl Into<PathBuf>, content: impl Into<Vec<u8>>) -> Self {
        Self { definition: self.definition.script(path, content), ..self }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.definition.name()
    }

    pub(super) const fn criterion(&self) -> &Ready {
        &self.ready
    }

    /// Whether the kit hears how it ended.
    pub(super) fn tells_exit(&self, engine: Engine) -> bool {
        engine != Engine::Svscan && !self.definition.has_file("finish")
    }

    /// With the files that the kit needs.
    pub(super) fn definition(&self) -> Definition {
        let mut definition = self.definition.clone();
        if let Ready::Fd(number) = self.ready {
            definition = definition.file(svproto::files::NOTIFICATION_FD, format!("{number}\n"));
        }
        if !definition.has_file("finish") {
            let finish =
                format!("#!/bin/sh\necho \"$1 $2\" >.{EXIT}.new && mv .{EXIT}.new {EXIT}\n");
            definition = definition.script("finish", finish);
        }
        definition
    }
}

impl From<Definition> for Spec {
    fn from(definition: Definition) -> Self {
        Self { definition, ready: Ready::Up }
    }
}
