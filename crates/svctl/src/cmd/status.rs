//! `svctl status`: how services stand.

use std::{collections::BTreeSet, num::NonZeroUsize, sync::Arc, thread, time::Duration};

use comfy_table::{Table, presets};
use svcmgr::{Bulk, Error, Observation, State};

use crate::{
    args::{self, Global},
    exit::Exit,
    json::Row,
    names::{self, Found, NoTargets, Target},
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
    let mut rows = Vec::with_capacity(targets.len());
    for Looked { row, error } in look_at(targets) {
        if let Some(error) = error {
            exit = exit.max(Exit::from(&error));
            // The row says what is wrong, unless no row is printed; the hints come after all rows.
            if output.quiet && !output.json {
                output.error(&error);
            }
            hints.extend(error.hint());
        }
        if row.supervised == Some(false) {
            exit = exit.max(Exit::Unsupervised);
        }
        rows.push(row);
    }
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

/// A row, and why it says less than it might.
struct Looked {
    row: Row,
    error: Option<Error>,
}

/// Looks at all services, in their order, with as many threads as may run.
fn look_at(targets: Vec<Target>) -> Vec<Looked> {
    let mut targets = with_batches(targets);
    if targets.len() < MANY {
        return targets.into_iter().map(look).collect();
    }
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let piece_len = targets.len().div_ceil(threads);
    thread::scope(|scope| {
        let mut workers = Vec::new();
        while targets.len() > piece_len {
            let piece = targets.split_off(targets.len() - piece_len);
            workers.push(scope.spawn(|| piece.into_iter().map(look).collect::<Vec<_>>()));
        }
        let mut rows: Vec<Looked> = targets.into_iter().map(look).collect();
        for worker in workers.into_iter().rev() {
            match worker.join() {
                Ok(more) => rows.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        rows
    })
}

/// A target, and how it stands if it was asked together with others.
struct Job {
    target: Target,
    seen: Option<Result<Observation, Error>>,
}

/// Asks those first that can be asked in one go: the units of a bus.
fn with_batches(targets: Vec<Target>) -> Vec<Job> {
    let in_a_batch = |target: &Target| {
        let found = target.backend.as_ref().ok()?;
        found.batch().map(|_| Arc::clone(found))
    };
    let together: Vec<Option<Found>> = targets.iter().map(in_a_batch).collect();
    let asked: Vec<Found> = together.iter().flatten().cloned().collect();
    let mut seen = Bulk::new(&asked).statuses().into_iter();
    let jobs = targets.into_iter().zip(together);
    jobs.map(|(target, found)| Job { target, seen: found.and_then(|_| seen.next()) }).collect()
}

/// A look takes about 15 us, a thread 60 us, and asking how many may run 40 us.
const MANY: usize = 64;

/// Looks at one service; one that cannot be read is a row that says why.
fn look(Job { target, seen }: Job) -> Looked {
    let (row, error) = match target.backend {
        Ok(found) => match seen.unwrap_or_else(|| found.status()) {
            Ok(observation) => (Row::new(&*found, &observation), None),
            Err(error) => (Row::failed_for(&*found, &error), Some(error)),
        },
        Err(error) => (Row::failed(&target.name, target.path.as_deref(), &error), Some(error)),
    };
    Looked { row, error }
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
