//! Clients that ask at random, and what else happens to services and supervisors.

use std::{
    fs,
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use svcmgr::{Op, OutcomeKind, Request};

use super::{
    Dice, Figures, Subject,
    checks::{self, Asked},
};
use crate::supervised::{PATIENCE, strays};

/// So many steps, and none once it is over; what was done how often.
pub fn run(mut dice: Dice, subjects: &[Subject], over: &AtomicBool, steps: usize) -> Figures {
    let mut figures = Figures::new();
    for _ in 0..steps {
        if over.load(Ordering::Relaxed) {
            break;
        }
        let subject = &subjects[dice.below(subjects.len())];
        let what = match dice.below(20) {
            0..=8 => request(&mut dice, subject),
            9..=14 => letter(&mut dice, subject),
            15..=16 => signal(&mut dice, subject),
            17 => pause(&mut dice, subject),
            18 => stop(&mut dice, subject),
            _ => replace(&mut dice, subject),
        };
        *figures.entry(what).or_default() += 1;
    }
    figures
}

/// A request that is waited for, and that nobody disturbs.
fn request(dice: &mut Dice, subject: &Subject) -> String {
    let (asked, request) = match dice.below(4) {
        0 => (Asked::Up, Request::up()),
        1 => (Asked::Down, Request::down().kill_after(Duration::from_secs(1))),
        2 => (Asked::Restart, Request::restart()),
        _ => (Asked::Once, Request::once()),
    };
    let place = subject.place.write().unwrap();
    let before = subject.service.status().unwrap().pid().map(svcmgr::Pid::get);
    let deadline = Instant::now() + Duration::from_secs(3);
    let outcome = match request.pursue(&subject.service, deadline) {
        Ok(outcome) => outcome,
        Err(why) => panic!("{}: {asked:?}: {why}", subject.name()),
    };
    let native = place.native();
    checks::compare(subject, asked, before, &outcome, &native);
    drop(place);
    let kind = match outcome.kind() {
        OutcomeKind::Never => format!("never: {}", outcome.why().map_or("", |why| why.kind())),
        kind => kind.to_string(),
    };
    format!("{asked:?}, waited for: {kind}").to_lowercase()
}

/// One that is not waited for; others may send theirs at the same time.
fn letter(dice: &mut Dice, subject: &Subject) -> String {
    let ops = [Op::Up, Op::Down, Op::Once, Op::Term, Op::Hup, Op::Kill, Op::Alarm, Op::Cont];
    let op = ops[dice.below(ops.len())];
    let _place = subject.place.read().unwrap();
    match subject.service.send(op) {
        Ok(()) => "letters sent".to_owned(),
        Err(why) => panic!("{}: {op}: {why}", subject.name()),
    }
}

/// A signal that comes from nobody who is asked.
fn signal(dice: &mut Dice, subject: &Subject) -> String {
    let signals = [Signal::SIGKILL, Signal::SIGTERM, Signal::SIGSEGV, Signal::SIGINT];
    let signal = signals[dice.below(signals.len())];
    let _place = subject.place.read().unwrap();
    let Some(pid) = subject.service.status().unwrap().pid() else {
        return "signals for nobody".to_owned();
    };
    // What has ended since may be somebody else's number by now.
    let cwd = fs::read_link(format!("/proc/{}/cwd", pid.get()));
    if cwd.is_ok_and(|cwd| cwd == subject.service.dir()) {
        let _ended = kill(Pid::from_raw(pid.get().try_into().unwrap()), signal);
    }
    "signals to processes".to_owned()
}

/// A pause, which is taken back.
fn pause(dice: &mut Dice, subject: &Subject) -> String {
    let _place = subject.place.read().unwrap();
    subject.service.send(Op::Pause).unwrap();
    thread::sleep(Duration::from_millis(dice.below(60) as u64));
    subject.service.send(Op::Cont).unwrap();
    "pauses".to_owned()
}

/// A supervisor that does nothing for a while.
#[expect(clippy::readonly_write_lock, reason = "nobody else is to wait for what it would do")]
fn stop(dice: &mut Dice, subject: &Subject) -> String {
    let place = subject.place.write().unwrap();
    place.signal(Signal::SIGSTOP);
    thread::sleep(Duration::from_millis(dice.below(60) as u64));
    place.signal(Signal::SIGCONT);
    "supervisors stopped for a while".to_owned()
}

/// A supervisor that is killed, with all that it left, and another one in its place.
fn replace(dice: &mut Dice, subject: &Subject) -> String {
    let mut place = subject.place.write().unwrap();
    place.signal(Signal::SIGKILL);
    // Its place in the value is taken by the next one.
    nix::sys::wait::waitpid(place.pid(), None).unwrap();
    strays::end(place.scan_dir(), || ());
    thread::sleep(Duration::from_millis(dice.below(30) as u64));
    place.supervise();
    let deadline = Instant::now() + PATIENCE;
    while subject.service.status().unwrap().facts().is_none() {
        assert!(Instant::now() < deadline, "{} has no supervisor again", subject.name());
        thread::sleep(Duration::from_millis(2));
    }
    "supervisors killed and started again".to_owned()
}
