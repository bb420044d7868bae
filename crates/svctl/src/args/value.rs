//! Values as people type them: spans, moments, counts. What is wrong is said in words that say what
//! is accepted; what is larger than a clock can hold is the longest that it can.

use std::{num::NonZeroUsize, time::Duration};

use svcmgr::UnixTime;

/// `30s`, `1m 30s`, `500ms`; a plain number is seconds, as `$SVWAIT` has always been.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    const FORM: &str = "write it as in 30s, 500ms or 1m 30s";
    let seconds = text.trim();
    if is_number(seconds.trim_start_matches(['+', '-'])) {
        let seconds: f64 = seconds.parse().map_err(|_| format!("`{text}` is no time; {FORM}"))?;
        return if seconds < 0.0 { Err(negative(FORM)) } else { Ok(span(seconds)) };
    }
    match text.parse::<jiff::SignedDuration>() {
        Ok(span) => Duration::try_from(span).map_err(|_| negative(FORM)),
        // Longer than jiff can count.
        Err(_) => sum(text).ok_or_else(|| format!("`{text}` is no time; {FORM}")),
    }
}

fn negative(form: &str) -> String {
    format!("a time cannot be negative; {form}")
}

/// Digits, and at most one point between them: what else Rust takes for a number is none.
fn is_number(text: &str) -> bool {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    !whole.is_empty() && !part.is_empty() && digits(whole) && digits(part)
}

fn span(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

/// The sum of numbers with units, however large.
fn sum(text: &str) -> Option<Duration> {
    let mut total = None;
    let mut rest = text.trim();
    while !rest.is_empty() {
        let digits = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        let number = rest.get(..rest.len() - digits.len()).filter(|number| is_number(number))?;
        let digits = digits.trim_start();
        let after = digits.trim_start_matches(|c: char| c.is_ascii_alphabetic());
        let seconds = seconds_in(digits.get(..digits.len() - after.len())?)?;
        let one = span(number.parse::<f64>().ok()? * seconds);
        total = Some(total.unwrap_or(Duration::ZERO).saturating_add(one));
        rest = after.trim_start();
    }
    total
}

fn seconds_in(unit: &str) -> Option<f64> {
    Some(match unit {
        "ns" => 1e-9,
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
        "m" | "min" | "mins" | "minute" | "minutes" => 60.0,
        "h" | "hr" | "hrs" | "hour" | "hours" => 3600.0,
        _ => return None,
    })
}

/// A moment, or how long it is ago.
pub(crate) fn parse_moment(text: &str) -> Result<UnixTime, String> {
    const OR_MOMENT: &str = "or a moment, as in 2026-11-22T23:34:43Z, or local without the Z";
    let moment = if let Ok(moment) = text.parse::<jiff::Timestamp>() {
        moment
    } else if let Ok(civil) = text.parse::<jiff::civil::DateTime>() {
        let zoned = civil.to_zoned(jiff::tz::TimeZone::system());
        let far = |_| format!("`{text}` is too far away; take a year from 0 to 9998, {OR_MOMENT}");
        zoned.map_err(far)?.timestamp()
    } else {
        let ago = parse_duration(text).map_err(|why| format!("{why}; {OR_MOMENT}"))?;
        // Before there was a calendar, there was no log.
        let ago = jiff::SignedDuration::try_from(ago).unwrap_or(jiff::SignedDuration::MAX);
        jiff::Timestamp::now().checked_sub(ago).unwrap_or(jiff::Timestamp::MIN)
    };
    let nanos = moment.as_nanosecond().rem_euclid(1_000_000_000);
    let secs = moment.as_nanosecond().div_euclid(1_000_000_000);
    let time = i64::try_from(secs).ok().zip(u32::try_from(nanos).ok());
    let time = time.and_then(|(secs, nanos)| UnixTime::new(secs, nanos));
    time.ok_or_else(|| format!("`{text}` is too far away"))
}

/// A number of things; of more than can be counted, as many as can.
pub(crate) fn parse_count(text: &str) -> Result<usize, String> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("`{text}` is no number of things; write a whole number, as in 100"));
    }
    Ok(text.parse().unwrap_or(usize::MAX))
}

/// The same from one on.
pub(crate) fn parse_positive(text: &str) -> Result<NonZeroUsize, String> {
    NonZeroUsize::new(parse_count(text)?).ok_or_else(|| "write a whole number from 1 on".to_owned())
}

/// The same in 64 bits.
pub(crate) fn parse_long_count(text: &str) -> Result<u64, String> {
    parse_count(text).map(|count| count as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        assert_eq!(parse_duration("7"), Ok(Duration::from_secs(7)));
        assert_eq!(parse_duration("7.5"), Ok(Duration::from_millis(7500)));
        assert_eq!(parse_duration("1m 30s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
        for wrong in ["NaN", "inf", "infinity", "1e3", "soon", "", "-", ".", "1.", "5 bananas", "٣"]
        {
            let why = parse_duration(wrong).unwrap_err();
            assert!(why.contains("is no time; write it as in 30s"), "{wrong}: {why}");
        }
        for wrong in ["-3", "-1s", "-0.5", "-99999999999999999999"] {
            let why = parse_duration(wrong).unwrap_err();
            assert!(why.contains("negative; write it as in 30s"), "{wrong}: {why}");
        }
    }

    #[test]
    fn what_is_too_long_is_as_long_as_can_be() {
        let huge = "9".repeat(400);
        for long in ["18446744073709551615", "99999999999999999999", &huge] {
            assert!(parse_duration(long).unwrap() >= Duration::from_secs(u64::MAX), "{long}");
        }
        for long in ["99999999999999999999s", "9999999999999999999h 1s", &format!("{huge}m")] {
            assert!(parse_duration(long).unwrap() > Duration::from_secs(1 << 60), "{long}");
        }
        assert_eq!(parse_duration(&format!("{huge}s {huge}s")), Ok(Duration::MAX));
        assert!(parse_moment("99999999999999999999h").unwrap().secs() < -300_000_000_000);
        assert_eq!(parse_count("99999999999999999999"), Ok(usize::MAX));
    }

    #[test]
    fn counts_say_what_they_are() {
        assert_eq!(parse_count("0"), Ok(0));
        assert!(parse_positive("0").unwrap_err().contains("from 1 on"));
        for wrong in ["", "-1", "+1", "1.5", "ten", "0x10"] {
            assert!(parse_count(wrong).unwrap_err().contains("whole number"), "{wrong}");
        }
    }
}
