//! `svctl status`: how services stand.

use std::{
    collections::BTreeSet, ffi::OsStr, num::NonZeroUsize, sync::Mutex, thread, time::Duration,
};

use svcmgr::{Bulk, Error, ScanDir, Service, State, Status, Supervised};

use crate::{
    args::{self, Global},
    exit::Exit,
    names::{self, Found, NoTargets},
    output::{Output, hint_of, painted},
    pieces::Pieces,
    reason::Asker,
    table::{self, Table},
    text::{self, Cells},
    view::View,
};

pub(crate) fn run(global: &Global, status: &args::Status, output: &mut Output) -> Exit {
    let mut listing = Listing::default();
    match look_at(global, status, &mut listing, output) {
        Ok(()) => listing.finish(if status.brief { &text::BRIEF } else { &text::COLUMNS }, output),
        Err(NoTargets(exit)) => exit,
    }
}

/// What was looked at so far.
#[derive(Default)]
struct Listing {
    count: usize,
    exit: Exit,
    hints: BTreeSet<String>,
    /// Printed when all are there: then it is known how wide the columns are.
    cells: Vec<Cells>,
    marks: Vec<Mark>,
}

impl Listing {
    /// Makes room for all rows before threads look: a thread that allocates waits for one that
    /// moves thousands of them, and a table of 5,000 takes 33 ms that way, not 28.
    fn make_room(&mut self, rows: usize) {
        self.cells.reserve(rows);
        self.marks.reserve(rows);
    }

    fn take(&mut self, one: Looked, output: &mut Output) {
        if let Some(error) = one.error {
            self.exit = self.exit.max(Exit::from(&*error));
            // The row says what is wrong, unless no row is printed; the hints come after all rows.
            if output.quiet && !output.json {
                output.error(&error);
            }
            self.hints.extend(hint_of(&error));
        }
        if one.supervised == Some(false) {
            self.exit = self.exit.max(Exit::Unsupervised);
        }
        match one.printed {
            Some(Printed::Json(one)) => output.list(&one),
            Some(Printed::Row(one, mark)) => {
                self.cells.push(one);
                self.marks.push(mark);
            }
            None => (),
        }
        self.count += 1;
    }

    fn finish(self, columns: &Columns, output: &mut Output) -> Exit {
        if output.json {
            output.end_list();
        } else if !output.quiet {
            print(columns, &self.cells, &self.marks, output);
            for hint in self.hints {
                output.hint(&hint);
            }
        }
        self.exit
    }
}

/// Looks at all services that are asked for, in their order.
fn look_at(
    global: &Global,
    status: &args::Status,
    listing: &mut Listing,
    output: &mut Output,
) -> Result<(), NoTargets> {
    if let Some(survey) = names::survey(global, &status.services, output)? {
        let how = How::of(survey.len(), global, status, output);
        let look = |service: &Service, seen| {
            let is_aside = status.services.is_empty() && names::is_helper(service);
            (!is_aside).then(|| Looked::of(service, seen, &how))
        };
        let loops = Mutex::new(Vec::new());
        let other = |name: &OsStr, error| {
            // What is listed and is no service is left out; what was named is not.
            let path = survey.dir().join(name);
            if status.services.is_empty() && ScanDir::new(survey.dir()).leads_back(name) {
                // Poisoned only where a look has panicked.
                let _told = loops.lock().map(|mut loops| loops.push(path.clone()));
            }
            let name = name.to_string_lossy();
            // Nor is a link that leads nowhere: somebody has enabled it.
            let (is_link, error) = match names::nowhere(&path) {
                Some(leads_to) => (true, Error::Dangling { link: path.clone(), leads_to }),
                None => (false, error),
            };
            let view = View::failed(&name, Some(&path), &error);
            (is_link || !status.services.is_empty())
                .then(|| Some(Looked::new(&view, Some(error), &how)))
        };
        if !output.json {
            listing.make_room(survey.len());
        }
        survey.look_each(threads(survey.len()), look, other, |one| {
            if let Some(one) = one {
                listing.take(one, output);
            }
        });
        loops
            .into_inner()
            .unwrap_or_default()
            .iter()
            .for_each(|entry| names::is_loop(entry, output));
        if listing.count == 0 {
            names::nothing_in(survey.dir(), output);
        }
        return Ok(());
    }
    let targets = names::find_shown(global, &status.services, output)?;
    let how = How::of(targets.len(), global, status, output);
    let found = targets.iter().filter_map(|target| target.found.as_ref().ok());
    let found: Vec<Found> = found.cloned().collect();
    let bulk = Bulk::new(&found).parallel(threads(found.len()));
    let mut seen = if status.brief { bulk.states() } else { bulk.statuses() }.into_iter();
    for target in targets {
        let looked = match target.found {
            Ok(found) => {
                let seen = seen.next().unwrap_or_else(|| found.status());
                if names::has_gone(&status.services, &seen) {
                    continue;
                }
                Looked::of(&*found, seen, &how)
            }
            Err(error) => {
                let view = View::failed(&target.name, target.path.as_deref(), &error);
                Looked::new(&view, Some(error), &how)
            }
        };
        listing.take(looked, output);
    }
    Ok(())
}

/// A look takes about 8 us, and a thread 60 us. For 50 services one thread takes 0.97 ms, all in
/// all, and two 0.77 ms.
fn threads(services: usize) -> NonZeroUsize {
    const MANY: usize = 25;
    let enough = NonZeroUsize::new(services / MANY).unwrap_or(NonZeroUsize::MIN);
    if enough == NonZeroUsize::MIN { enough } else { enough.min(processors()) }
}

/// How many threads run at a time. `available_parallelism` reads the limits of the control group as
/// well, which takes as long as four looks.
fn processors() -> NonZeroUsize {
    #[cfg(target_os = "linux")]
    if let Ok(set) = nix::sched::sched_getaffinity(nix::unistd::Pid::from_raw(0)) {
        let allowed = (0..nix::sched::CpuSet::count()).filter(|cpu| set.is_set(*cpu) == Ok(true));
        return NonZeroUsize::new(allowed.count()).unwrap_or(NonZeroUsize::MIN);
    }
    thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// What is said of a service, and how much is asked for it.
struct How<'a> {
    json: bool,
    depth: Depth,
    asker: Asker,
    filters: &'a args::Status,
}

impl<'a> How<'a> {
    fn of(services: usize, global: &Global, filters: &'a args::Status, output: &Output) -> Self {
        let (depth, asker) = (Depth::of(services, output), Asker::of(services, global.user));
        Self { json: output.json, depth, asker, filters }
    }
}

/// What came of a look. What is printed is made where it was looked at, which may be another
/// thread.
struct Looked {
    supervised: Option<bool>,
    /// Why it says less than it might.
    error: Option<Box<Error>>,
    /// `None` where the filters leave it out.
    printed: Option<Printed>,
}

/// A service on standard output.
enum Printed {
    Json(Pieces),
    Row(Cells, Mark),
}

/// What a row of the table is known by.
struct Mark {
    state: Option<State>,
    /// Its last cell says why there is not more.
    failed: bool,
}

impl Looked {
    fn of(found: &dyn Supervised, seen: Result<Status, Error>, how: &How<'_>) -> Self {
        match seen {
            Ok(seen) if !how.filters.brief && how.depth.asks(found, &seen) => {
                let view = how.asker.with_reason(found, View::new(found, &seen).asking(found));
                Self::new(&view, None, how)
            }
            Ok(seen) => Self::new(&View::new(found, &seen), None, how),
            Err(error) => Self::new(&View::failed_for(found, &error), Some(error), how),
        }
    }

    fn new(view: &View<'_>, error: Option<Error>, how: &How<'_>) -> Self {
        let supervised = view.supervised();
        let printed = if !is_asked_for(view, how.filters) {
            None
        } else if how.json {
            // Numbers and texts: nothing that JSON has no word for.
            let mut json = Pieces::with_capacity(640);
            let written = serde_json::to_writer(&mut json, view);
            written.is_ok().then_some(Printed::Json(json))
        } else {
            let mark = Mark { state: view.state(), failed: view.error.is_some() };
            let cells = if how.filters.brief { text::brief(view) } else { text::cells(view) };
            Some(Printed::Row(cells, mark))
        };
        Self { supervised, error: error.map(Box::new), printed }
    }
}

/// Whether a row passes the filters. One that could not be read has no state and no time, and is
/// never hidden.
fn is_asked_for(view: &View<'_>, filters: &args::Status) -> bool {
    let in_state = || view.state().is_some_and(|state| filters.state.contains(&state));
    let recent = |within: &Duration| view.changed_ago().is_some_and(|ago| ago <= *within);
    view.error.is_some()
        || ((filters.state.is_empty() || in_state())
            && filters.changed_within.as_ref().is_none_or(recent))
}

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
    fn of(services: usize, output: &Output) -> Self {
        const FEW: usize = 16;
        const SOME: usize = 64;
        if output.verbose || services <= FEW {
            Self::All
        } else if services <= SOME {
            Self::Directories
        } else {
            Self::Suspects
        }
    }

    fn asks(self, found: &dyn Supervised, seen: &Status) -> bool {
        match self {
            Self::All => true,
            Self::Directories if found.directory().is_some() => true,
            _ => !matches!(seen.state(), State::Up | State::Ready | State::Down | State::Exited),
        }
    }
}

type Columns = [table::Column; text::COLUMNS.len()];

fn print(columns: &Columns, cells: &[Cells], marks: &[Mark], output: &mut Output) {
    if cells.is_empty() {
        return;
    }
    let table = table::layout(columns, cells, Output::width());
    if output.has_color() {
        output.raw(painted_all(&table, marks).as_bytes());
    } else {
        output.raw(table.text());
    }
    // Why something could not be read is worth more than the width of a terminal.
    for (((_, is_cut), mark), cells) in table.lines().skip(1).zip(marks).zip(cells) {
        if is_cut && mark.failed {
            let [name, error] =
                [0, text::COLUMNS.len() - 1].map(|at| String::from_utf8_lossy(cells.get(at)));
            output.message(&format!("{name}: {error}"));
        }
    }
}

/// The head, and a line in the colour of its state for each row.
fn painted_all(table: &Table, marks: &[Mark]) -> String {
    let mut lines = table.lines().map(|(line, _)| line);
    let mut text = lines.next().unwrap_or_default().to_owned() + "\n";
    for (line, mark) in lines.zip(marks) {
        text.push_str(&painted(mark.state, line));
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests;
