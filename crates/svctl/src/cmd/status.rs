//! `svctl status`: how services stand.

use std::{collections::BTreeSet, ffi::OsString};

use comfy_table::{Table, presets};
use svcmgr::{Error, State};

use crate::{
    args::Global,
    exit::Exit,
    json::Row,
    names::{self, NoTargets, Target},
    output::Output,
    text,
};

pub(crate) fn run(global: &Global, services: &[OsString], output: &mut Output) -> Exit {
    let targets = match names::find(global, services, output) {
        Ok(targets) => targets,
        Err(NoTargets(exit)) => return exit,
    };
    let mut exit = Exit::Done;
    let mut hints = BTreeSet::new();
    let rows: Vec<Row> =
        targets.into_iter().map(|target| look(target, &mut exit, &mut hints, output)).collect();
    if output.json {
        output.json(&rows);
    } else if !output.quiet {
        print(&rows, output);
        for hint in hints {
            output.message(&format!("hint: {hint}"));
        }
    }
    exit
}

/// Looks at one service; one that cannot be read is a row that says why.
fn look(target: Target, exit: &mut Exit, hints: &mut BTreeSet<String>, output: &mut Output) -> Row {
    let Target { name, path, service } = target;
    let row = match service {
        Ok(service) => match service.status() {
            Ok(observation) => Row::new(&service, &observation),
            Err(error) => failed(Row::failed_for(&service, &error), &error, exit, hints, output),
        },
        Err(error) => failed(Row::failed(&name, &path, &error), &error, exit, hints, output),
    };
    if row.supervised == Some(false) {
        *exit = (*exit).max(Exit::Unsupervised);
    }
    row
}

/// The row says what is wrong, unless no row is printed; the hints come after all rows.
fn failed(
    row: Row,
    error: &Error,
    exit: &mut Exit,
    hints: &mut BTreeSet<String>,
    output: &mut Output,
) -> Row {
    *exit = (*exit).max(Exit::from(error));
    if output.quiet && !output.json {
        output.error(error);
    }
    hints.extend(error.hint());
    row
}

fn print(rows: &[Row], output: &mut Output) {
    if rows.is_empty() {
        return;
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["SERVICE", "STATE", "PID", "FOR", "NOTES"]);
    for row in rows {
        table.add_row(text::columns(row));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    for (at, line) in table.lines().enumerate() {
        let row = at.checked_sub(1).and_then(|at| rows.get(at));
        let line = line.trim_end();
        match row {
            Some(row) => {
                let state = State::ALL.into_iter().find(|state| row.state == Some(state.name()));
                let painted = output.paint(state, line);
                output.line(&painted);
            }
            None => output.line(line),
        }
    }
}
