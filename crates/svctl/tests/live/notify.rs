//! `svctl notify-bridge`: a definition with `ready.notify` under supervisors that do not speak `sd_notify(3)`.

use std::{
    fs,
    os::unix::{fs::PermissionsExt as _, process::CommandExt as _},
    path::Path,
    process::Command,
    time::Instant,
};

use svcmgr::build::{
    Definitions, Options, Service, Target,
    plan::{PlanEntry, Unit},
    spec::{ReadyCheck, Stream},
};

use crate::{
    supervised::{PATIENCE, Suite, Supervised, scripts},
    svctl::{program, run},
};

fn until<T>(what: &str, mut test: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = test() {
            return found;
        }
        assert!(Instant::now() < deadline, "no {what}");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

/// What the suite itself says.
fn is_ready(supervised: &Supervised) -> bool {
    if supervised.suite == Suite::Runit {
        // `sv check` waits for it; this is what it asks.
        let check = Command::new("./check").current_dir(supervised.dir()).status();
        return check.unwrap().success();
    }
    let asked = Command::new("s6-svstat").args(["-o", "ready"]).arg(supervised.dir()).output();
    asked.unwrap().stdout == b"true\n"
}

/// Whether somebody still reads for a process.
fn has_reader(pid: &str) -> bool {
    fs::read_dir("/proc").unwrap().flatten().any(|process| {
        let words = fs::read(process.path().join("cmdline")).unwrap_or_default();
        let mut words = words.split(|byte| *byte == 0);
        words.any(|word| word == b"__notify") && words.any(|word| word == pid.as_bytes())
    })
}

/// Where `svctl` is, and the system's programs.
fn search_path() -> String {
    format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", program().parent().unwrap().display())
}

/// A service that tells its socket and its pid, and is ready once `go` is there, which a child of it says.
fn service(open: &Path) -> Service {
    let script = "echo $$ >pid.new; mv pid.new pid; printf %s \"$NOTIFY_SOCKET\" >socket.new; mv socket.new socket; \
                  while [ ! -e go ]; do sleep 0.02; done; systemd-notify --ready; exec sleep 1000";
    Service::new(["/bin/sh", "-c", script])
        .cwd(open)
        .user("daemon")
        .env("PATH", search_path())
        .ready(ReadyCheck::Notify)
        .stderr(Stream::File(open.join("said")))
}

fn a_program_says_that_it_is_ready(suite: Suite, target: Target) {
    if !suite.is_installed() {
        return;
    }
    let mut supervised = Supervised::prepare(suite, "exit 1");
    let open = supervised.scan_dir().join(".open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
    let plan = Definitions::default().with("web", service(&open)).render(target, Options::new());
    let Some(Unit::Directory(entries)) = plan.unwrap().units.remove("web") else { panic!() };
    for (path, entry) in entries {
        let path = supervised.dir().join(path);
        match entry {
            PlanEntry::File(file) if file.mode & 0o100 != 0 => {
                scripts::write(&path, std::str::from_utf8(&file.bytes).unwrap());
            }
            PlanEntry::File(file) => fs::write(path, file.bytes).unwrap(),
            _ => fs::create_dir_all(path).unwrap(),
        }
    }
    // The programs of the suites look `svctl` up where their supervisor does.
    let path = format!("PATH={}", search_path());
    supervised.supervise_under(&["/usr/bin/env", &path]);
    let socket = || fs::read_to_string(open.join("socket")).ok().filter(|it| !it.is_empty());
    let name = until("socket", socket);
    assert!(name.starts_with('@'), "{name}");
    // Somebody else's word does not count, and it is told.
    let mut other = Command::new("systemd-notify");
    let told = other.arg("--ready").env("NOTIFY_SOCKET", &name).uid(33).gid(33).status();
    assert!(told.unwrap().success());
    until("refusal", || {
        let said = fs::read_to_string(open.join("said")).unwrap_or_default();
        said.contains("of user 33 says is not heard").then_some(())
    });
    assert!(!is_ready(&supervised), "{suite:?}");
    fs::write(open.join("go"), "").unwrap();
    until("readiness", || is_ready(&supervised).then_some(()));
    let pid = fs::read_to_string(open.join("pid")).unwrap();
    // It is the program that the supervisor knows, and svctl sees what the suite sees.
    assert!(supervised.native_names(pid.trim()), "{}", supervised.native());
    let waited =
        run(["wait", "--for", "ready", "--timeout", "1m", supervised.dir().to_str().unwrap()]);
    assert_eq!(waited.code, 0, "{waited:?}");
    assert!(has_reader(pid.trim()), "it goes on to hear what the program says");
    // What the last process said counts for no other.
    fs::remove_file(open.join("go")).unwrap();
    fs::remove_file(open.join("socket")).unwrap();
    assert_eq!(run(["kill", supervised.dir().to_str().unwrap()]).code, 0);
    until("another socket", socket);
    assert!(!is_ready(&supervised), "{suite:?}");
    until("end of the reader", || (!has_reader(pid.trim())).then_some(()));
    fs::write(open.join("go"), "").unwrap();
    until("readiness", || is_ready(&supervised).then_some(()));
}

#[test]
fn a_program_says_that_it_is_ready_under_runit() {
    a_program_says_that_it_is_ready(Suite::Runit, Target::Runit);
}

#[test]
fn a_program_says_that_it_is_ready_under_s6() {
    a_program_says_that_it_is_ready(Suite::S6, Target::S6);
}

/// Errors say what is missing, and nothing is started.
#[test]
fn a_bridge_that_leads_nowhere_is_refused() {
    let closed = run(["notify-bridge", "9", "--", "/bin/echo", "started"]);
    assert_eq!((closed.code, &*closed.out), (111, ""), "{closed:?}");
    assert!(closed.err.contains("descriptor 9 is not open"), "{closed:?}");
    assert_eq!(run(["notify-bridge", "3"]).code, 100);
    let own = program();
    let missing = Command::new("/bin/sh")
        .args(["-c", "exec \"$0\" notify-bridge 3 -- /no/such/program 3>/dev/null"])
        .arg(own)
        .output()
        .unwrap();
    assert_eq!(missing.status.code(), Some(111));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("cannot run /no/such/program"));
}
