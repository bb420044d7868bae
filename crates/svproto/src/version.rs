//! Versions of the suites, as far as they decide what a supervisor accepts.

use core::{fmt, str::FromStr};

use crate::Dialect;

/// Up to four numbers, as in `2.15.1.0` or Debian's `0.76-9`; missing ones are 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Version(pub [u16; 4]);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch, last] = self.0;
        match (patch, last) {
            (0, 0) => write!(f, "{major}.{minor}"),
            (_, 0) => write!(f, "{major}.{minor}.{patch}"),
            _ => write!(f, "{major}.{minor}.{patch}.{last}"),
        }
    }
}

impl Version {
    /// As the suite's own users write it: daemontools has been 0.76 since 2001, and what came after
    /// are Debian's revisions of it.
    #[must_use]
    pub const fn of(self, dialect: Dialect) -> VersionText {
        VersionText { dialect, version: self }
    }
}

/// A [`Version`] in the form of its suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VersionText {
    dialect: Dialect,
    version: Version,
}

impl fmt::Display for VersionText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.dialect, self.version.0) {
            (Dialect::Daemontools, [major, minor, revision, _]) if revision != 0 => {
                write!(f, "{major}.{minor}-{revision}")
            }
            _ => self.version.fmt(f),
        }
    }
}

/// A text that does not start with a number.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct NoVersion;

crate::readable!(NoVersion);

impl fmt::Display for NoVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a version; expected numbers with dots, as in 2.11.3 or 0.76-9")
    }
}

impl core::error::Error for NoVersion {}

/// ```
/// use svproto::Version;
///
/// let version: Version = "2.15.1".parse()?;
/// assert!(version > "2.9".parse()?);
/// # Ok::<(), svproto::version::NoVersion>(())
/// ```
impl FromStr for Version {
    type Err = NoVersion;

    /// Reads what a program or a package manager prints. An epoch (`1:`) is dropped; dots and
    /// hyphens separate; what follows the fourth number, or the first that is none, is ignored.
    fn from_str(text: &str) -> Result<Self, NoVersion> {
        let text = match text.split_once(':') {
            Some((_, rest)) => rest,
            None => text,
        };
        let mut numbers = [0; 4];
        let mut parts = text.trim().split(['.', '-']);
        for (at, slot) in numbers.iter_mut().enumerate() {
            match parts.next().and_then(|part| part.parse().ok()) {
                Some(number) => *slot = number,
                None if at == 0 => return Err(NoVersion),
                None => break,
            }
        }
        Ok(Self(numbers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_written_as_their_users_write_them() {
        use std::string::ToString;

        let written = |version, dialect| Version(version).of(dialect).to_string();
        assert_eq!(written([0, 76, 9, 0], Dialect::Daemontools), "0.76-9");
        assert_eq!(written([2, 15, 1, 0], Dialect::S6), "2.15.1");
        assert_eq!(written([2, 11, 3, 2], Dialect::S6), "2.11.3.2");
        assert_eq!(written([0, 76, 0, 0], Dialect::Daemontools), "0.76");
    }

    #[test]
    fn debian_versions_compare_as_the_suites_count() {
        let read = |text: &str| text.parse::<Version>().unwrap();
        assert_eq!(read("2.11.3.2-1"), Version([2, 11, 3, 2]));
        assert_eq!(read("1:0.76-8.1"), Version([0, 76, 8, 1]));
        assert!(read("0.76-8.1") < read("0.76-9"));
        assert!(read("2.9") < read("2.11"));
        assert_eq!("unknown".parse::<Version>(), Err(NoVersion));
    }
}
