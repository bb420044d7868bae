//! `svctl build --check`: for whom a file can be built. Everything is rendered, nothing written.

use svcmgr::build::{Definitions, Error, Gap, Target, spec::Findings};

use super::{explain, located, refused, render};
use crate::{
    args::Build,
    exit::Exit,
    json,
    output::{Output, printable},
};

pub(super) fn run(
    args: &Build,
    text: &str,
    definitions: &Definitions,
    output: &mut Output,
) -> Result<Exit, Exit> {
    // No supervisor reads a Procfile, and it has no word for most of what is in a definition.
    let supervisors = Target::ALL.into_iter().filter(|target| *target != Target::Procfile);
    let targets = args.target.map_or_else(|| supervisors.collect(), |target| vec![target]);
    let (mut rows, mut gaps, mut findings) = (Vec::new(), Vec::new(), Vec::new());
    for target in targets {
        match render(definitions, args, target) {
            Ok(plan) => rows.push(json::ForTarget::able(target.name(), plan.gaps, plan.notes)),
            Err(Error::Gaps(all)) => {
                gaps.extend(all.iter().cloned());
                rows.push(json::ForTarget::unable(
                    target.name(),
                    all.iter().map(json::Refused::gap),
                ));
            }
            Err(error) => match json::Refused::unquotable(&error) {
                Some(one) => {
                    findings.push(located::unquotable(text, &error));
                    rows.push(json::ForTarget::unable(target.name(), [one]));
                }
                // A service that is not there, which is so for every target.
                None => return Err(refused(&error, output)),
            },
        }
    }
    let left_out = rows.iter().flat_map(|row| &row.left_out);
    for gap in left_out {
        output.message(&printable(&format!("warning: would be left out: {gap}")));
    }
    findings.splice(0..0, located::gaps_of(text, &gaps));
    explain(&args.file, text, &Findings(findings), output);
    if !args.lossy && gaps.iter().any(|gap: &Gap| !gap.rights) {
        output.hint("with --lossy these are left out, each with a comment");
    }
    let all_built = rows.iter().all(|row| row.builds);
    if output.json {
        output.json(&json::Buildable { checked: rows });
    } else if !output.quiet {
        for row in &rows {
            output.line(&printable(&row.to_string()));
        }
    }
    Ok(if all_built { Exit::Done } else { Exit::Negative })
}
