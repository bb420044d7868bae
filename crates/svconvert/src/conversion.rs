//! From files to definitions that are right, with the report.

use std::path::{Path, PathBuf};

use svbuild::{Definitions, Error as BuildError, Lossy, Options, Plan, Target, spec::Invalid};

use crate::{
    book::{At, Book},
    compose, dirs,
    files::{FileKind, Files},
    format::Format,
    procfile,
    report::{LineVerdict, Report},
    supervisord, systemd,
};

/// Why nothing could be read at all.
#[non_exhaustive]
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no such file.
    #[error("cannot read {}", path.display())]
    Io {
        /// The path that was asked for.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// It is not known what the file is.
    #[error("cannot tell the format of {}", path.display())]
    UnknownFormat {
        /// The path that was asked for.
        path: PathBuf,
    },
}

impl Error {
    /// What to do about it, where that is certain.
    #[must_use]
    pub const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Io { .. } => None,
            Self::UnknownFormat { .. } => Some("say what it is, as in `--from supervisord`"),
        }
    }
}

/// Definitions, and what became of each line that they come from.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Conversion {
    /// The services, every path absolute.
    pub definitions: Definitions,
    /// The same as the text of a file. If paths in it are relative, it says `base = "."`, and belongs into
    /// [`Conversion::base`].
    pub text: String,
    /// The directory that relative paths of the text are relative to.
    pub base: Option<PathBuf>,
    /// What became of each line.
    pub report: Report,
}

/// Reads files, each in its own format or all in the one that is said.
///
/// # Errors
///
/// [`Error::Io`] for a path with nothing there, [`Error::UnknownFormat`] where no format is said and none is
/// recognised. Whatever is wrong in a file is in the report.
pub fn convert(
    files: &dyn Files,
    inputs: &[PathBuf],
    from: Option<Format>,
) -> Result<Conversion, Error> {
    let mut book = Book::default();
    let mut read: Vec<(Format, Vec<PathBuf>)> = Vec::new();
    for path in inputs {
        let Some(format) = from.or_else(|| Format::of(files, path)) else {
            if files.kind(path).is_none() {
                return Err(missing(path));
            }
            return Err(Error::UnknownFormat { path: path.clone() });
        };
        if files.kind(path).is_none() && !may_be_missing(files, format, path) {
            return Err(missing(path));
        }
        match read.iter_mut().find(|(known, _)| *known == format) {
            Some((_, paths)) => paths.push(path.clone()),
            None => read.push((format, vec![path.clone()])),
        }
    }
    for (format, paths) in read {
        match format {
            Format::Systemd => systemd::read(&mut book, files, &paths),
            Format::Procfile => procfile::read(&mut book, files, &paths),
            Format::Supervisord => supervisord::read(&mut book, files, &paths),
            Format::ProcessCompose => compose::read(&mut book, files, &paths),
            Format::ServiceDir => dirs::read(&mut book, files, &paths),
        }
    }
    Ok(settle(book))
}

fn missing(path: &Path) -> Error {
    Error::Io { path: path.to_owned(), source: std::io::ErrorKind::NotFound.into() }
}

/// An instance of a unit has the file of its template.
fn may_be_missing(files: &dyn Files, format: Format, path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let template =
        name.split_once('@').map(|(prefix, _)| path.with_file_name(format!("{prefix}@.service")));
    let there = |path: PathBuf| matches!(files.kind(&path), Some(FileKind::File { .. }));
    format == Format::Systemd && template.is_some_and(there)
}

/// Stands for the directory of a file in checks.
const SOMEWHERE: &str = "/somewhere";

/// Takes out what no definition can be, until the rest is right.
fn settle(mut book: Book) -> Conversion {
    names(&mut book);
    for at in 0..book.drafts.len() {
        let refuses = book.drafts.get(at).is_some_and(|draft| book.refuses(&draft.about));
        if let Some(draft) = book.drafts.get_mut(at) {
            draft.is_refused |= refuses;
        }
    }
    let base = book.base.clone();
    loop {
        let services = book.drafts.iter().filter(|it| !it.is_refused);
        let definitions: Definitions =
            services.map(|it| (it.name.clone(), it.service.clone())).collect();
        let definitions = match &base {
            Some(base) => {
                definitions.based_on(if base.is_absolute() { base } else { Path::new(SOMEWHERE) })
            }
            None => definitions,
        };
        let found = definitions.check();
        if found.is_empty() || !found.iter().any(|it| without(&mut book, it)) {
            break;
        }
    }
    let (mut report, drafts) = book.close();
    let said: Definitions = drafts.iter().map(|it| (it.name.clone(), it.service.clone())).collect();
    let written = match base {
        Some(_) => said.to_toml_with_base(Path::new(".")),
        None => said.to_toml(),
    };
    let text = match written {
        Ok(text) => text,
        Err(error) => {
            // What is not UTF-8 was refused when it was read.
            for line in &mut report.lines {
                line.verdict = LineVerdict::Refused;
                line.why = Some(error.to_string());
            }
            String::new()
        }
    };
    let definitions = match &base {
        Some(base) => said.based_on(base),
        None => said,
    };
    Conversion { definitions, text, base, report }
}

/// Two services of one name are none.
fn names(book: &mut Book) {
    let all: Vec<String> = book.drafts.iter().map(|it| it.name.clone()).collect();
    for at in 0..all.len() {
        let Some(name) = all.get(at) else { return };
        if !all.iter().take(at).any(|it| it == name) {
            continue;
        }
        let Some(draft) = book.drafts.get_mut(at) else { return };
        draft.is_refused = true;
        let (head, why) = (draft.head, format!("there is another service `{name}`"));
        book.refused(head, &why);
    }
}

/// Takes out what is wrong. Says whether there was anything to take out.
fn without(book: &mut Book, invalid: &Invalid) -> bool {
    let Some(place) =
        book.drafts.iter().position(|it| it.name == invalid.service && !it.is_refused)
    else {
        return false;
    };
    let about = book.drafts.get(place).map(|draft| draft.about.clone()).unwrap_or_default();
    let mut lines = book.writers(&about, &invalid.key);
    let Some(draft) = book.drafts.get_mut(place) else { return false };
    if lines.is_empty() {
        lines.push(draft.head);
    }
    let why = &invalid.why;
    let mut parts = invalid.key.split('.');
    // Text for the unit can be left out, and the service is still the same everywhere else.
    if let (Some("systemd"), Some(section), Some(directive)) =
        (parts.next(), parts.next(), parts.next())
    {
        let text = &mut draft.service.systemd;
        let section = match section {
            "Unit" => &mut text.unit,
            "Install" => &mut text.install,
            _ => &mut text.service,
        };
        if section.remove(directive).is_some() {
            let why = format!("text for systemd {why}");
            return all(book, &lines, LineVerdict::Dropped, &why);
        }
    }
    // Whom it waits for may be refused itself.
    if why.contains("which is no service of this file") {
        let gone = |it: &svbuild::spec::Need| why.contains(&format!("`{}`", it.service));
        let service = &mut draft.service;
        for list in [&mut service.after, &mut service.needs, &mut service.wants] {
            list.retain(|need| !gone(need));
        }
        let why = format!("it {why}: that one is not converted");
        return all(book, &lines, LineVerdict::Dropped, &why);
    }
    draft.is_refused = true;
    let said =
        if invalid.key.is_empty() { why.clone() } else { format!("`{}` {why}", invalid.key) };
    all(book, &lines, LineVerdict::Refused, &said)
}

/// The same of several lines. Something was taken out, whoever asks.
fn all(book: &mut Book, lines: &[At], verdict: LineVerdict, why: &str) -> bool {
    for at in lines {
        book.judge(*at, verdict, None, Some(why));
    }
    true
}

impl Conversion {
    /// What a target is given: service directories or units. Each line whose key the target cannot express
    /// is [`LineVerdict::Dropped`] from now on, with what is nearest; one about rights is [`LineVerdict::Refused`].
    ///
    /// # Errors
    ///
    /// What svbuild refuses whatever is asked: a gap that is about rights, a word that the reader cannot be
    /// told.
    pub fn render(&mut self, target: Target, options: Options) -> Result<Plan, BuildError> {
        let rendered = self.definitions.render(target, options.lossy(Lossy::Commented));
        let gaps = match &rendered {
            Ok(plan) => plan.gaps.as_slice(),
            Err(BuildError::Gaps(gaps)) => gaps.as_slice(),
            Err(_) => &[],
        };
        for gap in gaps {
            let verdict = if gap.rights { LineVerdict::Refused } else { LineVerdict::Dropped };
            let why = format!("{target} has nothing for `{}`; {}", gap.key, gap.instead);
            self.report.blame(&gap.service, &gap.key, verdict, &why);
        }
        let asks = |it: &(&String, &svbuild::Service)| target == Target::Embedded && it.1.session;
        for (name, _) in self.definitions.service.iter().filter(asks) {
            let why = "the embedded supervisor makes a process group, and no session";
            self.report.blame(name, "session", LineVerdict::Equivalent, why);
        }
        rendered
    }
}
