//! Records that are damaged, strange, or being written.

use super::*;

#[test]
fn f19_a_starting_supervisor_is_no_damaged_record() {
    for dialect in WITH_OK {
        let mut fake = Fake::left(dialect);
        fs::remove_file(fake.path(files::STATUS)).unwrap();
        // Takes requests before it answers.
        fake.take_requests();
        assert_eq!(fake.believed().status().unwrap().reading(), Reading::Unsupervised);
        fake.believed().send(Op::Up).unwrap();
        assert_eq!(fake.taken(), b"u");
        fake.answer();
        let seen = fake.believed().status().unwrap();
        assert_eq!(seen.reading(), Reading::NotYet);
        assert_eq!(seen.liveness().is_alive(), Some(true));
        assert_eq!(fake.open().status().unwrap().reading(), Reading::NotYet);
    }
    // It makes its record empty, and writes it later.
    let fake = Fake::alive(Dialect::Encore);
    fs::write(fake.path(files::STATUS), "").unwrap();
    assert_eq!(fake.believed().status().unwrap().reading(), Reading::NotYet);
}

#[test]
fn f23_a_record_cut_short_is_told_with_its_length() {
    for dialect in WITH_OK {
        let fake = Fake::alive(dialect);
        let whole = up(dialect);
        // An empty one is what a starting encore has.
        let shortest = usize::from(dialect == Dialect::Encore);
        for len in shortest..whole.len() {
            fake.publish(&whole[..len]);
            let said = fake.malformed();
            let plural = if len == 1 { "" } else { "s" };
            assert!(said.contains(&format!(" {len} byte{plural}, ")), "{len}: {said}");
        }
        fake.publish(&whole);
        assert_eq!(fake.status().state(), State::Up);
    }
}

#[test]
fn f24_a_record_that_is_too_long_is_no_record() {
    for dialect in WITH_OK {
        let fake = Fake::alive(dialect);
        let whole = up(dialect);
        for len in whole.len() + 1..=100 {
            let mut longer = whole.clone();
            longer.resize(len, 0);
            fake.publish(&longer);
            if (dialect, len) != (Dialect::Encore, 40) {
                assert!(fake.malformed().contains(&format!(" {len} bytes")), "{len}");
            }
        }
        fake.publish(&[&whole[..], &[0]].concat());
        assert_eq!(fake.open().status().unwrap_err().kind(), ErrorKind::Malformed);
    }
}

#[test]
fn f24_forty_bytes_are_a_service_and_its_logger() {
    let fake = Fake::alive(Dialect::Encore);
    let encore = |pid| {
        EncoreRecord::from_bytes(record(fake.dialect, label(wall_clock()), pid).try_into().unwrap())
    };
    fake.publish(EncorePairRecord::new(encore(4711), encore(4712)).as_bytes());
    assert_eq!(fake.status().pid, Pid::new(4711));
    let log = fake.open().log_facts().unwrap().unwrap();
    assert_eq!(log.pid, Pid::new(4712));
}

#[test]
fn f25_a_record_of_zeros_or_ones_is_no_record() {
    for dialect in WITH_OK {
        let fake = Fake::alive(dialect);
        for byte in [0, 0xff] {
            fake.publish(&vec![byte; up(dialect).len()]);
            fake.malformed();
        }
        // Each field for itself.
        for damaged in [
            Tai64n { secs: 0, ..label(wall_clock()) },
            Tai64n { secs: 1 << 63, ..label(wall_clock()) },
            Tai64n { secs: u64::MAX, ..label(wall_clock()) },
            Tai64n { nanos: 1_000_000_000, ..label(wall_clock()) },
        ] {
            fake.publish(&record(dialect, damaged, 4711));
            assert!(fake.malformed().contains("stamp"), "{damaged}: {}", fake.malformed());
        }
    }
}

#[test]
fn a_record_alone_is_what_was_published_last_whoever_lives() {
    for dialect in WITH_OK {
        let fake = Fake::left(dialect);
        let service = fake.open();
        let bytes = up(dialect);
        fake.publish(&bytes);
        let record = service.record().unwrap().unwrap();
        assert_eq!((record.dialect(), record.as_bytes()), (dialect, bytes.as_slice()));
        assert_eq!(fake.open().status().unwrap().reading(), Reading::Unsupervised);
        fs::remove_file(fake.path(files::STATUS)).unwrap();
        assert_eq!(service.record().unwrap(), None);
        fs::remove_dir_all(fake.dir()).unwrap();
        not_found(service.record(), &fake.dir());
    }
    // Another suite has taken over since the service was opened.
    let fake = Fake::left(Dialect::Runit);
    let service = fake.open();
    fs::remove_file(fake.path(files::STAT)).unwrap();
    fs::write(fake.path(files::STATUS), up(Dialect::Daemontools)).unwrap();
    assert_eq!(service.record().unwrap().unwrap().dialect(), Dialect::Daemontools);
    fake.publish(&[0; 7]);
    assert_eq!(service.record().unwrap_err().kind(), ErrorKind::Malformed);
}

#[test]
fn f26_a_stamp_in_the_future_is_kept_and_has_no_age() {
    for dialect in WITH_OK {
        let fake = Fake::alive(dialect);
        let now = wall_clock();
        let later = now.saturating_add(Duration::from_secs(3600));
        fake.publish(&record(dialect, label(later), 4711));
        assert_eq!(fake.status().since, Some(later));
        assert_eq!(later.elapsed(now), Duration::ZERO);
        // The stamp counts for nothing: it has been up for as long as the wait has seen it.
        let until = |span, within| {
            let up_for = Request::up().until(Goal::UpFor(span));
            pursue_one(&fake.open(), &up_for, Instant::now() + within).unwrap()
        };
        let outcome = until(Duration::from_secs(60), Duration::from_millis(20));
        assert!(outcome.kind() == OutcomeKind::Deadline, "{outcome:?}");
        let outcome = until(Duration::from_millis(1), Duration::from_secs(20));
        assert!(outcome.is_reached(), "{outcome:?}");
    }
}

#[test]
fn f27_a_stamp_of_1970_or_before_is_a_moment() {
    for dialect in WITH_OK {
        let fake = Fake::alive(dialect);
        for (secs, unix) in
            [((1 << 62) + 10, 0), (1 << 62, -10), ((1 << 62) - 631_151_990, -631_152_000)]
        {
            fake.publish(&record(dialect, Tai64n { secs, nanos: 1 }, 4711));
            assert_eq!(fake.status().since, UnixTime::new(unix, 1));
        }
    }
}

#[test]
fn f28_a_number_that_no_process_has_never_becomes_a_pid() {
    for dialect in WITH_OK {
        let fake = Fake::alive(dialect);
        let mut bytes = up(dialect);
        let mut with = |pid: u32| {
            bytes[12..16].copy_from_slice(&pid.to_le_bytes());
            fake.publish(&bytes);
        };
        for pid in [1 << 31, u32::MAX - 1, u32::MAX] {
            with(pid);
            let said = fake.malformed();
            assert!(said.contains(&pid.to_string()), "{said}");
        }
        with(i32::MAX.unsigned_abs());
        assert_eq!(fake.status().pid, Pid::new(1 << 31 | 1).or(Pid::new((1 << 31) - 1)));
    }
}

#[test]
fn f29_a_phase_that_is_not_known_is_unknown_and_kept() {
    let fake = Fake::alive(Dialect::Runit);
    for byte in 3..=u8::MAX {
        let unknown = Phase::Unknown(byte);
        fake.publish(runit(label(wall_clock()), 4711, true, unknown).as_bytes());
        let status = fake.status();
        assert_eq!((status.phase, status.state()), (unknown, State::Unknown));
    }
    // Neither up nor down, so neither is reached.
    for request in [Request::up(), Request::down()] {
        let soon = Instant::now() + Duration::from_millis(20);
        let outcome = pursue_one(&fake.open(), &request, soon).unwrap();
        assert!(outcome.kind() == OutcomeKind::Deadline, "{outcome:?}");
    }
}

#[test]
fn f30_run_without_a_process_is_unknown_and_finish_without_one_is_finishing() {
    let fake = Fake::alive(Dialect::Runit);
    fake.publish(runit(label(wall_clock()), 0, true, Phase::Up).as_bytes());
    assert_eq!((fake.status().phase, fake.status().state()), (Phase::Unknown(1), State::Unknown));
    fake.publish(runit(label(wall_clock()), 0, true, Phase::Finish).as_bytes());
    let status = fake.status();
    assert_eq!((status.state(), status.pid, status.finish_pid), (State::Finishing, None, None));
}

#[test]
fn f31_a_want_that_is_not_known_is_unknown_and_kept() {
    for dialect in WITH_OK {
        let fake = Fake::alive(dialect);
        let mut bytes = up(dialect);
        for byte in 0..=u8::MAX {
            bytes[17] = byte;
            fake.publish(&bytes);
            let want = match (byte, dialect) {
                (b'u', _) => Want::Up,
                (b'd', _) => Want::Down,
                (0, Dialect::Daemontools | Dialect::Encore) => Want::Once,
                _ => Want::Unknown(byte),
            };
            assert_eq!(fake.status().want, Some(want));
        }
    }
}

/// runit's `k`, overridden by a script that kills nothing.
#[test]
fn f34_a_process_that_the_supervisor_thinks_dead_is_not_down() {
    let fake = Fake::alive(Dialect::Runit);
    fake.publish(runit(label(wall_clock()), 4711, false, Phase::Down).as_bytes());
    let status = fake.status();
    assert_eq!((status.phase, status.pid), (Phase::Down, Pid::new(4711)));
    let soon = Instant::now() + Duration::from_millis(20);
    let outcome = pursue_one(&fake.open(), &Request::down(), soon).unwrap();
    assert!(outcome.kind() == OutcomeKind::Deadline, "{outcome:?}");
}

/// encore writes in place. A half-written record that outlasts two readings (its writer lost the
/// processor between its two writes) cannot be told from a whole one, and is forgiven here.
#[test]
fn f37_a_record_that_is_rewritten_in_place_is_read_whole() {
    const READINGS: usize = 4000;
    let fake = Fake::alive(Dialect::Encore);
    let stamps = [1_700_000_000, 1_800_000_000].map(|secs| UnixTime::new(secs, 0).unwrap());
    let records = [(stamps[0], 1), (stamps[1], 2)]
        .map(|(since, pid)| record(Dialect::Encore, label(since), pid));
    let expected = [(Some(stamps[0]), Pid::new(1)), (Some(stamps[1]), Pid::new(2))];
    fake.publish(&records[0]);
    let file = File::options().write(true).open(fake.path(files::STATUS)).unwrap();
    let service = fake.believed();
    let done = AtomicBool::new(false);
    let (readings, slow, writes) = thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let (mut slow, mut writes) = (0, 0);
            while !done.load(Ordering::Relaxed) {
                for record in &records {
                    let begun = Instant::now();
                    file.write_all_at(&record[..12], 0).unwrap();
                    file.write_all_at(&record[12..], 12).unwrap();
                    let written = Instant::now();
                    writes += 1;
                    slow += usize::from(written - begun > TWO_READINGS);
                    while written.elapsed() < Duration::from_micros(20) {
                        std::hint::spin_loop();
                    }
                }
            }
            (slow, writes)
        });
        let readings: Vec<_> = (0..READINGS).map(|_| service.status()).collect();
        done.store(true, Ordering::Relaxed);
        let (slow, writes): (usize, usize) = writer.join().unwrap();
        (readings, slow, writes)
    });
    let seen: Vec<_> = readings
        .into_iter()
        .filter_map(|reading| reading.unwrap().facts().map(|seen| (seen.since, seen.pid)))
        .collect();
    assert!(seen.len() > READINGS / 2, "it is hardly ever read");
    let is_torn = |seen| !expected.contains(seen);
    // Torn in a row: one and the same half-written record.
    let torn = seen.windows(2).filter(|two| !is_torn(&two[0]) && is_torn(&two[1])).count();
    assert!(torn <= slow, "{torn} torn readings, {slow} slow writes of {writes}");
}

/// Less than two readings of a record take.
const TWO_READINGS: Duration = Duration::from_micros(4);

/// A full disk leaves it behind.
#[test]
fn f41_a_record_that_was_not_published_is_not_read() {
    for dialect in WITH_OK {
        let fake = Fake::alive(dialect);
        let down = record(dialect, label(wall_clock()), 0);
        fs::write(fake.path("supervise/status.new"), &down).unwrap();
        assert_eq!(fake.status().state(), State::Up);
        fs::remove_file(fake.path(files::STATUS)).unwrap();
        assert_eq!(fake.believed().status().unwrap().reading(), Reading::NotYet);
    }
}

#[test]
fn f55_twenty_bytes_are_runit_s_only_beside_its_stat_file() {
    let encore = Fake::alive(Dialect::Encore);
    for (stage, state) in [
        (EncoreStage::Starting, State::Starting),
        (EncoreStage::Running, State::Up),
        (EncoreStage::Stopping, State::Stopping),
    ] {
        let since = label(wall_clock());
        let record = EncoreRecord::new(since, Pid::new(4711), false, Want::Up, stage);
        encore.publish(record.as_bytes());
        assert_eq!(encore.status().state(), state);
        assert_eq!(encore.status().pid, Pid::new(4711));
    }
    let runit = Fake::alive(Dialect::Runit);
    assert_eq!(runit.status().phase, Phase::Up);
    // The same bytes elsewhere.
    let bytes = fs::read(runit.path(files::STATUS)).unwrap();
    encore.publish(&bytes);
    assert_eq!(encore.open().dialect(), Some(Dialect::Encore));
}

#[test]
fn f61_a_log_that_is_no_directory_is_no_service_of_its_own() {
    for dialect in WITH_OK {
        let fake = Fake::alive(dialect);
        let log = fake.path(files::LOG);
        assert_eq!(fake.open().log(), None);
        fs::write(&log, "#!/bin/sh\n").unwrap();
        assert_eq!(fake.open().log(), None);
        assert_eq!(fake.status().state(), State::Up);
        assert_eq!(fake.open().log_facts().unwrap(), None);
        fs::remove_file(&log).unwrap();
        symlink("nowhere", &log).unwrap();
        assert_eq!(fake.open().log(), None);
        fs::remove_file(&log).unwrap();
        fs::create_dir(&log).unwrap();
        let log = fake.open().log().unwrap();
        assert_eq!(log.name(), "web/log");
        assert_eq!(log.status().unwrap().reading(), Reading::Unsupervised);
    }
}
