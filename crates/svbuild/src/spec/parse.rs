//! From the text of a file to definitions, with the place of whatever is wrong.

use std::{collections::BTreeMap, fmt, ops::Range, path::PathBuf};

use toml::de::{DeTable, DeValue};

use super::{Base, Definitions, Invalid, Service, keys};

/// A file, which says more than its services.
#[derive(serde::Deserialize)]
struct File {
    base: Option<PathBuf>,
    expand: Option<bool>,
    #[serde(default)]
    service: BTreeMap<String, Service>,
}

/// A place in a text: bytes, and the line and the column for people, both from 1. A column counts
/// characters.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Span {
    /// The bytes.
    pub bytes: Range<usize>,
    /// The line of the first.
    pub line: usize,
    /// The column of the first.
    pub column: usize,
}

impl Span {
    /// Where a key of a service stands in a file, as in [`Gap::key`](crate::Gap::key); where the
    /// service does, if the key is not written. `None` for a text without that service.
    #[must_use]
    pub fn of_key(text: &str, service: &str, key: &str) -> Option<Self> {
        let document = DeTable::parse(text).ok()?;
        locate(text, document.get_ref(), service, key)
    }

    fn new(text: &str, bytes: Range<usize>) -> Self {
        let before = text.get(..bytes.start).unwrap_or(text);
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Self { bytes, line, column }
    }
}

/// One thing that is wrong in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// Where; `None` if it is the file as a whole.
    pub span: Option<Span>,
    /// What, in one line.
    pub message: String,
    /// What to do, where that is certain.
    pub help: Option<String>,
}

impl Finding {
    /// Something that is wrong, in one line, and where; `None` if it is the file as a whole.
    #[must_use]
    pub fn new(message: impl Into<String>, span: Option<Span>) -> Self {
        Self { span, message: message.into(), help: None }
    }

    /// The same, with what to do about it.
    #[must_use]
    pub fn with_help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(span) = &self.span {
            write!(f, "{}:{}: ", span.line, span.column)?;
        }
        f.write_str(&self.message)?;
        match &self.help {
            Some(help) => write!(f, "; {help}"),
            None => Ok(()),
        }
    }
}

/// Everything that is wrong in a file; at least one thing.
#[derive(Clone, PartialEq, Eq)]
pub struct Findings(pub Vec<Finding>);

svproto::readable!(Findings);

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, finding) in self.0.iter().enumerate() {
            let separator = if at == 0 { "" } else { "\n" };
            write!(f, "{separator}{finding}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Findings {}

impl Definitions {
    /// Reads a file in TOML 1.1.
    ///
    /// ```
    /// use svbuild::Definitions;
    ///
    /// let definitions = Definitions::from_toml("[service.web]\nexec = [\"server\", \"--port\", \"80\"]\n")?;
    /// assert!(definitions.check().is_empty());
    /// let wrong = Definitions::from_toml("[service.web]\nexecc = [\"server\"]\n").unwrap_err();
    /// assert!(wrong.to_string().contains("exec"), "the nearest key is named");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Findings`]: a line that is no TOML; every unknown key, with the nearest that is known; a
    /// value of another form; or whatever [`Definitions::check`] finds.
    pub fn from_toml(text: &str) -> Result<Self, Findings> {
        Self::from_toml_in(text, Base::Unknown)
    }

    /// The same for a file of which it is known where it lies.
    ///
    /// ```
    /// use std::path::Path;
    /// use svbuild::{Definitions, spec::Base};
    ///
    /// let text = "base = 'web'\n[service.web]\nexec = ['./server']\nenv_file = '.env'\n";
    /// let definitions = Definitions::from_toml_in(text, Base::Said(Path::new("/srv/app")))?;
    /// let web = &definitions.service["web"];
    /// assert_eq!(web.exec, ["/srv/app/web/server".into()]);
    /// assert_eq!(web.cwd.as_deref(), Some(Path::new("/srv/app/web")));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Definitions::from_toml`].
    pub fn from_toml_in(text: &str, base: Base<'_>) -> Result<Self, Findings> {
        let document = DeTable::parse(text).map_err(|error| told(text, &error))?;
        let unknown = unknown_keys(text, document.get_ref());
        if !unknown.is_empty() {
            return Err(Findings(unknown));
        }
        let file: File = toml::from_str(text).map_err(|error| told(text, &error))?;
        let mut definitions = Self { service: file.service };
        for service in definitions.service.values_mut() {
            service.expand = service.expand.or(file.expand);
        }
        match base.of(file.base.as_deref()) {
            Ok(None) => (),
            Ok(Some(base)) => definitions.rebase(&base),
            Err(why) => {
                let value = document.get_ref().get("base").map(toml::Spanned::span);
                let span = value.map(|bytes| Span::new(text, bytes));
                return Err(Findings(vec![Finding::new(format!("`base` {why}"), span)]));
            }
        }
        let mut invalid = definitions.check();
        invalid.extend(jobs_for_ever(document.get_ref(), &definitions));
        if invalid.is_empty() {
            return Ok(definitions);
        }
        let place = |it: &Invalid| locate(text, document.get_ref(), &it.service, &it.key);
        let findings = invalid.iter().map(|it| Finding {
            span: place(it),
            message: it.to_string(),
            help: None,
        });
        Err(Findings(findings.collect()))
    }
}

/// What the reader of TOML has to say.
fn told(text: &str, error: &toml::de::Error) -> Findings {
    let mut message = String::new();
    for c in error.message().trim_end().chars() {
        if c.is_control() { message.extend(c.escape_default()) } else { message.push(c) }
    }
    // In the words of TOML, not of Rust.
    for (rust, toml) in [
        ("expected struct File", "expected a table"),
        ("expected struct Service", "expected a table"),
        ("expected struct IoPriority", "expected a table"),
        ("expected struct Limits", "expected a table"),
        ("expected struct Resources", "expected a table"),
        ("expected struct Stop", "expected a table"),
        ("expected struct Reload", "expected a table"),
        ("expected struct Control", "expected a table"),
        ("expected struct Dirs", "expected a table"),
        ("expected struct Systemd", "expected a table"),
        ("expected struct Health", "expected a table"),
        ("expected struct Log", "expected a table"),
        ("expected struct External", "expected a table"),
        ("expected a map", "expected a table"),
        ("expected a sequence", "expected an array"),
        ("unknown variant", "unknown word"),
        ("invalid type: sequence", "invalid type: array"),
        ("invalid type: map", "invalid type: table"),
        ("invalid type: floating point", "invalid type: number"),
        ("expected u16", "expected a number of 0 to 65535"),
        ("expected u64", "expected a whole number from 0 on"),
        ("expected i64", "expected a whole number"),
        ("expected f64", "expected a number"),
        ("expected usize", "expected a whole number from 0 on"),
        ("expected u8", "expected a number of 0 to 255"),
        ("expected u32", "expected a number of 0 to 4294967295"),
        ("expected i32", "expected a number of -2147483648 to 2147483647"),
    ] {
        message = message.replace(rust, toml);
    }
    let span = error.span().map(|bytes| Span::new(text, bytes));
    Findings(vec![Finding { span, message, help: None }])
}

/// Jobs with a `restart` that is no job's. Without the key it is another one than a service's, so what was
/// written counts.
fn jobs_for_ever(document: &DeTable<'_>, definitions: &Definitions) -> Vec<Invalid> {
    let services = document.get("service").and_then(|it| it.get_ref().as_table());
    let says_always = |name: &str| {
        let restart = services?.get(name)?.get_ref().as_table()?.get("restart")?.get_ref();
        let when = restart.as_table().and_then(|table| table.get("when"));
        Some(when.map_or(restart, toml::Spanned::get_ref).as_str()? == "always")
    };
    let jobs = definitions.service.iter().filter(|(_, service)| service.is_job());
    jobs.filter(|(name, _)| says_always(name) == Some(true))
        .map(|(name, _)| Invalid {
            service: name.clone(),
            key: "restart".into(),
            why: "must be `on-failure` or `never` for a job, which runs to its end once".into(),
        })
        .collect()
}

/// Keys that nobody knows, each with the nearest that somebody does.
fn unknown_keys(text: &str, document: &DeTable<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (key, services) in document {
        if key.get_ref() != "service" {
            let known = ["base", "expand", "service"];
            if !known.contains(&&**key.get_ref()) {
                findings.push(unknown(text, &key.span(), key.get_ref(), "a file", &known));
            }
            continue;
        }
        let DeValue::Table(services) = services.get_ref() else { continue };
        for service in services.values() {
            match service.get_ref() {
                DeValue::Table(table) => unknown_in(text, table, "", &mut findings),
                DeValue::Array(_) => findings.push(no_table(text, service.span())),
                // Whoever reads the values says what it is.
                _ => (),
            }
        }
    }
    findings.sort_by_key(|finding| finding.span.as_ref().map(|span| span.bytes.start));
    findings
}

fn unknown_in(text: &str, table: &DeTable<'_>, path: &str, findings: &mut Vec<Finding>) {
    let Some(known) = keys::children(path) else { return };
    for (key, value) in table {
        let name = key.get_ref().as_ref();
        if !known.contains(&name) {
            let whole = if path.is_empty() { name.into() } else { format!("{path}.{name}") };
            if let Some((gone, instead)) = keys::GONE.iter().find(|(gone, _)| *gone == whole) {
                let place = Some(Span::new(text, key.span()));
                findings.push(
                    Finding::new(format!("`{gone}` is no key any more"), place).with_help(*instead),
                );
                continue;
            }
            let table = path.strip_suffix("[]").unwrap_or(path);
            let of = if path.is_empty() { "a service".into() } else { format!("`{table}`") };
            findings.push(unknown(text, &key.span(), name, &of, &known));
            continue;
        }
        let path = if path.is_empty() { name.into() } else { format!("{path}.{name}") };
        match value.get_ref() {
            DeValue::Table(inner) => unknown_in(text, inner, &path, findings),
            DeValue::Array(_) if keys::is_only_table(&path) => {
                findings.push(no_table(text, value.span()));
            }
            DeValue::Array(items) => {
                for item in items.iter().filter_map(|item| item.get_ref().as_table()) {
                    unknown_in(text, item, &format!("{path}[]"), findings);
                }
            }
            _ => (),
        }
    }
}

/// The values of an array would be taken for those of the keys, one after another.
fn no_table(text: &str, at: Range<usize>) -> Finding {
    Finding::new("invalid type: array, expected a table", Some(Span::new(text, at)))
}

fn unknown(text: &str, at: &Range<usize>, name: &str, of: &str, known: &[&str]) -> Finding {
    // Nearer than this is a slip, farther is another word.
    let likeness = |it: &&str| strsim::jaro_winkler(&name.to_lowercase(), it);
    let nearest = known.iter().copied().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    // Another format's word may be near one of ours that means something else.
    let elsewhere = keys::ELSEWHERE.iter().find(|(theirs, _)| *theirs == in_our_letters(name));
    let help = match (elsewhere, nearest.filter(|it| likeness(it) > 0.75)) {
        (Some((_, ours)), _) if of == "a service" => format!("here that is `{ours}`"),
        (_, Some(nearest)) => format!("did you mean `{nearest}`?"),
        (_, None) => format!("known are {}", known.join(", ")),
    };
    Finding {
        span: Some(Span::new(text, at.clone())),
        message: format!("unknown key `{}` in {of}", name.escape_debug()),
        help: Some(help),
    }
}

/// `ExecStartPre` and `exec-start-pre` as `exec_start_pre`.
fn in_our_letters(name: &str) -> String {
    let mut ours = String::new();
    let mut was_small = false;
    for letter in name.chars() {
        if letter.is_uppercase() && was_small {
            ours.push('_');
        }
        was_small = letter.is_lowercase();
        ours.extend(if letter == '-' { '_' } else { letter }.to_lowercase());
    }
    ours
}

/// Where a key of a service stands; where the service does, if the key is not written.
fn locate(text: &str, document: &DeTable<'_>, service: &str, path: &str) -> Option<Span> {
    let (_, services) = document.get_key_value("service")?;
    let (name, mut value) = services.get_ref().as_table()?.get_key_value(service)?;
    let mut found = name.span();
    for part in path.split('.') {
        let Some((_, inner)) = value.get_ref().as_table().and_then(|it| it.get_key_value(part))
        else {
            break;
        };
        (found, value) = (inner.span(), inner);
    }
    Some(Span::new(text, found))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What only a programmer in Rust understands.
    const OF_RUST: [&str; 18] = [
        "struct",
        "enum",
        "variant",
        " u8",
        " u16",
        " u32",
        " u64",
        " usize",
        " i32",
        " i64",
        " f64",
        "sequence",
        "borrowed",
        "invalid digit",
        "Some(",
        "None",
        "unit,",
        "newtype",
    ];

    const NONSENSE: [&str; 17] = [
        "true",
        "-1",
        "1.5",
        "nan",
        "1e999",
        "99999999999999999999",
        "9223372036854775807",
        "\"\"",
        "\"x y\"",
        "\"99999999999999999999999s\"",
        "\"-1s\"",
        "\"1e3\"",
        "[]",
        "[1, \"a\"]",
        "{}",
        "{ x = 1 }",
        "2026-11-22T23:34:43Z",
    ];

    /// Every key with every nonsense: findings that say in the words of the file what is accepted.
    #[test]
    fn no_word_of_rust_is_in_what_is_said_about_nonsense() {
        let (mut found, mut wrong) = (0, Vec::new());
        let paths = keys::KEYS.iter().map(|key| key.path).chain(["log"]);
        for path in paths.filter(|path| !path.contains(['*', '<'])) {
            for value in NONSENSE {
                let path =
                    path.split('.').map(|part| format!("\"{part}\"")).collect::<Vec<_>>().join(".");
                let exec = if path == "\"exec\"" { "" } else { "exec = [\"true\"]\n" };
                let text = format!("[service.web]\n{exec}{path} = {value}\n");
                let Err(findings) = Definitions::from_toml(&text) else { continue };
                found += 1;
                let said = findings.to_string();
                let words = OF_RUST.into_iter().filter(|word| said.contains(word));
                wrong.extend(words.map(|word| format!("{path} = {value}: {word}: {said}")));
                if said.contains("\\n") {
                    wrong.push(format!("{path} = {value}: a line end in its middle: {said}"));
                }
            }
        }
        assert!(found > 300, "{found}");
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}
