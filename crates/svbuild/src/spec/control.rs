//! Who may ask the supervisor of a service.

use serde::{Deserialize, Serialize};

use super::{Id, Mode, setters};

/// `control = { … }`.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Control {
    /// `group`: whose members `mode` is about; the supervisor's if it is not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<Id>,
    /// `mode`: a digit for the owner, the group and all others: 7 may ask, 5 may look, 0 neither; `0770` if it
    /// is not given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
}

impl Control {
    /// The supervisor's user alone.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    setters! {
        /// Sets the group.
        group: impl Into<Id> => |it, group| it.group = Some(group.into());
        /// Sets who may ask and who may look, as in `0o750`.
        mode: u16 => |it, bits| it.mode = Some(Mode(bits));
    }

    /// Of the directory `supervise`: nobody but its owner makes files there.
    pub(crate) fn of_directory(&self) -> u16 {
        self.bits() & 0o755
    }

    /// Of the FIFOs: nobody but the supervisor reads them.
    pub(crate) fn of_fifos(&self) -> u16 {
        0o600 | self.bits() & 0o022
    }

    fn bits(&self) -> u16 {
        self.mode.map_or(0o770, |mode| mode.0)
    }
}
