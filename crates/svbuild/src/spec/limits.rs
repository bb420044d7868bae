//! What a process may use, and in what order it is served.

use serde::{Deserialize, Serialize};

use super::{Size, Time, setters};

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

/// `limits = { … }`: soft limits, as `chpst`, `softlimit` and `s6-softlimit` set them.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// `memory`: `data`, `stack`, `locked_memory` and `address_space` in one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Size>,
    /// `address_space`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address_space: Option<Size>,
    /// `data`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Size>,
    /// `stack`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stack: Option<Size>,
    /// `locked_memory`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locked_memory: Option<Size>,
    /// `rss`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rss: Option<Size>,
    /// `file_size`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_size: Option<Size>,
    /// `core`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub core: Option<Size>,
    /// `files`: open descriptors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<u32>,
    /// `processes`: processes of the user, not of the service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub processes: Option<u32>,
    /// `cpu`: time on a processor, in whole seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Time>,
}

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

impl Limits {
    /// No limits.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    setters! {
        /// Sets `data`, `stack`, `locked_memory` and `address_space` in one.
        memory: Size => |it, size| it.memory = Some(size);
        /// Sets the address space.
        address_space: Size => |it, size| it.address_space = Some(size);
        /// Sets the data segment.
        data: Size => |it, size| it.data = Some(size);
        /// Sets the stack.
        stack: Size => |it, size| it.stack = Some(size);
        /// Sets memory that cannot be swapped out.
        locked_memory: Size => |it, size| it.locked_memory = Some(size);
        /// Sets resident memory.
        rss: Size => |it, size| it.rss = Some(size);
        /// Sets the size of files that are written.
        file_size: Size => |it, size| it.file_size = Some(size);
        /// Sets the size of cores.
        core: Size => |it, size| it.core = Some(size);
        /// Sets the number of open descriptors.
        files: u32 => |it, number| it.files = Some(number);
        /// Sets the number of processes of the user.
        processes: u32 => |it, number| it.processes = Some(number);
        /// Sets the time on a processor, in whole seconds.
        cpu: Time => |it, time| it.cpu = Some(time);
    }
}
