//! The table, row by row; then every state that can be reached with every event.

use std::collections::{BTreeSet, VecDeque};

use proptest::prelude::*;

use super::*;

mod restarts;
mod unwell;

const PID: u64 = 7;

fn at(millis: u64) -> Now {
    let steady = Duration::from_millis(millis);
    Now { wall: UnixTime::EPOCH.saturating_add(steady), steady }
}

fn pid() -> Pid {
    Pid::new(PID).unwrap()
}

/// A machine that has lived through these events, each at its millisecond.
fn after(part: ServicePart, policy: Policy, events: &[(u64, Event)]) -> Machine {
    let mut machine = Machine::new(part, policy, Want::Up, at(0));
    for &(millis, event) in events {
        machine.step(event, at(millis));
    }
    machine
}

const NO_SCRIPT: Event = Event::Scripted { instead: false };
const CRASHED: Event = Event::Exited { exit: Exit::Code(1), finish: false };
const CRASHED_WITH_FINISH: Event = Event::Exited { exit: Exit::Code(1), finish: true };

fn up() -> [(u64, Event); 3] {
    [(0, Event::Begin), (0, NO_SCRIPT), (0, Event::Started(pid()))]
}

fn running() -> Machine {
    after(ServicePart::Main, Policy::RUNIT, &up())
}

fn check(machine: &mut Machine, millis: u64, event: Event, expected: &[Action]) {
    assert_eq!(machine.step(event, at(millis)), expected, "{event:?}");
}

#[test]
fn a_start_asks_control_u_and_says_so_once_there_is_a_process() {
    let mut machine = Machine::new(ServicePart::Main, Policy::RUNIT, Want::Up, at(0));
    check(&mut machine, 0, Event::Begin, &[Action::Script('u')]);
    // Whatever control/u says, run is started.
    check(&mut machine, 0, Event::Scripted { instead: true }, &[Action::Run]);
    check(&mut machine, 5, Event::Started(pid()), &[Action::Publish]);
    assert_eq!(
        (machine.phase(), machine.pid(), machine.since()),
        (Phase::Up, Some(pid()), at(5).wall)
    );
}

#[test]
fn a_logger_has_no_control_scripts() {
    let mut machine = Machine::new(ServicePart::Log, Policy::RUNIT, Want::Up, at(0));
    check(&mut machine, 0, Event::Begin, &[Action::Run]);
    check(&mut machine, 0, Event::Started(pid()), &[Action::Publish]);
    let stop = [
        Action::Publish,
        Action::Signal(Signal::SIGTERM),
        Action::Publish,
        Action::Signal(Signal::SIGCONT),
    ];
    check(&mut machine, 9, Event::Asked(Op::Down), &stop);
}

#[test]
fn with_a_down_file_nothing_starts_until_somebody_asks() {
    let mut machine = Machine::new(ServicePart::Main, Policy::RUNIT, Want::Down, at(0));
    check(&mut machine, 0, Event::Begin, &[]);
    check(&mut machine, 5, Event::Asked(Op::Up), &[Action::Publish, Action::Script('u')]);
}

#[test]
fn down_is_term_and_cont_with_a_script_before_each() {
    let mut machine = running();
    check(&mut machine, 9, Event::Asked(Op::Down), &[Action::Publish, Action::Script('t')]);
    assert_eq!((machine.want(), machine.got_term()), (Want::Down, false));
    let term = [
        Action::Signal(Signal::SIGTERM),
        Action::Publish,
        Action::Signal(Signal::SIGCONT),
        Action::Script('d'),
    ];
    check(&mut machine, 9, NO_SCRIPT, &term);
    assert!(machine.got_term());
    check(&mut machine, 9, NO_SCRIPT, &[]);
}

#[test]
fn control_t_takes_the_place_of_term_and_of_its_flag() {
    let mut machine = running();
    machine.step(Event::Asked(Op::StopExit), at(9));
    let rest = [Action::Signal(Signal::SIGCONT), Action::Script('x')];
    check(&mut machine, 9, Event::Scripted { instead: true }, &rest);
    assert!(!machine.got_term());
}

#[test]
fn term_alone_sends_no_cont() {
    let mut machine = running();
    check(&mut machine, 9, Event::Asked(Op::Term), &[Action::Script('t')]);
    let term = [Action::Signal(Signal::SIGTERM), Action::Publish];
    check(&mut machine, 9, NO_SCRIPT, &term);
    assert_eq!(machine.want(), Want::Up);
}

#[test]
fn other_letters_send_their_signal_and_leave_the_record_alone() {
    let letters = [
        (Op::Hup, 'h', Signal::SIGHUP),
        (Op::Alarm, 'a', Signal::SIGALRM),
        (Op::Interrupt, 'i', Signal::SIGINT),
        (Op::Quit, 'q', Signal::SIGQUIT),
        (Op::Usr1, '1', Signal::SIGUSR1),
        (Op::Usr2, '2', Signal::SIGUSR2),
        (Op::Kill, 'k', Signal::SIGKILL),
    ];
    for (op, letter, signal) in letters {
        let mut machine = running();
        check(&mut machine, 9, Event::Asked(op), &[Action::Script(letter)]);
        check(&mut machine, 9, NO_SCRIPT, &[Action::Signal(signal)]);
        check(&mut machine, 9, Event::Asked(op), &[Action::Script(letter)]);
        check(&mut machine, 9, Event::Scripted { instead: true }, &[]);
    }
}

#[test]
fn a_pause_is_noted_without_a_process_and_ends_with_the_next_start() {
    let mut machine = running();
    machine.step(Event::Asked(Op::Pause), at(9));
    check(&mut machine, 9, NO_SCRIPT, &[Action::Signal(Signal::SIGSTOP), Action::Publish]);
    machine.step(Event::Asked(Op::Down), at(10));
    machine.step(NO_SCRIPT, at(10));
    machine.step(NO_SCRIPT, at(10));
    machine.step(CRASHED, at(2000));
    assert!(machine.paused(), "neither d nor death clears it");
    check(&mut machine, 2001, Event::Asked(Op::Cont), &[Action::Publish]);
    assert!(!machine.paused());
    check(&mut machine, 2002, Event::Asked(Op::Pause), &[Action::Publish]);
    for event in [Event::Asked(Op::Up), NO_SCRIPT, Event::Started(pid())] {
        machine.step(event, at(2003));
    }
    assert!(!machine.paused());
}

#[test]
fn after_a_short_life_there_is_a_second_of_rest_and_after_a_longer_one_none() {
    let rest = Action::Set(Timer::Rest, SECOND);
    let no_kill = Action::Unset(Timer::Kill);
    check(&mut running(), 999, CRASHED, &[no_kill, Action::Publish, rest]);
    let at_once = Action::Set(Timer::Rest, Duration::ZERO);
    let mut machine = running();
    check(&mut machine, 1000, CRASHED, &[no_kill, Action::Publish, at_once]);
    check(&mut { machine }, 1000, Event::Due(Timer::Rest), &[Action::Script('u')]);
    // What was asked of the process that is no more does not meet the next one.
    check(&mut machine, 1000, Event::Asked(Op::Term), &[]);
    let unset = Action::Unset(Timer::Rest);
    check(&mut machine, 1000, Event::Asked(Op::Down), &[Action::Publish, unset]);
    assert!(machine.is_idle());
}

#[test]
fn requests_are_heard_during_the_rest_and_start_nothing_early() {
    let mut machine = running();
    machine.step(CRASHED, at(500));
    let unset = Action::Unset(Timer::Rest);
    check(&mut machine, 600, Event::Asked(Op::Down), &[Action::Publish, unset]);
    let rest = Action::Set(Timer::Rest, Duration::from_millis(800));
    check(&mut machine, 700, Event::Asked(Op::Once), &[Action::Publish, rest]);
    assert_eq!(machine.want(), Want::Down);
    check(&mut machine, 1500, Event::Due(Timer::Rest), &[Action::Script('u')]);
}

#[test]
fn finish_gets_code_and_signal_and_its_time_counts_as_the_runs() {
    assert_eq!(Exit::Code(3).finish_arguments(), ["3", "0"]);
    assert_eq!(Exit::Signal { number: 9, core: false }.finish_arguments(), ["-1", "9"]);
    assert_eq!(Exit::Signal { number: 3, core: true }.finish_arguments(), ["-1", "131"]);
    let mut machine = running();
    let finish = Action::Finish(Exit::Code(1));
    let actions = [Action::Unset(Timer::Kill), Action::Publish, finish];
    check(&mut machine, 300, CRASHED_WITH_FINISH, &actions);
    assert_eq!((machine.phase(), machine.pid()), (Phase::Finish, None));
    check(&mut machine, 301, Event::Started(pid()), &[Action::Publish]);
    assert_eq!(machine.since(), at(0).wall, "entering finish does not renew the stamp");
    let at_once = Action::Set(Timer::Rest, Duration::ZERO);
    check(&mut machine, 1100, CRASHED, &[Action::Publish, at_once]);
}

#[test]
fn nothing_signals_finish_but_wants_are_noted() {
    let finishing = || {
        let mut machine = running();
        machine.step(CRASHED_WITH_FINISH, at(2000));
        machine.step(Event::Started(pid()), at(2000));
        machine
    };
    for op in [Op::Term, Op::Kill, Op::Hup, Op::Usr1] {
        check(&mut finishing(), 2001, Event::Asked(op), &[]);
    }
    for op in [Op::Down, Op::StopExit, Op::Pause, Op::Up, Op::Once] {
        check(&mut finishing(), 2001, Event::Asked(op), &[Action::Publish]);
    }
}

#[test]
fn exit_is_over_when_the_service_is_down_and_can_be_called_off() {
    let mut machine = running();
    for event in [Event::Asked(Op::StopExit), NO_SCRIPT, NO_SCRIPT] {
        machine.step(event, at(9));
    }
    let mut cancelled = machine;
    let over = [Action::Unset(Timer::Kill), Action::Publish, Action::End];
    check(&mut machine, 10, CRASHED, &over);
    check(&mut machine, 11, Event::Asked(Op::Up), &[]);
    check(&mut cancelled, 10, Event::Asked(Op::Up), &[Action::Publish]);
    let again = [Action::Unset(Timer::Kill), Action::Publish, Action::Set(Timer::Rest, SECOND)];
    check(&mut cancelled, 11, CRASHED, &again);
}

#[test]
fn a_logger_takes_no_exit_and_ends_when_nothing_more_will_come() {
    let mut log = after(ServicePart::Log, Policy::RUNIT, &up());
    check(&mut log, 5, Event::Asked(Op::StopExit), &[]);
    check(&mut log, 5, Event::Retire, &[Action::Publish]);
    assert_eq!(log.want(), Want::Exit);
    check(&mut log, 5, Event::Asked(Op::Up), &[]);
    check(&mut log, 6, CRASHED, &[Action::Unset(Timer::Kill), Action::Publish, Action::End]);
    let mut down = Machine::new(ServicePart::Log, Policy::RUNIT, Want::Down, at(0));
    check(&mut down, 5, Event::Retire, &[Action::End]);
}

#[test]
fn what_cannot_be_started_counts_as_an_exit_with_111() {
    let mut machine = after(ServicePart::Main, Policy::RUNIT, &up()[..2]);
    let failed = Event::NotStarted { finish: true };
    let finish = Action::Finish(Exit::Code(111));
    check(&mut machine, 3, failed, &[Action::Unset(Timer::Kill), Action::Publish, finish]);
    // finish cannot be started either.
    let rest = Action::Set(Timer::Rest, SECOND);
    check(&mut machine, 4, Event::NotStarted { finish: true }, &[Action::Publish, rest]);
}

#[test]
fn without_room_for_a_process_it_is_tried_again_whatever_is_wanted() {
    let mut machine = after(ServicePart::Main, Policy::RUNIT, &up()[..2]);
    check(&mut machine, 3, Event::NoRoom, &[Action::Set(Timer::Rest, NO_ROOM)]);
    check(&mut machine, 5003, Event::Due(Timer::Rest), &[Action::Script('u')]);
}

#[test]
fn a_service_may_have_a_stop_signal_and_a_time_to_obey_it() {
    let kill = Duration::from_secs(3);
    let policy = Policy { stop: Signal::SIGINT, kill_after: Some(kill), ..Policy::RUNIT };
    let mut machine = after(ServicePart::Main, policy, &up());
    // t is SIGTERM all the same, and sets no timer.
    machine.step(Event::Asked(Op::Term), at(5));
    check(&mut machine, 5, NO_SCRIPT, &[Action::Signal(Signal::SIGTERM), Action::Publish]);
    machine.step(Event::Asked(Op::Down), at(9));
    let stop = [
        Action::Signal(Signal::SIGINT),
        Action::Publish,
        Action::Set(Timer::Kill, kill),
        Action::Signal(Signal::SIGCONT),
        Action::Script('d'),
    ];
    check(&mut machine, 9, NO_SCRIPT, &stop);
    check(&mut machine, 3009, Event::Due(Timer::Kill), &[Action::Overdue]);
}

#[test]
fn delays_of_a_crash_loop_double_and_end_with_a_calm_life_or_a_request() {
    let policy = Policy {
        restart: RestartRule::ALWAYS.with_longest_delay(Some(Duration::from_secs(5))),
        ..Policy::RUNIT
    };
    let mut machine = after(ServicePart::Main, policy, &up());
    let mut now = 2000;
    for (crashes, delay) in [(1, 1), (2, 2), (3, 4), (4, 5), (5, 5)] {
        let delay = Duration::from_secs(delay);
        let rest = Action::Set(Timer::Rest, delay);
        let actions = [Action::Unset(Timer::Kill), Action::Publish, rest];
        check(&mut machine, now, CRASHED, &actions);
        assert_eq!(machine.delay(), (crashes, Some(delay)));
        now += 5000;
        machine.step(Event::Due(Timer::Rest), at(now));
        machine.step(NO_SCRIPT, at(now));
        check(&mut machine, now, Event::Started(pid()), &[Action::Publish]);
        assert_eq!(machine.delay(), (crashes, None));
        now += 2000;
    }
    let mut told = machine;
    machine.step(CRASHED, at(now + 10_000));
    assert_eq!(machine.delay(), (0, None));
    told.step(Event::Asked(Op::Term), at(now));
    told.step(NO_SCRIPT, at(now));
    told.step(CRASHED, at(now));
    assert_eq!(told.delay(), (0, None), "its end was asked for");
}

#[test]
fn readiness_is_of_one_process_and_told_once() {
    let policy = Policy { notifies: true, ..Policy::RUNIT };
    let mut machine = after(ServicePart::Main, policy, &up());
    check(&mut machine, 8, Event::Notified, &[Action::Publish, Action::Ready]);
    check(&mut machine, 9, Event::Notified, &[]);
    assert_eq!(machine.ready(), Some(at(8).wall));
    machine.step(CRASHED, at(2000));
    assert_eq!(machine.ready(), None);
    check(&mut running(), 8, Event::Notified, &[]);
}

/// What the loop remembers, and what can happen next in it.
#[derive(Clone, Copy, Debug)]
struct World {
    machine: Machine,
    now: u64,
    rest: bool,
    kill: bool,
    ended: bool,
}

const OPS: [Op; 13] = [
    Op::Up,
    Op::Down,
    Op::Once,
    Op::StopExit,
    Op::Pause,
    Op::Cont,
    Op::Hup,
    Op::Alarm,
    Op::Interrupt,
    Op::Quit,
    Op::Usr1,
    Op::Term,
    Op::Kill,
];

fn all_events() -> Vec<Event> {
    let mut events: Vec<_> = OPS.map(Event::Asked).into();
    events.extend([Event::Begin, Event::Started(pid()), Event::NoRoom, Event::Notified]);
    // The others lead to no other states.
    events.extend([Event::NotReady, Event::Unwell(Unwell::Unanswered)]);
    events.extend([false, true].map(|finish| Event::NotStarted { finish }));
    events.extend([CRASHED, CRASHED_WITH_FINISH, Event::Retire]);
    events.extend([false, true].map(|instead| Event::Scripted { instead }));
    events.extend([Timer::Rest, Timer::Kill].map(Event::Due));
    events
}

impl World {
    fn new(part: ServicePart, policy: Policy, want: Want) -> Self {
        let mut machine = Machine::new(part, policy, want, at(0));
        // A first look at it, as `ServiceDir::begin` does.
        let begun = machine.step(Event::Begin, at(0));
        assert!(begun.len() <= 1);
        Self { machine, now: 0, rest: false, kill: false, ended: false }
    }

    /// Steps, and holds the answer against what must be true of every step.
    fn step(&mut self, event: Event) {
        let before = self.machine;
        let now = at(self.now);
        let actions = self.machine.step(event, now);
        let machine = &self.machine;
        let context = format!("{before:?}\n{event:?}\n{actions:?}\n{machine:?}");

        for (index, action) in actions.iter().enumerate() {
            let last = index + 1 == actions.len();
            match action {
                Action::Run | Action::Finish(_) => {
                    assert!(last, "a start is the last: {context}");
                    assert_eq!(machine.pid, None, "never beside another process: {context}");
                    assert!(machine.starting, "{context}");
                }
                Action::Script(_) => {
                    assert!(last && machine.part == ServicePart::Main, "{context}");
                    assert!(machine.is_busy(), "{context}");
                }
                Action::Signal(_) | Action::Overdue => {
                    assert!(before.is_running(), "only run is signalled: {context}");
                }
                Action::Set(Timer::Rest, wait) => {
                    let after_an_end = before.pid.is_some() || before.starting;
                    assert!(!wait.is_zero() || after_an_end, "{context}");
                    assert!(machine.is_resting(), "{context}");
                    self.rest = true;
                }
                Action::Set(Timer::Kill, _) => self.kill = true,
                Action::Unset(Timer::Rest) => self.rest = false,
                Action::Unset(Timer::Kill) => self.kill = false,
                Action::End => {
                    assert!(last && machine.pid.is_none(), "{context}");
                    assert_eq!(machine.phase, Phase::Down, "{context}");
                    self.ended = true;
                }
                Action::Publish | Action::Ready => (),
            }
        }
        let shown = |machine: &Machine| {
            let flags = (machine.paused, machine.got_term, machine.want == Want::Up);
            let readiness = (machine.notifies(), machine.ready());
            let beside = (readiness, machine.restarts(), machine.last_exit(), machine.delay());
            (machine.phase, machine.pid, machine.since, flags, beside)
        };
        if shown(&before) != shown(machine) {
            assert!(actions.contains(&Action::Publish), "a change is published: {context}");
        }
        if before.over {
            assert!(actions.is_empty() && before == *machine, "over is over: {context}");
        }
        if self.machine.is_resting() && !machine.starting && !machine.is_busy() && !machine.over {
            assert!(self.rest, "what is wanted up is started or has a timer: {context}");
        }
        assert!(!(machine.phase == Phase::Finish && machine.part == ServicePart::Log), "{context}");
        if machine.want == Want::Exit && machine.phase == Phase::Down && !machine.is_busy() {
            assert!(machine.over || machine.starting, "exit and down is the end: {context}");
        }
    }

    /// What the loop can tell it now.
    fn can_happen(&self, event: Event) -> bool {
        let machine = &self.machine;
        match event {
            Event::Begin => false,
            Event::Asked(_) => !machine.is_busy() && !machine.starting,
            Event::Started(_) | Event::NotStarted { .. } | Event::NoRoom => machine.starting,
            Event::Exited { .. } => machine.pid.is_some() && !machine.is_busy(),
            Event::Scripted { .. } => machine.is_busy(),
            Event::Notified | Event::NotReady => machine.policy.notifies,
            Event::Unwell(_) => machine.part == ServicePart::Main,
            Event::Due(Timer::Rest) => self.rest,
            Event::Due(Timer::Kill) => self.kill,
            Event::Retire => machine.part == ServicePart::Log,
        }
    }

    /// Without what only time and counting tell apart.
    fn key(&self) -> String {
        let mut machine = self.machine;
        let resting = machine.rest_until > at(self.now).steady;
        let calm = at(self.now).steady.saturating_sub(machine.begun);
        (machine.since, machine.crashes) = (UnixTime::EPOCH, machine.crashes.min(3));
        machine.ready = machine.ready.map(|_| UnixTime::EPOCH);
        (machine.starts, machine.last_exit) = (0, None);
        if machine.pid.is_none() && !machine.starting {
            machine.unwell = None;
        }
        (machine.begun, machine.rest_until) = (Duration::ZERO, Duration::ZERO);
        let life = (calm >= SECOND, calm >= CALM);
        format!("{machine:?} {resting} {life:?} {} {} {}", self.rest, self.kill, self.ended)
    }
}

fn policies() -> [Policy; 2] {
    let more = Policy {
        stop: Signal::SIGINT,
        kill_after: Some(SECOND),
        restart: RestartRule::ALWAYS.with_longest_delay(Some(Duration::from_secs(4))),
        notifies: true,
    };
    [Policy::RUNIT, more]
}

#[test]
fn every_state_that_can_be_reached_answers_every_event_that_can_happen() {
    let mut states = 0;
    for part in [ServicePart::Main, ServicePart::Log] {
        for policy in policies() {
            for want in [Want::Up, Want::Down] {
                let mut seen = BTreeSet::new();
                let mut todo = VecDeque::from([World::new(part, policy, want)]);
                while let Some(world) = todo.pop_front() {
                    if !seen.insert(world.key()) {
                        continue;
                    }
                    for event in all_events() {
                        // At once, after a second and more, and after a calm life.
                        for later in [0, 1500, 11_000] {
                            let mut next = world;
                            next.now += later;
                            // Timers ring in time.
                            if next.rest && later > 0 && event != Event::Due(Timer::Rest) {
                                continue;
                            }
                            if next.can_happen(event) {
                                next.step(event);
                                todo.push_back(next);
                            }
                        }
                    }
                }
                states += seen.len();
            }
        }
    }
    assert!(states > 300, "only {states} states");
}

proptest! {
    /// Also what cannot happen, in any order and with any pauses: nothing breaks and the rules
    /// hold.
    #[test]
    fn no_order_of_events_breaks_a_rule(
        part in prop::sample::select(vec![ServicePart::Main, ServicePart::Log]),
        policy in prop::sample::select(policies().to_vec()),
        events in prop::collection::vec((prop::sample::select(all_events()), 0..3000_u64), 0..80),
    ) {
        let mut world = World::new(part, policy, Want::Up);
        for (event, later) in events {
            world.now += later;
            if world.rest && later > 0 && world.machine.is_resting() {
                world.rest = false;
                world.step(Event::Due(Timer::Rest));
            }
            if world.can_happen(event) {
                world.step(event);
            } else {
                let mut machine = world.machine;
                let actions = machine.step(event, at(world.now));
                let refused = actions.is_empty() && machine == world.machine;
                prop_assert!(refused || event == Event::Begin || matches!(event, Event::Due(_)));
            }
        }
    }

    /// Whoever asks for the end gets it, as long as processes and scripts end.
    #[test]
    fn exit_ends_in_a_bounded_number_of_steps(
        events in prop::collection::vec((prop::sample::select(all_events()), 0..3000_u64), 0..40),
        finish: bool,
    ) {
        let mut world = World::new(ServicePart::Main, Policy::RUNIT, Want::Up);
        for (event, later) in events {
            world.now += later;
            if world.can_happen(event) {
                world.step(event);
            }
        }
        let mut asked = false;
        for _ in 0..12 {
            let event = if world.ended {
                break;
            } else if world.machine.is_busy() {
                NO_SCRIPT
            } else if world.machine.starting {
                Event::Started(pid())
            } else if !asked {
                asked = true;
                Event::Asked(Op::StopExit)
            } else {
                Event::Exited { exit: Exit::Code(0), finish }
            };
            world.step(event);
        }
        prop_assert!(world.ended);
    }
}
