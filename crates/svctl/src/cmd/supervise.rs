//! `svctl supervise`: one service directory under the embedded supervisor, until told to end.

use std::{path::PathBuf, process::ExitCode, time::Duration};

use svcmgr::devtree::{self, Options, ProcessEnd, ServiceOptions};

use crate::{
    args::{Global, Supervise},
    events::{Teller, hint},
    exit::Exit,
    output::Output,
};

pub(crate) fn run(global: &Global, args: &Supervise, output: Output) -> ExitCode {
    let service = ServiceOptions::new();
    let service = if args.critical { service.critical() } else { service };
    let options = options(global, args.state_dir.as_ref(), args.kill_after);
    let ended = devtree::supervise(&args.dir, options, service);
    self::ended(ended, output)
}

/// Tells what the command line asks to be told.
pub(super) fn options(
    global: &Global,
    state_dir: Option<&PathBuf>,
    kill_after: Option<Duration>,
) -> Options {
    let mut teller = Teller::new(global);
    let options = Options::new().observer(move |event| teller.tell(event));
    let options = match kill_after {
        Some(after) => options.kill_after(after),
        None => options,
    };
    match state_dir {
        Some(dir) => options.state_dir(dir),
        None => options,
    }
}

/// What its end means.
pub(super) fn ended(ended: Result<ProcessEnd, devtree::Error>, mut output: Output) -> ExitCode {
    let error = match ended {
        Ok(ended) => {
            let _told = output.finish(Exit::Done);
            return ended.code().into();
        }
        Err(error) => error,
    };
    output.failure(&error, hint(&error));
    let exit = Exit::from(&error);
    output.finish(exit).into()
}
