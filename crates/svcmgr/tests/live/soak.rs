//! Services of every suite under random requests of several clients, while processes crash and supervisors are
//! stopped, killed and started again; in the end what was watched, said and asked has to agree.
//!
//! `cargo xtask soak` runs it for minutes. Without a word about how long, each client asks a few times.
//!
//! | has to hold                                       | what tells                                                  |
//! |---------------------------------------------------|-------------------------------------------------------------|
//! | no outcome that the suite's own tool contradicts  | after every request that nobody else disturbs               |
//! | no event is missing or out of order               | every script notes its process before it does anything else |
//! | every watch agrees with every record in the end   | `Service::status`, and the suite's own tool                 |
//! | nothing is left                                   | descriptors, threads, processes in the tree                 |
//! | no supervisor holds more after a long life        | descriptors of the supervisors of one suite, all services down |

mod checks;
mod clients;
mod watching;

use std::{
    fs,
    sync::{
        Arc, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;
use svcmgr::{Op, Request, Service};

use crate::supervised::{PATIENCE, Suite, Supervised, encore, strays};

/// A service and who may disturb it: with the lock for writing nobody else asks it anything.
pub struct Subject {
    pub suite: Suite,
    pub kind: usize,
    pub service: Service,
    pub place: RwLock<Supervised>,
}

/// What the scripts do after they have noted their process.
pub const KINDS: [(&str, &str); 4] = [
    ("stays", "exec sleep 1000"),
    ("ends soon", "exec sleep 0.2"),
    ("fails at SIGTERM", "trap 'exit 3' TERM; while :; do read line <> hold; done"),
    ("crashes", "kill -SEGV $$"),
];

impl Subject {
    fn start(suite: Suite, kind: usize) -> Self {
        let (_, body) = KINDS[kind];
        // `$$` is the process that the supervisor knows.
        let mut place = Supervised::prepare(suite, &format!("echo $$ >> trace\n{body}"));
        nix::unistd::mkfifo(&place.dir().join("hold"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        if kind % 2 == 1 {
            place.script("finish", "exit 0");
        }
        place.supervise();
        // Before there is a record the suite cannot be told from its kin.
        let service = Service::open(place.dir()).unwrap();
        let deadline = Instant::now() + PATIENCE;
        while service.status().unwrap().facts().is_none() {
            assert!(Instant::now() < deadline, "{suite:?} writes no record");
            thread::sleep(Duration::from_millis(2));
        }
        Self { suite, kind, service, place: RwLock::new(place) }
    }

    /// Whom messages name.
    pub fn name(&self) -> String {
        format!("a service of {:?} that {}", self.suite, KINDS[self.kind].0)
    }

    /// The processes of its script, in their order.
    pub fn trace(&self) -> Vec<u32> {
        let path = self.service.dir().join("trace");
        let text = fs::read_to_string(path).unwrap_or_default();
        text.lines().filter_map(|line| line.parse().ok()).collect()
    }
}

/// So often each client asks in the test.
const STEPS: usize = 10;

/// What one client did: (what, how often).
pub type Figures = std::collections::BTreeMap<String, usize>;

/// A small generator (xorshift), so that a seed says what was asked in which order.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        // Zero would stay zero.
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn below(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % sides
    }
}

fn asked<T: std::str::FromStr>(name: &str, otherwise: T) -> T {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// Descriptors and threads of this process.
fn held() -> (usize, usize) {
    let count = |dir: &str| fs::read_dir(dir).unwrap().count();
    (count("/proc/self/fd"), count("/proc/self/task"))
}

/// In a process of its own: descriptors and threads are counted, which `cargo test` shares among tests.
#[test]
fn nothing_is_lost_or_left_however_they_are_treated() {
    const ALONE: &str = "SVCMGR_SOAK_ALONE";
    if !suites().into_iter().all(|it| it == Suite::Embedded || it.is_installed()) {
        return;
    }
    if std::env::var_os(ALONE).is_some() {
        return soak();
    }
    let mut again = std::process::Command::new(std::env::current_exe().unwrap());
    let test = "soak::nothing_is_lost_or_left_however_they_are_treated";
    let status = again.args(["--exact", test, "--nocapture"]).env(ALONE, "1").status().unwrap();
    assert!(status.success(), "see above; SV_SOAK_SEED asks for the same requests again");
}

/// Those that `SV_SOAK_SUITES` names, with blanks between, or all that may be here.
fn suites() -> Vec<Suite> {
    let all = [Suite::Runit, Suite::Daemontools, Suite::S6, Suite::Embedded, Suite::Encore];
    let asked = std::env::var("SV_SOAK_SUITES").ok();
    let is_meant = |suite: &Suite| match &asked {
        Some(names) => names.split(' ').any(|it| it == format!("{suite:?}").to_lowercase()),
        None => *suite != Suite::Encore || fs::exists(encore("supervise")).unwrap(),
    };
    all.into_iter().filter(is_meant).collect()
}

fn soak() {
    let seconds = asked("SV_SOAK_SECONDS", 0);
    let steps = if seconds == 0 { STEPS } else { usize::MAX };
    let each = asked("SV_SOAK_SERVICES", 1);
    let seed = asked("SV_SOAK_SEED", u64::from(std::process::id()));
    println!("soak: seed {seed}, {each} services of each kind and suite");
    let suites = suites();
    let before = held();
    let subjects: Vec<Subject> = thread::scope(|scope| {
        let start = |suite| {
            let kinds = (0..KINDS.len()).flat_map(|kind| vec![kind; each]);
            move || kinds.map(|kind| Subject::start(suite, kind)).collect::<Vec<_>>()
        };
        let starting: Vec<_> = suites.iter().map(|&suite| scope.spawn(start(suite))).collect();
        starting.into_iter().flat_map(|it| it.join().unwrap()).collect()
    });
    let subjects = Arc::new(subjects);
    let over = AtomicBool::new(false);
    let (figures, seen) = thread::scope(|scope| {
        let watch = watching::Watching::start(scope, &subjects);
        let clients: Vec<_> = (0..4)
            .map(|number| {
                let (subjects, over) = (&subjects, &over);
                let dice = Dice::new(seed + number);
                scope.spawn(move || clients::run(dice, subjects, over, steps))
            })
            .collect();
        if seconds > 0 {
            thread::sleep(Duration::from_secs(seconds));
            over.store(true, Ordering::Relaxed);
        }
        let mut figures = Figures::new();
        for client in clients {
            for (what, count) in client.join().unwrap() {
                *figures.entry(what).or_default() += count;
            }
        }
        settle(&subjects);
        (figures, watch.end(&subjects))
    });
    let runs: usize = subjects.iter().map(|it| it.trace().len()).sum();
    println!("soak: {} services, {runs} runs, {} events", subjects.len(), seen.len());
    for (what, count) in &figures {
        println!("soak: {count:>7} {what}");
    }
    let waited = figures.iter().filter(|(what, _)| what.contains("waited for"));
    // What `settle` asked was compared as well. `cargo xtask matrix` reads this line.
    println!(
        "soak: compared {} outcomes and {} events of {} requests and disturbances",
        waited.map(|(_, count)| count).sum::<usize>() + subjects.len(),
        seen.len(),
        figures.values().sum::<usize>()
    );
    watching::check(&subjects, &seen);
    descriptors(&suites, &subjects);
    end(&subjects);
    drop((subjects, seen));
    assert_eq!(held(), before, "descriptors and threads of this process");
}

/// Everything is asked to go down, which has to come to pass.
fn settle(subjects: &[Subject]) {
    for subject in subjects {
        subject.place.read().unwrap().signal(Signal::SIGCONT);
    }
    let services: Vec<Service> = subjects.iter().map(|it| it.service.clone()).collect();
    let down = Request::down().kill_after(Duration::from_secs(5));
    let outcomes = down.pursue_all(&services, Instant::now() + PATIENCE).unwrap();
    for (subject, (_, outcome)) in subjects.iter().zip(outcomes) {
        let outcome = outcome.unwrap();
        assert!(outcome.is_reached(), "{} is to be down: {outcome}", subject.name());
        let native = subject.place.read().unwrap().native();
        assert!(
            checks::says_down(&native),
            "{} is down, and its tool says {native}",
            subject.name()
        );
    }
}

/// All services are down, so the supervisors of a suite hold as much as one another, however long each has lived.
fn descriptors(suites: &[Suite], subjects: &[Subject]) {
    for &suite in suites {
        let of_suite = subjects.iter().filter(|it| it.suite == suite);
        let counts = of_suite.map(|it| {
            let dir = format!("/proc/{}/fd", it.place.read().unwrap().pid());
            (fs::read_dir(dir).unwrap().count(), it.name())
        });
        let counts: Vec<_> = counts.collect();
        let (first, _) = &counts[0];
        assert!(counts.iter().all(|(count, _)| count == first), "descriptors: {counts:?}");
    }
}

/// Every supervisor is told to end, and nothing is left in its tree.
fn end(subjects: &[Subject]) {
    for subject in subjects {
        let place = subject.place.read().unwrap();
        subject.service.send(Op::StopExit).unwrap();
        let deadline = Instant::now() + PATIENCE;
        let is_alive = || subject.service.status().unwrap().supervised() == Some(true);
        while is_alive() {
            assert!(Instant::now() < deadline, "the supervisor of {} does not end", subject.name());
            thread::sleep(Duration::from_millis(2));
        }
        let left = || {
            let own = place.pid();
            strays::processes(place.scan_dir()).into_iter().filter(move |&it| it != own).count()
        };
        while left() > 0 {
            assert!(Instant::now() < deadline, "processes of {} are left", subject.name());
            thread::sleep(Duration::from_millis(2));
        }
    }
}
