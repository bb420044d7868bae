//! A thousand services in one process.

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use nix::{
    sys::{
        signal::{Signal, kill},
        stat::Mode,
    },
    unistd::{Pid, mkfifo},
};

use crate::{
    acting::{Acting, Who},
    snapshot::{ids, names, state},
    tree::{Dir, Tree},
};

const COUNT: usize = 1000;
/// A thousand processes on a busy machine take their time.
const LONG: Duration = Duration::from_secs(300);

struct Children {
    living: usize,
    zombies: usize,
}

fn children(supervisor: &str) -> Children {
    let pids = names(Path::new("/proc"));
    let mine = pids.iter().filter(|pid| ids(pid).is_some_and(|(parent, ..)| parent == supervisor));
    let states: Vec<_> = mine.filter_map(|pid| state(pid)).collect();
    let zombies = states.iter().filter(|&&state| state == 'Z').count();
    Children { living: states.len() - zombies, zombies }
}

fn descriptors(supervisor: &Acting) -> usize {
    names(Path::new(&format!("/proc/{}/fd", supervisor.pid()))).len()
}

/// Processor time so far, in ticks of 10 ms, and resident memory.
fn usage(supervisor: &Acting) -> (u64, String) {
    let stat = fs::read_to_string(format!("/proc/{}/stat", supervisor.pid())).unwrap();
    let fields: Vec<_> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    let ticks = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    let status = fs::read_to_string(format!("/proc/{}/status", supervisor.pid())).unwrap();
    let memory = status.lines().find(|line| line.starts_with("VmRSS")).unwrap_or_default();
    (ticks, memory.split_whitespace().skip(1).collect::<Vec<_>>().join(" "))
}

fn until_all(what: &str, services: &[Dir], so: impl Fn(&Dir) -> bool) {
    let deadline = Instant::now() + LONG;
    for service in services {
        while !so(service) {
            assert!(
                Instant::now() < deadline,
                "{what}: {} is {}",
                service.0.display(),
                service.stat()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

#[test]
fn a_thousand_services_start_crash_are_killed_and_stop_without_a_trace() {
    // Half of the work would be that of a file system on a disk.
    let tree = Tree::in_memory();
    let scan = tree.path().join("scan");
    fs::create_dir(&scan).unwrap();
    // They wait in the shell, for what nobody writes: each program that is started costs more than
    // all that the supervisor does for it.
    let never = tree.path().join("never");
    mkfifo(&never, Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
    let stay = format!("ulimit -n > limit; read -r word <>'{}'", never.display());
    // Every tenth crashes three times, as fast as it may.
    let crash = "for run in 1 2 3 4; do [ -e run$run ] || break; done; : > run$run\n\
                 [ $run = 4 ] || exit 1\n";
    let [crashes, stays] = [("crashes", crash), ("stays", "")]
        .map(|(name, crash)| tree.service(name, &format!("{crash}{stay}")).0.join("run"));
    let services: Vec<_> = (0..COUNT)
        .map(|number| {
            let dir = scan.join(format!("s{number}"));
            fs::create_dir(&dir).unwrap();
            let run = if number % 10 == 0 { &crashes } else { &stays };
            fs::hard_link(run, dir.join("run")).unwrap();
            Dir(dir)
        })
        .collect();
    let started = Instant::now();
    let mut supervisor = Who::EmbeddedScanner
        .start_under(&["sh", "-c", "ulimit -Sn 1024; exec \"$@\"", "sh"], &scan);
    let pid = supervisor.pid().to_string();
    until_all("start", &services, |it| !it.read("limit").is_empty() && it.stat() == "run");
    println!("{COUNT} services up after {:?}", started.elapsed());
    for service in &services {
        assert_eq!(service.read("limit"), "1024\n", "they get the limit of before");
    }
    let settled = || {
        let deadline = Instant::now() + LONG;
        loop {
            let Children { living, zombies } = children(&pid);
            if living == COUNT && zombies == 0 {
                break;
            }
            assert!(Instant::now() < deadline, "{living} live, {zombies} are zombies");
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    settled();
    let at_first = descriptors(&supervisor);
    let (before, memory) = usage(&supervisor);
    std::thread::sleep(Duration::from_secs(2));
    let (after, _) = usage(&supervisor);
    println!(
        "at rest: {memory}, {} ms of processor in 2 s, {at_first} descriptors",
        (after - before) * 10
    );

    // A storm: every process is killed, twice over.
    for round in 0..2 {
        let stormed = Instant::now();
        let former: Vec<_> = services.iter().map(Dir::pid).collect();
        for pid in former.iter().flatten() {
            let _gone = kill(Pid::from_raw(*pid), Signal::SIGKILL);
        }
        for (service, former) in services.iter().zip(&former) {
            let deadline = Instant::now() + LONG;
            while service.pid().is_none() || service.pid() == *former {
                assert!(Instant::now() < deadline, "{}", service.0.display());
                std::thread::sleep(Duration::from_millis(2));
            }
        }
        println!("storm {round}: all back after {:?}", stormed.elapsed());
    }
    until_all("after the storm", &services, |it| it.stat() == "run");
    settled();
    assert_eq!(descriptors(&supervisor), at_first, "none is lost");
    println!("after the storms: {}", usage(&supervisor).1);

    let stopped = Instant::now();
    supervisor.signal(Signal::SIGTERM);
    assert_eq!(supervisor.wait().code(), Some(0));
    println!("all down after {:?}", stopped.elapsed());
    until_all("stop", &services, |it| it.stat() == "down");
    assert_eq!(tree.processes(), []);
}
