//! What is kept of units that run, so that it is not asked again.

use std::{collections::BTreeMap, sync::Arc};

use crate::{Properties, UnitName};

/// Units of which something is kept, at most.
const KEPT: usize = 16 * 1024;

/// What the files of running services said.
#[derive(Default)]
pub(crate) struct Memory {
    /// When the manager read its files last (`UnitsLoadTimestampMonotonic`; 0 for never).
    read: Option<u64>,
    units: BTreeMap<UnitName, Arc<Run>>,
}

/// One run of a service, and what does not change while it lasts: who has a main process is not
/// dropped from the manager's memory, so its files are read again only when all are.
pub(crate) struct Run {
    pub(crate) pid: u64,
    pub(crate) started: u64,
    pub(crate) facts: Properties,
}

impl Memory {
    pub(crate) fn run(&self, read: u64, unit: &UnitName) -> Option<Arc<Run>> {
        self.units.get(unit).filter(|_| self.read == Some(read)).map(Arc::clone)
    }

    pub(crate) fn keep(&mut self, read: u64, unit: UnitName, run: Arc<Run>) {
        if self.read != Some(read) || self.units.len() >= KEPT {
            self.units.clear();
        }
        self.read = Some(read);
        self.units.insert(unit, run);
    }
}
