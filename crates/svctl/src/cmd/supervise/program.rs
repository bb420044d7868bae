//! `svctl supervise -- PROGRAM`: one program without a service directory, as the only thing that a container runs.
//!
//! What is told to it as process 1 is handed on, orphans are waited for, and the exit code is the program's own: 128 and the
//! number of the signal where one ended it, 127 where it was not found and 126 where it cannot be executed, as a shell
//! has them.

use std::{
    fs,
    io::{self, IsTerminal as _, Write as _},
    os::unix::fs::MetadataExt as _,
    path::Path,
    process::ExitCode,
    sync::{Arc, Mutex},
};

use nix::libc;
use svcmgr::devtree::{self, EventKind, ProcessEnd, ProcessGroup, ServiceOptions, ServicePart};

use super::{kill_after, lock};
use crate::{
    args::{Global, Supervise},
    cmd::place::{self, Place},
    events::{Teller, hint},
    exit::Exit,
    output::Output,
};

pub(super) fn run(global: &Global, args: &Supervise, mut output: Output) -> ExitCode {
    let place = match Place::take(args.state_dir.as_deref()) {
        Ok(place) => place,
        Err(why) => {
            let exit = place::tell(why, &mut output);
            return output.finish(exit).into();
        }
    };
    let program = args.program.first().map(Path::new);
    let name = program.and_then(Path::file_name).unwrap_or("program".as_ref());
    let dir = place.dir().join(name);
    if let Err(error) = make(&dir, &format!("when {}\n", args.restart)) {
        output.message(&format!("cannot make {}: {error}", dir.display()));
        return output.finish(Exit::System).into();
    }
    let code = Arc::new(Mutex::new(0));
    let teller = Arc::new(Mutex::new(Teller::new(global)));
    let its = Arc::clone(&code);
    let options = kill_after(args.kill_after).observer(move |event| {
        lock(&teller).tell(event);
        let of_run = match &event.kind {
            EventKind::Exited { exit } => Some(ProcessEnd::Critical { exit: *exit }.code()),
            EventKind::CannotStart { error } => Some(cannot_start(error)),
            _ => None,
        };
        if let Some(of_run) = of_run.filter(|_| event.part == ServicePart::Main) {
            *its.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = of_run;
        }
    });
    // Who reads from a terminal has to be in its foreground, and hears Ctrl-C there himself.
    let is_interactive = io::stdin().is_terminal();
    let options = if is_interactive { options.group(ProcessGroup::Shared) } else { options };
    let here = std::env::current_dir().unwrap_or_else(|_| "/".into());
    // An end after which it is not started again is the end of all.
    let service = ServiceOptions::new().program(&args.program, here).critical();
    let ended = devtree::supervise(&dir, options, service);
    let of_last = *code.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    drop(place);
    match ended {
        Ok(ended) => {
            let _told = output.finish(Exit::Done);
            if ended == ProcessEnd::Killed { ended.code().into() } else { of_last.into() }
        }
        Err(error) => {
            output.failure(&error, hint(&error));
            output.finish(Exit::from(&error)).into()
        }
    }
}

/// A directory of this user's own, no link, with a new file that says when its program is started again.
fn make(dir: &Path, restart: &str) -> io::Result<()> {
    match fs::create_dir(dir) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => (),
    }
    let data = dir.symlink_metadata()?;
    if !data.is_dir() || data.uid() != nix::unistd::geteuid().as_raw() {
        return Err(io::Error::other("what has this name is no directory of this user's"));
    }
    let fresh = dir.join(".restart.new");
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => (),
    }
    let mut file = fs::File::options().write(true).create_new(true).open(&fresh)?;
    file.write_all(restart.as_bytes())?;
    fs::rename(fresh, dir.join("restart"))
}

/// As a shell has it.
fn cannot_start(error: &devtree::Error) -> u8 {
    let devtree::Error::Io { source, .. } = error else { return Exit::System as u8 };
    match source.raw_os_error() {
        Some(libc::ENOENT) => 127,
        Some(libc::EACCES | libc::ENOEXEC) => 126,
        _ => Exit::System as u8,
    }
}
