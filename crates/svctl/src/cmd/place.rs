//! Where the service directories are of a file, or of a program: the directory that was named, that of pid 1, or one of
//! their own.

use std::{
    collections::VecDeque,
    ffi::OsString,
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Component, Path, PathBuf},
};

use nix::{
    errno::Errno,
    fcntl::{Flock, FlockArg, OFlag, open},
    sys::stat::Mode,
    unistd::{Pid, Uid, mkdtemp},
};

use crate::{
    exit::Exit,
    output::{Output, printable},
};

/// A directory that is this process's alone.
pub(crate) struct Place {
    dir: PathBuf,
    /// It was made for this run, and goes with it.
    is_own: bool,
    _lock: Flock<std::os::fd::OwnedFd>,
}

/// Why there is none.
pub(crate) enum NoPlace {
    /// It cannot be made, or not used.
    Refused { doing: &'static str, path: PathBuf, source: io::Error },
    /// Another svctl has it.
    Held { path: PathBuf },
    /// Somebody less privileged could exchange it, or what root makes there.
    Untrusted { path: PathBuf, owner: u32 },
}

/// Where the other commands look for services without being told.
const FIRST: &str = "/run/service";

/// What is held as long as somebody is at work there.
const LOCK: &str = ".svctl-lock";

/// What every service directory has that was made from a definition.
const MANIFEST: &str = ".svbuild";

impl Place {
    /// Takes it; makes it if need be.
    pub(crate) fn take(named: Option<&Path>) -> Result<Self, NoPlace> {
        let refused = |doing, path: &Path| {
            let path = path.to_owned();
            move |source| NoPlace::Refused { doing, path, source }
        };
        let (dir, is_own) = match named {
            Some(dir) if Uid::effective().is_root() => {
                // Nothing is made by way of a link of somebody else.
                let dir = of_root(dir)?;
                (of_root(&make(&dir).map_err(refused("make", &dir))?)?, false)
            }
            Some(dir) => (make(dir).map_err(refused("make", dir))?, false),
            None if Pid::this() == Pid::from_raw(1) && make(Path::new(FIRST)).is_ok() => {
                (FIRST.into(), false)
            }
            None => {
                let above = above();
                let dir = mkdtemp(&above.join("svctl-scan-XXXXXX")).map_err(io::Error::from);
                (dir.map_err(refused("make a directory in", &above))?, true)
            }
        };
        let path = dir.join(LOCK);
        let flags = OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
        let file = open(&path, flags, Mode::S_IRUSR | Mode::S_IWUSR).map_err(io::Error::from);
        let file = file.map_err(refused("open", &path))?;
        let lock = Flock::lock(file, FlockArg::LockExclusiveNonblock);
        let lock = lock.map_err(|(_, errno)| match errno {
            Errno::EWOULDBLOCK => NoPlace::Held { path: dir.clone() },
            errno => refused("lock", &path)(errno.into()),
        })?;
        Ok(Self { dir, is_own, _lock: lock })
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Removes what an earlier file has left there, of which nobody else can be the supervisor.
    pub(super) fn clear_but_for(&self, stays: impl Fn(&str) -> bool) {
        for entry in fs::read_dir(&self.dir).into_iter().flatten().flatten() {
            let is_built = entry.path().join(MANIFEST).is_file();
            if is_built && !entry.file_name().to_str().is_some_and(&stays) {
                // What cannot be removed is not started either.
                let _left = fs::remove_dir_all(entry.path());
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.is_own {
            // What a service has put there with other rights stays.
            let _left = fs::remove_dir_all(&self.dir);
        }
    }
}

/// Where a directory is without links, if nobody but root can exchange it or what is in it: as root nothing is
/// written, removed or run elsewhere.
fn of_root(dir: &Path) -> Result<PathBuf, NoPlace> {
    let refused = |source| NoPlace::Refused { doing: "find", path: dir.to_owned(), source };
    let Way { steps, end } = Way::to(dir).map_err(refused)?;
    for (path, data) in steps {
        // In a directory that many share nobody can move what is another's.
        let is_shared = data.mode() & 0o1000 != 0 && path != end;
        let is_open = !data.is_symlink() && data.mode() & 0o022 != 0 && !is_shared;
        if data.uid() != 0 || is_open {
            return Err(NoPlace::Untrusted { path, owner: data.uid() });
        }
    }
    Ok(end)
}

/// What the system goes through to a file: each directory and each link, in order. As long as all of them are root's
/// and closed to others nobody else can lead it elsewhere meanwhile.
pub(super) struct Way {
    pub(super) steps: Vec<(PathBuf, fs::Metadata)>,
    end: PathBuf,
}

impl Way {
    /// As many links as Linux follows.
    const LINKS: usize = 40;

    pub(super) fn to(path: &Path) -> io::Result<Self> {
        let typed = std::path::absolute(path)?;
        let part = |it: Component<'_>| it.as_os_str().to_owned();
        let mut ahead: VecDeque<OsString> = typed.components().map(part).collect();
        let (mut steps, mut end, mut links) = (Vec::new(), PathBuf::from("/"), 0);
        while let Some(name) = ahead.pop_front() {
            if name == "." || name == ".." {
                let _at_root = name == ".." && end.pop();
                continue;
            }
            let next = end.join(name);
            let data = match next.symlink_metadata() {
                Err(why) if why.kind() == io::ErrorKind::NotFound => {
                    end = next;
                    continue;
                }
                data => data?,
            };
            if data.is_symlink() {
                links += 1;
                if links > Self::LINKS {
                    return Err(Errno::ELOOP.into());
                }
                for name in next.read_link()?.components().rev().map(part) {
                    ahead.push_front(name);
                }
            } else {
                end.clone_from(&next);
            }
            steps.push((next, data));
        }
        Ok(Self { steps, end })
    }
}

fn make(dir: &Path) -> io::Result<PathBuf> {
    fs::create_dir_all(dir)?;
    // Where nothing can be written there is no use for it.
    nix::unistd::access(dir, nix::unistd::AccessFlags::W_OK)?;
    Ok(dir.to_owned())
}

/// Where directories of this user's own belong that are gone after the next start of the machine.
fn above() -> PathBuf {
    let usable = |dir: &PathBuf| dir.is_absolute() && make(dir).is_ok();
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(usable);
    let run =
        || Some(PathBuf::from("/run")).filter(|dir| Uid::effective().is_root() && usable(dir));
    let temporary = Some(std::env::temp_dir()).filter(usable);
    // What container engines leave writable below a root that is not.
    let memory = || Some(PathBuf::from("/dev/shm")).filter(|dir| dir.is_dir() && usable(dir));
    runtime.or_else(run).or(temporary).or_else(memory).unwrap_or_else(std::env::temp_dir)
}

/// Tells why there is none.
pub(crate) fn tell(why: NoPlace, output: &mut Output) -> Exit {
    match why {
        NoPlace::Refused { doing, path, source } => {
            output.message(&printable(&format!("cannot {doing} {}: {source}", path.display())));
            output.hint(
                "--state-dir DIR makes the directories of the services in DIR, a tmpfs for one",
            );
        }
        NoPlace::Untrusted { path, owner } => {
            let whose = if owner == 0 { "everybody".to_owned() } else { format!("user {owner}") };
            let path = printable(&path.display().to_string());
            output.message(&format!(
                "cannot use {path}: {whose} may write there, and root runs what is there"
            ));
            output.hint(
                "name a directory of root's that is closed to others, or start svctl as that user",
            );
        }
        NoPlace::Held { path } => {
            output.message(&printable(&format!("{} is another svctl's", path.display())));
            output.hint("end that one, or name another directory with --state-dir DIR");
        }
    }
    Exit::System
}
