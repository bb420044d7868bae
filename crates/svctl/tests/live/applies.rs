//! `svctl apply` under real scanners: from nothing, once more, changed, killed half way, and back from what fails.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use serde_json::Value;

use crate::{
    supervised::{Suite, encore, scripts, strays},
    svctl::{Run, command, program},
};

/// A scanner on a directory of its own; nothing outlives it.
struct Scanned {
    suite: Suite,
    tree: tempfile::TempDir,
    scanner: Option<Child>,
}

impl Scanned {
    fn start(suite: Suite) -> Self {
        let tree = tempfile::Builder::new().prefix("svapply-").tempdir().unwrap();
        fs::create_dir(tree.path().join("scan")).unwrap();
        if suite == Suite::Encore {
            // Its scanner ends when it has nothing to do (1.11).
            let idle = tree.path().join("scan/idle");
            fs::create_dir(&idle).unwrap();
            scripts::write(&idle.join("run"), "#!/bin/sh\nexec sleep 1000\n");
        }
        let itself = program();
        let words: Vec<PathBuf> = match suite {
            Suite::Runit => vec!["runsvdir".into()],
            Suite::Daemontools => vec!["svscan".into()],
            Suite::Encore => vec![encore("svscan").into()],
            Suite::S6 => vec!["s6-svscan".into()],
            Suite::Embedded => vec![itself, "scan".into()],
        };
        let mut scanner = Command::new(&words[0]);
        // Scanners of encore start `supervise` by its name.
        if suite == Suite::Encore {
            let dir = words[0].parent().unwrap().display().to_string();
            scanner.env("PATH", format!("{dir}:{}", std::env::var("PATH").unwrap()));
        }
        scanner.args(&words[1..]).arg(tree.path().join("scan"));
        scanner.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let scanner = Some(scanner.spawn().unwrap());
        Self { suite, tree, scanner }
    }

    fn target(&self) -> &'static str {
        if self.suite == Suite::Embedded { "embedded" } else { self.suite.name() }
    }

    /// Definitions of these programs of `db` and `web`, which comes after it.
    fn define(&self, db: &str, web: &str) {
        let text = format!(
            "[service.db]\nexec = [\"/bin/sh\", \"-c\", \"{db}\"]\n\
             [service.web]\nexec = [\"/bin/sh\", \"-c\", \"{web}\"]\nafter = [\"db\"]\n"
        );
        fs::write(self.tree.path().join("svcmgr.toml"), text).unwrap();
    }

    fn words(&self, more: &[&str]) -> Vec<String> {
        let path = |name: &str| self.tree.path().join(name).display().to_string();
        let words = ["apply", &path("svcmgr.toml"), "--to", self.target(), "--out", &path("sv")];
        let words = words.into_iter().chain(["--dir", "", "--lossy", "--json"]);
        let scan = path("scan");
        let words = words.map(|word| if word.is_empty() { &scan } else { word }.to_owned());
        words.chain(more.iter().map(|word| (*word).to_owned())).collect()
    }

    fn apply(&self, more: &[&str]) -> (Run, Vec<Value>) {
        let ran = Run::of(command(self.words(more)).output().unwrap());
        let rows =
            if ran.out.is_empty() { Vec::new() } else { ran.json().as_array().unwrap().clone() };
        (ran, rows)
    }

    fn pids(&self) -> Vec<Value> {
        let scan = self.tree.path().join("scan");
        let ran = Run::of(command(["status", "--json"]).arg("--dir").arg(scan).output().unwrap());
        let rows = ran.json().as_array().unwrap().clone();
        let rows = rows.iter().filter(|row| row["service"] != "idle");
        rows.map(|row| row["pid"].clone()).collect()
    }
}

impl Drop for Scanned {
    fn drop(&mut self) {
        // The scanner first, so that it starts nothing more.
        if let Some(mut scanner) = self.scanner.take() {
            let _gone = scanner.kill();
            let _reaped = scanner.wait();
        }
        strays::end(self.tree.path(), || ());
    }
}

fn of<'a>(rows: &'a [Value], key: &str) -> Vec<&'a Value> {
    rows.iter().map(|row| &row[key]).collect()
}

fn has_strace() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir: PathBuf| dir.join("strace").is_file())
}

pub fn what_is_applied_runs_and_what_fails_leads_back(suite: Suite) {
    let scanned = Scanned::start(suite);
    scanned.define("exec sleep 1001", "exec sleep 1002");
    // Nothing is done by who only asks.
    let (asked, rows) = scanned.apply(&["--diff"]);
    assert_eq!(
        (asked.code, of(&rows, "changed")),
        (1, vec![&true.into(), &true.into()]),
        "{asked:?}"
    );
    assert!(!scanned.tree.path().join("sv").exists());

    let (first, rows) = scanned.apply(&["--timeout", "60s"]);
    assert_eq!(
        (first.code, of(&rows, "outcome")),
        (0, vec![&"reached".into(), &"reached".into()]),
        "{first:?}"
    );
    let begun = scanned.pids();
    assert!(begun.iter().all(Value::is_u64), "{begun:?}");
    let (again, rows) = scanned.apply(&[]);
    assert_eq!(
        (again.code, of(&rows, "changed")),
        (0, vec![&false.into(), &false.into()]),
        "{again:?}"
    );
    assert_eq!(scanned.pids(), begun, "a second time nothing is done");

    // One that is killed with the files written and nothing restarted, and the next one.
    scanned.define("exec sleep 1001", "exec sleep 1003");
    if has_strace() {
        let mut killed = Command::new("strace");
        killed.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=inotify_init1", "-e"]);
        killed.arg("inject=inotify_init1:signal=KILL:when=1").arg(program());
        let killed = killed.args(scanned.words(&[])).stdin(Stdio::null()).output().unwrap();
        assert_eq!(killed.status.code(), None, "{killed:?}");
        assert!(scanned.tree.path().join("sv/.svctl-apply").exists());
        assert_eq!(scanned.pids(), begun);
    }
    let (gone_on, rows) = scanned.apply(&["--timeout", "60s"]);
    assert_eq!(
        (gone_on.code, of(&rows, "changed")),
        (0, vec![&false.into(), &true.into()]),
        "{gone_on:?}"
    );
    let now = scanned.pids();
    assert!(now[0] == begun[0] && now[1] != begun[1], "{begun:?} {now:?}");
    assert!(!scanned.tree.path().join("sv/.svctl-apply").exists());

    // What does not stay up.
    let run = |name: &str| fs::read(scanned.tree.path().join("sv").join(name).join("run")).unwrap();
    let before = (run("db"), run("web"));
    scanned.define("exec sleep 1004", "exit 3");
    let (failed, rows) = scanned.apply(&["--timeout", "5s"]);
    assert!(failed.code == 99 || failed.code == 1, "{failed:?}");
    assert_eq!(of(&rows, "rolled_back"), [&Value::from(true); 2], "{failed:?}");
    assert!(
        rows[1]["says"].is_string() && failed.err.contains("all is as it was before"),
        "{failed:?}"
    );
    assert_eq!((run("db"), run("web")), before);
    scanned.define("exec sleep 1001", "exec sleep 1003");
    let (last, rows) = scanned.apply(&["--timeout", "60s"]);
    assert_eq!(
        (last.code, of(&rows, "files")),
        (0, vec![&Value::from(Vec::<Value>::new()); 2]),
        "{last:?}"
    );
}

/// Under which none of these runs.
#[test]
fn what_is_no_scan_directory_s_is_refused() {
    let tree = tempfile::tempdir().unwrap();
    let path = |name: &str| tree.path().join(name);
    fs::write(path("a.toml"), "[service.web]\nexec = [\"/bin/true\"]\n").unwrap();
    fs::create_dir(path("scan")).unwrap();
    let apply = |out: &Path, target: &str| {
        let mut line = command(["apply", "--to", target]);
        Run::of(
            line.arg(path("a.toml"))
                .arg("--out")
                .arg(out)
                .arg("--dir")
                .arg(path("scan"))
                .output()
                .unwrap(),
        )
    };
    for (out, target, part) in [
        (path("sv"), "s6-rc", "`svctl build` makes its files"),
        (path("sv"), "procfile", "`svctl build` makes its files"),
        (path("scan"), "runit", "is the scan directory"),
    ] {
        let ran = apply(&out, target);
        assert!(ran.code == 100 && ran.err.contains(part), "{ran:?}");
    }
    // Somebody else's work is not replaced.
    fs::create_dir_all(path("sv/web")).unwrap();
    fs::write(path("sv/web/run"), "mine").unwrap();
    let ran = apply(&path("sv"), "runit");
    assert!(ran.code == 1 && ran.err.contains("will not replace"), "{ran:?}");
    assert_eq!(fs::read(path("sv/web/run")).unwrap(), b"mine");
    assert!(!path("scan/web").exists() && !path("sv/.svctl-apply").exists());
}
