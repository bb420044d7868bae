//! What all service directories of a supervisor share: its options, its clocks, and what is still to be told.

use std::{path::Path, sync::Arc, time::SystemTime};

use super::{
    clock::Clock,
    event::{EventKind, ServiceEvent, ServiceId, ServicePart},
    limit::Limit,
    options::Options,
    replace::Replaced,
};

/// What all service directories of a supervisor share.
#[derive(Debug, Default)]
pub(crate) struct Context {
    pub(crate) options: Options,
    pub(crate) clock: Clock,
    pub(crate) limit: Limit,
    /// Something did not end in time since all are to end, and was killed.
    pub(crate) killed: bool,
    /// Not told yet: first the files say so.
    untold: Vec<ServiceEvent>,
    /// Not between a death and the start that follows in the same turn: to free them takes longer.
    pub(super) replaced: Replaced,
}

impl Context {
    pub(crate) fn new(options: Options) -> Self {
        Self { options, ..Self::default() }
    }

    /// Hands over what there is to tell, and does what can wait until then.
    pub(crate) fn deliver(&mut self) {
        if let Some(observer) = &mut self.options.observer {
            self.untold.drain(..).for_each(|event| observer(&event));
        }
        self.replaced.let_go();
    }

    pub(crate) fn tell(
        &mut self,
        service: Option<ServiceId>,
        dir: &Arc<Path>,
        part: ServicePart,
        kind: EventKind,
    ) {
        if self.options.observer.is_some() {
            let at = SystemTime::now();
            self.untold.push(ServiceEvent { service, dir: Arc::clone(dir), part, at, kind });
        }
    }
}
