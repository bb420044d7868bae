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
//! The last two are asked in `origin.rs`.

use std::{env, ffi::OsString};

use crate::{
    origin,
    tree::keep::{self, Part},
};

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
    origin::note_the_call();
    let Some(part) = first_argument().as_deref().and_then(Part::from_name) else { return };
    if origin::is_elevated() {
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

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    #[test]
    fn only_names_of_parts_are_heeded() {
        for name in ["svdevtree", "svctl", "", "svdevtree-keeper ", "/bin/svdevtree-keeper"] {
            assert!(Part::from_name(OsStr::new(name)).is_none(), "{name}");
        }
    }
}
