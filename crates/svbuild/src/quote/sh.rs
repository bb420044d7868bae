//! A word for `/bin/sh`.
//!
//! `shlex` writes it. The tests show that this is right for every byte but NUL, whatever the
//! locale, in dash and in bash.

use super::Unquotable;

/// Quotes a word.
///
/// # Errors
///
/// [`Unquotable::Nul`].
pub fn quote(word: &[u8]) -> Result<Vec<u8>, Unquotable> {
    shlex::bytes::try_quote(word).map(std::borrow::Cow::into_owned).map_err(|_| Unquotable::Nul)
}
