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
