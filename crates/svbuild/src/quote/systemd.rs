//! Values for a unit file.
//!
//! A unit file is UTF-8. A line ends at LF or CR; an odd number of backslashes at its end makes the
//! next one a part of it. `%` is expanded everywhere, `$` in command lines only.
//!
//! Source: `systemd.syntax(7)`, `systemd.service(5)`; round trips through systemd 252, 257 and 262.

use super::Unquotable;

/// An argument of a command line, also the empty one.
///
/// ```
/// use svbuild::quote::systemd;
///
/// assert_eq!(systemd::argument(b"100%").unwrap(), "\"100%%\"");
/// ```
///
/// # Errors
///
/// [`Unquotable::Nul`].
pub fn argument(word: &[u8]) -> Result<String, Unquotable> {
    quoted(word, "$$")
}

/// The program of a command line: an absolute path, or a plain name, which systemd looks up. Of any
/// other word the first characters may mean something.
///
/// # Errors
///
/// [`Unquotable::NotAbsolute`], or [`Unquotable::Special`] or [`Unquotable::NotUtf8`] for what
/// systemd takes in no spelling.
pub fn program(path: &[u8]) -> Result<String, Unquotable> {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.+".contains(byte);
    let name = path.iter().all(plain) && path.first().is_some_and(u8::is_ascii_alphanumeric);
    if !name && !path.starts_with(b"/") {
        return Err(Unquotable::NotAbsolute);
    }
    let text = std::str::from_utf8(path).map_err(|_| Unquotable::NotUtf8)?;
    if text.chars().any(|c| c.is_ascii_control() || matches!(c, '"' | '\'' | '\\')) {
        return Err(Unquotable::Special);
    }
    // In a program, `$` is itself, and two of them are two.
    Ok(format!("\"{}\"", text.replace('%', "%%")))
}

/// A variable for `Environment=`.
///
/// # Errors
///
/// [`Unquotable::Nul`], or [`Unquotable::NotUtf8`]: systemd drops such a variable.
pub fn assignment(name: &str, value: &[u8]) -> Result<String, Unquotable> {
    let value = std::str::from_utf8(value).map_err(|_| Unquotable::NotUtf8)?;
    quoted(format!("{name}={value}").as_bytes(), "$")
}

/// The value of a directive that knows neither quotes nor escapes: a path, a line of text.
///
/// # Errors
///
/// Whatever would end the line, be cut off, or reach into the next line.
pub fn plain(value: &[u8]) -> Result<String, Unquotable> {
    let text = std::str::from_utf8(value).map_err(|_| Unquotable::NotUtf8)?;
    if text.contains('\0') {
        return Err(Unquotable::Nul);
    }
    if text.contains(['\n', '\r']) {
        return Err(Unquotable::LineEnd);
    }
    if text.trim_matches([' ', '\t']) != text {
        return Err(Unquotable::OuterBlank);
    }
    if text.ends_with('\\') {
        return Err(Unquotable::FinalBackslash);
    }
    Ok(text.replace('%', "%%"))
}

fn quoted(word: &[u8], dollar: &str) -> Result<String, Unquotable> {
    let mut text = String::from("\"");
    for chunk in word.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\0' => return Err(Unquotable::Nul),
                '\\' => text.push_str("\\\\"),
                '"' => text.push_str("\\\""),
                '%' => text.push_str("%%"),
                '$' => text.push_str(dollar),
                '\n' => text.push_str("\\n"),
                '\t' => text.push_str("\\t"),
                '\r' => text.push_str("\\r"),
                c if c.is_ascii_control() => text.push_str(&format!("\\x{:02x}", u32::from(c))),
                c => text.push(c),
            }
        }
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text.push('"');
    Ok(text)
}

/// A path for a directive that knows neither quotes nor escapes.
///
/// # Errors
///
/// As [`plain`], [`Unquotable::NotAbsolute`], and [`Unquotable::DotDot`], which systemd refuses.
pub fn path(path: &[u8]) -> Result<String, Unquotable> {
    if !path.starts_with(b"/") {
        return Err(Unquotable::NotAbsolute);
    }
    if path.split(|byte| *byte == b'/').any(|part| part == b"..") {
        return Err(Unquotable::DotDot);
    }
    plain(path)
}
