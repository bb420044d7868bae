//! Where this process comes from: its program, the rights that it was given, who is at the other end of a socket, and
//! that it ends with the thread that starts it.
//!
//! The only unsafe code of the crate is in this file: what the system is asked where no crate asks it, and what has to
//! be said between `fork` and `exec`.

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

/// Why a program cannot be executed once more as the keeper of a tree.
#[derive(Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum NoKeeper {
    /// Its `main` has not called [`become_keeper_if_asked`](crate::become_keeper_if_asked), and its tests
    /// have no [`testkit!`](crate::testkit!).
    #[error("this program does not begin with `svdevtree::become_keeper_if_asked()`")]
    NotCalled,
    /// It is setuid or setgid, or has file capabilities.
    #[error("this program runs with more rights than whoever started it")]
    Elevated,
    /// The code is in a library that the program has loaded, a plug-in for one.
    #[error(
        "svdevtree is in a library that this program has loaded, and not in the program itself"
    )]
    Library,
    /// Processes cannot be listed, nor ended.
    #[error("nothing is mounted on /proc, without which processes cannot be found and ended")]
    NoProc,
}

svproto::readable!(NoKeeper, |it| Some(it.hint()));

impl NoKeeper {
    pub(crate) const fn hint(self) -> &'static str {
        match self {
            Self::NotCalled => {
                "make `svdevtree::become_keeper_if_asked();` the first line of its `main`; in tests, write \
                 `svdevtree::testkit!();` once"
            }
            Self::Elevated => "trees are for programs without elevated rights",
            Self::Library => {
                "name a program that begins with that line, svctl for one, with DevTree::keeper"
            }
            Self::NoProc => "mount it: mount -t proc proc /proc",
        }
    }
}

/// Whether this program has the call, and the call was reached.
static CALLED: AtomicBool = AtomicBool::new(false);

/// The call was reached.
pub(crate) fn note_the_call() {
    CALLED.store(true, Ordering::Relaxed);
}

/// The process that this starts is killed when this thread ends, in whatever way.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "std runs nothing between fork and exec without")]
pub(crate) fn ends_with_this_thread(command: &mut std::process::Command) {
    use rustix::process::{Signal, getpid, getppid, set_parent_process_death_signal};
    use std::os::unix::process::CommandExt as _;
    let parent = getpid();
    let tie = move || {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // It may have ended before that.
        if getppid() == Some(parent) { Ok(()) } else { Err(std::io::ErrorKind::BrokenPipe.into()) }
    };
    // SAFETY: between fork and exec two system calls are made, and nothing is allocated or locked.
    unsafe { command.pre_exec(tie) };
}

#[cfg(not(target_os = "linux"))]
pub(crate) const fn ends_with_this_thread(_: &mut std::process::Command) {}

/// Whether this process has more rights than whoever executed it: what they say counts for nothing then.
#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "neither std nor nix asks the system for it")]
pub(crate) fn is_elevated() -> bool {
    // SAFETY: it takes a number, reads what the kernel has told this process at its start, and gives a number.
    unsafe { nix::libc::getauxval(nix::libc::AT_SECURE) != 0 }
}

/// Whether this process has more rights than whoever executed it: what they say counts for nothing then.
#[cfg(not(target_os = "linux"))]
#[expect(unsafe_code, reason = "neither std nor nix asks the system for it")]
pub(crate) fn is_elevated() -> bool {
    // SAFETY: it takes nothing and gives a number.
    unsafe { nix::libc::issetugid() != 0 }
}

/// The user at the other end of a socket.
#[cfg(not(target_os = "linux"))]
#[expect(unsafe_code, reason = "std does not ask the system for it yet")]
pub(crate) fn peer(stream: &std::os::unix::net::UnixStream) -> std::io::Result<u32> {
    use std::os::fd::AsRawFd as _;
    let (mut user, mut group) = (0, 0);
    // SAFETY: the descriptor is open, and both pointers are to numbers of the right type.
    let got = unsafe { nix::libc::getpeereid(stream.as_raw_fd(), &raw mut user, &raw mut group) };
    if got == 0 { Ok(user) } else { Err(std::io::Error::last_os_error()) }
}

/// The program that becomes a keeper: this one.
pub(crate) fn program() -> Result<PathBuf, NoKeeper> {
    if !CALLED.load(Ordering::Relaxed) {
        return Err(NoKeeper::NotCalled);
    }
    if is_elevated() {
        return Err(NoKeeper::Elevated);
    }
    has_processes()?;
    if is_in_executable() { Ok(own_image()) } else { Err(NoKeeper::Library) }
}

/// Whether processes can be listed here, and this program be found.
#[cfg(target_os = "linux")]
pub(crate) fn has_processes() -> Result<(), NoKeeper> {
    use nix::sys::statfs::{PROC_SUPER_MAGIC, statfs};
    let is_mounted = statfs("/proc").is_ok_and(|it| it.filesystem_type() == PROC_SUPER_MAGIC);
    if is_mounted { Ok(()) } else { Err(NoKeeper::NoProc) }
}

/// They are not listed here.
#[cfg(not(target_os = "linux"))]
#[expect(clippy::unnecessary_wraps, reason = "on Linux they are listed")]
pub(crate) const fn has_processes() -> Result<(), NoKeeper> {
    Ok(())
}
/// This program, also when its file was replaced or removed meanwhile.
#[cfg(target_os = "linux")]
pub(crate) fn own_image() -> PathBuf {
    Path::new("/proc/self/exe").to_owned()
}

/// This program.
#[cfg(not(target_os = "linux"))]
pub(crate) fn own_image() -> PathBuf {
    std::env::current_exe().unwrap_or_else(|_| Path::new("/nonexistent").to_owned())
}

/// Whether this code is in the executable, not in a library that some program has loaded: executing
/// that program again would not bring the library.
#[cfg(target_os = "linux")]
fn is_in_executable() -> bool {
    use std::{fs, os::unix::fs::MetadataExt as _};
    let address = is_in_executable as *const () as usize;
    let Ok(maps) = fs::read("/proc/self/maps") else { return false };
    // On a layered file system the number is that of a layer, so either will do.
    let inode = fs::metadata(own_image()).map(|image| image.ino()).ok();
    let path = fs::read_link(own_image()).ok();
    String::from_utf8_lossy(&maps).lines().any(|line| {
        // 55d0c000-55d0d000 r-xp 00001000 fe:01 4711   /path
        let mut fields = line.split_ascii_whitespace();
        let (range, number) = (fields.next(), fields.nth(3));
        let has_path = path.as_ref().is_some_and(|path| line.ends_with(&*path.to_string_lossy()));
        let bounds = range.and_then(|range| range.split_once('-'));
        let bounds = bounds.and_then(|(from, to)| {
            Some(usize::from_str_radix(from, 16).ok()?..usize::from_str_radix(to, 16).ok()?)
        });
        let has_number = inode.is_some() && number.and_then(|it| it.parse().ok()) == inode;
        bounds.is_some_and(|bounds| bounds.contains(&address)) && (has_path || has_number)
    })
}

#[cfg(not(target_os = "linux"))]
const fn is_in_executable() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::testkit!();

    #[test]
    fn a_test_program_that_asked_can_be_executed_again_as_a_keeper() {
        assert_eq!(program(), Ok(own_image()));
    }
}
