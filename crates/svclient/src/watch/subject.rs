//! What is watched: a service directory, or anything else that subscribes.

use std::{fmt, sync::Arc};

use svproto::Dialect;

use crate::{Error, Service, Status, Supervised, service::Known};

/// A member's service. Directories are known as such: a set watches and reads them itself.
#[derive(Clone)]
pub(super) enum Subject {
    Directory(Arc<Service>),
    Other(Arc<dyn Supervised>),
}

impl Subject {
    pub(super) fn service(&self) -> &dyn Supervised {
        match self {
            Self::Directory(service) => &**service,
            Self::Other(service) => &**service,
        }
    }

    pub(super) fn directory(&self) -> Option<&Service> {
        match self {
            Self::Directory(service) => Some(service),
            Self::Other(_) => None,
        }
    }

    /// Asks a directory again whose it is.
    pub(super) fn detect_again(&mut self) {
        if let Self::Directory(service) = self {
            let dialect = service.dialect_now();
            Self::believe(service, dialect);
        }
    }

    /// Looks, at a directory with what is known of it, and remembers whose that is.
    pub(super) fn look(&mut self, known: Known) -> Result<Status, Error> {
        let Self::Directory(service) = self else { return self.status() };
        let seen = service.look(known)?;
        Self::believe(service, seen.dialect());
        Ok(seen)
    }

    /// Events that were not taken yet share the service, so it is copied only for something new.
    fn believe(service: &mut Arc<Service>, dialect: Option<Dialect>) {
        if service.known_dialect() != dialect {
            Arc::make_mut(service).set_dialect(dialect);
        }
    }

    pub(super) fn status(&self) -> Result<Status, Error> {
        self.service().status()
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(service) => service.fmt(f),
            Self::Other(service) => f.debug_tuple("Supervised").field(&service.name()).finish(),
        }
    }
}
