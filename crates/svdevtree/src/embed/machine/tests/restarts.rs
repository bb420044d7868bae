//! After which ends another run follows.

use super::*;

/// A machine whose runs, a minute from each other, have ended by themselves with this code after 20 s, and what is to
/// be done after the last end.
fn ended_with(text: &str, runs: u64, code: u8) -> (Machine, Vec<Action>) {
    let policy = Policy { restart: RestartRule::from_text(text), ..Policy::RUNIT };
    let mut machine = Machine::new(ServicePart::Main, policy, Want::Up, at(0));
    machine.step(Event::Begin, at(0));
    let mut todo = Vec::new();
    for run in 0..runs {
        machine.step(NO_SCRIPT, at(run * 60_000));
        machine.step(Event::Started(pid()), at(run * 60_000));
        let end = Event::Exited { exit: Exit::Code(code), finish: false };
        todo = machine.step(end, at(run * 60_000 + 20_000));
        machine.step(Event::Due(Timer::Rest), at((run + 1) * 60_000));
    }
    (machine, todo)
}

#[test]
fn a_rule_says_after_which_end_another_run_follows() {
    let rest = |millis| Action::Set(Timer::Rest, Duration::from_millis(millis));
    let (_, todo) = ended_with("when on-failure\ndelay 5000\n", 1, 1);
    assert_eq!(todo.last(), Some(&rest(5000)));
    let (machine, todo) = ended_with("when on-failure\nsuccess 4\n", 1, 4);
    assert_eq!(todo.last(), Some(&Action::Publish));
    assert!(machine.is_idle() && machine.want() == Want::Down);
    assert_eq!(machine.ended_for_good(), Some(Exit::Code(4)));
    // A failure is told to whoever is to hear of it.
    let (_, todo) = ended_with("when never\n", 1, 1);
    assert_eq!(todo.last(), Some(&Action::Script('f')));
    let (_, todo) = ended_with("when never\n", 1, 0);
    assert_eq!(todo.last(), Some(&Action::Publish));
}

#[test]
fn a_limit_gives_it_up_and_whoever_asks_starts_the_count_anew() {
    let limit = "limit 2 3600000\n";
    let (machine, _) = ended_with(limit, 1, 1);
    assert_eq!((machine.want(), machine.gave_up()), (Want::Up, None));
    let (mut machine, todo) = ended_with(limit, 2, 1);
    assert_eq!(todo.last(), Some(&Action::Script('f')));
    assert!(machine.gave_up().is_some() && machine.want() == Want::Down);
    machine.step(NO_SCRIPT, at(200_000));
    assert!(machine.is_idle());
    check(&mut machine, 200_000, Event::Asked(Op::Up), &[Action::Publish, Action::Script('u')]);
    assert_eq!(machine.gave_up(), None);
    // Within a shorter time two are not too many.
    let (machine, _) = ended_with("limit 2 30000\n", 9, 1);
    assert_eq!(machine.want(), Want::Up);
}

#[test]
fn an_end_that_was_asked_for_is_followed_by_what_was_asked() {
    let policy = Policy { restart: RestartRule::from_text("when never\n"), ..Policy::RUNIT };
    let mut machine = after(ServicePart::Main, policy, &up());
    machine.step(Event::Asked(Op::Term), at(5));
    machine.step(NO_SCRIPT, at(5));
    machine.step(CRASHED, at(2000));
    assert!(machine.is_resting() && machine.was_told());
}
