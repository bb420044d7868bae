//! Calls of the library, beside direct system calls in the same process.

use super::about;
use crate::{
    bench::{
        Programs,
        numbers::time,
        size::Size,
        table::{Asked, Figure, Table},
        tree::Tree,
    },
    failure::Failure,
};

pub(super) fn rows(programs: &Programs, size: &Size) -> Result<Table, Failure> {
    let mut table = Table::default();
    let most = size.many.iter().copied().max().unwrap_or(1);
    let tree = Tree::new(programs, "runit", most)?;
    let rounds = about(programs, "status", &tree, &[size.rounds])?;
    let work = "`Service::status`, kept directory";
    let (same, fewest) = ("the same calls", "the fewest calls that answer");
    table.compare(work, &rounds, ("ours", "same"), same, Asked::Ratio(1.15));
    table.compare(work, &rounds, ("ours", "fewest"), fewest, Asked::Nothing);
    let (work, floor) = ("`Service::record` and its status, kept directory", "open, read, close");
    table.compare(work, &rounds, ("ours-record", "record"), floor, Asked::Ratio(1.15));
    for &count in size.many {
        let rounds = (size.rounds * 50 / count.max(50)).max(3);
        let rounds = about(programs, "statuses", &tree, &[count, rounds])?;
        let work = format!("`Bulk::statuses` of {count}, each");
        table.compare(&work, &rounds, ("ours", "same"), same, Asked::Ratio(1.2));
        table.compare(&work, &rounds, ("ours", "fewest"), fewest, Asked::Nothing);
        let work = format!("`Bulk::statuses` of {count}, `parallel(2)`, each");
        table.compare(&work, &rounds, ("ours-2-threads", "ours"), "one thread", Asked::Nothing);
    }
    let rounds = about(programs, "send", &tree, &[size.rounds])?;
    let floor = "open, write, close";
    let send = |how: &str| format!("`Service::send`{how}");
    table.compare(send(""), &rounds, ("ours", "floor"), floor, Asked::Ratio(1.5));
    let named = send(", dialect given");
    table.compare(named, &rounds, ("ours-named", "floor"), floor, Asked::Ratio(1.5));
    let rounds = about(programs, "event", &tree, &[size.rounds])?;
    let work = "record published to event in hand";
    table.compare(work, &rounds, ("ours", "floor"), "raw inotify", Asked::Ratio(1.3));
    for millis in [5, 0] {
        let seen = about(programs, "spaced", &tree, &[size.published, millis])?;
        let is_last = seen.median("last-told") > 0.0;
        let last = if is_last { "the last state told" } else { "the last state lost" };
        let figure = format!("{:.0} told, {last}", seen.median("told"));
        let apart = time(1e6 * f64::from(u32::try_from(millis).unwrap_or_default()));
        let work = format!("{} records {apart} apart", size.published);
        table.fact(work, Figure::once(figure), "the last state told", is_last);
    }
    Ok(table)
}
