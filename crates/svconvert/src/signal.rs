//! Signals as other formats name them: by name, with or without `SIG`, or by their number on Linux.
//!
//! Source: `signal(7)`.

use svbuild::spec::Signal;

/// Numbers that are the same on every processor that Linux runs on, but for those of MIPS, SPARC and Alpha.
const NUMBERS: [(u64, &str); 9] = [
    (1, "HUP"),
    (2, "INT"),
    (3, "QUIT"),
    (9, "KILL"),
    (10, "USR1"),
    (12, "USR2"),
    (14, "ALRM"),
    (15, "TERM"),
    (28, "WINCH"),
];

/// The signal of this number, if a definition has a name for it.
pub(crate) fn numbered(number: u64) -> Option<Signal> {
    let (_, name) = NUMBERS.iter().find(|(known, _)| *known == number)?;
    name.parse().ok()
}

/// The signal that a text names.
///
/// The error says that there is none.
pub(crate) fn named(text: &str) -> Result<Signal, String> {
    match text.parse::<u64>() {
        Ok(number) => {
            numbered(number).ok_or_else(|| format!("signal {number} has no name in a definition"))
        }
        Err(_) => text.parse().map_err(|why: svbuild::spec::BadValue| why.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_a_name() {
        for (text, name) in [("2", "INT"), ("SIGINT", "INT"), ("QUIT", "QUIT"), ("15", "TERM")] {
            assert_eq!(named(text).map(Signal::name), Ok(name), "{text}");
        }
        for wrong in ["0", "64", "NOTHING", ""] {
            assert!(named(wrong).is_err(), "{wrong}");
        }
    }
}
