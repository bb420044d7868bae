//! A file of definitions, as svbuild reads it.

use std::path::Path;

use svbuild::spec::Base;

use crate::{Finding, rule::others, visit::Visit};

pub(crate) fn check(visit: &mut Visit<'_>, path: &Path) {
    let Some(source) = visit.read(path) else { return };
    visit.look();
    // As `svctl dev` reads it, which asks least of a file.
    let whole = std::path::absolute(path).unwrap_or_default();
    let base = whole.parent().map_or(Base::Unknown, Base::Implied);
    let Err(findings) = svbuild::Definitions::from_toml_in(&source.text, base) else { return };
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
