//! Feature `serde`: plain data goes out and comes back, in the words of the field.
#![cfg(feature = "serde")]
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fmt::Debug;

use serde::{Serialize, de::DeserializeOwned};
use svproto::{
    Dialect, LastExit, Op, Pid, Readiness, Reading, Record, Scale, State, Tai64n, UnixTime,
    Version, goal::Goal, track::Change,
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
    check(&Readiness::NotReported, r#""not-reported""#);
    check(&Scale::LeapSeconds, r#""leap-seconds""#);
    check(&Tai64n { secs: 1, nanos: 2 }, r#"{"secs":1,"nanos":2}"#);
}

#[test]
fn times_are_text_and_none_is_invented() {
    let time = |secs, nanos, text: &str| {
        check(&UnixTime::new(secs, nanos).unwrap(), &format!("\"{text}\""));
    };
    time(0, 0, "1970-01-01T00:00:00.000000000Z");
    time(-1, 5, "1969-12-31T23:59:59.000000005Z");
    time(1_795_387_890, 569_530_500, "2026-11-22T22:51:30.569530500Z");
    time(951_782_400, 0, "2000-02-29T00:00:00.000000000Z");
    time(4_107_542_400, 0, "2100-03-01T00:00:00.000000000Z");
    time(-62_167_219_200, 0, "0000-01-01T00:00:00.000000000Z");
    time(253_402_300_799, 999_999_999, "9999-12-31T23:59:59.999999999Z");
    time(253_402_300_800, 0, "@253402300800.000000000");
    time(i64::MIN, 1, "@-9223372036854775808.000000001");
    // Every day of 800 years.
    for day in -146_097..146_097_i64 {
        let time = UnixTime::new(day * 86_400 + 3_661, 7).unwrap();
        let text = serde_json::to_string(&time).unwrap();
        assert!(text.ends_with("T01:01:01.000000007Z\""), "{text}");
        assert_eq!(serde_json::from_str::<UnixTime>(&text).unwrap(), time);
    }
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
    for text in [
        "",
        "2026-11-22",
        "2026-02-30T00:00:00.000000000Z",
        "2026-13-01T00:00:00.000000000Z",
        "2026-11-22T24:00:00.000000000Z",
        "2026-11-22T22:51:30Z",
        "2026-11-22T22:51:30.569530500",
        "@1",
        "@1.1000000000",
        "-1-11-22T22:51:30.569530500Z",
    ] {
        assert!(serde_json::from_str::<UnixTime>(&format!("\"{text}\"")).is_err(), "{text}");
    }
}
