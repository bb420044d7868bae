//! Where the log of a service is, and what is said where there is none.

use std::{
    fs,
    os::unix::{
        fs::{PermissionsExt, symlink},
        process::CommandExt,
    },
};

use crate::{
    sentences::{act, until_state},
    supervised::{Suite, Supervised, skips},
    svctl::{Run, run},
};

/// `family.md` 6, 19, 24 and 29 in the life of one supervisor, which began before there was a
/// logger.
pub fn a_log_is_found_or_it_is_said_why(suite: Suite) {
    let supervised = Supervised::start(suite, "exec sleep 1000");
    until_state(&supervised, "up");
    let dir = supervised.dir();
    let logs = |why: &str| {
        let said = act(&supervised, &["logs"]);
        assert_eq!((said.code, said.out.as_str()), (1, ""), "{why}: {said:?}");
        assert!(said.err.contains(why), "{why}: {said:?}");
    };
    logs("it has no logger");
    let all = run(["logs".as_ref(), "--dir".as_ref(), supervised.scan_dir().as_os_str()]);
    assert!(all.code == 1 && all.err.contains("no service has a log"), "{all:?}");

    let log = dir.join("log");
    fs::create_dir(&log).unwrap();
    symlink("/usr/bin/vlogger", log.join("run")).unwrap();
    logs("its logger is `vlogger`, which writes to syslog");
    logs("under the tag `web`");
    fs::remove_file(log.join("run")).unwrap();
    supervised.script("log/run", "exec logger -p daemon.info -t front");
    logs("its logger is `logger`, which writes to syslog");
    logs("under the tag `front`");

    supervised.script("log/run", "exec svlogd -tt ./main");
    logs("its logger does not run: the supervisor of the service started before `log` was there");
    let up = run(["up".as_ref(), log.as_os_str()]);
    assert_eq!(up.code, 102, "{up:?}");
    assert!(up.err.contains("started before `log` was there"), "{up:?}");

    // What it wrote before is read, wherever its script says that it is.
    let elsewhere = supervised.scan_dir().join(".elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    fs::write(elsewhere.join("current"), "2026-11-22_10:00:00.00000 it works\n").unwrap();
    supervised.script("log/run", &format!("exec svlogd -tt {}", elsewhere.display()));
    let said = act(&supervised, &["logs", "--utc"]);
    let line = "2026-11-22 10:00:00.000 it works\n";
    assert_eq!((said.code, said.out.as_str()), (0, line), "{said:?}");
    assert!(said.err.contains("its logger does not run"), "{said:?}");

    if !skips::is_root(suite.name()) {
        return;
    }
    let program = supervised.scan_dir().join(".svctl");
    crate::supervised::scripts::copy(crate::svctl::program().as_ref(), &program);
    let as_nobody = || {
        let mut command = std::process::Command::new(&program);
        command.args(["logs", "--utc"]).arg(&dir).uid(65_534).gid(65_534).env_remove("SVDIR");
        Run::of(command.output().unwrap())
    };
    fs::create_dir_all(log.join("supervise")).unwrap();
    fs::write(log.join("supervise/status"), [0; 20]).unwrap();
    fs::set_permissions(log.join("supervise"), fs::Permissions::from_mode(0o700)).unwrap();
    let said = as_nobody();
    assert_eq!((said.code, said.out.as_str()), (0, line), "{said:?}");
    fs::set_permissions(&elsewhere, fs::Permissions::from_mode(0o700)).unwrap();
    let said = as_nobody();
    assert_eq!((said.code, said.out.as_str()), (111, ""), "{said:?}");
    let hint = format!("needs search permission on {}", elsewhere.display());
    assert!(said.err.contains(&hint), "{said:?}");
    // What may not be read hides nothing else.
    fs::set_permissions(&elsewhere, fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(elsewhere.join("current"), fs::Permissions::from_mode(0o600)).unwrap();
    let beside = supervised.scan_dir().join(".beside");
    fs::create_dir(&beside).unwrap();
    fs::write(beside.join("current"), "2026-11-22_10:00:00.00000 beside it\n").unwrap();
    let mut command = std::process::Command::new(&program);
    command.args(["logs", "--utc"]).args([&elsewhere, &beside]).uid(65_534).gid(65_534);
    let said = Run::of(command.output().unwrap());
    assert_eq!(said.code, 111, "{said:?}");
    assert!(said.out.ends_with("beside it\n") && said.err.contains("needs read"), "{said:?}");
    fs::set_permissions(&elsewhere, fs::Permissions::from_mode(0o700)).unwrap();
    fs::set_permissions(log.join("run"), fs::Permissions::from_mode(0o700)).unwrap();
    let said = as_nobody();
    assert_eq!(said.code, 111, "{said:?}");
    assert!(said.err.contains("needs"), "{said:?}");
}

/// `multilog` goes to one of its directories, and its words are still relative to where it started.
#[test]
fn a_logger_that_has_gone_to_its_directory_is_found() {
    if !Suite::Daemontools.is_installed() {
        return;
    }
    let run = "mkfifo pipe; mkdir -p main beside; exec multilog t ./main ./beside <>pipe";
    let supervised = Supervised::start(Suite::Daemontools, run);
    until_state(&supervised, "up");
    let current = supervised.dir().join("main/current");
    let deadline = std::time::Instant::now() + crate::supervised::PATIENCE;
    while !current.exists() {
        assert!(std::time::Instant::now() < deadline);
        std::thread::yield_now();
    }
    fs::write(supervised.dir().join("pipe"), "it works\n").unwrap();
    while fs::read(&current).unwrap().is_empty() {
        assert!(std::time::Instant::now() < deadline);
        std::thread::yield_now();
    }
    let said = act(&supervised, &["logs"]);
    assert!(said.code == 0 && said.out.ends_with("it works\n"), "{said:?}");
    assert_eq!(said.out.lines().count(), 1, "{said:?}");
}
