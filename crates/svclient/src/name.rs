//! What to call a service: for people as text, for programs as the bytes that it has.

use std::{
    borrow::Cow,
    ffi::OsStr,
    fmt::{self, Write as _},
    os::unix::ffi::OsStrExt,
};

/// The name of a service. All of its bytes are kept; they need not be text.
///
/// `Display` is for people and on one line: bytes that are no text come as `U+FFFD`, control
/// characters as escapes.
///
/// ```
/// use svclient::Name;
///
/// let web = Name::new("web");
/// assert_eq!(web.to_str(), Some("web"));
/// assert_eq!(Name::new("a\nb").to_string(), "a\\nb");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name<'a>(&'a OsStr);

impl<'a> Name<'a> {
    /// A name of these bytes.
    #[must_use]
    pub fn new(name: &'a (impl AsRef<OsStr> + ?Sized)) -> Self {
        Self(name.as_ref())
    }

    /// The name, if it is text.
    #[must_use]
    pub fn to_str(self) -> Option<&'a str> {
        self.0.to_str()
    }

    /// The name as text, with `U+FFFD` for what is none. It allocates only then.
    #[must_use]
    pub fn to_string_lossy(self) -> Cow<'a, str> {
        self.0.to_string_lossy()
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(self) -> &'a [u8] {
        self.0.as_bytes()
    }

    /// Its bytes, as the file system takes them.
    #[must_use]
    pub const fn as_os_str(self) -> &'a OsStr {
        self.0
    }
}

impl AsRef<OsStr> for Name<'_> {
    fn as_ref(&self) -> &OsStr {
        self.0
    }
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_string_lossy() {
            name if !name.contains(char::is_control) => f.pad(&name),
            name => name.chars().try_for_each(|c| match c {
                c if c.is_control() => write!(f, "{}", c.escape_default()),
                c => f.write_char(c),
            }),
        }
    }
}

impl fmt::Debug for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl PartialEq<str> for Name<'_> {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

impl PartialEq<&str> for Name<'_> {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

/// Whether a name is a path: it begins with a dot or a slash, or ends with a slash. The rule of
/// `sv`.
///
/// ```
/// use svclient::is_path;
///
/// assert!(is_path("./web".as_ref()));
/// assert!(!is_path("web".as_ref()));
/// ```
#[must_use]
pub fn is_path(name: &OsStr) -> bool {
    let bytes = name.as_encoded_bytes();
    bytes.starts_with(b".") || bytes.starts_with(b"/") || bytes.ends_with(b"/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_and_slashes_make_a_path_and_a_slash_inside_does_not() {
        for path in ["./web", "../web", ".", "/etc/service/web", "web/"] {
            assert!(is_path(OsStr::new(path)), "{path}");
        }
        for name in ["web", "web/log", "web-*"] {
            assert!(!is_path(OsStr::new(name)), "{name}");
        }
    }

    #[test]
    fn all_bytes_are_kept_and_one_line_is_shown() {
        let name = OsStr::from_bytes(b"a\xff\x1b[2J\n");
        let name = Name::new(name);
        assert_eq!(name.as_bytes(), b"a\xff\x1b[2J\n");
        assert_eq!(name.to_str(), None);
        assert_eq!(name.to_string(), "a\u{fffd}\\u{1b}[2J\\n");
        assert_eq!(format!("[{:>5}]", Name::new("web")), "[  web]");
    }
}
