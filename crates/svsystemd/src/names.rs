//! Names of units: checked and completed before they go anywhere, escaped as systemd does it.
//!
//! A name is at most 255 bytes of `A-Za-z0-9:_.\@-`, ends in a dot and a type of unit, and has
//! something before that. `a@b.service` is the instance `b` of the template `a@.service`.
//!
//! Source: `unit_name_is_valid`, `unit_name_escape` and `bus_path_escape` of systemd 252, checked
//! against `systemd-escape` and `LoadUnit` of 252, 257 and 262.

use std::fmt;

/// The name of a unit, of a valid form. It says nothing about whether there is such a unit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnitName(String);

/// Why a text is not the name of a unit.
#[derive(Clone, PartialEq, Eq, Hash, thiserror::Error)]
#[error("cannot use {} as the name of a unit: {why}", name.escape_debug())]
#[non_exhaustive]
pub struct BadName {
    /// What was given.
    pub name: String,
    /// The rule that it breaks.
    pub why: &'static str,
}

svproto::readable!(BadName, |it| Some(it.hint()));

/// Why a template cannot be asked for anything.
const TEMPLATE: &str = "it is a template, and only its instances are units";

impl BadName {
    pub(crate) fn new(name: &str, why: &'static str) -> Self {
        Self { name: name.to_owned(), why }
    }

    /// For a template, where an instance is needed.
    pub(crate) fn template(unit: &UnitName) -> Self {
        Self::new(unit.as_str(), TEMPLATE)
    }

    /// One sentence of advice.
    ///
    /// ```
    /// use svsystemd::UnitName;
    ///
    /// let bad = UnitName::new("my site").unwrap_err();
    /// assert_eq!(bad.hint(), r"escaped it is `my\x20site.service`");
    /// ```
    #[must_use]
    pub fn hint(&self) -> String {
        if self.why == TEMPLATE {
            let (before, after) = self.name.split_once('@').unwrap_or_default();
            return format!(
                "name an instance, as in {before}@NAME{after}; `{before}@*{after}` are those that \
                 are loaded"
            );
        }
        match escaped(&self.name) {
            Some(escaped) => format!("escaped it is `{escaped}`"),
            None => "other text can be made a name by escaping it".to_owned(),
        }
    }
}

/// What a name may end in.
pub(crate) const TYPES: [&str; 11] = svclient::UNIT_TYPES;
/// Patterns for all names of a type.
pub(crate) const PATTERNS: [&str; 11] = [
    "*.service",
    "*.socket",
    "*.target",
    "*.device",
    "*.mount",
    "*.automount",
    "*.swap",
    "*.timer",
    "*.path",
    "*.slice",
    "*.scope",
];
/// The longest name, with its ending.
const LONGEST: usize = 255;
const PATH_PREFIX: &str = "/org/freedesktop/systemd1/unit/";

impl UnitName {
    /// Takes a whole name, or completes one that has no ending: `web` is `web.service`.
    ///
    /// ```
    /// use svsystemd::UnitName;
    ///
    /// let name = UnitName::new("getty@tty1.service")?;
    /// assert_eq!((name.kind(), name.instance()), ("service", Some("tty1")));
    /// assert_eq!(UnitName::new("web")?.as_str(), "web.service");
    /// # Ok::<(), svsystemd::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// For what systemd would not take: no such character is ever escaped silently, see
    /// [`UnitName::escape`].
    pub fn new(text: &str) -> Result<Self, BadName> {
        let bad = |why| BadName::new(text, why);
        let ending = text.rsplit_once('.').map(|(_, ending)| ending);
        let name = if ending.is_some_and(|ending| TYPES.contains(&ending)) {
            text.to_owned()
        } else {
            format!("{text}.service")
        };
        let prefix = name.rsplit_once('.').map_or("", |(prefix, _)| prefix);
        if prefix.is_empty() {
            return Err(bad("nothing stands before its ending"));
        }
        if prefix.starts_with('@') {
            return Err(bad("nothing stands before its `@`"));
        }
        if prefix.starts_with('-') && !prefix.contains('.') && ending.is_none() {
            // Valid for systemd ("-.mount" is the root), and never what somebody means by a service.
            return Err(bad("it looks like an option"));
        }
        if name.len() > LONGEST {
            return Err(bad("it is longer than 255 bytes"));
        }
        if !name.bytes().all(is_valid) {
            return Err(bad("a name has letters, digits and `:_.\\@-` only"));
        }
        Ok(Self(name))
    }

    /// The name of a service for any text, as `systemd-escape` makes it: `/` becomes `-`, other
    /// bytes that are not `A-Za-z0-9:_.` become `\xHH`.
    ///
    /// # Errors
    ///
    /// For an empty text, and for one that becomes too long.
    pub fn escape(text: &str) -> Result<Self, BadName> {
        Self::new(&format!("{}.service", escape(text)))
    }

    /// The name as systemd writes it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name without its ending.
    #[must_use]
    pub fn prefix(&self) -> &str {
        self.0.rsplit_once('.').map_or(&self.0, |(prefix, _)| prefix)
    }

    /// What it ends in: `service`.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.0.rsplit_once('.').map_or("", |(_, kind)| kind)
    }

    /// Whether it is a template, which is started by way of an instance: `a@.service`.
    #[must_use]
    pub fn is_template(&self) -> bool {
        self.prefix().ends_with('@') && self.template_end() == Some(self.prefix().len())
    }

    /// The instance, escaped as it stands in the name; `None` for templates and for plain names.
    #[must_use]
    pub fn instance(&self) -> Option<&str> {
        self.prefix().split_once('@').map(|(_, instance)| instance).filter(|it| !it.is_empty())
    }

    /// The template of an instance, and a template itself.
    ///
    /// ```
    /// use svsystemd::UnitName;
    ///
    /// let name = UnitName::new("getty@tty1.service")?;
    /// assert!(name.template().is_some_and(|it| it.is_template()));
    /// # Ok::<(), svsystemd::Error>(())
    /// ```
    #[must_use]
    pub fn template(&self) -> Option<Self> {
        let (name, _) = self.prefix().split_once('@')?;
        Some(Self(format!("{name}@.{}", self.kind())))
    }

    /// The instance of this template for any text, which is escaped.
    ///
    /// ```
    /// use svsystemd::UnitName;
    ///
    /// let template = UnitName::new("getty@.service")?;
    /// assert_eq!(template.instantiate("tty1")?.as_str(), "getty@tty1.service");
    /// # Ok::<(), svsystemd::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If this is no template, and as for [`UnitName::escape`].
    pub fn instantiate(&self, instance: &str) -> Result<Self, BadName> {
        if !self.is_template() {
            return Err(BadName::new(&self.0, "it is no template"));
        }
        Self::new(&format!("{}{}.{}", self.prefix(), escape(instance), self.kind()))
    }

    /// The path of its object on the bus.
    #[must_use]
    pub(crate) fn path(&self) -> String {
        let mut path = PATH_PREFIX.to_owned();
        for (at, byte) in self.0.bytes().enumerate() {
            if byte.is_ascii_alphabetic() || (byte.is_ascii_digit() && at > 0) {
                path.push(char::from(byte));
            } else {
                path.push_str(&format!("_{byte:02x}"));
            }
        }
        path
    }

    /// The name behind the path of an object; `None` for other objects.
    #[must_use]
    pub(crate) fn from_path(path: &str) -> Option<Self> {
        let escaped = path.strip_prefix(PATH_PREFIX)?;
        Self::new(&decode(escaped, "_")?).ok()
    }

    fn template_end(&self) -> Option<usize> {
        self.prefix().find('@').map(|at| at + 1)
    }
}

impl fmt::Display for UnitName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl AsRef<str> for UnitName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for UnitName {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        Self::new(text)
    }
}

/// Any text as a part of a name.
///
/// ```
/// use svsystemd::{escape, unescape};
///
/// assert_eq!(escape("my site"), r"my\x20site");
/// assert_eq!(unescape(r"my\x20site").as_deref(), Some("my site"));
/// ```
#[must_use]
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'/' => escaped.push('-'),
            b'.' if at == 0 => escaped.push_str("\\x2e"),
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b':' | b'_' | b'.' => {
                escaped.push(char::from(byte));
            }
            _ => escaped.push_str(&format!("\\x{byte:02x}")),
        }
    }
    escaped
}

/// A path as a part of a name, as `systemd-escape --path` makes it: without the `/` in front, at the
/// end and one after the other; the root is `-`. `None` for a path with `..`, and for none at all.
///
/// ```
/// use svsystemd::escape_path;
///
/// assert_eq!(escape_path("/var/lib").as_deref(), Some("var-lib"));
/// ```
#[must_use]
pub fn escape_path(path: &str) -> Option<String> {
    if path.is_empty() {
        return None;
    }
    let steps: Vec<&str> = path.split('/').filter(|step| !matches!(*step, "" | ".")).collect();
    if steps.contains(&"..") {
        return None;
    }
    if steps.is_empty() { Some("-".to_owned()) } else { Some(escape(&steps.join("/"))) }
}

/// What somebody may have meant by a text that is no name: it escaped, the instance as a whole. `None`
/// where that is no name either.
fn escaped(text: &str) -> Option<UnitName> {
    let (stem, kind) =
        text.rsplit_once('.').filter(|(_, kind)| is_type(kind)).unwrap_or((text, "service"));
    // What is well in a name stays as it is, an escape as well.
    let part = |text: &str| {
        let is_kept = |byte: u8| is_valid(byte) && byte != b'@';
        let bytes = text.bytes().map(|byte| match byte {
            b'/' => "-".to_owned(),
            byte if is_kept(byte) => char::from(byte).to_string(),
            byte => format!("\\x{byte:02x}"),
        });
        bytes.collect::<String>()
    };
    let stem = match stem.split_once('@') {
        Some((prefix, instance)) => format!("{}@{}", part(prefix), part(instance)),
        None => part(stem),
    };
    UnitName::new(&format!("{stem}.{kind}")).ok().filter(|name| name.as_str() != text)
}

/// Whether this is what a name may end in, as in `service`.
#[must_use]
pub fn is_type(word: &str) -> bool {
    TYPES.contains(&word)
}

/// The text behind an escaped part of a name; `None` if it is not of that form.
#[must_use]
pub fn unescape(part: &str) -> Option<String> {
    decode(&part.replace('-', "/"), "\\x")
}

/// Replaces `mark` and two hexadecimal digits by their byte.
fn decode(text: &str, mark: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(mark) {
        let (digits, then) = after.split_at_checked(2)?;
        bytes.extend_from_slice(before.as_bytes());
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = then;
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8(bytes).ok()
}

const fn is_valid(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'_' | b'.' | b'\\' | b'@' | b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(UnitName::new(text).ok().as_ref().map(UnitName::as_str), expected, "{text:?}");
    }

    #[test]
    fn a_name_without_an_ending_is_a_service() {
        check("web", Some("web.service"));
        check("web.service", Some("web.service"));
        check("web.socket", Some("web.socket"));
        check("web.v2", Some("web.v2.service"));
        check("a@b", Some("a@b.service"));
        check("a@.service", Some("a@.service"));
        check("-.mount", Some("-.mount"));
    }

    #[test]
    fn what_systemd_would_not_take_is_refused() {
        for text in
            ["", ".service", "@b", "@b.service", "é", "a b", "../a", "a/b", "a%b", "*", "a\n"]
        {
            check(text, None);
        }
        check("--force", None);
        check(&"a".repeat(247), Some(&format!("{}.service", "a".repeat(247))));
        check(&"a".repeat(248), None);
    }

    #[test]
    fn an_instance_knows_its_template() {
        let name = UnitName::new("a@x-y").unwrap();
        assert_eq!(name.instance(), Some("x-y"));
        assert_eq!(name.template().unwrap().as_str(), "a@.service");
        assert!(name.template().unwrap().is_template() && !name.is_template());
        let again = name.template().unwrap().instantiate("x/y").unwrap();
        assert_eq!(again, name);
        assert!(name.instantiate("z").is_err());
        assert_eq!(UnitName::new("web").unwrap().template(), None);
        assert_eq!((name.kind(), name.prefix()), ("service", "a@x-y"));
    }

    #[test]
    fn text_is_escaped_as_systemd_escape_does_it() {
        assert_eq!(escape("x/y z-é%d"), r"x-y\x20z\x2d\xc3\xa9\x25d");
        assert_eq!(escape(".a.b"), r"\x2ea.b");
        for text in ["x/y z-é%d", ".a", "\\x41", "-", "\n", "@"] {
            assert_eq!(unescape(&escape(text)).as_deref(), Some(text));
            assert!(UnitName::escape(text).is_ok(), "{text:?}");
        }
        assert_eq!(unescape(r"\xz"), None);
        assert_eq!(unescape(r"\xff"), None);
        assert!(UnitName::escape("").is_err());
    }

    #[test]
    fn a_path_is_escaped_as_systemd_escape_does_it() {
        for (path, part) in [
            ("/var/lib/my-app", r"var-lib-my\x2dapp"),
            ("//a///b/", "a-b"),
            ("/", "-"),
            ("/./.hidden", r"\x2ehidden"),
        ] {
            assert_eq!(escape_path(path).as_deref(), Some(part), "{path}");
        }
        assert_eq!((escape_path("/a/../b"), escape_path("")), (None, None));
        assert!(is_type("service") && is_type("mount") && !is_type("d"));
    }

    #[test]
    fn the_path_of_an_object_leads_back() {
        let path = |name: &str| UnitName::new(name).unwrap().path();
        assert_eq!(path("foo-bar"), format!("{PATH_PREFIX}foo_2dbar_2eservice"));
        assert_eq!(path("1x"), format!("{PATH_PREFIX}_31x_2eservice"));
        for name in ["foo-bar", "1x", "a@b", r"a\x20b", "_", "x1"] {
            let name = UnitName::new(name).unwrap();
            assert_eq!(UnitName::from_path(&name.path()).as_ref(), Some(&name));
        }
        assert_eq!(UnitName::from_path("/org/freedesktop/systemd1"), None);
    }
}
