//! What a process may use, what the whole service may, and in what order it is served.

use std::{fmt, marker::PhantomData, str::FromStr};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{
        Error as _, IntoDeserializer, MapAccess, Visitor,
        value::{MapAccessDeserializer, StrDeserializer, U64Deserializer},
    },
    ser::SerializeMap,
};

use super::{BadValue, Size, Time, setters};

/// `io_priority = { class = "best-effort", level = 4 }`.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IoPriority {
    /// `class`.
    pub class: IoClass,
    /// `level`: 0, the first served, to 7; without meaning for `idle`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<u8>,
}

/// The kernel's classes of I/O priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IoClass {
    /// Served before all others.
    Realtime,
    /// The usual class.
    BestEffort,
    /// Served when nobody else asks.
    Idle,
}

svproto::words!(IoClass, "class of I/O priority":
    Realtime "realtime",
    BestEffort "best-effort",
    Idle "idle",
);

impl IoPriority {
    /// This class, at its usual level.
    #[must_use]
    pub const fn new(class: IoClass) -> Self {
        Self { class, level: None }
    }

    /// Sets the level: 0, the first served, to 7.
    #[must_use]
    pub const fn level(mut self, level: u8) -> Self {
        self.level = Some(level);
        self
    }
}

/// So much, or as much as there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound<T> {
    /// So much.
    At(T),
    /// `"infinity"`.
    Infinity,
}

impl<T> Bound<T> {
    /// The number, unless there is none.
    pub fn at(self) -> Option<T> {
        match self {
            Self::At(value) => Some(value),
            Self::Infinity => None,
        }
    }

    pub(crate) fn map<U>(self, change: impl FnOnce(T) -> U) -> Bound<U> {
        match self {
            Self::At(value) => Bound::At(change(value)),
            Self::Infinity => Bound::Infinity,
        }
    }
}

impl<T> From<T> for Bound<T> {
    fn from(value: T) -> Self {
        Self::At(value)
    }
}

/// A limit of the kernel on each process.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit<T> {
    /// What holds at first. Without a hard limit, [`Bound::Infinity`] is as high as the hard limit
    /// is that the supervisor has.
    pub soft: Bound<T>,
    /// How far the process itself may raise it; `None` leaves the supervisor's (under systemd:
    /// infinity).
    pub hard: Option<Bound<T>>,
}

impl<T> Limit<T> {
    /// A soft limit alone.
    pub fn soft(soft: impl Into<Bound<T>>) -> Self {
        Self { soft: soft.into(), hard: None }
    }

    /// A soft and a hard limit.
    ///
    /// ```
    /// use svbuild::spec::{Bound, Limit, Limits};
    ///
    /// let files = Limit::new(1024, Bound::Infinity);
    /// assert_eq!(Limits::new().files(files).files, Some(files));
    /// ```
    pub fn new(soft: impl Into<Bound<T>>, hard: impl Into<Bound<T>>) -> Self {
        Self { soft: soft.into(), hard: Some(hard.into()) }
    }

    /// The same in another unit.
    pub(crate) fn map<U>(self, mut change: impl FnMut(T) -> U) -> Limit<U> {
        Limit { soft: self.soft.map(&mut change), hard: self.hard.map(|it| it.map(change)) }
    }
}

impl<T> From<T> for Limit<T> {
    fn from(soft: T) -> Self {
        Self::soft(soft)
    }
}

impl<T> From<Bound<T>> for Limit<T> {
    fn from(soft: Bound<T>) -> Self {
        Self::soft(soft)
    }
}

const INFINITY: &str = "infinity";

impl<T: Serialize> Serialize for Bound<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::At(value) => value.serialize(serializer),
            Self::Infinity => serializer.serialize_str(INFINITY),
        }
    }
}

impl<T: Serialize> Serialize for Limit<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some(hard) = &self.hard else { return self.soft.serialize(serializer) };
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("soft", &self.soft)?;
        map.serialize_entry("hard", hard)?;
        map.end()
    }
}

/// Reads `"infinity"` or a value, and `{ soft, hard }` where there is to be a table.
struct Bounds<T, const TABLE: bool>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const TABLE: bool> Visitor<'de> for Bounds<T, TABLE> {
    type Value = Limit<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value, \"infinity\"")?;
        f.write_str(if TABLE { ", or { soft = …, hard = … }" } else { "" })
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
        if text == INFINITY {
            return Ok(Limit::soft(Bound::Infinity));
        }
        let value: StrDeserializer<'_, E> = text.into_deserializer();
        T::deserialize(value)
            .map(Limit::from)
            // The reader of TOML ends what it says with a line end.
            .map_err(|why| E::custom(format!("{}, or \"infinity\"", why.to_string().trim_end())))
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Self::Value, E> {
        let value: U64Deserializer<E> = number.into_deserializer();
        T::deserialize(value).map(Limit::from)
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Self::Value, E> {
        let unsigned = serde::de::Unexpected::Signed(number);
        let number = u64::try_from(number).map_err(|_| E::invalid_value(unsigned, &self))?;
        self.visit_u64(number)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields, bound(deserialize = "T: Deserialize<'de>"))]
        struct Table<T> {
            soft: Option<Bound<T>>,
            hard: Option<Bound<T>>,
        }
        if !TABLE {
            return Err(A::Error::invalid_type(serde::de::Unexpected::Map, &self));
        }
        let table = Table::deserialize(MapAccessDeserializer::new(map))?;
        match (table.soft, table.hard) {
            (Some(soft), Some(hard)) => Ok(Limit { soft, hard: Some(hard) }),
            _ => Err(A::Error::custom("expected both, as in { soft = 1024, hard = \"infinity\" }")),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Limit<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Bounds::<T, true>(PhantomData))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Bound<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Bounds::<T, false>(PhantomData)).map(|limit| limit.soft)
    }
}

/// `limits = { … }`: what each process may use. A value alone is the soft limit.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// `address_space`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address_space: Option<Limit<Size>>,
    /// `data`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Limit<Size>>,
    /// `stack`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stack: Option<Limit<Size>>,
    /// `locked_memory`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locked_memory: Option<Limit<Size>>,
    /// `rss`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rss: Option<Limit<Size>>,
    /// `file_size`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_size: Option<Limit<Size>>,
    /// `core`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub core: Option<Limit<Size>>,
    /// `files`: open descriptors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<Limit<u32>>,
    /// `processes`: processes of the user, not of the service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processes: Option<Limit<u32>>,
    /// `cpu`: time on a processor, in whole seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Limit<Time>>,
}

impl Limits {
    /// No limits.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    setters! {
        /// Sets the address space.
        address_space: impl Into<Limit<Size>> => |it, size| it.address_space = Some(size.into());
        /// Sets the data segment.
        data: impl Into<Limit<Size>> => |it, size| it.data = Some(size.into());
        /// Sets the stack.
        stack: impl Into<Limit<Size>> => |it, size| it.stack = Some(size.into());
        /// Sets memory that cannot be swapped out.
        locked_memory: impl Into<Limit<Size>> => |it, size| it.locked_memory = Some(size.into());
        /// Sets resident memory.
        rss: impl Into<Limit<Size>> => |it, size| it.rss = Some(size.into());
        /// Sets the size of files that are written.
        file_size: impl Into<Limit<Size>> => |it, size| it.file_size = Some(size.into());
        /// Sets the size of cores.
        core: impl Into<Limit<Size>> => |it, size| it.core = Some(size.into());
        /// Sets the number of open descriptors.
        files: impl Into<Limit<u32>> => |it, number| it.files = Some(number.into());
        /// Sets the number of processes of the user.
        processes: impl Into<Limit<u32>> => |it, number| it.processes = Some(number.into());
        /// Sets the time on a processor, in whole seconds.
        cpu: impl Into<Limit<Time>> => |it, time| it.cpu = Some(time.into());
    }

    /// Every limit that is set, by its key and as a number: bytes, pieces, seconds.
    pub(crate) fn each(&self) -> Vec<(&'static str, Limit<u64>)> {
        let size = |key, limit: Option<Limit<Size>>| Some((key, limit?.map(|size| size.0)));
        let number = |key, limit: Option<Limit<u32>>| Some((key, limit?.map(u64::from)));
        [
            size("address_space", self.address_space),
            size("data", self.data),
            size("stack", self.stack),
            size("locked_memory", self.locked_memory),
            size("rss", self.rss),
            size("file_size", self.file_size),
            size("core", self.core),
            number("files", self.files),
            number("processes", self.processes),
            self.cpu.map(|limit| ("cpu", limit.map(|time| time.0.as_secs()))),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// A share of one processor in hundredths, as in `50%`; of two of them `200%`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Percent(pub u32);

impl FromStr for Percent {
    type Err = BadValue;

    fn from_str(text: &str) -> Result<Self, BadValue> {
        let digits = text.strip_suffix('%').filter(|it| it.bytes().all(|it| it.is_ascii_digit()));
        let number =
            digits.and_then(|it| it.parse().ok()).filter(|it| (1..=1_000_000).contains(it));
        number.map(Self).ok_or_else(|| {
            BadValue(format!(
                "`{text}` is no share of a processor; write it as in \"50%\", or \"200%\" for two"
            ))
        })
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
    }
}

super::value::text!(Percent, "a share of a processor, as in \"50%\"", |_| None);
super::value::shown!(Percent);

/// `resources = { … }`: what the service as a whole may use, by its control group.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Resources {
    /// `memory_max`: more is not given; what does not fit is killed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_max: Option<Bound<Size>>,
    /// `memory_high`: above it, it is slowed down and memory taken back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_high: Option<Bound<Size>>,
    /// `swap_max`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub swap_max: Option<Bound<Size>>,
    /// `pids`: processes and threads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pids: Option<Bound<u32>>,
    /// `cpu`: how much time on processors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Percent>,
    /// `cpu_weight`: of its share where processors are busy, 1 to 10000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_weight: Option<u32>,
    /// `io_weight`: of its share where disks are busy, 1 to 10000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub io_weight: Option<u32>,
}

impl Resources {
    /// As much as there is.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    setters! {
        /// Sets how much memory it gets.
        memory_max: impl Into<Bound<Size>> => |it, size| it.memory_max = Some(size.into());
        /// Sets above how much memory it is slowed down.
        memory_high: impl Into<Bound<Size>> => |it, size| it.memory_high = Some(size.into());
        /// Sets how much of it may be swapped out.
        swap_max: impl Into<Bound<Size>> => |it, size| it.swap_max = Some(size.into());
        /// Sets how many processes and threads it may have.
        pids: impl Into<Bound<u32>> => |it, number| it.pids = Some(number.into());
        /// Sets how much time on processors it gets.
        cpu: Percent => |it, share| it.cpu = Some(share);
        /// Sets its weight where processors are busy.
        cpu_weight: u32 => |it, weight| it.cpu_weight = Some(weight);
        /// Sets its weight where disks are busy.
        io_weight: u32 => |it, weight| it.io_weight = Some(weight);
    }
}
