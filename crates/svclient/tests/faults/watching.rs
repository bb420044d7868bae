//! Watches: what replaces a record, what is lost, and where the system gives no more.

use super::*;

#[test]
fn f44_a_record_is_followed_through_every_replacement() {
    for dialect in WITH_OK {
        let fake = Fake::alive(dialect);
        let mut watch = WatchSet::new().unwrap();
        watch.add(fake.open()).unwrap();
        assert_eq!(watch.next_now().unwrap().unwrap().news, News::Snapshot);
        for pid in 1..=20 {
            fake.publish(&record(dialect, label(wall_clock()), pid));
            let seen = loop {
                let event = watch.next_before(deadline()).unwrap().unwrap();
                // encore's may be caught empty.
                if event.status.as_ref().unwrap().reading() != Reading::NotYet {
                    break event;
                }
            };
            assert_eq!(status(&seen.status.unwrap()).pid, Pid::new(pid));
        }
    }
}

#[test]
fn f45_lost_events_make_everything_be_looked_at_again() {
    let Some(limit) = skips::overflow("faults") else { return };
    let [busy, quiet] = [Dialect::Runit, Dialect::Daemontools].map(Fake::alive);
    let mut watch = WatchSet::new().unwrap();
    let keys = [&busy, &quiet].map(|fake| watch.add(fake.open()).unwrap());
    while watch.next_now().unwrap().is_some() {}
    let [a, b] = ["supervise/a", "supervise/b"].map(|name| busy.path(name));
    fs::write(&a, "").unwrap();
    for _ in 0..=limit / 2 {
        fs::rename(&a, &b).unwrap();
        fs::rename(&b, &a).unwrap();
    }
    // No event tells of this one.
    quiet.publish(&record(quiet.dialect, label(wall_clock()), 4712));
    let mut told = BTreeSet::new();
    while told.len() < keys.len() {
        let event = watch.next_before(deadline()).unwrap().unwrap();
        assert_eq!(event.news, News::Resync, "{event:?}");
        let pid = status(&event.status.unwrap()).pid;
        assert_eq!(pid, Pid::new(if event.key == keys[0] { 4711 } else { 4712 }));
        told.insert(event.key);
    }
    // And it goes on.
    busy.publish(&record(busy.dialect, label(wall_clock()), 0));
    let event = watch.next_before(deadline()).unwrap().unwrap();
    assert_eq!((event.key, event.news), (keys[0], News::Changed));
}

/// Runs the test of this name again as a process of another user, who reaches a limit without
/// taking anything from the other tests.
fn as_user(uid: u32, test: &str, check: impl FnOnce()) {
    const MARK: &str = "SVCLIENT_FAULTS_AS_USER";
    if std::env::var_os(MARK).is_some() {
        check();
    } else if skips::is_root("faults") {
        let mut child = Command::new("/proc/self/exe");
        child.args(["--exact", test, "--nocapture"]).env(MARK, "").uid(uid).gid(uid);
        let output = child.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains(" 1 passed"), "{output:?}");
    }
}

#[test]
fn f45_without_an_instance_of_inotify_services_are_looked_at() {
    as_user(65_533, "watching::f45_without_an_instance_of_inotify_services_are_looked_at", || {
        let mut sets = Vec::new();
        let mut watch = loop {
            let set = WatchSet::new().unwrap();
            if set.polls().is_some() {
                break set;
            }
            sets.push(set);
            assert!(sets.len() < 1_000_000);
        };
        let fake = Fake::alive(Dialect::Runit);
        let key = watch.add(fake.open()).unwrap();
        assert_eq!(watch.next_now().unwrap().unwrap().news, News::Snapshot);
        fake.publish(&record(fake.dialect, label(wall_clock()), 4712));
        let event = watch.next_before(deadline()).unwrap().unwrap();
        assert_eq!((event.key, event.news), (key, News::Changed));
        // Others are looked at as well, and what is not there is said.
        let nowhere = Service::with_dialect(fake.path("supervise"), Dialect::Runit).unwrap();
        watch.add(nowhere).unwrap();
        let soon = Instant::now() + Duration::from_millis(300);
        let outcomes = pursue(&[fake.open()], &Request::down(), soon).unwrap();
        assert!(outcomes[0].as_ref().unwrap().kind() == OutcomeKind::Deadline, "{outcomes:?}");
        assert_eq!(fake.taken(), b"d");
    });
}

#[test]
fn f45_a_process_without_descriptors_is_not_told_about_watches() {
    as_user(
        65_532,
        "watching::f45_a_process_without_descriptors_is_not_told_about_watches",
        || {
            let fake = Fake::alive(Dialect::Runit);
            let service = fake.open();
            let mut files = Vec::new();
            while let Ok(file) = File::open("/dev/null") {
                files.push(file);
            }
            let error = service.status().unwrap_err();
            drop(files);
            assert_eq!(error.kind(), ErrorKind::Io);
            let hint = error.hint().unwrap_or_default();
            assert!(!hint.contains("inotify"), "{error}: {hint}");
        },
    );
}
