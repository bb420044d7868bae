//! The machine's configuration: nothing of the host's, and masks for what would touch the host.

use std::{fs, io::Write, os::unix::fs::symlink, path::Path};

/// What the machine boots to.
pub(super) const TARGET: &str = "xtask.target";
/// The ordinary user: high, so that it is nobody's on the host.
pub(super) const ORDINARY_UID: u32 = 61_234;
pub(super) const ORDINARY_NAME: &str = "svuser";

/// Writes it below `root`, where `etc/systemd` is a file system of its own.
pub(super) fn write(root: &Path) -> std::io::Result<()> {
    let etc = root.join("etc");
    let system = etc.join("systemd/system");
    for dir in ["system", "system-generators", "user-generators", "user"] {
        fs::create_dir_all(etc.join("systemd").join(dir))?;
    }
    for unit in MASKED {
        symlink("/dev/null", system.join(unit))?;
    }
    for (from, masks) in [
        ("system-generators", etc.join("systemd/system-generators")),
        ("user-generators", etc.join("systemd/user-generators")),
    ] {
        for place in ["usr/lib/systemd", "lib/systemd", "usr/local/lib/systemd"] {
            let generators = root.join(place).join(from);
            for entry in fs::read_dir(generators).into_iter().flatten().filter_map(Result::ok) {
                let mask = masks.join(entry.file_name());
                if mask.symlink_metadata().is_err() {
                    symlink("/dev/null", mask)?;
                }
            }
        }
    }
    // They clean /tmp, and what is mounted below it.
    fs::create_dir_all(etc.join("tmpfiles.d"))?;
    for name in ["tmp.conf", "x11.conf"] {
        replace_link("/dev/null", &etc.join("tmpfiles.d").join(name))?;
    }
    fs::write(system.join(TARGET), TARGET_TEXT)?;
    fs::write(system.join(USER_MANAGER), user_manager())?;
    fs::write(
        etc.join("systemd/journald.conf"),
        "[Journal]\nStorage=volatile\nAudit=no\nRateLimitBurst=0\nReadKMsg=no\n",
    )?;
    // Crash loops are what the tests are about; cores of them are not.
    fs::write(etc.join("systemd/system.conf"), "[Manager]\nDumpCore=no\n")?;
    for (name, text) in [
        ("fstab", ""),
        ("crypttab", ""),
        ("hostname", "svhost\n"),
        ("machine-id", "0123456789abcdef0123456789abcdef\n"),
    ] {
        fs::write(etc.join(name), text)?;
    }
    add_user(root)
}

/// Starts the user manager of the ordinary user, without PAM and a login session.
pub(super) const USER_MANAGER: &str = "xtask-user-manager.service";

const TARGET_TEXT: &str = "[Unit]\nRequires=basic.target dbus.socket\nWants=dbus.service\n\
                           After=basic.target dbus.socket dbus.service\n";

fn user_manager() -> String {
    let runtime = format!("/run/user/{ORDINARY_UID}");
    format!(
        "[Service]\nType=notify\nUser={ORDINARY_NAME}\nDelegate=yes\n\
         Environment=XDG_RUNTIME_DIR={runtime} \
         DBUS_SESSION_BUS_ADDRESS=unix:path={runtime}/bus\n\
         ExecStartPre=+/usr/bin/install -d -m 0755 /run/user\n\
         ExecStartPre=+/usr/bin/install -d -o {ORDINARY_NAME} -g {ORDINARY_NAME} -m 0700 {runtime}\n\
         ExecStart=/lib/systemd/systemd --user\nTimeoutStartSec=30\n\
         KillMode=mixed\nSlice=system.slice\n"
    )
}

/// An ordinary user, known to this machine only.
fn add_user(root: &Path) -> std::io::Result<()> {
    let home = format!("/home/{ORDINARY_NAME}");
    let append = |name: &str, line: String| {
        fs::File::options()
            .append(true)
            .open(root.join("etc").join(name))?
            .write_all(line.as_bytes())
    };
    append("passwd", format!("{ORDINARY_NAME}:x:{ORDINARY_UID}:{ORDINARY_UID}::{home}:/bin/sh\n"))?;
    append("group", format!("{ORDINARY_NAME}:x:{ORDINARY_UID}:\n"))?;
    let home = root.join(home.trim_start_matches('/'));
    fs::create_dir_all(&home)?;
    std::os::unix::fs::chown(&home, Some(ORDINARY_UID), Some(ORDINARY_UID))
}

fn replace_link(target: &str, link: &Path) -> std::io::Result<()> {
    match fs::remove_file(link) {
        Err(why) if why.kind() != std::io::ErrorKind::NotFound => return Err(why),
        _ => (),
    }
    symlink(target, link)
}

/// What would reach beyond the namespaces, wait for hardware, or cost time for nothing.
const MASKED: [&str; 52] = [
    "console-getty.service",
    "cryptsetup.target",
    "dev-hugepages.mount",
    "dev-mqueue.mount",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "getty-static.service",
    "getty.target",
    "integritysetup.target",
    "kmod-static-nodes.service",
    "ldconfig.service",
    "modprobe@.service",
    "networkd-dispatcher.service",
    "proc-sys-fs-binfmt_misc.automount",
    "proc-sys-fs-binfmt_misc.mount",
    "sys-fs-fuse-connections.mount",
    "sys-kernel-config.mount",
    "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount",
    "systemd-ask-password-console.path",
    "systemd-ask-password-wall.path",
    "systemd-binfmt.service",
    "systemd-boot-system-token.service",
    "systemd-firstboot.service",
    "systemd-homed.service",
    "systemd-hwdb-update.service",
    "systemd-initctl.socket",
    "systemd-journal-flush.service",
    "systemd-journald-audit.socket",
    "systemd-logind.service",
    "systemd-machine-id-commit.service",
    "systemd-modules-load.service",
    "systemd-networkd.service",
    "systemd-networkd.socket",
    "systemd-oomd.service",
    "systemd-pcrphase-sysinit.service",
    "systemd-pcrphase.service",
    "systemd-pstore.service",
    "systemd-random-seed.service",
    "systemd-remount-fs.service",
    "systemd-repart.service",
    "systemd-resolved.service",
    "systemd-rfkill.socket",
    "systemd-sysctl.service",
    "systemd-sysusers.service",
    "systemd-timesyncd.service",
    "systemd-tmpfiles-setup-dev.service",
    "systemd-udev-trigger.service",
    "systemd-udevd.service",
    "systemd-update-utmp.service",
    "timers.target",
    "veritysetup.target",
];
