//! Directories of root in which somebody else may write all the same, or show what he likes: by an
//! access list (ACL), or as the server of their file system (FUSE). Root builds and enables nothing
//! there.

use std::{
    fs::{self, File},
    io::{Read, Write},
    os::{fd::AsRawFd, unix::process::CommandExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
};

use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
};

use crate::arena::{self, BARE, THIEF, dir, file, program};

/// Root's attempts to write there: to build, below it and into it, and to enable. What each was
/// told.
fn refusals(tree: &Path, place: &Path) -> Vec<String> {
    let definition = file(&tree.join("svcmgr.toml"), BARE, 0o600);
    let web = dir(&tree.join("web"), 0);
    file(&web.join("run"), "#!/bin/sh\n", 0o755);
    let build = |out: &Path| {
        let mut command = Command::new(program());
        command.arg("build").arg(&definition).args(["--for", "runit", "--lossy", "--out"]).arg(out);
        command
    };
    let mut enable = Command::new(program());
    enable.arg("enable").arg(&web).args(["--timeout", "1s", "--dir"]).arg(place);
    let attempts = [build(place), build(&place.join("below")), enable];
    attempts
        .map(|mut attempt| {
            let output = attempt.stdin(Stdio::null()).output().unwrap();
            let err = String::from_utf8(output.stderr).unwrap();
            assert!(matches!(output.status.code(), Some(1 | 111)), "{err}");
            assert!(output.stdout.is_empty(), "{:?}", output.stdout);
            err
        })
        .into()
}

/// An access list as the system keeps it: root, this user with these rights, the group, the most of
/// both, the others.
///
/// Source: `include/uapi/linux/posix_acl_xattr.h`.
fn list_with(user: u32, rights: u16, most: u16) -> Vec<u8> {
    let none = u32::MAX;
    let entries: [(u16, u16, u32); 5] =
        [(1, 7, none), (2, rights, user), (4, 5, none), (16, most, none), (32, 5, none)];
    let mut list = 2_u32.to_le_bytes().to_vec();
    for (tag, rights, id) in entries {
        list.extend(tag.to_le_bytes());
        list.extend(rights.to_le_bytes());
        list.extend(id.to_le_bytes());
    }
    list
}

/// Whether that user can make a file there.
fn can_write(user: u32, place: &Path) -> bool {
    let made = place.join("made");
    let mut touch = Command::new("touch");
    touch.arg(&made).uid(user).gid(user).stderr(Stdio::null());
    let can = touch.status().unwrap().success();
    let _none = fs::remove_file(made);
    can
}

#[test]
fn where_an_access_list_lets_somebody_else_write_root_builds_nothing() {
    if !arena::is_root() {
        return;
    }
    let tree = arena::tree();
    let place = dir(&tree.path().join("place"), 0);
    let set = |dir: &Path, list: &[u8]| {
        let flags = rustix::fs::XattrFlags::empty();
        rustix::fs::setxattr(dir, c"system.posix_acl_access", list, flags)
    };
    if let Err(error) = set(&place, &list_with(THIEF, 7, 7)) {
        return arena::leave_out(&format!("svctl: no access list can be set: {error}"));
    }
    assert!(can_write(THIEF, &place), "the attack has its means");
    let attacked = |place: &Path| {
        let before = arena::inventory(place);
        for err in refusals(tree.path(), place) {
            assert!(err.contains("4711"), "{err}");
        }
        assert_eq!(arena::inventory(place), before);
    };
    attacked(&place);
    // In a directory above.
    attacked(&dir(&place.join("deep/er"), 0));
    // What the list's own limit takes away from him is nobody's, and what he may only read, too.
    for (rights, most) in [(7, 5), (5, 7)] {
        let open = dir(&tree.path().join(format!("open-{rights}-{most}")), 0);
        set(&open, &list_with(THIEF, rights, most)).unwrap();
        assert!(!can_write(THIEF, &open));
        let definition = file(&tree.path().join("svcmgr.toml"), BARE, 0o600);
        let mut build = Command::new(program());
        build.arg("build").arg(definition).args(["--for", "runit", "--lossy", "--out"]).arg(&open);
        assert!(build.stdout(Stdio::null()).status().unwrap().success(), "{rights} {most}");
        assert!(open.join("web/run").is_file());
    }
}

/// A file system whose server is this test, in the name of `user`: one directory, of root and
/// closed to others, as the server says. Whoever asks for a name in it is told that there is none,
/// and what is made is counted.
struct Theirs {
    asked: std::sync::mpsc::Receiver<u32>,
}

/// What a server is asked (`include/uapi/linux/fuse.h`).
mod ask {
    pub const LOOKUP: u32 = 1;
    pub const FORGET: u32 = 2;
    pub const GETATTR: u32 = 3;
    pub const MKDIR: u32 = 9;
    pub const STATFS: u32 = 17;
    pub const INIT: u32 = 26;
    pub const OPENDIR: u32 = 27;
    pub const READDIR: u32 = 28;
    pub const RELEASEDIR: u32 = 29;
    pub const CREATE: u32 = 35;
    pub const SYMLINK: u32 = 6;
}

impl Theirs {
    /// Mounted where only this thread and what it starts see it; `None` where that cannot be.
    fn over(place: &Path, user: u32) -> Option<Self> {
        let leave_out = |why: &str| arena::leave_out(&format!("svctl: {why}"));
        let Ok(server) = File::options().read(true).write(true).open("/dev/fuse") else {
            leave_out("there is no /dev/fuse");
            return None;
        };
        let number = server.as_raw_fd();
        let options =
            format!("fd={number},rootmode=40000,user_id={user},group_id={user},allow_other");
        let (none, flags) = (None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE);
        let mounted = unshare(CloneFlags::CLONE_NEWNS)
            .and_then(|()| mount(none, "/", none, flags, none))
            .and_then(|()| {
                let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
                mount(Some("theirs"), place, Some("fuse"), flags, Some(&*options))
            });
        if let Err(errno) = mounted {
            leave_out(&format!("no file system of somebody else's can be made: {errno}"));
            return None;
        }
        let (tell, asked) = std::sync::mpsc::channel();
        // It ends with the mount, which ends with this thread.
        thread::spawn(move || serve(server, &tell));
        Some(Self { asked })
    }
}

fn serve(mut server: File, tell: &std::sync::mpsc::Sender<u32>) {
    let mut request = vec![0; 1 << 17];
    while let Ok(count @ 40..) = server.read(&mut request) {
        let word = |at: usize| u32::from_le_bytes(request[at..at + 4].try_into().unwrap());
        let (what, unique) = (word(4), &request[8..16]);
        let _told = tell.send(what);
        let attributes = {
            // ino, size, blocks, three times, three nanoseconds, mode, nlink, uid, gid, rdev,
            // blksize, flags.
            let mut bytes = [1_u64, 0, 0, 0, 0, 0].map(u64::to_le_bytes).concat();
            bytes
                .extend([0_u32, 0, 0, 0o40755, 2, 0, 0, 0, 4096, 0].map(u32::to_le_bytes).concat());
            bytes
        };
        let answer = match what {
            ask::FORGET => continue,
            ask::INIT => {
                let mut bytes = [7_u32, 31, 0, 0].map(u32::to_le_bytes).concat();
                bytes.extend([12_u16, 12].map(u16::to_le_bytes).concat());
                bytes.extend([1_u32 << 12, 1].map(u32::to_le_bytes).concat());
                bytes.resize(64, 0);
                Ok(bytes)
            }
            ask::GETATTR => Ok([vec![0; 16], attributes].concat()),
            ask::STATFS => Ok(vec![0; 80]),
            ask::OPENDIR => Ok(vec![0; 16]),
            ask::READDIR | ask::RELEASEDIR => Ok(Vec::new()),
            ask::LOOKUP => Err(2),
            ask::MKDIR | ask::CREATE | ask::SYMLINK => Err(13),
            _ => Err(38_i32),
        };
        let (error, bytes) = answer.map_or_else(|errno: i32| (-errno, Vec::new()), |it| (0, it));
        let length = u32::try_from(16 + bytes.len()).unwrap();
        let head = [&length.to_le_bytes()[..], &error.to_le_bytes(), unique].concat();
        let _nobody_waits = server.write(&[head, bytes].concat());
        let _ = count;
    }
}

#[test]
fn where_somebody_else_is_the_file_system_root_builds_nothing() {
    if !arena::is_root() {
        return;
    }
    let tree = arena::tree();
    let place: PathBuf = dir(&tree.path().join("place"), THIEF);
    let Some(theirs) = Theirs::over(&place, THIEF) else { return };
    // To look at it, it is root's and closed to others.
    let shown = fs::metadata(&place).unwrap();
    assert_eq!(std::os::unix::fs::MetadataExt::uid(&shown), 0);
    assert_eq!(std::os::unix::fs::MetadataExt::mode(&shown), 0o40755);
    for err in refusals(tree.path(), &place) {
        assert!(err.contains("4711"), "{err}");
    }
    let asked: Vec<u32> = theirs.asked.try_iter().collect();
    assert!(
        !asked.iter().any(|it| matches!(*it, ask::MKDIR | ask::CREATE | ask::SYMLINK)),
        "{asked:?}"
    );
}

/// What is mounted over a name cannot be exchanged (`EBUSY`), and nothing goes from one mount to another
/// (`EXDEV`): that is said, by root and by the owner's writer, and what was there stays.
#[test]
fn where_something_is_mounted_a_build_says_so() {
    if !arena::is_root() {
        return;
    }
    for owner in [0, THIEF] {
        for part in ["run", "env", ".svbuild"] {
            a_mount_over(part, owner);
        }
    }
}

fn a_mount_over(part: &str, owner: u32) {
    let tree = arena::tree();
    let out = dir(&tree.path().join("sv"), owner);
    let toml = tree.path().join("svcmgr.toml");
    let build = |word: &str| {
        let text =
            format!("[service.web]\nexec = [\"/bin/echo\", \"{word}\"]\nenv.WORD = \"{word}\"\n");
        let definition = file(&toml, &text, 0o600);
        let mut command = Command::new(program());
        command.arg("build").arg(&definition).args(["--for", "runit", "--out"]).arg(&out);
        // What is mounted there is another's.
        command.arg("--adopt");
        if owner != 0 {
            command.args(["--owner", &format!("{owner}:{owner}")]);
        }
        let told = command.stdin(Stdio::null()).output().unwrap();
        (told.status.code(), String::from_utf8(told.stderr).unwrap())
    };
    let built = || {
        let read = |name: &str| fs::read_to_string(out.join("web").join(name)).unwrap();
        (read("run"), read("env/WORD"))
    };
    assert_eq!(build("one"), (Some(0), String::new()));
    let before = built();
    let other = file(&tree.path().join("other"), "#!/bin/sh\n", 0o755);
    let place = out.join("web").join(part);
    // A file is another's, and the rest of the directory is what it was, on a mount of its own.
    let from = if part == "run" { &other } else { &place };
    let (none, private) = (None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE);
    // Where only a thread of its own sees it.
    let there = || {
        unshare(CloneFlags::CLONE_NEWNS)
            .and_then(|()| mount(none, "/", none, private, none))
            .and_then(|()| mount(Some(from), &place, none, MsFlags::MS_BIND, none))
            .map(|()| build("two"))
    };
    match thread::scope(|scope| scope.spawn(there).join().unwrap()) {
        Ok((code, err)) => {
            assert_eq!(code, Some(111), "{part} {owner}: {err}");
            let hint = "hint: something is mounted there (a bind mount)";
            assert!(err.contains(hint), "{part} {owner}: {err}");
            assert_eq!(built(), before, "{part} {owner}");
        }
        Err(errno) => arena::leave_out(&format!("svctl: nothing can be mounted: {errno}")),
    }
    assert_eq!(build("two").0, Some(0), "{part} {owner}");
    let (run, word) = built();
    assert!(run.contains("two") && word.contains("two"), "{part} {owner}: {run} {word}");
}
