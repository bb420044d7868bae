//! `svctl status`: how services stand.

use std::ffi::OsString;

use comfy_table::{Table, presets};
use svcmgr::State;

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
    let rows: Vec<Row> =
        targets.into_iter().map(|target| look(target, &mut exit, output)).collect();
    if output.json {
        output.json(&rows);
    } else if !output.quiet {
        print(&rows, output);
    }
    exit
}

/// Looks at one service; one that cannot be read is a row that says why.
fn look(target: Target, exit: &mut Exit, output: &mut Output) -> Row {
    let Target { name, path, service } = target;
    let observed = service.and_then(|service| service.status().map(|seen| (service, seen)));
    let row = match observed {
        Ok((service, observation)) => Row::new(&service, &observation),
        Err(error) => {
            *exit = (*exit).max(Exit::from(&error));
            // The row says it, unless no row is printed.
            if output.quiet && !output.json {
                output.error(&error);
            }
            Row::failed(&name, &path, &error)
        }
    };
    if row.supervised == Some(false) {
        *exit = (*exit).max(Exit::Unsupervised);
    }
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
