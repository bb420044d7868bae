//! `svctl scan`: a scan directory under the embedded supervisor, until told to end.

use std::{path::Path, process::ExitCode};

use svcmgr::devtree::{self, ServiceOptions};

use super::supervise::{ended, options};
use crate::{
    args::{Global, Scan},
    output::Output,
};

pub(crate) fn run(global: &Global, args: &Scan, output: Output) -> ExitCode {
    let exit_with = args.exit_with.clone();
    let options =
        options(global, args.state_dir.as_ref(), args.kill_after).configure(move |entry: &Path| {
            let is_critical = exit_with.iter().any(|name| entry.file_name() == Some(name));
            let service = ServiceOptions::new();
            if is_critical { service.critical() } else { service }
        });
    ended(devtree::scan(&args.dir, options), output)
}
