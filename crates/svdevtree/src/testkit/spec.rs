//! What a test says of a service.

use std::{
    ffi::OsString,
    net::{SocketAddr, ToSocketAddrs as _},
    path::PathBuf,
};

use svbuild::{Service, spec};

use super::{EXIT, KitError, ReadyWhen};
use crate::{Definition, Engine};

/// A service of a test: a [`Definition`], and when it counts as ready.
///
/// [`Kit::start`](super::Kit::start) takes whatever becomes one: this, a [`Definition`], or a name
/// and a [`svbuild::Service`], as production has it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Spec {
    definition: Definition,
    /// `None`: as the definition says.
    ready: Option<ReadyWhen>,
}

impl Spec {
    /// A service of this name and the words that run it, as [`Definition::new`]; ready when it has
    /// a process.
    ///
    /// ```
    /// use svdevtree::testkit::{ReadyWhen, Spec};
    ///
    /// let spec = Spec::new("web", ["server", "--port", "8080"]).ready(ReadyWhen::tcp(8080));
    /// assert_eq!(spec.name(), "web");
    /// ```
    pub fn new<Word: Into<OsString>>(
        name: impl Into<String>,
        argv: impl IntoIterator<Item = Word>,
    ) -> Self {
        Definition::new(name, argv).into()
    }

    /// When it counts as ready, instead of what its definition says (`ready`), or of having a
    /// process.
    pub fn ready(mut self, ready: ReadyWhen) -> Self {
        self.ready = Some(ready);
        self
    }

    /// As [`Definition::arg`].
    pub fn arg(self, word: impl Into<OsString>) -> Self {
        Self { definition: self.definition.arg(word), ..self }
    }

    /// As [`Definition::env`].
    pub fn env(self, name: impl Into<String>, value: impl Into<OsString>) -> Self {
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

    /// What is to be started before it.
    pub(super) fn after(&self) -> impl Iterator<Item = &str> {
        self.definition.after()
    }

    /// When it counts as ready.
    pub(super) fn criterion(&self) -> Result<ReadyWhen, KitError> {
        if let Some(ready) = &self.ready {
            return Ok(ready.clone());
        }
        Ok(match self.definition.readiness() {
            None => ReadyWhen::Up,
            Some(spec::ReadyCheck::Fd(number)) => ReadyWhen::Fd(*number),
            Some(spec::ReadyCheck::Tcp(address)) => ReadyWhen::Tcp(addr(address)?),
            Some(spec::ReadyCheck::Http(url)) => {
                let rest = url.strip_prefix("http://").unwrap_or(url);
                let end = rest.find('/').unwrap_or(rest.len());
                let (address, path) = rest.split_at(end);
                let path = if path.is_empty() { "/" } else { path };
                // Without a port it is that of HTTP.
                let has_port =
                    address.rsplit_once(':').is_some_and(|(_, port)| !port.ends_with(']'));
                let address = if has_port { address.to_owned() } else { format!("{address}:80") };
                ReadyWhen::Http { addr: addr(&address)?, path: path.to_owned() }
            }
            Some(spec::ReadyCheck::Command(argv)) => {
                ReadyWhen::command(argv.iter().map(|word| word.as_os_str().to_owned()))
            }
            // A way that is newer than this kit is no readiness of it.
            Some(_) => {
                let error = std::io::ErrorKind::Unsupported.into();
                return Err(KitError::io("hear of the readiness of", self.name(), error));
            }
        })
    }

    /// Whether the kit hears how it ended.
    pub(super) fn tells_exit(&self, engine: Engine) -> bool {
        engine != Engine::Svscan && !self.definition.has_finish()
    }

    /// With the files that the kit needs.
    pub(super) fn definition(&self) -> Definition {
        let mut definition = self.definition.clone();
        if let Some(ReadyWhen::Fd(number)) = self.ready {
            definition = definition.file(svproto::files::NOTIFICATION_FD, format!("{number}\n"));
        }
        let finish = format!("#!/bin/sh\necho \"$1 $2\" >.{EXIT}.new && mv .{EXIT}.new {EXIT}\n");
        definition.script_otherwise("finish", finish)
    }
}

/// The address that `HOST:PORT` stands for.
fn addr(address: &str) -> Result<SocketAddr, KitError> {
    let all = address.to_socket_addrs().map_err(|error| KitError::io("find", address, error))?;
    // A server of a test listens on 127.0.0.1 as a rule, where `localhost` may be ::1 as well.
    let all: Vec<_> = all.collect();
    let first = all.iter().find(|addr| addr.is_ipv4()).or(all.first());
    first.copied().ok_or_else(|| KitError::io("find", address, std::io::ErrorKind::NotFound.into()))
}

impl From<Definition> for Spec {
    fn from(definition: Definition) -> Self {
        Self { definition, ready: None }
    }
}

/// A copy.
impl From<&Definition> for Spec {
    fn from(definition: &Definition) -> Self {
        definition.clone().into()
    }
}

impl<N: Into<String>> From<(N, Service)> for Spec {
    fn from(named: (N, Service)) -> Self {
        Definition::from(named).into()
    }
}
