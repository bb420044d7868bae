//! What `svctl build` makes for the embedded supervisor, under it.

use std::{
    fs,
    time::{Duration, Instant},
};

use crate::{
    scan::Scan,
    svctl::{Run, command},
};

/// A scan directory of what is built of these definitions.
fn built(text: &str) -> Scan {
    let scan = Scan::prepare();
    let (file, out) = (scan.beside("svcmgr.toml"), scan.beside("built"));
    fs::write(&file, text).unwrap();
    let mut build = command(["build", "--to", "embedded", "--out"]);
    let told = Run::of(build.arg(&out).arg(&file).output().unwrap());
    assert_eq!((told.code, &*told.err), (0, ""), "{}", told.out);
    for entry in fs::read_dir(&out).unwrap().flatten().filter(|entry| entry.path().is_dir()) {
        fs::rename(entry.path(), scan.path().join(entry.file_name())).unwrap();
    }
    scan
}

#[test]
fn a_logger_of_the_embedded_target_keeps_lines_with_limits_on_the_service() {
    let path = std::env::var_os("PATH").unwrap();
    if !std::env::split_paths(&path).any(|dir| dir.join("svlogd").is_file()) {
        crate::skips::skip("runit", "no svlogd in PATH", "`cargo xtask setup` installs it");
        return;
    }
    let mut scan = built(
        "[service.web]\nexec = [\"sh\", \"-c\", \"echo $(ulimit -Sn) $(ulimit -Hn) $(ulimit -Sc) secret; echo secret; exec sleep 1000\"]\n\
         limits = { files = { soft = 99, hard = 101 }, core = \"infinity\" }\n\
         log = { timestamp = \"tai64n\", max_size = \"8K\", filter = [\"-secret\"] }\n",
    );
    scan.start();
    let deadline = Instant::now() + Duration::from_secs(60);
    let kept = loop {
        let logs = scan.svctl(["logs", "web", "--json"]);
        let lines: Vec<_> = logs.out.lines().map(str::to_owned).collect();
        if !lines.is_empty() || Instant::now() > deadline {
            break lines;
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    let [line] = &kept[..] else { panic!("{kept:?}") };
    assert!(line.contains("99 101 ") && line.contains("secret"), "{line}");
    assert!(line.contains("\"at\":\"20"), "its stamp is read: {line}");
}

/// What `explain` says at last, when it is as it is expected.
fn explained(scan: &Scan, name: &str, is_it: impl Fn(&Run) -> bool) -> Run {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let told = scan.svctl(["explain", name]);
        if is_it(&told) {
            return told;
        }
        assert!(Instant::now() < deadline, "{told:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_job_that_is_done_is_well() {
    let mut scan = built(
        "[service.migrate]\nexec = [\"sh\", \"-c\", \"trap 'exit 0' USR1; while :; do sleep 0.05; done\"]\n\
         restart = \"on-failure\"\n",
    );
    scan.start();
    assert_eq!(scan.svctl(["send", "usr1", "migrate"]).code, 0);
    let told = explained(&scan, "migrate", |it| it.out.contains("down"));
    assert!(told.code == 0 && told.out.contains("nothing is wrong"), "{told:?}");
    let ready = scan.svctl(["check", "--ready"]);
    assert_eq!(ready.code, 0, "{ready:?}");
}

#[test]
fn where_a_service_is_asked_in_vain_is_said() {
    let mut scan =
        built("[service.web]\nexec = [\"sleep\", \"1000\"]\nready = { tcp = \"127.0.0.1:1\" }\n");
    scan.start();
    let told = explained(&scan, "web", |it| it.out.contains("127.0.0.1:1"));
    assert!(told.out.contains("was asked, and has not answered yet"), "{told:?}");
    assert!(!told.out.contains("notification-fd"), "{told:?}");
    let waited = scan.svctl(["check", "--ready", "web"]);
    assert_eq!(waited.code, 1, "{waited:?}");
}
