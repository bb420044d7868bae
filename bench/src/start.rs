//! From the request to the process that runs, under a real supervisor: direct calls, the library, the
//! program, and the suite's own tool, in turn.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::{
    fs::CWD,
    process::{Pid, Signal, kill_process},
};
use svclient::{Dialect, Outcome, Phase, Request, Service, State, pursue};
use svproto::Record;

use crate::{
    Fallible,
    floor::{self, Names},
    rounds::{columns, round},
    tree::c_path,
};

/// Ends the supervisor and its service.
struct Supervisor(Child, Service);

impl Drop for Supervisor {
    fn drop(&mut self) {
        let service = std::slice::from_ref(&self.1);
        // Right after a start a request is not read for a while.
        thread::sleep(SETTLED);
        let pid = self.1.status().ok().and_then(|seen| seen.reading.status()?.pid);
        let request = Request::new(svclient::Op::Exit, svclient::Goal::Gone);
        let gone = pursue(service, &request, Instant::now() + PATIENCE);
        let is_gone = matches!(gone.as_deref(), Ok([Ok(Outcome::Reached { .. })]));
        let _ended = self.0.kill();
        let _reaped = self.0.wait();
        // What it left behind is still the process that it told of.
        let pid = pid.and_then(|pid| i32::try_from(u32::from(pid)).ok()).and_then(Pid::from_raw);
        if let Some(pid) = pid.filter(|_| !is_gone) {
            let _killed = kill_process(pid, Signal::KILL);
        }
    }
}

const PATIENCE: Duration = Duration::from_secs(15);

/// A service that has run for less is not started again at once: runit and daemontools wait a second.
const SETTLED: Duration = Duration::from_millis(1_200);

pub(crate) fn run(suite: Dialect, dir: &Path, rounds: usize, svctl: &Path) -> Fallible {
    fs::create_dir_all(dir)?;
    let run = dir.join("run");
    fs::write(&run, "#!/bin/sh\nexec sleep 1000\n")?;
    fs::set_permissions(&run, fs::Permissions::from_mode(0o755))?;
    let (program, native) = match suite {
        Dialect::Runit => ("runsv", vec!["sv", "start"]),
        Dialect::S6 => ("s6-supervise", vec!["s6-svc", "-wu", "-u"]),
        // Nothing of daemontools waits.
        Dialect::Daemontools | Dialect::Encore => ("supervise", vec!["svc", "-u"]),
    };
    let child = Command::new(program)
        .arg(dir)
        .stdin(Stdio::null())
        // Whoever reads our lines waits for the end of all who could write more.
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let deadline = Instant::now() + PATIENCE;
    let service = loop {
        let service = Service::open(dir)?;
        if service.status()?.reading.is_supervised() {
            break service;
        }
        if Instant::now() > deadline {
            return Err(format!("{program} does not start").into());
        }
        thread::sleep(Duration::from_millis(10));
    };
    let supervisor = Supervisor(child, service);
    let service = &supervisor.1;
    let names = Names::in_dir(dir);
    let process = |words: &[&str]| -> Fallible {
        let (first, rest) = words.split_first().ok_or("no command")?;
        let done = Command::new(first).args(rest).arg(dir).stdout(Stdio::null()).status()?;
        if done.success() { Ok(()) } else { Err(format!("{first}: {done}").into()) }
    };
    let svctl = svctl.to_str().ok_or("svctl has an odd path")?;
    columns(&["floor", "reached", "returned", "svctl", "native"]);
    for _ in 0..rounds {
        let mut numbers = Vec::new();
        numbers.push(directly(suite, dir, &names, service)?);
        be_down(service)?;
        let begin = Instant::now();
        let outcomes = pursue(std::slice::from_ref(service), &Request::up(), begin + PATIENCE)?;
        let returned = begin.elapsed();
        match outcomes.into_iter().next() {
            Some(Ok(Outcome::Reached { took, .. })) => numbers.push(took.as_nanos()),
            other => return Err(format!("up: {other:?}").into()),
        }
        numbers.push(returned.as_nanos());
        for words in [&[svctl, "up"][..], &native] {
            be_down(service)?;
            let begin = Instant::now();
            process(words)?;
            numbers.push(begin.elapsed().as_nanos());
        }
        round(&numbers);
    }
    Ok(())
}

/// Raw inotify: watch, send, and read the record each time until it says up.
fn directly(suite: Dialect, dir: &Path, names: &Names, service: &Service) -> Fallible<u128> {
    be_down(service)?;
    let supervise = c_path(&dir.join("supervise"));
    let begin = Instant::now();
    let instance = floor::instance()?;
    floor::watch(&instance, &supervise)?;
    floor::send(names, b'u')?;
    loop {
        floor::hear(&instance)?;
        let bytes = floor::record(CWD, names)?;
        let len = fs::metadata(dir.join("supervise/status"))?.len();
        let bytes = bytes.get(..usize::try_from(len)?).unwrap_or(&bytes);
        if Record::from_bytes(suite, bytes)?.status().phase == Phase::Up {
            return Ok(begin.elapsed().as_nanos());
        }
    }
}

/// Down, after a run long enough that the next start is not put off.
fn be_down(service: &Service) -> Fallible {
    let seen = service.status()?;
    let status = seen.reading.status().copied();
    if status.is_some_and(|status| status.state() != State::Down || status.pid.is_some()) {
        thread::sleep(SETTLED);
    }
    let done = pursue(std::slice::from_ref(service), &Request::down(), Instant::now() + PATIENCE)?;
    match done.into_iter().next() {
        Some(Ok(Outcome::Reached { .. })) => Ok(()),
        other => Err(format!("down: {other:?}").into()),
    }
}
