//! Services put in and out of the sight of real scanners: `runsvdir`, `svscan`, `s6-svscan`.

use std::{
    fs,
    os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use svclient::{
    Disabled, Enabled, EnabledLink, Error, ErrorKind, Noticed, Op, ScanDir, ScanOp, Scanner,
    Service, SupervisionEnd, WatchSet,
};
use tempfile::TempDir;

use crate::supervised::{PATIENCE, Suite, encore, strays};

macro_rules! scanners {
    (all: $($all:ident)*; s6: $($s6:ident)*;) => {
        of_suite!(crate::scanners, runit Runit $($all)*);
        of_suite!(crate::scanners, daemontools Daemontools $($all)*);
        of_suite!(crate::scanners, encore Encore $($all)*);
        of_suite!(crate::scanners, s6 S6 $($all)* $($s6)*);
    };
}

scanners! {
    all:
        what_is_enabled_runs_and_what_is_disabled_stays_away
        without_a_scanner_a_link_waits_for_one
        supervisors_end_without_a_scanner
        a_service_that_does_not_end_is_told_at_the_deadline
        a_service_with_two_names_is_not_ended
        what_stands_in_the_way_is_told_and_left_alone;
    s6:
        a_scanner_is_told_as_long_as_it_listens
        a_stopped_scanner_delays_no_end
        a_scanner_without_a_reader_is_gone;
}

/// A pool of service directories, a scan directory, and what runs on them; nothing outlives it.
struct Scanned {
    suite: Suite,
    tree: TempDir,
    scanner: Option<Child>,
    supervisors: Vec<Child>,
}

const SLEEP: &str = "exec sleep 1000";
const DEAF: &str = "trap '' TERM\n: >deaf\nexec sleep 1000";
/// A logger ends with its input, as a real one.
const LOGGER: &str = "exec cat >/dev/null";

impl Scanned {
    fn prepare(suite: Suite) -> Self {
        let tree = tempfile::Builder::new().prefix("svscan-").tempdir().unwrap();
        let this = Self { suite, tree, scanner: None, supervisors: Vec::new() };
        fs::create_dir(this.scan_dir().dir()).unwrap();
        fs::create_dir(this.tree.path().join("pool")).unwrap();
        this
    }

    fn start(suite: Suite) -> Self {
        let mut this = Self::prepare(suite);
        this.scan();
        this
    }

    fn scan_dir(&self) -> ScanDir {
        ScanDir::new(self.tree.path().join("scan"))
    }

    fn entry(&self, name: &str) -> PathBuf {
        self.scan_dir().dir().join(name)
    }

    fn is_linked(&self, name: &str) -> bool {
        self.entry(name).symlink_metadata().is_ok()
    }

    /// A service directory outside the scan directory.
    fn service(&self, name: &str, run: &str) -> PathBuf {
        let dir = self.tree.path().join("pool").join(name);
        fs::create_dir(&dir).unwrap();
        let fresh = dir.join(".fresh");
        fs::write(&fresh, format!("#!/bin/sh\n{run}\n")).unwrap();
        fs::set_permissions(&fresh, fs::Permissions::from_mode(0o755)).unwrap();
        fs::rename(fresh, dir.join("run")).unwrap();
        dir
    }

    /// As [`Scanned::service`], with a logger.
    fn logged_service(&self, name: &str, run: &str) -> PathBuf {
        let dir = self.service(name, run);
        self.service(&format!("{name}/log"), LOGGER);
        dir
    }

    fn scan(&mut self) {
        let program = match self.suite {
            Suite::Runit | Suite::Embedded => "runsvdir",
            Suite::Daemontools => "svscan",
            Suite::Encore => encore("svscan"),
            Suite::S6 => "s6-svscan",
        };
        if self.suite == Suite::Encore {
            // Its scanner ends when it has nothing to do (1.11).
            let idle = self.service("idle", SLEEP);
            symlink(idle, self.entry("idle")).unwrap();
        }
        self.scanner = Some(start(program, self.scan_dir().dir()));
        if self.suite == Suite::S6 {
            // It listens in a moment; the others never do.
            let deadline = deadline();
            while self.scan_dir().scanner().unwrap() != Scanner::Listens {
                assert!(Instant::now() < deadline);
                std::thread::sleep(Duration::from_millis(2));
            }
        }
    }

    /// Starts a supervisor as if by hand.
    fn supervise(&mut self, dir: &Path) {
        let supervisor = start(self.suite.supervisor(), dir);
        self.supervisors.push(supervisor);
    }

    fn signal_scanner(&self, signal: Signal) {
        let pid = self.scanner.as_ref().unwrap().id().try_into().unwrap();
        kill(Pid::from_raw(pid), signal).unwrap();
    }

    /// Ends the scanner alone: whatever it has started goes on.
    fn kill_scanner(&mut self) {
        if let Some(mut scanner) = self.scanner.take() {
            let _gone = scanner.kill();
            let _reaped = scanner.wait();
        }
    }

    /// Every process whose working directory is in this part of the tree. A scanner stays in its
    /// directory, supervisors and services in theirs.
    fn processes(&self, part: &str) -> Vec<Pid> {
        strays::processes(&self.tree.path().join(part))
    }
}

impl Drop for Scanned {
    fn drop(&mut self) {
        // A link to nothing would keep some scanners from doing anything; and none is to start
        // what is being ended.
        for entry in fs::read_dir(self.scan_dir().dir()).unwrap().filter_map(Result::ok) {
            let _stays = fs::remove_file(entry.path());
        }
        self.kill_scanner();
        strays::end(self.tree.path(), || {
            for child in &mut self.supervisors {
                let _reaped = child.try_wait();
            }
        });
        for child in &mut self.supervisors {
            let _reaped = child.wait();
        }
    }
}

fn start(program: &str, dir: &Path) -> Child {
    // A scanner starts the supervisor that it finds first: its own, where it is named by a path.
    let own = Path::new(program).parent().filter(|dir| dir.is_absolute());
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = own.into_iter().map(Path::to_owned).chain(std::env::split_paths(&path));
    Command::new(program)
        .arg(dir)
        .env("PATH", std::env::join_paths(path).unwrap())
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Waits until a supervisor holds the directory and its record can be read.
#[track_caller]
fn wait_for(dir: &Path) {
    let mut watch = WatchSet::new().unwrap();
    watch.add(Service::open(dir).unwrap()).unwrap();
    let deadline = deadline();
    while let Some(event) = watch.next_before(deadline).unwrap() {
        if event.status.is_ok_and(|seen| seen.facts().is_some()) {
            return;
        }
    }
    panic!("nobody supervises {}", dir.display());
}

fn deadline() -> Instant {
    Instant::now() + PATIENCE
}

fn soon() -> Instant {
    Instant::now() + Duration::from_millis(300)
}

#[track_caller]
fn assert_supervised(enabled: &Enabled) {
    let Noticed::Supervised { status: seen } = &enabled.noticed else { panic!("{enabled:?}") };
    assert!(seen.facts().is_some(), "{enabled:?}");
}

fn is_supervised(dir: &Path) -> bool {
    Service::open(dir).unwrap().status().unwrap().reading().is_supervised()
}

#[track_caller]
fn ended(disabled: Disabled) -> SupervisionEnd {
    disabled.ended.unwrap()
}

fn what_is_enabled_runs_and_what_is_disabled_stays_away(suite: Suite) {
    let scanned = Scanned::start(suite);
    let scan_dir = scanned.scan_dir();
    let web = scanned.logged_service("web", SLEEP);
    let other = scanned.service("other", SLEEP);

    let enabled = scan_dir.enable(&web, deadline()).unwrap();
    assert_eq!(enabled.link, EnabledLink::Made);
    assert_supervised(&enabled);
    assert_eq!(fs::read_link(scanned.entry("web")).unwrap(), web);
    assert_eq!(
        (enabled.service.name().to_str(), enabled.service.dir()),
        (Some("web"), &*scanned.entry("web"))
    );
    let told = if suite == Suite::S6 { Scanner::Listens } else { Scanner::LooksByItself };
    // Told, it need not look every few seconds.
    assert!(told != Scanner::Listens || enabled.took < Scanner::PERIOD / 2, "{:?}", enabled.took);
    assert_eq!((enabled.scanner, scan_dir.scanner().unwrap()), (told, told));
    wait_for(&web.join("log"));
    assert!(!scanned.processes("pool/web").is_empty());

    let again = scan_dir.enable(&web, deadline()).unwrap();
    assert_eq!(again.link, EnabledLink::Found);
    assert_supervised(&again);

    let disabled = scan_dir.disable("web", deadline()).unwrap();
    assert_eq!(*disabled.scanner.as_ref().unwrap(), told);
    assert_eq!(disabled.service.as_ref().unwrap().dir(), web);
    assert_eq!(ended(disabled), SupervisionEnd::Gone);
    assert!(!scanned.is_linked("web"));
    // Their working directories say so: supervisors, service, logger.
    assert_eq!(scanned.processes("pool/web"), []);

    // The scanner has looked again when it has found another one.
    assert_supervised(&scan_dir.enable(&other, deadline()).unwrap());
    assert!(!is_supervised(&web));
    assert_eq!(scanned.processes("pool/web"), []);
    let gone = scan_dir.disable("web", deadline()).unwrap_err();
    assert!(matches!(&gone, Error::NotFound { path } if *path == scanned.entry("web")), "{gone}");
}

fn without_a_scanner_a_link_waits_for_one(suite: Suite) {
    let mut scanned = Scanned::prepare(suite);
    let scan_dir = scanned.scan_dir();
    let web = scanned.service("web", SLEEP);
    let before = Instant::now();
    let enabled = scan_dir.enable(&web, soon()).unwrap();
    assert_eq!((enabled.link, enabled.scanner), (EnabledLink::Made, Scanner::LooksByItself));
    assert!(matches!(enabled.noticed, Noticed::NotYet { status: seen }
        if !seen.reading().is_supervised()));
    assert!(before.elapsed() < Duration::from_secs(2), "{:?}", before.elapsed());

    // Nobody supervises it, so there is nobody to wait for.
    assert_eq!(ended(scan_dir.disable("web", deadline()).unwrap()), SupervisionEnd::Gone);
    assert!(!scanned.is_linked("web"));

    scan_dir.enable_as("site", &web, Instant::now()).unwrap();
    scanned.scan();
    let enabled = scan_dir.enable_as("site", &web, deadline()).unwrap();
    assert_eq!((enabled.link, enabled.service.name().to_str()), (EnabledLink::Found, Some("site")));
    assert_supervised(&enabled);
}

fn supervisors_end_without_a_scanner(suite: Suite) {
    let mut scanned = Scanned::prepare(suite);
    let scan_dir = scanned.scan_dir();
    let web = scanned.logged_service("web", SLEEP);
    scanned.supervise(&web);
    if suite != Suite::Runit {
        scanned.supervise(&web.join("log"));
    }
    wait_for(&web.join("log"));
    let enabled = scan_dir.enable(&web, deadline()).unwrap();
    assert_supervised(&enabled);

    assert_eq!(ended(scan_dir.disable("web", deadline()).unwrap()), SupervisionEnd::Gone);
    assert!(!scanned.is_linked("web"));
    assert!(!is_supervised(&web) && !is_supervised(&web.join("log")));
}

fn a_service_that_does_not_end_is_told_at_the_deadline(suite: Suite) {
    let mut scanned = Scanned::prepare(suite);
    let scan_dir = scanned.scan_dir();
    let web = scanned.service("web", DEAF);
    scanned.supervise(&web);
    let deadline_of_trap = deadline();
    while !web.join("deaf").exists() {
        assert!(Instant::now() < deadline_of_trap);
        std::thread::sleep(Duration::from_millis(2));
    }
    assert_supervised(&scan_dir.enable(&web, deadline()).unwrap());

    let disabled = scan_dir.disable("web", soon()).unwrap();
    let Ok(SupervisionEnd::NotYet { service }) = disabled.ended else { panic!("{disabled:?}") };
    assert_eq!((service.name().to_str(), service.dir()), (Some("web"), &*web));
    assert!(!scanned.is_linked("web") && is_supervised(&web));
    // daemontools is deaf at first: SIGKILL after the request that it has not read yet.
    service.send(Op::Kill).unwrap();
    let mut watch = WatchSet::new().unwrap();
    watch.add(service).unwrap();
    let deadline = deadline();
    let is_last = |event: &svclient::WatchEvent| {
        event.status.as_ref().is_ok_and(|seen| !seen.reading().is_supervised())
    };
    while !is_last(&watch.next_before(deadline).unwrap().unwrap()) {}
}

fn a_service_with_two_names_is_not_ended(suite: Suite) {
    let mut scanned = Scanned::prepare(suite);
    let scan_dir = scanned.scan_dir();
    let web = scanned.service("web", SLEEP);
    scanned.supervise(&web);
    scan_dir.enable(&web, deadline()).unwrap();
    let twice = scan_dir.enable_as("site", &web, deadline()).unwrap_err();
    assert!(matches!(&twice, Error::EnabledAs { link, .. } if *link == scanned.entry("web")));
    assert!(!scanned.is_linked("site"));

    symlink(&web, scanned.entry("site")).unwrap();
    let kept = ended(scan_dir.disable("web", deadline()).unwrap());
    assert_eq!(kept, SupervisionEnd::Kept { link: scanned.entry("site") });
    assert!(!scanned.is_linked("web") && is_supervised(&web));
    assert_eq!(ended(scan_dir.disable("site", deadline()).unwrap()), SupervisionEnd::Gone);
    assert!(!is_supervised(&web));
}

/// Some of what stands in the way is a matter of the suite: a scanner may be there to be told.
fn what_stands_in_the_way_is_told_and_left_alone(suite: Suite) {
    let scanned = Scanned::start(suite);
    let scan_dir = scanned.scan_dir();
    let web = scanned.service("web", SLEEP);
    let other = scanned.service("other", SLEEP);
    let before: Vec<_> = ["empty", "pool/file"].map(|it| scanned.tree.path().join(it)).into();
    fs::create_dir(&before[0]).unwrap();
    fs::write(&before[1], "").unwrap();
    let kind = |result: Result<Enabled, Error>| result.unwrap_err().kind();
    assert_eq!(kind(scan_dir.enable(&before[0], deadline())), ErrorKind::NotAService);
    assert_eq!(kind(scan_dir.enable(&before[1], deadline())), ErrorKind::WrongType);
    assert_eq!(kind(scan_dir.enable("", deadline())), ErrorKind::NotFound);
    for name in ["", ".", "..", ".web", "web/log"] {
        assert_eq!(kind(scan_dir.enable_as(name, &web, deadline())), ErrorKind::BadName, "{name}");
    }
    let nowhere = ScanDir::new(scanned.tree.path().join("nowhere"));
    assert_eq!(kind(nowhere.enable(&web, deadline())), ErrorKind::NotFound);
    assert_eq!(
        fs::read_dir(scan_dir.dir()).unwrap().count(),
        usize::from(matches!(suite, Suite::S6 | Suite::Encore))
    );

    scan_dir.enable_as("web", &other, deadline()).unwrap();
    let taken = scan_dir.enable(&web, deadline()).unwrap_err();
    assert!(
        matches!(&taken, Error::NameTaken { leads_to: Some(path), .. } if *path == other),
        "{taken:?}"
    );
    assert!(taken.hint().unwrap().contains("pool/other"));
    assert_eq!(fs::read_link(scanned.entry("web")).unwrap(), other);
    assert_eq!(ended(scan_dir.disable("web", deadline()).unwrap()), SupervisionEnd::Gone);

    fs::create_dir(scanned.entry("real")).unwrap();
    let refused = scan_dir.disable("real", deadline()).unwrap_err();
    assert!(matches!(&refused, Error::NotALink { found: "a directory", .. }), "{refused:?}");
    assert!(scanned.is_linked("real"));
    assert_eq!(scan_dir.disable("none", deadline()).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(scan_dir.disable("web/log", deadline()).unwrap_err().kind(), ErrorKind::BadName);

    symlink("nowhere", scanned.entry("dangling")).unwrap();
    let taken = scan_dir.enable_as("dangling", &web, deadline()).unwrap_err();
    assert!(matches!(&taken, Error::NameTaken { leads_to: None, .. }), "{taken:?}");
    let disabled = scan_dir.disable("dangling", deadline()).unwrap();
    assert_eq!((&disabled.service, disabled.ended.unwrap()), (&None, SupervisionEnd::NoService));
    assert!(!scanned.is_linked("dangling"));
}

fn a_scanner_is_told_as_long_as_it_listens(suite: Suite) {
    let mut scanned = Scanned::prepare(suite);
    let first = scanned.service("first", SLEEP);
    symlink(&first, scanned.entry("first")).unwrap();
    scanned.scan();
    let scan_dir = scanned.scan_dir();
    let web = scanned.service("web", SLEEP);
    // Without a word it does not look, once it has looked for the first time.
    wait_for(&first);
    symlink(&web, scanned.entry("web")).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    assert!(!is_supervised(&web));
    assert_eq!(scan_dir.poke(ScanOp::Rescan, deadline()).unwrap(), Scanner::Listens);
    wait_for(&web);

    scanned.signal_scanner(Signal::SIGSTOP);
    let full = fill(&scanned);
    let error = scan_dir.poke(ScanOp::Rescan, soon()).unwrap_err();
    assert!(matches!(error, Error::ScannerNotTakingRequests { .. }), "{error:?}");
    assert_eq!(error.kind(), ErrorKind::Busy);
    scanned.signal_scanner(Signal::SIGCONT);
    drop(full);
    assert_eq!(scan_dir.poke(ScanOp::Rescan, deadline()).unwrap(), Scanner::Listens);
}

/// Requests to reap children, which change nothing, until there is room for no more.
fn fill(scanned: &Scanned) -> fs::File {
    use std::io::Write;
    let path = scanned.entry(".s6-svscan/control");
    let mut options = fs::File::options();
    let mut fifo = options.write(true).custom_flags(nix::libc::O_NONBLOCK).open(path).unwrap();
    while fifo.write(&[ScanOp::Reap.byte(); 4096]).is_ok() {}
    fifo
}

fn a_stopped_scanner_delays_no_end(suite: Suite) {
    let scanned = Scanned::start(suite);
    let scan_dir = scanned.scan_dir();
    let web = scanned.logged_service("web", SLEEP);
    assert_supervised(&scan_dir.enable(&web, deadline()).unwrap());
    wait_for(&web.join("log"));
    scanned.signal_scanner(Signal::SIGSTOP);
    drop(fill(&scanned));
    let disabled = scan_dir.disable("web", deadline()).unwrap();
    assert_eq!(disabled.scanner.as_ref().unwrap_err().kind(), ErrorKind::Busy, "{disabled:?}");
    assert_eq!(ended(disabled), SupervisionEnd::Gone);
    assert!(!is_supervised(&web) && !is_supervised(&web.join("log")));
}

fn a_scanner_without_a_reader_is_gone(suite: Suite) {
    let mut scanned = Scanned::start(suite);
    let scan_dir = scanned.scan_dir();
    let web = scanned.logged_service("web", SLEEP);
    assert_supervised(&scan_dir.enable(&web, deadline()).unwrap());
    wait_for(&web.join("log"));
    scanned.kill_scanner();
    assert_eq!(scan_dir.scanner().unwrap(), Scanner::Gone);
    assert_eq!(scan_dir.poke(ScanOp::Rescan, deadline()).unwrap(), Scanner::Gone);
    let disabled = scan_dir.disable("web", deadline()).unwrap();
    assert_eq!(*disabled.scanner.as_ref().unwrap(), Scanner::Gone);
    assert_eq!(ended(disabled), SupervisionEnd::Gone);
    assert!(!is_supervised(&web) && !is_supervised(&web.join("log")));
}

/// Only Linux has a table that shows who scans.
#[cfg(target_os = "linux")]
#[test]
fn a_scanner_is_that_of_the_directory_it_looks_into_and_not_of_where_it_was_started() {
    use std::os::unix::process::CommandExt as _;

    let place = tempfile::tempdir().unwrap();
    let services = place.path().join("services");
    fs::create_dir(&services).unwrap();
    let scanned = |program: &str, dir: &Path| {
        let mut command = Command::new("/bin/sh");
        command.arg0(program).args(["-c", "echo; read it", "sh"]).arg(&services);
        command.current_dir(dir);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // Whoever has said something has been started with its words.
        let said = child.stdout.as_mut().unwrap();
        std::io::Read::read_exact(said, &mut [0]).unwrap();
        let [outer, inner] = [place.path(), &services].map(|it| ScanDir::new(it).has_scanner());
        child.kill().unwrap();
        child.wait().unwrap();
        (outer, inner)
    };
    assert_eq!(scanned("runsvdir", place.path()), (false, true));
    assert_eq!(scanned("svscan", &services), (false, true));
    assert_eq!(scanned("sleep", &services), (false, false));
}
