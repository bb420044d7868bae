//! The control group of a tree (version 2, no controller): whatever is started below its keeper is
//! in it, and nothing but root gets out of it. So what has emptied its environment and lost its
//! parent is still found, also when program, keeper, guard and engine were killed at once.
//!
//! | who                                 | does                                                           |
//! |-------------------------------------|----------------------------------------------------------------|
//! | the keeper                          | makes it below its own, notes it in the tree, puts the guard in |
//! | guard, engine, services, checks     | are in it                                                      |
//! | the keeper, a program whose keeper was killed, the next start | end what is in it and remove it   |
//!
//! Where none can be made (another version, a group that is not this user's), all goes on without.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, Read as _, Write as _},
    os::unix::{ffi::OsStrExt as _, fs::OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use nix::unistd::Pid;

/// The note in the tree.
pub(super) const NOTE: &str = "cgroup";

/// How groups of trees are called, before a number and the moment of the keeper's start.
const NAME: &str = "svdevtree-";

/// Nothing that is read here is longer.
const LONGEST: u64 = 1 << 20;

/// A group that was made.
#[derive(Clone, Debug)]
pub(super) struct ControlGroup {
    dir: PathBuf,
}

impl ControlGroup {
    /// One for the tree in this directory, noted there. `None` where none can be made.
    pub(super) fn make(base: &Path, unique: &str) -> Option<Self> {
        let dir = own()?.join(format!("{NAME}{unique}"));
        fs::create_dir(&dir).ok()?;
        let this = Self { dir };
        // Who cannot be found again is of no use.
        if this.note(base).is_err() {
            this.remove();
            return None;
        }
        Some(this)
    }

    fn note(&self, base: &Path) -> io::Result<()> {
        let mut options = File::options();
        options.write(true).create(true).truncate(true).mode(0o600);
        options.custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK);
        options.open(base.join(NOTE))?.write_all(self.dir.as_os_str().as_bytes())
    }

    /// The one that is noted in a tree, if it is there.
    pub(super) fn of(base: &Path) -> Option<Self> {
        let mut options = File::options();
        options.read(true).custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK);
        let file = options.open(base.join(NOTE)).ok()?;
        if !file.metadata().ok()?.is_file() {
            return None;
        }
        let mut noted = Vec::new();
        file.take(LONGEST).read_to_end(&mut noted).ok()?;
        let dir = PathBuf::from(std::ffi::OsStr::from_bytes(&noted));
        let is_named = dir.file_name()?.as_bytes().starts_with(NAME.as_bytes());
        (is_named && is_group(&dir)).then_some(Self { dir })
    }

    /// Puts a process in it; what it starts from then on is in it, too.
    pub(super) fn admit(&self, pid: Pid) -> io::Result<()> {
        fs::write(self.dir.join("cgroup.procs"), pid.to_string())
    }

    /// This process goes back to the group above, so that it can be removed.
    pub(super) fn leave(&self) {
        let above = self.dir.parent().map(|above| above.join("cgroup.procs"));
        let _stays = above.map(|above| fs::write(above, "0"));
    }

    /// SIGKILL for all that is in it, at once. `false` where the system cannot (before Linux 5.14),
    /// and where this process is in it.
    pub(super) fn kill(&self) -> bool {
        let all = self.dir.join("cgroup.kill");
        !self.has_this_process() && fs::write(all, "1").is_ok()
    }

    fn has_this_process(&self) -> bool {
        own().is_none_or(|own| own.starts_with(&self.dir))
    }

    /// Who is in it, and in what was made in it.
    pub(super) fn members(&self) -> BTreeSet<i32> {
        let mut members = BTreeSet::new();
        each(&self.dir, &mut |dir| {
            let text = read(&dir.join("cgroup.procs")).unwrap_or_default();
            members.extend(text.lines().filter_map(|pid| pid.parse::<i32>().ok()));
        });
        members
    }

    /// Removes it, if nobody is in it.
    pub(super) fn remove(&self) {
        each(&self.dir, &mut |dir| drop(fs::remove_dir(dir)));
    }
}

/// A group and those in it, the inner ones first.
fn each(dir: &Path, act: &mut impl FnMut(&Path)) {
    let entries = fs::read_dir(dir).into_iter().flatten().filter_map(Result::ok);
    for entry in entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        each(&entry.path(), act);
    }
    act(dir);
}

fn read(path: &Path) -> Option<String> {
    let mut text = String::new();
    File::open(path).ok()?.take(LONGEST).read_to_string(&mut text).ok()?;
    Some(text)
}

#[cfg(target_os = "linux")]
fn is_group(dir: &Path) -> bool {
    const CGROUP2: rustix::fs::FsWord = 0x6367_7270;
    rustix::fs::statfs(dir).is_ok_and(|it| it.f_type == CGROUP2)
}

#[cfg(not(target_os = "linux"))]
const fn is_group(_: &Path) -> bool {
    false
}

/// The directory of the group that this process is in.
fn own() -> Option<PathBuf> {
    let (groups, mounts) = (Path::new("/proc/self/cgroup"), Path::new("/proc/self/mountinfo"));
    let dir = own_by(&read(groups)?, &read(mounts)?)?;
    is_group(&dir).then_some(dir)
}

/// Source: `cgroups(7)`; `proc_pid_mountinfo(5)`.
fn own_by(groups: &str, mounts: &str) -> Option<PathBuf> {
    let path = Path::new(groups.lines().find_map(|line| line.strip_prefix("0::"))?);
    let mut mounts = mounts.lines().filter_map(|line| {
        let (before, after) = line.split_once(" - ")?;
        let mut fields = before.split(' ').skip(3);
        let (root, at) = (fields.next()?, fields.next()?);
        after.starts_with("cgroup2 ").then_some((root, at))
    });
    // Of a group that is above what is mounted here nothing can be seen.
    mounts.find_map(|(root, at)| {
        let below = path.strip_prefix(root).ok()?;
        let is_plain = !at.contains('\\') && !below.iter().any(|part| part == "..");
        is_plain.then(|| Path::new(at).join(below))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_group_is_found_below_what_is_mounted() {
        let mounts = "\
30 23 0:26 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n\
31 23 0:27 / /sys/fs/cgroup/unified rw,nosuid shared:9 - cgroup2 cgroup2 rw\n";
        let own = |groups, mounts| own_by(groups, mounts).map(PathBuf::into_os_string);
        let is = |path: &str| Some(path.into());
        assert_eq!(own("4:cpu:/x\n0::/\n", mounts), is("/sys/fs/cgroup/unified/"));
        assert_eq!(own("0::/a/b\n", mounts), is("/sys/fs/cgroup/unified/a/b"));
        assert_eq!(own("4:cpu:/x\n", mounts), None);
        assert_eq!(own("0::/../x\n", mounts), None);
        let inner = "31 23 0:27 /a /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
        assert_eq!(own("0::/a/b\n", inner), is("/sys/fs/cgroup/b"));
        assert_eq!(own("0::/c\n", inner), None);
        assert_eq!(own("0::/a\n", ""), None);
    }

    #[test]
    fn what_is_noted_must_be_a_group_of_a_tree() {
        let tree = tempfile::tempdir().unwrap();
        let note = |text: &str| fs::write(tree.path().join(NOTE), text).unwrap();
        assert!(ControlGroup::of(tree.path()).is_none());
        for text in ["", "/", "/sys/fs/cgroup", "/tmp/svdevtree-1", "svdevtree-1"] {
            note(text);
            assert!(ControlGroup::of(tree.path()).is_none(), "{text}");
        }
        fs::remove_file(tree.path().join(NOTE)).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", tree.path().join(NOTE)).unwrap();
        assert!(ControlGroup::of(tree.path()).is_none());
    }

    /// Where one can be made.
    #[test]
    fn a_group_that_was_made_is_found_and_removed() {
        let tree = tempfile::tempdir().unwrap();
        let unique = format!("test-{}", std::process::id());
        let Some(group) = ControlGroup::make(tree.path(), &unique) else { return };
        assert_eq!(ControlGroup::of(tree.path()).unwrap().dir, group.dir);
        let mut child = std::process::Command::new("sleep").arg("1000").spawn().unwrap();
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
        group.admit(pid).unwrap();
        assert_eq!(group.members(), BTreeSet::from([pid.as_raw()]));
        if !group.kill() {
            child.kill().unwrap();
        }
        child.wait().unwrap();
        group.remove();
        assert!(ControlGroup::of(tree.path()).is_none() && !group.dir.exists());
    }
}
