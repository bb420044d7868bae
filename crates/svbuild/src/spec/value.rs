//! Values as people write them: sizes, times, modes, words, identities, and where a stream goes.

use std::{
    ffi::{OsStr, OsString},
    fmt,
    os::unix::ffi::OsStrExt,
    path::PathBuf,
    str::FromStr,
    time::Duration,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de, de::Visitor, ser};

/// A text that does not stand for the value that it is read as. `Display` says what is wrong, and
/// what would be right.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadValue(pub(crate) String);

svproto::readable!(BadValue);

/// Bytes without NUL: an argument, or the value of a variable. In TOML a string, hence UTF-8; by
/// way of the builder any bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Word(OsString);

impl Word {
    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// The same for the standard library.
    #[must_use]
    pub fn as_os_str(&self) -> &OsStr {
        &self.0
    }
}

impl From<&str> for Word {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for Word {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<OsString> for Word {
    fn from(text: OsString) -> Self {
        Self(text)
    }
}

impl From<&OsStr> for Word {
    fn from(text: &OsStr) -> Self {
        Self(text.to_owned())
    }
}

impl From<PathBuf> for Word {
    fn from(path: PathBuf) -> Self {
        Self(path.into())
    }
}

impl Serialize for Word {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = self.0.to_str().ok_or_else(|| ser::Error::custom("it is not UTF-8"))?;
        serializer.serialize_str(text)
    }
}

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}

/// A number of bytes: an integer, or digits with `K`, `M`, `G` or `T`, which are powers of 1024.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Size(pub u64);

/// ```
/// use svbuild::spec::Size;
///
/// assert_eq!("64M".parse::<Size>().unwrap(), Size(64 << 20));
/// ```
impl FromStr for Size {
    type Err = BadValue;

    fn from_str(text: &str) -> Result<Self, BadValue> {
        let why = || {
            BadValue(format!(
                "`{text}` is no size; write bytes as in 4096, or 512K, 10M, 2G (powers of 1024)"
            ))
        };
        let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
        let shift = match text.strip_prefix(digits) {
            Some("") => 0,
            Some("K") => 10,
            Some("M") => 20,
            Some("G") => 30,
            Some("T") => 40,
            _ => return Err(why()),
        };
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(why());
        }
        let number: u64 = digits.parse().map_err(|_| why())?;
        number.checked_mul(1 << shift).map(Self).ok_or_else(why)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [(40, "T"), (30, "G"), (20, "M"), (10, "K")];
        let fits = |shift: u32| self.0 != 0 && self.0.trailing_zeros() >= shift;
        match units.into_iter().find(|(shift, _)| fits(*shift)) {
            Some((shift, unit)) => write!(f, "{}{unit}", self.0 >> shift),
            None => write!(f, "{}", self.0),
        }
    }
}

/// Reads a string by `FromStr`, or an integer by `From<u64>`.
pub(super) struct TextOr<T> {
    pub(super) expecting: &'static str,
    pub(super) integer: fn(u64) -> Option<T>,
}

impl<T: FromStr<Err = BadValue>> Visitor<'_> for TextOr<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.expecting)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<T, E> {
        let invalid = || E::invalid_type(de::Unexpected::Unsigned(number), &self);
        (self.integer)(number).ok_or_else(invalid)
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<T, E> {
        let invalid = || E::invalid_value(de::Unexpected::Signed(number), &self);
        u64::try_from(number).ok().and_then(self.integer).ok_or_else(invalid)
    }
}

macro_rules! text {
    ($type:ty, $expecting:literal, $integer:expr) => {
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any($crate::spec::value::TextOr {
                    expecting: $expecting,
                    integer: $integer,
                })
            }
        }
    };
}

macro_rules! shown {
    ($type:ty) => {
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    };
}

pub(super) use {shown, text};

text!(Size, "a number of bytes, or a size as in \"512M\"", |number| Some(Size(number)));
shown!(Size);

/// A length of time as in `10s`, `1m 30s`, `500ms`. A number without a unit is refused.
///
/// Units are those of the crate `humantime`: `ms`, `s`, `m`, `h`, `d` of 24 h, `w`; also `M` of
/// 30.44 days and `y` of 365.25 days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub Duration);

/// ```
/// use std::time::Duration;
/// use svbuild::spec::Time;
///
/// assert_eq!("90s".parse::<Time>().unwrap(), Time(Duration::from_secs(90)));
/// ```
impl FromStr for Time {
    type Err = BadValue;

    fn from_str(text: &str) -> Result<Self, BadValue> {
        let why = |error| {
            BadValue(format!("`{text}` is no time ({error}); write it as in 10s, 500ms, 1m 30s"))
        };
        humantime::parse_duration(text).map(Self).map_err(why)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.0).fmt(f)
    }
}

text!(Time, "a time as in \"10s\"", |_| None);
shown!(Time);

/// Permission bits in octal, as in `022` or `0750`: a string, because a TOML integer is decimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Mode(pub u16);

impl FromStr for Mode {
    type Err = BadValue;

    fn from_str(text: &str) -> Result<Self, BadValue> {
        let digits = (1..=5).contains(&text.len()) && text.bytes().all(|it| it.is_ascii_digit());
        let bits = digits.then(|| u16::from_str_radix(text, 8).ok()).flatten();
        let bits = bits.filter(|bits| *bits <= 0o7777);
        bits.map(Self).ok_or_else(|| {
            BadValue(format!("`{text}` is no mode; write it in octal, as in \"022\""))
        })
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}

text!(Mode, "a mode in octal as a string, as in \"022\"", |_| None);
shown!(Mode);

/// A user or a group: a name, which is looked up when the service starts, or a number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Id {
    /// A name in the database of the machine that runs the service.
    Name(String),
    /// A number, not looked up.
    Number(u32),
}

impl FromStr for Id {
    type Err = BadValue;

    fn from_str(text: &str) -> Result<Self, BadValue> {
        // What every suite, `chown` and a unit file take alike, and what reads as a name in all.
        let first = |c: char| c.is_ascii_alphabetic() || c == '_';
        let rest = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        if text.starts_with(first) && text.chars().all(rest) && text.len() <= 31 {
            return Ok(Self::Name(text.to_owned()));
        }
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(BadValue(format!("`{text}` is no name; write a number without quotes")));
        }
        Err(BadValue(format!(
            "`{text}` is no name of a user or a group; letters, digits, `_`, `-`, `.`, at most 31, \
             a letter or `_` first"
        )))
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Number(number) => write!(f, "{number}"),
        }
    }
}

impl From<u32> for Id {
    fn from(number: u32) -> Self {
        Self::Number(number)
    }
}

impl From<&str> for Id {
    /// Takes what it is given; the check of the definition refuses what is no name.
    fn from(name: &str) -> Self {
        Self::Name(name.to_owned())
    }
}

// The highest number means "none" to the kernel.
text!(Id, "a name, or a number", |number| {
    u32::try_from(number).ok().filter(|number| *number < u32::MAX).map(Id::Number)
});

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Name(name) => serializer.serialize_str(name),
            Self::Number(number) => serializer.serialize_u32(*number),
        }
    }
}

/// Where a standard stream leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Where the supervisor's own leads; for output that is the logger, if there is one.
    Inherit,
    /// To `/dev/null`.
    Null,
    /// Standard error only: where standard output leads.
    Stdout,
    /// To a file: input is read from its start, output is appended. It is opened, and made if
    /// missing, as the supervisor's user, before the umask and the user change.
    File(PathBuf),
}

impl FromStr for Stream {
    type Err = BadValue;

    fn from_str(text: &str) -> Result<Self, BadValue> {
        match text {
            "inherit" => Ok(Self::Inherit),
            "null" => Ok(Self::Null),
            "stdout" => Ok(Self::Stdout),
            // A relative one is checked once it is known what it is relative to.
            path if path.contains('/') => Ok(Self::File(path.into())),
            _ => Err(BadValue(format!(
                "`{text}` is no place for a stream; write \"inherit\", \"null\", \"stdout\" (for \
                 stderr) or a path with a `/`"
            ))),
        }
    }
}

text!(Stream, "\"inherit\", \"null\", \"stdout\" or a path with a `/`", |_| None);

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inherit => f.write_str("inherit"),
            Self::Null => f.write_str("null"),
            Self::Stdout => f.write_str("stdout"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

impl Serialize for Stream {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Inherit => serializer.serialize_str("inherit"),
            Self::Null => serializer.serialize_str("null"),
            Self::Stdout => serializer.serialize_str("stdout"),
            Self::File(path) => path.serialize(serializer),
        }
    }
}

/// A signal by its name. Numbers differ between systems, so there are none here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal(&'static str);

impl Signal {
    /// What a service is told to end with, unless the definition says otherwise.
    pub const TERM: Self = Self("TERM");

    /// The name without `SIG`, as in `TERM`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.0
    }
}

/// Signals that may ask a process to end.
const SIGNALS: [&str; 11] =
    ["TERM", "INT", "QUIT", "HUP", "ABRT", "ALRM", "KILL", "USR1", "USR2", "PIPE", "WINCH"];

impl FromStr for Signal {
    type Err = BadValue;

    fn from_str(text: &str) -> Result<Self, BadValue> {
        let upper = text.to_ascii_uppercase();
        let name = upper.strip_prefix("SIG").unwrap_or(&upper);
        let known = SIGNALS.into_iter().find(|known| *known == name);
        known.map(Self).ok_or_else(|| {
            let known = SIGNALS.join(", ");
            BadValue(format!("`{text}` is no signal to stop with; known are {known}"))
        })
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

text!(Signal, "a signal by name, as in \"TERM\"", |_| None);
shown!(Signal);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_powers_of_1024() {
        let read = |text: &str| text.parse::<Size>().map(|size| size.0);
        assert_eq!(read("512M"), Ok(512 << 20));
        assert_eq!([read("0"), read("7"), read("1T")], [Ok(0), Ok(7), Ok(1 << 40)]);
        for wrong in ["", "M", "1.5M", "512m", "512MB", "-1", " 1", "1 M", "99999999T", "1KK"] {
            assert!(read(wrong).is_err_and(|why| why.to_string().contains("1024")), "{wrong}");
        }
        for text in ["512M", "1000", "1K", "0", "3T"] {
            assert_eq!(text.parse::<Size>().map(|size| size.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn times_need_a_unit() {
        assert_eq!("1m 30s".parse(), Ok(Time(Duration::from_secs(90))));
        assert_eq!("500ms".parse(), Ok(Time(Duration::from_millis(500))));
        for wrong in ["10", "", "-1s", "soon"] {
            assert!(
                wrong.parse::<Time>().is_err_and(|why| why.to_string().contains("10s")),
                "{wrong}"
            );
        }
    }

    #[test]
    fn modes_are_octal() {
        assert_eq!("022".parse(), Ok(Mode(0o22)));
        assert_eq!(Mode(0o750).to_string(), "0750");
        for wrong in ["", "8", "0o22", "22222", "rwx", "+22"] {
            assert!(wrong.parse::<Mode>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_name_cannot_be_a_number_an_option_or_two_words() {
        assert_eq!("www-data".parse(), Ok(Id::Name("www-data".into())));
        for wrong in ["", "0", "1000", "-u", "a b", "a:b", "ä", "a\nb", "%n", "$x", "+a", ".a"] {
            assert!(wrong.parse::<Id>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn signals_have_one_name() {
        for text in ["TERM", "term", "SIGTERM", "SigTerm"] {
            assert_eq!(text.parse(), Ok(Signal::TERM));
        }
        for wrong in ["15", "", "SIG", "STOP", "TERM\nX", "SIGSIGTERM"] {
            assert!(wrong.parse::<Signal>().is_err(), "{wrong}");
        }
    }
}
