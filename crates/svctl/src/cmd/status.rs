//! `svctl status`: how services stand.

use std::{collections::BTreeSet, num::NonZeroUsize, sync::Arc, thread, time::Duration};

use svcmgr::{Backend, Bulk, Error, Observation, Reading, State, Status, Want};

use crate::{
    args::{self, Global},
    exit::Exit,
    json::{Listed, Odd, Row, now},
    names::{self, Found, NoTargets, Target},
    output::Output,
    table, text,
};

pub(crate) fn run(global: &Global, status: &args::Status, output: &mut Output) -> Exit {
    let targets = match names::find(global, &status.services, output) {
        Ok(targets) => targets,
        Err(NoTargets(exit)) => return exit,
    };
    let mut exit = Exit::Done;
    let mut hints = BTreeSet::new();
    let mut rows = Vec::with_capacity(targets.len());
    let depth = Depth::of(&targets, output);
    for Looked { row, odd, error } in look_at(targets, depth) {
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
        rows.push((row, odd));
    }
    rows.retain(|(row, _)| is_asked_for(row, status));
    if output.json {
        let rows: Vec<_> = rows.iter().map(|(row, odd)| Listed { row, odd }).collect();
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
    odd: Vec<Odd>,
    error: Option<Error>,
}

/// Looks at all services, in their order, with as many threads as may run.
fn look_at(targets: Vec<Target>, depth: Depth) -> Vec<Looked> {
    let mut targets = with_batches(targets);
    let look = |job| look(job, depth);
    if targets.len() < MANY {
        return targets.into_iter().map(look).collect();
    }
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let piece_len = targets.len().div_ceil(threads);
    thread::scope(|scope| {
        let mut workers = Vec::new();
        while targets.len() > piece_len {
            let piece = targets.split_off(targets.len() - piece_len);
            workers.push(scope.spawn(move || piece.into_iter().map(look).collect::<Vec<_>>()));
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

/// Who is asked for what is odd about it. That is a system call more for a service directory, and a
/// question more to its manager for a unit.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    /// Every service.
    All,
    /// Service directories, and units that do not stand well.
    Directories,
    /// Those that do not stand well.
    Suspects,
}

impl Depth {
    /// A long listing costs no more than its records.
    fn of(targets: &[Target], output: &Output) -> Self {
        const FEW: usize = 16;
        const SOME: usize = 64;
        match targets.len() {
            _ if output.verbose => Self::All,
            ..=FEW => Self::All,
            ..=SOME => Self::Directories,
            _ if output.json => Self::Directories,
            _ => Self::Suspects,
        }
    }

    fn asks(self, found: &dyn Backend, seen: &Observation) -> bool {
        let state = seen.reading.status().map(Status::state);
        match self {
            Self::All => true,
            Self::Directories if found.directory().is_some() => true,
            _ => !matches!(state, Some(State::Up | State::Ready | State::Down | State::Exited)),
        }
    }
}

/// Looks at one service; one that cannot be read is a row that says why.
fn look(Job { target, seen }: Job, depth: Depth) -> Looked {
    let (row, odd, error) = match target.backend {
        Ok(found) => match seen.unwrap_or_else(|| found.status()) {
            Ok(observation) => {
                let row = Row::new(&*found, &observation);
                let odd = odd(&*found, &observation, depth);
                (row, odd, None)
            }
            Err(error) => (Row::failed_for(&*found, &error), Vec::new(), Some(error)),
        },
        Err(error) => {
            let row = Row::failed(&target.name, target.path.as_deref(), &error);
            (row, Vec::new(), Some(error))
        }
    };
    Looked { row, odd, error }
}

/// Wanted up and without a process for longer than this, a service is stuck.
const STUCK: Duration = Duration::from_secs(60);

/// What is odd about a service, in words.
fn odd(found: &dyn Backend, seen: &Observation, depth: Depth) -> Vec<Odd> {
    let mut all = Vec::new();
    let mut say = |kind, says| all.push(Odd { kind, says });
    if depth.asks(found, seen) {
        let odd = found.oddities(seen);
        if let Some(crash_loop) = odd.crash_loop {
            let ends = crash_loop.ends;
            say(
                "crash-loop",
                match crash_loop.within {
                    Some(within) => {
                        format!(
                            "crash loop: ended {ends} times in {}",
                            text::span(within.as_secs_f64())
                        )
                    }
                    None => format!("crash loop: ended {ends} times"),
                },
            );
        }
        if odd.is_definition_newer == Some(true) {
            say("definition-newer", "definition newer than process".to_owned());
        }
        if let Some(since) = odd.stale_since {
            let ago = text::span(since.elapsed(now()).as_secs_f64());
            say("stale", format!("stale record, {ago} old"));
        }
    }
    if let Reading::Status(status) = &seen.reading
        && status.want == Some(Want::Up)
        && status.pid.or(status.finish_pid).is_none()
        && let Some(ago) = status.since.map(|since| since.elapsed(now()))
        && ago > STUCK
        && !matches!(status.state(), State::Exited)
    {
        let ago = text::span(ago.as_secs_f64());
        say("stuck", format!("stuck: wanted up, without a process for {ago}"));
    }
    all
}

fn print(rows: &[(Row, Vec<Odd>)], output: &mut Output) {
    if rows.is_empty() {
        return;
    }
    let cells: Vec<_> = rows.iter().map(|(row, odd)| text::cells(row, odd)).collect();
    let table = table::layout(&text::COLUMNS, &cells, output.width());
    output.line(&table.head);
    let mut cut = Vec::new();
    for (line, (row, _)) in table.rows.iter().zip(rows) {
        let painted = output.paint(state_of(row), &line.text);
        output.line(&painted);
        if line.is_cut {
            cut.extend(row.error.as_ref().map(|error| format!("{}: {error}", row.shown)));
        }
    }
    // Why something could not be read is worth more than the width of a terminal.
    for error in cut {
        output.message(&error);
    }
}

fn state_of(row: &Row) -> Option<State> {
    State::ALL.into_iter().find(|state| row.state == Some(state.name()))
}
