//! A file that is replaced in one step: whoever reads it sees all of the old one or all of the new one.

use std::{
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::Path,
    process,
};

use nix::unistd::{Gid, Uid};

use crate::cmd::place::Way;

/// Under another name first, which the collector passes over.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // Before, as what is asked for depends on the rights of whoever asks.
    let owner = owner_of_the_way(path)?;
    with_rights_of(owner, || replace_with_own_rights(path, bytes))
}

/// Whose directory or link the way to a file leads through first, if not root's: that user can lead it anywhere from
/// there on.
fn owner_of_the_way(path: &Path) -> io::Result<Option<(Uid, Gid)>> {
    let dir = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    let steps = Way::to(if dir == Path::new("") { Path::new(".") } else { dir })?.steps;
    let found = steps.into_iter().find(|(_, data)| data.uid() != 0);
    Ok(found.map(|(_, data)| (Uid::from_raw(data.uid()), Gid::from_raw(data.gid()))))
}

/// As that user may, where this is root: then the system refuses what the user may not do.
#[cfg(target_os = "linux")]
fn with_rights_of<T>(owner: Option<(Uid, Gid)>, act: impl FnOnce() -> T) -> T {
    use nix::unistd::{geteuid, getgroups, setfsgid, setfsuid, setgroups};
    let (Some((user, group)), true) = (owner, geteuid().is_root()) else { return act() };
    let groups = getgroups().unwrap_or_default();
    let _fewer = setgroups(&[]);
    let (own_group, own_user) = (setfsgid(group), setfsuid(user));
    let done = act();
    setfsuid(own_user);
    setfsgid(own_group);
    let _again = setgroups(&groups);
    done
}

/// Elsewhere there is no such way.
#[cfg(not(target_os = "linux"))]
fn with_rights_of<T>(_: Option<(Uid, Gid)>, act: impl FnOnce() -> T) -> T {
    act()
}

fn replace_with_own_rights(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
    let fresh = path.with_file_name(format!(".{name}.{}", process::id()));
    // What an earlier process of this number has left, or somebody has planted there.
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => (),
    }
    let mut file = File::options().write(true).create_new(true).mode(0o644).open(&fresh)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    let done = written.and_then(|()| fs::rename(&fresh, path));
    if done.is_err() {
        let _gone = fs::remove_file(&fresh);
    }
    done
}
