//! One file that is there, exchanged for another at one moment, as long as it is what was seen.

use std::{ffi::OsStr, path::Path};

use rustix::fs::AtFlags;

use super::disk::{Disk, vanished};
use crate::{
    error::Error,
    plan::File,
    trusted_dir::{Kind, TrustedDir, wrong},
};

/// Makes a file what it is to be, if it still is what was seen: the same bytes, the same mode. It keeps its
/// owner and group; `owner` of both files says nothing here.
///
/// ```
/// use svbuild::plan::File;
///
/// # let tree = tempfile::tempdir().unwrap();
/// # let run = tree.path().join("run");
/// # std::fs::write(&run, "#!/bin/sh\r\n").unwrap();
/// # std::fs::set_permissions(&run, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
/// let seen = File::new(0o755, "#!/bin/sh\r\n");
/// svbuild::exchange(&run, &seen, &File::new(0o755, "#!/bin/sh\n"))?;
/// assert_eq!(std::fs::read(&run).unwrap(), b"#!/bin/sh\n");
/// assert!(svbuild::exchange(&run, &seen, &seen).is_err(), "it is no longer what was seen");
/// # Ok::<(), svbuild::Error>(())
/// ```
///
/// # Errors
///
/// [`Error::Changed`] if it is not what was seen; [`Error::Shared`] where something of it would be lost: it
/// has a second name, or extended attributes. [`Error::WrongType`] for a link, or whatever is no regular
/// file; [`Error::Untrusted`] as for [`crate::Plan::write`]; [`Error::TooLarge`], [`Error::Io`]. The file
/// is as it was then.
pub fn exchange(path: &Path, seen: &File, new: &File) -> Result<(), Error> {
    let Some(name) = path.file_name() else { return Err(vanished(path)) };
    let above = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let walked = TrustedDir::walk(above)?;
    if !walked.missing.is_empty() {
        return Err(vanished(path));
    }
    let dir = walked.place;
    let looked = dir.look(name)?.ok_or_else(|| vanished(path))?;
    if looked.kind != Kind::File {
        return Err(wrong(path, "a regular file", looked.kind));
    }
    let (bytes, looked) = dir.read(name)?.ok_or_else(|| vanished(path))?;
    if bytes != seen.bytes || looked.mode != seen.mode {
        return Err(Error::Changed { path: path.to_owned() });
    }
    let mut disk = Disk::silent();
    if new.bytes == bytes {
        return disk.set_file_mode(&dir, name, new.mode);
    }
    if let Some(why) = shared(&dir, name) {
        return Err(Error::Shared { path: path.to_owned(), why });
    }
    let fresh = format!(".{}.svbuild", name.to_string_lossy());
    let fresh = OsStr::new(&fresh);
    disk.remove_file(&dir, fresh)?;
    disk.make_file(&dir, fresh, new)?;
    disk.own_file(&dir, fresh, &looked, new.mode)?;
    disk.rename((&dir, fresh), (&dir, name))?;
    disk.sync(&dir)
}

/// What another file in its place would not have.
fn shared(dir: &TrustedDir, name: &OsStr) -> Option<&'static str> {
    let stat = rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
    if stat.st_nlink > 1 {
        return Some("it has a second name");
    }
    has_attributes(dir, name).then_some("it has extended attributes")
}

#[cfg(target_os = "linux")]
fn has_attributes(dir: &TrustedDir, name: &OsStr) -> bool {
    use rustix::fs::{Mode, OFlags, flistxattr, openat};
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let Ok(fd) = openat(dir, name, flags, Mode::empty()) else { return true };
    let mut list = vec![0_u8; 64 << 10];
    // A label of the system's policy is given to the new file as it was to this one.
    let length = flistxattr(&fd, &mut *list).unwrap_or(0);
    let mut names = list.get(..length).unwrap_or_default().split(|it| *it == 0);
    names.any(|it| !it.is_empty() && !it.starts_with(b"security.selinux"))
}

#[cfg(not(target_os = "linux"))]
fn has_attributes(_: &TrustedDir, _: &OsStr) -> bool {
    false
}
