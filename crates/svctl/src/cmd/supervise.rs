//! `svctl supervise`: one service directory under the embedded supervisor, until told to end.

use std::path::Path;

use svcmgr::devtree::{self, Options, ProcessEnd, ServiceOptions};

use crate::{args::Global, events::Teller, exit::Exit, output::Output};

pub(crate) fn run(global: &Global, dir: &Path, output: &mut Output) -> Exit {
    ended(devtree::supervise(dir, options(global), ServiceOptions::new()), output)
}

/// Tells what the command line asks to be told.
pub(super) fn options(global: &Global) -> Options {
    let mut teller = Teller::new(global);
    Options::new().observer(move |event| teller.tell(event))
}

/// What its end means.
pub(super) fn ended(ended: Result<ProcessEnd, devtree::Error>, output: &mut Output) -> Exit {
    ended.map_or_else(
        |error| {
            output.failure(&error, error.hint());
            Exit::from(&error)
        },
        Exit::from,
    )
}
