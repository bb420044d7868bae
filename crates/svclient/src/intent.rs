//! What a service can be asked for, in words that every kind of supervisor has.

use std::fmt;

use svproto::Op;

/// What is asked of a service. How it is asked is the affair of its supervisor: a restart is three
/// control bytes under runit, and a job under systemd.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Intent {
    /// Want it up; start it if it is down.
    Up,
    /// Want it down; stop it if it runs.
    Down,
    /// Start it if it is down, and let this run be the last.
    Once,
    /// End the process, if there is one, and want the service up: afterwards there is another.
    Restart,
    /// Let it read its configuration again: by the request that its supervisor has for that, else
    /// by SIGHUP.
    Reload,
    /// One operation of the family, and nothing else instead.
    Op(Op),
}

impl Intent {
    /// The word for it, as in `svctl up`.
    ///
    /// ```
    /// use svclient::{Intent, Op};
    ///
    /// assert_eq!(Intent::from(Op::Usr1).to_string(), Intent::Op(Op::Usr1).name());
    /// ```
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Down => "down",
            Self::Once => "once",
            Self::Restart => "restart",
            Self::Reload => "reload",
            Self::Op(op) => op.name(),
        }
    }

    /// The operation whose wish a record shows once it has been read.
    pub(crate) const fn wish(self) -> Option<Op> {
        match self {
            Self::Up | Self::Restart => Some(Op::Up),
            Self::Down => Some(Op::Down),
            Self::Once => Some(Op::Once),
            Self::Reload => None,
            Self::Op(op) => Some(op),
        }
    }
}

impl fmt::Display for Intent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Reads every word that `Display` writes. `up`, `down`, `once`, `restart` and `reload` are what every
/// supervisor understands by them. So `reload` is [`Intent::Reload`], although `Intent::Op(Op::Reload)`, which is
/// one letter of s6, is shown by the same word.
///
/// ```
/// use svclient::{Intent, Op};
///
/// assert_eq!("restart".parse(), Ok(Intent::Restart));
/// assert_eq!("usr1".parse(), Ok(Intent::Op(Op::Usr1)));
/// ```
impl std::str::FromStr for Intent {
    type Err = svproto::UnknownWord;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        match word {
            "restart" => Ok(Self::Restart),
            "reload" => Ok(Self::Reload),
            word => Ok(word.parse::<Op>()?.into()),
        }
    }
}

/// `up`, `down` and `once` are what every supervisor understands by them. All others are that one
/// operation: [`Op::Reload`] is the letter of s6, and not [`Intent::Reload`].
///
/// ```
/// use svclient::{Intent, Op};
///
/// assert_eq!(Intent::from(Op::Up), Intent::Up);
/// assert_eq!(Intent::from(Op::Reload), Intent::Op(Op::Reload));
/// ```
impl From<Op> for Intent {
    fn from(op: Op) -> Self {
        match op {
            Op::Up => Self::Up,
            Op::Down => Self::Down,
            Op::Once => Self::Once,
            op => Self::Op(op),
        }
    }
}

/// Whether a service can be asked for something, by what is known and without trying.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Support {
    /// It can.
    Yes,
    /// It cannot, in any version.
    No,
    /// It depends on the version of the supervisor, or on whose the service is, and that is not
    /// known.
    NotKnown,
}

svproto::words!(Support, "kind of support": Yes "yes", No "no", NotKnown "not-known");

impl Support {
    /// Whether it certainly can.
    #[must_use]
    pub const fn is_yes(self) -> bool {
        matches!(self, Self::Yes)
    }
}
