//! What is watched: a service directory, or anything else that subscribes.

use std::{fmt, sync::Arc};

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
            Arc::make_mut(service).detect_again();
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
