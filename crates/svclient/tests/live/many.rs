//! Services of several suites in one call, and of no suite at all.

use std::{
    ffi::OsString,
    fs::{self, File},
    num::NonZeroUsize,
    os::unix::fs::{OpenOptionsExt, symlink},
    path::Path,
    sync::{Arc, Mutex},
    task::Waker,
    time::Duration,
};

use nix::{libc, sys::stat::Mode, unistd::mkfifo};
use svclient::{
    Bulk, Error, ErrorKind, Goal, Intent, Liveness, Name, News, Op, Outcome, Pending, Request,
    ScanDir, Service, State, Status, Subscription, Supervised, Support, WatchSet,
};

use crate::{
    supervised::{Suite, Supervised as Started},
    waiting::{deadline, event, open, status_of, watch},
};

const SLEEP: &str = "exec sleep 1000";

/// A supervisor of somebody's own: what is asked of it is so a moment later.
struct Own(Mutex<Option<Intent>>);

impl Supervised for Own {
    fn name(&self) -> Name<'_> {
        Name::new("own")
    }

    fn suite(&self) -> Option<svclient::Suite> {
        Some(svclient::Suite::Own("own"))
    }

    fn support(&self, intent: &Intent) -> Support {
        if matches!(intent, Intent::Up | Intent::Down) { Support::Yes } else { Support::No }
    }

    fn status(&self) -> Result<Status, Error> {
        let mut bytes = [0; 20];
        (bytes[0], bytes[17]) = (0x40, b'd');
        if *self.0.lock().unwrap() == Some(Intent::Up) {
            (bytes[12], bytes[17], bytes[19]) = (42, b'u', 1);
        }
        let record = svproto::Record::from_bytes(svproto::Dialect::Runit, &bytes).unwrap();
        Ok(Status::of(record.facts()))
    }

    fn request(&self, intent: &Intent) -> Result<Pending, Error> {
        if !self.support(intent).is_yes() {
            let doing = format!("send `{intent}` to");
            return Err(Error::other("own", doing, ErrorKind::Unsupported, "it knows up and down"));
        }
        *self.0.lock().unwrap() = Some(*intent);
        Ok(Pending::delivered())
    }

    fn subscribe(&self, _waker: Waker) -> Result<Subscription, Error> {
        Ok(Subscription::every(Duration::from_millis(10)))
    }
}

/// Every suite that is installed, with one service each that is down; and an own one.
fn mixed() -> (Vec<Started>, Vec<Arc<dyn Supervised>>) {
    let suites = [Suite::Runit, Suite::Daemontools, Suite::S6];
    let mut supervised = Vec::new();
    for suite in suites.into_iter().filter(|suite| suite.is_installed()) {
        let mut one = Started::prepare(suite, SLEEP);
        one.file("down", "");
        one.supervise();
        let mut watch = watch(&one);
        event(&mut watch, |event| status_of(event).is_some_and(|s| s.state() == State::Down));
        supervised.push(one);
    }
    let services = supervised.iter().map(|one| Arc::new(open(one)) as Arc<dyn Supervised>);
    let own: Arc<dyn Supervised> = Arc::new(Own(Mutex::new(None)));
    let services = services.chain([own]).collect();
    (supervised, services)
}

#[test]
fn services_of_every_kind_go_together() {
    let (_supervised, services) = mixed();
    let bulk = Bulk::new(&services).parallel(NonZeroUsize::new(2).unwrap());
    for (request, state) in [(Request::up(), State::Up), (Request::down(), State::Down)] {
        for outcome in bulk.pursue(&request, deadline()).unwrap() {
            assert!(outcome.as_ref().is_ok_and(Outcome::is_reached), "{outcome:?}");
        }
        for (service, status) in services.iter().zip(bulk.statuses()) {
            let reading = status.unwrap().reading();
            assert_eq!(reading.facts().unwrap().state(), state, "{}", service.name());
        }
    }
    // One that cannot is one result, and not the only one.
    let sent = bulk.request(Op::Hup.into());
    let (own, others) = sent.split_last().unwrap();
    assert!(others.iter().all(Result::is_ok), "{others:?}");
    assert_eq!(own.as_ref().unwrap_err().kind(), ErrorKind::Unsupported);
}

#[test]
fn a_rolling_restart_has_one_service_down_at_a_time() {
    let (_supervised, services) = mixed();
    let services = &services[..services.len() - 1];
    let one = Bulk::new(services).limit(NonZeroUsize::MIN);
    for request in [Request::up(), Request::restart(), Request::down().until(Goal::Down)] {
        for outcome in one.pursue(&request, deadline()).unwrap() {
            assert!(outcome.as_ref().is_ok_and(Outcome::is_reached), "{outcome:?}");
        }
    }
}

fn running(suite: Suite) -> (Started, WatchSet) {
    let supervised = Started::start(suite, SLEEP);
    let mut watch = watch(&supervised);
    event(&mut watch, |event| status_of(event).is_some_and(|s| s.state() == State::Up));
    (supervised, watch)
}

/// A scan directory with links to services of every suite and in every condition, and with what is
/// no service.
fn street() -> (Vec<Started>, tempfile::TempDir) {
    let (mut supervised, _) = mixed();
    for suite in [Suite::Runit, Suite::Daemontools, Suite::S6] {
        if suite.is_installed() {
            let (with_log, _) = running(suite);
            fs::create_dir(with_log.dir().join("log")).unwrap();
            with_log.script("log/run", "exec cat");
            supervised.push(with_log);
            let (dead, mut watch) = running(suite);
            dead.signal(nix::sys::signal::Signal::SIGKILL);
            event(&mut watch, |event| event.news == News::Unsupervised);
            supervised.push(dead);
            supervised.push(Started::prepare(suite, SLEEP));
        }
    }
    let scan_dir = tempfile::tempdir().unwrap();
    let entry = |name: &str| scan_dir.path().join(name);
    for (at, one) in supervised.iter().enumerate() {
        symlink(one.dir(), entry(&format!("{at:02}"))).unwrap();
    }
    symlink("/no/such/place", entry("dangling")).unwrap();
    fs::create_dir(entry("empty")).unwrap();
    fs::create_dir(entry(".hidden")).unwrap();
    fs::write(entry("file"), "").unwrap();
    // Somebody answers, and what he published is no record.
    let torn = entry("torn");
    fs::create_dir_all(torn.join("supervise")).unwrap();
    mkfifo(&torn.join("supervise/ok"), Mode::S_IRWXU).unwrap();
    fs::write(torn.join("supervise/status"), [0x40; 7]).unwrap();
    (supervised, scan_dir)
}

/// Reads `ok`, as a supervisor does.
fn answering(service: &Path) -> File {
    let mut reader = File::options();
    reader.read(true).custom_flags(libc::O_NONBLOCK).open(service.join("supervise/ok")).unwrap()
}

/// The same as one by one, in one pass.
#[test]
fn a_survey_finds_what_every_service_says_of_itself() {
    let (_supervised, street) = street();
    let _answers = answering(&street.path().join("torn"));
    let scan_dir = ScanDir::new(street.path());
    let say = |service: &Service, status: Result<Status, Error>| {
        let log = service.log().map(|log| log.status().unwrap());
        (service.clone(), service.dialect(), log, status.map_err(|error| error.to_string()))
    };
    let one_by_one: Vec<_> =
        scan_dir.services().unwrap().iter().map(|one| say(one, one.status())).collect();
    for threads in [1, 2, 7] {
        let survey = scan_dir.survey().unwrap().look(NonZeroUsize::new(threads).unwrap(), say);
        assert_eq!(survey, one_by_one);
    }
    // By name, in any order, and with what there is not.
    let named = ["torn", "nosuch", "empty", "00"].map(OsString::from).to_vec();
    let said = scan_dir.survey_of(named).unwrap().look_or(
        NonZeroUsize::MIN,
        |service, _| service.name().to_string(),
        |name, error| Some(format!("{}: {:?}", name.display(), error.kind())),
    );
    assert_eq!(said, ["torn", "nosuch: NotFound", "empty: NotAService", "00"]);
    let bad = scan_dir.survey_of(vec!["../torn".into()]).unwrap_err();
    assert_eq!(bad.kind(), ErrorKind::BadName);
    let failed: Vec<_> = one_by_one.iter().filter(|(.., status)| status.is_err()).collect();
    assert!(failed.iter().all(|(service, ..)| service.name() == "torn"), "{failed:?}");
    assert_eq!(failed.len(), 1);
    // A service that was met there is one like any other.
    let reading = |one: &Service| one.status().map_err(|error| error.to_string());
    for (service, _, _, status) in &one_by_one {
        assert_eq!(&reading(service), status);
    }
}

/// What the files of two suites say when somebody has changed from one to the other.
#[test]
fn a_survey_is_not_misled_by_the_files_of_another_suite() {
    let street = tempfile::tempdir().unwrap();
    let (web, supervise) = (street.path().join("web"), street.path().join("web/supervise"));
    fs::create_dir_all(&supervise).unwrap();
    mkfifo(&supervise.join("ok"), Mode::S_IRWXU).unwrap();
    let scan_dir = ScanDir::new(street.path());
    let survey = || {
        let tell = |_: &Service, status: Result<Status, Error>| status.unwrap();
        scan_dir.survey().unwrap().look(NonZeroUsize::MIN, tell).remove(0)
    };
    let one_by_one = || Service::open(&web).unwrap().status().unwrap();
    // runit's record, and nobody at `ok`.
    let mut record = [0; 20];
    (record[0], record[12], record[17], record[19]) = (0x40, 42, b'u', 1);
    fs::write(supervise.join("status"), record).unwrap();
    assert_eq!((survey(), survey().liveness()), (one_by_one(), Liveness::Dead));
    // The same, and somebody at `ok`: `stat` is not needed to know runit's running service.
    let _answers = answering(&web);
    assert_eq!(survey().suite(), Some(svclient::Suite::Runit));
    // s6's record beside an `ok` that is read: somebody else's.
    fs::create_dir(web.join("event")).unwrap();
    let mut record = [0; 35];
    record[0] = 0x40;
    fs::write(supervise.join("status"), record).unwrap();
    assert_eq!((survey(), survey().liveness()), (one_by_one(), Liveness::Dead));
}
