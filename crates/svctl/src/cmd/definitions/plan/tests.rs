//! Each decision, by what is seen; and that none comes too early, whatever is seen.

use proptest::prelude::*;
use svcmgr::{Facts, Phase, build::spec::Base};

use super::*;

const NOW: Duration = Duration::from_secs(1);

fn plan(text: &str) -> Plan {
    exit_with(text, &[])
}

fn exit_with(text: &str, names: &[&str]) -> Plan {
    let base = Base::Implied(std::path::Path::new("/"));
    let definitions = Definitions::from_toml_in(text, base).unwrap();
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    Plan::new(&definitions, &names)
}

fn up(pid: u64) -> Status {
    Status::of(Facts::new(Phase::Up).with_want(Want::Up).with_pid(Pid::new(pid)))
}

/// Down for good after an end like this.
fn over(exit: LastExit) -> Status {
    Status::of(Facts::new(Phase::Down).with_want(Want::Down).with_last_exit(exit))
}

fn resting(exit: LastExit) -> Status {
    Status::of(Facts::new(Phase::Down).with_want(Want::Up).with_last_exit(exit))
}

const fn code(code: u8) -> LastExit {
    LastExit::Exited { code }
}

fn start(name: &str) -> Step {
    Step::Start { name: name.to_owned(), ask: false }
}

fn tell(name: &str, what: &str) -> Step {
    Step::Tell { name: name.to_owned(), what: what.to_owned() }
}

const MIGRATED: &str = r#"
[service.migrate]
kind = "job"
exec = ["/bin/migrate"]
success = [2]
[service.web]
exec = ["/bin/web"]
after = ["migrate"]
"#;

#[test]
fn a_service_waits_until_the_job_is_done_and_not_only_until_it_runs() {
    for good in [0, 2] {
        let mut plan = plan(MIGRATED);
        assert_eq!(plan.steps(NOW), [start("migrate")]);
        plan.observe("migrate", &up(7));
        assert_eq!(plan.steps(NOW), []);
        plan.observe("migrate", &over(code(good)));
        assert_eq!(plan.steps(NOW), [start("web")]);
        plan.observe("web", &up(8));
        assert_eq!(plan.steps(NOW), [Step::Ready]);
        assert_eq!(plan.verdict(), (Exit::Done, Vec::new()));
    }
}

/// A service that is not started again is not up because it ran once.
#[test]
fn what_has_failed_for_good_is_not_up() {
    const TEXT: &str = "[service.db]\nexec = ['/bin/db']\nrestart = 'never'\n[service.web]\n\
                        exec = ['/bin/web']\nafter = ['db']\n";
    let mut failed = plan(TEXT);
    failed.steps(NOW);
    failed.observe("db", &over(code(4)));
    assert_eq!(failed.steps(NOW), [tell("web", "held back: db exited with 4")]);
    // One that has done its work is as good as up.
    let mut done = plan(TEXT);
    done.steps(NOW);
    done.observe("db", &over(code(0)));
    assert_eq!(done.steps(NOW), [start("web")]);
    done.observe("web", &up(8));
    assert_eq!(done.steps(NOW), [Step::Ready]);
}

/// It may be over before anybody looks.
#[test]
fn a_job_that_nobody_saw_running_has_run() {
    let mut plan = plan(MIGRATED);
    plan.steps(NOW);
    plan.observe("migrate", &over(LastExit::NotStarted));
    assert_eq!(plan.steps(NOW), [], "it is supervised, and was not started yet");
    plan.observe("migrate", &over(code(0)));
    assert_eq!(plan.steps(NOW), [start("web")]);
}

#[test]
fn a_job_that_fails_holds_back_what_comes_after_it_until_it_succeeds() {
    let mut plan = plan(MIGRATED);
    plan.steps(NOW);
    plan.observe("migrate", &over(code(3)));
    let held = "held back: migrate exited with 3";
    assert_eq!(plan.steps(NOW), [tell("web", held)]);
    let told = ["migrate exited with 3", "web was held back: migrate exited with 3"];
    assert_eq!(plan.verdict(), (Exit::Negative, told.map(str::to_owned).to_vec()));
    assert_eq!(plan.steps(NOW), [Step::Finished], "nothing runs");
    // Somebody runs it once more.
    plan.observe("migrate", &up(9));
    assert_eq!(plan.steps(NOW), []);
    plan.observe("migrate", &over(code(0)));
    assert_eq!(plan.steps(NOW), [start("web")]);
}

#[test]
fn what_is_held_back_holds_back_and_a_wish_does_not() {
    let text = MIGRATED.to_owned()
        + r#"
        [service.tests]
        exec = ["/bin/tests"]
        kind = "job"
        needs = ["web"]
        [service.worker]
        exec = ["/bin/worker"]
        wants = ["web", "migrate"]
        "#;
    let mut plan = plan(&text);
    assert_eq!(plan.steps(NOW), [start("migrate")]);
    plan.observe("migrate", &over(LastExit::Signaled { signal: 9, core: false }));
    let steps = plan.steps(NOW);
    assert!(steps.contains(&tell("web", "held back: migrate was killed by SIGKILL")), "{steps:?}");
    assert!(steps.contains(&tell("tests", "held back: web is held back itself")), "{steps:?}");
    assert!(steps.contains(&start("worker")), "{steps:?}");
}

#[test]
fn what_is_not_ready_in_time_holds_back_and_may_come_yet() {
    let text = r#"
        [service.db]
        exec = ["/bin/db"]
        ready = { fd = 3, timeout = "5s" }
        [service.web]
        exec = ["/bin/web"]
        after = ["db"]
        [service.log]
        exec = ["/bin/log"]
        after = [{ service = "db", when = "up" }]
    "#;
    let mut plan = plan(text);
    assert_eq!(plan.steps(NOW), [start("db")]);
    let due = plan.due().unwrap();
    assert_eq!(due, NOW + Duration::from_secs(5));
    let starting = up(7).with_state(State::Starting);
    plan.observe("db", &starting);
    assert_eq!(plan.steps(NOW), [start("log")]);
    plan.observe("log", &up(8));
    let late = "is not ready after 5.0s";
    let held = format!("held back: db {late}");
    assert_eq!(plan.steps(due), [tell("db", late), tell("web", &held)]);
    assert_eq!((plan.steps(due), plan.due()), (vec![], None));
    assert_eq!(plan.verdict().0, Exit::Deadline);
    plan.observe("db", &up(7).with_state(State::Ready));
    assert_eq!(plan.steps(due), [start("web")]);
}

#[test]
fn whatever_says_that_it_is_ready_is_waited_for() {
    for ready in
        ["tcp = '127.0.0.1:5432'", "http = 'http://db/'", "command = ['x']", "notify = true"]
    {
        let text = format!(
            "[service.db]\nexec = ['/bin/db']\nready = {{ {ready} }}\n\
             [service.web]\nexec = ['/bin/web']\nafter = ['db']\n"
        );
        let mut plan = plan(&text);
        assert_eq!(plan.steps(NOW), [start("db")]);
        plan.observe("db", &up(7).with_state(State::Starting));
        plan.observe("db", &resting(code(1)));
        plan.observe("db", &up(8).with_state(State::Starting));
        assert_eq!(plan.steps(NOW), [], "{ready}");
        plan.observe("db", &up(8).with_state(State::Ready));
        assert_eq!(plan.steps(NOW), [start("web")], "{ready}");
    }
}

#[test]
fn what_is_down_is_started_for_who_needs_it_alone() {
    let text = |key| {
        format!(
            "[service.cache]\nexec = ['/bin/cache']\ndown = true\n\
             [service.web]\nexec = ['/bin/web']\n{key} = ['cache']\n"
        )
    };
    assert_eq!(plan(&text("after")).steps(NOW), [start("web")]);
    for key in ["needs", "wants"] {
        let asked = Step::Start { name: "cache".into(), ask: true };
        assert_eq!(plan(&text(key)).steps(NOW), [asked]);
    }
}

#[test]
fn all_end_with_the_code_of_the_one_that_was_named() {
    let mut plan = exit_with(MIGRATED, &["web"]);
    plan.steps(NOW);
    plan.observe("migrate", &over(code(0)));
    plan.steps(NOW);
    plan.observe("web", &resting(code(5)));
    assert_eq!(plan.steps(NOW), [Step::Ready], "it is started again");
    let exit = LastExit::Signaled { signal: 11, core: true };
    plan.observe("web", &over(exit));
    assert_eq!(plan.steps(NOW), [Step::End { name: "web".into(), exit }]);
    assert_eq!((super::code(exit), super::code(code(5))), (139, 5));
}

#[test]
fn jobs_alone_come_to_an_end() {
    let text = "[service.one]\nkind = 'job'\nexec = ['/bin/one']\n\
                [service.two]\nkind = 'job'\nexec = ['/bin/two']\nneeds = ['one']\n";
    let mut plan = plan(text);
    assert_eq!(plan.steps(NOW), [start("one")]);
    plan.observe("one", &over(code(0)));
    assert_eq!(plan.steps(NOW), [start("two")]);
    assert_eq!(plan.steps(NOW), []);
    plan.observe("two", &over(code(0)));
    assert_eq!(plan.steps(NOW), [Step::Finished]);
}

#[test]
fn what_cannot_be_started_holds_back() {
    let mut plan = plan(MIGRATED);
    plan.steps(NOW);
    plan.refused("migrate", "permission denied");
    let held = "held back: migrate cannot be started: permission denied";
    assert_eq!(plan.steps(NOW), [tell("web", held)]);
}

/// Some of five services, each after some of those before it, each a job or not.
fn arbitrary() -> impl Strategy<Value = Vec<(bool, u8, u8)>> {
    proptest::collection::vec((any::<bool>(), any::<u8>(), 0_u8..3), 1..6)
}

proptest! {
    /// Whatever happens in whatever order: nothing starts before what it waits for, nothing starts twice, and
    /// once everything that was started has come as far as it can, everything is started or held back.
    #[test]
    fn nothing_starts_before_what_it_waits_for(
        services in arbitrary(),
        order in proptest::collection::vec((0_usize..5, 0_u8..3), 0..40),
    ) {
        let mut text = String::new();
        for (at, (is_job, after, key)) in services.iter().enumerate() {
            let kind = if *is_job { "kind = 'job'\n" } else { "" };
            let names = (0..at).filter(|other| after >> other & 1 == 1);
            let names: Vec<_> = names.map(|other| format!("'s{other}'")).collect();
            let key = ["after", "needs", "wants"][usize::from(*key)];
            let list = names.join(", ");
            text += &format!("[service.s{at}]\nexec = ['/bin/x']\n{kind}{key} = [{list}]\n");
        }
        let mut plan = plan(&text);
        let mut started = BTreeSet::new();
        let mut done = BTreeMap::new();
        let mut take = |plan: &mut Plan, done: &BTreeMap<usize, bool>| {
            for step in plan.steps(NOW) {
                let Step::Start { name, .. } = step else { continue };
                let at: usize = name[1..].parse().unwrap();
                prop_assert!(started.insert(at), "{name} twice");
                let (_, after, key) = services[at];
                for other in (0..at).filter(|other| after >> other & 1 == 1) {
                    let came = done.get(&other).copied();
                    let is_over = key == 2 && came.is_some() || came == Some(true);
                    // A wish is over as well where the other one will never start.
                    let never = key == 2 && !started.contains(&other);
                    prop_assert!(is_over || never, "{name} before s{other}: {text}");
                }
            }
            Ok(started.clone())
        };
        let mut now = take(&mut plan, &done)?;
        let rest = (0..services.len()).map(|at| (at, 0)).cycle().take(services.len() * 6);
        for (at, what) in order.into_iter().chain(rest) {
            if !now.contains(&at) || done.contains_key(&at) {
                continue;
            }
            let name = format!("s{at}");
            match (services[at].0, what) {
                (true, 1) => plan.observe(&name, &up(7)),
                (true, how) => {
                    plan.observe(&name, &over(code(how)));
                    done.insert(at, how == 0);
                }
                (false, _) => {
                    plan.observe(&name, &up(7));
                    done.insert(at, true);
                }
            }
            now = take(&mut plan, &done)?;
        }
        for (name, part) in &plan.parts {
            prop_assert!(part.begun.is_some() || part.held.is_some(), "{name}: {text}");
        }
    }
}
