//! What is watched: a service directory, or anything else that subscribes.

use std::{fmt, sync::Arc};

use svproto::Dialect;

use crate::{Backend, Error, Observation, Service};

/// A member's backend. Directories are known as such: a set watches and reads them itself.
#[derive(Clone)]
pub(super) enum Subject {
    Directory(Arc<Service>),
    Other(Arc<dyn Backend>),
}

impl Subject {
    pub(super) fn backend(&self) -> &dyn Backend {
        match self {
            Self::Directory(service) => &**service,
            Self::Other(backend) => &**backend,
        }
    }

    pub(super) fn service(&self) -> Option<&Service> {
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

    /// Finds out in one look whose a directory is and how it stands, if it is plainly supervised.
    pub(super) fn glance(&mut self) -> Option<Observation> {
        let Self::Directory(service) = self else { return None };
        let seen = service.glance_again()?;
        Self::believe(service, seen.dialect);
        Some(seen)
    }

    /// Events that were not taken yet share the service, so it is copied only for something new.
    fn believe(service: &mut Arc<Service>, dialect: Option<Dialect>) {
        if service.known_dialect() != dialect {
            Arc::make_mut(service).set_dialect(dialect);
        }
    }

    pub(super) fn status(&self) -> Result<Observation, Error> {
        self.backend().status()
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(service) => service.fmt(f),
            Self::Other(backend) => f.debug_tuple("Backend").field(&backend.name()).finish(),
        }
    }
}
