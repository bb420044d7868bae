//! A root of overlays, in a mount namespace of its own: what is written there is gone with it.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use nix::{
    mount::{MntFlags, MsFlags, mount, umount2},
    unistd::{chdir, pivot_root},
};

use crate::{command, failure::Failure, workspace::Workspace};

/// Where the parts of the overlay are, in this mount namespace only.
const STAGE: &str = "/mnt";

pub(crate) const SYSTEM_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Makes this process' root an overlay of `lower`, beside the processes, devices, networks and
/// temporary files of this machine. Its mount namespace must be its own.
pub(crate) fn over(lower: &Path, visible: &[PathBuf]) -> Result<(), Failure> {
    let root = stage(lower)?;
    for shared in ["proc", "sys", "dev", "tmp"] {
        same(Path::new("/").join(shared).as_path(), &root.join(shared))?;
    }
    for dir in visible {
        bind(dir, &root)?;
    }
    enter(&root)
}

/// The overlay, not entered yet.
pub(crate) fn stage(lower: &Path) -> Result<PathBuf, Failure> {
    let nothing = None::<&str>;
    mount(nothing, "/", nothing, MsFlags::MS_REC | MsFlags::MS_PRIVATE, nothing)
        .map_err(|why| Failure::cannot("make the mounts of the namespace private", why))?;
    file_system("tmpfs", Path::new(STAGE), MsFlags::empty(), "mode=0755")?;
    let [upper, work, root] = ["upper", "work", "root"].map(|name| Path::new(STAGE).join(name));
    for dir in [&upper, &work, &root] {
        make(dir, 0o755)?;
    }
    let [lower, upper, work] = [lower, &upper, &work].map(Path::display);
    let layers = format!("lowerdir={lower},upperdir={upper},workdir={work}");
    file_system("overlay", &root, MsFlags::empty(), &layers)?;
    Ok(root)
}

/// Shows a directory of the host at the same place, also to an ordinary user.
pub(crate) fn bind(dir: &Path, root: &Path) -> Result<(), Failure> {
    let relative = dir.strip_prefix("/").unwrap_or(dir);
    let place = root.join(relative);
    make(&place, 0o755)?;
    // In the overlay: what the host has is not touched.
    for above in relative.ancestors().skip(1) {
        let above = root.join(above);
        if let Ok(data) = above.metadata() {
            let passable = fs::Permissions::from_mode(data.permissions().mode() | 0o011);
            let _stays = fs::set_permissions(&above, passable);
        }
    }
    read_only(dir, &place)
}

/// Read-only: the machine cleans directories that are not its own.
pub(crate) fn read_only(from: &Path, to: &Path) -> Result<(), Failure> {
    same(from, to)?;
    let nothing = None::<&str>;
    let flags = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
    mount(nothing, to, nothing, flags, nothing).map_err(|why| not_shown(from, why))
}

fn same(from: &Path, to: &Path) -> Result<(), Failure> {
    let nothing = None::<&str>;
    mount(Some(from), to, nothing, MsFlags::MS_BIND | MsFlags::MS_REC, nothing)
        .map_err(|why| not_shown(from, why))
}

fn not_shown(from: &Path, why: nix::Error) -> Failure {
    Failure::cannot(format!("show {} in the machine", from.display()), why)
}

/// Makes it the root.
pub(crate) fn enter(root: &Path) -> Result<(), Failure> {
    let entered = || {
        let nothing = None::<&str>;
        chdir(root)?;
        // Not chroot: who enters the namespace later lands at its root.
        pivot_root(".", ".")?;
        umount2(".", MntFlags::MNT_DETACH)?;
        chdir("/")?;
        mount(nothing, "/", nothing, MsFlags::MS_REC | MsFlags::MS_SHARED, nothing)
    };
    entered().map_err(|why| Failure::cannot("enter the machine's root", why))
}

pub(crate) fn file_system(
    kind: &str,
    at: &Path,
    flags: MsFlags,
    options: &str,
) -> Result<(), Failure> {
    // mount(8) would write the host's /run/mount/utab; the system call does not.
    mount(Some(kind), at, Some(kind), flags, Some(options))
        .map_err(|why| Failure::cannot(format!("mount {kind} on {}", at.display()), why))
}

pub(crate) fn make(dir: &Path, mode: u32) -> Result<(), Failure> {
    let failure = |why| Failure::cannot(format!("make {}", dir.display()), why);
    if !dir.is_dir() {
        fs::create_dir_all(dir).map_err(failure)?;
        fs::set_permissions(dir, fs::Permissions::from_mode(mode)).map_err(failure)?;
    }
    Ok(())
}

/// What must be seen inside wherever it is mounted: the checkout, what cargo has built, and
/// programs that no root has.
pub(crate) fn visible() -> Result<Vec<PathBuf>, Failure> {
    let target = Workspace::load()?.target;
    let named = ["SV_ENCORE_BIN", "SV_S6RC_BIN"].into_iter().filter_map(std::env::var_os);
    let dirs = [command::root(), target].into_iter().chain(named.map(PathBuf::from));
    Ok(dirs.filter(|dir| dir.is_dir()).collect())
}
