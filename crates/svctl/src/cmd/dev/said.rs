//! What threads beside the view tell it.

use std::{
    collections::BTreeMap, io::Write as _, os::unix::net::UnixStream, sync::mpsc, time::Duration,
};

use svcmgr::Error;

use crate::exit::Exit;

/// What the starter tells.
pub(super) enum Said {
    /// One cannot be started.
    Refused { name: String, why: String, exit: Exit },
    /// One did not end as it should.
    Failed { name: String, why: String, exit: Exit },
    /// Everything is down.
    Stopped,
    /// Other definitions are in place, and what they changed is taken on; why some of that cannot be started.
    TakenUp(BTreeMap<String, String>),
    /// What has happened is to be told before anything else is done; then this is answered.
    Look(mpsc::Sender<()>),
}

/// So long the starter waits for the view to tell what has happened: order is not worth more.
const LOOK: Duration = Duration::from_secs(1);

/// A thread's way to the view.
pub(super) struct Teller {
    pub(super) say: mpsc::Sender<Said>,
    pub(super) writer: UnixStream,
}

impl Teller {
    pub(super) fn tell(&self, said: Said) {
        // Nobody listens any more once the view has ended.
        let _heard = self.say.send(said).is_ok() && (&self.writer).write(&[1]).is_ok();
    }

    /// Has the view tell how this level came out, before the next one is begun: it reads the records by
    /// itself, and would find both done and show them in the order of their names.
    pub(super) fn look(&self) {
        let (answer, answered) = mpsc::channel();
        if self.say.send(Said::Look(answer)).is_ok() && (&self.writer).write(&[1]).is_ok() {
            let _late = answered.recv_timeout(LOOK);
        }
    }

    pub(super) fn failed(&self, name: &str, why: impl Into<String>, exit: Exit) {
        self.tell(Said::Failed { name: name.to_owned(), why: why.into(), exit });
    }
}

pub(super) fn why(error: &Error) -> String {
    crate::output::message(error)
}
