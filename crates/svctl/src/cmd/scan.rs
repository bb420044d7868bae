//! `svctl scan`: a scan directory, or the services of a file of definitions, under the embedded supervisor, until told
//! to end.
//!
//! | file       | for                                                       |
//! |------------|-----------------------------------------------------------|
//! | `file.rs`  | definitions without a scan directory                      |
//! | `plan_driver.rs` | carrying out the plan: what starts when             |
//! | `scripts.rs` | who does what scripts do, where there is no shell |
//! | `lines.rs` | what services write, with their names, to standard output |

mod file;
mod lines;
mod plan_driver;
mod scripts;

use std::{
    path::Path,
    process::ExitCode,
    sync::{Arc, Mutex},
};

use svcmgr::devtree::{self, ServiceOptions};

use super::supervise::{ended, options};
use crate::{
    args::{Global, Scan},
    events::Teller,
    output::Output,
};

pub(crate) fn run(global: &Global, args: &Scan, output: Output) -> ExitCode {
    // What is not there either is a scan directory that is missing, unless it has the name of a file.
    let is_file = args.place.is_file()
        || (!args.place.exists() && args.place.extension() == Some("toml".as_ref()));
    if is_file { file::run(global, args, output) } else { directory(global, args, output) }
}

fn directory(global: &Global, args: &Scan, output: Output) -> ExitCode {
    let exit_with = args.exit_with.clone();
    let teller = Arc::new(Mutex::new(Teller::new(global)));
    let options = options(&teller, args.kill_after);
    let options = match &args.state_dir {
        Some(dir) => options.state_dir(dir),
        None => options,
    };
    let options = options.configure(move |entry: &Path| {
        let is_critical = exit_with.iter().any(|name| entry.file_name() == Some(name));
        let service = ServiceOptions::new();
        if is_critical { service.critical() } else { service }
    });
    ended(devtree::scan(&args.place, options), output)
}
