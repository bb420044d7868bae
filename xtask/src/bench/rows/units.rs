//! Units of a real systemd, in a machine of its own.

use std::process::Command;

use super::output;
use crate::{
    bench::{
        Programs,
        numbers::Rounds,
        size::Size,
        syscalls::trace::Trace,
        table::{Asked, Figure, Table},
    },
    command,
    failure::Failure,
    systemd,
};

/// `systemctl show` is told of as what it costs; three rounds tell that.
const SHOWN: usize = 3;
/// Units that end while they are watched.
const CHANGING: usize = 3;

const SCRIPT: &str = r#"set -e
"$1" units "$2" "$3"
echo "--"
"$1" units-show "$2" "$4"
echo "--"
calls=$(mktemp)
strace -f -y -o "$calls" "$1" op live "$2" "$5" >&2
cat "$calls""#;

pub(super) fn rows(programs: &Programs, size: &Size) -> Result<Table, Failure> {
    let mut table = Table::default();
    let work = |what: &str| format!("systemd, {} units: {what}", size.units);
    if let Err(Failure::Because(why)) = systemd::require() {
        table.absent(work("states"), why);
        return Ok(table);
    }
    if !command::on_path("strace") {
        table.absent(work("states"), "strace is not installed");
        return Ok(table);
    }
    let this = command::this()?;
    let mut run = Command::new(this);
    run.args(["systemd", "--", "sh", "-c", SCRIPT, "sh"]).arg(&programs.bench);
    run.args(
        [size.units, size.rounds.div_ceil(4), SHOWN.min(size.rounds), CHANGING]
            .map(|it| it.to_string()),
    );
    let text = output(&mut run)?;
    let parts: Vec<&str> = text.splitn(3, "--\n").collect();
    let [look, show, calls] = parts.as_slice() else {
        return Err(Failure::cannot("read what the machine says", "it is not three parts"));
    };
    let (look, show, calls) = (Rounds::parse(look)?, Rounds::parse(show)?, Trace::marked(calls)?);
    let (list, loops) = ("ListUnitsByPatterns, raw", "`systemctl show` each");
    table.compare(work("`Bus::states`"), &look, ("states", "floor"), list, Asked::Within(1.5e6));
    let statuses = work("`Bulk::statuses`, with pids and stamps");
    let (two, within) = ("raw Get of two properties of each", Asked::Within(25e6));
    table.compare(&statuses, &look, ("statuses", "floor-two"), two, within);
    let first = work("the same, the first time over a connection");
    let five = "raw Get of five properties of each";
    table.compare(first, &look, ("first", "floor-five"), five, within);
    let by_bus = |what: &str| work(&format!("{what}, by the bus, as a user asks"));
    let raw = "raw Get of two properties of each, by the bus";
    table.compare(by_bus("statuses"), &look, ("by-bus", "floor-bus"), raw, within);
    let raw = "raw Get of five properties of each, by the bus";
    let columns = ("first-by-bus", "floor-bus-five");
    table.compare(by_bus("the first time"), &look, columns, raw, Asked::Nothing);
    let (all, raw) = (work("`Bus::status_of`, every property"), "GetAll each, raw");
    table.compare(all, &look, ("ours-all", "floor-all"), raw, Asked::Nothing);
    let watch = work("`WatchSet::add_all` and the snapshots");
    table.compare(watch, &look, ("watch", "floor-two"), two, Asked::Nothing);
    let both = look.with(show, "systemctl");
    table.compare(statuses, &both, ("statuses", "systemctl"), loops, Asked::Nothing);
    let sent = calls.count(|call| call.name.starts_with("send") && call.on == "a socket");
    let live = work(&format!("calls to the bus while {CHANGING} of them change"));
    table.fact(live, Figure::once(sent.to_string()), "0", sent == 0);
    Ok(table)
}
