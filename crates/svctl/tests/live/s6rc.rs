//! Services that s6-rc keeps: what it made itself, where its programs are (`SV_S6RC_BIN`, else
//! `PATH`), and a directory as it makes them.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

use crate::{
    sentences::{act, until_state},
    supervised::{Suite, Supervised, skips, strays},
    svctl::{Run, run},
};

/// `family.md` 5: a database that s6-rc has made, and a service of it under `s6-supervise`.
#[test]
fn a_directory_of_s6_rc_is_known_as_one() {
    if !Suite::S6.is_installed() {
        return;
    }
    let mut supervised = Supervised::prepare(Suite::S6, "exec sleep 1000");
    let live = supervised.scan_dir().join(".live");
    let kept = live.join("servicedirs/web");
    fs::create_dir_all(live.join("servicedirs")).unwrap();
    fs::create_dir(live.join("compiled")).unwrap();
    let resolve = include_bytes!("../../../svproto/testdata/s6-rc/resolve.cdb");
    fs::write(live.join("compiled/resolve.cdb"), resolve).unwrap();
    fs::write(live.join("state"), [1, 1, 1, 0, 1]).unwrap();
    fs::rename(supervised.dir(), &kept).unwrap();
    symlink(&kept, supervised.dir()).unwrap();
    let helper = live.join("servicedirs/s6rc-fdholder");
    fs::create_dir(&helper).unwrap();
    fs::write(helper.join("run"), "").unwrap();
    symlink(&helper, supervised.scan_dir().join("s6rc-fdholder")).unwrap();
    supervised.file("down", "");
    supervised.supervise();
    until_state(&supervised, "down");
    knows_s6_rc(supervised.scan_dir(), "web", "down");
    let row = act(&supervised, &["status", "--json"]).json()[0].take();
    assert!(row["normally"].is_null(), "{row}");
    let up = act(&supervised, &["up"]);
    assert_eq!(up.code, 0, "{up:?}");
    assert!(up.err.contains("s6-rc is not told of this"), "{up:?}");
    for word in ["down", "up", "once", "stay-down,up"] {
        let sent = act(&supervised, &["send", word]);
        assert!(sent.err.contains("s6-rc is not told of this"), "{sent:?}");
    }
    for words in [&["restart"][..], &["send", "cont"], &["hup"]] {
        assert!(!act(&supervised, words).err.contains("s6-rc"));
    }
    assert!(act(&supervised, &["down", "--no-wait"]).err.contains("s6-rc is not told of this"));
}

/// No row of its helpers but with `-v`, its own word beside the state, no "normally down".
#[track_caller]
fn knows_s6_rc(scan: &Path, name: &str, state: &str) {
    let status = |args: &[&str]| in_dir(scan, &[&["status"], args].concat());
    let said = status(&[]);
    let line = said.out.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap();
    assert!(line.contains(state) && line.contains("s6-rc: up"), "{said:?}");
    let row = in_dir(scan, &["status", name, "--json"]).json()[0].take();
    assert_eq!((row["s6_rc"].as_str(), row["state"].as_str()), (Some("up"), Some(state)), "{row}");
    assert!(!said.out.contains("normally down") && !said.out.contains("s6rc-"), "{said:?}");
    assert!(status(&["-v"]).out.contains("s6rc-fdholder"));
    assert!(status(&["s6rc-fdholder"]).out.contains("s6rc-fdholder"));
    assert!(!in_dir(scan, &["check"]).err.contains("s6rc-"));
    let refused = in_dir(scan, &["down", name, "--persist"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.err.contains("s6-rc keeps it") && refused.err.contains("s6-rc-bundle"));
}

fn in_dir(scan: &Path, args: &[&str]) -> Run {
    run(args.iter().copied().chain(["--dir", scan.to_str().unwrap()]))
}

/// A scan directory with `s6-svscan`, and s6-rc on it.
struct Live {
    tree: TempDir,
    scanner: Option<Child>,
}

impl Drop for Live {
    fn drop(&mut self) {
        if let Some(mut scanner) = self.scanner.take() {
            let _gone = scanner.kill();
            let _reaped = scanner.wait();
        }
        strays::end(self.tree.path(), || ());
    }
}

fn programs() -> Option<PathBuf> {
    let path = std::env::var_os("SV_S6RC_BIN").or_else(|| std::env::var_os("PATH"));
    std::env::split_paths(&path.unwrap_or_default()).find(|dir| dir.join("s6-rc-init").is_file())
}

#[test]
fn a_pipeline_of_s6_rc_is_understood() {
    let Some(bin) = programs() else {
        return skips::leave_out("s6-rc", "no s6-rc-init in PATH");
    };
    let tree = tempfile::Builder::new().prefix("svlive-").tempdir().unwrap();
    let path = |name: &str| tree.path().join(name);
    let source = |name: &str, files: &[(&str, &str)]| {
        let dir = path("source").join(name);
        fs::create_dir_all(&dir).unwrap();
        for (file, text) in files {
            fs::write(dir.join(file), text).unwrap();
            fs::set_permissions(dir.join(file), fs::Permissions::from_mode(0o755)).unwrap();
        }
    };
    let log = path("log").display().to_string();
    let web = "#!/bin/sh\necho it works\nexec sleep 1000\n";
    source("web", &[("type", "longrun\n"), ("run", web), ("producer-for", "keeper\n")]);
    let keeper = format!("#!/bin/sh\nexec s6-log t {log}\n");
    source(
        "keeper",
        &[
            ("type", "longrun\n"),
            ("run", &keeper),
            ("consumer-for", "web\n"),
            ("pipeline-name", "all\n"),
        ],
    );
    fs::create_dir(path("scan")).unwrap();
    let mut scanner = Command::new("s6-svscan");
    scanner.arg(path("scan")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let scanner = scanner.spawn().unwrap();
    let live = Live { tree, scanner: Some(scanner) };
    let scan = live.tree.path().join("scan");
    let program = |name: &str, args: &[&str]| {
        let tree = live.tree.path().to_str().unwrap();
        let args = args.iter().map(|arg| arg.replace("TREE", tree));
        let said = Command::new(bin.join(name)).args(args).output().unwrap();
        assert!(said.status.success(), "{name}: {said:?}");
    };
    program("s6-rc-compile", &["TREE/compiled", "TREE/source"]);
    // It needs the scanner to be there.
    let limit = std::time::Instant::now() + crate::supervised::PATIENCE;
    while !scan.join(".s6-svscan/control").exists() {
        assert!(std::time::Instant::now() < limit);
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    program("s6-rc-init", &["-c", "TREE/compiled", "-l", "TREE/live", "-t", "10000", "TREE/scan"]);
    program("s6-rc", &["-l", "TREE/live", "-t", "10000", "-u", "change", "all"]);
    let up = in_dir(&scan, &["wait", "--for", "up", "web", "keeper", "--timeout", "60s"]);
    assert_eq!(up.code, 0, "{up:?}");
    knows_s6_rc(&scan, "web", "up");
    // Its logger is another service.
    loop {
        let said = in_dir(&scan, &["logs", "web"]);
        if said.code == 0 && said.out.ends_with(" it works\n") {
            break;
        }
        assert!(std::time::Instant::now() < limit, "{said:?}");
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    let all = in_dir(&scan, &["logs", "--json"]);
    assert!(all.out.contains(r#""service":"web""#), "{all:?}");
    let down = in_dir(&scan, &["down", "web"]);
    assert!(down.code == 0 && down.err.contains("s6-rc is not told of this"), "{down:?}");
    knows_s6_rc(&scan, "web", "down");
}
