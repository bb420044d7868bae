//! Reasons that take mounts or a control group of the service's own. Root alone can make them.

use std::{fs, os::unix::fs::symlink, path::PathBuf, process::Command, time::Instant};

use serde_json::Value;

use crate::{
    supervised::{PATIENCE, Suite, Supervised, scripts, skips},
    svctl::{PROGRAM, Run},
};

/// How a supervisor is started among mounts that nobody else sees, in its directory.
fn among(mounts: &'static str) -> [&'static str; 8] {
    ["unshare", "--mount", "--propagation", "private", "sh", "-ec", mounts, "sh"]
}

/// What svctl says there; null where it says nothing, as it does before its first run has failed.
fn first_reason(it: &Supervised) -> Value {
    let mut command = Command::new("nsenter");
    command.arg(format!("--mount=/proc/{}/ns/mnt", it.pid()));
    command.args([PROGRAM, "explain", "--json"]).arg(it.dir()).env_remove("SVDIR");
    let told = Run::of(command.output().unwrap()).json();
    told.pointer("/0/findings/0").cloned().unwrap_or_default()
}

/// Each in its own mounts: the kind, what is mounted, and what is asked.
const CASES: [(&str, &str, &str); 4] = [
    (
        "noexec-mount",
        "mount -t tmpfs -o size=64k tmpfs place; cp real place/run; mount -o remount,noexec place; exec \"$@\"",
        "is mounted noexec",
    ),
    (
        "read-only",
        "mount --bind . .; mount -o remount,ro,bind .; cd \"$PWD\"; \"$@\" || :; exec sleep 1000",
        "is mounted read-only",
    ),
    (
        "disk-full",
        "mkdir -p supervise; mount -t tmpfs -o size=64k,mode=700 tmpfs supervise; exec \"$@\"",
        "no space is left",
    ),
    (
        "disk-full",
        "mkdir -p supervise; mount -t tmpfs -o size=1m,nr_inodes=40,mode=700 tmpfs supervise; exec \"$@\"",
        "no inode is left",
    ),
];

pub fn mounts_that_forbid_are_named_first(suite: Suite) {
    if !skips::is_root(suite.name()) {
        return;
    }
    let start = |(kind, mounts, _): &(&str, &'static str, &str)| {
        let mut it = Supervised::prepare(suite, "exec sleep 1000");
        if *kind == "noexec-mount" {
            fs::create_dir(it.dir().join("place")).unwrap();
            fs::rename(it.dir().join("run"), it.dir().join("real")).unwrap();
            symlink("place/run", it.dir().join("run")).unwrap();
        }
        if *kind == "disk-full" {
            let fill = if mounts.contains("nr_inodes") {
                "i=0\nwhile : >supervise/fill$i; do i=$((i + 1)); done 2>/dev/null"
            } else {
                "cat /dev/zero >supervise/fill 2>/dev/null"
            };
            it.script("run", &format!("({fill})\nexec sleep 1000"));
        }
        it.supervise_under(&among(mounts));
        it
    };
    let all: Vec<Supervised> = CASES.iter().map(start).collect();
    let deadline = Instant::now() + PATIENCE;
    for ((kind, _, says), it) in CASES.iter().zip(&all) {
        loop {
            let told = first_reason(it);
            if told["kind"] == *kind && told.to_string().contains(says) {
                break;
            }
            assert!(Instant::now() < deadline, "{kind}: {told}");
        }
    }
}

/// A control group with little memory, removed when dropped.
struct Group(PathBuf);

impl Group {
    /// `None` where this kernel, or whoever runs this, does not let one be made.
    fn make(name: &str) -> Option<Self> {
        let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
        let (base, limit) = groups.lines().find_map(|line| {
            let (_, rest) = line.split_once(':')?;
            let (controllers, path) = rest.split_once(':')?;
            let path = path.trim_start_matches('/');
            match controllers {
                "memory" => {
                    let base = PathBuf::from("/sys/fs/cgroup/memory").join(path);
                    Some((base, "memory.limit_in_bytes"))
                }
                "" => {
                    let base = PathBuf::from("/sys/fs/cgroup").join(path);
                    base.join("memory.max").exists().then_some((base, "memory.max"))
                }
                _ => None,
            }
        })?;
        let group = Self(base.join(format!("svlive-{name}-{}", std::process::id())));
        fs::create_dir(&group.0).ok()?;
        fs::write(group.0.join(limit), "12M").ok()?;
        let _not_everywhere = fs::write(group.0.join("memory.swap.max"), "0");
        Some(group)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        // Those that were in it may not be gone yet.
        while fs::remove_dir(&self.0).is_err() && self.0.exists() && Instant::now() < deadline {
            std::thread::yield_now();
        }
    }
}

pub fn what_the_kernel_ends_for_want_of_memory_is_named_first(suite: Suite) {
    let name = format!("explain-{}-{suite:?}", suite.name());
    let Some(group) = Group::make(&name) else {
        return skips::leave_out(
            suite.name(),
            "no control group with a memory controller can be made",
        );
    };
    let mut it = Supervised::prepare(suite, "exec sleep 1000");
    let take = "exec perl -e 'for (1..200) { push @a, chr(65 + $_ % 26) x 1000000 } sleep 1000'";
    // The supervisor is in the group as well: the kernel is told whom to end.
    let first = "echo 1000 >/proc/self/oom_score_adj";
    scripts::write(&it.dir().join("run"), &format!("#!/bin/sh\n{first}\n{take}\n"));
    let enter = format!("echo $$ >{}/cgroup.procs; exec \"$@\"", group.0.display());
    it.supervise_under(&["sh", "-ec", &enter, "sh"]);
    let dir = it.dir();
    let deadline = Instant::now() + PATIENCE;
    loop {
        let told = crate::explains::explain(std::slice::from_ref(&dir)).json();
        let first = &told[0]["findings"][0];
        if first["kind"] == "out-of-memory" {
            assert!(first.to_string().contains("oom_kill "), "{first}");
            break;
        }
        assert!(Instant::now() < deadline, "{told}");
    }
    drop(it);
}

/// Runs a test of this module among numbers of processes of its own, where it may say which comes next: outside,
/// a test beside it would get the number of a process that has just ended. The shell is the first process there,
/// and takes whoever is left over.
fn among_numbers_of_its_own(test: &str, suite: Suite) {
    let name = format!("confinement::{}::{test}", format!("{suite:?}").to_lowercase());
    let mut command = Command::new("unshare");
    command.args(["--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c"]);
    command.args(["\"$@\"; exit $?", "sh"]).arg(std::env::current_exe().unwrap());
    command.args(["--exact", &name, "--nocapture"]).env(OWN_NUMBERS, "1");
    let ended = command.output().unwrap();
    let told = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success() && told.contains("1 passed"), "{ended:?}");
}

/// Set for a test that has them.
const OWN_NUMBERS: &str = "SV_OWN_NUMBERS";

/// Gives a number to a new process: the next one after the last is that. Another may have come between, so
/// it is tried again.
fn process_of_number(pid: i32) -> std::process::Child {
    let deadline = Instant::now() + PATIENCE;
    loop {
        fs::write("/proc/sys/kernel/ns_last_pid", (pid - 1).to_string()).unwrap();
        let mut child = Command::new("sleep").arg("1000").spawn().unwrap();
        if i32::try_from(child.id()) == Ok(pid) {
            return child;
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(Instant::now() < deadline, "another process has {pid}");
    }
}

/// A number that has gone to another process means that one, and not the service.
pub fn a_number_that_another_process_has_is_not_the_service(suite: Suite) {
    let is_writable =
        || fs::File::options().write(true).open("/proc/sys/kernel/ns_last_pid").is_ok();
    if !skips::is_root(suite.name()) || !is_writable() {
        return;
    }
    if std::env::var_os(OWN_NUMBERS).is_none() {
        return among_numbers_of_its_own(
            "a_number_that_another_process_has_is_not_the_service",
            suite,
        );
    }
    let it = Supervised::start(suite, "exec sleep 1000");
    let pid = crate::sentences::until_state(&it, "up")["pid"].as_i64().unwrap();
    let dir = it.dir();
    let look = || crate::explains::explain(std::slice::from_ref(&dir)).json()[0].take();
    // The number is free once nobody has the process: its supervisor is ended first, whose record stays.
    it.signal(nix::sys::signal::Signal::SIGKILL);
    let number = i32::try_from(pid).unwrap();
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(number), nix::sys::signal::Signal::SIGKILL)
        .unwrap();
    let deadline = Instant::now() + PATIENCE;
    while fs::exists(format!("/proc/{pid}")).unwrap() || look()["supervised"] != false {
        assert!(Instant::now() < deadline, "{pid} stays");
    }
    // Not within the moments that a record and a process may differ by.
    let began = Instant::now();
    while began.elapsed() < std::time::Duration::from_secs(3) {
        assert!(!look()["findings"].to_string().contains("orphan"));
    }
    let mut other = process_of_number(number);
    let row = look();
    other.kill().unwrap();
    other.wait().unwrap();
    assert!(!row["findings"].to_string().contains("orphan"), "{row}");
}

/// Whoever may not see the processes of others is told that, and not that there are none.
pub fn a_scanner_that_cannot_be_seen_is_not_called_absent(suite: Suite) {
    if !skips::is_root(suite.name()) {
        return;
    }
    let it = Supervised::prepare(suite, "exec sleep 1000");
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-ec"]);
    command.args(["mount -t tmpfs tmpfs /proc; exec \"$@\"", "sh", PROGRAM, "explain", "--json"]);
    let told = Run::of(command.arg(it.dir()).env_remove("SVDIR").output().unwrap()).json();
    let found = told[0]["findings"].to_string();
    assert!(!found.contains("no-scanner"), "{told}");
    assert!(told[0]["unseen"].to_string().contains("whether a scanner runs on "), "{told}");
}

/// A scanner in a root of its own scans what has that path there, and not here.
pub fn a_scanner_of_another_root_is_none_of_this_one(suite: Suite) {
    if !skips::is_root(suite.name()) || suite != Suite::Runit {
        return;
    }
    let tree = tempfile::tempdir().unwrap();
    let scan = tree.path().join("scan");
    fs::create_dir_all(scan.join("web")).unwrap();
    scripts::write(&scan.join("web/run"), "#!/bin/sh\nexec sleep 1000\n");
    // Another directory is mounted there, where it is.
    let mut scanner = Command::new("unshare");
    scanner.args(["--mount", "--propagation", "private", "sh", "-ec"]);
    scanner.arg("mount -t tmpfs tmpfs \"$1\"; exec runsvdir \"$1\"").arg("sh").arg(&scan);
    let mut scanner = scanner.spawn().unwrap();
    let deadline = Instant::now() + PATIENCE;
    let name = || fs::read_to_string(format!("/proc/{}/comm", scanner.id())).unwrap_or_default();
    while name().trim_end() != "runsvdir" {
        assert!(Instant::now() < deadline, "{}", name());
    }
    let told = crate::explains::explain(&[scan.join("web")]).json();
    scanner.kill().unwrap();
    scanner.wait().unwrap();
    let found = told[0]["findings"].to_string();
    assert!(!found.contains("not-taken-up"), "{told}");
}
