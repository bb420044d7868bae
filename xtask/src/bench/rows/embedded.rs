//! The embedded supervisor with many services: what it holds, that it sleeps, and how soon it
//! starts again what has died.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use super::ask;
use crate::{
    bench::{
        Programs,
        size::Size,
        table::{Asked, Figure, Table},
        tree::directory,
    },
    command,
    failure::Failure,
};

/// What may pass between the moment that a start is allowed and the record of the process.
const SOON: f64 = 2e6;

pub(super) fn rows(programs: &Programs, size: &Size) -> Result<Table, Failure> {
    let mut table = Table::default();
    // Before a thousand services have come and gone: see `GROUPS`.
    let svctl = programs.svctl.display().to_string();
    let natively = command::on_path("runsv");
    for (row, what) in [
        ("killed", "embedded supervisor: kill of a process to the record of the next"),
        ("second", "embedded supervisor: start after the second that a short run is waited for"),
    ] {
        if !natively {
            table.absent(what, "runsv is not installed");
            continue;
        }
        let dir = directory()?;
        let rounds = if row == "second" { size.starts.div_ceil(2) } else { size.starts };
        let dir = dir.path().display().to_string();
        let rounds = ask(programs, &[row, &dir, &rounds.to_string(), &svctl])?;
        table.compare(what, &rounds, ("ours", "native"), "`runsv`", Asked::Within(SOON));
    }
    let seen = rest(programs, size.embedded, size.rest)?;
    let work = |what: &str| format!("embedded supervisor of {}: {what}", size.embedded);
    let one = Figure::once(format!("1, with {} threads", seen.threads));
    table.fact(
        work("processes beside those of the services"),
        one,
        "1",
        seen.children == size.embedded,
    );
    let mib = seen.kib / 1024.0;
    let memory = Figure::once(format!("{mib:.1} MiB"));
    table.fact(work("memory of the whole process (VmRSS)"), memory, "≤ 10 MiB", mib <= 10.0);
    let seconds = size.rest.as_secs();
    let ticks = Figure::once(format!("{} ticks, {} wake-ups", seen.ticks, seen.wakes));
    let asleep = seen.ticks == 0 && seen.wakes == 0;
    table.fact(work(&format!("processor, {seconds} s at rest")), ticks, "0", asleep);
    Ok(table)
}

/// What was seen.
struct Seen {
    /// Memory of the one process with the pages of its file, KiB.
    kib: f64,
    /// Ticks of processor time while nothing happened.
    ticks: u64,
    /// How often it was woken meanwhile.
    wakes: u64,
    threads: u64,
    /// Processes of which it is the parent.
    children: usize,
}

/// Starts it on a scan directory, waits until all run, and looks at it twice.
fn rest(programs: &Programs, count: usize, rest: Duration) -> Result<Seen, Failure> {
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
    let number = |key: &str| -> u64 {
        let line = status.lines().find(|line| line.starts_with(key));
        line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok()).unwrap_or_default()
    };
    // Fields 14 and 15 of the line, of which the first two end with a bracket.
    let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
    let ticks = fields.skip(11).take(2).filter_map(|it| it.parse::<u64>().ok()).sum();
    let pid = proc.file_name().unwrap_or_default().to_string_lossy();
    let children = read(&format!("task/{pid}/children"))?.split_whitespace().count();
    let kib = u32::try_from(number("VmRSS")).map_or(f64::INFINITY, f64::from);
    let wakes = number("voluntary_ctxt_switches");
    Ok(Seen { kib, ticks, wakes, threads: number("Threads"), children })
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
