//! One word for every combination of facts.

use super::*;

const UP: Facts = Facts {
    phase: Phase::Up,
    stage: Stage::NotReported,
    want: Some(Want::Up),
    pid: None,
    finish_pid: None,
    paused: Some(false),
    got_term: Some(false),
    since: None,
    readiness: Readiness::NotReported,
    last_exit: LastExit::NotReported,
};

#[test]
fn down_is_backoff_when_wanted_up_and_exited_after_once() {
    let down = |want| Facts { phase: Phase::Down, want, ..UP }.state();
    assert_eq!(down(Some(Want::Up)), State::Backoff);
    assert_eq!(down(Some(Want::Down)), State::Down);
    assert_eq!(down(Some(Want::Once)), State::Exited);
    assert_eq!(down(Some(Want::Unknown(7))), State::Down);
    assert_eq!(down(None), State::Down);
}

#[test]
fn readiness_decides_between_starting_up_and_ready() {
    let up = |readiness| Facts { readiness, ..UP }.state();
    assert_eq!(up(Readiness::NotReported), State::Up);
    assert_eq!(up(Readiness::NotReady), State::Up);
    assert_eq!(up(Readiness::Awaited), State::Starting);
    assert_eq!(up(Readiness::Ready { since: None }), State::Ready);
    assert_eq!(up(Readiness::NotReady.with_notification(true)), State::Starting);
    assert_eq!(up(Readiness::NotReady.with_notification(false)), State::Up);
    assert_eq!(up(Readiness::Ready { since: None }.with_notification(false)), State::Ready);
}

#[test]
fn a_paused_service_is_paused_unless_down_has_continued_it() {
    let paused = Facts { paused: Some(true), ..UP };
    assert_eq!(paused.state(), State::Paused);
    let term = Facts { got_term: Some(true), ..paused };
    assert_eq!(term.state(), State::Paused);
    assert_eq!(Facts { want: Some(Want::Down), ..term }.state(), State::Stopping);
    assert_eq!(Facts { got_term: Some(true), ..UP }.state(), State::Stopping);
    assert_eq!(Facts { stage: Stage::Stopping, ..paused }.state(), State::Paused);
}

#[test]
fn every_wait_status_is_an_exit_a_signal_or_kept() {
    let mut kept = 0;
    for raw in 0..=u16::MAX {
        match LastExit::from_wait_status(raw) {
            LastExit::Exited { code } => assert_eq!(raw, u16::from(code) << 8),
            LastExit::Signaled { signal, core } => {
                assert_eq!(raw, u16::from(signal) | if core { 0x80 } else { 0 });
            }
            LastExit::Unknown(value) => {
                assert_eq!(value, raw);
                kept += 1;
            }
            other => unreachable!("{other:?}"),
        }
    }
    assert_eq!(kept, 65_536 - 256 - 2 * 126);
    assert_eq!(LastExit::from_wait_status(0x137f), LastExit::Unknown(0x137f));
}

#[test]
fn what_no_process_can_have_is_no_pid() {
    assert_eq!(Pid::new(0), None);
    assert_eq!(Pid::new(u64::MAX), None);
    assert_eq!(Pid::new(1 << 32), None);
    assert_eq!(Pid::new(1 << 31), None);
    assert_eq!(Pid::new((1 << 31) - 1).map(Pid::get), Some(2_147_483_647));
}

#[test]
fn every_state_is_read_as_it_is_written() {
    for state in State::ALL {
        assert_eq!(state.name().parse(), Ok(*state));
    }
    assert!("running".parse::<State>().is_err());
    for want in [Want::Up, Want::Down, Want::Once] {
        assert_eq!(want.name().unwrap().parse(), Ok(want));
    }
    assert!(crate::Op::all().all(|op| op.name().parse() == Ok(op)));
}
