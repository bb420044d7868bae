//! From a request to the process, under real supervisors.

use super::ask;
use crate::{
    bench::{
        Programs,
        size::Size,
        table::{Asked, Table},
        tree::directory,
    },
    command,
    failure::Failure,
};

/// The suite, its supervisor, its way to ask and wait.
const SUITES: [(&str, &str, &str); 3] = [
    ("runit", "runsv", "`sv start`"),
    ("s6", "s6-supervise", "`s6-svc -wu -u`"),
    ("daemontools", "supervise", "`svc -u`, which does not wait"),
];

pub(super) fn rows(programs: &Programs, size: &Size) -> Result<Table, Failure> {
    let mut table = Table::default();
    for (suite, program, native) in SUITES {
        let work = |how: &str| format!("up under {suite}: {how}");
        if !command::on_path(program) {
            table.absent(work("request to goal"), format!("{program} is not installed"));
            continue;
        }
        let dir = directory()?;
        let (dir, svctl) = (dir.path().display().to_string(), programs.svctl.display().to_string());
        let rounds = ask(programs, &["start", suite, &dir, &size.starts.to_string(), &svctl])?;
        let (floor, asked) = ("raw inotify", Asked::Ratio(1.2));
        table.compare(work("request to goal"), &rounds, ("reached", "floor"), floor, asked);
        let columns = ("returned", "floor-returned");
        let closed = "raw inotify, closed";
        table.compare(work("until `pursue` returns"), &rounds, columns, closed, Asked::Nothing);
        let columns = ("svctl", "native");
        table.compare(work("`svctl up`, whole process"), &rounds, columns, native, Asked::Nothing);
    }
    Ok(table)
}
