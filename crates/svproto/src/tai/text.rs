//! Unix time as text for feature `serde`: RFC 3339 in UTC with nine digits, as in the JSON of
//! svctl. What lies outside the years 0 to 9999, which that cannot write, is `@` and the seconds.

use core::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::UnixTime;

/// In seconds of Unix time.
const YEARS_0_TO_9999: core::ops::RangeInclusive<i64> = -62_167_219_200..=253_402_300_799;
const DAY: i64 = 86_400;

struct Text(UnixTime);

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(UnixTime { secs, nanos }) = *self;
        if !YEARS_0_TO_9999.contains(&secs) {
            return write!(f, "@{secs}.{nanos:09}");
        }
        let (year, month, day) = date(secs.div_euclid(DAY));
        let of_day = secs.rem_euclid(DAY);
        let (hour, minute, second) = (of_day / 3600, of_day / 60 % 60, of_day % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{nanos:09}Z")
    }
}

/// Year, month and day so many days after 1970-01-01, by the Gregorian calendar. A year is taken to
/// begin in March, so that the day which not every year has is its last.
const fn date(days: i64) -> (i64, i64, i64) {
    // Of 400 years, from 0000-03-01 on.
    const ERA: i64 = 146_097;
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(ERA), days.rem_euclid(ERA));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + (month <= 2) as i64, month, day)
}

/// The reverse of [`date`].
const fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn parse(text: &str) -> Option<UnixTime> {
    if let Some(text) = text.strip_prefix('@') {
        let (secs, nanos) = text.split_once('.')?;
        return UnixTime::new(secs.parse().ok()?, nine(nanos)?);
    }
    let (date_part, clock) = text.strip_suffix('Z')?.split_once('T')?;
    let [year, month, day] = three(date_part, '-')?;
    let (clock, nanos) = clock.split_once('.')?;
    let [hour, minute, second] = three(clock, ':')?;
    let days = days(year, month, day);
    if date(days) != (year, month, day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    UnixTime::new(days * DAY + hour * 3600 + minute * 60 + second, nine(nanos)?)
}

fn nine(digits: &str) -> Option<u32> {
    (digits.len() == 9).then(|| digits.parse().ok()).flatten()
}

/// Numbers of four digits at most.
fn three(text: &str, between: char) -> Option<[i64; 3]> {
    let mut parts = text.split(between).map(|part| u16::from_str(part).ok().map(i64::from));
    let numbers = [parts.next()??, parts.next()??, parts.next()??];
    parts.next().is_none().then_some(numbers)
}

impl Serialize for UnixTime {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Text(*self))
    }
}

impl<'de> Deserialize<'de> for UnixTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl de::Visitor<'_> for Reader {
            type Value = UnixTime;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time as in 2026-11-22T22:51:30.569530500Z")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<UnixTime, E> {
                parse(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_str(Reader)
    }
}
