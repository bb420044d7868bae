//! Where the service directories are of a file, or of a program: the directory that was named, that of pid 1, or one of
//! their own.

use std::{
    fs, io,
    path::{Path, PathBuf},
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
        NoPlace::Held { path } => {
            output.message(&printable(&format!("{} is another svctl's", path.display())));
            output.hint("end that one, or name another directory with --state-dir DIR");
        }
    }
    Exit::System
}
