//! `svctl convert`: from what describes services elsewhere to definitions, with a report of every line.

use svcmgr::{
    build::{Options, Plan, Target},
    convert::{Conversion, Disk, Error, LineVerdict, convert},
};

use crate::{
    args::{Convert, Made},
    cmd::build,
    exit::Exit,
    json::Converted,
    output::{Output, printable},
    silent::Silent,
};

/// Prints the definition and the report, or makes what a target is given.
pub(crate) fn run(silent: &Silent, args: &Convert, output: &mut Output) -> Exit {
    if let Some(path) = silent.paths().next() {
        let error = Silent::error(path);
        output.error(&error);
        return Exit::from(&error);
    }
    let mut conversion = match convert(&Disk::new(), &args.inputs, args.from) {
        Ok(conversion) => conversion,
        Err(error) => {
            output.failure(&error, error.hint());
            return match error {
                Error::Io { .. } => Exit::System,
                _ => Exit::Usage,
            };
        }
    };
    let plan = args.target.map(|target| (target, conversion.render(target, Options::new())));
    let is_strict = args.strict && conversion.report.worst() > LineVerdict::Equivalent;
    if output.json {
        output.json(&Converted::new(&conversion, args.target.map(Target::name)));
    } else {
        if args.out.is_none() {
            conversion.text.lines().for_each(|line| output.line(&printable(line)));
        }
        report(&conversion, output);
    }
    if let (Some((target, plan)), Some(_)) = (plan, &args.out)
        && !is_strict
        && !conversion.definitions.service.is_empty()
    {
        match plan {
            Ok(plan) => {
                if let Err(exit) = make(args, target, &plan, output) {
                    return exit;
                }
            }
            Err(error) => return build::refused(&error, output),
        }
    }
    if is_strict && !output.json {
        output.message("not every line is exact or equivalent, which --strict asks for");
    }
    let is_refused = conversion.report.worst() == LineVerdict::Refused;
    if is_refused || is_strict { Exit::Negative } else { Exit::Done }
}

/// Writes as `build` does, and with the same words.
fn make(args: &Convert, target: Target, plan: &Plan, output: &mut Output) -> Result<(), Exit> {
    let Some(out) = &args.out else { return Ok(()) };
    if !output.quiet {
        for note in &plan.notes {
            output.message(&printable(&format!("note: {note}")));
        }
    }
    // The report is what `--json` prints, one object.
    let is_told = !output.json;
    let made = Made { owner: None, diff: false, adopt: args.adopt, is_told };
    build::carry_out(&made, target, plan, out, output).map(drop)
}

/// What is not exact, or with `--verbose` every line; and how many there are.
fn report(conversion: &Conversion, output: &mut Output) {
    let least = match (output.quiet, output.verbose) {
        (true, _) => LineVerdict::Refused,
        (_, true) => LineVerdict::Exact,
        _ => LineVerdict::Equivalent,
    };
    for line in conversion.report.lines.iter().filter(|line| line.verdict >= least) {
        output.report(&printable(&line.to_string()));
    }
    if output.quiet {
        return;
    }
    let counts = conversion.report.counts();
    let services = &conversion.report.services;
    let converted = services.iter().filter(|it| it.is_converted).count();
    output.report(&format!(
        "{converted} of {} services; lines: {} exact, {} equivalent, {} approximated, {} dropped, {} refused",
        services.len(),
        counts.exact,
        counts.equivalent,
        counts.approximated,
        counts.dropped,
        counts.refused,
    ));
}
