//! Small files that are replaced whole: a reader sees the old text or the new one.
//!
//! On ext4 most of what a rename over another file takes is not the renaming. It writes out the
//! blocks of the new file if they are not allocated yet (mount option `auto_da_alloc`, ext4(5)),
//! and it frees those of the old one unless somebody has that open. Neither is owed to a reader:
//! what is told here is of no use after a crash of the system. So the blocks are allocated before
//! the text is written, and the old file is kept until everything is told.
//!
//! Six replacements, as a death and the next start make them, on Linux 6.18 (µs, medians of 1,000):
//!
//! |                   | ext4 | tmpfs |
//! |-------------------|-----:|------:|
//! | as it comes       |  660 |    80 |
//! | blocks before     |  440 |    81 |
//! | old files kept    |  220 |    70 |
//! | and let go of     |  510 |    87 |
//!
//! Elsewhere it is done as it comes.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::{
    errno::Errno,
    fcntl::{OFlag, openat, renameat},
    sys::stat::Mode,
    unistd::{UnlinkatFlags, unlinkat, write},
};

/// How files are replaced where they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Replacing {
    AsItComes,
    /// ext4, and its elders with the same number.
    #[cfg(target_os = "linux")]
    OnExt,
}

/// Files that were replaced, not freed yet. On [drop](Drop) they are.
#[derive(Debug, Default)]
pub(crate) struct Replaced(#[cfg(target_os = "linux")] Vec<OwnedFd>);

impl Replaced {
    /// Five restarts in one turn. More are freed as they come: descriptors are for services.
    #[cfg(target_os = "linux")]
    const MOST: usize = 30;

    /// Frees them.
    #[cfg(target_os = "linux")]
    pub(crate) fn let_go(&mut self) {
        self.0.clear();
    }

    #[cfg(not(target_os = "linux"))]
    #[expect(clippy::unused_self, reason = "it is for ext4")]
    pub(crate) const fn let_go(&mut self) {}
}

impl Replacing {
    /// For files where this one is.
    #[cfg(target_os = "linux")]
    pub(crate) fn where_is(file: &impl AsFd) -> Self {
        use nix::sys::statfs::{EXT4_SUPER_MAGIC, fstatfs};
        let is_ext = fstatfs(file).is_ok_and(|it| it.filesystem_type() == EXT4_SUPER_MAGIC);
        if is_ext { Self::OnExt } else { Self::AsItComes }
    }

    #[cfg(not(target_os = "linux"))]
    pub(crate) const fn where_is(_: &impl AsFd) -> Self {
        Self::AsItComes
    }

    /// Writes the text under the name with `.new` and renames that.
    ///
    /// # Errors
    ///
    /// With what could not be done to the file with `.new`.
    pub(crate) fn replace(
        self,
        dir: BorrowedFd<'_>,
        name: &str,
        text: &[u8],
        replaced: &mut Replaced,
    ) -> Result<(), (&'static str, Errno)> {
        let new = beside(name);
        let file = make(dir, &new).map_err(|errno| ("open", errno))?;
        self.allocate(&file, text.len());
        let written = match write(&file, text) {
            Ok(written) if written == text.len() => Ok(()),
            Ok(_) => Err(("write", Errno::ENOSPC)),
            Err(errno) => Err(("write", errno)),
        };
        let renamed = written.and_then(|()| {
            self.keep(dir, name, replaced);
            renameat(dir, &*new, dir, name).map_err(|errno| ("rename", errno))
        });
        if renamed.is_err() {
            // What is full is not to be kept full by it.
            let _gone = unlinkat(dir, &*new, UnlinkatFlags::NoRemoveDir);
        }
        renamed
    }

    #[cfg(target_os = "linux")]
    fn allocate(self, file: &OwnedFd, len: usize) {
        use nix::{
            fcntl::{FallocateFlags, fallocate},
            libc::off_t,
        };
        if self == Self::OnExt && len > 0 {
            // It saves time and nothing else; whether there is room shows when the text is written.
            let len = off_t::try_from(len).unwrap_or(off_t::MAX);
            let _slower = fallocate(file, FallocateFlags::FALLOC_FL_KEEP_SIZE, 0, len);
        }
    }

    #[cfg(not(target_os = "linux"))]
    #[expect(clippy::unused_self, reason = "it is for ext4")]
    const fn allocate(self, _: &OwnedFd, _: usize) {}

    /// Without opening the file, which who listens would hear of.
    #[cfg(target_os = "linux")]
    fn keep(self, dir: BorrowedFd<'_>, name: &str, Replaced(files): &mut Replaced) {
        if self == Self::OnExt && files.len() < Replaced::MOST {
            let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
            files.extend(openat(dir, name, flags, Mode::empty()));
        }
    }

    #[cfg(not(target_os = "linux"))]
    #[expect(clippy::unused_self, reason = "it is for ext4")]
    const fn keep(self, _: BorrowedFd<'_>, _: &str, _: &mut Replaced) {}
}

/// A file that was not there. What is there under its name is of an earlier life or planted: it is
/// neither followed nor written to, and its name is taken away.
fn make(dir: BorrowedFd<'_>, name: &str) -> nix::Result<OwnedFd> {
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW;
    let readable = Mode::S_IRUSR | Mode::S_IWUSR | Mode::S_IRGRP | Mode::S_IROTH;
    let make = || openat(dir, name, flags | OFlag::O_CLOEXEC, readable);
    match make() {
        Err(Errno::EEXIST) => {
            match unlinkat(dir, name, UnlinkatFlags::NoRemoveDir) {
                Ok(()) | Err(Errno::ENOENT) => (),
                Err(errno) => return Err(errno),
            }
            make()
        }
        made => made,
    }
}

/// The name under which a text is written first.
pub(crate) fn beside(name: &str) -> String {
    format!("{name}.new")
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::{fs, fs::File, os::fd::AsFd as _};

    use nix::sys::stat::fstat;

    use super::{Replaced, Replacing};

    /// Allocating may be refused where the test runs; the text is there all the same.
    #[test]
    fn the_text_is_replaced_whole_and_the_old_file_stays_until_it_is_let_go_of() {
        let dir = tempfile::tempdir().unwrap();
        let (at, mut replaced) = (File::open(dir.path()).unwrap(), Replaced::default());
        for text in ["a long one\n", "", "short\n"] {
            Replacing::OnExt.replace(at.as_fd(), "stat", text.as_bytes(), &mut replaced).unwrap();
            assert_eq!(fs::read_to_string(dir.path().join("stat")).unwrap(), text);
        }
        let sizes = replaced.0.iter().map(|old| fstat(old).unwrap().st_size);
        assert_eq!(sizes.collect::<Vec<_>>(), [11, 0]);
        replaced.let_go();
        assert!(replaced.0.is_empty());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_storm_leaves_descriptors_to_services() {
        let dir = tempfile::tempdir().unwrap();
        let (at, mut replaced) = (File::open(dir.path()).unwrap(), Replaced::default());
        for number in 0..Replaced::MOST + 5 {
            let text = number.to_string();
            Replacing::OnExt.replace(at.as_fd(), "pid", text.as_bytes(), &mut replaced).unwrap();
            assert_eq!(fs::read_to_string(dir.path().join("pid")).unwrap(), text);
        }
        assert_eq!(replaced.0.len(), Replaced::MOST);
    }

    #[test]
    fn elsewhere_nothing_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let (at, mut replaced) = (File::open(dir.path()).unwrap(), Replaced::default());
        for text in ["down\n", "run\n"] {
            let how = Replacing::AsItComes;
            how.replace(at.as_fd(), "stat", text.as_bytes(), &mut replaced).unwrap();
        }
        assert!(replaced.0.is_empty());
    }
}
