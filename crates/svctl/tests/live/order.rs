//! Services that were built from one file are asked in the order of what they need, under each supervisor.

use std::{ffi::OsString, fs, os::unix::fs::symlink, time::Instant};

use nix::sys::signal::Signal;

use crate::{
    sentences::{until, until_state},
    supervised::{PATIENCE, Suite, Supervised},
    svctl::{Run, run},
};

/// `web` needs `db`, which has a supervisor of its own; both are down.
struct Two {
    web: Supervised,
    db: Supervised,
}

impl Two {
    fn start(suite: Suite) -> Self {
        let [mut web, mut db] = [(); 2].map(|()| Supervised::prepare(suite, "exec sleep 1000"));
        let target = if suite == Suite::Embedded { "embedded" } else { suite.name() };
        let file = web.scan_dir().join("svcmgr.toml");
        let deaf = "trap '' TERM; : >deaf; exec sleep 1000";
        let text = format!(
            "[service.web]\nexec = [\"/bin/sh\", \"-c\", \"{deaf}\"]\nneeds = [\"db\"]\n\
             [service.db]\nexec = [\"/bin/sleep\", \"1000\"]\n"
        );
        fs::write(&file, text).unwrap();
        let words = ["build", file.to_str().unwrap(), "--to", target, "--service", "web"];
        let out = ["--out", web.scan_dir().to_str().unwrap(), "--adopt", "--lossy"];
        let built = run(words.into_iter().chain(out));
        assert_eq!(built.code, 0, "{built:?}");
        symlink(db.dir(), web.scan_dir().join("db")).unwrap();
        for service in [&mut web, &mut db] {
            service.file("down", "");
            service.supervise();
            until_state(service, "down");
        }
        Self { web, db }
    }

    fn ask(&self, words: &[&str]) -> Run {
        let dir: [OsString; 2] = ["--dir".into(), self.web.scan_dir().into()];
        run(words.iter().map(OsString::from).chain(dir))
    }
}

pub fn what_is_needed_comes_first_and_is_started_along(suite: Suite) {
    let two = Two::start(suite);
    let up = two.ask(&["up", "web", "--json"]).json();
    assert_eq!((&up[0]["service"], &up[1]["outcome"]), (&"web".into(), &"reached".into()), "{up}");
    until_state(&two.web, "up");
    until_state(&two.db, "up");
    let deadline = Instant::now() + PATIENCE;
    while !two.web.dir().join("deaf").exists() {
        assert!(Instant::now() < deadline, "it does not run");
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    // What needs it does not end, and so its own turn does not come.
    let late = two.ask(&["down", "db", "web", "--timeout", "300ms"]);
    assert_eq!(late.code, 99, "{late:?}");
    assert!(late.err.contains("db: the deadline passed before its turn"), "{late:?}");
    until_state(&two.db, "up");
    let down = two.ask(&["down", "db", "web", "--kill-after", "1ms", "--timeout", "1m"]);
    assert_eq!(down.code, 0, "{down:?}");
    // Without what it needs it is left alone.
    two.db.signal(Signal::SIGKILL);
    until_state(&two.db, "unsupervised");
    let held = two.ask(&["up", "web", "--timeout", "2s"]);
    // One that listens for entries is waited for.
    assert!([99, 102].contains(&held.code), "{held:?}");
    assert!(held.err.contains("web: nothing was asked: the dependency db failed"), "{held:?}");
    until(&two.web, |row| row["state"] == "down" && row["want"] == "down");
    // Somebody else who may write there has no say in what is started.
    let needs = two.web.dir().join("needs");
    fs::set_permissions(&needs, std::os::unix::fs::PermissionsExt::from_mode(0o666)).unwrap();
    let alone = two.ask(&["up", "web"]);
    assert!(alone.code == 0 && alone.err.contains("what it needs is not followed"), "{alone:?}");
}
