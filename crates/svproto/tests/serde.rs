//! Feature `serde`: plain data goes out and comes back, in the words of the field.
#![cfg(feature = "serde")]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fmt::Debug;

use serde::{Serialize, de::DeserializeOwned};
use svproto::{
    Dialect, LastExit, Op, Pid, Reading, Record, State, Tai64n, UnixTime, Version, goal::Goal,
    track::Change,
};

#[track_caller]
fn check<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T, json: &str) {
    assert_eq!(serde_json::to_string(value).unwrap(), json);
    assert_eq!(&serde_json::from_str::<T>(json).unwrap(), value);
}

#[test]
fn words_are_those_of_the_field() {
    check(&Dialect::Encore, r#""encore""#);
    check(&Op::StopExit, r#""stop-exit""#);
    check(&State::Backoff, r#""backoff""#);
    check(&Change::Unsupervised, r#""unsupervised""#);
    check(&Goal::Restarted, r#""restarted""#);
    check(&LastExit::Exited { code: 3 }, r#"{"exited":{"code":3}}"#);
    check(&Version([2, 15, 1, 0]), "[2,15,1,0]");
    check(&Pid::new(7).unwrap(), "7");
    check(&UnixTime::new(-1, 5).unwrap(), r#"{"secs":-1,"nanos":5}"#);
    check(&Tai64n { secs: 1, nanos: 2 }, r#"{"secs":1,"nanos":2}"#);
}

#[test]
fn a_whole_reading_survives() {
    let bytes = *b"\x40\0\0\0\x6b\x03\x7e\x0d\x1b\x96\x47\x5c\xa7\x58\0\0\0u\0\x01";
    let reading = Reading::Record(Record::from_bytes(Dialect::Runit, &bytes).unwrap().facts());
    let json = serde_json::to_string(&reading).unwrap();
    assert_eq!(serde_json::from_str::<Reading>(&json).unwrap(), reading);
}

#[test]
fn what_cannot_be_is_refused() {
    assert!(serde_json::from_str::<Pid>("0").is_err());
    assert!(serde_json::from_str::<Pid>("4294967295").is_err());
    assert!(serde_json::from_str::<UnixTime>(r#"{"secs":0,"nanos":1000000000}"#).is_err());
}
