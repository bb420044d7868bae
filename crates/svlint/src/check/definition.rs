//! A file of definitions, as svbuild reads it.

use std::path::Path;

use svbuild::{
    Definitions,
    spec::{Base, Service, Word},
};

use crate::{Finding, rule::others, source::Source, visit::Visit};

pub(crate) fn check(visit: &mut Visit<'_>, path: &Path) {
    let Some(source) = visit.read(path) else { return };
    visit.look();
    // As `svctl dev` reads it, which asks least of a file.
    let whole = std::path::absolute(path).unwrap_or_default();
    let base = whole.parent().map_or(Base::Unknown, Base::Implied);
    let findings = match Definitions::from_toml_in(&source.text, base) {
        Ok(definitions) => {
            for service in definitions.service.values() {
                not_expanded(visit, &source, service);
            }
            return;
        }
        Err(findings) => findings,
    };
    for found in findings.0 {
        let location = match &found.span {
            Some(span) => source.at(span.bytes.clone()),
            None => source.whole(),
        };
        let message = if source.is_shown { found.message } else { "it is not right".to_owned() };
        let finding = Finding::new(&others::DEFINITION, location, message);
        visit.tell(match found.help {
            Some(help) if source.is_shown => finding.help(help),
            _ => finding,
        });
    }
}

/// References in words of which none is replaced.
fn not_expanded(visit: &mut Visit<'_>, source: &Source, service: &Service) {
    if service.expand == Some(true) {
        return;
    }
    let program = service.exec.first().and_then(|it| Path::new(it.as_os_str()).file_name());
    // A shell replaces what stands in its own command, and a program that takes one hands it on.
    let is_for_shell = program.is_some_and(|it| it.as_encoded_bytes().ends_with(b"sh"))
        || service.exec.iter().any(|it| it.as_bytes() == b"-c");
    let exec = service.exec.iter().filter(|_| !is_for_shell);
    for reference in exec.chain(service.env.values()).filter_map(reference) {
        // Where it stands first: what is written otherwise in the file is not looked for.
        if let Some(start) = source.text.find(reference) {
            let location = source.at(start..start + reference.len());
            let message = format!("`{}` is handed on as it stands", source.quoted(reference));
            visit.tell(Finding::new(&others::NOT_EXPANDED, location, message));
        }
    }
}

/// The first `${NAME}` or `${NAME:-text}` of a word.
fn reference(word: &Word) -> Option<&str> {
    let text = std::str::from_utf8(word.as_bytes()).ok()?;
    let start = text.find("${").filter(|at| !text[..*at].ends_with('$'))?;
    let (inner, _) = text.get(start + 2..)?.split_once('}')?;
    let name = inner.split_once(":-").map_or(inner, |(name, _)| name);
    let is_name = !name.is_empty()
        && !name.starts_with(|it: char| it.is_ascii_digit())
        && name.chars().all(|it| it.is_ascii_alphanumeric() || it == '_');
    is_name.then(|| &text[start..start + inner.len() + 3])
}
