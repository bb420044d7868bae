//! Stage two: pid 1 of the new namespaces builds the machine's root and becomes systemd.
//!
//! Started by `machine`, and never by hand. It says on standard output that its namespaces are
//! there, and goes on once it reads a line: meanwhile its parent leaves the machine's control
//! group.

use std::{
    fs,
    io::{self, Read, Write},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use nix::{
    mount::MsFlags,
    sys::stat::{Mode, SFlag, makedev, mknod, umask},
    unistd::sethostname,
};

use super::{
    etc::{self, TARGET},
    machine::DROPPED,
};
use crate::{
    failure::Failure,
    overlay::{self, SYSTEM_PATH, bind, file_system, make, read_only},
};

/// What stage two is told.
#[derive(clap::Args)]
pub(crate) struct RootArgs {
    /// What is below the overlay: this root, or another
    #[arg(long)]
    lower: PathBuf,
    /// A directory to be seen at the same place, not to be changed
    #[arg(long)]
    bind: Vec<PathBuf>,
}

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
    let root = overlay::stage(&args.lower)?;
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
    overlay::enter(&root)
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
