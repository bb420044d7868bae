//! `svctl status`: how services stand.

use std::{collections::BTreeSet, time::Duration};

use comfy_table::{Table, presets};
use svcmgr::{Error, State};

use crate::{
    args::{self, Global},
    exit::Exit,
    json::Row,
    names::{self, NoTargets, Target},
    output::Output,
    text,
};

pub(crate) fn run(global: &Global, status: &args::Status, output: &mut Output) -> Exit {
    let targets = match names::find(global, &status.services, output) {
        Ok(targets) => targets,
        Err(NoTargets(exit)) => return exit,
    };
    let mut exit = Exit::Done;
    let mut hints = BTreeSet::new();
    let mut rows: Vec<Row> =
        targets.into_iter().map(|target| look(target, &mut exit, &mut hints, output)).collect();
    rows.retain(|row| is_asked_for(row, status));
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

/// Whether a row passes the filters. One that could not be read has no state and no time, and is
/// never hidden.
fn is_asked_for(row: &Row, status: &args::Status) -> bool {
    let in_state = || row.state.is_some_and(|state| status.state.contains(&state));
    let recent = |within: &Duration| row.changed_ago.is_some_and(|ago| ago <= *within);
    row.error.is_some()
        || ((status.state.is_empty() || in_state())
            && status.changed_within.as_ref().is_none_or(recent))
}

/// Looks at one service; one that cannot be read is a row that says why.
fn look(target: Target, exit: &mut Exit, hints: &mut BTreeSet<String>, output: &mut Output) -> Row {
    let Target { name, path, backend } = target;
    let row = match backend {
        Ok(found) => match found.status() {
            Ok(observation) => Row::new(&*found, &observation),
            Err(error) => failed(Row::failed_for(&*found, &error), &error, exit, hints, output),
        },
        Err(error) => {
            failed(Row::failed(&name, path.as_deref(), &error), &error, exit, hints, output)
        }
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
