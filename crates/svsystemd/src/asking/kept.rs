//! Units that their manager keeps in its memory until a request to them is judged. It drops one that is down
//! at once, and with it what came of the request, and reads its files again for each question.

use std::sync::Arc;

use zbus::Message;

use crate::{
    Action, Bus, Error, UnitName,
    wire::{
        call::{MANAGER, MANAGER_PATH},
        pump::Pump,
    },
};

/// They are let go with the value, or with the connection.
pub(super) struct Kept {
    mouth: Arc<Pump>,
    let_go: Vec<Message>,
}

impl Kept {
    /// The calls that keep them, for this connection, and what ends that. Nobody need hear the answers: of one
    /// that is not kept all is told as well, by more questions.
    pub(super) fn new(
        bus: &Bus,
        mouth: &Arc<Pump>,
        units: &[&UnitName],
    ) -> Result<(Vec<Message>, Self), Error> {
        let calls = |method: &str| -> Result<Vec<Message>, Error> {
            let (path, interface, action) = (MANAGER_PATH, MANAGER, Action::Keep);
            let call = |unit: &&UnitName| {
                bus.message(action, &(*unit).into(), path, interface, method, &unit.as_str())
            };
            units.iter().map(call).collect()
        };
        let kept = Self { mouth: Arc::clone(mouth), let_go: calls("UnrefUnit")? };
        Ok((calls("RefUnit")?, kept))
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        drop(self.mouth.send(std::mem::take(&mut self.let_go)));
    }
}
