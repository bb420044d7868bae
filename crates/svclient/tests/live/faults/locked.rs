//! Records of s6, whose lock a real supervisor holds; its listeners, and bytes of another family.

use super::*;

/// s6-supervise on a service that is down: its lock is held and its record stays as it is put.
struct Locked(Supervised);

impl Locked {
    fn new(suite: Suite) -> Self {
        let mut supervised = Supervised::prepare(suite, SLEEP);
        supervised.file("down", "");
        supervised.supervise();
        wait_for(&supervised, State::Down);
        Self(supervised)
    }

    fn record(&self) -> PathBuf {
        self.0.dir().join("supervise/status")
    }

    fn read(&self, record: &[u8]) -> Result<Status, Error> {
        let fresh = self.0.dir().join("fresh");
        fs::write(&fresh, record).unwrap();
        fs::rename(fresh, self.record()).unwrap();
        open(&self.0).status()
    }

    #[track_caller]
    fn status(&self, record: &[u8]) -> Facts {
        status(&self.read(record).unwrap())
    }

    #[track_caller]
    fn malformed(&self, record: &[u8]) -> String {
        match self.read(record) {
            Err(Error::Malformed { path, source }) => {
                assert_eq!(path, self.record());
                source.to_string()
            }
            other => panic!("{record:x?}: {other:?}"),
        }
    }
}

const THEN: i64 = 1_700_000_000;

fn s6_record(since: i64, pid: u64, wait_status: u16, flags: u8) -> [u8; 35] {
    let label = |secs| Tai64n::from_unix(UnixTime::new(secs, 0).unwrap(), Scale::LeapSeconds);
    let label = label(since).unwrap();
    let mut bytes = *v2_11::Record::new(label, label, None, wait_status, flags).as_bytes();
    bytes[24..32].copy_from_slice(&pid.to_be_bytes());
    bytes
}

const UP: u8 = v2_11::flag::WANT_UP;

pub fn f19_a_supervisor_without_a_record_has_not_said_yet(suite: Suite) {
    let locked = Locked::new(suite);
    let mut watch = watch(&locked.0);
    until(&mut watch, State::Down);
    fs::remove_file(locked.record()).unwrap();
    let seen = open(&locked.0).status().unwrap();
    assert_eq!(seen.reading(), Reading::NotYet);
    assert_eq!(seen.liveness(), Liveness::Alive { supervisor: pid_of(&locked.0) });
    // It writes one at its next change, which is what is waited for.
    reached(ask(&open(&locked.0), &Request::up(), deadline()));
    until(&mut watch, State::Up);
}

pub fn f23_a_record_cut_short_is_told_with_its_length(suite: Suite) {
    let locked = Locked::new(suite);
    let whole = s6_record(THEN, 4711, 0, UP);
    assert_eq!(locked.status(&whole).state(), State::Up);
    // The lengths of two older layouts.
    for len in (0..whole.len()).filter(|len| ![18, 26].contains(len)) {
        let said = locked.malformed(&whole[..len]);
        let plural = if len == 1 { "" } else { "s" };
        assert!(said.contains(&format!(" {len} byte{plural}, ")), "{len}: {said}");
    }
}

pub fn f24_a_record_that_is_too_long_is_no_record(suite: Suite) {
    let locked = Locked::new(suite);
    let mut longer = s6_record(THEN, 4711, 0, UP).to_vec();
    for len in 36..=100 {
        longer.resize(len, 0);
        // s6 2.13 had 43 bytes.
        if len != 43 {
            assert!(locked.malformed(&longer).contains(&format!(" {len} bytes, ")));
        }
    }
}

pub fn f25_a_record_of_zeros_or_ones_is_no_record(suite: Suite) {
    let locked = Locked::new(suite);
    for len in [35, 43] {
        for byte in [0, 0xff] {
            locked.malformed(&vec![byte; len]);
        }
    }
}

pub fn f26_a_stamp_in_the_future_is_kept(suite: Suite) {
    let locked = Locked::new(suite);
    let later = 4_000_000_000;
    assert_eq!(locked.status(&s6_record(later, 4711, 0, UP)).since, UnixTime::new(later, 0));
}

pub fn f28_a_number_that_no_process_has_never_becomes_a_pid(suite: Suite) {
    let locked = Locked::new(suite);
    for pid in [1 << 31, 1 << 32, (1 << 32) + 1, 1 << 63, u64::MAX - 1, u64::MAX] {
        let said = locked.malformed(&s6_record(THEN, pid, 0, UP));
        assert!(said.contains(&pid.to_string()), "{said}");
    }
    let last = (1 << 31) - 1;
    assert_eq!(locked.status(&s6_record(THEN, last, 0, UP)).pid, Pid::new(last));
}

pub fn f32_flag_bits_that_mean_nothing_change_nothing(suite: Suite) {
    let locked = Locked::new(suite);
    for known in 0..16 {
        let plain = locked.status(&s6_record(THEN, 4711, 0, known));
        for unknown in [0x40, 0x80, 0xc0] {
            let same = locked.status(&s6_record(THEN, 4711, 0, known | unknown));
            assert_eq!(same, plain, "{:#x}", known | unknown);
        }
    }
    // Bit 4 was "ready" before s6 2.11, and bits 2 and 3 were "wanted" and "up".
    locked.0.file("notification-fd", "3\n");
    let old = locked.status(&s6_record(THEN, 4711, 0, 0x1c));
    assert_eq!((old.state(), old.want), (State::Ready, Some(Want::Up)));
}

/// A hole of a terabyte behind the number.
pub fn f08_the_file_of_a_descriptor_is_read_up_to_its_bound(suite: Suite) {
    let locked = Locked::new(suite);
    let notifies = |text: &str, length: u64| {
        locked.0.file("notification-fd", text);
        let file = fs::File::options().write(true).open(locked.0.dir().join("notification-fd"));
        file.unwrap().set_len(length).unwrap();
        locked.read(&s6_record(THEN, 4711, 0, UP)).unwrap().notifies()
    };
    assert_eq!(notifies("3\n", 2), Some(true));
    assert_eq!(notifies("3\n", 1 << 40), Some(false));
    assert_eq!(notifies("0000000000000003x", 1 << 40), Some(true), "the seventeenth byte");
}

pub fn f33_wait_statuses_of_every_kind_are_told(suite: Suite) {
    let locked = Locked::new(suite);
    let exit = |raw: u16| locked.status(&s6_record(THEN, 0, raw, 0)).last_exit;
    assert_eq!(exit(0x137f), LastExit::Unknown(0x137f), "stopped by 19");
    assert_eq!(exit(0xffff), LastExit::Unknown(0xffff), "continued");
    assert_eq!(exit(0x0300), LastExit::Exited { code: 3 });
    assert_eq!(exit(0xff00), LastExit::Exited { code: 255 });
    assert_eq!(exit(0x0009), LastExit::Signaled { signal: 9, core: false });
    assert_eq!(exit(0x008b), LastExit::Signaled { signal: 11, core: true });
    for signal in [64, 100] {
        assert_eq!(exit(signal.into()), LastExit::Signaled { signal, core: false });
        assert_eq!(signal_name(signal), None);
    }
}

/// The entries of the event directory.
fn listeners(supervised: &Supervised) -> Vec<PathBuf> {
    let entries = fs::read_dir(supervised.dir().join("event")).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// s6 removes a listener that nobody reads.
pub fn f46_a_listener_is_there_as_long_as_it_listens(suite: Suite) {
    let supervised = Supervised::start(suite, SLEEP);
    let mut watch = WatchSet::new().unwrap();
    let key = watch.add(open(&supervised)).unwrap();
    until(&mut watch, State::Up);
    assert_eq!(listeners(&supervised).len(), 0, "nobody asked for one");
    // That of a program that was killed.
    let left = "ftrig1:@40000000693bd10c1234567812345678";
    let left = supervised.dir().join("event").join(&format!("{left:0<39}")[..39]);
    mkfifo(&left, Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
    watch.listen(key).unwrap();
    let here = listeners(&supervised);
    assert!(here.len() == 1 && here[0] != left, "{here:?}");
    for (op, state) in [(Op::Down, State::Down), (Op::Up, State::Up)] {
        open(&supervised).send(op).unwrap();
        event(&mut watch, |event| matches!(event.news, News::Heard(_)));
        wait_for(&supervised, state);
        assert_eq!(listeners(&supervised), here);
    }
    drop(watch);
    assert_eq!(listeners(&supervised).len(), 0);
}

pub fn f47_what_a_full_listener_loses_is_in_the_record(suite: Suite) {
    let supervised = Supervised::start(suite, SLEEP);
    let mut watch = WatchSet::new().unwrap();
    let key = watch.add(open(&supervised)).unwrap();
    until(&mut watch, State::Up);
    watch.listen(key).unwrap();
    let listener = listeners(&supervised).remove(0);
    let flags = OFlag::O_NONBLOCK.bits();
    let full = fs::File::options().write(true).custom_flags(flags).open(listener).unwrap();
    let size = fcntl(&full, FcntlArg::F_SETPIPE_SZ(4096)).unwrap();
    let letters = vec![b'?'; size.try_into().unwrap()];
    assert_eq!(nix::unistd::write(&full, &letters), Ok(letters.len()));
    open(&supervised).send(Op::Down).unwrap();
    // Somebody else sees it down, so its letters have been lost by now.
    wait_for(&supervised, State::Down);
    until(&mut watch, State::Down);
    drop(full);
    // The next ones are heard.
    open(&supervised).send(Op::Up).unwrap();
    event(&mut watch, |event| event.news == News::Heard(S6Event::Up));
}

/// The reading end of the control FIFO.
fn control(supervised: &Supervised) -> fs::File {
    let path = supervised.dir().join("supervise/control");
    let flags = OFlag::O_NONBLOCK.bits();
    fs::File::options().read(true).custom_flags(flags).open(path).unwrap()
}

pub fn f49_a_permanent_failure_ends_the_wait_with_its_exit(suite: Suite) {
    for goal in [Goal::Ready, Goal::UpFor(PATIENCE)] {
        let mut supervised = Supervised::prepare(suite, "exit 3");
        supervised.script("finish", "exit 125");
        supervised.file("notification-fd", "3\n");
        supervised.file("down", "");
        supervised.supervise();
        wait_for(&supervised, State::Down);
        let asked = Instant::now();
        let why = never(ask(&open(&supervised), &Request::up().until(goal), deadline()));
        assert_eq!(why, Cause::Refused { exit: LastExit::Exited { code: 3 } });
        assert!(asked.elapsed() < PATIENCE / 3);
    }
}

pub fn f54_a_byte_of_another_family_is_never_sent(suite: Suite) {
    use std::io::Read;
    let supervised = Supervised::start(suite, SLEEP);
    wait_for(&supervised, State::Up);
    // What is written stays to be read by this test.
    supervised.signal(Signal::SIGSTOP);
    let mut control = control(&supervised);
    let mut taken = || {
        let mut bytes = [0; 16];
        match control.read(&mut bytes) {
            Ok(count) => bytes[..count].to_vec(),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Vec::new(),
            Err(error) => panic!("{error}"),
        }
    };
    for version in [None, Some(Version([2, 11, 3, 2])), Some(Version([2, 15, 1, 0]))] {
        for op in Op::all() {
            let service = match version {
                None => open(&supervised),
                Some(version) => open(&supervised).of_version(version),
            };
            match (service.send(op), op.control_bytes(svclient::Dialect::S6, version)) {
                (Ok(()), Ok(bytes)) => assert_eq!(taken(), bytes, "{op}"),
                (Err(Error::Unsupported { .. }), Err(_)) => assert_eq!(taken(), b"", "{op}"),
                other => panic!("{version:?}, {op}: {other:?}"),
            }
        }
    }
    for op in [Op::ToMain, Op::ToLog, Op::ToProcess, Op::ToGroup] {
        assert_eq!(open(&supervised).send(op).unwrap_err().kind(), ErrorKind::Unsupported);
    }
}
