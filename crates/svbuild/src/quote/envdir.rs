//! A value as the file of a variable in a directory that `envdir`, `chpst -e` and `s6-envdir` read.
//!
//! | content              | read as                                                      |
//! |----------------------|--------------------------------------------------------------|
//! | nothing              | the variable is removed                                      |
//! | a line end           | the empty value                                              |
//! | more than a line     | its first line                                               |
//! | blanks, tabs at the end of it | cut off; `s6-envdir` also cuts CR                   |
//! | NUL                  | a line end                                                   |
//! | more than 4095 bytes | cut off by `s6-envdir`                                       |
//!
//! Source: chpst 2.1.2, envdir 0.76, s6-envdir 2.11.3, observed.

use super::Unquotable;

/// The content of the file, for a value that all three readers give back.
///
/// # Errors
///
/// [`Unquotable::Nul`], [`Unquotable::OuterBlank`], [`Unquotable::TooLong`].
pub fn content(value: &[u8]) -> Result<Vec<u8>, Unquotable> {
    if value.contains(&0) {
        return Err(Unquotable::Nul);
    }
    if value.ends_with(b" ") || value.ends_with(b"\t") || value.ends_with(b"\r") {
        return Err(Unquotable::OuterBlank);
    }
    if value.len() > 4094 {
        return Err(Unquotable::TooLong);
    }
    let mut content: Vec<u8> =
        value.iter().map(|byte| if *byte == b'\n' { 0 } else { *byte }).collect();
    content.push(b'\n');
    Ok(content)
}
