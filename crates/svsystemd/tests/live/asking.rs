//! Requests to many units in few round trips, and what becomes of each by the manager's word.

use std::{
    fs,
    path::PathBuf,
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use svclient::Supervised;
use svsystemd::{Action, Bus, Error, RequestAnswer, RequestOutcome, UnitName};

use crate::{
    fixture::{Fixture, SLEEP, name},
    machine::{Manager, deadline},
};

/// Many units of one template, gone with the value.
struct Many {
    manager: Manager,
    template: PathBuf,
    names: Vec<UnitName>,
}

impl Many {
    fn new(manager: Manager, prefix: &str, count: usize, service: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let prefix = format!("{prefix}-{}-{number}", std::process::id());
        fs::create_dir_all(manager.runtime_dir()).unwrap();
        let template = manager.runtime_dir().join(format!("{prefix}@.service"));
        fs::write(&template, format!("[Service]\n{service}")).unwrap();
        let names = (0..count).map(|at| name(&format!("{prefix}@{at}.service"))).collect();
        Self { manager, template, names }
    }
}

impl Drop for Many {
    fn drop(&mut self) {
        let pattern = self.template.file_name().unwrap().to_str().unwrap().replace('@', "@*");
        self.manager.systemctl(&["kill", "-s", "KILL", &pattern]);
        self.manager.systemctl(&["stop", &pattern]);
        self.manager.systemctl(&["reset-failed", &pattern]);
        let _gone = fs::remove_file(&self.template);
    }
}

#[track_caller]
fn request(bus: &Bus, action: Action, units: &[UnitName], deadline: Instant) -> Vec<RequestAnswer> {
    let answers = tried(bus, action, units, deadline);
    answers.into_iter().map(Result::unwrap).collect()
}

#[track_caller]
fn tried(
    bus: &Bus,
    action: Action,
    units: &[UnitName],
    deadline: Instant,
) -> Vec<Result<RequestAnswer, Error>> {
    let mut requests = bus.request_all(action, units, Some(deadline));
    let mut answers: Vec<_> = units.iter().map(|_| None).collect();
    // The answers come within a moment of the deadline.
    while let Some((at, answer)) = requests.next_before(deadline + Duration::from_millis(200)) {
        assert!(answers[at].replace(answer).is_none(), "{at} has two answers");
    }
    answers.into_iter().map(|answer| answer.expect("an answer for each")).collect()
}

#[track_caller]
fn became(answer: RequestAnswer) -> RequestOutcome {
    match answer {
        RequestAnswer::Settled(became) => *became,
        other => panic!("{other:?}"),
    }
}

/// The bus of this manager, by its address: nobody goes round it.
fn by_the_bus(manager: Manager) -> Bus {
    let address = match manager {
        Manager::System => "unix:path=/run/dbus/system_bus_socket".to_owned(),
        Manager::User => std::env::var("DBUS_SESSION_BUS_ADDRESS").unwrap(),
    };
    Bus::address(address).wait().unwrap()
}

pub fn many_are_started_and_stopped_and_what_was_so_already_is_told(manager: Manager) {
    for (bus, prefix) in [(manager.bus(), "svt-own"), (by_the_bus(manager), "svt-bus")] {
        let many = Many::new(manager, prefix, 150, "Type=exec\nExecStart=/bin/sleep 1000\n");
        for changed in [true, false] {
            for answer in request(&bus, Action::Start, &many.names, deadline()) {
                let became = became(answer);
                assert!(became.reached && became.changed == changed, "{prefix}: {became:?}");
                assert_eq!(became.status.states(), ("active", "running"), "{prefix}");
                assert!(became.status.facts.pid.is_some(), "{prefix}: {became:?}");
                assert!(became.cause.is_none(), "{prefix}: {became:?}");
            }
        }
        for changed in [true, false] {
            for answer in request(&bus, Action::Stop, &many.names, deadline()) {
                let became = became(answer);
                assert!(became.reached && became.changed == changed, "{prefix}: {became:?}");
            }
        }
    }
}

/// Whether it is that sentence, but for how a command ended: a manager that reads its files again, as other
/// tests have it do, forgets that.
fn is_forgotten(said: &str, sentence: &str) -> bool {
    let is_command = sentence.ends_with(" the start") && sentence.starts_with("Exec");
    is_command && said == sentence.replace("exited with 1", "failed")
}

pub fn each_end_has_its_cause(manager: Manager) {
    let bus = manager.bus();
    let check = |unit: &str, service: &str, reached: bool, sentence: &str| {
        let it = Fixture::with(manager, unit, service);
        let names = [it.unit.name().clone()];
        let became = became(request(&bus, Action::Start, &names, deadline()).remove(0));
        let said = became.sentence().unwrap_or_default();
        let is_said = said == sentence || is_forgotten(&said, sentence);
        assert!(became.reached == reached && is_said, "{service} {sentence}: {became:?}");
    };
    check("", SLEEP, true, "");
    check("", "Type=oneshot\nExecStart=/bin/true\n", true, "ran and ended with 0");
    check("", "Type=oneshot\nExecStart=/bin/sh -c 'exit 7'\n", false, "exited with 7");
    check("", "Type=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n", true, "");
    let missing = "its program was not started: the program cannot be executed, EXEC (exit 203)";
    check("", "ExecStart=/nonexistent\n", false, missing);
    let before = "ExecStartPre=/bin/false exited with 1 before the start";
    check("", "ExecStartPre=/bin/false\nExecStart=/bin/sleep 9\n", false, before);
    let after = "ExecStartPost=/bin/false exited with 1 after the start";
    check("", "ExecStartPost=/bin/false\nExecStart=/bin/sleep 9\n", false, after);
    let late = "the start timed out: not ready in 1 s";
    check("", "Type=notify\nExecStart=/bin/sleep 9\nTimeoutStartSec=1\n", false, late);
    let silent = "ended before it was ready: exited with 0";
    check("", "Type=notify\nExecStart=/bin/true\n", false, silent);
    let unmet = "ConditionPathExists=/nonexistent\n";
    let skipped = "condition ConditionPathExists=/nonexistent was not met, nothing was started";
    check(unmet, SLEEP, true, skipped);
    let two = "ConditionPathExists=/\nConditionPathExists=!/\n";
    let skipped = "condition ConditionPathExists=!/ was not met, nothing was started";
    check(two, SLEEP, true, skipped);
    let said = "ExecCondition=/bin/false said no, nothing was started";
    check("", "ExecCondition=/bin/false\nExecStart=/bin/sleep 9\n", true, said);
    let failed = "the assertion AssertPathExists=/nonexistent failed";
    check("AssertPathExists=/nonexistent\n", SLEEP, false, failed);
    let late = "the request timed out after 200 ms";
    check("JobTimeoutSec=200ms\n", "Type=notify\nExecStart=/bin/sleep 9\n", false, late);
    let gone = "the dependency svt-gone.service (there is no such unit) failed";
    check("Requires=svt-gone.service\n", SLEEP, false, gone);
    // A crash right after the start is no success, by the bus and by no chance.
    for _ in 0..5 {
        let loops = "ExecStart=/bin/sh -c 'exit 4'\nRestart=on-failure\nRestartSec=100\n";
        check("", loops, false, "exited with 4");
    }
}

/// A unit is kept in the manager's memory until its request is judged, and no longer: also by a program that
/// goes on.
pub fn what_was_kept_for_a_request_is_let_go(manager: Manager) {
    let bus = manager.bus();
    let unmet = Fixture::with(manager, "ConditionPathExists=/nonexistent\n", SLEEP);
    let names = [unmet.unit.name().clone()];
    let became = became(request(&bus, Action::Start, &names, deadline()).remove(0));
    assert_eq!(became.cause, Some(svproto::Cause::Condition), "{became:?}");
    let is_loaded = || !bus.loaded(&[names[0].as_str()]).wait().unwrap().is_empty();
    let until = deadline();
    while is_loaded() {
        assert!(Instant::now() < until, "{} is kept for nobody", names[0]);
    }
}

pub fn the_dependency_that_failed_is_named_and_followed(manager: Manager) {
    let bus = manager.bus();
    let root = Fixture::new(manager, "ExecStartPre=/bin/false\nExecStart=/bin/sleep 9\n");
    let of = |on: &Fixture| format!("Requires={0}\nAfter={0}\n", on.name());
    let middle = Fixture::with(manager, &of(&root), SLEEP);
    let top = Fixture::with(manager, &of(&middle), SLEEP);
    let names = [top.unit.name().clone(), root.unit.name().clone()];
    let known = "ExecStartPre=/bin/false exited with 1 before the start";
    for bus in [&bus, &by_the_bus(manager)] {
        let answers = request(bus, Action::Start, &names, deadline());
        let said: Vec<_> = answers.into_iter().map(|it| became(it).sentence().unwrap()).collect();
        assert_eq!(said[0], format!("the dependency {} failed", root.name()));
        assert!(said[1] == known || is_forgotten(&said[1], known), "{}", said[1]);
    }
    bus.reload().wait().unwrap();
    let seen = Supervised::status(&root.unit).unwrap();
    let seen = Supervised::looked_closer(&root.unit, &seen);
    assert_eq!(seen.odd().cause, Some(svproto::Cause::BeforeStart), "{seen:?}");
}

pub fn a_start_limit_is_told_from_a_failure(manager: Manager) {
    let bus = manager.bus();
    let limit = "StartLimitBurst=2\nStartLimitIntervalSec=100\n";
    let it = Fixture::with(manager, limit, "ExecStart=/nonexistent\n");
    let names = [it.unit.name().clone()];
    let mut said = Vec::new();
    for _ in 0..3 {
        let became = became(request(&bus, Action::Start, &names, deadline()).remove(0));
        assert!(!became.reached);
        said.push(became.sentence().unwrap());
    }
    assert!(said[1].contains("EXEC"), "{said:?}");
    assert_eq!(said[2], "was started too often (2 times in 100 s)");
    it.unit.reset_failed().wait().unwrap();
    let again = became(request(&bus, Action::Start, &names, deadline()).remove(0));
    assert!(again.sentence().unwrap().contains("EXEC"), "{again:?}");
}

pub fn what_there_is_not_or_is_masked_is_told_beside_the_others(manager: Manager) {
    let bus = manager.bus();
    let it = Fixture::new(manager, SLEEP);
    let masked = Fixture::new(manager, SLEEP);
    fs::remove_file(masked.path()).unwrap();
    std::os::unix::fs::symlink("/dev/null", masked.path()).unwrap();
    let broken = Fixture::new(manager, "Restart=always\n");
    bus.reload().wait().unwrap();
    let names = [
        name("svt-nowhere"),
        it.unit.name().clone(),
        masked.unit.name().clone(),
        broken.unit.name().clone(),
        it.unit.name().clone(),
    ];
    let answers = tried(&bus, Action::Start, &names, deadline());
    assert_eq!(answers[0].as_ref().unwrap_err().kind(), svsystemd::ErrorKind::NoSuchUnit);
    let word = |at: usize| {
        let became = became(answers[at].as_ref().unwrap().clone());
        (became.reached, became.cause.map(|it| it.kind()))
    };
    assert_eq!((word(1), word(4)), ((true, None), (true, None)));
    assert_eq!(word(2), (false, Some("masked")));
    assert_eq!(word(3), (false, Some("bad-definition")));
}

pub fn a_unit_that_vanishes_by_its_stop_is_down(manager: Manager) {
    let unit = format!("svt-vanishes-{}.service", std::process::id());
    let mut run = Command::new("systemd-run");
    if manager == Manager::User {
        run.arg("--user");
    }
    let run = run.args(["--unit", &unit, "sleep", "1000"]).output().unwrap();
    assert!(run.status.success(), "{run:?}");
    let bus = manager.bus();
    let names = [name(&unit)];
    let became = became(request(&bus, Action::Stop, &names, deadline()).remove(0));
    assert!(became.reached && became.changed, "{became:?}");
}

/// `systemd.md` 4.
pub fn a_reload_has_the_result_of_its_job(manager: Manager) {
    let bus = manager.bus();
    let it = Fixture::new(manager, "ExecStart=/bin/sleep 1000\nExecReload=/bin/sh -c 'exit 9'\n");
    let names = [it.unit.name().clone()];
    let reload = || became(request(&bus, Action::Reload, &names, deadline()).remove(0));
    assert_eq!(reload().cause, Some(svproto::Cause::NotUp));
    it.start();
    let failed = reload();
    let (said, sentence) =
        (failed.sentence().unwrap(), "the reload failed: /bin/sh -c exit 9 exited with 9");
    // A manager that has read its files again knows no more.
    let is_said = said == sentence || said == "the reload failed: exit-code";
    assert!(!failed.reached && is_said, "{failed:?}");
    assert_eq!(failed.status.states().0, "active");
}

/// systemd 257 and later do nothing with what is frozen.
pub fn frozen_units_are_stopped_and_restarted_and_those_of_a_frozen_slice_end_the_wait(
    manager: Manager,
) {
    let bus = manager.bus();
    for action in [Action::Stop, Action::Restart] {
        let many = Many::new(manager, "svt-ice", 3, SLEEP);
        request(&bus, Action::Start, &many.names, deadline());
        for name in &many.names {
            bus.named(name.clone()).freeze().wait().unwrap();
        }
        for answer in request(&bus, action, &many.names, deadline()) {
            let became = became(answer);
            assert!(became.reached && became.changed, "{action:?}: {became:?}");
        }
    }
    let slice = format!("svt_ice_{}.slice", std::process::id());
    let it = Fixture::new(manager, &format!("Slice={slice}\n{SLEEP}"));
    it.start();
    manager.systemctl(&["freeze", &slice]);
    let answers = request(&bus, Action::Stop, &[it.unit.name().clone()], deadline());
    // Older managers thaw it.
    let became = became(answers.into_iter().next().unwrap());
    let is_frozen = became.cause == Some(svproto::Cause::Frozen);
    assert!(became.reached != is_frozen, "{became:?}");
    manager.systemctl(&["thaw", &slice]);
}

pub fn the_deadline_is_kept_and_what_was_not_asked_stays_down(manager: Manager) {
    let service = "Type=exec\nExecStartPre=/bin/sleep 1000\nExecStart=/bin/sleep 1000\n";
    for (bus, prefix) in [(manager.bus(), "svt-own"), (by_the_bus(manager), "svt-bus")] {
        let many = Many::new(manager, prefix, 600, service);
        let begun = Instant::now();
        let answers = request(&bus, Action::Start, &many.names, begun + Duration::from_secs(1));
        let took = begun.elapsed();
        let asked =
            answers.iter().filter(|it| matches!(it, RequestAnswer::Deadline { .. })).count();
        let not_asked =
            answers.iter().filter(|it| matches!(it, RequestAnswer::NotAsked { .. })).count();
        assert_eq!(asked + not_asked, 600, "{prefix}");
        // Nor does anything else keep a caller waiting for a manager that has much to do.
        let why = bus.named(many.names[0].clone()).explain_before(begun).unwrap_err();
        assert_eq!(why.kind(), svclient::ErrorKind::NoAnswer, "{why}");
        eprintln!("{prefix}: {asked} of 600 asked, over after {took:?}");
    }
}

/// systemd 252 is thrown off the bus by 511 jobs that are pending at once and were asked for there.
pub fn seven_hundred_that_start_slowly_do_not_throw_the_manager_off_the_bus(manager: Manager) {
    let busctl = |args: &[&str]| {
        let mut busctl = Command::new("busctl");
        // The manager makes 700 units meanwhile, and answers when it has.
        busctl.arg("--timeout=240");
        busctl.arg(if manager == Manager::User { "--user" } else { "--system" });
        let said = busctl.args(args).output().unwrap();
        assert!(said.status.success(), "{said:?}");
        String::from_utf8(said.stdout).unwrap()
    };
    let (bus, path, name) =
        ("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.systemd1");
    let owner = || busctl(&["call", bus, path, bus, "GetNameOwner", "s", name]);
    let of_manager = [name, "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager"];
    let jobs = || {
        let said = busctl(&[&["get-property"][..], &of_manager, &["NJobs"]].concat());
        said.trim().strip_prefix("u ").unwrap().parse::<usize>().unwrap()
    };
    let before = owner();
    for (bus, prefix) in [(by_the_bus(manager), "svt-bus"), (manager.bus(), "svt-own")] {
        // Each of them starts until the gate is opened: then all are pending.
        let tmp = tempfile::Builder::new().prefix("svt-").tempdir().unwrap();
        let gate = tmp.path().join("gate");
        nix::unistd::mkfifo(&gate, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let run = format!("ExecStart=/bin/sh -c ': <{}; test %i -ne 7'\n", gate.display());
        let service = format!("Type=oneshot\nRemainAfterExit=yes\n{run}");
        let many = Many::new(manager, prefix, 700, &service);
        let begun = Instant::now();
        let answers = std::thread::scope(|scope| {
            let opener = scope.spawn(|| {
                let deadline = begun + 3 * crate::machine::PATIENCE;
                while jobs() < many.names.len() && Instant::now() < deadline {
                    std::thread::sleep(Duration::from_millis(50));
                }
                let pending = jobs();
                // Also where nobody waits at it yet.
                let open = fs::File::options().read(true).write(true).open(&gate).unwrap();
                (pending, open)
            });
            let answers =
                request(&bus, Action::Start, &many.names, begun + 4 * crate::machine::PATIENCE);
            let (pending, _open) = opener.join().unwrap();
            assert!(pending >= many.names.len(), "{prefix}: {pending} were pending at once");
            answers
        });
        eprintln!("{prefix}: 700 after {:?}", begun.elapsed());
        for (unit, answer) in many.names.iter().zip(answers) {
            let became = became(answer);
            let is_bad = unit.as_str().ends_with("@7.service");
            assert_eq!(became.reached, !is_bad, "{unit}: {became:?}");
            assert_eq!(became.sentence().as_deref(), is_bad.then_some("exited with 1"));
        }
        assert_eq!(owner(), before, "{prefix}: the manager was thrown off the bus");
    }
}
