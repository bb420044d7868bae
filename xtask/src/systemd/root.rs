//! Stage two: pid 1 of the new namespaces builds the machine's root and becomes systemd.
//!
//! Started by `machine`, and never by hand. It says on standard output that its namespaces are
//! there, and goes on once it reads a line: meanwhile its parent leaves the machine's control group.

use std::{
    fs,
    io::{self, Read, Write},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use nix::{
    mount::{MntFlags, MsFlags, mount, umount2},
    sys::stat::{Mode, SFlag, makedev, mknod, umask},
    unistd::{chdir, pivot_root, sethostname},
};

use super::{
    etc,
    machine::{DROPPED, TARGET},
};
use crate::failure::Failure;

/// What stage two is told.
#[derive(clap::Args)]
pub(crate) struct RootArgs {
    /// A directory to be seen at the same place, not to be changed
    #[arg(long)]
    bind: Vec<PathBuf>,
}

/// Where the parts of the overlay are, in this mount namespace only.
const STAGE: &str = "/mnt";

/// Builds the root and becomes systemd; returns only if that fails.
pub(crate) fn run(args: &RootArgs) -> Result<(), Failure> {
    wait_for_go_ahead().map_err(|why| Failure::cannot("agree with the host", why))?;
    build(args)?;
    let mut systemd = Command::new("setpriv");
    systemd.args(["--bounding-set", DROPPED, "--", "/lib/systemd/systemd", "--system"]);
    systemd.arg(format!("--unit={TARGET}")).args(["--show-status=false", "--log-target=journal"]);
    systemd.env_clear().env("container", "xtask").env("PATH", SYSTEM_PATH);
    // The pipe to the host is not for systemd.
    systemd.stdin(Stdio::null()).stdout(io::stderr());
    let why = systemd.exec();
    Err(Failure::cannot("become systemd", why))
}

const SYSTEM_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Tells the pid that the host knows this process by: its own `/proc` is still the host's.
fn wait_for_go_ahead() -> io::Result<()> {
    let pid = fs::read_link("/proc/self")?;
    let mut out = io::stdout().lock();
    writeln!(out, "{}", pid.display())?;
    out.flush()?;
    let mut go = [0];
    io::stdin().read_exact(&mut go)
}

fn build(args: &RootArgs) -> Result<(), Failure> {
    umask(Mode::empty());
    let nothing = None::<&str>;
    mount(nothing, "/", nothing, MsFlags::MS_REC | MsFlags::MS_PRIVATE, nothing)
        .map_err(|why| Failure::cannot("make the mounts of the machine private", why))?;
    file_system("tmpfs", Path::new(STAGE), MsFlags::empty(), "mode=0755")?;
    let [upper, work, root] = ["upper", "work", "root"].map(|name| Path::new(STAGE).join(name));
    for dir in [&upper, &work, &root] {
        make(dir, 0o755)?;
    }
    let layers = format!("lowerdir=/,upperdir={},workdir={}", upper.display(), work.display());
    file_system("overlay", &root, MsFlags::empty(), &layers)?;
    kernel(&root)?;
    devices(&root.join("dev"))?;
    for (dir, mode) in [("run", "mode=0755"), ("tmp", "mode=1777"), ("etc/systemd", "mode=0755")] {
        file_system("tmpfs", &root.join(dir), MsFlags::MS_NOSUID | MsFlags::MS_NODEV, mode)?;
    }
    etc::write(&root).map_err(|why| Failure::cannot("write the machine's /etc", why))?;
    for dir in &args.bind {
        bind(dir, &root)?;
    }
    sethostname("svhost").map_err(|why| Failure::cannot("name the machine", why))?;
    enter(&root).map_err(|why| Failure::cannot("enter the machine's root", why))
}

/// `/proc` and `/sys`, of which the machine must not change what it shares with the host.
fn kernel(root: &Path) -> Result<(), Failure> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    let proc = root.join("proc");
    file_system("proc", &proc, flags, "")?;
    // Not every kernel has the second.
    for path in ["sys", "sysrq-trigger"].map(|name| proc.join(name)).iter().filter(|it| it.exists())
    {
        read_only(path, path)?;
    }
    // Read-only, this tells systemd to leave hardware alone (its container interface).
    file_system("sysfs", &root.join("sys"), flags | MsFlags::MS_RDONLY, "")?;
    file_system("cgroup2", &root.join("sys/fs/cgroup"), flags, "")
}

fn devices(dev: &Path) -> Result<(), Failure> {
    // Not 1777, which makes the shell's `>/dev/null` fail for others than root.
    file_system("tmpfs", dev, MsFlags::MS_NOSUID, "mode=0755")?;
    for (name, minor) in
        [("null", 3), ("zero", 5), ("full", 7), ("random", 8), ("urandom", 9), ("tty", 0)]
    {
        let major = if name == "tty" { 5 } else { 1 };
        let all = Mode::from_bits_truncate(0o666);
        mknod(&dev.join(name), SFlag::S_IFCHR, all, makedev(major, minor))
            .map_err(|why| Failure::cannot(format!("make /dev/{name}"), why))?;
    }
    let links = [
        ("ptmx", "pts/ptmx"),
        ("fd", "/proc/self/fd"),
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
    ];
    for (name, target) in links {
        std::os::unix::fs::symlink(target, dev.join(name))
            .map_err(|why| Failure::cannot(format!("make /dev/{name}"), why))?;
    }
    for (name, kind, options) in [
        ("pts", "devpts", "newinstance,ptmxmode=0666,mode=620,gid=5"),
        ("shm", "tmpfs", "mode=1777"),
        ("mqueue", "mqueue", ""),
    ] {
        let dir = dev.join(name);
        make(&dir, 0o755)?;
        file_system(kind, &dir, MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC, options)?;
    }
    Ok(())
}

/// Shows a directory of the host at the same place, also to an ordinary user.
fn bind(dir: &Path, root: &Path) -> Result<(), Failure> {
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
fn read_only(from: &Path, to: &Path) -> Result<(), Failure> {
    let nothing = None::<&str>;
    let failure = |why| Failure::cannot(format!("show {} in the machine", from.display()), why);
    mount(Some(from), to, nothing, MsFlags::MS_BIND | MsFlags::MS_REC, nothing).map_err(failure)?;
    let flags = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
    mount(nothing, to, nothing, flags, nothing).map_err(failure)
}

fn enter(root: &Path) -> nix::Result<()> {
    let nothing = None::<&str>;
    chdir(root)?;
    // Not chroot: who enters the namespace later lands at its root.
    pivot_root(".", ".")?;
    umount2(".", MntFlags::MNT_DETACH)?;
    chdir("/")?;
    mount(nothing, "/", nothing, MsFlags::MS_REC | MsFlags::MS_SHARED, nothing)
}

fn file_system(kind: &str, at: &Path, flags: MsFlags, options: &str) -> Result<(), Failure> {
    // mount(8) would write the host's /run/mount/utab; the system call does not.
    mount(Some(kind), at, Some(kind), flags, Some(options))
        .map_err(|why| Failure::cannot(format!("mount {kind} on {}", at.display()), why))
}

fn make(dir: &Path, mode: u32) -> Result<(), Failure> {
    let failure = |why| Failure::cannot(format!("make {}", dir.display()), why);
    if !dir.is_dir() {
        fs::create_dir_all(dir).map_err(failure)?;
        fs::set_permissions(dir, fs::Permissions::from_mode(mode)).map_err(failure)?;
    }
    Ok(())
}
