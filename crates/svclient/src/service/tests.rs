//! All ways to a status agree, however a service directory stands.
#![cfg(target_os = "linux")]

mod lock;

use std::{
    collections::BTreeSet,
    fs::{self, File},
    num::NonZeroUsize,
    os::unix::fs::{OpenOptionsExt, symlink},
    path::PathBuf,
};

use nix::{
    fcntl::{FcntlArg, OFlag, fcntl},
    sys::stat::Mode,
    unistd::mkfifo,
};
use svproto::{
    Dialect, Phase, Pid, Scale, Tai64n, UnixTime, Want,
    daemontools::DaemontoolsRecord,
    encore::{EncoreRecord, EncoreStage},
    files,
    runit::{RunitFields, RunitRecord},
    s6::v2_11,
};
use tempfile::TempDir;

use self::lock::write_lock;
use super::{Known, Service};
use crate::{Bulk, Error, Liveness, ScanDir, Status, WatchSet};

/// Whether somebody holds a service directory.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Life {
    Alive,
    Dead,
    /// Nobody ever did.
    Never,
}

/// What is in place of the record.
#[derive(Clone, Copy, Debug)]
enum Text {
    Up,
    Down,
    Cut,
    Empty,
    Nonsense,
    Missing,
    /// One of another suite, whose supervisor is not the one that answers.
    Of(Dialect),
}

const DIALECTS: [Dialect; 4] = [Dialect::Daemontools, Dialect::Encore, Dialect::Runit, Dialect::S6];
const TEXTS: [Text; 10] = [
    Text::Up,
    Text::Down,
    Text::Cut,
    Text::Empty,
    Text::Nonsense,
    Text::Missing,
    Text::Of(Dialect::Daemontools),
    Text::Of(Dialect::Encore),
    Text::Of(Dialect::Runit),
    Text::Of(Dialect::S6),
];
/// What may be beside the record, and its contents.
const BESIDE: [&[(&str, &str)]; 5] = [
    &[],
    &[(files::DOWN, "")],
    &[(files::NOTIFICATION_FD, "3\n"), (files::DEATH_TALLY, "")],
    &[(files::DOWN, ""), (files::STAT, "down\n"), (files::EMBEDDED, "of nobody\n")],
    &[("max-death-tally", "0\n"), (files::NOTIFICATION_FD, "none\n")],
];

/// A service directory named `web` in a scan directory, and what its supervisor holds.
struct Stand {
    scan: TempDir,
    _held: Vec<File>,
}

impl Stand {
    fn new(dialect: Dialect, life: Life, text: Text, beside: &[(&str, &str)]) -> Self {
        let scan = tempfile::Builder::new().prefix("svlook-").tempdir().unwrap();
        let dir = scan.path().join("web");
        fs::create_dir(&dir).unwrap();
        fs::write(dir.join("run"), "").unwrap();
        if life == Life::Never {
            return Self { scan, _held: vec![] };
        }
        fs::create_dir(dir.join(files::SUPERVISE)).unwrap();
        let lock = File::create(dir.join(files::LOCK)).unwrap();
        let mut held = vec![];
        if dialect == Dialect::S6 {
            fs::create_dir(dir.join(files::EVENT)).unwrap();
            if life == Life::Alive {
                // Of another owner than this process, so that the question sees it.
                fcntl(&lock, FcntlArg::F_OFD_SETLK(&write_lock())).unwrap();
                held.push(lock);
            }
        } else {
            let ok = dir.join(files::OK);
            mkfifo(&ok, Mode::S_IRWXU).unwrap();
            if life == Life::Alive {
                let nonblocking = OFlag::O_NONBLOCK.bits();
                let reader = File::options().read(true).custom_flags(nonblocking).open(ok);
                held.push(reader.unwrap());
            }
        }
        if dialect == Dialect::Runit {
            fs::write(dir.join(files::STAT), "run\n").unwrap();
        }
        for (name, contents) in beside {
            fs::write(dir.join(name), contents).unwrap();
        }
        let stand = Self { scan, _held: held };
        stand.publish(dialect, text);
        stand
    }

    fn dir(&self) -> PathBuf {
        self.scan.path().join("web")
    }

    fn publish(&self, dialect: Dialect, text: Text) {
        let bytes = match text {
            Text::Up => record(dialect, true),
            Text::Down => record(dialect, false),
            Text::Cut => record(dialect, true)[..11].to_vec(),
            Text::Empty => vec![],
            Text::Nonsense => vec![0xff; record(dialect, true).len()],
            Text::Missing => return,
            Text::Of(other) => record(other, true),
        };
        let new = self.dir().join("supervise/status.new");
        fs::write(&new, bytes).unwrap();
        fs::rename(new, self.dir().join(files::STATUS)).unwrap();
    }
}

/// The record of a service that is up or down.
fn record(dialect: Dialect, up: bool) -> Vec<u8> {
    let since = Tai64n::from_unix(UnixTime::new(1_700_000_000, 0).unwrap(), Scale::Fixed).unwrap();
    let (pid, want) = if up { (Pid::new(4711), Want::Up) } else { (None, Want::Down) };
    let phase = if up { Phase::Up } else { Phase::Down };
    let (paused, want_up, got_term) = (false, up, false);
    match dialect {
        Dialect::Daemontools => {
            DaemontoolsRecord::new(since, pid, paused, want).as_bytes().to_vec()
        }
        Dialect::Encore => {
            let stage = if up { EncoreStage::Running } else { EncoreStage::Stopped };
            EncoreRecord::new(since, pid, paused, want, stage).as_bytes().to_vec()
        }
        Dialect::Runit => {
            let fields = RunitFields { since, pid, paused, want_up, got_term, phase };
            RunitRecord::new(fields).as_bytes().to_vec()
        }
        Dialect::S6 => {
            let flags = if up { v2_11::flag::WANT_UP } else { 0 };
            v2_11::Record::new(since, since, pid, 0, flags).as_bytes().to_vec()
        }
    }
}

/// What a look came to, so that two can be compared: errors by what they say.
fn told(seen: Result<Status, Error>) -> Result<Status, String> {
    seen.map_err(|error| error.in_full())
}

/// Every way to a status of this directory, and what it came to.
fn all_ways(stand: &Stand, watch: &mut WatchSet) -> Vec<(&'static str, Result<Status, String>)> {
    let dir = stand.dir();
    let opened = Service::open(&dir).unwrap();
    let held = Service::from_fd(File::open(&dir).unwrap()).unwrap();
    let mut ways = vec![
        ("status", opened.status()),
        ("knowing nothing", opened.look(Known::Nothing)),
        ("statuses", Bulk::new(std::slice::from_ref(&opened)).statuses().remove(0)),
    ];
    if opened.dialect().is_some() && dir.join(files::STATUS).exists() {
        // What was there before is found out to be no longer so, where a record tells.
        let known = [Dialect::Daemontools, Dialect::S6].map(Known::Dialect);
        ways.extend(
            ["after daemontools", "after s6"].into_iter().zip(known.map(|it| opened.look(it))),
        );
    }
    let survey = ScanDir::new(stand.scan.path()).survey().unwrap();
    ways.extend(survey.look(NonZeroUsize::MIN, |_, seen| ("survey", seen)));
    let (key, seen) = watch.add_and_look(opened).unwrap();
    ways.push(("watch", seen));
    watch.remove(key);
    let mut ways: Vec<_> = ways.into_iter().map(|(way, seen)| (way, told(seen))).collect();
    // It names its files by another path.
    let held = held.status();
    if held.is_ok() {
        ways.push(("behind a descriptor", told(held)));
    }
    ways
}

#[test]
fn all_ways_to_a_status_agree() {
    let mut words = BTreeSet::new();
    // One for all: to close one takes as long as ten looks.
    let mut watch = WatchSet::new().unwrap();
    for dialect in DIALECTS {
        for life in [Life::Alive, Life::Dead, Life::Never] {
            for text in TEXTS {
                for beside in BESIDE {
                    let stand = Stand::new(dialect, life, text, beside);
                    let ways = all_ways(&stand, &mut watch);
                    let (_, first) = &ways[0];
                    for (way, seen) in &ways {
                        assert_eq!(seen, first, "{way}: {dialect}, {life:?}, {text:?}, {beside:?}");
                    }
                    words.insert(match first {
                        Ok(seen) => seen.state().to_string(),
                        Err(error) => error.rsplit(": ").next().unwrap_or(error).to_owned(),
                    });
                }
            }
        }
    }
    // So many kinds of answers were compared.
    assert!(words.len() >= 7, "{words:?}");
    for word in ["up", "down", "new", "unsupervised"] {
        assert!(words.contains(word), "{word}: {words:?}");
    }
}

#[test]
fn a_record_that_is_replaced_is_seen_as_by_a_first_look() {
    for dialect in DIALECTS {
        for beside in BESIDE {
            let stand = Stand::new(dialect, Life::Alive, Text::Up, beside);
            let service = Service::open(stand.dir()).unwrap();
            let before = service.status().unwrap();
            for text in TEXTS {
                stand.publish(dialect, text);
                let anew = Service::open(stand.dir()).unwrap();
                // Whose it was is remembered where nothing tells any more.
                if anew.dialect() != Some(dialect) {
                    continue;
                }
                let expected = told(anew.status());
                let Some(normally) = before.normally else { continue };
                let known = Known::AllButRecord(dialect, before.liveness, normally);
                let seen = told(service.look(known));
                assert_eq!(seen, expected, "{dialect}, {text:?}, {beside:?}");
            }
        }
    }
}

#[test]
fn a_suite_that_has_taken_over_is_seen_by_who_knew_the_one_before() {
    for before in DIALECTS {
        for now in DIALECTS {
            let stand = Stand::new(now, Life::Alive, Text::Up, &[]);
            let mut service = Service::open(stand.dir()).unwrap();
            service.set_dialect(Some(before));
            let seen = service.status().unwrap();
            assert_eq!(seen.liveness.is_alive(), Some(true), "{before} before, {now} now");
            let shares_length = |one: Dialect| record(one, true).len();
            if shares_length(before) != shares_length(now) {
                assert_eq!(seen.dialect(), Some(now), "{before} before");
            }
        }
    }
}

#[test]
fn what_a_caller_says_is_believed_by_every_way() {
    let stand = Stand::new(Dialect::Runit, Life::Alive, Text::Up, &[]);
    let service = Service::with_dialect(stand.dir(), Dialect::S6).unwrap();
    for known in [Known::Nothing, Known::Dialect(Dialect::S6)] {
        let seen = service.look(known).unwrap();
        assert_eq!((seen.liveness, seen.dialect()), (Liveness::Dead, Some(Dialect::S6)));
    }
    let mut service = service;
    service.set_dialect(Some(Dialect::Runit));
    assert_eq!(service.status().unwrap().liveness, Liveness::Dead);
}

#[test]
fn what_is_no_service_is_told_as_by_opening_it() {
    let scan = tempfile::tempdir().unwrap();
    let at = |name: &str| scan.path().join(name);
    fs::write(at("a-file"), "").unwrap();
    symlink("nowhere", at("dangling")).unwrap();
    fs::create_dir(at("empty")).unwrap();
    symlink("loop", at("loop")).unwrap();
    mkfifo(&at("pipe"), Mode::S_IRWXU).unwrap();
    let survey = ScanDir::new(scan.path()).survey().unwrap();
    let none = |_: &Service, _| panic!("no service");
    let told = survey.look_or(NonZeroUsize::MIN, none, |name, error| {
        let opened = Service::open(scan.path().join(name)).unwrap_err();
        assert_eq!(error.in_full(), opened.in_full());
        Some(name.to_owned())
    });
    assert_eq!(told.len(), survey.len());
    assert!(survey.len() >= 3);
}
