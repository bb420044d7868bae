//! The same generated scenario for `runsv` and for the embedded supervisor, and all that can be
//! seen of both compared after every step.
//!
//! After a step both are left alone until nothing is about to happen: the process waits in `poll`,
//! so it has read every request and does not nap, and no service rests before a start. Then records
//! (but for time and pid), `stat` and `pid`, types and modes of all files, children with their
//! command lines, groups, sessions, directories and descriptors, `sv status`, what scripts noted,
//! and what the logger wrote must be equal.
//!
//! Left out of the comparison, with the reason (`differences.rs` shows each of them):
//!
//! | left out                             | because                                                |
//! |--------------------------------------|--------------------------------------------------------|
//! | the deaf second after a short life   | `runsv` sleeps; ours hears, and starts no sooner       |
//! | that second before the end after `x` | the same; ours ends at once                            |
//! | `k` while `finish` runs              | `runsv` runs `finish` a second time: a fault           |
//! | `k` after `x` that was not obeyed    | `runsv` ends with a record that says "run": a fault    |
//! | `control/k` that stands for SIGKILL  | `runsv` believes the process dead and starts a second  |
//! | most letters together in one write   | whether the second meets the process is a race in both |
//! | requests after the last run has ended | `runsv` starts one with a closed pipe: a fault        |
//! | a `run` that cannot be executed      | no process shows for the exit with 111                 |

use std::{
    fmt::Write as _,
    fs,
    os::unix::fs::{PermissionsExt as _, symlink},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use proptest::{
    prelude::*,
    strategy::ValueTree as _,
    test_runner::{Config, TestRunner},
};

use crate::{
    acting::{Acting, Who},
    snapshot::{Snapshot, is_waiting},
    supervised::{PATIENCE, Suite},
    tree::{Dir, Tree},
};

/// How many scenarios an ordinary run has; `SV_SCENARIOS` asks for another number.
const SCENARIOS: usize = 48;
/// How many at the same time: most of a scenario is waiting.
const AT_ONCE: usize = 12;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Run {
    Sleeps,
    /// Notes its signals, and ends with 7 at TERM and 3 at USR2.
    Notes,
    IgnoresTerm,
    /// Ends by itself after a tenth of a second, with 4; only for services that are normally down.
    Job,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Finish {
    Absent,
    Quick,
    /// Until somebody opens the gate.
    Gated,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Log {
    Absent,
    Cat,
    Down,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Supervise {
    Absent,
    Dangling,
    Linked,
}

/// What `control/LETTER` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Script {
    Instead,
    Beside,
    NotExecutable,
}

#[derive(Clone, Debug)]
struct Setup {
    run: Run,
    finish: Finish,
    log: Log,
    supervise: Supervise,
    down: bool,
    umask: &'static str,
    scripts: Vec<(char, Script)>,
}

#[derive(Clone, Debug)]
enum Step {
    Main(String),
    Log(String),
    /// A signal to the process itself.
    Kill(Signal),
    KillLog(Signal),
    OpenGate,
    MakeDown,
    Supervisor(Signal),
}

#[derive(Clone, Debug)]
struct Scenario {
    setup: Setup,
    steps: Vec<Step>,
}

fn setups() -> impl Strategy<Value = Setup> {
    let run = prop_oneof![
        3 => Just(Run::Sleeps), 4 => Just(Run::Notes), 2 => Just(Run::IgnoresTerm), 1 => Just(Run::Job)
    ];
    let finish = prop_oneof![Just(Finish::Absent), Just(Finish::Quick), Just(Finish::Gated)];
    let log = prop_oneof![2 => Just(Log::Absent), 3 => Just(Log::Cat), 1 => Just(Log::Down)];
    let supervise = prop_oneof![
        3 => Just(Supervise::Absent), 1 => Just(Supervise::Dangling), 1 => Just(Supervise::Linked)
    ];
    let script =
        prop_oneof![Just(Script::Instead), Just(Script::Beside), Just(Script::NotExecutable)];
    let letter = prop::sample::select("tduxpch1".chars().collect::<Vec<_>>());
    let scripts = prop::collection::btree_map(letter, script, 0..4);
    let umask = prop_oneof![3 => Just("022"), 1 => Just("077")];
    let parts = (run, finish, log, supervise, prop::bool::weighted(0.25), umask, scripts);
    parts.prop_map(|(run, finish, log, supervise, down, umask, scripts)| Setup {
        run,
        finish,
        log,
        supervise,
        down: down || run == Run::Job,
        umask,
        scripts: scripts.into_iter().collect(),
    })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let signal = || prop::sample::select(vec![Signal::SIGKILL, Signal::SIGTERM, Signal::SIGSEGV]);
    let step = prop_oneof![
        10 => "[udoptchai12qxb]".prop_map(Step::Main),
        2 => Just(Step::Main("k".into())),
        // No letter that ends or starts a process: whether the next one meets it is a race.
        3 => "[pcuo]{2,4}".prop_map(Step::Main),
        3 => "[udotpchkx1]".prop_map(Step::Log),
        3 => signal().prop_map(Step::Kill),
        1 => signal().prop_map(Step::KillLog),
        2 => Just(Step::OpenGate),
        1 => Just(Step::MakeDown),
        1 => Just(Step::Supervisor(Signal::SIGTERM)),
    ];
    prop::collection::vec(step, 3..9)
}

fn generate(count: usize) -> Vec<Scenario> {
    let mut runner = TestRunner::deterministic();
    runner = TestRunner::new_with_rng(Config::default(), runner.new_rng());
    let strategy = (setups(), steps()).prop_map(|(setup, steps)| Scenario { setup, steps });
    (0..count).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

/// One of the two.
struct Side {
    who: Who,
    tree: Tree,
    dir: Dir,
    supervisor: Acting,
    /// Its exit code, once it has ended.
    ended: Option<i32>,
}

impl Side {
    fn start(who: Who, setup: &Setup) -> Self {
        let tree = Tree::new();
        let note = "echo \"$0 $*\" >> trace";
        let body = match setup.run {
            Run::Sleeps => format!("{note}; echo a line; exec sleep 1000"),
            Run::Notes => {
                let trap = |name| format!("trap 'echo {name} >> notes; echo {name}' {name}\n");
                let traps = ["HUP", "INT", "ALRM", "QUIT", "USR1"].map(trap).concat();
                // Reading a FIFO that it holds itself: it sleeps without a child.
                format!(
                    "{traps}trap 'exit 7' TERM\ntrap 'exit 3' USR2\n\
                     {note}\necho a line; while :; do read line <> hold; done"
                )
            }
            Run::IgnoresTerm => format!("trap '' TERM; {note}; exec sleep 1000"),
            Run::Job => format!("{note}; echo a line; sleep 0.1; exit 4"),
        };
        let dir = tree.service("web", &body);
        let fifo = |name: &str| {
            nix::unistd::mkfifo(&dir.0.join(name), nix::sys::stat::Mode::S_IRWXU).unwrap();
        };
        fifo("hold");
        fifo("gate");
        match setup.finish {
            Finish::Absent => (),
            Finish::Quick => dir.script("finish", note),
            Finish::Gated => dir.script("finish", &format!("{note}; read line <> gate")),
        }
        if setup.log != Log::Absent {
            dir.script("log/run", "exec cat >> ../out");
        }
        if setup.log == Log::Down {
            dir.file("log/down", "");
        }
        if setup.down {
            dir.file("down", "");
        }
        for &(letter, script) in &setup.scripts {
            let name = format!("control/{letter}");
            let code = i32::from(script != Script::Instead);
            dir.script(&name, &format!("{note}; exit {code}"));
            if script == Script::NotExecutable {
                let mode = fs::Permissions::from_mode(0o644);
                fs::set_permissions(dir.0.join(name), mode).unwrap();
            }
        }
        if setup.supervise != Supervise::Absent {
            symlink("../elsewhere", dir.0.join("supervise")).unwrap();
        }
        if setup.supervise == Supervise::Linked {
            fs::create_dir(tree.path().join("elsewhere")).unwrap();
        }
        let umask = format!("umask {}; exec \"$@\"", setup.umask);
        let supervisor = who.start_under(&["sh", "-c", &umask, "sh"], &dir.0);
        Self { who, tree, dir, supervisor, ended: None }
    }

    fn pid(&self) -> Option<Pid> {
        self.ended.is_none().then(|| self.supervisor.pid())
    }

    fn step(&self, step: &Step) {
        let to = |pid: &str, signal| {
            let pid = self.dir.read(pid).trim().parse().ok().map(Pid::from_raw);
            if let (Some(pid), Some(_)) = (pid, self.pid()) {
                let _gone = kill(pid, signal);
            }
        };
        match step {
            Step::Main(bytes) => drop(self.dir.send(bytes)),
            Step::Log(bytes) => drop(self.dir.send_to("log/supervise/control", bytes)),
            Step::Kill(signal) => to("supervise/pid", *signal),
            Step::KillLog(signal) => to("log/supervise/pid", *signal),
            // Nobody may be waiting; then it stays shut.
            Step::OpenGate => drop(self.dir.send_to("gate", "open\n")),
            Step::MakeDown => self.dir.file("down", ""),
            Step::Supervisor(signal) => {
                if self.ended.is_none() {
                    self.supervisor.signal(*signal);
                }
            }
        }
    }

    /// What can be seen once nothing is about to happen.
    fn settle(&mut self) -> Result<Snapshot, String> {
        let deadline = Instant::now() + PATIENCE;
        let mut last = None;
        loop {
            self.ended = self
                .ended
                .or_else(|| self.supervisor.try_wait().map(|status| status.code().unwrap_or(-1)));
            let waits = self.pid().is_none_or(is_waiting);
            let now = Snapshot::take(&self.dir, self.pid());
            // A service that ended meanwhile may end its supervisor a moment later.
            if waits && (self.ended.is_some() || now.is_settled()) && last.as_ref() == Some(&now) {
                return Ok(now);
            }
            last = waits.then_some(now);
            if Instant::now() > deadline {
                return Err(format!("{:?} does not settle: {last:#?}", self.who));
            }
            // A signal that comes just before a shell waits for a line is heard after the next one
            // only.
            let _waits = self.dir.send_to("hold", "\n");
            thread::sleep(Duration::from_millis(25));
        }
    }
}

/// What is left out; see the page's table. A second signal to end is, too: it hurries ours, and runsv knows no
/// hurry.
fn is_left_out(step: &Step, setup: &Setup, seen: &Snapshot) -> bool {
    let Step::Main(bytes) = step else { return false };
    let phase = seen.main.as_ref().map_or(0, crate::snapshot::Record::phase);
    // A job that is wanted up is a crash loop, which never settles.
    if setup.run == Run::Job && bytes.contains('u') {
        return true;
    }
    // A start, and letters behind it.
    if bytes.len() > 1 && phase != 1 {
        return true;
    }
    bytes.contains('k') && (phase == 2 || seen.says_want_exit())
}

fn play(number: usize, scenario: &Scenario) -> Result<(), String> {
    let setup = &scenario.setup;
    let mut sides = [Who::Runsv, Who::Embedded].map(|who| Side::start(who, setup));
    let mut story = format!("scenario {number}: {setup:#?}\n");
    let compare = |sides: &mut [Side; 2], story: &str| -> Result<Snapshot, String> {
        let [theirs, ours] = sides;
        let (left, right) = thread::scope(|scope| {
            let left = scope.spawn(|| theirs.settle());
            (ours.settle(), left.join().unwrap())
        });
        let (right, left) = (
            left.map_err(|why| story.to_owned() + &why)?,
            right.map_err(|why| story.to_owned() + &why)?,
        );
        if left != right || theirs.ended != ours.ended {
            let ends = (theirs.ended, ours.ended);
            return Err(format!("{story}runsv: {left:#?}\nours: {right:#?}\nexit codes {ends:?}"));
        }
        Ok(left)
    };
    let mut seen = compare(&mut sides, &story)?;
    let mut told = false;
    for step in &scenario.steps {
        let tells = matches!(step, Step::Supervisor(_));
        if is_left_out(step, setup, &seen) || (tells && told) {
            continue;
        }
        told |= tells;
        // These take it back.
        told &= !matches!(step, Step::Main(bytes) if bytes.contains(['u', 'd', 'o']));
        writeln!(story, "  {step:?}").unwrap();
        for side in &sides {
            side.step(step);
        }
        seen = compare(&mut sides, &story)?;
        if sides[0].ended.is_some() {
            break;
        }
    }
    // A second supervisor gives up at once, and changes nothing.
    if sides[0].ended.is_none() {
        let codes = [0, 1].map(|at| sides[at].who.start(&sides[at].dir.0).wait().code());
        writeln!(story, "  a second supervisor").unwrap();
        if codes != [Some(111), Some(111)] {
            return Err(format!("{story}exit codes of a second supervisor: {codes:?}"));
        }
        seen = compare(&mut sides, &story)?;
        // To the end, by whatever it takes.
        let [term, kill] = [Step::Supervisor(Signal::SIGTERM), Step::Kill(Signal::SIGKILL)];
        for last in [term, kill, Step::OpenGate, Step::Log("c".into())] {
            if sides[0].ended.is_some() {
                break;
            }
            if matches!(last, Step::Kill(_)) && !seen.stat_is("run") {
                continue;
            }
            if matches!(last, Step::Supervisor(_)) && told {
                continue;
            }
            writeln!(story, "  at the end {last:?}").unwrap();
            for side in &sides {
                side.step(&last);
            }
            seen = compare(&mut sides, &story)?;
        }
    }
    if sides[0].ended != Some(0) {
        return Err(format!("{story}both end with 0, but {:?}", sides[0].ended));
    }
    Ok(())
}

#[test]
fn generated_scenarios_look_the_same_under_both() {
    if !Suite::Runit.is_installed() {
        return;
    }
    let count = std::env::var("SV_SCENARIOS").ok().and_then(|text| text.parse().ok());
    let scenarios = generate(count.unwrap_or(SCENARIOS));
    let only = std::env::var("SV_SCENARIO").ok().and_then(|text| text.parse::<usize>().ok());
    let next = AtomicUsize::new(0);
    let failures = thread::scope(|scope| {
        let player = || {
            let mut failures = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some(scenario) = scenarios.get(number) else { return failures };
                if only.is_none_or(|only| only == number) {
                    failures.extend(play(number, scenario).err());
                }
            }
        };
        let players: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(player)).collect();
        players.into_iter().flat_map(|player| player.join().unwrap()).collect::<Vec<_>>()
    });
    assert!(failures.is_empty(), "{} differ:\n{}", failures.len(), failures.join("\n\n"));
}
