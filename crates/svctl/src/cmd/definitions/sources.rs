//! The files that definitions were read from: which they are, and whether they have changed since.
//!
//! They are looked at every second. An editor may write a file in several steps, or put another one in its
//! place: what has changed counts once two looks in a row find the same.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use svcmgr::{
    build::Service,
    convert::{self, FileKind, Files},
};

/// Files and directories.
pub(crate) type Paths = BTreeSet<PathBuf>;

/// Between two looks.
const PERIOD: Duration = Duration::from_secs(1);
/// Until a file that has changed is looked at again.
const REST: Duration = Duration::from_millis(300);
/// Of a directory of variables so many files count.
const MOST: usize = 1000;

/// The disk, by which it is known what was looked at.
pub(crate) struct Disk<'a> {
    disk: convert::Disk,
    read: RefCell<&'a mut Paths>,
}

impl<'a> Disk<'a> {
    pub(crate) fn noting(read: &'a mut Paths) -> Self {
        Self { disk: convert::Disk::new(), read: RefCell::new(read) }
    }

    fn note(&self, path: &Path) {
        self.read.borrow_mut().insert(path.to_owned());
    }
}

impl Files for Disk<'_> {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.note(path);
        self.disk.read(path)
    }

    fn kind(&self, path: &Path) -> Option<FileKind> {
        self.note(path);
        self.disk.kind(path)
    }

    fn names(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.note(dir);
        self.disk.names(dir)
    }

    fn absolute(&self, path: &Path) -> PathBuf {
        self.disk.absolute(path)
    }
}

/// The files of variables that a service names.
pub(crate) fn variables(service: &Service) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = service.env_file.iter().map(|file| file.path.clone()).collect();
    if let Some(dir) = &service.env_dir {
        let names = convert::Disk::new().names(dir).unwrap_or_default();
        paths.extend(names.iter().take(MOST).map(|name| dir.join(name)));
        paths.push(dir.clone());
    }
    paths
}

/// What is in them, as a number.
pub(crate) fn digest(paths: &[PathBuf]) -> u64 {
    let mut hash = DefaultHasher::new();
    for path in paths {
        (path, convert::Disk::new().read(path).ok()).hash(&mut hash);
    }
    hash.finish()
}

/// Who else may write this file, if anybody may: what he writes is not to be run for this user.
pub(crate) fn foreign(path: &Path) -> Option<String> {
    let data = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    let me = nix::unistd::geteuid().as_raw();
    if ![0, me].contains(&data.uid()) {
        return Some(format!("user {} may write it", data.uid()));
    }
    (data.mode() & 0o002 != 0).then(|| "everybody may write it".to_owned())
}

/// How files stood.
type Look = BTreeMap<PathBuf, Option<Identity>>;

/// Device, inode, size, and the times of content and inode in nanoseconds.
type Identity = [i128; 5];

/// Files that are followed.
#[derive(Debug)]
pub(crate) struct Sources {
    seen: Look,
    /// How they stood at the last look, if that was different.
    changing: Option<Look>,
    next: Instant,
}

impl Sources {
    pub(crate) fn new(paths: Paths) -> Self {
        let seen = paths.into_iter().map(looked_at).collect();
        Self { seen, changing: None, next: Instant::now() + PERIOD }
    }

    /// From now on these. What was followed before is compared with how it stood then.
    pub(crate) fn follow(&mut self, paths: Paths) {
        let mut seen = std::mem::take(&mut self.seen);
        let known = |path| seen.remove_entry(&path).unwrap_or_else(|| looked_at(path));
        self.seen = paths.into_iter().map(known).collect();
    }

    /// When to look.
    pub(crate) const fn due(&self) -> Instant {
        self.next
    }

    /// Looks if it is time to. What has changed since the last time that this told something, and rests.
    pub(crate) fn changed(&mut self) -> Vec<PathBuf> {
        let now = Instant::now();
        if now < self.next {
            return Vec::new();
        }
        self.step(self.seen.keys().cloned().map(looked_at).collect(), now)
    }

    fn step(&mut self, look: Look, now: Instant) -> Vec<PathBuf> {
        let before = self.changing.take();
        if look == self.seen {
            self.next = now + PERIOD;
            return Vec::new();
        }
        if before.as_ref() != Some(&look) {
            self.changing = Some(look);
            self.next = now + REST;
            return Vec::new();
        }
        self.next = now + PERIOD;
        let seen = std::mem::replace(&mut self.seen, look);
        let has_changed = |path: &&PathBuf| self.seen.get(*path) != seen.get(*path);
        self.seen.keys().filter(has_changed).cloned().collect()
    }
}

fn looked_at(path: PathBuf) -> (PathBuf, Option<Identity>) {
    let time = |seconds: i64, nanos: i64| i128::from(seconds) * 1_000_000_000 + i128::from(nanos);
    let identity = fs::metadata(&path).ok().map(|data| {
        let times = [time(data.mtime(), data.mtime_nsec()), time(data.ctime(), data.ctime_nsec())];
        [data.dev().into(), data.ino().into(), data.size().into(), times[0], times[1]]
    });
    (path, identity)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_counts_once_it_rests() {
        let dir = tempfile::tempdir().unwrap();
        let [one, other] = ["one", "other"].map(|name| dir.path().join(name));
        fs::write(&one, "a").unwrap();
        let mut sources = Sources::new([one.clone(), other.clone()].into());
        let mut look = || {
            let look = sources.seen.keys().cloned().map(looked_at).collect();
            sources.step(look, Instant::now())
        };
        assert!(look().is_empty());
        fs::write(&one, "").unwrap();
        assert!(look().is_empty());
        fs::write(&one, "longer").unwrap();
        assert!(look().is_empty());
        assert_eq!(look(), std::slice::from_ref(&one));
        assert!(look().is_empty());
        // Another file in its place, and one that is new.
        fs::write(dir.path().join("new"), "longer").unwrap();
        fs::rename(dir.path().join("new"), &one).unwrap();
        fs::write(&other, "x").unwrap();
        assert!(look().is_empty());
        assert_eq!(look(), [one, other]);
    }

    #[test]
    fn what_is_looked_at_for_a_procfile_is_known() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("Procfile");
        fs::write(&file, "web: sleep 1\n").unwrap();
        let mut read = Paths::new();
        convert::convert(&Disk::noting(&mut read), std::slice::from_ref(&file), None).unwrap();
        assert!(read.contains(&file) && read.contains(&dir.path().join(".env")), "{read:?}");
    }

    #[test]
    fn a_file_that_everybody_may_write_is_foreign() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        assert_eq!(foreign(&file), None);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
        assert_eq!(foreign(&file).as_deref(), Some("everybody may write it"));
        assert_eq!(foreign(dir.path()), None);
    }
}
