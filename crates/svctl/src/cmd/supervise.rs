//! `svctl supervise`: one service directory, or one program, under the embedded supervisor, until told to end.

mod program;

use std::{
    process::ExitCode,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use svcmgr::devtree::{self, Options, ProcessEnd, ProcessGroup, ServiceOptions};

use crate::{
    args::{Global, Supervise},
    events::{Teller, hint},
    exit::Exit,
    output::Output,
};

pub(crate) fn run(global: &Global, args: &Supervise, output: Output) -> ExitCode {
    let Some(dir) = &args.dir else { return program::run(global, args, output) };
    let service = ServiceOptions::new();
    let service = if args.critical { service.critical() } else { service };
    let teller = Arc::new(Mutex::new(Teller::new(global)));
    let options = options(&teller, args.kill_after);
    let options = match &args.state_dir {
        Some(dir) => options.state_dir(dir),
        None => options,
    };
    let ended = devtree::supervise(dir, options, service);
    self::ended(ended, output)
}

/// Tells what the command line asks to be told.
pub(super) fn options(teller: &Arc<Mutex<Teller>>, kill_after: Option<Duration>) -> Options {
    let teller = Arc::clone(teller);
    self::kill_after(kill_after).observer(move |event| lock(&teller).tell(event))
}

/// How long stopping may take. Ctrl-C of a terminal reaches svctl alone, which ends services in order.
pub(super) fn kill_after(after: Option<Duration>) -> Options {
    let options = Options::new().group(ProcessGroup::Own);
    match after {
        Some(after) => options.kill_after(after),
        None => options,
    }
}

/// Whoever tells.
pub(super) fn lock(teller: &Mutex<Teller>) -> MutexGuard<'_, Teller> {
    // Nothing that is done under the lock can panic half way.
    teller.lock().unwrap_or_else(PoisonError::into_inner)
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
