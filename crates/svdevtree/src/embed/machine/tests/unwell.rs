//! What is ended because it is not as it should be, and what follows.

use super::*;
use crate::embed::{machine::unwell::PATIENCE, restarts::RestartRule};

fn of(restart: &str) -> Machine {
    let restart = RestartRule::from_text(restart);
    after(ServicePart::Main, Policy { notifies: true, restart, ..Policy::RUNIT }, &up())
}

const ENDED_WELL: Event = Event::Exited { exit: Exit::Code(0), finish: false };

#[test]
fn what_does_not_answer_is_ended_as_if_asked_and_killed_if_it_does_not_end() {
    let mut machine = of("");
    let unwell = Event::Unwell(Unwell::Unanswered);
    check(&mut machine, 5000, unwell, &[Action::Script('t')]);
    let term = [
        Action::Signal(Signal::SIGTERM),
        Action::Publish,
        Action::Set(Timer::Kill, PATIENCE),
        Action::Signal(Signal::SIGCONT),
    ];
    check(&mut machine, 5000, NO_SCRIPT, &term);
    check(&mut machine, 5001, unwell, &[]);
    check(&mut machine, 9000, Event::Due(Timer::Kill), &[Action::Overdue]);
    machine.step(ENDED_WELL, at(9000));
    assert!(machine.is_resting(), "it is started again");
    for event in [Event::Due(Timer::Rest), NO_SCRIPT, Event::Started(pid())] {
        machine.step(event, at(9000));
    }
    assert_eq!(machine.unwell(), None, "the next run has nothing to do with it");
}

#[test]
fn a_silent_one_leaves_a_trace_of_where_it_was() {
    let abort = [
        Action::Signal(Signal::SIGABRT),
        Action::Set(Timer::Kill, PATIENCE),
        Action::Signal(Signal::SIGCONT),
    ];
    check(&mut of(""), 5, Event::Unwell(Unwell::Silent), &abort);
}

#[test]
fn what_follows_is_what_follows_a_failure_however_it_ended_then() {
    for (why, restart, again) in [
        (Unwell::NotReady, "when on-failure\n", true),
        (Unwell::Silent, "when on-failure\n", true),
        (Unwell::NotReady, "when never\n", false),
        (Unwell::Silent, "when never\n", false),
        // That is asked for in so many words.
        (Unwell::Unanswered, "when never\n", true),
        (Unwell::Unanswered, "limit 1 60000\n", false),
    ] {
        let mut machine = of(restart);
        machine.step(Event::Unwell(why), at(20_000));
        machine.step(NO_SCRIPT, at(20_000));
        let actions = machine.step(ENDED_WELL, at(20_001));
        assert_eq!(machine.is_resting(), again, "{why}, {restart:?}");
        assert_eq!(actions.contains(&Action::Script('f')), !again, "{why}, {restart:?}");
    }
}

#[test]
fn one_that_is_to_end_anyway_is_left_to_that() {
    let mut machine = of("");
    machine.step(Event::Asked(Op::Down), at(5));
    check(&mut machine, 5, Event::Unwell(Unwell::Silent), &[]);
    machine.step(NO_SCRIPT, at(5));
    machine.step(NO_SCRIPT, at(5));
    check(&mut machine, 6, Event::Unwell(Unwell::Silent), &[]);
}

#[test]
fn what_is_ready_may_take_that_back_and_say_it_again() {
    let mut machine = of("");
    check(&mut machine, 5, Event::NotReady, &[]);
    machine.step(Event::Notified, at(6));
    check(&mut machine, 7, Event::NotReady, &[Action::Publish]);
    assert_eq!(machine.ready(), None);
    check(&mut machine, 8, Event::Notified, &[Action::Publish, Action::Ready]);
}
