//! Requests that are not taken at once, that are refused, and whose supervisor ends meanwhile.

use super::*;

#[test]
fn f15_a_full_control_fifo_is_waited_for_until_the_deadline() {
    for dialect in WITH_OK {
        let fake = Fake::alive(dialect);
        let service = fake.open();
        let full = fake.fill(0);
        let error = service.send(Op::Down).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Busy);
        let patience = Duration::from_millis(30);
        let asked = Instant::now();
        let error = service.send_before(Op::Down, asked + patience).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Busy);
        let error = pursue_one(&service, &Request::down(), asked + 2 * patience).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Busy);
        assert!(asked.elapsed() >= 2 * patience);
        assert!(asked.elapsed() < PATIENCE / 3, "blocked");
        assert_eq!(fake.taken().len(), full, "something was sent");
        service.send(Op::Down).unwrap();
        assert_eq!(fake.taken(), b"d");
    }
}

#[test]
fn f16_a_request_of_several_bytes_is_written_whole_or_not_at_all() {
    let ops = [Op::Term, Op::Cont, Op::Up];
    for dialect in WITH_OK {
        let fake = Fake::alive(dialect);
        let service = fake.open();
        for left in 1..ops.len() {
            let filled = fake.fill(left);
            let error = service.send_all_before(&ops, Instant::now()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Busy, "{left} bytes left");
            let error = service.send(Op::StopExit).map(|()| left).or_else(|error| match error {
                Error::NotTakingRequests { .. } => Ok(0),
                other => Err(other),
            });
            // What fits is written, and all of it.
            let fits = dialect == Dialect::Runit || left >= 2;
            assert_eq!(error.unwrap() > 0, fits);
            let written = if dialect == Dialect::Runit { &b"x"[..] } else { b"dx" };
            let taken = fake.taken();
            assert_eq!(&taken[filled..], if fits { written } else { b"" });
        }
        service.send_all_before(&ops, Instant::now()).unwrap();
        assert_eq!(fake.taken(), b"tcu");
        // What no write promises to keep together is refused.
        let error = service.send_all_before(&[Op::Hup; 513], deadline()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io);
        assert_eq!(fake.taken(), b"");
    }
}

/// The request was taken, so a supervisor is there: its answer is on the way.
#[test]
fn f19_a_request_to_a_starting_supervisor_is_waited_for() {
    for dialect in [Dialect::Daemontools, Dialect::Runit] {
        let mut fake = Fake::left(dialect);
        fake.take_requests();
        let service = fake.open();
        thread::scope(|scope| {
            let outcome = scope.spawn(|| pursue_one(&service, &Request::up(), deadline()));
            fake.await_request();
            fake.publish(&up(dialect));
            fake.answer();
            let outcome = outcome.join().unwrap();
            assert!(outcome.as_ref().is_ok_and(Outcome::is_reached), "{dialect}: {outcome:?}");
        });
    }
}

/// All bytes that one operation may cause are those of its row; nothing similar is sent instead.
#[test]
fn f53_what_a_version_does_not_have_is_refused_and_not_sent() {
    let any = Version([9, 9, 9, 9]);
    for dialect in WITH_OK {
        let fake = Fake::alive(dialect);
        for version in [None, Some(Version([0, 0, 0, 1])), Some(any)] {
            for op in Op::all() {
                let service = match version {
                    None => fake.open(),
                    Some(version) => fake.open().of_version(version),
                };
                match (service.send(op), op.control_bytes(dialect, version)) {
                    (Ok(()), Ok(bytes)) => assert_eq!(fake.taken(), bytes, "{op}"),
                    (Err(Error::Unsupported { source, .. }), Err(expected)) => {
                        assert_eq!(source, expected);
                        assert_eq!(fake.taken(), b"", "{op}");
                    }
                    other => panic!("{dialect}, {version:?}, {op}: {other:?}"),
                }
            }
        }
    }
    let fake = Fake::alive(Dialect::Daemontools);
    for op in [Op::Quit, Op::Usr1, Op::Usr2] {
        let of = |version: &str| fake.open().of_version(version.parse().unwrap()).send(op);
        assert_eq!(fake.open().send(op).unwrap_err().kind(), ErrorKind::Unsupported);
        assert_eq!(of("1:0.76-8.1").unwrap_err().kind(), ErrorKind::Unsupported);
        assert_eq!(fake.taken(), b"");
        of("1:0.76-9").unwrap();
        assert_eq!(fake.taken().len(), 1);
    }
}

#[test]
fn f54_a_byte_of_another_family_is_never_sent() {
    for (dialect, foreign) in [
        (
            Dialect::Daemontools,
            &[Op::TryRestart, Op::NoRestart, Op::Reload, Op::Abort, Op::ToLog][..],
        ),
        (Dialect::Encore, &[Op::TryRestart, Op::NoRestart, Op::Reload, Op::Abort]),
        (
            Dialect::Runit,
            &[Op::TryRestart, Op::NoRestart, Op::Reload, Op::Abort, Op::Exit, Op::ToLog],
        ),
    ] {
        let fake = Fake::alive(dialect);
        for &op in foreign {
            let service = fake.open().of_version(Version([9, 9, 9, 9]));
            let request = Request::new(op, Goal::Up);
            let asked = pursue_one(&service, &request, deadline()).unwrap_err();
            assert_eq!(asked.kind(), ErrorKind::Unsupported, "{dialect}: {op}");
            // Not even what comes before it.
            let several = service.send_all_before(&[Op::Hup, op], deadline()).unwrap_err();
            assert_eq!(several.kind(), ErrorKind::Unsupported, "{dialect}: {op}");
            assert_eq!(fake.taken(), b"");
        }
    }
}

/// Rust ignores SIGPIPE; were it not so, this test would die of it.
#[test]
fn f60_a_supervisor_that_ends_while_a_request_waits_is_told() {
    for dialect in WITH_OK {
        let mut fake = Fake::alive(dialect);
        let service = fake.open();
        let control = fake.path(files::CONTROL);
        fake.fill(0);
        let request = thread::spawn(move || service.send_before(Op::Down, deadline()));
        let until = deadline();
        while !open_at(&control).iter().any(|fd| writes_and_is_not_inherited(fd).is_some()) {
            assert!(Instant::now() < until && !request.is_finished());
            thread::sleep(Duration::from_millis(1));
        }
        fake.control = None;
        let error = request.join().unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotSupervised, "{error}");
    }
}
