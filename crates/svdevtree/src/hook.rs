//! How a library comes to a process of its own: the program is executed once more, and a constructor
//! that the linker put into it turns that process into a keeper before its `main`.
//!
//! In any other process the constructor looks for one environment variable and notes that it was there.
//! The variables are taken out of the environment at once, so nothing that a keeper starts sees them.
//!
//! The only unsafe code of the crate is in this file: the entry that the macro makes, and taking variables
//! out of the environment.

use std::{
    collections::BTreeMap,
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use crate::tree::keep;

/// What the process is to be: `keeper` or `engine`.
pub(crate) const ROLE: &str = "SVDEVTREE_ROLE";
/// What goes with it.
const DETAILS: [&str; 5] = ["BASE", "PARENT", "ENGINE", "GRACE", "KEEPER"];

/// Whether the constructor is in this program and has run.
static RAN: AtomicBool = AtomicBool::new(false);

/// What a process was told to be.
#[derive(Debug)]
pub(crate) struct Task {
    pub(crate) role: OsString,
    details: BTreeMap<&'static str, OsString>,
}

impl Task {
    pub(crate) fn detail(&self, name: &'static str) -> Option<&OsString> {
        self.details.get(name)
    }
}

/// The name of the variable with a detail.
pub(crate) fn variable(detail: &str) -> String {
    format!("SVDEVTREE_{detail}")
}

// An entry in a section of the linker's. Nothing that it calls needs what std sets up before `main`: the
// arguments, above all.
ctor::declarative::ctor! {
    #[ctor(unsafe)]
    fn svdevtree_before_main() {
        RAN.store(true, Ordering::Relaxed);
        if let Some(task) = take_task() {
            std::process::exit(keep::main(&task));
        }
    }
}

/// Reads the variables and removes them. `None` where they are not to be trusted.
#[expect(unsafe_code, reason = "the environment is changed before there is a second thread")]
fn take_task() -> Option<Task> {
    let role = env::var_os(ROLE)?;
    if is_elevated() {
        return None;
    }
    let details: BTreeMap<_, _> =
        DETAILS.into_iter().filter_map(|name| Some((name, env::var_os(variable(name))?))).collect();
    let names = details.keys().map(|name| variable(name)).chain([ROLE.to_owned()]);
    for name in names.collect::<Vec<_>>() {
        // SAFETY: called by the constructor alone, in a process that was just executed: nothing has
        // started a thread that could read the environment meanwhile.
        unsafe { env::remove_var(name) };
    }
    Some(Task { role, details })
}

/// Whether it runs with more rights than whoever started it: their environment tells it nothing.
fn is_elevated() -> bool {
    use rustix::process::{getegid, geteuid, getgid, getuid};
    getuid() != geteuid() || getgid() != getegid()
}

/// The program whose constructor makes a keeper: this one; `None` if it cannot be it.
pub(crate) fn program() -> Option<PathBuf> {
    (RAN.load(Ordering::Relaxed) && !is_elevated() && is_in_executable()).then(own_image)
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
    use super::*;

    #[test]
    fn a_test_program_can_be_executed_again_as_a_keeper() {
        assert_eq!(program(), Some(own_image()));
    }

    #[test]
    fn a_detail_has_a_variable_of_its_own() {
        assert_eq!(variable("BASE"), "SVDEVTREE_BASE");
        assert_ne!(variable("BASE"), ROLE);
    }
}
