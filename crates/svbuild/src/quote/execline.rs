//! A word for `execlineb`.
//!
//! In double quotes `"` and `\` are escaped by `\`, and every other byte is itself, also a line end
//! or a `$`: execlineb itself replaces nothing. Programs that replace variables (`importas`,
//! `define`, `execlineb -S`) work on their arguments, whatever the quotes; what is generated keeps
//! words of a definition away from them.
//!
//! Source: execlineb 2.9.3, observed.

use super::Unquotable;

/// Quotes a word.
///
/// # Errors
///
/// [`Unquotable::Nul`].
pub fn quote(word: &[u8]) -> Result<Vec<u8>, Unquotable> {
    if word.contains(&0) {
        return Err(Unquotable::Nul);
    }
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-+./:@=,%".contains(byte);
    if !word.is_empty() && word.iter().all(plain) {
        return Ok(word.to_vec());
    }
    let mut quoted = vec![b'"'];
    for &byte in word {
        if matches!(byte, b'"' | b'\\') {
            quoted.push(b'\\');
        }
        quoted.push(byte);
    }
    quoted.push(b'"');
    Ok(quoted)
}
