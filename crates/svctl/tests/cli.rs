//! svctl without any supervisor: records, bad input, exit codes, the JSON contract.
#![allow(
    missing_docs,
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

#[path = "cli/lint.rs"]
mod lint;
#[path = "cli/logs.rs"]
mod logs;
#[path = "cli/places.rs"]
mod places;
#[path = "live/schema.rs"]
mod schema;
#[path = "../../svclient/tests/live/scripts.rs"]
mod scripts;
#[path = "live/svctl.rs"]
mod svctl;

use std::{
    fs::{self, File},
    io::{Read, Write},
    os::unix::{
        fs::{MetadataExt, PermissionsExt, symlink},
        net::UnixListener,
        process::ExitStatusExt,
    },
    path::Path,
    process::Stdio,
};

use nix::sys::stat::Mode;
use serde_json::Value;
use svctl::{Run, command, run};
use tempfile::TempDir;

fn corpus() -> Vec<Value> {
    serde_json::from_str(include_str!("../../svproto/testdata/corpus.json")).unwrap()
}

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(digit).collect()
}

/// Runs svctl with something on standard input.
fn feed(args: &[&str], input: &[u8]) -> Run {
    let mut child = command(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may refuse before it has read everything.
    let _refused = child.stdin.take().unwrap().write_all(input);
    Run::of(child.wait_with_output().unwrap())
}

#[test]
fn decode_says_of_every_captured_record_what_its_index_says() {
    let tree = TempDir::new().unwrap();
    for entry in corpus() {
        let id = &entry["id"];
        let hex = entry["hex"].as_str().unwrap();
        let dialect = match entry["supervisor"].as_str().unwrap() {
            "daemontools-encore" => "encore",
            other => other,
        };
        let told = feed(&["decode", "--json", "-", "--dialect", dialect], hex.as_bytes());
        assert_eq!((told.code, told.err.as_str()), (0, ""), "{id}");
        let told = told.json();
        let decoded = &entry["decoded"];
        assert_eq!(told["dialect"], dialect);
        assert_eq!(told["raw"], *hex);
        let process = if told["pid"].is_null() { &told["finish_pid"] } else { &told["pid"] };
        assert_eq!(process.as_u64().unwrap_or(0), decoded["pid"].as_u64().unwrap(), "{id}");
        let since: jiff::Timestamp = told["since"].as_str().unwrap().parse().unwrap();
        assert_eq!(Some(since.as_second()), decoded["since_unix"].as_i64(), "{id}");
        assert_eq!(
            i64::from(since.subsec_nanosecond()),
            decoded["nanoseconds"].as_i64().unwrap(),
            "{id}"
        );
        let want = match (&decoded["want_byte"], &decoded["want_up"]) {
            (Value::Number(byte), _) => match byte.as_u64().unwrap() {
                0x75 => "up",
                0x64 => "down",
                _ => "once",
            },
            (_, up) => ["down", "up"][usize::from(up == &Value::Bool(true))],
        };
        assert_eq!(told["want"], want, "{id}");
        // As a file of raw bytes it reads the same, and mostly without a word about its writer.
        let path = tree.path().join("record");
        fs::write(&path, bytes(hex)).unwrap();
        let file = path.to_str().unwrap();
        let again = run(["decode", "--json", "--dialect", dialect, file]).json();
        assert_eq!(again, told, "{id}");
        let guessed = run(["decode", "--json", file]).json();
        if guessed["dialect"] == dialect {
            assert_eq!(guessed, told, "{id}");
        }
    }
}

#[test]
fn decode_explains_in_words() {
    let hex = "400000006b037e0d1b96475ca758000000750001";
    let told = feed(&["decode"], hex.as_bytes());
    assert_eq!(
        told.out,
        "runit status record, 20 bytes (runit 2)\n  \
           state     up\n  \
           phase     up\n  \
           want      up\n  \
           pid       22695\n  \
           paused    no\n  \
           got TERM  no\n  \
           since     2026-11-22T23:42:59.462833500Z (label @400000006b037e0d1b96475c)\n  \
           ready     not reported\n  \
           exit      not reported\n  \
           raw       400000006b037e0d1b96475ca758000000750001\n"
    );
}

/// runit after a `k` that its `control/k` swallowed: encore's stop script looks the same.
#[test]
fn decode_says_where_it_guesses() {
    let hex = b"400000006b037e0521d422246955000000640000";
    let told = feed(&["decode", "--json"], hex);
    assert_eq!(told.code, 0);
    assert!(told.err.contains("runit may have written the same bytes"), "{told:?}");
    let told = feed(&["decode", "--json", "--dialect", "runit"], hex);
    assert_eq!((told.err.as_str(), told.json()["phase"].as_str()), ("", Some("down")));
}

#[test]
fn decode_refuses_every_other_length_and_names_those_it_knows() {
    for len in (0..60).filter(|len| ![18, 20, 26, 35, 40, 43].contains(len)) {
        for told in [
            feed(&["decode", "-"], &vec![0x40; len]),
            feed(&["decode", "-"], "40".repeat(len).as_bytes()),
        ] {
            assert_eq!((told.code, told.out.as_str()), (1, ""), "{len}");
            assert!(told.err.contains(&format!("{len} byte")), "{told:?}");
            for known in ["18", "20", "26", "35", "40", "43"] {
                assert!(told.err.contains(known), "{told:?}");
            }
        }
    }
    let endless = feed(&["decode", "-"], &vec![0x40; 100_000]);
    assert_eq!(endless.code, 1);
    assert!(endless.err.contains("at least 4096 bytes are no status record"), "{endless:?}");
    let wrong = feed(&["decode", "--dialect", "runit"], "40".repeat(18).as_bytes());
    assert_eq!(wrong.code, 1);
    assert!(wrong.err.contains("runit status record has 18 bytes, expected 20"), "{wrong:?}");
}

#[test]
fn decode_reads_hex_as_people_paste_it() {
    let spaced = "40 00 00 00 6b 03 7e 0d 1b 96\n47 5c a7 58 00 00 00 75 00 01\n";
    assert_eq!(feed(&["decode", "--json"], spaced.as_bytes()).json()["pid"], 22695);
    let colons = format!("0x{}", spaced.trim().replace([' ', '\n'], ":"));
    assert_eq!(feed(&["decode", "--json"], colons.as_bytes()).json()["pid"], 22695);
    let odd = feed(&["decode"], b"400000006b037e0d1b96475ca758000000750001a");
    assert_eq!(odd.code, 1);
    assert!(odd.err.contains("41 hexadecimal digits"), "{odd:?}");
    let upper = "400000006B037E0D1B96475CA758000000750001";
    assert_eq!(feed(&["decode", "--json"], upper.as_bytes()).json()["pid"], 22695);
}

#[test]
fn decode_of_what_no_supervisor_writes_says_so_and_shows_it() {
    for len in [18, 20, 26, 35, 40, 43] {
        for byte in ["00", "ff"] {
            let told = feed(&["decode", "--json"], byte.repeat(len).as_bytes());
            assert_eq!(told.code, 1, "{told:?}");
            assert!(told.err.contains("no supervisor can have written this"), "{told:?}");
            assert_eq!(told.json()["since"], Value::Null);
            let told = feed(&["decode"], byte.repeat(len).as_bytes());
            assert!(told.out.contains("no moment that a clock gives"), "{told:?}");
        }
    }
    // A reader of the control FIFO would take the supervisor's requests.
    let tree = Tree::runit(RECORD);
    let control = tree.path().join("supervise/control");
    let refused = run(["decode".as_ref(), control.as_os_str()]);
    assert_eq!(refused.code, 111);
    assert!(refused.err.contains("it is no regular file"), "{refused:?}");
    // Nor by a way around, nor one that has something in it, nor a device without an end.
    let full = tree.path().join("full");
    nix::unistd::mkfifo(&full, Mode::S_IRWXU).unwrap();
    let mut both = File::options().read(true).write(true).open(&full).unwrap();
    both.write_all(&[0; 20]).unwrap();
    let around = Path::new("/dev/..").join(full.strip_prefix("/").unwrap());
    for path in [&*full, &*around, Path::new("/dev/zero")] {
        let refused = run(["decode".as_ref(), path.as_os_str()]);
        assert_eq!(refused.code, 111, "{refused:?}");
        assert!(refused.err.contains("it is no regular file"), "{refused:?}");
    }
    both.read_exact(&mut [0; 20]).unwrap();
    let missing = run(["decode", "/nonexistent/status"]);
    assert_eq!(missing.code, 111);
    assert!(missing.err.contains("/nonexistent/status"));
}

/// A directory with these entries, made as somebody other than a supervisor would.
struct Tree {
    dir: TempDir,
}

impl Tree {
    fn service() -> Self {
        let this = Self { dir: TempDir::new().unwrap() };
        this.file("run", b"#!/bin/sh\n");
        this
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn file(&self, name: &str, content: &[u8]) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn fifo(&self, name: &str) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        nix::unistd::mkfifo(&path, Mode::S_IRWXU).unwrap();
    }

    /// What a dead runsv leaves.
    fn runit(status: &[u8]) -> Self {
        let this = Self::service();
        this.fifo("supervise/control");
        this.fifo("supervise/ok");
        this.file("supervise/lock", b"");
        this.file("supervise/stat", b"run\n");
        this.file("supervise/pid", b"22695\n");
        this.file("supervise/status", status);
        this
    }

    /// Names, sizes and times of everything in it.
    fn fingerprint(&self) -> Vec<String> {
        fn walk(dir: &Path, all: &mut Vec<String>) {
            for entry in fs::read_dir(dir).unwrap() {
                let entry = entry.unwrap();
                let data = entry.path().symlink_metadata().unwrap();
                let modified = data.modified().unwrap();
                all.push(format!("{} {} {modified:?}", entry.path().display(), data.len()));
                if data.is_dir() {
                    walk(&entry.path(), all);
                }
            }
        }
        let mut all = Vec::new();
        walk(self.path(), &mut all);
        all.sort();
        all
    }
}

/// Every command fails with this code and says this, and nothing in the directory changes.
#[track_caller]
fn check(tree: &Tree, path: &Path, verb: &str, code: i32, says: &str) {
    let before = tree.fingerprint();
    let told = run([verb.as_ref(), path.as_os_str()]);
    assert_eq!(told.code, code, "{verb}: {told:?}");
    let all = format!("{}{}", told.out, told.err);
    assert!(all.contains(says), "{verb}: {told:?}");
    assert_eq!(tree.fingerprint(), before, "{verb} wrote something");
}

#[track_caller]
fn check_all(tree: &Tree, path: &Path, code: i32, says: &str) {
    for verb in ["status", "up", "down"] {
        check(tree, path, verb, code, says);
    }
}

const RECORD: &[u8; 20] = b"\x40\0\0\0\x6b\x03\x7e\x0d\x1b\x96\x47\x5c\xa7\x58\0\0\0u\0\x01";

#[test]
fn no_such_directory_a_file_and_no_service_directory_are_three_things() {
    let tree = Tree { dir: TempDir::new().unwrap() };
    check_all(&tree, &tree.path().join("absent"), 111, "cannot find");
    check_all(&tree, tree.path(), 1, "not a service directory");
    tree.file("file", b"");
    check_all(&tree, &tree.path().join("file"), 1, "not a service directory");
    let told = run(["up".as_ref(), tree.path().join("file").as_os_str()]);
    assert!(!told.err.contains("hint"), "{told:?}");
    let told = run(["watch".as_ref(), tree.path().join("absent").as_os_str()]);
    assert_eq!((told.code, told.out.as_str()), (111, ""));
}

#[test]
fn a_directory_that_was_never_supervised_is_unsupervised() {
    let tree = Tree::service();
    check(&tree, tree.path(), "status", 102, "unsupervised");
    for verb in ["up", "down"] {
        check(&tree, tree.path(), verb, 102, "no supervisor is running there");
    }
    let row = run(["status".as_ref(), "--json".as_ref(), tree.path().as_os_str()]).json();
    assert_eq!((&row[0]["suite"], &row[0]["supervised"]), (&Value::Null, &Value::Bool(false)));
    // A request that fails says how the service stands, as `status` does.
    let told = run(["down".as_ref(), "--json".as_ref(), tree.path().as_os_str()]).json();
    assert_eq!(told[0]["state"], "unsupervised");
    assert_eq!(
        (&told[0]["supervised"], &told[0]["outcome"]),
        (&Value::Bool(false), &"error".into())
    );
    symlink("/nonexistent/supervise", tree.path().join("supervise")).unwrap();
    check(&tree, tree.path(), "up", 102, "no supervisor is running there");
}

#[test]
fn leftovers_of_a_dead_supervisor_are_never_believed() {
    let tree = Tree::runit(RECORD);
    check(&tree, tree.path(), "status", 102, "unsupervised");
    check(&tree, tree.path(), "up", 102, "no supervisor is running there");
    let row = run(["status".as_ref(), "--json".as_ref(), tree.path().as_os_str()]).json();
    assert_eq!(row[0]["pid"], Value::Null);
    assert_eq!(row[0]["suite"], "runit");
}

/// Something that reads `ok` and `control` as a live supervisor does.
fn alive(tree: &Tree) -> Vec<File> {
    use nix::fcntl::{OFlag, open};
    ["supervise/ok", "supervise/control"]
        .iter()
        .filter_map(|name| {
            let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK;
            open(&tree.path().join(name), flags, Mode::empty()).ok().map(File::from)
        })
        .collect()
}

#[test]
fn truncated_empty_and_oversized_records_are_refused_by_length() {
    for len in [0, 1, 18, 19, 21, 35, 4096] {
        let tree = Tree::runit(&vec![0x40; len]);
        let _alive = alive(&tree);
        // A record of 18 or 35 bytes would be another suite's; the files beside it are runit's.
        let told = run(["status".as_ref(), tree.path().as_os_str()]);
        let says = match len {
            18 | 35 => continue,
            _ => format!("has {len} byte"),
        };
        assert_eq!(told.code, 1, "{len}: {told:?}");
        assert!(told.out.contains(&says) && told.out.contains("expected 20"), "{len}: {told:?}");
    }
}

#[test]
fn a_control_file_that_is_no_fifo_gets_no_byte() {
    let control = |make: &dyn Fn(&Path)| {
        let tree = Tree::runit(RECORD);
        let path = tree.path().join("supervise/control");
        fs::remove_file(&path).unwrap();
        make(&path);
        tree
    };
    let regular = control(&|path| fs::write(path, b"").unwrap());
    let alive_1 = alive(&regular);
    check(&regular, regular.path(), "down", 1, "a regular file, not a FIFO");
    let null = control(&|path| symlink("/dev/null", path).unwrap());
    let alive_2 = alive(&null);
    check(&null, null.path(), "down", 1, "a symbolic link, not a FIFO");
    let directory = control(&|path| fs::create_dir(path).unwrap());
    let alive_3 = alive(&directory);
    check(&directory, directory.path(), "down", 1, "a directory, not a FIFO");
    let socket = control(&|path| drop(UnixListener::bind(path).unwrap()));
    let alive_4 = alive(&socket);
    check(&socket, socket.path(), "down", 1, "a socket, not a FIFO");
    drop((alive_1, alive_2, alive_3, alive_4));
}

#[test]
fn a_status_file_that_is_no_file_is_neither_waited_for_nor_read() {
    let status = |make: &dyn Fn(&Path)| {
        let tree = Tree::runit(RECORD);
        let path = tree.path().join("supervise/status");
        fs::remove_file(&path).unwrap();
        make(&path);
        tree
    };
    let fifo = status(&|path| nix::unistd::mkfifo(path, Mode::S_IRWXU).unwrap());
    let alive_1 = alive(&fifo);
    check(&fifo, fifo.path(), "status", 1, "a FIFO, not a regular file");
    let zero = status(&|path| symlink("/dev/zero", path).unwrap());
    let alive_2 = alive(&zero);
    check(&zero, zero.path(), "status", 1, "a symbolic link, not a regular file");
    let directory = status(&|path| fs::create_dir(path).unwrap());
    let alive_3 = alive(&directory);
    check(&directory, directory.path(), "status", 1, "a directory, not a regular file");
    drop((alive_1, alive_2, alive_3));
}

#[test]
fn one_bad_service_hides_no_good_one_and_the_highest_code_counts() {
    let (never, dead) = (Tree::service(), Tree::runit(RECORD));
    let args = ["status".as_ref(), "--json".as_ref(), "/absent".as_ref()];
    let told = run(args.into_iter().chain([never.path().as_os_str(), dead.path().as_os_str()]));
    assert_eq!(told.code, 111);
    let rows = told.json();
    assert_eq!(rows.as_array().unwrap().len(), 3);
    assert!(rows[0]["error"].as_str().unwrap().contains("/absent"));
    assert_eq!(rows[1]["state"], "unsupervised");
    assert_eq!(rows[2]["state"], "unsupervised");
}

#[test]
fn a_command_line_without_sense_is_100_and_help_is_0() {
    let usage: [&[&str]; 8] = [
        &[],
        &["status", "", "--dir", "/"],
        &["stauts"],
        &["up"],
        &["down", "--all", "web"],
        &["status", "--suite", "systemd", "./web"],
        &["up", "./web", "--timeout", "soon"],
        &["up", "./web", "--no-wait", "--kill-after", "1s"],
    ];
    for args in usage {
        let told = run(args);
        assert_eq!((told.code, told.out.as_str()), (100, ""), "{args:?} {told:?}");
        assert!(!told.err.is_empty());
    }
    for args in [["--help"], ["--version"]] {
        let told = run(args);
        assert_eq!((told.code, told.err.as_str()), (0, ""), "{args:?}");
    }
    assert!(run(["--help"]).out.contains("102 not supervised"));
    let lost = run(["status", "--dir", "/nonexistent/scan"]);
    assert_eq!(lost.code, 111);
    assert!(lost.err.contains("/nonexistent/scan"));
}

#[test]
fn times_are_taken_from_the_environment_and_may_be_huge() {
    let tree = Tree::service();
    let huge = "18446744073709551615";
    let told = run(["up".as_ref(), "--timeout".as_ref(), huge.as_ref(), tree.path().as_os_str()]);
    assert_eq!(told.code, 102, "{told:?}");
    let down = ["down", "--kill-after", "1s", "--timeout", huge].map(AsRef::as_ref);
    let told = run(down.into_iter().chain([tree.path().as_os_str()]));
    assert_eq!(told.code, 102, "{told:?}");
    let never = ["down", "--kill-after", huge].map(AsRef::as_ref);
    let told = run(never.into_iter().chain([tree.path().as_os_str()]));
    assert_eq!(told.code, 100, "{told:?}");
    let negative = run(["up", "--timeout", "-1", "./web"]);
    assert!(negative.code == 100 && negative.err.contains("negative"), "{negative:?}");
    let with_env = |args: &[&str], wait: &str| {
        let mut command = command(args);
        Run::of(command.arg(tree.path()).env("SVWAIT", wait).output().unwrap())
    };
    assert_eq!(with_env(&["up", "--no-wait"], "3").code, 102);
    assert_eq!(with_env(&["up"], "soon").code, 100);
    assert_eq!(with_env(&["up"], "").code, 102);
}

#[test]
fn quiet_leaves_the_errors() {
    let told = run(["status", "-q", "/absent"]);
    assert_eq!((told.code, told.out.as_str()), (111, ""));
    assert!(told.err.contains("/absent"), "{told:?}");
    let empty = TempDir::new().unwrap();
    let told = run(["status", "--dir", empty.path().to_str().unwrap()]);
    assert_eq!((told.code, told.out.as_str()), (0, ""));
    assert!(told.err.contains("no service in"), "{told:?}");
}

#[test]
fn names_from_outside_cannot_forge_output() {
    let tree = Tree { dir: TempDir::new().unwrap() };
    let name = "a\u{1b}[2J\nweb  up";
    fs::create_dir(tree.path().join(name)).unwrap();
    tree.file(&format!("{name}/run"), b"");
    let dir = tree.path().to_str().unwrap();
    let told = run(["status", "--dir", dir]);
    assert_eq!(told.out.lines().count(), 2, "{told:?}");
    assert!(!told.out.contains('\u{1b}'));
    let rows = run(["status", "--json", "--dir", dir]).json();
    assert_eq!(rows[0]["service"], name);
}

#[test]
#[should_panic(expected = "uptime")]
fn what_the_schema_does_not_promise_would_be_noticed() {
    let mut row = run(["status", "--json", "/absent"]).json()[0].take();
    row["uptime"] = Value::from("soon");
    schema::check(&row);
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    let tree = Tree::service();
    let mut command = command(["status", "--json"]);
    let mut child = command.arg(tree.path()).stdout(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(102));
}

/// A program of this name in a directory of its own, which only root can write to if root makes it.
fn outside(name: &str, script: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join(name);
    fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    dir
}

#[test]
fn a_word_that_is_no_command_runs_a_program_of_that_name() {
    let dir = outside("svctl-hello", "printf '%s|' \"$@\"; echo told >&2; exit 42");
    let run = |words: &[&str], path: &Path| {
        let output = command(words).env("PATH", path).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    };
    let words = ["hello", "--json", "a b", "", "--", "-x"];
    let expected = (Some(42), "--json|a b||--|-x|".to_owned(), "told\n".to_owned());
    assert_eq!(run(&words, dir.path()), expected);
    // A command comes first, an option is no word, and a path is no name.
    let taken = outside("svctl-status", "echo taken");
    assert!(!run(&["status"], taken.path()).1.contains("taken"));
    for words in [&["hullo"][..], &["../hello"], &["--hello"], &["--json", "hello"]] {
        let (code, out, err) = run(words, dir.path());
        assert_eq!((code, &*out), (Some(100), ""), "{words:?}: {err}");
    }
    // Not from the working directory.
    let mut relative = command(["hello"]);
    let output = relative.env("PATH", ":.:bin/..").current_dir(dir.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(100));
    // A signal is passed on as an end by a signal.
    let killed = outside("svctl-dies", "kill -9 $$");
    let output = command(["dies"]).env("PATH", killed.path()).output().unwrap();
    assert_eq!(output.status.signal(), Some(9));
    assert!(run_help().contains("svctl-WORD"));
}

fn run_help() -> String {
    run(["--help"]).out
}

#[test]
fn root_runs_no_program_that_others_may_have_put_there() {
    let dir = outside("svctl-hello", "echo taken");
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let output = command(["hello"]).env("PATH", dir.path()).output().unwrap();
    if fs::metadata(dir.path()).unwrap().uid() != 0 {
        // What is on the PATH of a user is that user's own affair.
        assert_eq!(output.stdout, b"taken\n");
        return;
    }
    assert_eq!(output.status.code(), Some(111));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("is not run as root: "), "{told}");
    assert!(told.contains("everybody may write there"), "{told}");
    assert!(output.stdout.is_empty());
}
