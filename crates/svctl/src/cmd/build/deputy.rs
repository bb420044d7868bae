//! `svctl __write UID:GID`: becomes that user for good, and writes the plan that it reads. It can
//! do no more than that user can, and no more than whoever started it, so anybody may start it.

use std::{
    fs,
    io::{self, Read, Write},
};

use svcmgr::build::{Error, ErrorKind};

use super::{
    others,
    wire::{Errand, Failed, LARGEST_PLAN, Told},
};
use crate::{args::Owner, exit::Exit, json::Found};

/// Says on standard output how it went.
pub(crate) fn run(owner: Owner) -> Exit {
    let told = match errand(owner) {
        Ok(()) => Told::Done,
        Err(failed) => Told::Failed(failed),
    };
    match tell(&told) {
        Ok(()) => Exit::Done,
        Err(_) => Exit::System,
    }
}

fn errand(owner: Owner) -> Result<(), Failed> {
    become_user(owner).map_err(|error| Failed::system("start as another user", &error))?;
    let mut text = Vec::new();
    let read = io::stdin().take(LARGEST_PLAN + 1).read_to_end(&mut text);
    read.map_err(|error| Failed::system("read the plan", &error))?;
    let errand: Errand = serde_json::from_slice(&text)
        .map_err(|error| Failed::system("read the plan", &error.into()))?;
    let (with_text, adopts) = (errand.diff, errand.adopt);
    let (plan, out) = errand.into_plan();
    if with_text {
        let diff = plan.diff(&out)?;
        return tell_found(Found::of(&diff, &[], true));
    }
    let writing = plan.begin(&out)?;
    let lines = if adopts { Vec::new() } else { others::lost(writing.diff(), &out) };
    if !lines.is_empty() {
        let hint = Some(others::HINT.to_owned());
        return Err(Failed { lines, hint, denied: false, system: false });
    }
    tell_found(Found::of(writing.diff(), writing.recovered(), false))?;
    writing.finish()?;
    Ok(())
}

fn tell_found(found: Found) -> Result<(), Failed> {
    tell(&Told::Found(found)).map_err(|error| Failed::system("answer", &error))
}

fn tell(told: &Told) -> io::Result<()> {
    let mut line = serde_json::to_vec(told)?;
    line.push(b'\n');
    let mut out = io::stdout();
    out.write_all(&line)?;
    out.flush()
}

/// Gives up everything that the user has not, and makes sure that it is so.
#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
fn become_user(owner: Owner) -> io::Result<()> {
    use nix::{
        errno::Errno,
        unistd::{
            Gid, Uid, getgroups, getresgid, getresuid, setgroups, setresgid, setresuid, setsid,
            setuid,
        },
    };
    close_what_was_inherited();
    // No terminal of whoever started this, to which its user could type.
    let _leads_a_session = setsid();
    let (uid, gid) = (Uid::from_raw(owner.uid), Gid::from_raw(owner.gid));
    setgroups(&[])?;
    setresgid(gid, gid, gid)?;
    setresuid(uid, uid, uid)?;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        // As the system itself does where it is not told otherwise: nobody looks into this process.
        nix::sys::prctl::set_dumpable(false)?;
        nix::sys::prctl::set_no_new_privs()?;
    }
    let (uids, gids) = (getresuid()?, getresgid()?);
    let is = [uids.real, uids.effective, uids.saved] == [uid; 3]
        && [gids.real, gids.effective, gids.saved] == [gid; 3]
        && getgroups()?.iter().all(|group| *group == gid);
    let comes_back = !uid.is_root() && setuid(Uid::from_raw(0)) != Err(Errno::EPERM);
    if !is || comes_back {
        return Err(io::Error::other("the system kept rights of the user before"));
    }
    Ok(())
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
fn become_user(_owner: Owner) -> io::Result<()> {
    close_what_was_inherited();
    Err(io::Error::other("this system has no way to it; run svctl as that user"))
}

/// Whoever started svctl may have left files open for it that only root may open.
fn close_what_was_inherited() {
    let listed = ["/proc/self/fd", "/dev/fd"].iter().find_map(|dir| fs::read_dir(dir).ok());
    let fds: Vec<i32> = match listed {
        Some(list) => {
            list.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
        }
        None => (0..=i32::from(u16::MAX)).collect(),
    };
    for fd in fds.into_iter().filter(|fd| *fd > 2) {
        // Nothing of this process is open yet. What is not open, such as the list by now, is none.
        let _was_closed = nix::unistd::close(fd);
    }
}

impl Failed {
    fn system(what: &str, error: &io::Error) -> Self {
        let lines = vec![format!("cannot {what}: {error}")];
        let denied = error.kind() == io::ErrorKind::PermissionDenied;
        Self { lines, hint: None, denied, system: true }
    }
}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        let denied = match &error {
            Error::Io { source, .. } => matches!(
                source.kind(),
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
            ),
            _ => false,
        };
        Self {
            lines: super::told(&error),
            hint: error.hint().map(str::to_owned),
            denied,
            system: matches!(error.kind(), ErrorKind::Io | ErrorKind::Busy),
        }
    }
}
