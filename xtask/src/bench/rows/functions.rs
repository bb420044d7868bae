//! What makes no system call, and every function that criterion measures.

use super::ask;
use crate::{
    bench::{
        Programs, criterion,
        size::Size,
        table::{Asked, Table},
    },
    failure::Failure,
};

pub(super) fn rows(programs: &Programs, size: &Size) -> Result<Table, Failure> {
    let mut table = Table::default();
    let rounds = ask(programs, &["decode", &size.rounds.to_string()])?.of_picoseconds();
    let work = "runit's record to `Status` (`RunitRecord`)";
    let columns = ("ours", "floor");
    table.compare(work, &rounds, columns, "plain Rust", Asked::Within(10.0));
    let any = "a record to `Status`, by way of `Record`";
    table.compare(any, &rounds, ("any", "floor"), "plain Rust", Asked::Within(10.0));
    table.cited(work, &rounds, "ours", ("go-svcmgr", 88.0), 0.125);
    let Some(seconds) = size.criterion else {
        table.absent("criterion's functions", "nothing is optimised in this run");
        return Ok(table);
    };
    for (title, rounds) in criterion::run(seconds)? {
        table.alone(format!("criterion: {title}"), &rounds, "ours");
    }
    Ok(table)
}
