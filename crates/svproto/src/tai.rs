//! TAI64N labels, the clock readings at the front of every status record, and Unix time.
//!
//! The family writes the same twelve bytes on two scales. Two records of the same moment differ by
//! 27 seconds if one comes from runit and the other from s6.
//!
//! Source: `tai_now`/`tai_unix` in `tai.h` (daemontools 0.76, runit 2.1.2); `tai_from_sysclock` and
//! `leapsecs_table` in skalibs 2.13; both observed against the wall clock on nine programs.

#[cfg(feature = "std")]
mod system;
#[cfg(feature = "serde")]
mod text;

use core::{fmt, time::Duration};

/// A TAI64N label as written, on the writer's own [`Scale`].
///
/// Shape: 8 bytes big-endian seconds, 4 bytes big-endian nanoseconds. Any 12 bytes are one; that
/// the second of them means something is [`Tai64n::unix`]'s to say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Tai64n {
    /// Seconds, with 2^62 standing for 1970-01-01 00:00:00 TAI. From 2^63 on reserved.
    pub secs: u64,
    /// Nanoseconds into the second. Writers keep it below 10^9; readers must not assume so.
    pub nanos: u32,
}

/// How a writer turns the system clock into a label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "kebab-case"))]
pub enum Scale {
    /// Unix time plus a fixed 10 s: daemontools, daemontools-encore, runit. Also s6 where skalibs
    /// was built for a system clock that runs on TAI (Debian does not).
    Fixed,
    /// Unix time plus 10 s plus the leap seconds so far ([`LEAP_SECONDS`]): s6.
    LeapSeconds,
}

crate::words!(Scale, "scale": Fixed "fixed", LeapSeconds "leap-seconds");

/// Unix times of the first second after each inserted leap second, ascending.
///
/// Source: IERS Bulletin C (its list up to 2017-01-01, unchanged since); the same 27 entries are
/// compiled into skalibs 2.13.1.1 and 2.15.1. A 28th needs a new skalibs and a new row here.
pub const LEAP_SECONDS: [i64; 27] = [
    78_796_800,    // 1972-07-01
    94_694_400,    // 1973-01-01
    126_230_400,   // 1974-01-01
    157_766_400,   // 1975-01-01
    189_302_400,   // 1976-01-01
    220_924_800,   // 1977-01-01
    252_460_800,   // 1978-01-01
    283_996_800,   // 1979-01-01
    315_532_800,   // 1980-01-01
    362_793_600,   // 1981-07-01
    394_329_600,   // 1982-07-01
    425_865_600,   // 1983-07-01
    489_024_000,   // 1985-07-01
    567_993_600,   // 1988-01-01
    631_152_000,   // 1990-01-01
    662_688_000,   // 1991-01-01
    709_948_800,   // 1992-07-01
    741_484_800,   // 1993-07-01
    773_020_800,   // 1994-07-01
    820_454_400,   // 1996-01-01
    867_715_200,   // 1997-07-01
    915_148_800,   // 1999-01-01
    1_136_073_600, // 2006-01-01
    1_230_768_000, // 2009-01-01
    1_341_100_800, // 2012-07-01
    1_435_708_800, // 2015-07-01
    1_483_228_800, // 2017-01-01
];

/// The label of 1970-01-01 00:00:00 TAI.
const EPOCH: i64 = 1 << 62;
/// What both scales add to Unix time before anything else.
const AHEAD: i64 = 10;
const NANOS_PER_SEC: u32 = 1_000_000_000;

impl Tai64n {
    /// Bytes in a label.
    pub const LEN: usize = 12;

    /// Reads a label; this cannot fail.
    ///
    /// ```
    /// use svproto::Tai64n;
    ///
    /// let label = Tai64n::from_bytes(*b"\x40\0\0\0\0\0\0\x0a\0\0\0\x01");
    /// assert_eq!(label.to_string(), "@400000000000000a00000001");
    /// ```
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        let [s0, s1, s2, s3, s4, s5, s6, s7, n0, n1, n2, n3] = bytes;
        Self {
            secs: u64::from_be_bytes([s0, s1, s2, s3, s4, s5, s6, s7]),
            nanos: u32::from_be_bytes([n0, n1, n2, n3]),
        }
    }

    /// Writes the label back.
    #[must_use]
    pub const fn to_bytes(self) -> [u8; Self::LEN] {
        let [s0, s1, s2, s3, s4, s5, s6, s7] = self.secs.to_be_bytes();
        let [n0, n1, n2, n3] = self.nanos.to_be_bytes();
        [s0, s1, s2, s3, s4, s5, s6, s7, n0, n1, n2, n3]
    }

    /// The same moment as Unix time; negative before 1970.
    ///
    /// `None` for what is no moment: the reserved labels from 2^63 on, and 10^9 nanoseconds or
    /// more. The inserted leap second itself comes out as the second after it, which is what
    /// skalibs does.
    ///
    /// ```
    /// use svproto::{Scale, Tai64n};
    ///
    /// let label = Tai64n { secs: (1 << 62) + 1_000_000_010, nanos: 0 };
    /// assert_eq!(label.unix(Scale::Fixed).map(|time| time.secs()), Some(1_000_000_000));
    /// assert_eq!(Tai64n { secs: u64::MAX, nanos: 0 }.unix(Scale::Fixed), None);
    /// ```
    #[must_use]
    pub const fn unix(self, scale: Scale) -> Option<UnixTime> {
        if self.secs >= 1 << 63 {
            return None;
        }
        // 0 <= secs < 2^63, so neither the addition nor the subtractions can wrap.
        let tai = 0_i64.wrapping_add_unsigned(self.secs) - EPOCH - AHEAD;
        let secs = match scale {
            Scale::Fixed => tai,
            Scale::LeapSeconds => tai - leap_seconds_in_label(tai),
        };
        UnixTime::new(secs, self.nanos)
    }

    /// The label that a writer on `scale` gives to `time`; `None` outside the labels' range
    /// (about 146 billion years either way).
    ///
    /// ```
    /// use svproto::{Scale, Tai64n, UnixTime};
    ///
    /// let label = Tai64n::from_unix(UnixTime::EPOCH, Scale::Fixed).unwrap();
    /// assert_eq!(label.to_string(), "@400000000000000a00000000");
    /// assert_eq!(label.unix(Scale::Fixed), Some(UnixTime::EPOCH));
    /// ```
    #[must_use]
    pub const fn from_unix(time: UnixTime, scale: Scale) -> Option<Self> {
        let leap = match scale {
            Scale::Fixed => 0,
            Scale::LeapSeconds => leap_seconds_before(time.secs),
        };
        let Some(secs) = time.secs.checked_add(AHEAD + leap) else { return None };
        match secs.checked_add(EPOCH) {
            Some(label) if label >= 0 => {
                Some(Self { secs: label.unsigned_abs(), nanos: time.nanos })
            }
            _ => None,
        }
    }
}

/// How many leap seconds were inserted up to and including Unix time `secs`.
const fn leap_seconds_before(secs: i64) -> i64 {
    let mut rest: &[i64] = &LEAP_SECONDS;
    // From the end: most moments are later than all of them.
    while let [head @ .., last] = rest {
        if secs >= *last {
            break;
        }
        rest = head;
    }
    0_i64.wrapping_add_unsigned(rest.len() as u64)
}

/// How many leap seconds a label of `tai` (seconds after 1970 TAI, less ten) counts.
const fn leap_seconds_in_label(tai: i64) -> i64 {
    let mut rest: &[i64] = &LEAP_SECONDS;
    while let [head @ .., last] = rest {
        let before = 0_i64.wrapping_add_unsigned(head.len() as u64);
        // The leap second itself has `tai == last + before` and is not counted yet.
        if tai > *last + before {
            break;
        }
        rest = head;
    }
    0_i64.wrapping_add_unsigned(rest.len() as u64)
}

/// Prints the label as the suites' tools do: `@` and 24 hexadecimal digits.
impl fmt::Display for Tai64n {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "@{:016x}{:08x}", self.secs, self.nanos)
    }
}

/// Seconds and nanoseconds since 1970-01-01 00:00:00 UTC, leap seconds not counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime {
    secs: i64,
    nanos: u32,
}

impl UnixTime {
    /// 1970-01-01 00:00:00 UTC.
    pub const EPOCH: Self = Self { secs: 0, nanos: 0 };

    /// `None` if `nanos` is a whole second or more.
    #[must_use]
    pub const fn new(secs: i64, nanos: u32) -> Option<Self> {
        if nanos < NANOS_PER_SEC { Some(Self { secs, nanos }) } else { None }
    }

    /// Whole seconds, rounded down; negative before 1970.
    #[must_use]
    pub const fn secs(self) -> i64 {
        self.secs
    }

    /// Nanoseconds into the second, below 10^9.
    #[must_use]
    pub const fn nanos(self) -> u32 {
        self.nanos
    }

    /// Time from here to `now`; zero if `now` is earlier, which a stepped clock can bring about.
    ///
    /// ```
    /// use core::time::Duration;
    /// use svproto::UnixTime;
    ///
    /// let (since, now) = (UnixTime::new(100, 0).unwrap(), UnixTime::new(103, 500_000_000).unwrap());
    /// assert_eq!(since.elapsed(now), Duration::from_millis(3500));
    /// assert_eq!(now.elapsed(since), Duration::ZERO, "the clock was stepped back");
    /// ```
    #[must_use]
    pub const fn elapsed(self, now: Self) -> Duration {
        if now.secs < self.secs || (now.secs == self.secs && now.nanos < self.nanos) {
            return Duration::ZERO;
        }
        // `abs_diff` holds every distance, also from the first representable second to the last.
        let secs = now.secs.abs_diff(self.secs);
        let (secs, nanos) = match now.nanos.checked_sub(self.nanos) {
            Some(nanos) => (secs, nanos),
            None => (
                secs.saturating_sub(1),
                NANOS_PER_SEC.saturating_sub(self.nanos.saturating_sub(now.nanos)),
            ),
        };
        // Plain constructors panic where the compiler cannot see that they will not.
        Duration::from_secs(secs).saturating_add(Duration::from_nanos(nanos as u64))
    }

    /// This moment plus `span`, or the last representable one.
    ///
    /// ```
    /// use core::time::Duration;
    /// use svproto::UnixTime;
    ///
    /// let soon = UnixTime::EPOCH.saturating_add(Duration::from_millis(1500));
    /// assert_eq!((soon.secs(), soon.nanos()), (1, 500_000_000));
    /// ```
    #[must_use]
    pub const fn saturating_add(self, span: Duration) -> Self {
        let last = Self { secs: i64::MAX, nanos: NANOS_PER_SEC - 1 };
        // Both are below 10^9, so it cannot wrap; the compiler does not see that.
        let (carry, nanos) = match self.nanos.wrapping_add(span.subsec_nanos()) {
            nanos if nanos >= NANOS_PER_SEC => (1, nanos - NANOS_PER_SEC),
            nanos => (0, nanos),
        };
        match self.secs.checked_add_unsigned(span.as_secs()) {
            Some(secs) => match secs.checked_add(carry) {
                Some(secs) => Self { secs, nanos },
                None => last,
            },
            None => last,
        }
    }
}

impl UnixTime {
    /// This moment less `span`, or the first representable one.
    #[must_use]
    pub const fn saturating_sub(self, span: Duration) -> Self {
        let first = Self { secs: i64::MIN, nanos: 0 };
        let (borrow, nanos) = match self.nanos.checked_sub(span.subsec_nanos()) {
            Some(nanos) => (0, nanos),
            // Below 10^9, so it cannot wrap; the compiler does not see that.
            None => (1, self.nanos.wrapping_add(NANOS_PER_SEC).wrapping_sub(span.subsec_nanos())),
        };
        match self.secs.checked_sub_unsigned(span.as_secs()) {
            Some(secs) => match secs.checked_sub(borrow) {
                Some(secs) => Self { secs, nanos },
                None => first,
            },
            None => first,
        }
    }
}

#[cfg(test)]
mod tests;
