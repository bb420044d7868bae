//! Definitions as a file that a person would have written: the keys in the order of their page, small tables
//! on one line.

use std::path::Path;

use toml::{Table, Value};

use super::{Definitions, KEYS, Service};

/// Longer tables are written with a line for each key.
const WIDE: usize = 100;

impl Definitions {
    /// Writes the definitions as a TOML file: [`from_toml`](Self::from_toml) reads the same from it.
    ///
    /// # Errors
    ///
    /// A word or a path that is not UTF-8: a TOML file has nothing else.
    ///
    /// # Examples
    ///
    /// ```
    /// use svbuild::{Definitions, Service};
    ///
    /// let web = Service::new(["/usr/bin/web", "-p", "8080"]).env("LANG", "C.UTF-8");
    /// let definitions = Definitions::default().with("web", web);
    /// let text = definitions.to_toml()?;
    /// assert!(text.starts_with("[service.web]\nexec = [\"/usr/bin/web\", \"-p\", \"8080\"]\n"));
    /// assert_eq!(Definitions::from_toml(&text)?, definitions);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        self.text(None)
    }

    /// The same with the key `base`: the directory from which relative paths are meant, itself absolute or relative to
    /// the file.
    ///
    /// # Errors
    ///
    /// As [`to_toml`](Self::to_toml).
    pub fn to_toml_with_base(&self, base: &Path) -> Result<String, toml::ser::Error> {
        self.text(Some(base))
    }

    fn text(&self, base: Option<&Path>) -> Result<String, toml::ser::Error> {
        let mut text = String::new();
        if let Some(base) = base {
            text.push_str(&format!("base = {}\n", inline(&Value::try_from(base)?)));
        }
        for (name, service) in &self.service {
            if !text.is_empty() {
                text.push('\n');
            }
            one(&mut text, name, service)?;
        }
        Ok(text)
    }
}

fn one(text: &mut String, name: &str, service: &Service) -> Result<(), toml::ser::Error> {
    let head = format!("service.{}", key(name));
    text.push_str(&format!("[{head}]\n"));
    let Value::Table(table) = Value::try_from(service)? else { return Ok(()) };
    let mut keys: Vec<(usize, String, Value)> =
        table.into_iter().map(|(key, value)| (place(&key), key, value)).collect();
    keys.sort_unstable_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    let mut tables = String::new();
    for (_, name, value) in keys {
        let line = format!("{} = {}", key(&name), inline(&value));
        match value {
            // What is `[service.web.systemd.Service]` in every example.
            Value::Table(sections) if name == "systemd" => {
                for (section, lines) in sections {
                    sub(&mut tables, &format!("{head}.{name}.{section}"), &lines);
                }
            }
            Value::Table(table) if line.chars().count() > WIDE => {
                sub(&mut tables, &format!("{head}.{name}"), &Value::Table(table));
            }
            _ => {
                text.push_str(&line);
                text.push('\n');
            }
        }
    }
    text.push_str(&tables);
    Ok(())
}

fn sub(text: &mut String, head: &str, table: &Value) {
    let Value::Table(table) = table else { return };
    text.push_str(&format!("\n[{head}]\n"));
    for (name, value) in table {
        text.push_str(&format!("{} = {}\n", key(name), inline(value)));
    }
}

/// A value in one line.
fn inline(value: &Value) -> String {
    match value {
        Value::Table(table) => table_line(table),
        Value::Array(all) => format!("[{}]", all.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Value::String(text) => string(text),
        other => other.to_string(),
    }
}

fn table_line(table: &Table) -> String {
    let pairs: Vec<_> =
        table.iter().map(|(name, value)| format!("{} = {}", key(name), inline(value))).collect();
    format!("{{ {} }}", pairs.join(", "))
}

/// Between double quotes, with escapes where they are needed.
fn string(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn key(name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if !name.is_empty() && name.chars().all(bare) { name.to_owned() } else { string(name) }
}

/// Where a key stands in the table of keys.
fn place(key: &str) -> usize {
    let first = |path: &str| path.split('.').next() == Some(key);
    KEYS.iter().position(|it| first(it.path)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::{Limits, Stop, Systemd};
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        let web = Service::new(["/bin/web", "a \"b\" \\ \n\t\u{7f}ü"])
            .env("PATH", "/bin")
            .env("LONG", "x".repeat(120))
            .limits(Limits::new().files(1024))
            .stop(Stop::new().kill_after("90s".parse().unwrap()))
            .systemd(Systemd::new().service("ProtectSystem", "strict"));
        let definitions = Definitions::default().with("web.a", web).with("b", Service::new(["x"]));
        let text = definitions.to_toml().unwrap();
        assert_eq!(Definitions::from_toml(&text).unwrap(), definitions, "{text}");
        assert!(text.contains("limits = { files = 1024 }\n"), "{text}");
        assert!(
            text.contains("[service.\"web.a\".systemd.Service]\nProtectSystem = \"strict\"\n"),
            "{text}"
        );
    }
}
