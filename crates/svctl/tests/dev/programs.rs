//! `svctl supervise -- PROGRAM`: one program, as the only thing that a container runs.

use std::ffi::OsStr;

use super::{scans::first, *};

const NAMESPACE: [&str; 5] = ["--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc"];

/// As pid 1 of a namespace.
fn first_of(words: &[&OsStr]) -> Running {
    let mut command = Command::new("unshare");
    command.args(NAMESPACE).args(words).env_remove("XDG_RUNTIME_DIR").stdin(Stdio::null());
    Running::start_as(command)
}

/// How svctl ends, as pid 1 and not, with a program that runs once.
fn ours(words: &[&str]) -> [Option<i32>; 2] {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().as_os_str();
    let words: Vec<&OsStr> = words.iter().map(OsStr::new).collect();
    let once = ["supervise", "--restart", "never"].map(OsStr::new);
    let mut plain = command(once);
    plain.arg("--").args(&words);
    // `/run` is that of the machine.
    let there = ["--state-dir".as_ref(), place, "--".as_ref()];
    let program = program();
    let under = [&[program.as_os_str()], &once[..], &there, &words].concat();
    [Running::start_as(plain).end().0, first_of(&under).end().0]
}

const ENDS: [(&[&str], i32); 6] = [
    (&["true"], 0),
    (&["sh", "-c", "exit 7"], 7),
    (&["sh", "-c", "kill -9 $$"], 137),
    (&["sh", "-c", "kill -TERM $$"], 143),
    (&["/no/such/program"], 127),
    (&["/etc/passwd"], 126),
];

#[test]
fn it_ends_with_the_exit_code_of_its_program() {
    for (words, code) in ENDS {
        assert_eq!(ours(words), [Some(code); 2], "{words:?}");
    }
}

#[test]
fn as_pid_1_it_ends_as_tini_does() {
    if Command::new("tini").arg("--version").output().is_err() {
        let hint = "install the package tini, or set SV_ALLOW_SKIPS=1";
        return skips::skip("svctl", "tini is not installed", hint);
    }
    for (words, _) in ENDS {
        let words: Vec<&str> = ["tini", "--"].iter().chain(words).copied().collect();
        let under: Vec<&OsStr> = words.iter().map(OsStr::new).collect();
        let theirs = first_of(&under).end().0;
        assert_eq!(ours(&words[2..])[1], theirs, "{words:?}");
    }
    // What ends by the signal that was sent to pid 1.
    let sleep = ["sh", "-c", "echo up; exec sleep 1000"].map(OsStr::new);
    let program = program();
    let dir = tempfile::tempdir().unwrap();
    let of_ours: [&OsStr; 4] =
        ["supervise".as_ref(), "--state-dir".as_ref(), dir.path().as_os_str(), "--".as_ref()];
    let ours = [&[program.as_os_str()], &of_ours[..], &sleep].concat();
    let theirs = [&["tini", "--"].map(OsStr::new)[..], &sleep].concat();
    let codes = [ours, theirs].map(|words| {
        let running = first_of(&words);
        running.until("up");
        kill(first(&running), Signal::SIGTERM).unwrap();
        running.end().0
    });
    assert_eq!(codes, [Some(143); 2]);
}

#[test]
fn it_is_started_again_as_it_is_asked() {
    let dir = tempfile::tempdir().unwrap();
    let run = |when: &str| {
        let mut command = command(["supervise", "--restart", when, "--", "sh", "-c"]);
        command.arg("echo run >> runs; [ $(wc -l < runs) -ge 3 ]").current_dir(dir.path());
        let (code, lines) = Running::start_as(command).end();
        let runs = fs::read_to_string(dir.path().join("runs")).unwrap();
        fs::remove_file(dir.path().join("runs")).unwrap();
        (code, runs.lines().count(), lines)
    };
    assert_eq!(run("never"), (Some(1), 1, Vec::new()));
    assert_eq!(run("on-failure"), (Some(0), 3, Vec::new()));
}

#[test]
fn what_is_told_to_end_is_started_again_no_more_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut command = command(["supervise", "--state-dir"]);
    command.arg(dir.path()).args(["--", "sh", "-c"]);
    command.arg("trap 'echo ends; exit 5' TERM; echo up; while :; do sleep 0.1; done");
    let running = Running::start_as(command);
    running.until("up");
    // The other commands find it there.
    let place = dir.path().display().to_string();
    assert_eq!(run(["--dir", &place, "status", "--json", "sh"]).json()[0]["state"], "up");
    assert_eq!(run(["--dir", &place, "restart", "sh"]).code, 0);
    running.until_all(&["ends", "up"]);
    running.signal(Signal::SIGTERM);
    let (code, lines) = running.end();
    assert_eq!((code, lines), (Some(5), vec!["ends".to_owned()]));
    nobody_is_left(dir.path());
}

/// A scratch image: svctl, the libraries that a debug build needs, and nothing else; the root is read-only, and there
/// is no directory but the engine's `/dev/shm` in which anything can be written. As root and as somebody else.
#[test]
fn an_image_without_a_shell_and_with_a_root_that_is_read_only() {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let script = "set -e; r=$1; svctl=$2; user=$3; mount -t tmpfs -o mode=755 tmpfs $r\n\
        mkdir -p $r/usr/lib $r/usr/lib64 $r/dev/shm $r/proc; ln -s usr/lib $r/lib; ln -s usr/lib64 $r/lib64\n\
        mount --rbind /usr/lib $r/usr/lib; [ ! -d /usr/lib64 ] || mount --rbind /usr/lib64 $r/usr/lib64\n\
        : > $r/dev/null; mount --bind /dev/null $r/dev/null; mount -t tmpfs -o mode=1777 tmpfs $r/dev/shm\n\
        mount -t proc proc $r/proc; cp $svctl $r/svctl; mount -o remount,bind,ro $r\n\
        unset TMPDIR XDG_RUNTIME_DIR; exec chroot --userspec=$user $r /svctl supervise --restart never -- /svctl version";
    let is_root = nix::unistd::geteuid().is_root();
    let users = if is_root { &["0:0", "65534:65534"][..] } else { &["0:0"] };
    for user in users {
        let mut command = Command::new("unshare");
        let maps = if is_root { &[][..] } else { &["--map-root-user"] };
        command.args(maps).args(["--mount", "--pid", "--fork", "--kill-child"]);
        command.args(["sh", "-c", script, "sh"]).arg(dir.path()).arg(program()).arg(user);
        let (code, lines) = Running::start_as(command).end();
        assert_eq!(code, Some(0), "{user}: {lines:#?}");
        position(&lines, "svctl ");
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    for words in [
        &["supervise"][..],
        &["supervise", "DIR", "--", "true"],
        &["supervise", "--restart", "never", "DIR"],
    ] {
        assert_eq!(run(words.iter().copied()).code, 100, "{words:?}");
    }
}
