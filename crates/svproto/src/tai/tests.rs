//! Both scales around every leap second and at the ends of their range.

use std::{format, vec::Vec};

use super::*;

const SCALES: [Scale; 2] = [Scale::Fixed, Scale::LeapSeconds];

fn unix(secs: i64) -> UnixTime {
    UnixTime::new(secs, 0).unwrap()
}

/// Days from 1970-01-01 to the first of a month, by counting; slow and plainly right.
fn first_of(year: i64, month: usize) -> i64 {
    let leap = |year: i64| (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    let years: i64 = (1970..year).map(|year| 365 + i64::from(leap(year))).sum();
    let lengths = [31, 28 + i64::from(leap(year)), 31, 30, 31, 30];
    (years + lengths[..month - 1].iter().sum::<i64>()) * 86_400
}

#[test]
fn the_table_is_the_first_of_january_or_july_of_the_published_years() {
    let july = [1972, 1981, 1982, 1983, 1985, 1992, 1993, 1994, 1997, 2012, 2015];
    let january = [
        1973, 1974, 1975, 1976, 1977, 1978, 1979, 1980, 1988, 1990, 1991, 1996, 1999, 2006, 2009,
        2017,
    ];
    let mut dates: Vec<_> = july.iter().map(|&year| first_of(year, 7)).collect();
    dates.extend(january.iter().map(|&year| first_of(year, 1)));
    dates.sort_unstable();
    assert_eq!(dates, LEAP_SECONDS);
}

#[test]
fn a_label_of_today_is_ten_or_thirty_seven_seconds_ahead() {
    let now = unix(1_795_390_979);
    let ahead = SCALES.map(|scale| Tai64n::from_unix(now, scale).unwrap().secs - (1 << 62));
    assert_eq!(ahead, [1_795_390_989, 1_795_391_016]);
}

#[test]
fn around_every_leap_second_the_scales_step_by_one_and_come_back() {
    for (count, &at) in LEAP_SECONDS.iter().enumerate() {
        let count = i64::try_from(count).unwrap();
        for (secs, leap) in [(at - 1, count), (at, count + 1), (at + 1, count + 1)] {
            let label = Tai64n::from_unix(unix(secs), Scale::LeapSeconds).unwrap();
            assert_eq!(label.secs.cast_signed() - (1 << 62) - secs, 10 + leap);
            assert_eq!(label.unix(Scale::LeapSeconds), Some(unix(secs)));
        }
        // The inserted second has a label of its own and the Unix time of the second after it.
        let inserted = Tai64n { secs: ((1 << 62) + 10 + at + count).cast_unsigned(), nanos: 0 };
        assert_eq!(inserted.unix(Scale::LeapSeconds), Some(unix(at)));
    }
}

#[test]
fn labels_before_1970_are_negative_and_reserved_ones_are_none() {
    let label = |secs, nanos| Tai64n { secs, nanos };
    assert_eq!(label((1 << 62) - 100, 0).unix(Scale::Fixed), Some(unix(-110)));
    assert_eq!(label((1 << 62) + 10, 0).unix(Scale::Fixed), Some(unix(0)));
    assert_eq!(label(0, 0).unix(Scale::Fixed), Some(unix(-(1 << 62) - 10)));
    for scale in SCALES {
        assert_eq!(label(1 << 63, 0).unix(scale), None);
        assert_eq!(label(u64::MAX, u32::MAX).unix(scale), None);
        assert_eq!(label(1 << 62, 1_000_000_000).unix(scale), None);
    }
}

#[test]
fn the_ends_of_the_range_convert_or_refuse_but_never_wrap() {
    for scale in SCALES {
        for secs in [i64::MIN, -(1 << 62) - 11, (1 << 62) - 5, i64::MAX - 5, i64::MAX] {
            assert_eq!(Tai64n::from_unix(unix(secs), scale), None, "{secs}");
        }
        for label in [0, 1, (1 << 62) - 1, 1 << 62, (1 << 63) - 1] {
            let label = Tai64n { secs: label, nanos: 999_999_999 };
            let time = label.unix(scale).unwrap();
            assert_eq!(Tai64n::from_unix(time, scale), Some(label));
        }
    }
}

#[test]
fn elapsed_is_zero_for_a_stamp_in_the_future_and_never_overflows() {
    let (early, late) = (unix(i64::MIN), UnixTime::new(i64::MAX, 999_999_999).unwrap());
    assert_eq!(late.elapsed(early), Duration::ZERO);
    assert_eq!(early.elapsed(late), Duration::MAX);
    let a = UnixTime::new(10, 900_000_000).unwrap();
    let b = UnixTime::new(11, 100_000_000).unwrap();
    assert_eq!(a.elapsed(b), Duration::from_millis(200));
    assert_eq!(b.elapsed(a), Duration::ZERO);
    assert_eq!(a.elapsed(UnixTime::new(10, 0).unwrap()), Duration::ZERO);
    assert_eq!(a.saturating_add(Duration::from_millis(200)), b);
    assert_eq!(late.saturating_add(Duration::from_nanos(1)), late);
    assert_eq!(a.saturating_add(Duration::MAX), late);
}

#[test]
fn labels_print_as_the_tools_print_them() {
    let label = Tai64n { secs: 0x4000_0000_6b03_7e15, nanos: 0x28d1_ca6d };
    assert_eq!(format!("{label}"), "@400000006b037e1528d1ca6d");
}
