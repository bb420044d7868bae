//! The five layouts, told apart and read.

use super::*;
use crate::State;

/// Written by s6-supervise 2.11.3.2 on a service that said it is ready.
const READY: [u8; 35] = *b"\x40\0\0\0\x6b\x03\x7e\x15\x28\xd1\xca\x6d\
    \x40\0\0\0\x6b\x03\x7e\x15\x31\xcb\xd9\x16\0\0\0\0\0\0\x4e\xc7\0\0\x0c";

fn with_flags(flags: u8) -> S6Record {
    let mut bytes = READY;
    bytes[34] = flags;
    S6Record::from_bytes(&bytes).unwrap()
}

#[test]
fn ready_is_ready_since_its_own_stamp() {
    let status = with_flags(0x0c).facts();
    assert_eq!((status.state(), status.pid), (State::Ready, Pid::new(20167)));
    let Readiness::Ready { since: Some(since) } = status.readiness else { unreachable!() };
    assert_eq!((since.secs(), since.nanos()), (1_795_390_960, 835_442_966));
}

#[test]
fn the_same_moment_has_labels_27_seconds_apart_in_runit_and_s6() {
    let label = with_flags(0x0c).since();
    let (s6, fixed) = (label.unix(Scale::LeapSeconds), label.unix(Scale::Fixed));
    assert_eq!(fixed.unwrap().secs() - s6.unwrap().secs(), 27);
    assert_eq!(with_flags(0x0c).facts_on(Scale::Fixed).since, fixed);
}

#[test]
fn flags_of_the_old_layout_are_told_from_the_current_ones_where_they_can_be() {
    for flags in 0..=u8::MAX {
        let old = matches!(with_flags(flags), S6Record::V2_2(_));
        let expected = flags & 0x30 != 0 && flags & 0xc0 == 0;
        assert_eq!(old, expected, "{flags:#x}");
    }
    // Old: up, wants up, ready.
    let status = with_flags(0x1c).facts();
    assert_eq!((status.state(), status.want), (State::Ready, Some(Want::Up)));
    // The one ambiguous value is taken for the current layout; a caller who knows better says so.
    assert_eq!(with_flags(0x0c).facts().state(), State::Ready);
    let mut bytes = READY;
    bytes[34] = 0x0c;
    let old = S6Record::V2_2(v2_2::Record::from_bytes(bytes)).facts();
    assert_eq!((old.state(), old.want), (State::Up, Some(Want::Up)));
}

#[test]
fn unknown_flag_bits_are_kept() {
    assert_eq!(with_flags(0xf4).as_bytes()[34], 0xf4);
}

#[test]
fn the_wait_status_of_2_1_is_read_in_either_order() {
    let mut bytes = [0; 26];
    [bytes[24], bytes[25]] = [5, 0];
    assert_eq!(S6Record::from_bytes(&bytes).unwrap().wait_status(), Some(0x500));
    [bytes[18], bytes[19], bytes[24]] = [0, 5, 0];
    assert_eq!(S6Record::from_bytes(&bytes).unwrap().wait_status(), Some(0x500));
    bytes[22] = 1;
    assert_eq!(S6Record::from_bytes(&bytes).unwrap().wait_status(), None);
}

#[test]
fn records_made_of_their_fields_are_the_same_records() {
    let S6Record::V2_11(record) = with_flags(0x0c) else { unreachable!() };
    let ready = Tai64n { secs: 0x4000_0000_6b03_7e15, nanos: 0x31cb_d916 };
    let pid = Pid::new(20167);
    let since = S6Record::V2_11(record).since();
    assert_eq!(v2_11::Record::new(since, ready, pid, 0, 0x0c), record);
    let old = S6Record::V2_2(v2_2::Record::new(since, ready, pid, 0x500, 0x1c));
    assert_eq!((old.since(), old.raw_pid(), old.wait_status()), (since, 20167, Some(0x500)));
    assert_eq!(old.facts().state(), State::Ready);
    let first = v2_0::Record::new(since, pid, true, false, Want::Up);
    assert_eq!(S6Record::V2_0(first).facts().state(), State::Paused);
    let second = S6Record::V2_1(v2_1::Record::new(first, 9));
    assert_eq!((second.raw_pid(), second.wait_status()), (20167, Some(9)));
    let wide = v2_13::Record::new(since, ready, pid, pid, 0x500, 0x0c);
    assert_eq!(wide.process_group(), 20167);
    let wide = S6Record::V2_13(wide);
    assert_eq!((wide.since(), wide.raw_pid(), wide.wait_status()), (since, 20167, Some(0x500)));
}
