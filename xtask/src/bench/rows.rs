//! The rows, in groups that do not depend on each other.

mod embedded;
mod functions;
mod library;
mod start_up;
mod starts;
mod status;
mod units;
mod watching;

use std::{
    process::{Command, Stdio},
    thread,
};

use super::{
    Extent, Programs, numbers::Rounds, page::Section, size::Size, table::Table, tree::Tree,
};
use crate::{command, failure::Failure};

type Group = fn(&Programs, &Size) -> Result<Table, Failure>;

/// Who makes files comes before who deletes thousands: ext4 without a journal does not use an inode
/// again for minutes, and looks at each of those for every file that is made (Linux 6.18,
/// `fs/ext4/ialloc.c`, `recently_deleted`). Six files replaced took 0.18 ms before ten thousand
/// services were deleted and 1.1 ms after.
const GROUPS: [(&str, Group); 8] = [
    ("functions", functions::rows),
    ("starts", starts::rows),
    ("embedded", embedded::rows),
    ("start-up", start_up::rows),
    ("library", library::rows),
    ("status", status::rows),
    ("watching", watching::rows),
    ("units", units::rows),
];

/// Everything, as a table.
pub(super) fn all(programs: &Programs, extent: Extent) -> Result<Section, Failure> {
    let size = &Size::of(extent);
    let tables: Vec<Result<Table, Failure>> = match extent {
        // Nobody looks at the times.
        Extent::Smoke => thread::scope(|scope| {
            let run = |(_, group): (&str, Group)| scope.spawn(move || group(programs, size));
            let running = GROUPS.map(run);
            let ended = || Err(Failure::Because("a group of rows ended early".into()));
            running.map(|it| it.join().unwrap_or_else(|_| ended())).into()
        }),
        Extent::Full | Extent::Quick => GROUPS
            .into_iter()
            .map(|(name, group)| {
                eprintln!("measuring: {name}");
                group(programs, size)
            })
            .collect(),
    };
    let (mut table, mut failures) = (Table::default(), Vec::new());
    for ((name, _), rows) in GROUPS.iter().zip(tables) {
        match rows {
            Ok(rows) => table.append(rows),
            Err(Failure::Because(why)) => failures.push(format!("{name}: {why}")),
            Err(_) => failures.push((*name).to_owned()),
        }
    }
    if failures.is_empty() {
        return Ok(Section { name: "time", text: table.text() });
    }
    // What could be measured is not lost.
    print!("{}", table.text());
    Err(Failure::Because(format!("not everything was measured:\n  {}", failures.join("\n  "))))
}

/// What a row of the other program prints.
fn ask(programs: &Programs, words: &[&str]) -> Result<Rounds, Failure> {
    Rounds::parse(&output(Command::new(&programs.bench).args(words))?)
}

/// The same about a tree.
fn about(
    programs: &Programs,
    what: &str,
    tree: &Tree,
    numbers: &[usize],
) -> Result<Rounds, Failure> {
    let mut command = Command::new(&programs.bench);
    command.arg(what).arg(tree.path()).args(numbers.iter().map(usize::to_string));
    Rounds::parse(&output(&mut command)?)
}

/// Whole processes in turn: a name, and the words of the command.
fn processes(
    spawn: &mut Command,
    rounds: usize,
    commands: &[(&str, Vec<String>)],
) -> Result<Rounds, Failure> {
    spawn.arg("spawn").arg(rounds.to_string());
    for (at, (name, words)) in commands.iter().enumerate() {
        if at > 0 {
            spawn.arg(";");
        }
        spawn.arg(name).args(words);
    }
    Rounds::parse(&output(spawn)?)
}

/// What it prints on standard output; an error unless it succeeds.
fn output(command: &mut Command) -> Result<String, Failure> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|why| command::not_run(command, &why))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let shown: String = command::shown(command).chars().take(80).collect();
    let why = String::from_utf8_lossy(&output.stderr);
    Err(Failure::cannot(format!("measure `{shown}`"), why.trim_end()))
}

/// Words of a command.
fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(ToString::to_string).collect()
}
