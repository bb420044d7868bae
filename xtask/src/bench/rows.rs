//! The rows: what is measured, beside what, and the ratio that is asked for.

use std::{process::Command, time::Duration};

use super::{
    Extent, Programs, embedded,
    numbers::{Rounds, ratio, time},
    page::Section,
    process::{in_turn, row},
    tree::{Tree, directory},
};
use crate::{command, failure::Failure};

/// Rounds and sizes.
struct Size {
    counts: &'static [usize],
    many: &'static [usize],
    rounds: usize,
    starts: usize,
    rest: Duration,
    embedded: usize,
}

const FULL: Size = Size {
    counts: &[1, 100, 5_000],
    many: &[10, 100, 1_000, 5_000, 10_000],
    rounds: 200,
    starts: 9,
    rest: Duration::from_secs(10),
    embedded: 1_000,
};

const QUICK: Size = Size {
    counts: &[1, 3],
    many: &[3],
    rounds: 4,
    starts: 1,
    rest: Duration::from_secs(1),
    embedded: 3,
};

/// Everything, as a table.
pub(super) fn all(programs: &Programs, extent: Extent) -> Result<Section, Failure> {
    let size = match extent {
        Extent::Full => FULL,
        Extent::Quick => QUICK,
    };
    let mut table = Table::new();
    start_up(programs, &size, &mut table)?;
    status(programs, &size, &mut table)?;
    calls(programs, &size, &mut table)?;
    starts(programs, &size, &mut table)?;
    watch(programs, &size, &mut table)?;
    let supervisor = supervisor(programs, &size)?;
    Ok(Section { name: "time", text: format!("{}\n{supervisor}", table.0) })
}

/// The table so far.
struct Table(String);

impl Table {
    fn new() -> Self {
        let heads =
            "| work | ours, median | ours, p99 | beside | its median | ratio | asked for |\n";
        Self(format!("{heads}|---|---:|---:|---|---:|---:|---:|\n"))
    }

    /// One comparison of two columns.
    fn row(&mut self, work: &str, rounds: &Rounds, ours: &str, other: &str, asked: Option<f64>) {
        let (median, p99) = (rounds.median(ours), rounds.p99(ours));
        let beside = rounds.median(other);
        let asked = asked.map_or_else(String::new, |asked| format!("≤ {asked:.2}"));
        let found = ratio(median, beside);
        let line = format!(
            "| {work} | {} | {} | {other} | {} | {found:.2} | {asked} |\n",
            time(median),
            time(p99),
            time(beside),
        );
        eprint!("{line}");
        self.0.push_str(&line);
    }
}

fn start_up(programs: &Programs, size: &Size, table: &mut Table) -> Result<(), Failure> {
    let mut version = Command::new(&programs.svctl);
    version.arg("--version");
    let mut decode = Command::new(&programs.svctl);
    // A command that does something and needs no service.
    decode.args(["completions", "bash"]);
    let commands =
        vec![("`true`", Command::new("/bin/true")), ("completions", decode), ("version", version)];
    let rounds = in_turn(size.rounds * 2, commands)?;
    table.row(
        "svctl, start to end: `completions bash`",
        &rounds,
        "completions",
        "`true`",
        Some(1.3),
    );
    table.row("svctl, start to end: `--version`", &rounds, "version", "`true`", Some(1.3));
    Ok(())
}

/// `svctl status` as a process, beside the suites' own.
fn status(programs: &Programs, size: &Size, table: &mut Table) -> Result<(), Failure> {
    for &count in size.counts {
        let tree = Tree::new(programs, "runit", count)?;
        let asked = match count {
            1 => 1.5,
            5_000 => 0.7,
            _ => 1.0,
        };
        let names = tree.names()?;
        let ours = |args: &[&str]| {
            let mut command = Command::new(&programs.svctl);
            command.arg("status").args(args).env("SVDIR", tree.path());
            command
        };
        let mut native = Command::new("sv");
        native.arg("status").args(&names).env("SVDIR", tree.path());
        let mut named = ours(&[]);
        named.args(&names);
        let commands = vec![
            ("`sv status`", native),
            ("table", ours(&[])),
            ("json", ours(&["--json"])),
            ("named", named),
        ];
        let rounds = in_turn(if count > 1_000 { size.rounds / 8 } else { size.rounds }, commands)?;
        let row = |table: &mut Table, how: &str, column| {
            let work = format!("`svctl status{how}`, {count} under runit");
            table.row(&work, &rounds, column, "`sv status`", Some(asked));
        };
        row(table, "", "table");
        row(table, " --json", "json");
        row(table, " NAME...", "named");
    }
    let count = size.counts.get(1).copied().unwrap_or(1);
    let tree = Tree::new(programs, "s6", count)?;
    let mut ours = Command::new(&programs.svctl);
    ours.arg("status").arg("--dir").arg(tree.path());
    let mut native = Command::new("sh");
    native.args(["-c", r#"for it in "$1"/*; do s6-svstat "$it"; done"#, "sh"]).arg(tree.path());
    let commands = vec![("`s6-svstat`, each", native), ("table", ours)];
    let rounds = in_turn(size.rounds / 4, commands)?;
    let work = format!("`svctl status`, {count} under s6");
    table.row(&work, &rounds, "table", "`s6-svstat`, each", None);
    Ok(())
}

/// Calls of the library, beside direct system calls in the same process.
fn calls(programs: &Programs, size: &Size, table: &mut Table) -> Result<(), Failure> {
    for &count in size.many {
        let tree = Tree::new(programs, "runit", count)?;
        let rounds = (size.rounds * 100 / count.max(100)).max(3);
        let rounds = ask(programs, "statuses", &tree, &[count, rounds])?;
        let work = format!("`Bulk::statuses`, {count}, each");
        table.row(&work, &rounds, "ours", "same", Some(1.2));
        table.row(&work, &rounds, "ours", "fewest", None);
        if count >= 1_000 {
            table.row(&format!("{work}, 2 threads"), &rounds, "ours-2-threads", "same", None);
        }
    }
    let tree = Tree::new(programs, "runit", 3)?;
    let rounds = ask(programs, "status", &tree, &[size.rounds])?;
    table.row("`Service::status`, by a kept descriptor", &rounds, "ours", "same", Some(1.15));
    table.row("`Service::status`, by a kept descriptor", &rounds, "ours", "fewest", None);
    let rounds = ask(programs, "send", &tree, &[size.rounds])?;
    table.row("`Service::send`", &rounds, "ours", "floor", Some(1.5));
    table.row("`Service::send`, dialect given", &rounds, "ours-named", "floor", Some(1.5));
    let rounds = ask(programs, "event", &tree, &[size.rounds])?;
    table.row("record published to event", &rounds, "ours", "floor", Some(1.3));
    Ok(())
}

fn ask(programs: &Programs, what: &str, tree: &Tree, numbers: &[usize]) -> Result<Rounds, Failure> {
    let mut command = Command::new(&programs.bench);
    command.arg(what).arg(tree.path()).args(numbers.iter().map(usize::to_string));
    row(&mut command)
}

/// From request to process, under real supervisors.
fn starts(programs: &Programs, size: &Size, table: &mut Table) -> Result<(), Failure> {
    let suites = [
        ("runit", "runsv", "`sv start`", None),
        ("s6", "s6-supervise", "`s6-svc -wu -u`", None),
        ("daemontools", "supervise", "`svc -u`, does not wait", None),
    ];
    for (suite, program, native, asked) in suites {
        if !command::on_path(program) {
            table.0.push_str(&format!("| up under {suite} | not installed | | | | | |\n"));
            continue;
        }
        let dir = directory()?;
        let mut command = Command::new(&programs.bench);
        command.args(["start", suite]).arg(dir.path().join("web"));
        let rounds = row(command.arg(size.starts.to_string()).arg(&programs.svctl))?;
        let rounds = rounds.renamed("native", native);
        let work = |how: &str| format!("up under {suite}: {how}");
        table.row(&work("request to goal"), &rounds, "reached", "floor", Some(1.2));
        table.row(&work("`pursue` to its return"), &rounds, "returned", "floor", asked);
        table.row(&work("`svctl up`, whole process"), &rounds, "svctl", native, asked);
    }
    Ok(())
}

/// Many services in one watch.
fn watch(programs: &Programs, size: &Size, table: &mut Table) -> Result<(), Failure> {
    for &count in size.many.iter().filter(|&&count| count != 5_000) {
        let tree = Tree::new(programs, "runit", count)?;
        let (mut ours, mut floor, mut held) = (Vec::new(), Vec::new(), None);
        for round in 0..=4 {
            let direct = ask(programs, "watch-floor", &tree, &[count])?;
            // Resting is measured once, and in seconds.
            let rest = if round == 4 { size.rest.as_secs() } else { 0 };
            let rest = usize::try_from(rest).unwrap_or_default();
            let set = ask(programs, "watch", &tree, &[count, rest])?;
            if round > 0 {
                floor.push(direct.median("setup"));
                ours.push(set.median("setup"));
            }
            held = Some(set);
        }
        let rounds = Rounds::new([("ours".to_owned(), ours), ("floor".to_owned(), floor)]);
        let at_rest = held.map_or_else(String::new, |held| {
            format!(
                "{} KiB, {} descriptor, {} thread, {} wake-ups in {} s",
                held.median("kib"),
                held.median("descriptors"),
                held.median("threads"),
                held.median("wakes"),
                size.rest.as_secs(),
            )
        });
        let work = format!("watch of {count}, set up ({at_rest})");
        table.row(&work, &rounds, "ours", "floor", Some(2.0));
    }
    Ok(())
}

fn supervisor(programs: &Programs, size: &Size) -> Result<String, Failure> {
    let seen = embedded::run(programs, size.embedded, size.rest)?;
    Ok(format!(
        "Embedded supervisor (`svctl scan`) with {} services: one process, {} thread, {} KiB of its own; \
         in {} s at rest {} ticks of processor time and {} wake-ups.\n",
        size.embedded,
        seen.threads,
        seen.kib,
        size.rest.as_secs(),
        seen.ticks,
        seen.wakes,
    ))
}
