//! `journalctl` as it may be: absent, failing, strange.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf, process::Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::svctl::{Run, command};

/// A directory with a `journalctl` of this script.
struct Fake {
    dir: TempDir,
}

impl Fake {
    fn new(script: &str) -> Self {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("journalctl");
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        Self { dir }
    }

    fn command(&self, args: &[&str]) -> std::process::Command {
        let path = format!("{}:/usr/bin:/bin", self.dir.path().display());
        let mut command = command(args);
        command.env("PATH", path).env("NOTE", self.dir.path().join("note"));
        command
    }

    /// What is not UTF-8 is replaced.
    fn svctl(&self, args: &[&str]) -> Run {
        let mut output = self.command(args).output().unwrap();
        output.stdout = String::from_utf8_lossy(&output.stdout).into_owned().into_bytes();
        Run::of(output)
    }

    fn log(&self, lines: &str) -> PathBuf {
        let dir = self.dir.path().join("log");
        fs::create_dir(&dir).unwrap();
        fs::write(dir.join("current"), lines).unwrap();
        dir
    }
}

const ENTRIES: &str = r#"
printf '%s\n' "$@" >"$NOTE"
cat <<'END'
{"__CURSOR":"c1","__REALTIME_TIMESTAMP":"1795341615000000","MESSAGE":"two\nlines","UNIT":"web.service"}
-- No entries --
no JSON
{"__REALTIME_TIMESTAMP":"1795341616000000","MESSAGE":null,"_SYSTEMD_UNIT":"web.service"}
{"__CURSOR":"c2","__REALTIME_TIMESTAMP":"1795341617000000","MESSAGE":[97,255],"_SYSTEMD_UNIT":"other.service"}
END
"#;

#[test]
fn entries_are_merged_with_the_lines_of_directories() {
    let fake = Fake::new(ENTRIES);
    let log = fake.log("2026-11-22_10:00:00.00000 first\n2026-11-22_10:00:16.00000 third\n");
    let dir = log.to_str().unwrap();
    let told = fake.svctl(&["logs", "--json", "systemd:web", dir]);
    assert_eq!((told.code, &*told.err), (0, ""), "{told:?}");
    let lines: Vec<Value> =
        told.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    lines.iter().for_each(crate::schema::check);
    let texts: Vec<&str> = lines.iter().map(|line| line["line"].as_str().unwrap()).collect();
    assert_eq!(texts, ["first", "two", "lines", "third", "a\u{fffd}"]);
    let note = fs::read_to_string(fake.dir.path().join("note")).unwrap();
    let words: Vec<&str> = note.lines().collect();
    assert!(words.contains(&"--unit=web.service") && words.contains(&"--all"), "{note}");
    let last = fake.svctl(&["logs", "-n", "2", "--utc", "web.service", dir]);
    assert_eq!(last.out.lines().count(), 2, "{last:?}");
    assert!(last.out.starts_with("2026-11-22 10:00:16.000 "), "{last:?}");
}

#[test]
fn times_counts_and_the_user_are_handed_on_as_words() {
    let fake = Fake::new(ENTRIES);
    let words = |args: &[&str]| {
        assert_eq!(fake.svctl(&[&["logs"], args].concat()).code, 0);
        fs::read_to_string(fake.dir.path().join("note")).unwrap()
    };
    let said = words(&["--user", "web.service", "-n", "3"]);
    assert!(said.contains("--user\n--user-unit=web.service\n--lines=3\n"), "{said}");
    let since = ["--since", "2026-11-22T10:00:00.5Z", "--until", "2026-11-22T11:00:00Z"];
    let said = words(&[&["web.service"], &since[..]].concat());
    assert!(said.contains("--since=@1795341600.500000\n--until=@1795345200.000000\n"), "{said}");
}

#[test]
fn a_journal_that_is_followed_goes_on_after_the_last_entry() {
    let follow = format!("case \"$*\" in *--follow*) {FOLLOWED} ;; esac\n{ENTRIES}");
    let fake = Fake::new(&follow);
    let mut child = fake
        .command(&["logs", "-f", "--json", "web.service"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    let texts: Vec<String> = lines
        .by_ref()
        .take(4)
        .map(|line| {
            let line: Value = serde_json::from_str(&line.unwrap()).unwrap();
            line["line"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(texts, ["two", "lines", "a\u{fffd}", "--after-cursor=c2"]);
    drop(lines);
    assert_eq!(child.wait().unwrap().code(), Some(0), "nobody reads any more");
}

/// Says the last word that it was given, and stays.
const FOLLOWED: &str = r#"for last; do :; done
echo "{\"__REALTIME_TIMESTAMP\":\"1795341699000000\",\"MESSAGE\":\"$last\",\"UNIT\":\"web.service\"}"
exec sleep 20"#;

#[test]
fn what_goes_wrong_with_it_is_said() {
    let fake = Fake::new("echo 'Failed to open the journal: no\x1b[2J' >&2; exit 1");
    let told = fake.svctl(&["logs", "web.service"]);
    assert_eq!(told.code, 111, "{told:?}");
    assert_eq!(
        told.err,
        "svctl: cannot read the journal: Failed to open the journal: no\\u{1b}[2J\n"
    );
    let denied = "printf 'Hint: one\\n  two\\nNo journal files were opened due to insufficient permissions.\\n' >&2; exit 1";
    let told = Fake::new(denied).svctl(&["logs", "web.service"]);
    let lines: Vec<&str> = told.err.lines().collect();
    assert_eq!(lines[..2], ["svctl: journalctl: Hint: one", "svctl: journalctl: two"]);
    assert!(lines[3].contains("hint: members of the groups adm"), "{lines:?}");
    let hint = Fake::new("echo 'Hint: you are not in group adm' >&2");
    let told = hint.svctl(&["logs", "web.service"]);
    // That there is nothing is said, too.
    let nothing = "svctl: the journal has no line of web.service that was asked for\n";
    let said = format!("svctl: journalctl: Hint: you are not in group adm\n{nothing}");
    assert_eq!((told.code, told.err), (0, said));
    assert_eq!(hint.svctl(&["logs", "-q", "web.service"]).err, "");
    let none = command(["logs", "web.service"]).env("PATH", "/nonexistent").output().unwrap();
    let none = Run::of(none);
    assert_eq!(none.code, 111);
    assert!(none.err.contains("cannot run journalctl: No such file"), "{none:?}");
    assert!(none.err.contains("hint: journalctl comes with systemd"), "{none:?}");
    let bad = command(["logs", "systemd:a b"]).output().unwrap();
    assert_eq!(Run::of(bad).code, 1);
}

#[test]
fn a_flood_of_complaints_holds_nothing_up() {
    let fake = Fake::new(&format!("head -c 300000 /dev/zero >&2\n{ENTRIES}"));
    let told = fake.svctl(&["logs", "-q", "web.service"]);
    assert_eq!((told.code, told.err.as_str()), (0, ""));
}

/// Other logs are not kept waiting, and a signal ends it.
#[test]
fn a_journal_that_says_nothing_holds_no_other_log_up() {
    let fake = Fake::new("echo $$ >\"$NOTE\"; exec sleep 1000");
    let log = fake.log("2026-11-22_10:00:00.00000 a line\n");
    for more in [&[][..], &["-n", "5"]] {
        let mut logs = fake.command(&["logs", "--utc", "web.service", log.to_str().unwrap()]);
        let mut logs =
            logs.args(more).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines =
            std::io::BufRead::lines(std::io::BufReader::new(logs.stdout.take().unwrap()));
        let line = lines.next().unwrap().unwrap();
        assert!(line.contains("2026-11-22 10:00:00.000") && line.ends_with("a line"), "{line}");
        let pid = |id: u32| nix::unistd::Pid::from_raw(id.try_into().unwrap());
        nix::sys::signal::kill(pid(logs.id()), nix::sys::signal::Signal::SIGTERM).unwrap();
        assert_eq!(logs.wait().unwrap().code(), None);
        // A real one ends when nobody reads it.
        let journal = fs::read_to_string(fake.dir.path().join("note")).unwrap();
        let journal = pid(journal.trim().parse().unwrap());
        nix::sys::signal::kill(journal, nix::sys::signal::Signal::SIGKILL).unwrap();
    }
}
