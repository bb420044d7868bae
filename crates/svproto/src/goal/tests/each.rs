//! Each goal beside each kind of reading, where nothing was asked and nothing has happened.

use super::*;

/// A mark for each goal: reached, not yet, or that the service does not report readiness.
const GOALS: [(Goal, &str); 8] = [
    (Goal::Up, "up"),
    (Goal::Ready, "ready"),
    (Goal::ReadyOrUp, "ready-or-up"),
    (Goal::Down, "down"),
    (Goal::Finished, "finished"),
    (Goal::Restarted, "restarted"),
    (Goal::UpFor(Duration::ZERO), "up-for"),
    (Goal::AsWanted, "as-wanted"),
];

fn mark(verdict: Verdict) -> char {
    match verdict {
        Verdict::Reached => 'R',
        Verdict::Pending { look_again: None } => '.',
        Verdict::Never(Cause::NoReadiness) => 'n',
        other => panic!("{other:?}"),
    }
}

#[test]
fn each_goal_is_reached_by_what_it_says_and_by_nothing_else() {
    let stamp = UnixTime::new(7, 0);
    let pid = Pid::new(9);
    let none = |phase| Facts::new(phase).with_since(stamp);
    let down = |want| none(Phase::Down).with_want(want);
    let up = |want| none(Phase::Up).with_want(want).with_pid(pid);
    let ready = Readiness::Ready { since: stamp };
    let finish = none(Phase::Finish).with_finish_pid(pid);
    // In the order of the goals.
    let rows = [
        ("down", down(Want::Down), "...RR..R"),
        ("down, and no want is told", none(Phase::Down), "...RR..R"),
        ("down after its one run", down(Want::Once), "...RR..R"),
        ("down, wanted as nobody knows", down(Want::Unknown(7)), "...RR..R"),
        ("between two runs", down(Want::Up), "....R..."),
        ("failed", down(Want::Down).with_stage(Stage::Failed), "...RR..R"),
        ("held", down(Want::Up).with_stage(Stage::Exited), "R.R.R..R"),
        ("done", down(Want::Down).with_stage(Stage::Exited), "...RR..R"),
        ("up", up(Want::Up), "RnR...RR"),
        ("up, and no want is told", none(Phase::Up).with_pid(pid), "RnR...RR"),
        ("up for one run", up(Want::Once), "RnR...RR"),
        ("up, and is to be down", up(Want::Down), "RnR...R."),
        ("paused", up(Want::Up).with_paused(true), ".n......"),
        ("told to end", up(Want::Up).with_got_term(true), "........"),
        ("told to end, is to be down", up(Want::Down).with_got_term(true), "........"),
        ("stopping", up(Want::Down).with_stage(Stage::Stopping), "........"),
        ("starting", up(Want::Up).with_stage(Stage::Starting), "........"),
        ("finish runs", finish.with_want(Want::Up), "........"),
        ("finish runs, is to be down", finish.with_want(Want::Down), "........"),
        ("ready", up(Want::Up).with_readiness(ready), "RRR...RR"),
        ("ready and paused", up(Want::Up).with_readiness(ready).with_paused(true), "........"),
        ("to be ready", up(Want::Up).with_readiness(Readiness::Awaited), "R.....RR"),
        ("not ready", up(Want::Up).with_readiness(Readiness::NotReady), "R.....RR"),
    ];
    for (name, facts, expected) in rows {
        let reading = Reading::Record(facts);
        for ((goal, word), expected) in GOALS.into_iter().zip(expected.chars()) {
            let mut wait = Pursuit::new(goal, None, reading, NOW);
            assert_eq!(mark(wait.observe(&reading, NOW)), expected, "{name}: {word}");
        }
        for goal in [Goal::Known, Goal::Supervised] {
            assert_eq!(
                Pursuit::new(goal, None, reading, NOW).observe(&reading, NOW),
                Verdict::Reached
            );
        }
        let mut gone = Pursuit::new(Goal::Gone, None, reading, NOW);
        assert_eq!(gone.observe(&reading, NOW), PENDING, "{name}: gone");
    }
}

/// A span is measured from a stamp; without one there is none.
#[test]
fn up_for_needs_a_stamp_and_a_process() {
    let up = Facts::new(Phase::Up).with_want(Want::Up).with_pid(Pid::new(9));
    let goal = Goal::UpFor(Duration::ZERO);
    let without = Reading::Record(up);
    assert_eq!(Pursuit::new(goal, None, without, NOW).observe(&without, NOW), PENDING);
    let with = Reading::Record(up.with_since(UnixTime::new(3, 0)));
    assert_eq!(Pursuit::new(goal, None, with, NOW).observe(&with, NOW), Verdict::Reached);
}

/// The words and the units of a span, and what is left of a second.
#[test]
fn a_span_is_written_as_it_is_read() {
    let spans = [
        ("up-for=500ms", "up-for=0.5s", Duration::from_millis(500)),
        ("up-for=1.5ms", "up-for=0.0015s", Duration::from_micros(1500)),
        ("up-for=0.000000001", "up-for=0.000000001s", Duration::from_nanos(1)),
        ("up-for=10.010", "up-for=10.01s", Duration::from_millis(10_010)),
        ("up-for=1.25m", "up-for=75s", Duration::from_secs(75)),
        ("up-for=2h", "up-for=7200s", Duration::from_secs(7200)),
        ("up-for=0.123456789h", "up-for=444.4444404s", Duration::from_nanos(444_444_440_400)),
    ];
    for (read, written, span) in spans {
        assert_eq!(read.parse(), Ok(Goal::UpFor(span)), "{read}");
        assert_eq!(std::string::ToString::to_string(&Goal::UpFor(span)), written);
    }
    for word in ["up-for=1.a", "up-for=a.1", "up-for=1.-1", "up-for=.5", "up-for=1.0000000000"] {
        assert!(word.parse::<Goal>().is_err(), "{word}");
    }
}

/// Also one that needs no reading to be told.
#[test]
fn a_wait_says_what_it_is_for() {
    let goal = Goal::UpFor(LAST_WORD);
    assert_eq!(Pursuit::new(goal, None, Reading::NotYet, NOW).goal(), goal);
}

/// The wall clock is an hour ahead when the new process is first seen: its stamp says nothing of its age, also not to
/// the goal that follows.
#[test]
fn the_age_of_a_run_goes_along_to_the_next_goal() {
    let up = |pid, secs| {
        let facts = Facts::new(Phase::Up).with_want(Want::Up).with_pid(Pid::new(pid));
        Reading::Record(facts.with_since(UnixTime::new(secs, 0)))
    };
    let stepped = |secs: u64| Now { wall: at(secs + 3_600).wall, ..at(secs) };
    let mut wait = Pursuit::new(Goal::Restarted, None, up(9, 0), at(10));
    assert_eq!(wait.observe(&up(10, 11), stepped(11)), Verdict::Reached);
    let mut wait = wait.then(Goal::UpFor(Duration::from_secs(5)), up(10, 11));
    let look_again = Some(Duration::from_secs(16));
    assert_eq!(wait.observe(&up(10, 11), stepped(12)), Verdict::Pending { look_again });
    assert_eq!(wait.observe(&up(10, 11), stepped(16)), Verdict::Reached);
}

/// Each wait for another record has its own three seconds.
#[test]
fn a_rule_that_begins_to_wait_begins_anew() {
    let paused = |want| {
        let Reading::Record(facts) = runit(1, 9, want, 1) else { unreachable!() };
        Reading::Record(facts.with_paused(true))
    };
    let later = |secs| Verdict::Pending { look_again: Some(Duration::from_secs(secs)) };
    let mut wait = Pursuit::new(Goal::Up, Some(Op::Up), paused(b'u'), NOW);
    assert_eq!(wait.observe(&paused(b'd'), at(100)), later(103), "somebody's older request");
    assert_eq!(wait.observe(&paused(b'u'), at(101)), later(104), "somebody's continue");
}

/// The request was read, and since then somebody has asked for down. What is up at this moment is up; what is to be
/// ready may still become so.
#[test]
fn what_is_up_for_the_last_time_is_up_and_may_become_ready() {
    let down = runit(1, 0, b'd', 0);
    let Reading::Record(up) = runit(2, 9, b'd', 1) else { unreachable!() };
    let seen = |goal, facts| {
        let mut wait = Pursuit::new(goal, Some(Op::Up), down, NOW);
        wait.acknowledge();
        wait.observe(&Reading::Record(facts), NOW)
    };
    assert_eq!(seen(Goal::Up, up), Verdict::Reached);
    assert_eq!(seen(Goal::Up, up.with_paused(true)), PENDING);
    assert_eq!(seen(Goal::Ready, up.with_readiness(Readiness::Awaited)), PENDING);
}

/// runit's stamps may be the same for two processes of one second.
#[test]
fn another_process_with_the_same_stamp_is_another() {
    let (leaving, next) = (got_term(runit(1, 9, b'u', 1)), runit(1, 10, b'u', 1));
    check(Goal::Up, Some(Op::Up), &[(leaving, PENDING), (next, Verdict::Reached)]);
    // And its time up begins with it.
    let up = |pid| {
        let facts = Facts::new(Phase::Up).with_want(Want::Up).with_pid(Pid::new(pid));
        Reading::Record(facts.with_since(UnixTime::new(1, 0)))
    };
    let mut wait = Pursuit::new(Goal::UpFor(Duration::from_secs(5)), None, up(9), at(10));
    let look_again = Some(Duration::from_secs(15));
    assert_eq!(wait.observe(&up(10), at(11)), Verdict::Pending { look_again });
}

/// Only a request for a process has to wait for whether the one that is there stays.
#[test]
fn what_asks_for_no_process_does_not_wait_for_one_to_leave() {
    let s6 = |want| Reading::Record(Facts::new(Phase::Up).with_want(want).with_pid(Pid::new(9)));
    let steps = [(s6(Want::Down), PENDING), (s6(Want::Up), Verdict::Reached)];
    check(Goal::AsWanted, Some(Op::Up), &steps);
}

#[test]
fn down_is_the_end_where_it_is_not_wanted_up_and_something_has_begun() {
    let given_up = Verdict::Never(Cause::GivenUp { exit: LastExit::NotReported });
    let (down, later) = (runit(1, 0, b'd', 0), runit(2, 0, b'd', 0));
    // Nothing was asked: the run that was going on is over, or there was none.
    check(Goal::Up, None, &[(runit(1, 9, b'u', 1), Verdict::Reached), (later, given_up)]);
    check(Goal::Up, None, &[(down, PENDING), (later, PENDING)]);
    // A want is an answer without another stamp.
    check(Goal::Up, Some(Op::Down), &[(down, given_up)]);
}

/// runit after a swallowed `k`: the run that is called down is not over.
#[test]
fn a_process_that_the_supervisor_takes_for_dead_has_not_finished() {
    check(Goal::Finished, None, &[(runit(1, 9, b'd', 0), PENDING)]);
}

/// Clocks are read one after the other: a second between them is no step.
#[test]
fn a_second_between_the_clocks_is_no_step() {
    let up = Facts::new(Phase::Up).with_want(Want::Up).with_pid(Pid::new(9));
    let up = Reading::Record(up.with_since(UnixTime::new(2, 0)));
    let down = Reading::Record(Facts::new(Phase::Down).with_since(UnixTime::new(0, 0)));
    let look = |wall: u64| {
        let mut wait = Pursuit::new(Goal::UpFor(Duration::from_secs(5)), None, down, at(1));
        wait.observe(&up, Now { wall: at(wall).wall, ..at(3) })
    };
    let later = |secs| Verdict::Pending { look_again: Some(Duration::from_secs(secs)) };
    assert_eq!(look(4), later(6));
    assert_eq!(look(5), later(8));
}
