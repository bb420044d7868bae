//! The embedded supervisor with many services: what it holds, and that it sleeps.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::{Programs, tree::directory};
use crate::{command, failure::Failure};

/// What was seen.
pub(super) struct Seen {
    /// Anonymous memory of the one process, KiB.
    pub(super) kib: u64,
    /// Ticks of processor time while nothing happened.
    pub(super) ticks: u64,
    /// How often it was woken meanwhile.
    pub(super) wakes: u64,
    pub(super) threads: u64,
}

/// Starts it on a scan directory, waits until all run, and looks at it twice.
pub(super) fn run(programs: &Programs, count: usize, rest: Duration) -> Result<Seen, Failure> {
    let dir = directory()?;
    for number in 0..count {
        let service = dir.path().join(format!("web-{number:05}"));
        let run = service.join("run");
        fs::create_dir(&service)
            .and_then(|()| fs::write(&run, "#!/bin/sh\nexec sleep 1000\n"))
            .and_then(|()| fs::set_permissions(&run, fs::Permissions::from_mode(0o755)))
            .map_err(|why| Failure::cannot("write a service directory", why))?;
    }
    let mut scan = Command::new(&programs.svctl);
    scan.arg("scan").arg(dir.path()).arg("--quiet");
    scan.stdin(Stdio::null()).stdout(Stdio::null());
    let child = scan.spawn().map_err(|why| command::not_run(&scan, &why))?;
    let supervisor = Ended(child);
    let deadline = Instant::now() + Duration::from_secs(120);
    let is_up = |number: usize| {
        let record = dir.path().join(format!("web-{number:05}/supervise/status"));
        // The last byte of runit's record says whether `run` runs.
        fs::read(record).is_ok_and(|record| record.last() == Some(&1))
    };
    while !(0..count).all(is_up) {
        if Instant::now() > deadline {
            return Err(Failure::Because("the embedded supervisor does not start all".into()));
        }
        thread::sleep(Duration::from_millis(50));
    }
    let proc = format!("/proc/{}", supervisor.0.id());
    // The last of them has started just now.
    thread::sleep(Duration::from_secs(1));
    let before = look(Path::new(&proc))?;
    thread::sleep(rest);
    let after = look(Path::new(&proc))?;
    Ok(Seen { ticks: after.ticks - before.ticks, wakes: after.wakes - before.wakes, ..after })
}

fn look(proc: &Path) -> Result<Seen, Failure> {
    let read = |name: &str| {
        fs::read_to_string(proc.join(name)).map_err(|why| Failure::cannot("look at a process", why))
    };
    let (status, stat) = (read("status")?, read("stat")?);
    let number = |key: &str| {
        let line = status.lines().find(|line| line.starts_with(key));
        line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or_default()
    };
    // Fields 14 and 15 of the line, of which the first two end with a bracket.
    let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
    let ticks = fields.skip(11).take(2).filter_map(|it| it.parse::<u64>().ok()).sum();
    let wakes = number("voluntary_ctxt_switches");
    Ok(Seen { kib: number("RssAnon"), ticks, wakes, threads: number("Threads") })
}

/// Ends its services and itself.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let mut kill = Command::new("sh");
        kill.args(["-c", r#"kill -s TERM "$1""#, "sh", &self.0.id().to_string()]);
        let _ = command::capture(&mut kill);
        // It returns when the last service has ended.
        let _ = self.0.wait();
    }
}
