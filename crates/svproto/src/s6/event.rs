//! The letters that `s6-supervise` writes to the listeners in `event/`.
//!
//! | letter | when                                                              |
//! |--------|-------------------------------------------------------------------|
//! | `s`    | the supervisor started, after its first record                    |
//! | `u`    | `run` was spawned                                                 |
//! | `U`    | `run` said that it is ready                                       |
//! | `d`    | `run` died                                                        |
//! | `D`    | `finish` is over, or there is none                                |
//! | `O`    | `finish` exited with 125: not started again; a `D` follows        |
//! | `x`    | the supervisor ends (never when it is killed)                     |
//!
//! The record is already rewritten when a letter arrives. Pauses, wants and the `down` file have no
//! letter.
//!
//! Source: `s6-supervise.c` 2.11.3; observed on 2.11.3, 2.13.1 and 2.15.1.

/// One letter of the event directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum S6Event {
    /// `s`: the supervisor started.
    Start,
    /// `u`: `run` was spawned.
    Up,
    /// `U`: `run` is ready.
    Ready,
    /// `d`: `run` died.
    Died,
    /// `D`: down, `finish` is over.
    Down,
    /// `O`: permanent failure.
    Failed,
    /// `x`: the supervisor ends.
    Exit,
    /// A letter this version does not know.
    Unknown(u8),
}

impl S6Event {
    /// Reads a letter; this cannot fail.
    ///
    /// ```
    /// use svproto::s6::event::S6Event;
    ///
    /// assert_eq!(S6Event::from_byte(b'u'), S6Event::Up);
    /// assert_eq!(S6Event::Failed.to_byte(), b'O');
    /// ```
    #[must_use]
    pub const fn from_byte(letter: u8) -> Self {
        match letter {
            b's' => Self::Start,
            b'u' => Self::Up,
            b'U' => Self::Ready,
            b'd' => Self::Died,
            b'D' => Self::Down,
            b'O' => Self::Failed,
            b'x' => Self::Exit,
            other => Self::Unknown(other),
        }
    }

    /// The word for it; `None` for a letter that this version does not know.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        match self {
            Self::Start => Some("start"),
            Self::Up => Some("up"),
            Self::Ready => Some("ready"),
            Self::Died => Some("died"),
            Self::Down => Some("down"),
            Self::Failed => Some("failed"),
            Self::Exit => Some("exit"),
            Self::Unknown(_) => None,
        }
    }

    /// The letter.
    #[must_use]
    pub const fn to_byte(self) -> u8 {
        match self {
            Self::Start => b's',
            Self::Up => b'u',
            Self::Ready => b'U',
            Self::Died => b'd',
            Self::Down => b'D',
            Self::Failed => b'O',
            Self::Exit => b'x',
            Self::Unknown(letter) => letter,
        }
    }
}

impl core::fmt::Display for S6Event {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.pad(self.name().unwrap_or("unknown"))
    }
}

impl core::str::FromStr for S6Event {
    type Err = crate::UnknownWord;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let named = b"suUdDOx".iter().map(|letter| Self::from_byte(*letter));
        let found = named.into_iter().find(|event| event.name() == Some(word));
        found.ok_or(crate::UnknownWord::new("event of s6"))
    }
}

/// Length of a listener's file name. Nothing else is looked at but [`LISTENER_PREFIX`].
pub const LISTENER_NAME_LEN: usize = 39;

/// How a listener's file name begins; s6 ignores all others.
pub const LISTENER_PREFIX: &str = "ftrig1:@";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_letter_survives() {
        for letter in 0..=u8::MAX {
            assert_eq!(S6Event::from_byte(letter).to_byte(), letter);
        }
    }
}
