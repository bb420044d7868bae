//! `%` in values: what a unit knows of itself.
//!
//! Source: `systemd.unit(5)`, "Specifiers".

/// The name of a unit, taken apart.
#[derive(Clone, Debug)]
pub(super) struct UnitName {
    /// With its ending, as in `foo@bar.service`.
    pub(super) whole: String,
    /// `foo` of `foo@bar.service`.
    pub(super) prefix: String,
    /// `bar`, as it is written.
    pub(super) instance: Option<String>,
}

impl UnitName {
    pub(super) fn new(whole: &str) -> Self {
        let stem = whole.strip_suffix(".service").unwrap_or(whole);
        let (prefix, instance) = match stem.split_once('@') {
            Some((prefix, instance)) => (prefix, Some(instance.to_owned())),
            None => (stem, None),
        };
        Self { whole: whole.to_owned(), prefix: prefix.to_owned(), instance }
    }

    pub(super) fn is_template(&self) -> bool {
        self.instance.as_deref() == Some("")
    }

    /// The file of its template.
    pub(super) fn template(&self) -> Option<String> {
        self.instance.as_ref().map(|_| format!("{}@.service", self.prefix))
    }
}

/// Replaces all of them.
///
/// The error says which is known on the machine alone.
pub(super) fn expand(value: &str, unit: &UnitName) -> Result<String, String> {
    let mut text = String::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once('%') {
        text.push_str(before);
        let Some(letter) = after.chars().next() else {
            text.push('%');
            rest = "";
            break;
        };
        rest = after.get(letter.len_utf8()..).unwrap_or_default();
        let instance = unit.instance.clone().unwrap_or_default();
        let stem = unit.whole.strip_suffix(".service").unwrap_or(&unit.whole);
        let last = |name: &str| name.rsplit('-').next().unwrap_or_default().to_owned();
        match letter {
            '%' => text.push('%'),
            'n' => text.push_str(&unit.whole),
            'N' => text.push_str(stem),
            'p' => text.push_str(&unit.prefix),
            'P' => text.push_str(&unescape(&unit.prefix)),
            'i' => text.push_str(&instance),
            'I' => text.push_str(&unescape(&instance)),
            'j' => text.push_str(&last(&unit.prefix)),
            'J' => text.push_str(&unescape(&last(&unit.prefix))),
            'f' => {
                let whose = unit.instance.as_deref().unwrap_or(&unit.prefix);
                let path = unescape(whose);
                text.push_str(if path.starts_with('/') { "" } else { "/" });
                text.push_str(&path);
            }
            't' => text.push_str("/run"),
            'S' => text.push_str("/var/lib"),
            'C' => text.push_str("/var/cache"),
            'L' => text.push_str("/var/log"),
            'E' => text.push_str("/etc"),
            'T' => text.push_str("/tmp"),
            'V' => text.push_str("/var/tmp"),
            'h' => text.push_str("/root"),
            'u' | 'g' => text.push_str("root"),
            'U' | 'G' => text.push('0'),
            'H' | 'l' | 'q' | 'm' | 'b' | 'v' | 'a' | 'o' | 'w' | 'W' | 'A' | 'B' | 'M' | 's'
            | 'd' | 'y' | 'Y' => {
                return Err(format!(
                    "`%{letter}` is known to the machine alone; write its value, or let the program find it"
                ));
            }
            other => {
                text.push('%');
                text.push(other);
            }
        }
    }
    text.push_str(rest);
    Ok(text)
}

/// Replaces those that are about the unit's name, in a value that systemd reads again: under another name they would
/// be something else. What is known to the machine stays.
pub(super) fn of_name(value: &str, unit: &UnitName) -> String {
    let mut text = String::new();
    let mut letters = value.chars();
    while let Some(letter) = letters.next() {
        text.push(letter);
        if letter != '%' {
            continue;
        }
        let Some(letter) = letters.next() else { break };
        text.push(letter);
        if !"nNpPiIjJf".contains(letter) {
            continue;
        }
        let specifier = format!("%{letter}");
        if let Ok(known) = expand(&specifier, unit) {
            text.truncate(text.len() - specifier.len());
            text.push_str(&literal(&known));
        }
    }
    text
}

/// A value as systemd is to read it, without a specifier in it.
pub(super) fn literal(text: &str) -> String {
    text.replace('%', "%%")
}

/// A part of a name of a unit, as a path or a text: `-` is `/`, `\xHH` is a byte.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let code = rest.strip_prefix("\\x").and_then(|it| it.get(..2));
        if let Some(byte) = code.and_then(|it| u8::from_str_radix(it, 16).ok()) {
            bytes.push(byte);
            rest = rest.get(4..).unwrap_or_default();
            continue;
        }
        let c_or_slash = if c == '-' { '/' } else { c };
        bytes.extend(c_or_slash.to_string().bytes());
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_and_machines_are_not() {
        let unit = UnitName::new("my-app@dev-sda\\x2d1.service");
        for (value, expected) in [
            ("%n", "my-app@dev-sda\\x2d1.service"),
            ("%p|%i|%I|%j", "my-app|dev-sda\\x2d1|dev/sda-1|app"),
            ("%f 100%% %t/x %S %", "/dev/sda-1 100% /run/x /var/lib %"),
        ] {
            assert_eq!(expand(value, &unit).unwrap(), expected, "{value}");
        }
        assert!(expand("x %H", &unit).is_err_and(|why| why.contains("%H")));
    }

    #[test]
    fn what_systemd_reads_again_keeps_what_is_not_of_the_name() {
        let unit = UnitName::new("app@a%.service");
        assert_eq!(of_name("%p %i %t %H %%i %z %", &unit), "app a%% %t %H %%i %z %");
        assert_eq!(literal("100%"), "100%%");
    }
}
