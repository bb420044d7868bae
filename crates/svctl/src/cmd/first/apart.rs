//! A command that reads where somebody may fall silent is done by a second svctl, and this one touches nothing: a process
//! that is held in the system may not even end, and then nobody could say why. This one watches over the other. Held for long,
//! and something does not answer any more: it says what, and ends without it. The other hears of that, of whatever end,
//! by its standard input, and lets go of what whoever reads its words may be waiting for.

use std::{
    collections::BTreeSet,
    ffi::OsString,
    fs::{self, File},
    io::{self, Read},
    os::unix::process::ExitStatusExt,
    path::PathBuf,
    process::{ExitCode, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Instant,
};

use nix::{
    libc,
    sys::signal::{Signal, raise},
    unistd::{dup2_stderr, dup2_stdout},
};

use super::{Asked, What, ask, itself};
use crate::{
    exit::Exit,
    output::{complain, in_full, printable},
    silent::{Look, Silent},
};

/// What the one who watches has found before.
pub(super) fn known(words: &[OsString]) -> Silent {
    let _watched = thread::Builder::new().spawn(end_with_the_one_who_watches);
    Silent(words.iter().filter(|word| !word.is_empty()).map(PathBuf::from).collect())
}

/// The thread that is held may stay for as long as it likes, and the process with it.
fn end_with_the_one_who_watches() {
    let _ended = io::stdin().read(&mut [0]);
    if let Ok(nowhere) = File::options().write(true).open("/dev/null") {
        let _free = (dup2_stdout(&nowhere), dup2_stderr(&nowhere));
    }
    let _ends = raise(Signal::SIGKILL);
}

/// Has it done; `None` where no second svctl is to be had.
pub(super) fn run(
    asked: &Asked<'_>,
    looks: &BTreeSet<(Look, PathBuf)>,
    known: &Silent,
) -> Option<ExitCode> {
    let mut program = itself().ok()?;
    program.arg("--__apart=");
    for path in known.paths() {
        let mut word = OsString::from("--__apart=");
        word.push(path);
        program.arg(word);
    }
    let mut child = program.args(std::env::args_os().skip(1)).stdin(Stdio::piped()).spawn().ok()?;
    let (id, _until_the_end) = (child.id(), child.stdin.take());
    let (say, ended) = mpsc::channel();
    let _waits = thread::Builder::new().spawn(move || say.send(child.wait())).ok()?;
    let others: BTreeSet<_> = looks.iter().filter(|(_, path)| !known.has(path)).cloned().collect();
    loop {
        match ended.recv_timeout(asked.patience) {
            Ok(Ok(status)) => return Some(ended_as(status)),
            Ok(Err(_)) | Err(RecvTimeoutError::Disconnected) => return Some(Exit::System.into()),
            Err(RecvTimeoutError::Timeout) => (),
        }
        if !is_held(id) {
            continue;
        }
        let until = Instant::now() + asked.patience;
        let silent = ask(asked.depth, &others, until).unwrap_or_default();
        if silent.is_empty() || !is_held(id) {
            continue;
        }
        if !matches!(asked.what, What::Completed(_)) {
            tell(&silent);
        }
        return Some(Exit::Deadline.into());
    }
}

fn tell(silent: &BTreeSet<PathBuf>) {
    let mut hint = None;
    for path in silent {
        let error = Silent::error(path);
        complain(&format!("svctl: {}", in_full(&error)));
        hint = error.hint();
    }
    if let Some(hint) = hint {
        complain(&format!("  hint: {}", printable(&hint)));
    }
}

/// With what this one ends; in the same way, if that was a signal.
fn ended_as(status: std::process::ExitStatus) -> ExitCode {
    let signal = status.signal().and_then(|signal| Signal::try_from(signal).ok());
    if let Some(signal) = signal {
        let _ends = raise(signal);
    }
    status.code().and_then(|code| u8::try_from(code).ok()).map_or(Exit::System.into(), Into::into)
}

/// Whether a process waits in the kernel for something else than what it waits for at rest. One that computes, or
/// waits for a processor, does not.
fn is_held(id: u32) -> bool {
    if let Ok(call) = fs::read_to_string(format!("/proc/{id}/syscall")) {
        let number = call.split(' ').next().and_then(|number| number.trim().parse().ok());
        return number.is_some_and(|number: libc::c_long| !AT_REST.contains(&number));
    }
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok();
    let state = stat.as_deref().and_then(|stat| stat.rsplit_once(") ")?.1.chars().next());
    state.is_some_and(|state| !matches!(state, 'R' | 'T' | 'Z'))
}

#[cfg(all(
    target_os = "linux",
    any(target_arch = "x86_64", target_arch = "x86", target_arch = "arm")
))]
const AT_REST: [libc::c_long; 4] =
    [libc::SYS_poll, libc::SYS_ppoll, libc::SYS_nanosleep, libc::SYS_clock_nanosleep];

#[cfg(all(
    target_os = "linux",
    not(any(target_arch = "x86_64", target_arch = "x86", target_arch = "arm"))
))]
const AT_REST: [libc::c_long; 3] =
    [libc::SYS_ppoll, libc::SYS_nanosleep, libc::SYS_clock_nanosleep];

#[cfg(not(target_os = "linux"))]
const AT_REST: [libc::c_long; 0] = [];
