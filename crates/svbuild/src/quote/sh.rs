//! A word for `/bin/sh`.
//!
//! `shlex` writes it. The tests show that this is right for every byte but NUL, whatever the
//! locale, in dash and in bash.

use super::Unquotable;

/// Quotes a word.
///
/// ```
/// use svbuild::quote::sh;
///
/// assert_eq!(sh::quote(b"it's").unwrap(), b"\"it's\"");
/// ```
///
/// # Errors
///
/// [`Unquotable::Nul`].
pub fn quote(word: &[u8]) -> Result<Vec<u8>, Unquotable> {
    shlex::bytes::try_quote(word).map(std::borrow::Cow::into_owned).map_err(|_| Unquotable::Nul)
}
