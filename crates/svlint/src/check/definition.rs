//! A file of definitions, as svbuild reads it.

use std::path::Path;

use crate::{Finding, rule::others, visit::Visit};

pub(crate) fn check(visit: &mut Visit<'_>, path: &Path) {
    let Some(source) = visit.read(path) else { return };
    visit.look();
    let Err(findings) = svbuild::Definitions::from_toml(&source.text) else { return };
    for found in findings.0 {
        let place = match &found.span {
            Some(span) => source.at(span.bytes.clone()),
            None => source.whole(),
        };
        let message = if source.is_shown { found.message } else { "it is not right".to_owned() };
        let finding = Finding::new(&others::DEFINITION, place, message);
        visit.tell(match found.help {
            Some(help) if source.is_shown => finding.help(help),
            _ => finding,
        });
    }
}
