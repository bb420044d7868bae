//! Words that people and programs write, read back.

/// Gives an enum without fields its words: `ALL`, `name`, `Display` and `FromStr`, which agree because
/// one list makes them. For the crates beside this one.
#[doc(hidden)]
#[macro_export]
macro_rules! words {
    ($type:ident, $kind:literal: $($variant:ident $word:literal),+ $(,)?) => {
        impl $type {
            /// All of them; there may be more in another version.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word for it: what `Display` writes and `FromStr` reads.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl ::core::fmt::Display for $type {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                f.pad(self.name())
            }
        }

        impl ::core::str::FromStr for $type {
            type Err = $crate::UnknownWord;

            fn from_str(word: &str) -> Result<Self, Self::Err> {
                let named = Self::ALL.iter().copied().find(|it| it.name() == word);
                named.ok_or($crate::UnknownWord::new($kind))
            }
        }
    };
}

use core::fmt;

/// A word that is none of those that a value has.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct UnknownWord {
    kind: &'static str,
}

crate::readable!(UnknownWord);

impl UnknownWord {
    /// Not the word for such a thing: `"state"`.
    #[must_use]
    pub const fn new(kind: &'static str) -> Self {
        Self { kind }
    }

    /// What it was to be the word for.
    ///
    /// ```
    /// use svproto::Op;
    ///
    /// assert_eq!("reboot".parse::<Op>().unwrap_err().kind(), "request");
    /// ```
    #[must_use]
    pub const fn kind(self) -> &'static str {
        self.kind
    }
}

impl fmt::Display for UnknownWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not the word for a {}", self.kind)
    }
}

impl core::error::Error for UnknownWord {}
