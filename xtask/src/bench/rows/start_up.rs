//! What `svctl` costs before it does anything: time to start and end, and its size.

use std::process::Command;

use super::{processes, words};
use crate::{
    bench::{
        Programs,
        size::Size,
        table::{Asked, Figure, Table},
    },
    dist,
    failure::Failure,
};

pub(super) fn rows(programs: &Programs, size: &Size) -> Result<Table, Failure> {
    let mut table = Table::default();
    let svctl = programs.svctl.display().to_string();
    let commands = [
        ("true", words(&["/bin/true"])),
        ("version", words(&[&svctl, "--version"])),
        // A command that prints something and needs no service.
        ("completions", words(&[&svctl, "completions", "bash"])),
    ];
    let rounds = processes(&mut Command::new(&programs.bench), size.rounds * 2, &commands)?;
    for (column, command) in [("version", "--version"), ("completions", "completions bash")] {
        let work = format!("`svctl {command}`, start to end");
        table.compare(work, &rounds, (column, "true"), "`true`", Asked::Ratio(1.3));
    }
    let bytes = programs.svctl.metadata();
    let bytes = bytes.map_err(|why| Failure::cannot("look at svctl", why))?.len();
    let asked = format!("≤ {} bytes", dist::LARGEST);
    let figure = Figure::once(format!("{bytes} bytes"));
    table.fact("`svctl`, size of the file", figure, asked, bytes <= dist::LARGEST);
    Ok(table)
}
