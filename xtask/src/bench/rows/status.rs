//! `svctl status` as a process, beside the suites' own programs. All find their services by SVDIR,
//! which this row's parent has: no command has an environment of its own.

use std::process::Command;

use super::{processes, words};
use crate::{
    bench::{
        Programs,
        size::Size,
        table::{Asked, Table},
        tree::Tree,
        vsv,
    },
    command,
    failure::Failure,
};

pub(super) fn rows(programs: &Programs, size: &Size) -> Result<Table, Failure> {
    let mut table = Table::default();
    let svctl = programs.svctl.display().to_string();
    let vsv = vsv::installed();
    let has_sv = command::on_path("sv");
    for &count in size.listed {
        if !has_sv {
            table.absent(format!("`svctl status`, {count} under runit"), "runit is not installed");
            continue;
        }
        under_runit(programs, size, &mut table, count, vsv.as_deref())?;
    }
    if vsv.is_none() {
        table.absent("`svctl status` beside `vsv`", "vsv is not installed");
    }
    if !command::on_path("s6-svstat") {
        table.absent("`svctl status` under s6", "s6 is not installed");
        return Ok(table);
    }
    for &count in size.listed.iter().filter(|count| **count <= 100) {
        let tree = Tree::new(programs, "s6", count)?;
        let one_each = r#"for it in "$1"/*; do s6-svstat "$it"; done"#;
        let dir = tree.path().display().to_string();
        let commands = [
            ("native", words(&["sh", "-c", one_each, "sh", &dir])),
            ("table", words(&[&svctl, "status"])),
        ];
        let mut spawn = Command::new(&programs.bench);
        let rounds = processes(spawn.env("SVDIR", tree.path()), size.rounds / 4 + 1, &commands)?;
        let work = format!("`svctl status`, {count} under s6");
        table.compare(work, &rounds, ("table", "native"), "`s6-svstat` each", Asked::Nothing);
    }
    Ok(table)
}

fn under_runit(
    programs: &Programs,
    size: &Size,
    table: &mut Table,
    count: usize,
    vsv: Option<&std::path::Path>,
) -> Result<(), Failure> {
    let asked = match count {
        1 => Asked::Ratio(1.5),
        100 => Asked::Ratio(1.0),
        5_000 => Asked::Ratio(0.7),
        _ => Asked::Nothing,
    };
    let svctl = programs.svctl.display().to_string();
    let tree = Tree::new(programs, "runit", count)?;
    let names: Vec<String> = tree.names()?.iter().map(|name| name.display().to_string()).collect();
    let native = [words(&["sv", "status"]), names.clone()].concat();
    let named = [words(&[&svctl, "status"]), names].concat();
    let mut commands = vec![
        ("sv", native),
        ("table", words(&[&svctl, "status"])),
        ("json", words(&[&svctl, "status", "--json"])),
        ("named", named),
        ("true", words(&["/bin/true"])),
    ];
    if let Some(vsv) = vsv {
        commands.push(("vsv", words(&[&vsv.display().to_string(), "status"])));
    }
    let rounds = (size.rounds * 100 / count.max(100)).max(size.rounds / 10 + 1);
    let mut spawn = Command::new(&programs.bench);
    let rounds = processes(spawn.env("SVDIR", tree.path()), rounds, &commands)?;
    for (column, how) in [("table", ""), ("json", " --json"), ("named", " NAME...")] {
        let work = format!("`svctl status{how}`, {count} under runit");
        table.compare(&work, &rounds, (column, "sv"), "`sv status NAME...`", asked);
        if column == "table" && vsv.is_some() {
            table.compare(&work, &rounds, (column, "vsv"), "`vsv status`", Asked::Nothing);
        }
        if column == "table" && count == 1 {
            table.compare(&work, &rounds, (column, "true"), "`true`", Asked::Nothing);
        }
    }
    if count > 1 {
        let work = format!("`svctl status`, {count} under runit, each");
        let rounds = rounds.each(count);
        table.compare(work, &rounds, ("table", "sv"), "`sv status`, each", Asked::Nothing);
    }
    Ok(())
}
