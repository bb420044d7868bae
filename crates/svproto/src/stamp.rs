//! The stamp that a logger puts in front of a line.
//!
//! | written by                              | stamp                          | time     |
//! |-----------------------------------------|--------------------------------|----------|
//! | `multilog t`, `svlogd -t`, `s6-log t`   | `@` and 24 hexadecimal digits  | TAI64N, on the writer's scale |
//! | `svlogd -tt`                            | `2026-11-22_23:34:43.13821`    | UTC      |
//! | `svlogd -ttt`                           | `2026-11-22T23:34:43.13821`    | UTC      |
//! | `s6-log T`                              | `2026-11-22 23:34:43.138214617` and two blanks | local, so no moment: [`split_local`] |
//!
//! The names of rotated files are TAI64N labels too, with `.s` or `.u` behind.
//!
//! Source: svlogd(8) of runit 2.1.2, multilog(8) of daemontools 0.76, s6-log of s6 2.11; observed.

use crate::{Scale, Tai64n, UnixTime};

/// A label from its text: `@` and 24 hexadecimal digits, and nothing behind them.
#[must_use]
pub const fn label(text: &[u8]) -> Option<Tai64n> {
    let [b'@', digits @ ..] = text else { return None };
    let Some((digits, [])) = digits.split_first_chunk::<{ 2 * Tai64n::LEN }>() else {
        return None;
    };
    let mut bytes = [0; Tai64n::LEN];
    let (mut rest, mut left): (&[u8], &mut [u8]) = (digits, &mut bytes);
    while let ([high, low, after @ ..], [byte, behind @ ..]) = (rest, left) {
        let (Some(high), Some(low)) = (digit(*high), digit(*low)) else { return None };
        *byte = high << 4 | low;
        (rest, left) = (after, behind);
    }
    Some(Tai64n::from_bytes(bytes))
}

/// Takes the stamp off a line; `None` and the whole line where there is none. Labels are on
/// `scale`: s6-log's count leap seconds.
///
/// ```
/// use svproto::{Scale, stamp};
///
/// let (at, text) = stamp::split(b"@400000006b037e0d1b96475c hello", Scale::Fixed);
/// assert_eq!(at.map(|at| at.secs()), Some(1_795_390_979));
/// assert_eq!(text, b"hello");
/// ```
#[must_use]
pub fn split(line: &[u8], scale: Scale) -> (Option<UnixTime>, &[u8]) {
    let end = line.iter().position(|byte| *byte == b' ').unwrap_or(line.len());
    let Some((first, rest)) = line.split_at_checked(end) else { return (None, line) };
    let at = match label(first) {
        Some(label) => label.unix(scale),
        None => civil(first, b"_T"),
    };
    match at {
        Some(_) => (at, rest.strip_prefix(b" ").unwrap_or(rest)),
        None => (None, line),
    }
}

/// As [`split`], for the stamp of `s6-log T`, which is in the logger's own time zone: what the
/// clock on the wall showed, as if that were in UTC.
#[must_use]
pub fn split_local(line: &[u8]) -> (Option<UnixTime>, &[u8]) {
    let blanks = line.iter().enumerate().filter(|(_, byte)| **byte == b' ').map(|(at, _)| at);
    let end = blanks.take(2).last().filter(|end| *end > DATE).unwrap_or(line.len());
    let Some((stamp, rest)) = line.split_at_checked(end) else { return (None, line) };
    match civil(stamp, b" ") {
        // s6-log writes two blanks; one is what others make of its lines.
        Some(at) => {
            let text = rest.strip_prefix(b"  ").or_else(|| rest.strip_prefix(b" "));
            (Some(at), text.unwrap_or(rest))
        }
        None => (None, line),
    }
}

/// Bytes of a date.
const DATE: usize = 10;

/// `2026-11-22_23:34:43.13821`, with one of these between date and time, in UTC.
fn civil(text: &[u8], between: &[u8]) -> Option<UnixTime> {
    let [
        y0,
        y1,
        y2,
        y3,
        b'-',
        mo0,
        mo1,
        b'-',
        d0,
        d1,
        separator,
        h0,
        h1,
        b':',
        mi0,
        mi1,
        b':',
        s0,
        s1,
        fraction @ ..,
    ] = text
    else {
        return None;
    };
    if !between.contains(separator) {
        return None;
    }
    let two =
        |tens: &u8, ones: &u8| Some(i64::from(decimal(*tens)?) * 10 + i64::from(decimal(*ones)?));
    let year = two(y0, y1)? * 100 + two(y2, y3)?;
    let (month, day) = (two(mo0, mo1)?, two(d0, d1)?);
    let (hour, minute, second) = (two(h0, h1)?, two(mi0, mi1)?, two(s0, s1)?);
    let in_range = (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second < 61;
    let nanos = match fraction {
        [] => 0,
        [b'.', digits @ ..] if !digits.is_empty() && digits.len() <= 9 => nanos(digits)?,
        _ => return None,
    };
    if !in_range {
        return None;
    }
    let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
    UnixTime::new(seconds, nanos)
}

fn nanos(digits: &[u8]) -> Option<u32> {
    let mut nanos = 0_u32;
    for place in 0..9 {
        let digit = match digits.get(place) {
            Some(byte) => decimal(*byte)?,
            None => 0,
        };
        nanos = nanos.checked_mul(10)?.checked_add(digit.into())?;
    }
    Some(nanos)
}

/// Days from 1970-01-01 in the Gregorian calendar, for years 0 to 9999. Years begin in March, so
/// that the day that some have more is their last.
const fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month_from_march = (month + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + day - 1;
    365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400) + day_of_year
        - 719_468
}

const fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

const fn decimal(byte: u8) -> Option<u8> {
    if byte.is_ascii_digit() { Some(byte - b'0') } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64, nanos: u32) -> Option<UnixTime> {
        UnixTime::new(secs, nanos)
    }

    #[test]
    fn every_form_is_taken_off() {
        let line = b"@400000006b037e0d1b96475c it works";
        let written =
            Tai64n::from_unix(at(1_795_390_979, 462_833_500).unwrap(), Scale::Fixed).unwrap();
        assert_eq!(written.to_bytes(), label(&line[..25]).unwrap().to_bytes());
        assert_eq!(split(line, Scale::Fixed), (at(1_795_390_979, 462_833_500), &b"it works"[..]));
        let civil = b"2026-11-22_22:51:30.56953 it works";
        assert_eq!(split(civil, Scale::Fixed), (at(1_795_387_890, 569_530_000), &b"it works"[..]));
        let iso = b"2026-11-22T22:51:30.56953 it works";
        assert_eq!(
            split(iso, Scale::LeapSeconds),
            (at(1_795_387_890, 569_530_000), &b"it works"[..])
        );
    }

    #[test]
    fn what_is_no_stamp_stays() {
        for line in [
            &b"2026-11-22 22:51:30.56953 local"[..],
            b"2026-13-22_22:51:30.5 no such month",
            b"2026-11-22_22:51:30.1234567890 too long",
            b"2026-11-22_22:51:30. nothing behind",
            b"@400000006b037e0d1b96475 short",
            b"@400000006b037e0d1b96475cc long",
            b"@400000006b037e0d1b96475x no digit",
            b"",
            b" ",
            b"plain",
        ] {
            assert_eq!(split(line, Scale::Fixed), (None, line));
        }
    }

    #[test]
    fn a_stamp_in_local_time_is_what_the_clock_on_the_wall_showed() {
        let line = b"2026-11-22 22:51:30.569530000  it works";
        assert_eq!(split_local(line), (at(1_795_387_890, 569_530_000), &b"it works"[..]));
        let line = b"2026-11-22 22:51:30.569530000   indented";
        assert_eq!(split_local(line).1, b" indented");
        let line = b"2026-11-22 22:51:30.569530000 it works";
        assert_eq!(split_local(line), (at(1_795_387_890, 569_530_000), &b"it works"[..]));
        assert_eq!(split_local(&line[..29]), (at(1_795_387_890, 569_530_000), &b""[..]));
        for line in [&b"2026-11-22_22:51:30.5 x"[..], b"2026-11-22 late", b"a b c", b" ", b""] {
            assert_eq!(split_local(line), (None, line));
        }
    }

    #[test]
    fn a_stamp_alone_is_an_empty_line() {
        assert_eq!(split(b"1970-01-01_00:00:00.00000", Scale::Fixed), (at(0, 0), &b""[..]));
        assert_eq!(split(b"2000-02-29T00:00:00", Scale::Fixed).0, at(951_782_400, 0));
        assert_eq!(split(b"1900-03-01T00:00:00", Scale::Fixed).0, at(-2_203_891_200, 0));
        assert_eq!(split(b"0000-01-01T00:00:00", Scale::Fixed).0, at(-62_167_219_200, 0));
    }

    #[test]
    fn a_label_and_its_text_are_the_same() {
        let text = b"@400000006b037e0d1b96475c";
        let label = label(text).unwrap();
        assert_eq!(label.unix(Scale::Fixed), split(text, Scale::Fixed).0);
        let apart =
            label.unix(Scale::LeapSeconds).unwrap().elapsed(label.unix(Scale::Fixed).unwrap());
        assert_eq!(apart.as_secs(), 27);
    }
}
