//! Root works where another user may write: what that user plants and swaps leads root nowhere.
//!
//! The other user is this test binary again, as a process that swaps as fast as it can. Victims are
//! root's; their contents, owners, modes, link counts and times are compared afterwards.
//! `SVDEVTREE_TEST_EXE` names another build of the supervisor to attack, an older one for instance.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::{
        ffi::OsStrExt as _,
        fs::{
            DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, PermissionsExt as _, chown,
            symlink,
        },
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use nix::{sys::signal::Signal, unistd::mkfifo};
use svdevtree::{DevTree, TreeError};

use crate::{
    acting::{Who, until},
    supervised::strays,
    tree::Tree,
};

const ROLE: &str = "SVDEVTREE_TEST_PLANTED";
const PLACE: &str = "SVDEVTREE_TEST_PLACE";
/// Nobody in particular.
const USER: u32 = 65_534;
/// How often root begins anew while somebody swaps.
const ROUNDS: usize = 100;
/// How often root makes a tree meanwhile.
const ATTEMPTS: usize = 20_000;

/// Not a test of its own: what the others start. Without a role it does nothing.
#[test]
fn plant() {
    let (Ok(role), Some(place)) = (std::env::var(ROLE), std::env::var_os(PLACE)) else { return };
    let place = PathBuf::from(place);
    match &*role {
        "supervise" => swap_for_ever(&place, swap_supervise),
        "base" => swap_for_ever(&place, swap_base),
        "named" => {
            let error = DevTree::named("blog").unwrap().ensure().unwrap_err();
            println!("planted: {error}");
        }
        role => panic!("{role}"),
    }
}

/// Until it is killed; how often is in the file `swaps`.
fn swap_for_ever(place: &Path, swap: fn(&Path, &Path, usize)) {
    let victims = place.join("victims");
    for count in 0_usize.. {
        swap(&place.join("theirs"), &victims, count);
        if count % 100 == 0 {
            let _root_counts = fs::write(place.join("theirs/swaps"), count.to_string());
        }
    }
}

/// Every name in turn is a link to something of root's for a moment.
fn swap_supervise(web: &Path, victims: &Path, count: usize) {
    let names: [(&str, &str); 12] = [
        ("supervise", "dir"),
        ("supervise/status.new", "file"),
        ("supervise/stat.new", "new"),
        ("supervise/pid.new", "file"),
        ("supervise/embedded.new", "new"),
        ("supervise/lock", "file"),
        ("supervise/lock", "new"),
        ("supervise/control", "fifo"),
        ("supervise/ok", "fifo"),
        ("supervise/status", "file"),
        ("log", "dir"),
        ("log/supervise", "dir"),
    ];
    let (name, victim) = names[count % names.len()];
    let (name, away) = (web.join(name), web.join(".away"));
    // Whatever fails is tried again.
    let _was_there = fs::rename(&name, &away);
    let _planted = symlink(victims.join(victim), &name);
    std::thread::yield_now();
    let _unplanted = fs::remove_file(&name);
    let _back = fs::rename(&away, &name);
    let _or_else = fs::remove_file(&away);
}

fn swap_base(theirs: &Path, victims: &Path, _count: usize) {
    for base in [theirs.join("tree"), theirs.with_file_name("shared").join("tree")] {
        let _planted = symlink(victims.join("dir"), &base);
        std::thread::yield_now();
        let _unplanted = fs::remove_file(&base);
        let _swapped = fs::create_dir(&base).and_then(|()| fs::remove_dir(&base));
    }
}

/// What everybody can see of root's files.
#[derive(Debug, PartialEq, Eq)]
struct Victims(BTreeMap<PathBuf, Victim>);

/// Mode, owner, links, time in two parts, and content.
type Victim = (u32, u32, u64, i64, i64, Vec<u8>);

/// A directory with root's files, one of the other user beside it, and one that all may write to.
struct Place {
    tree: Tree,
}

impl Place {
    fn new() -> Self {
        let tree = Tree::new();
        let this = Self { tree };
        let victims = this.victims();
        for dir in [&victims, &victims.join("dir")] {
            fs::DirBuilder::new().mode(0o755).create(dir).unwrap();
        }
        fs::write(victims.join("file"), "root's own\n").unwrap();
        mkfifo(&victims.join("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        fs::create_dir(this.theirs()).unwrap();
        chown(this.theirs(), Some(USER), Some(USER)).unwrap();
        let shared = this.tree.path().join("shared");
        fs::create_dir(&shared).unwrap();
        fs::set_permissions(shared, fs::Permissions::from_mode(0o1777)).unwrap();
        this
    }

    fn victims(&self) -> PathBuf {
        self.tree.path().join("victims")
    }

    /// The other user's directory, which is also a service directory.
    fn theirs(&self) -> PathBuf {
        self.tree.path().join("theirs")
    }

    fn look(&self) -> Victims {
        let mut seen = BTreeMap::new();
        let mut dirs = vec![self.victims()];
        while let Some(dir) = dirs.pop() {
            for entry in fs::read_dir(&dir).unwrap() {
                let path = entry.unwrap().path();
                let meta = fs::symlink_metadata(&path).unwrap();
                if meta.is_dir() {
                    dirs.push(path.clone());
                }
                let content = if meta.is_file() { fs::read(&path).unwrap() } else { Vec::new() };
                let is_fifo = u32::from(meta.file_type().is_fifo());
                let time = (meta.mtime(), meta.mtime_nsec());
                seen.insert(
                    path,
                    (meta.mode() | is_fifo, meta.uid(), meta.nlink(), time.0, time.1, content),
                );
            }
        }
        Victims(seen)
    }

    /// What the service directory needs, all of it the other user's.
    fn service(&self) {
        for dir in ["", "supervise", "log"] {
            let _is_there = fs::create_dir(self.theirs().join(dir));
        }
        let run = self.theirs().join("run");
        fs::write(&run, "#!/bin/sh\nexec sleep 1000000\n").unwrap();
        fs::set_permissions(&run, fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(self.theirs().join("log/run"), "#!/bin/sh\nexec cat >/dev/null\n").unwrap();
        fs::set_permissions(self.theirs().join("log/run"), fs::Permissions::from_mode(0o755))
            .unwrap();
        self.give();
    }

    /// All in it is the other user's.
    fn give(&self) {
        let mut paths = vec![self.theirs()];
        while let Some(path) = paths.pop() {
            nix::unistd::fchownat(
                nix::fcntl::AT_FDCWD,
                &path,
                Some(USER.into()),
                Some(USER.into()),
                nix::fcntl::AtFlags::AT_SYMLINK_NOFOLLOW,
            )
            .unwrap();
            if fs::symlink_metadata(&path).unwrap().is_dir() {
                paths.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
            }
        }
    }

    fn as_other(&self, role: &str) -> Command {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "planted::plant", "--nocapture", "--test-threads=1"]);
        command.env(ROLE, role).env(PLACE, self.tree.path()).current_dir("/");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if role != "named" {
            command.uid(USER).gid(USER);
        }
        command
    }

    /// The other user, swapping.
    fn swapper(&self, role: &str) -> Swapper {
        let child = self.as_other(role).spawn().unwrap();
        until("the first swaps", || self.swaps());
        Swapper(child)
    }

    fn swaps(&self) -> Option<usize> {
        fs::read_to_string(self.theirs().join("swaps")).ok()?.parse().ok()
    }
}

struct Swapper(Child);

impl Drop for Swapper {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

/// Runs a root supervisor for a moment: until it has ended or published, and has answered one look.
fn supervise_once(place: &Place) {
    let mut acting = Who::Embedded.start(&place.theirs());
    let begun = std::time::Instant::now();
    let mut ended = None;
    while ended.is_none() && begun.elapsed() < Duration::from_millis(120) {
        ended = acting.try_wait();
        // No event is common to all that may become of it.
        std::thread::sleep(Duration::from_millis(5));
    }
    if ended.is_none() {
        acting.signal(Signal::SIGTERM);
        acting.wait();
    }
}

/// Each plant is there before root begins.
#[test]
fn what_was_planted_in_a_service_directory_leads_nowhere() {
    if !crate::supervised::skips::is_root("svdevtree") {
        return;
    }
    let plants: [(&str, &str); 15] = [
        ("supervise", "dir"),
        ("supervise", "new"),
        ("supervise/lock", "file"),
        ("supervise/lock", "new"),
        ("supervise/control", "fifo"),
        ("supervise/control", "file"),
        ("supervise/ok", "fifo"),
        ("supervise/status.new", "file"),
        ("supervise/status.new", "new"),
        ("supervise/stat.new", "file"),
        ("supervise/pid.new", "file"),
        ("supervise/status", "file"),
        ("supervise/embedded.new", "file"),
        ("log", "dir"),
        ("log/supervise", "dir"),
    ];
    let mut won = Vec::new();
    for (name, victim) in plants {
        let place = Place::new();
        place.service();
        let name = place.theirs().join(name);
        let _is_there = fs::remove_dir_all(&name);
        symlink(place.victims().join(victim), &name).unwrap();
        place.give();
        let before = place.look();
        supervise_once(&place);
        if place.look() != before {
            won.push((name, victim));
        }
        strays::end(place.tree.path(), || ());
    }
    println!("{} plants, won {}", plants.len(), won.len());
    assert_eq!(won, []);
}

/// A second name for root's file, where the kernel lets that user make one.
#[test]
fn a_file_with_a_second_name_is_not_taken_for_the_lock() {
    if !crate::supervised::skips::is_root("svdevtree") {
        return;
    }
    let place = Place::new();
    place.service();
    fs::hard_link(place.victims().join("file"), place.theirs().join("supervise/lock")).unwrap();
    fs::hard_link(place.victims().join("fifo"), place.theirs().join("supervise/control")).unwrap();
    let before = place.look();
    let mut acting = Who::Embedded.start(&place.theirs());
    assert_eq!(acting.wait().code(), Some(111));
    fs::remove_file(place.theirs().join("supervise/lock")).unwrap();
    let mut acting = Who::Embedded.start(&place.theirs());
    assert_eq!(acting.wait().code(), Some(111));
    fs::hard_link(place.victims().join("file"), place.theirs().join("supervise/.again")).unwrap();
    assert_eq!(place.look().0.len(), before.0.len());
}

/// Root's link may lead where root pleases; one behind it that is somebody else's may not.
#[test]
fn a_link_is_followed_if_root_made_it_and_all_behind_it() {
    if !crate::supervised::skips::is_root("svdevtree") {
        return;
    }
    let place = Place::new();
    place.service();
    let (supervise, shared) = (place.theirs().join("supervise"), place.tree.path().join("shared"));
    fs::remove_dir(&supervise).unwrap();
    symlink(shared.join("web"), &supervise).unwrap();
    let mut acting = Who::Embedded.start(&place.theirs());
    until("a record", || shared.join("web/status").exists().then_some(()));
    acting.signal(Signal::SIGTERM);
    acting.wait();

    fs::remove_dir_all(shared.join("web")).unwrap();
    symlink(place.victims().join("dir"), shared.join("web")).unwrap();
    nix::unistd::fchownat(
        nix::fcntl::AT_FDCWD,
        &shared.join("web"),
        Some(USER.into()),
        None,
        nix::fcntl::AtFlags::AT_SYMLINK_NOFOLLOW,
    )
    .unwrap();
    let before = place.look();
    assert_eq!(Who::Embedded.start(&place.theirs()).wait().code(), Some(111));
    // A directory of that user where root's link leads.
    fs::remove_file(shared.join("web")).unwrap();
    fs::create_dir(shared.join("web")).unwrap();
    chown(shared.join("web"), Some(USER), None).unwrap();
    assert_eq!(Who::Embedded.start(&place.theirs()).wait().code(), Some(111));
    assert_eq!(fs::read_dir(shared.join("web")).unwrap().count(), 0);
    assert_eq!(place.look(), before);
}

#[test]
fn swapping_in_a_service_directory_leads_root_nowhere() {
    if !crate::supervised::skips::is_root("svdevtree") {
        return;
    }
    let place = Place::new();
    place.service();
    let before = place.look();
    let swapper = place.swapper("supervise");
    let mut won = 0;
    for _ in 0..ROUNDS {
        supervise_once(&place);
        if place.look() != before {
            won += 1;
            break;
        }
    }
    let swaps = until("a number", || place.swaps());
    drop(swapper);
    println!("{ROUNDS} starts, {swaps} swaps, won {won}");
    assert_eq!(place.look(), before);
}

#[test]
fn a_tree_is_made_where_nobody_else_can_exchange_it() {
    if !crate::supervised::skips::is_root("svdevtree") {
        return;
    }
    let place = Place::new();
    let before = place.look();
    let swapper = place.swapper("base");
    let bases = [place.theirs().join("tree"), place.tree.path().join("shared/tree")];
    let (mut made, mut refused, mut won) = (0, 0, 0);
    for round in 0..ATTEMPTS {
        let base = &bases[round % 2];
        match DevTree::at(base).unwrap().ensure() {
            Ok(()) => {
                made += 1;
                // Root's own, so that it does not become another's.
                let _as_swapped = fs::remove_dir_all(base);
            }
            Err(TreeError::NotATree { .. } | TreeError::Io { .. }) => refused += 1,
            Err(error) => panic!("{error:?}"),
        }
        if place.look() != before {
            won += 1;
            break;
        }
    }
    let swaps = until("a number", || place.swaps());
    drop(swapper);
    println!("{made} made, {refused} refused, {swaps} swaps, won {won}");
    assert_eq!(place.look(), before);
    assert!(refused >= ATTEMPTS / 2, "{refused}");
}

#[test]
fn a_place_for_trees_that_somebody_else_planted_is_refused() {
    if !crate::supervised::skips::is_root("svdevtree") {
        return;
    }
    let place = Place::new();
    let shared = place.tree.path().join("shared");
    let home = shared.join("svdevtree-0");
    let before = place.look();
    let said = || {
        let mut command = place.as_other("named");
        command.env("TMPDIR", &shared).env_remove("XDG_RUNTIME_DIR").stdout(Stdio::piped());
        let output = command.output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    fs::create_dir(&home).unwrap();
    chown(&home, Some(USER), None).unwrap();
    let error = said();
    assert!(error.contains("svdevtree-0: it belongs to user 65534"), "{error}");
    assert_eq!(fs::read_dir(&home).unwrap().count(), 0);
    fs::remove_dir(&home).unwrap();
    symlink(place.victims().join("dir"), &home).unwrap();
    let theirs = (nix::fcntl::AT_FDCWD, nix::fcntl::AtFlags::AT_SYMLINK_NOFOLLOW);
    nix::unistd::fchownat(theirs.0, &home, Some(USER.into()), None, theirs.1).unwrap();
    let error = said();
    assert!(error.contains("it belongs to user 65534"), "{error}");
    assert_eq!(place.look(), before);
    assert!(home.as_os_str().as_bytes().ends_with(b"svdevtree-0"));
}
