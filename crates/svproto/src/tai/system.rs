//! Unix time and the clock of the standard library (feature `std`).

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::UnixTime;

impl UnixTime {
    /// The wall clock, now.
    ///
    /// ```
    /// use std::time::{Duration, SystemTime};
    /// use svproto::UnixTime;
    ///
    /// let since = UnixTime::from(SystemTime::now() - Duration::from_secs(90));
    /// assert!(since.elapsed(UnixTime::now()) >= Duration::from_secs(90));
    /// ```
    #[cfg_attr(docsrs, doc(cfg(feature = "std")))]
    #[must_use]
    pub fn now() -> Self {
        SystemTime::now().into()
    }
}

/// The same moment.
///
/// ```
/// use std::time::{Duration, UNIX_EPOCH};
/// use svproto::UnixTime;
///
/// let time = UnixTime::from(UNIX_EPOCH - Duration::from_millis(1));
/// assert_eq!((time.secs(), time.nanos()), (-1, 999_000_000));
/// ```
#[cfg_attr(docsrs, doc(cfg(feature = "std")))]
impl From<SystemTime> for UnixTime {
    fn from(time: SystemTime) -> Self {
        match time.duration_since(UNIX_EPOCH) {
            Ok(after) => Self::EPOCH.saturating_add(after),
            Err(error) => Self::EPOCH.saturating_sub(error.duration()),
        }
    }
}

/// The same moment; the epoch where this system's clock cannot hold it (it can on every Unix).
///
/// ```
/// use std::time::{Duration, SystemTime, UNIX_EPOCH};
/// use svproto::UnixTime;
///
/// let time = UnixTime::new(1_795_390_979, 500_000_000).unwrap();
/// assert_eq!(SystemTime::from(time), UNIX_EPOCH + Duration::from_millis(1_795_390_979_500));
/// ```
#[cfg_attr(docsrs, doc(cfg(feature = "std")))]
impl From<UnixTime> for SystemTime {
    fn from(time: UnixTime) -> Self {
        let whole = Duration::from_secs(time.secs().unsigned_abs());
        let whole = match time.secs() {
            0.. => UNIX_EPOCH.checked_add(whole),
            _ => UNIX_EPOCH.checked_sub(whole),
        };
        let part = Duration::from_nanos(time.nanos().into());
        whole.and_then(|whole| whole.checked_add(part)).unwrap_or(UNIX_EPOCH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_the_same_there_and_back() {
        for (secs, nanos) in
            [(0, 0), (0, 1), (-1, 999_999_999), (-1, 0), (1_795_390_979, 5), (-9_999_999_999, 7)]
        {
            let time = UnixTime::new(secs, nanos).unwrap();
            assert_eq!(UnixTime::from(SystemTime::from(time)), time, "{secs} {nanos}");
        }
    }

    #[test]
    fn the_first_and_the_last_moment_do_not_panic() {
        for (secs, nanos) in [(i64::MIN, 0), (i64::MAX, 999_999_999)] {
            let _time = SystemTime::from(UnixTime::new(secs, nanos).unwrap());
        }
    }
}
