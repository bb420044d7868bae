//! Waits, told as sequences of readings.

mod each;

use super::{rules::LAST_WORD, *};
use crate::{Dialect, Facts, LastExit, Phase, Pid, Readiness, Record, Stage, UnixTime, Want};

const NOW: Now = Now { wall: UnixTime::EPOCH, steady: Duration::ZERO };
const PENDING: Verdict = Verdict::Pending { look_again: None };

/// Both clocks at so many seconds.
fn at(secs: u64) -> Now {
    let steady = Duration::from_secs(secs);
    Now { wall: UnixTime::EPOCH.saturating_add(steady), steady }
}

/// A runit reading: seconds of its stamp, pid, want, phase.
fn runit(since: u8, pid: u8, want: u8, phase: u8) -> Reading {
    let mut bytes = [0; 20];
    [bytes[0], bytes[7], bytes[12], bytes[17], bytes[19]] = [0x40, since + 10, pid, want, phase];
    Reading::Record(Record::from_bytes(Dialect::Runit, &bytes).unwrap().facts())
}

fn got_term(reading: Reading) -> Reading {
    let Reading::Record(status) = reading else { unreachable!() };
    Reading::Record(Facts { got_term: Some(true), ..status })
}

#[track_caller]
fn check(goal: Goal, op: Option<Op>, readings: &[(Reading, Verdict)]) {
    let mut pursuit = Pursuit::new(goal, op, readings[0].0, NOW);
    for (at, (reading, expected)) in readings.iter().enumerate() {
        assert_eq!(pursuit.observe(reading, NOW), *expected, "reading {at}");
    }
}

#[test]
fn up_is_reached_by_a_process_that_is_wanted() {
    check(
        Goal::Up,
        Some(Op::Up),
        &[
            (runit(1, 0, b'd', 0), PENDING),
            (runit(1, 0, b'u', 0), PENDING),
            (runit(2, 9, b'u', 1), Verdict::Reached),
        ],
    );
}

/// `up` sent while the service is on its way down: the process that is there is not the one.
#[test]
fn a_process_that_was_told_to_end_is_not_up() {
    check(
        Goal::Up,
        Some(Op::Up),
        &[
            (got_term(runit(1, 9, b'd', 1)), PENDING),
            (got_term(runit(1, 9, b'u', 1)), PENDING),
            (runit(2, 0, b'u', 0), PENDING),
            (runit(2, 10, b'u', 1), Verdict::Reached),
        ],
    );
}

/// Who asked is told, unless somebody's `cont` is still under way; who looks on waits for it.
#[test]
fn what_is_paused_is_not_up() {
    let paused = |reading: Reading| {
        let Reading::Record(facts) = reading else { unreachable!() };
        Reading::Record(facts.with_paused(true))
    };
    let up = runit(1, 9, b'u', 1);
    let never = Verdict::Never(Cause::Paused);
    let look_again = Verdict::Pending { look_again: Some(LAST_WORD) };
    for goal in [Goal::Up, Goal::UpFor(Duration::ZERO)] {
        // Also after SIGTERM, which waits for it to go on.
        for before in [paused(up), paused(got_term(up))] {
            let mut pursuit = Pursuit::new(goal, Some(Op::Up), before, NOW);
            assert_eq!(pursuit.observe(&before, NOW), look_again, "{goal}");
            assert_eq!(pursuit.observe(&before, at(3)), never, "{goal}");
        }
        check(goal, Some(Op::Up), &[(paused(up), look_again), (up, Verdict::Reached)]);
    }
    let last = paused(runit(1, 9, b'd', 1));
    check(Goal::Up, Some(Op::Once), &[(paused(up), PENDING), (last, look_again)]);
    let ready = |reading: Reading| {
        let Reading::Record(facts) = reading else { unreachable!() };
        Reading::Record(facts.with_readiness(Readiness::Ready { since: None }))
    };
    check(Goal::Ready, None, &[(ready(paused(up)), PENDING), (ready(up), Verdict::Reached)]);
    for goal in [Goal::Up, Goal::UpFor(Duration::ZERO), Goal::AsWanted] {
        check(goal, None, &[(paused(up), PENDING), (up, Verdict::Reached)]);
    }
    // Another process that is stopped in its turn.
    let another = runit(2, 10, b'u', 1);
    let readings = [(paused(up), PENDING), (paused(another), PENDING), (another, Verdict::Reached)];
    check(Goal::Restarted, None, &readings);
    // A stop lets it go on by itself.
    check(
        Goal::Down,
        Some(Op::Down),
        &[(paused(up), PENDING), (runit(2, 0, b'd', 0), Verdict::Reached)],
    );
}

/// encore: `start` has ended, there is no `run`, and what is wanted of one is "once".
#[test]
fn what_its_start_script_has_started_is_up() {
    let encore = |since: u8, stage: u8| {
        let mut bytes = [0; 20];
        [bytes[0], bytes[7], bytes[18]] = [0x40, since + 10, stage];
        Reading::Record(Record::from_bytes(Dialect::Encore, &bytes).unwrap().facts())
    };
    let (started, again) = (encore(1, 2), encore(2, 2));
    check(Goal::Up, Some(Op::Up), &[(started, Verdict::Reached)]);
    check(Goal::Up, None, &[(started, Verdict::Reached)]);
    check(Goal::Restarted, Some(Op::Up), &[(started, PENDING), (again, Verdict::Reached)]);
}

/// daemontools: `d` always sends SIGTERM, so whatever is there when `u` comes will go.
#[test]
fn a_process_that_was_told_to_end_does_not_count_once_it_is_wanted_again() {
    let daemontools = |since: u8, pid: u8, want: u8| {
        let mut bytes = [0; 18];
        [bytes[0], bytes[7], bytes[12], bytes[17]] = [0x40, since + 10, pid, want];
        Reading::Record(Record::from_bytes(Dialect::Daemontools, &bytes).unwrap().facts())
    };
    check(
        Goal::Up,
        Some(Op::Up),
        &[
            (daemontools(1, 9, b'd'), PENDING),
            (daemontools(1, 9, b'u'), PENDING),
            (daemontools(2, 10, b'u'), Verdict::Reached),
        ],
    );
    // "Once" sends nothing: the process stays.
    check(
        Goal::Up,
        Some(Op::Up),
        &[(daemontools(1, 9, 0), PENDING), (daemontools(1, 9, b'u'), Verdict::Reached)],
    );
}

/// s6 does not tell the two apart; three seconds do.
#[test]
fn a_process_of_s6_that_was_to_end_or_was_the_last_counts_if_it_stays() {
    let s6 = |pid: u8, flags: u8| {
        let mut bytes = [0; 35];
        [bytes[0], bytes[7], bytes[31], bytes[34]] = [0x40, pid, pid, flags];
        Reading::Record(Record::from_bytes(Dialect::S6, &bytes).unwrap().facts())
    };
    let mut pursuit = Pursuit::new(Goal::Up, Some(Op::Up), s6(9, 0), NOW);
    let look_again = Verdict::Pending { look_again: Some(Duration::from_secs(103)) };
    assert_eq!(pursuit.observe(&s6(9, 4), at(100)), look_again);
    assert_eq!(pursuit.observe(&s6(9, 4), at(102)), look_again);
    assert_eq!(pursuit.observe(&s6(9, 4), at(103)), Verdict::Reached);
    let mut pursuit = Pursuit::new(Goal::Up, Some(Op::Up), s6(9, 0), NOW);
    assert_eq!(pursuit.observe(&s6(9, 4), at(100)), look_again);
    assert_eq!(pursuit.observe(&s6(10, 4), at(101)), Verdict::Reached);
}

#[test]
fn down_needs_the_want_and_no_process() {
    check(
        Goal::Down,
        Some(Op::Down),
        &[
            // Between two runs of a crash loop: down, and yet not.
            (runit(1, 0, b'u', 0), PENDING),
            (runit(1, 0, b'd', 0), Verdict::Reached),
        ],
    );
    check(
        Goal::Down,
        Some(Op::Down),
        &[
            (runit(1, 9, b'u', 1), PENDING),
            (got_term(runit(1, 9, b'd', 1)), PENDING),
            (runit(1, 9, b'd', 2), PENDING),
            (runit(2, 0, b'd', 0), Verdict::Reached),
        ],
    );
}

#[test]
fn down_is_out_of_reach_once_somebody_else_wants_it_up() {
    check(
        Goal::Down,
        Some(Op::Down),
        &[
            (runit(1, 9, b'u', 1), PENDING),
            (got_term(runit(1, 9, b'd', 1)), PENDING),
            (got_term(runit(1, 9, b'u', 1)), Verdict::Never(Cause::WantedUpAgain)),
        ],
    );
}

/// daemontools naps: `d` and then `u` lie unread in its FIFO, and `d` is carried out first.
#[test]
fn an_older_request_that_is_read_late_is_not_the_last_word() {
    let up = runit(1, 9, b'u', 1);
    let mut pursuit = Pursuit::new(Goal::Restarted, Some(Op::Up), up, NOW);
    assert_eq!(pursuit.observe(&up, at(100)), PENDING);
    assert!(!pursuit.is_acknowledged());
    let look_again = Verdict::Pending { look_again: Some(Duration::from_secs(104)) };
    assert_eq!(pursuit.observe(&runit(2, 0, b'd', 0), at(101)), look_again);
    assert_eq!(pursuit.observe(&runit(2, 0, b'u', 0), at(102)), PENDING);
    assert!(pursuit.is_acknowledged());
    assert_eq!(pursuit.observe(&runit(3, 10, b'u', 1), at(103)), Verdict::Reached);
    // Nobody reads on: it was the last word.
    let mut pursuit = Pursuit::new(Goal::Restarted, Some(Op::Up), up, NOW);
    assert_eq!(pursuit.observe(&runit(2, 0, b'd', 0), at(101)), look_again);
    let given_up = Verdict::Never(Cause::GivenUp { exit: LastExit::NotReported });
    assert_eq!(pursuit.observe(&runit(2, 0, b'd', 0), at(104)), given_up);
}

#[test]
fn up_is_out_of_reach_once_the_supervisor_gave_up() {
    let given_up = Verdict::Never(Cause::GivenUp { exit: LastExit::NotReported });
    check(
        Goal::Up,
        Some(Op::Up),
        &[
            (runit(1, 0, b'd', 0), PENDING),
            (runit(1, 0, b'u', 0), PENDING),
            (runit(2, 0, b'd', 0), given_up),
        ],
    );
}

/// A job of a millisecond: only its end is seen.
#[test]
fn once_is_reached_by_a_run_that_is_over_already() {
    check(
        Goal::Up,
        Some(Op::Once),
        &[(runit(1, 0, b'd', 0), PENDING), (runit(2, 0, b'd', 0), Verdict::Reached)],
    );
    check(
        Goal::Up,
        Some(Op::Once),
        &[(runit(1, 0, b'd', 0), PENDING), (runit(2, 9, b'd', 1), Verdict::Reached)],
    );
}

#[test]
fn who_only_looks_on_waits_for_a_service_that_is_down() {
    check(
        Goal::Up,
        None,
        &[(runit(1, 0, b'd', 0), PENDING), (runit(2, 9, b'd', 1), Verdict::Reached)],
    );
}

#[test]
fn restarted_means_a_later_start_even_within_the_same_second() {
    let base = runit(1, 9, b'u', 1);
    check(
        Goal::Restarted,
        None,
        &[
            (base, PENDING),
            (got_term(base), PENDING),
            (runit(1, 0, b'u', 0), PENDING),
            (runit(1, 10, b'u', 1), Verdict::Reached),
        ],
    );
    // The same pid again, later.
    check(Goal::Restarted, None, &[(base, PENDING), (runit(2, 9, b'u', 1), Verdict::Reached)]);
    // It was down: any start is one.
    check(
        Goal::Restarted,
        None,
        &[(runit(5, 0, b'd', 0), PENDING), (runit(6, 9, b'u', 1), Verdict::Reached)],
    );
}

#[test]
fn finished_is_reached_by_the_end_or_by_the_next_run() {
    let base = runit(1, 9, b'u', 1);
    check(
        Goal::Finished,
        None,
        &[
            (base, PENDING),
            (runit(1, 11, b'u', 2), PENDING),
            (runit(2, 0, b'u', 0), Verdict::Reached),
        ],
    );
    check(Goal::Finished, None, &[(base, PENDING), (runit(2, 12, b'u', 1), Verdict::Reached)]);
}

/// `once --for finished` of what is down: nothing has run yet.
#[test]
fn the_run_that_is_asked_for_is_the_one_that_is_to_be_over() {
    let base = runit(1, 0, b'd', 0);
    for (op, want) in [(Op::Once, b'd'), (Op::Up, b'u')] {
        check(
            Goal::Finished,
            Some(op),
            &[
                (base, PENDING),
                (runit(1, 0, want, 0), PENDING),
                (runit(2, 9, want, 1), PENDING),
                (runit(3, 10, want, 2), PENDING),
                (runit(4, 0, want, 0), Verdict::Reached),
            ],
        );
    }
}

/// The next run may begin before anybody has seen the end of the first.
#[test]
fn a_run_that_was_followed_by_another_is_over() {
    let steps = [
        (runit(1, 0, b'd', 0), PENDING),
        (runit(2, 9, b'u', 1), PENDING),
        (runit(4, 10, b'u', 1), Verdict::Reached),
    ];
    check(Goal::Finished, Some(Op::Up), &steps);
}

#[test]
fn the_end_of_the_supervisor_ends_every_wait() {
    for goal in [Goal::Up, Goal::Ready, Goal::Down, Goal::Finished, Goal::Restarted] {
        let gone = Verdict::Never(Cause::Unsupervised);
        check(goal, None, &[(Reading::NotYet, PENDING), (Reading::Unsupervised, gone)]);
    }
    check(
        Goal::Gone,
        None,
        &[(runit(1, 9, b'u', 1), PENDING), (Reading::Unsupervised, Verdict::Reached)],
    );
}

#[test]
fn a_supervisor_that_is_to_come_is_waited_for() {
    let known = runit(1, 0, b'd', 0);
    let none = Reading::Unsupervised;
    let steps = [(none, PENDING), (Reading::NotYet, PENDING), (known, Verdict::Reached)];
    check(Goal::Supervised, None, &steps);
    check(Goal::Known, None, &[(none, Verdict::Never(Cause::Unsupervised))]);
}

#[test]
fn up_for_a_while_says_when_to_look_again() {
    let five = Duration::from_secs(5);
    let base = runit(1, 9, b'u', 1);
    let mut pursuit = Pursuit::new(Goal::UpFor(five), None, base, at(2));
    let look_again = Verdict::Pending { look_again: Some(Duration::from_secs(6)) };
    assert_eq!(pursuit.observe(&base, at(2)), look_again);
    assert_eq!(pursuit.observe(&base, at(6)), Verdict::Reached);
    // Another process starts over.
    let verdict = pursuit.observe(&runit(6, 10, b'u', 1), at(7));
    assert_eq!(verdict, Verdict::Pending { look_again: Some(Duration::from_secs(11)) });
}

#[test]
fn ready_is_refused_where_nobody_reports_it() {
    check(Goal::Ready, None, &[(runit(1, 9, b'u', 1), Verdict::Never(Cause::NoReadiness))]);
    let Reading::Record(status) = runit(1, 9, b'u', 1) else { unreachable!() };
    let with = |readiness| Reading::Record(Facts { readiness, ..status });
    for goal in [Goal::Ready, Goal::ReadyOrUp] {
        let ready = with(Readiness::Ready { since: None });
        check(goal, None, &[(with(Readiness::Awaited), PENDING), (ready, Verdict::Reached)]);
    }
    // Whoever cannot say it has to be up.
    let steps = [(runit(0, 0, b'u', 0), PENDING), (runit(1, 9, b'u', 1), Verdict::Reached)];
    check(Goal::ReadyOrUp, Some(Op::Up), &steps);
}

#[test]
fn a_request_is_acknowledged_by_the_want_and_by_nothing_else() {
    let mut pursuit = Pursuit::new(Goal::Down, Some(Op::Down), runit(1, 9, b'u', 1), NOW);
    pursuit.observe(&runit(1, 9, b'u', 1), NOW);
    assert!(!pursuit.is_acknowledged());
    pursuit.observe(&runit(1, 9, b'd', 1), NOW);
    assert!(pursuit.is_acknowledged());
}

/// runit after a `k` that its `control/k` swallowed: "down" with a process.
#[test]
fn a_process_that_the_supervisor_takes_for_dead_is_not_down() {
    let lying = runit(1, 9, b'd', 0);
    assert_eq!(lying.facts().unwrap().pid, Pid::new(9));
    check(Goal::Down, Some(Op::Down), &[(lying, PENDING)]);
}

/// Wanted up, started, ended and given up between two looks: the want is the old one again, and only
/// the stamp shows that there was a run.
#[test]
fn a_run_that_nobody_saw_was_one() {
    let (before, after) = (runit(1, 0, b'd', 0), runit(2, 0, b'd', 0));
    let mut pursuit = Pursuit::new(Goal::UpFor(LAST_WORD), Some(Op::Up), before, NOW);
    assert_eq!(pursuit.observe(&before, at(10)), PENDING);
    // An older `once` may have been read, and the request not yet.
    let look_again = Some(Duration::from_secs(23));
    assert_eq!(pursuit.observe(&after, at(20)), Verdict::Pending { look_again });
    let exit = LastExit::NotReported;
    assert_eq!(pursuit.observe(&after, at(23)), Verdict::Never(Cause::GivenUp { exit }));
    // Who was told of the refusal need not wait.
    let mut told = Pursuit::new(Goal::Up, Some(Op::Up), before, NOW);
    told.refused();
    assert_eq!(told.observe(&after, at(20)), Verdict::Never(Cause::Refused { exit }));
}

/// `once` while `finish` runs: the service goes down without another run.
#[test]
fn the_end_of_finish_is_not_the_run_that_was_asked_for() {
    let (finish, down) = (runit(1, 9, b'u', 2), runit(2, 0, b'd', 0));
    let mut pursuit = Pursuit::new(Goal::Up, Some(Op::Once), finish, NOW);
    assert_eq!(pursuit.observe(&finish, at(2)), PENDING);
    let look_again = Some(Duration::from_secs(6));
    assert_eq!(pursuit.observe(&down, at(3)), Verdict::Pending { look_again });
    let exit = LastExit::NotReported;
    assert_eq!(pursuit.observe(&down, at(6)), Verdict::Never(Cause::GivenUp { exit }));
    // Or it is read only after `finish`, in the pause before the next start.
    let mut pursuit = Pursuit::new(Goal::Up, Some(Op::Once), finish, NOW);
    assert_eq!(pursuit.observe(&runit(2, 0, b'u', 0), at(3)), PENDING);
    assert_eq!(pursuit.observe(&runit(3, 7, b'd', 1), at(4)), Verdict::Reached);
}

/// A service that is wanted up shows nothing of `u`; that SIGTERM was sent shows that it was read.
#[test]
fn a_restart_is_acknowledged_by_its_signal() {
    let up = runit(1, 9, b'u', 1);
    let mut pursuit = Pursuit::new(Goal::Restarted, Some(Op::Up), up, NOW);
    assert_eq!(pursuit.observe(&up, NOW), PENDING);
    assert!(!pursuit.is_acknowledged());
    assert_eq!(pursuit.observe(&got_term(up), NOW), PENDING);
    assert!(pursuit.is_acknowledged());
    // A signal of before says nothing.
    let mut pursuit = Pursuit::new(Goal::Restarted, Some(Op::Up), got_term(up), NOW);
    assert_eq!(pursuit.observe(&got_term(up), NOW), PENDING);
    assert!(!pursuit.is_acknowledged());
}

/// systemd: a program that may turn out not to be executable, and one that is done and held up.
#[test]
fn what_is_starting_is_not_up_and_what_is_held_is() {
    let Reading::Record(running) = runit(1, 9, b'u', 1) else { unreachable!() };
    let starting = Reading::Record(Facts { stage: Stage::Starting, ..running });
    let held = Facts { phase: Phase::Down, stage: Stage::Exited, pid: None, ..running };
    check(
        Goal::Up,
        Some(Op::Up),
        &[
            (runit(1, 0, b'd', 0), PENDING),
            (starting, PENDING),
            (runit(1, 9, b'u', 1), Verdict::Reached),
        ],
    );
    let up = [(runit(1, 0, b'd', 0), PENDING), (Reading::Record(held), Verdict::Reached)];
    check(Goal::Up, Some(Op::Up), &up);
    // Held is not down.
    check(Goal::Down, None, &[(Reading::Record(held), PENDING)]);
    let again = Reading::Record(Facts { since: UnixTime::new(1_000, 0), ..held });
    check(
        Goal::Restarted,
        Some(Op::Up),
        &[(Reading::Record(held), PENDING), (again, Verdict::Reached)],
    );
}

#[test]
fn a_request_that_was_acknowledged_is_not_awaited() {
    let down = runit(1, 0, b'd', 0);
    let now = at(100);
    let mut pursuit = Pursuit::new(Goal::Up, Some(Op::Up), down, NOW);
    assert_eq!(pursuit.observe(&down, now), PENDING);
    pursuit.acknowledge();
    assert!(pursuit.is_acknowledged());
    assert!(matches!(pursuit.observe(&down, now), Verdict::Never(Cause::GivenUp { .. })));
}

/// A supervisor need not tell what is wanted. That a service is still down then is no answer yet.
#[test]
fn without_a_want_down_is_no_answer_until_something_has_happened() {
    let stamp = |secs| UnixTime::new(secs, 0);
    let facts = |phase, pid, secs| {
        Reading::Record(Facts::new(phase).with_pid(Pid::new(pid)).with_since(stamp(secs)))
    };
    let down = facts(Phase::Down, 0, 10);
    let mut pursuit = Pursuit::new(Goal::Up, Some(Op::Up), down, NOW);
    assert_eq!(pursuit.observe(&down, NOW), PENDING);
    assert_eq!(pursuit.observe(&facts(Phase::Up, 7, 11), NOW), Verdict::Reached);
    let mut pursuit = Pursuit::new(Goal::UpFor(Duration::from_secs(9)), Some(Op::Up), down, NOW);
    assert_eq!(pursuit.observe(&down, NOW), PENDING);
    let given_up = Verdict::Never(Cause::GivenUp { exit: LastExit::NotReported });
    assert_eq!(pursuit.observe(&facts(Phase::Down, 0, 12), NOW), given_up);
}

#[test]
fn every_goal_is_read_back_from_its_word() {
    let spans = [0, 1, 500, 1_000, 2_500, 90_000].map(Duration::from_millis);
    let spans = spans.into_iter().chain([Duration::MAX, Duration::from_nanos(1_000_000_001)]);
    for goal in Goal::WORDS.iter().copied().chain(spans.map(Goal::UpFor)) {
        assert_eq!(std::string::ToString::to_string(&goal).parse(), Ok(goal));
    }
    for (word, millis) in [("5", 5_000), ("1.25s", 1_250), ("2m", 120_000), ("1.5h", 5_400_000)] {
        let goal = std::format!("up-for={word}").parse();
        assert_eq!(goal, Ok(Goal::UpFor(Duration::from_millis(millis))), "{word}");
    }
    for word in [
        "",
        "Up",
        "up ",
        "up-for",
        "up-for=",
        "up-for=-1",
        "up-for=1d",
        "up-for=.",
        "up-for=1.",
        "up-for=1e3",
        "up-for=1.0000000001",
        "up-for=99999999999999999999",
    ] {
        assert!(word.parse::<Goal>().is_err(), "{word}");
    }
}

/// An hour, forward and back, at every step of every wait here that measures a span.
#[test]
fn a_wall_clock_that_is_stepped_by_an_hour_changes_no_verdict() {
    let five = Duration::from_secs(5);
    let hour = 3_600;
    let stamp = |secs: i64| UnixTime::new(10_000 + secs, 0);
    let up = |pid, secs| {
        let facts = Facts::new(Phase::Up).with_want(Want::Up).with_pid(Pid::new(pid));
        Reading::Record(facts.with_since(stamp(secs)))
    };
    let down = |want, secs| {
        Reading::Record(Facts::new(Phase::Down).with_want(want).with_since(stamp(secs)))
    };
    let given_up = Verdict::Never(Cause::GivenUp { exit: LastExit::NotReported });
    let later = |secs| Verdict::Pending { look_again: Some(Duration::from_secs(secs)) };
    for step in [hour, -hour] {
        // Steady seconds; the wall's before and after the step.
        let before = |steady: u64| Now {
            wall: stamp(i64::try_from(steady).unwrap()).unwrap(),
            steady: Duration::from_secs(steady),
        };
        let after = |steady: u64| Now {
            wall: stamp(i64::try_from(steady).unwrap() + step).unwrap(),
            ..before(steady)
        };

        // Stepped while a process that was there before is being timed.
        let mut wait = Pursuit::new(Goal::UpFor(five), None, up(9, 0), before(2));
        assert_eq!(wait.observe(&up(9, 0), before(2)), later(5), "{step}");
        assert_eq!(wait.observe(&up(9, 0), after(3)), later(5), "{step}");
        assert_eq!(wait.observe(&up(9, 0), after(5)), Verdict::Reached, "{step}");

        // Stepped between its start and the first look at it.
        let mut wait =
            Pursuit::new(Goal::UpFor(five), Some(Op::Up), down(Want::Down, 0), before(1));
        assert_eq!(wait.observe(&down(Want::Up, 0), before(1)), PENDING);
        assert_eq!(wait.observe(&up(9, 2), after(3)), later(8), "{step}");
        assert_eq!(wait.observe(&up(9, 2), after(8)), Verdict::Reached, "{step}");

        // Stepped before the goal that follows a restart begins.
        let mut wait = Pursuit::new(Goal::Restarted, Some(Op::Up), up(9, 0), before(10));
        assert_eq!(wait.observe(&up(10, 11), before(11)), Verdict::Reached);
        let mut wait = wait.then(Goal::UpFor(five), up(10, 11));
        assert_eq!(wait.observe(&up(10, 11), after(12)), later(16), "{step}");

        // Stepped while a contrary want is not the last word yet.
        let mut wait = Pursuit::new(Goal::Restarted, Some(Op::Up), up(9, 0), before(10));
        assert_eq!(wait.observe(&down(Want::Down, 11), before(11)), later(14));
        assert_eq!(wait.observe(&down(Want::Down, 11), after(12)), later(14), "{step}");
        assert_eq!(wait.observe(&down(Want::Down, 11), after(14)), given_up, "{step}");

        // A restart after the step: its stamp is an hour off, in either direction.
        let mut wait = Pursuit::new(Goal::Restarted, Some(Op::Up), up(9, 0), before(10));
        assert_eq!(wait.observe(&up(9, 0), after(11)), PENDING);
        assert_eq!(wait.observe(&up(9, 11 + step), after(12)), Verdict::Reached, "{step}");

        // A run of `once` that is over already, after the step.
        let mut wait = Pursuit::new(Goal::Up, Some(Op::Once), down(Want::Down, 0), before(10));
        assert_eq!(
            wait.observe(&down(Want::Down, 11 + step), after(11)),
            Verdict::Reached,
            "{step}"
        );
    }
}
