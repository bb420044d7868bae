//! Logs of the real loggers, read while they rotate.

use std::{
    collections::BTreeSet,
    fs,
    io::Write,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant, SystemTime},
};

use svclient::{LogDir, LogFrom, LogItem, Logs, Scale, State};

use crate::{
    supervised::{PATIENCE, Suite, Supervised},
    waiting::{deadline, event, open, status_of, watch},
};

/// A logger that stamps its lines, rotates as soon as it may, and keeps everything that a test
/// writes.
fn logger(suite: Suite, dir: &Path) -> Command {
    let mut command = Command::new(match suite {
        Suite::Runit | Suite::Embedded => "svlogd",
        Suite::Daemontools | Suite::Encore => "multilog",
        Suite::S6 => "s6-log",
    });
    match suite {
        Suite::Runit | Suite::Embedded => {
            fs::create_dir_all(dir).unwrap();
            fs::write(dir.join("config"), "s4096\nn500\n").unwrap();
            command.args(["-t", "-b", "2048"]).arg(dir)
        }
        Suite::Daemontools | Suite::Encore => command.args(["t", "s4096", "n500"]).arg(dir),
        Suite::S6 => command.args(["-b", "n500", "s4096", "t"]).arg(dir),
    };
    command.stdin(Stdio::piped()).stderr(Stdio::null());
    command
}

const LINES: usize = 3000;

pub fn no_line_is_lost_or_told_twice_through_many_rotations(suite: Suite) {
    let tree = tempfile::tempdir().unwrap();
    let dir = tree.path().join("log");
    let mut child = logger(suite, &dir).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    writeln!(input, "line 0").unwrap();
    let limit = deadline();
    while LogDir::open(&dir).is_err() {
        assert!(Instant::now() < limit);
        std::thread::sleep(Duration::from_millis(1));
    }
    let writer = std::thread::spawn(move || {
        for n in 1..LINES {
            writeln!(input, "line {n}").unwrap();
            if n % 100 == 0 {
                std::thread::sleep(Duration::from_millis(2));
            }
        }
    });
    let log = LogDir::open(&dir).unwrap();
    let mut logs = Logs::new().unwrap();
    logs.add(&log, LogFrom::Start).unwrap();
    let mut before = None;
    for n in 0..LINES {
        let line = logs.next_before(deadline()).unwrap().unwrap();
        assert_eq!(line.item, LogItem::Line(format!("line {n}").into_bytes()));
        assert!(line.at >= before && line.at.is_some());
        before = line.at;
    }
    writer.join().unwrap();
    assert!(child.wait().unwrap().success());
    assert!(fs::read_dir(&dir).unwrap().count() > 5, "it did not rotate");
    assert_eq!(logs.next_now().unwrap(), None);
    // The stamp is a moment of now, on whichever scale.
    let ago = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let apart = before.unwrap().secs().abs_diff(ago.try_into().unwrap());
    assert!(apart <= PATIENCE.as_secs(), "{apart}");
    let scale = if suite == Suite::S6 { Scale::LeapSeconds } else { Scale::Fixed };
    assert_eq!(LogDir::open(&dir).unwrap().scale(), Some(scale));
    // What was read as it came is what is there to be read again.
    let mut again = Logs::new().unwrap();
    again.add(&LogDir::open(&dir).unwrap(), LogFrom::Last(100)).unwrap();
    let lines: BTreeSet<Vec<u8>> = std::iter::from_fn(|| again.next_now().unwrap())
        .map(|line| match line.item {
            LogItem::Line(line) => line,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(lines.len(), 100);
}

pub fn the_log_of_a_service_is_found(suite: Suite) {
    let mut supervised = Supervised::prepare(suite, "echo hello from web\nexec sleep 1000");
    let log = supervised.dir().join("log");
    fs::create_dir_all(log.join("main")).unwrap();
    let script = match suite {
        Suite::Runit | Suite::Embedded => "exec svlogd -tt ./main",
        Suite::Daemontools | Suite::Encore => "exec multilog t ./main",
        Suite::S6 => "exec s6-log t ./main",
    };
    supervised.script("log/run", script);
    if suite == Suite::Runit {
        supervised.supervise();
        let mut watch = watch(&supervised);
        event(&mut watch, |event| status_of(event).is_some_and(|s| s.state() == State::Up));
    }
    // Of the others, the scanner makes the pipe to the logger; here it writes by hand.
    if suite != Suite::Runit {
        let mut child = Command::new("sh")
            .args(["-c", script])
            .current_dir(&log)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(b"hello from web\n").unwrap();
        assert!(child.wait().unwrap().success());
    }
    let service = open(&supervised);
    let mut logs = Logs::new().unwrap();
    let limit = deadline();
    let found = loop {
        // The process of the logger is the shell of its script for a moment.
        match service.logs().dirs() {
            [found] => break found.clone(),
            _ => assert!(Instant::now() < limit),
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    assert_eq!(found.path().canonicalize().unwrap(), log.join("main").canonicalize().unwrap());
    logs.add(&found, LogFrom::Start).unwrap();
    let line = logs.next_before(deadline()).unwrap().unwrap();
    assert_eq!(line.item, LogItem::Line(b"hello from web".to_vec()));
    assert!(line.at.is_some());
}
