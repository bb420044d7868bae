//! Many services in one watch: setting it up, what it holds, and that it sleeps.

use super::about;
use crate::{
    bench::{
        Programs,
        numbers::Rounds,
        size::Size,
        syscalls::trace::Trace,
        table::{Asked, Figure, Table},
        tree::Tree,
    },
    command,
    failure::Failure,
};

/// Processes, each of which sets up a watch.
const ROUNDS: usize = 5;

pub(super) fn rows(programs: &Programs, size: &Size) -> Result<Table, Failure> {
    let mut table = Table::default();
    let most = size.watched.iter().copied().max().unwrap_or(1);
    let tree = Tree::new(programs, "runit", most)?;
    for &count in size.watched {
        let (mut ours, mut floor, mut held) = (Vec::new(), Vec::new(), None);
        for _ in 0..ROUNDS {
            floor.push(about(programs, "watch-floor", &tree, &[count])?.median("setup"));
            let set = about(programs, "watch", &tree, &[count, 0])?;
            ours.push(set.median("setup"));
            held = Some(set);
        }
        let rounds = Rounds::new([("ours".to_owned(), ours), ("floor".to_owned(), floor)]);
        let work = |what: &str| format!("watch of {count}: {what}");
        let floor = "a watch and the same look, each";
        let columns = ("ours", "floor");
        // For a few, that the process is new is most of it.
        let asked = if count < 1_000 { Asked::Nothing } else { Asked::Ratio(2.0) };
        table.compare(work("set up"), &rounds, columns, floor, asked);
        let rounds = rounds.each(count);
        table.compare(work("set up, each"), &rounds, columns, floor, Asked::Nothing);
        let Some(held) = held else { continue };
        // What is asked of 1,000 holds for fewer, too.
        let mib = if count <= 1_000 { 6.0 } else { 16.0 };
        let memory = held.median("kib") / 1024.0;
        let figure = Figure::once(format!("{memory:.1} MiB"));
        let what = work("memory of the whole process (VmRSS)");
        table.fact(what, figure, format!("≤ {mib} MiB"), memory <= mib);
        for what in ["descriptors", "threads"] {
            let found = held.median(what);
            let figure = Figure::once(format!("{found}"));
            table.fact(work(what), figure, "1", (found - 1.0).abs() < 0.5);
        }
    }
    for &count in size.watched.iter().filter(|&&count| count == most || count == 1_000) {
        if !command::on_path("strace") {
            table.absent(format!("watch of {count}: wake-ups"), "strace is not installed");
            continue;
        }
        let seconds = size.rest.as_secs().to_string();
        let place = tree.path().display().to_string();
        let calls = Trace::of(programs, &["rest", &place, &count.to_string(), &seconds])?;
        // The first of them is how it begins to wait; the deadline ends it.
        let woken = calls.count(|call| call.name.contains("poll")).saturating_sub(1);
        let work = format!("watch of {count}: wake-ups in {seconds} s at rest (strace)");
        table.fact(work, Figure::once(woken.to_string()), "0", woken == 0);
    }
    Ok(table)
}
