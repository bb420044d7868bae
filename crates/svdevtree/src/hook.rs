//! How a library comes to a process of its own: the program is executed once more under the name of a
//! part, and the first line of its `main` makes it that part.
//!
//! Nothing of this crate runs before `main`, but in a test that asked for it with [`testkit!`](crate::testkit!):
//! a test harness has a `main` that is nobody's to write a line into.
//!
//! | a process becomes a part only if       | by                                              |
//! |----------------------------------------|-------------------------------------------------|
//! | its program asked for it               | the call                                        |
//! | it was executed under a part's name    | the first of its arguments; the environment is not read |
//! | it has no more rights than its parent | `AT_SECURE`, `issetugid`: setuid, setgid, file capabilities |
//! | its parent tells it to                 | standard input is a socket of the parent's: `SO_PEERCRED` |
//!
//! The only unsafe code of the crate is in this file: asking the system for the last two, where no crate does, and
//! having a process end with the thread that starts it.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use crate::{
    NoKeeper,
    tree::keep::{self, Part},
};

/// Whether this program has the call, and the call was reached.
static CALLED: AtomicBool = AtomicBool::new(false);

/// Becomes the keeper of a tree, or another process of it, if this process was started for that, and does
/// not return then. In every other process it returns at once and has done nothing.
///
/// A program that starts a [`DevTree`](crate::DevTree) calls this first of all in `main`: before it starts
/// a thread, opens a file or reads its arguments.
///
/// ```
/// // fn main() {
/// svdevtree::become_keeper_if_asked();
/// ```
///
/// A program with elevated rights (setuid, setgid, file capabilities) never becomes a keeper.
pub fn become_keeper_if_asked() {
    CALLED.store(true, Ordering::Relaxed);
    let Some(part) = first_argument().as_deref().and_then(Part::from_name) else { return };
    if is_elevated() {
        return;
    }
    std::process::exit(keep::main(part));
}

/// For `#[test]`s that use [`Kit`](crate::testkit::Kit) or [`DevTree`](crate::DevTree): once for each test
/// program, in its first file. In a unit test below `#[cfg(test)]`.
///
/// ```
/// svdevtree::testkit!();
/// ```
///
/// It puts a constructor into the test program, which calls
/// [`become_keeper_if_asked`](crate::become_keeper_if_asked) before the harness begins. A program with a `main` of its
/// own calls that itself instead.
#[macro_export]
macro_rules! testkit {
    () => {
        const _: () = {
            $crate::__private::constructor! {
                #[ctor(unsafe)]
                fn svdevtree_before_main() {
                    $crate::become_keeper_if_asked();
                }
            }
        };
    };
}

/// The name under which this process was executed.
fn first_argument() -> Option<OsString> {
    // In a constructor of a program that is linked with musl, std has no arguments yet.
    env::args_os().next().or_else(first_argument_of_system)
}

#[cfg(target_os = "linux")]
fn first_argument_of_system() -> Option<OsString> {
    use std::os::unix::ffi::OsStringExt as _;
    let words = std::fs::read("/proc/self/cmdline").ok()?;
    words.split(|&byte| byte == 0).next().map(|word| OsString::from_vec(word.to_vec()))
}

#[cfg(not(target_os = "linux"))]
const fn first_argument_of_system() -> Option<OsString> {
    None
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
fn is_elevated() -> bool {
    // SAFETY: it takes a number, reads what the kernel has told this process at its start, and gives a number.
    unsafe { nix::libc::getauxval(nix::libc::AT_SECURE) != 0 }
}

/// Whether this process has more rights than whoever executed it: what they say counts for nothing then.
#[cfg(not(target_os = "linux"))]
#[expect(unsafe_code, reason = "neither std nor nix asks the system for it")]
fn is_elevated() -> bool {
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
    env::current_exe().unwrap_or_else(|_| Path::new("/nonexistent").to_owned())
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
    use std::ffi::OsStr;

    use super::*;

    crate::testkit!();

    #[test]
    fn a_test_program_that_asked_can_be_executed_again_as_a_keeper() {
        assert_eq!(program(), Ok(own_image()));
    }

    #[test]
    fn only_names_of_parts_are_heeded() {
        for name in ["svdevtree", "svctl", "", "svdevtree-keeper ", "/bin/svdevtree-keeper"] {
            assert!(Part::from_name(OsStr::new(name)).is_none(), "{name}");
        }
    }
}
