//! What makes a process a keeper, and what a keeper does not do: whoever tries is this test binary
//! again.
//!
//! `SVDEVTREE_TEST_EXE` names another build of it to attack, an older one for instance.

use std::{
    fs,
    io::{Read as _, Write as _},
    os::{
        fd::OwnedFd,
        unix::{
            fs::{MetadataExt as _, PermissionsExt as _, symlink},
            net::UnixStream,
            process::CommandExt as _,
        },
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

const ROLE: &str = "SVDEVTREE_TEST_ASKED";
const PLACE: &str = "SVDEVTREE_TEST_PLACE";
/// Nobody in particular.
const USER: u32 = 65_534;
/// How often the attack is tried.
const ATTACKS: usize = 100;

/// Not a test of its own: what the others start. Without a role it does nothing.
#[test]
fn ask() {
    match std::env::var(ROLE).as_deref() {
        Ok("go on") => println!("asked: went on"),
        Ok("between") => {
            let status = program("go on").arg0("svdevtree-keeper").status().unwrap();
            println!("asked: {status}");
        }
        Ok("attack") => attack(Path::new(&std::env::var_os(PLACE).unwrap())),
        _ => (),
    }
}

/// This test binary in a role.
fn program(role: &str) -> Command {
    in_role(&std::env::current_exe().unwrap(), role)
}

fn in_role(exe: &Path, role: &str) -> Command {
    let mut command = Command::new(exe);
    command.args(["--exact", "asked::ask", "--nocapture", "--test-threads=1"]).env(ROLE, role);
    command
}

fn netstring(fields: &[&str]) -> Vec<u8> {
    let rest: String = fields.iter().flat_map(|field| [field, "\0"]).collect();
    format!("{}:{rest}", rest.len()).into_bytes()
}

/// A process that is asked to be a keeper, and our end of its socket.
fn keeper(mut command: Command) -> (Child, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    ours.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    command.stdin(OwnedFd::from(theirs)).stdout(Stdio::null()).stderr(Stdio::null());
    (command.spawn().unwrap(), ours)
}

/// The verb of its answer; empty if there is none.
fn hear(socket: &UnixStream) -> String {
    let mut bytes = [0; 4096];
    let length = (&*socket).read(&mut bytes).unwrap_or(0);
    let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
    let text = text.split_once(':').map_or("", |(_, rest)| rest);
    text.split('\0').next().unwrap_or_default().to_owned()
}

#[test]
fn a_stray_variable_ends_nothing() {
    let mut command = program("go on");
    for (name, value) in [("ROLE", "keeper"), ("BASE", "/tmp"), ("ENGINE", "x"), ("KEEPER", "1")] {
        command.env(format!("SVDEVTREE_{name}"), value);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("asked: went on"), "{output:?}");
}

#[test]
fn a_part_that_no_owner_started_says_so() {
    for name in ["svdevtree-keeper", "svdevtree-guard", "svdevtree-engine"] {
        let output = program("go on").arg0(name).stdin(Stdio::null()).output().unwrap();
        assert_eq!(output.status.code(), Some(100), "{name}: {output:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.starts_with(&format!("{name}: not started by the owner")), "{said}");
    }
}

/// The socket is this process's; the parent is another.
#[test]
fn a_keeper_hears_nobody_but_its_parent() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let place = tempfile::tempdir().unwrap();
    let base = place.path().join("tree").display().to_string();
    (&ours).write_all(&netstring(&["keep", &base, "stays"])).unwrap();
    let output = program("between").stdin(OwnedFd::from(theirs)).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("asked: exit status: 100"), "{output:?}");
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
}

#[test]
fn a_keeper_writes_nothing_outside_of_its_tree() {
    let place = tempfile::tempdir().unwrap();
    let base = place.path().join("tree");
    let victim = place.path().join("victim");
    fs::write(&victim, "untouched").unwrap();
    let mut command = program("go on");
    command.arg0("svdevtree-keeper");
    let (mut child, socket) = keeper(command);
    let say = |fields: &[&str]| {
        (&socket).write_all(&netstring(fields)).unwrap();
        hear(&socket)
    };
    assert_eq!(say(&["keep", base.to_str().unwrap(), "stays"]), "kept");
    let new = base.join("services/new");
    fs::write(&new, "#!/bin/sh\n").unwrap();
    symlink(&victim, base.join("services/link")).unwrap();
    symlink(place.path(), base.join("services/dir")).unwrap();
    let targets = [
        victim.clone(),
        base.join("../victim"),
        base.join("services/../../victim"),
        base.join("services/link"),
        base.join("services/dir/victim"),
        PathBuf::from("victim"),
    ];
    for to in &targets {
        let said = say(&["install", new.to_str().unwrap(), to.to_str().unwrap()]);
        assert_eq!(said, "refused", "{to:?}");
        let log = to.to_str().unwrap();
        assert_eq!(say(&["check", "/", log, "echo", "lost"]), "refused", "{to:?}");
        // Nor does it read anywhere else.
        let copy = base.join("services/copy");
        assert_eq!(say(&["install", log, copy.to_str().unwrap()]), "refused", "{to:?}");
    }
    let inside = base.join("services/inside");
    assert_eq!(say(&["install", new.to_str().unwrap(), inside.to_str().unwrap()]), "installed");
    drop(socket);
    child.wait().unwrap();
    assert_eq!(fs::read_to_string(&victim).unwrap(), "untouched");
    assert!(fs::symlink_metadata(base.join("services/link")).unwrap().is_symlink());
}

/// One of the local users, who may execute a program that has capabilities: what it is told by
/// variables and by its name it is not to believe.
fn attack(place: &Path) {
    let exe = place.join("program");
    let own = place.join("own");
    let new = own.join("new");
    fs::write(&new, "forged").unwrap();
    let (new, there) = (new.to_str().unwrap().to_owned(), place.join("root").join("forged"));
    let mut won = 0;
    for round in 0..ATTACKS {
        let base = own.join(format!("tree{round}")).display().to_string();
        let mut old = in_role(&exe, "go on");
        old.env("SVDEVTREE_ROLE", "keeper").env("SVDEVTREE_BASE", &base);
        let mut named = in_role(&exe, "go on");
        named.arg0("svdevtree-keeper");
        for (command, first) in [(old, None), (named, Some(["keep", &*base, "stays"]))] {
            let (mut child, socket) = keeper(command);
            if let Some(first) = first {
                let _not_heard = (&socket).write_all(&netstring(&first));
            }
            let kept = hear(&socket) == "kept";
            let to = there.display().to_string();
            let _not_heard = (&socket).write_all(&netstring(&["install", &new, &to]));
            let installed = kept && hear(&socket) == "installed";
            won += usize::from(installed);
            drop(socket);
            child.wait().unwrap();
        }
    }
    println!("asked: won {won}");
}

/// Makes root's files writable for a program: `cap_dac_override`, permitted and effective.
///
/// Source: `struct vfs_cap_data` in `linux/capability.h`, `VFS_CAP_REVISION_2`.
fn give_capabilities(program: &Path) {
    const REVISION_2_EFFECTIVE: u32 = 0x0200_0001;
    const DAC_OVERRIDE: u32 = 1 << 1;
    let words = [REVISION_2_EFFECTIVE, DAC_OVERRIDE, 0, 0, 0];
    let bytes: Vec<u8> = words.into_iter().flat_map(u32::to_le_bytes).collect();
    let flags = rustix::fs::XattrFlags::empty();
    rustix::fs::setxattr(program, "security.capability", &bytes, flags).unwrap();
}

#[test]
fn a_program_with_file_capabilities_is_nobodys_keeper() {
    if !crate::supervised::skips::is_root("svdevtree") {
        // Only root gives capabilities away.
        return;
    }
    let place = tempfile::Builder::new().prefix("svasked-").tempdir().unwrap();
    let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode));
    mode(place.path(), 0o755).unwrap();
    let (root, own, exe) =
        (place.path().join("root"), place.path().join("own"), place.path().join("program"));
    fs::create_dir(&root).unwrap();
    mode(&root, 0o700).unwrap();
    fs::create_dir(&own).unwrap();
    std::os::unix::fs::chown(&own, Some(USER), Some(USER)).unwrap();
    crate::supervised::scripts::copy(&crate::acting::exe(), &exe);
    give_capabilities(&exe);
    // Another copy for the attacker, who cannot search the build directory.
    let tool = place.path().join("tool");
    crate::supervised::scripts::copy(&std::env::current_exe().unwrap(), &tool);
    for program in [&exe, &tool] {
        mode(program, 0o755).unwrap();
    }
    let before = fs::metadata(&root).unwrap();
    let mut command = in_role(&tool, "attack");
    command.env(PLACE, place.path()).current_dir("/").uid(USER).gid(USER);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let won = said.lines().find_map(|line| line.split_once("asked: won ")?.1.parse().ok());
    println!("{} attacks, won {won:?}", ATTACKS * 2);
    assert_eq!(won, Some(0_usize), "{output:?}");
    let after = fs::metadata(&root).unwrap();
    assert_eq!(fs::read_dir(&root).unwrap().count(), 0);
    assert_eq!((before.mtime(), before.uid()), (after.mtime(), after.uid()));
}
