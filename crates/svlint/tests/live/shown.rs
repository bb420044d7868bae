//! What the real supervisors show of the cases: each suite's scanner is started once, on all of them.

use std::{
    cell::RefCell,
    fs::{self, File, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Instant,
};

use crate::{
    cases::{self, Case, Kind},
    supervised::{PATIENCE, Suite, encore, skips, strays},
};

/// A scanner on a directory of its own; nothing outlives it.
struct Scanner {
    suite: Suite,
    tree: tempfile::TempDir,
    child: Option<Child>,
}

impl Scanner {
    fn dir(&self) -> PathBuf {
        self.tree.path().join("scan")
    }

    /// What the scanner and everything below it has said.
    fn said(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.tree.path().join("said")).unwrap()).into_owned()
    }

    fn start(&mut self) {
        let program = match self.suite {
            Suite::Runit | Suite::Embedded => "runsvdir",
            Suite::Daemontools => "svscan",
            Suite::Encore => encore("svscan"),
            Suite::S6 => "s6-svscan",
        };
        let said = File::create(self.tree.path().join("said")).unwrap();
        let child = Command::new(program)
            .arg(self.dir())
            .current_dir(self.dir())
            .stdin(Stdio::null())
            .stdout(said.try_clone().unwrap())
            .stderr(said)
            .spawn()
            .unwrap();
        self.child = Some(child);
    }
}

impl Drop for Scanner {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _gone = child.kill();
            let _reaped = child.wait();
        }
        strays::end(self.tree.path(), || ());
    }
}

/// One sentence about one case.
struct Shown<'a> {
    case: &'a Case,
    /// The service directory, or for entries of a scan directory that itself.
    dir: PathBuf,
    what: &'a str,
    /// A request was sent.
    asked: RefCell<bool>,
    is_seen: RefCell<bool>,
}

pub fn each_fault_is_seen_to_be_one(suite: Suite) {
    let tree = tempfile::Builder::new().prefix("svlint-").tempdir().unwrap();
    let mut scanner = Scanner { suite, tree, child: None };
    fs::create_dir(scanner.dir()).unwrap();
    let cases = cases::all();
    let (mut all, mut laid_out) = (Vec::new(), Vec::new());
    for case in &cases {
        let mine = case.shows.iter().filter(|it| it.0.iter().any(|it| it == suite.name()));
        let mine: Vec<_> = mine.map(|it| it.1.as_str()).collect();
        if mine.is_empty() {
            continue;
        }
        let dir =
            if case.kind == Kind::Scan { scanner.dir() } else { scanner.dir().join(&case.name) };
        let inner = if case.kind == Kind::Scan { PathBuf::new() } else { case.name.clone().into() };
        laid_out.push((case, inner));
        let shown = |what| Shown {
            case,
            dir: dir.clone(),
            what,
            asked: RefCell::default(),
            is_seen: RefCell::default(),
        };
        all.extend(mine.into_iter().map(shown));
    }
    assert!(all.len() >= 8, "{}", all.len());
    Case::lay_out_executable(&laid_out, &scanner.dir());
    scanner.start();
    let deadline = Instant::now() + PATIENCE;
    // What is not there counts once all else of its case is.
    let is_absence =
        |it: &Shown<'_>| it.what.starts_with("lacks ") || it.what.starts_with("without ");
    loop {
        let said = scanner.said();
        for shown in all.iter().filter(|it| !is_absence(it) && !*it.is_seen.borrow()) {
            shown.is_seen.replace(is_seen(suite, shown, &said));
        }
        let missing: Vec<_> =
            all.iter().filter(|it| !is_absence(it) && !*it.is_seen.borrow()).collect();
        if missing.is_empty() {
            break;
        }
        let names = || -> Vec<_> {
            missing.iter().map(|it| format!("{}: {}", it.case.name, it.what)).collect()
        };
        assert!(Instant::now() < deadline, "not seen: {:#?}\n{said}", names());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    for shown in all.iter().filter(|it| is_absence(it)) {
        let (how, rest) = shown.what.split_once(' ').unwrap();
        let (file, text) = rest.split_once(' ').unwrap_or((rest, ""));
        let found = fs::read(shown.dir.join(file));
        let is_right = match how {
            "lacks" => found.is_err(),
            _ => !String::from_utf8_lossy(&found.unwrap()).contains(text),
        };
        assert!(is_right, "{}: {}", shown.case.name, shown.what);
    }
}

fn is_seen(suite: Suite, shown: &Shown<'_>, said: &str) -> bool {
    let Shown { case, dir, what, .. } = shown;
    let file = |name: &str| fs::read_to_string(dir.join(name)).unwrap_or_default();
    let (how, rest) = what.split_once(' ').unwrap_or((what, ""));
    let rest = rest.replace("NAME", &case.name);
    match how {
        "does" => does_not_start(suite, shown, said),
        "says" => said.contains(&rest),
        "loops" => file("starts").lines().count() >= 2,
        "has" => {
            let (name, text) = rest.split_once(' ').unwrap_or((&rest, ""));
            dir.join(name).exists() && file(name).contains(text)
        }
        "leaves" => leaves_behind(shown),
        "survives" => processes(dir).iter().any(|it| it.1 == "sleep" && ignores_term(*it.0)),
        "signals" | "asks" => {
            let letter = if how == "asks" { rest.as_bytes()[0] } else { b't' };
            if !*shown.asked.borrow() && dir.join("started").exists() {
                shown.asked.replace(ask(dir, letter));
            }
            *shown.asked.borrow()
        }
        "is" => {
            let field = if rest == "ready" { ("ready", "true") } else { ("wantedup", "false") };
            stat(dir, field.0) == field.1
        }
        other => panic!("{}: nothing is known of `{other}`", case.name),
    }
}

fn does_not_start(suite: Suite, shown: &Shown<'_>, said: &str) -> bool {
    let name = &shown.case.name;
    let is_told = |line: &str| {
        let is_it = line.contains(&format!("{name}:")) || line.contains(&format!("{name}/run"));
        is_it && (line.contains("unable to start") || line.contains("unable to spawn"))
    };
    said.lines().any(is_told)
        // What it is that a child of s6-supervise cannot execute, it says without a name.
        || (suite == Suite::S6 && ["111", "126", "127"].contains(&&*stat(&shown.dir, "exitcode")))
}

/// A field of s6's own tool.
fn stat(dir: &Path, field: &str) -> String {
    let output = Command::new("s6-svstat").args(["-o", field]).arg(dir).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// Sends a letter to its supervisor; whether that was there.
fn ask(dir: &Path, letter: u8) -> bool {
    let control = dir.join("supervise/control");
    let fifo = OpenOptions::new().write(true).custom_flags(nix::libc::O_NONBLOCK).open(control);
    fifo.is_ok_and(|mut it| it.write_all(&[letter]).is_ok())
}

/// The processes that work in a directory, by name.
fn processes(dir: &Path) -> std::collections::BTreeMap<u32, String> {
    let mut found = std::collections::BTreeMap::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|it| it.parse().ok()) else { continue };
        if fs::read_link(entry.path().join("cwd")).is_ok_and(|it| it == dir) {
            let name = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
            found.insert(pid, name.trim().to_owned());
        }
    }
    found
}

/// The shell ends by a request for down, and what it has started does not.
fn leaves_behind(shown: &Shown<'_>) -> bool {
    let all = processes(&shown.dir);
    let has = |names: &[&str]| all.values().any(|it| names.contains(&it.as_str()));
    if !*shown.asked.borrow() {
        if has(&["run", "sh"]) && has(&["sleep"]) {
            shown.asked.replace(ask(&shown.dir, b'd'));
        }
        return false;
    }
    !has(&["run", "sh"]) && has(&["sleep"])
}

fn ignores_term(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let ignored = status.lines().find_map(|it| it.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|it| u64::from_str_radix(it.trim(), 16).ok()).unwrap_or(0);
    ignored & (1 << (nix::libc::SIGTERM - 1)) != 0
}

fn program(name: &'static str, variable: &str) -> Option<PathBuf> {
    let path = std::env::var_os(variable).or_else(|| std::env::var_os("PATH")).unwrap_or_default();
    let found = std::env::split_paths(&path).map(|it| it.join(name)).find(|it| it.is_file());
    if found.is_none() {
        skips::leave_out("svlint", &format!("no {name} in PATH"));
    }
    found
}

#[test]
fn s6_rc_refuses_each_set_that_is_wrong_and_takes_those_that_are_right() {
    let Some(compile) = program("s6-rc-compile", "SV_S6RC_BIN") else { return };
    for case in cases::all().iter().filter(|it| it.kind == Kind::Rc) {
        let tree = tempfile::tempdir().unwrap();
        let (source, out) = (tree.path().join("source"), tree.path().join("out"));
        case.lay_out(&source);
        let output = Command::new(&compile).arg(&out).arg(&source).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        let what = case.shows.first().map(|it| it.1.as_str());
        match what {
            Some("refuses") => assert!(!output.status.success(), "{}: {said}", case.name),
            Some(other) => {
                assert!(output.status.success(), "{}: {said}", case.name);
                let gone = other.strip_prefix("compiles away ").unwrap();
                assert!(!holds(&out, gone), "{}", case.name);
            }
            None if case.is_bad => {}
            None => assert!(output.status.success(), "{}: {said}", case.name),
        }
    }
}

/// Whether a file below a directory has the text.
fn holds(dir: &Path, text: &str) -> bool {
    fs::read_dir(dir).unwrap().flatten().any(|entry| {
        let path = entry.path();
        if path.is_dir() {
            return holds(&path, text);
        }
        fs::read(&path).is_ok_and(|it| String::from_utf8_lossy(&it).contains(text))
    })
}

#[test]
fn systemd_complains_of_each_unit_that_is_wrong_and_of_no_other() {
    let Some(analyze) = program("systemd-analyze", "PATH") else { return };
    for case in cases::all().iter().filter(|it| it.kind == Kind::Unit) {
        let tree = tempfile::tempdir().unwrap();
        case.lay_out(tree.path());
        let output = Command::new(&analyze)
            .args(["verify", "--man=no", "--recursive-errors=no"])
            .arg(tree.path().join("web.service"))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        for (_, what) in &case.shows {
            let text = what.strip_prefix("says ").unwrap();
            assert!(said.contains(text), "{}: {said}", case.name);
        }
        if !case.is_bad {
            assert!(!said.contains("web.service"), "{}: {said}", case.name);
        }
    }
}
