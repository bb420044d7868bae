//! What the bytes of `runsv` mean, and back.

use super::*;
use crate::{State, UnixTime};

/// Written by runsv 2.2.0 on a running service.
const UP: [u8; 20] = *b"\x40\0\0\0\x6b\x03\x7e\x0d\x1b\x96\x47\x5c\xa7\x58\0\0\0u\0\x01";

#[test]
fn up_record_reads_as_up() {
    let status = RunitRecord::from_bytes(UP).facts();
    assert_eq!((status.state(), status.want), (State::Up, Some(Want::Up)));
    assert_eq!(status.pid, Pid::new(22695));
    assert_eq!(status.since, UnixTime::new(1_795_390_979, 462_833_500));
}

#[test]
fn once_keeps_running_with_want_down() {
    let mut bytes = UP;
    bytes[17] = b'd';
    let status = RunitRecord::from_bytes(bytes).facts();
    assert_eq!((status.state(), status.want), (State::Up, Some(Want::Down)));
}

#[test]
fn the_pid_of_finish_is_not_that_of_the_service() {
    let mut bytes = UP;
    bytes[19] = 2;
    let status = RunitRecord::from_bytes(bytes).facts();
    assert_eq!((status.pid, status.finish_pid), (None, Pid::new(22695)));
    assert_eq!(status.state(), State::Finishing);
}

#[test]
fn running_without_a_process_is_unknown_and_finishing_without_one_is_not() {
    let mut bytes = UP;
    [bytes[12], bytes[13]] = [0, 0];
    assert_eq!(RunitRecord::from_bytes(bytes).facts().state(), State::Unknown);
    bytes[19] = 2;
    assert_eq!(RunitRecord::from_bytes(bytes).facts().state(), State::Finishing);
}

#[test]
fn a_record_made_of_its_fields_is_the_same_record() {
    let record = RunitRecord::from_bytes(UP);
    let again = RunitRecord::new(RunitFields {
        since: record.since(),
        pid: Pid::new(record.raw_pid().into()),
        paused: false,
        want_up: true,
        got_term: false,
        phase: Phase::Up,
    });
    assert_eq!(again, record);
}
