//! Errors as a person reads them: what, why, and what to do. For the crates beside this one.

use core::{
    error::Error,
    fmt::{self, Write},
};

/// Writes `Debug` of errors for people, since `fn main() -> Result<(), Error>` and `unwrap` print
/// that: the message, its causes, the advice. With a second argument that gives the advice.
#[doc(hidden)]
#[macro_export]
macro_rules! readable {
    ($type:ty $(, $hint:expr)?) => {
        impl ::core::fmt::Debug for $type {
            fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                $crate::report::message(f, self)?;
                $(
                    let hint: fn(&Self) -> Option<_> = $hint;
                    if let Some(hint) = hint(self) {
                        $crate::report::hint(f, ::core::convert::AsRef::<str>::as_ref(&hint))?;
                    }
                )?
                Ok(())
            }
        }
    };
}

/// "cannot open /etc/service/web: Permission denied", with every cause.
#[doc(hidden)]
pub fn message(f: &mut fmt::Formatter<'_>, error: &dyn Error) -> fmt::Result {
    let mut printable = Printable(f);
    write!(printable, "{error}")?;
    let mut cause = error.source();
    while let Some(error) = cause {
        write!(printable, ": {error}")?;
        cause = error.source();
    }
    Ok(())
}

/// The advice, on a line of its own.
#[doc(hidden)]
pub fn hint(f: &mut fmt::Formatter<'_>, hint: &str) -> fmt::Result {
    f.write_str("\n  hint: ")?;
    Printable(f).write_str(hint)
}

/// Escapes what a terminal would obey: the names in a message may be somebody else's.
struct Printable<'a, 'b>(&'a mut fmt::Formatter<'b>);

impl Write for Printable<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for char in text.chars() {
            if char.is_control() && !matches!(char, '\n' | '\t') {
                write!(self.0, "{}", char.escape_debug())?;
            } else {
                self.0.write_char(char)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::format;

    use super::*;

    struct Outer(&'static str, Inner);
    struct Inner;

    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "cannot open {}", self.0)
        }
    }

    impl fmt::Display for Inner {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("no such file")
        }
    }

    impl Error for Outer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.1)
        }
    }

    impl Error for Inner {}

    crate::readable!(Outer, |it| (it.0 == "web").then_some("look for it"));
    crate::readable!(Inner);

    #[test]
    fn main_prints_message_causes_and_advice() {
        let check = |name, expected| assert_eq!(format!("{:?}", Outer(name, Inner)), expected);
        check("web", "cannot open web: no such file\n  hint: look for it");
        check("db", "cannot open db: no such file");
        check("\u{1b}[2J\u{9b}", "cannot open \\u{1b}[2J\\u{9b}: no such file");
        assert_eq!(format!("{Inner:?}"), "no such file");
    }
}
