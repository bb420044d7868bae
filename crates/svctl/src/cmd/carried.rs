//! Definitions on their way to another host: as one word of a command.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::{exit::Exit, output::Output};

/// What a login shell takes as it is, so that no word becomes longer on the way.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'/')
    .remove(b':')
    .remove(b'=')
    .remove(b',');

/// The text, without an end of a line.
pub(super) fn word(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}

/// The text again.
///
/// # Errors
///
/// With what to end, where it is none; that is told.
pub(super) fn text(word: &str, output: &mut Output) -> Result<String, Exit> {
    percent_decode_str(word).decode_utf8().map(Into::into).map_err(|_| {
        output.message("the definitions are no text");
        Exit::Usage
    })
}
