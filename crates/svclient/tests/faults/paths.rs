//! Paths that lead nowhere or to the wrong thing, and names of any bytes.

use super::*;

#[test]
fn f01_a_path_that_leads_nowhere_is_named() {
    let tree = tempfile::tempdir().unwrap();
    let nowhere = tree.path().join("nowhere");
    not_found(Service::open(&nowhere), &nowhere);
    not_found(ScanDir::new(&nowhere).services(), &nowhere);
    not_found(ScanDir::new(tree.path()).service("nowhere"), &nowhere);
    let mut watch = WatchSet::new().unwrap();
    not_found(watch.follow(ScanDir::new(&nowhere)), &nowhere);
    for dialect in Dialect::ALL {
        not_found(Service::with_dialect(&nowhere, dialect), &nowhere);
        // One that has gone since it was opened.
        fs::create_dir(&nowhere).unwrap();
        let service = Service::with_dialect(&nowhere, dialect).unwrap();
        fs::remove_dir(&nowhere).unwrap();
        not_found(service.status(), &nowhere);
        not_found(service.send(Op::Up), &nowhere);
        not_found(watch.add(service.clone()), &nowhere);
        let asked = Instant::now();
        not_found(pursue_one(&service, &Request::up(), deadline()), &nowhere);
        assert!(asked.elapsed() < PATIENCE / 3, "waited for what cannot come");
    }
}

#[test]
fn f02_a_directory_that_nobody_has_supervised_is_no_missing_one() {
    let tree = tempfile::tempdir().unwrap();
    let dir = tree.path();
    assert_eq!(Service::open(dir).unwrap_err().kind(), ErrorKind::NotAService);
    fs::write(dir.join("run"), "").unwrap();
    let detected = Service::open(dir).unwrap();
    assert_eq!(detected.dialect(), None);
    let believed = Dialect::ALL.map(|dialect| Service::with_dialect(dir, dialect).unwrap());
    for service in believed.iter().chain([&detected]) {
        let seen = service.status().unwrap();
        assert_eq!(seen.reading(), Reading::Unsupervised);
        assert_eq!(seen.liveness(), Liveness::Dead);
        assert_eq!(service.send(Op::Up).unwrap_err().kind(), ErrorKind::NotSupervised);
        let outcome = pursue_one(service, &Request::up(), deadline());
        assert_eq!(outcome.unwrap_err().kind(), ErrorKind::NotSupervised);
    }
    let entries: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(entries, [dir.join("run")], "something was made");
}

#[test]
fn f03_a_path_to_a_file_is_of_the_wrong_type() {
    let tree = tempfile::tempdir().unwrap();
    let file = tree.path().join("web");
    fs::write(&file, "").unwrap();
    wrong_type(Service::open(&file), &file, "a regular file");
    for dialect in Dialect::ALL {
        wrong_type(Service::with_dialect(&file, dialect), &file, "a regular file");
    }
    assert_eq!(ScanDir::new(tree.path()).services().unwrap(), []);
}

#[test]
fn f03_a_file_in_place_of_the_supervise_directory_is_of_the_wrong_type() {
    let tree = tempfile::tempdir().unwrap();
    fs::write(tree.path().join("run"), "").unwrap();
    fs::write(tree.path().join("supervise"), "").unwrap();
    let supervise = tree.path().join("supervise");
    for dialect in Dialect::ALL {
        let service = Service::with_dialect(tree.path(), dialect).unwrap();
        wrong_type(service.status(), &supervise, "a regular file");
        wrong_type(service.send(Op::Up), &supervise, "a regular file");
    }
}

/// Whether this is root. If not, that is noted once, for all tests that leave a device out.
fn makes_devices() -> bool {
    static MAKES: LazyLock<bool> = LazyLock::new(|| skips::is_root("faults, devices"));
    *MAKES
}

/// Puts one thing of each kind that is neither a FIFO nor a regular file where `path` was.
fn each_wrong_kind(path: &Path, mut check: impl FnMut(&'static str)) {
    fs::remove_file(path).unwrap();
    fs::create_dir(path).unwrap();
    check("a directory");
    fs::remove_dir(path).unwrap();
    symlink(path, path).unwrap();
    check("a symbolic link");
    fs::remove_file(path).unwrap();
    // A socket says `ENXIO`, as a FIFO without a reader does.
    let socket = UnixListener::bind(path).unwrap();
    check("a socket");
    drop(socket);
    fs::remove_file(path).unwrap();
    if makes_devices() {
        // What /dev/null is.
        mknod(path, SFlag::S_IFCHR, Mode::S_IRUSR | Mode::S_IWUSR, makedev(1, 3)).unwrap();
        check("a device");
        fs::remove_file(path).unwrap();
    }
}

#[test]
fn f05_a_directory_a_loop_or_a_socket_is_told_as_what_it_is() {
    for dialect in WITH_OK {
        let fake = Fake::alive(dialect);
        let control = fake.path(files::CONTROL);
        each_wrong_kind(&control, |kind| {
            wrong_type(fake.believed().send(Op::Up), &control, kind);
        });
        let ok = fake.path(files::OK);
        each_wrong_kind(&ok, |kind| wrong_type(fake.believed().status(), &ok, kind));
    }
}

#[test]
fn f06_a_control_file_that_is_no_fifo_gets_no_byte() {
    for dialect in WITH_OK {
        let fake = Fake::alive(dialect);
        let control = fake.path(files::CONTROL);
        let elsewhere = fake.path("elsewhere");
        fs::rename(&control, &elsewhere).unwrap();
        fs::write(&control, "kept").unwrap();
        let send_each_way = |kind| {
            wrong_type(fake.open().send(Op::Down), &control, kind);
            let outcome = pursue_one(&fake.open(), &Request::down(), deadline());
            wrong_type(outcome, &control, kind);
        };
        send_each_way("a regular file");
        assert_eq!(fs::read(&control).unwrap(), b"kept");
        for target in [Path::new("/dev/null"), &elsewhere] {
            fs::remove_file(&control).unwrap();
            symlink(target, &control).unwrap();
            send_each_way("a symbolic link");
        }
        // The link led to the FIFO that is read.
        assert_eq!(fake.taken(), b"");
        fs::remove_file(&control).unwrap();
        assert_eq!(fake.open().send(Op::Down).unwrap_err().kind(), ErrorKind::NotSupervised);
        assert!(control.symlink_metadata().is_err(), "a control file was made");
    }
}

#[test]
fn f07_a_fifo_in_place_of_a_file_does_not_block() {
    for dialect in WITH_OK {
        let fake = Fake::alive(dialect);
        let record = fake.path(files::STATUS);
        fs::remove_file(&record).unwrap();
        mkfifo(&record, Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
        let service = fake.believed();
        wrong_type(promptly(move || service.status()), &record, "a FIFO");
    }
    // The two files that only s6 has read.
    for name in [files::LOCK, files::DEATH_TALLY] {
        let fake = Fake::left(Dialect::Daemontools);
        let (path, service) = (fake.path(name), Service::with_dialect(fake.dir(), Dialect::S6));
        let _absent = fs::remove_file(&path);
        mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
        let service = service.unwrap();
        let ask = move || service.deaths().and_then(|_| service.status());
        wrong_type(promptly(ask), &path, "a FIFO");
    }
}

#[test]
fn f08_a_record_that_is_no_file_is_refused_and_a_huge_one_is_not_read() {
    for dialect in WITH_OK {
        let fake = Fake::alive(dialect);
        let record = fake.path(files::STATUS);
        let huge = File::options().write(true).open(&record).unwrap();
        huge.set_len(1 << 31).unwrap();
        drop(huge);
        let asked = Instant::now();
        assert!(fake.malformed().contains(" 2147483648 bytes"), "{}", fake.malformed());
        assert!(asked.elapsed() < PATIENCE / 3, "it was read");
        each_wrong_kind(&record, |kind| wrong_type(fake.believed().status(), &record, kind));
        symlink("/dev/zero", &record).unwrap();
        wrong_type(fake.believed().status(), &record, "a symbolic link");
    }
}

/// `death_tally` of s6: what is beyond its bound is not there for whoever reads.
#[test]
fn f08_a_tally_of_deaths_is_read_up_to_its_bound() {
    let fake = Fake::left(Dialect::Runit);
    let service = Service::with_dialect(fake.dir(), Dialect::S6).unwrap();
    let tally = fake.path(files::DEATH_TALLY);
    fs::write(&tally, [0; Death::LEN * 3]).unwrap();
    assert_eq!(service.deaths().unwrap().len(), 3);
    let asked = Instant::now();
    File::options().write(true).open(&tally).unwrap().set_len(1 << 40).unwrap();
    assert_eq!(service.deaths().unwrap().len(), Death::MAX_COUNT);
    assert!(asked.elapsed() < PATIENCE / 3, "a terabyte was read");
}

#[test]
fn f09_the_control_fifo_is_held_only_for_one_request_and_never_inherited() {
    for dialect in WITH_OK {
        let fake = Fake::alive(dialect);
        let control = fake.path(files::CONTROL);
        let service = fake.open();
        let mut watch = WatchSet::new().unwrap();
        watch.add(service.clone()).unwrap();
        service.send(Op::Cont).unwrap();
        assert_eq!(fake.taken(), b"c");
        assert_eq!(open_at(&control).len(), 1, "open beside the supervisor's own end");
        // A full FIFO makes a request stay long enough to be looked at.
        fake.fill(0);
        thread::scope(|scope| {
            let request = scope.spawn(|| service.send_before(Op::Down, deadline()));
            let until = deadline();
            let look = || open_at(&control).iter().find_map(|fd| writes_and_is_not_inherited(fd));
            let not_inherited = loop {
                match look() {
                    Some(not_inherited) => break not_inherited,
                    None => assert!(Instant::now() < until && !request.is_finished()),
                }
                thread::sleep(Duration::from_millis(1));
            };
            assert!(not_inherited);
            let before = fake.taken();
            request.join().unwrap().unwrap();
            assert!([before, fake.taken()].concat().ends_with(b".d"));
        });
        assert_eq!(open_at(&control).len(), 1);
    }
}

#[test]
fn f10_names_of_any_bytes_work() {
    let longest = [b'x'; 255];
    let names: [&[u8]; 6] =
        [b"two words", b" \t\n", b"\xff\xfe not UTF-8", b"-rf", b"$(reboot)'\"`", &longest];
    for dialect in WITH_OK {
        let fake = Fake::alive(dialect);
        for name in names {
            let dir = fake.tree.path().join(OsStr::from_bytes(name));
            fs::rename(fake.dir(), &dir).unwrap();
            for path in [dir.clone(), dir.join(""), dir.join("."), dir.join("supervise/..")] {
                let service = Service::open(&path).unwrap();
                assert_eq!(status(&service.status().unwrap()).state(), State::Up);
                service.send(Op::Usr1).or_else(|_| service.send(Op::Hup)).unwrap();
                assert!(matches!(fake.taken()[..], [b'1' | b'h']));
                let mut watch = WatchSet::new().unwrap();
                watch.add(service).unwrap();
                let first = watch.next_now().unwrap().unwrap();
                assert_eq!(first.directory().unwrap().dir().as_os_str(), path.as_os_str());
                assert_eq!(status(&first.status.unwrap()).state(), State::Up);
            }
            let listed = ScanDir::new(fake.tree.path()).services().unwrap();
            assert_eq!(listed.iter().map(Service::dir).collect::<Vec<_>>(), [&dir]);
            fs::rename(&dir, fake.dir()).unwrap();
        }
    }
}

#[test]
fn f10_names_that_no_file_can_have_are_errors() {
    let name_too_long = "x".repeat(256);
    let path_too_long = "x/".repeat(2500);
    for (name, why) in [
        ("a\0b", io::ErrorKind::InvalidInput),
        (&*name_too_long, io::ErrorKind::InvalidFilename),
        (&*path_too_long, io::ErrorKind::InvalidFilename),
    ] {
        let check = |result: Result<Service, Error>| match result {
            Err(Error::Io { path, source, .. }) => {
                assert_eq!((&*path, source.kind()), (Path::new(name), why));
            }
            other => panic!("{other:?}"),
        };
        check(Service::open(name));
        for dialect in Dialect::ALL {
            check(Service::with_dialect(name, dialect));
        }
    }
}

#[test]
fn f11_a_service_keeps_the_name_it_was_given() {
    for dialect in WITH_OK {
        let mut fake = Fake::alive(dialect);
        let link = fake.tree.path().join("link");
        symlink(fake.dir(), &link).unwrap();
        let (direct, linked) = (fake.open(), Service::open(&link).unwrap());
        assert_eq!((direct.name(), linked.name()), (Name::new("web"), Name::new("link")));
        assert_eq!(direct.status().unwrap(), linked.status().unwrap());
        linked.send(Op::Hup).unwrap();
        assert_eq!(fake.taken(), b"h");
        let mut watch = WatchSet::new().unwrap();
        let keys = [direct, linked.clone()].map(|service| watch.add(service).unwrap());
        let both = |watch: &mut WatchSet, news: News| {
            let next = [(); 2].map(|()| watch.next_before(deadline()).unwrap().unwrap());
            assert!(next.iter().all(|event| event.news == news), "{next:?}");
            assert_eq!(next.map(|event| event.key).iter().collect::<BTreeSet<_>>().len(), 2);
        };
        both(&mut watch, News::Snapshot);
        fake.publish(&record(dialect, label(wall_clock()), 4712));
        both(&mut watch, News::Changed);
        // The one name goes, the other is not touched by it.
        watch.remove(keys[0]);
        fake.publish(&record(dialect, label(wall_clock()), 4713));
        let event = watch.next_before(deadline()).unwrap().unwrap();
        assert_eq!((event.key, event.directory().unwrap().dir()), (keys[1], &*link));
        // Messages are about the name as given.
        fake.publish(b"");
        if dialect != Dialect::Encore {
            let error = linked.status().unwrap_err().to_string();
            assert!(error.contains(link.to_str().unwrap()), "{error}");
        }
        (fake.ok, fake.control) = (None, None);
        let error = linked.send(Op::Up).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotSupervised);
        assert!(error.to_string().contains(link.to_str().unwrap()), "{error}");
    }
}
