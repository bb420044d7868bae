//! The table of `status` at several widths, held against files that people can read.
//! `SNAPSHOTS=overwrite cargo test -p svctl` writes them anew.

use std::time::Duration;

use snapbox::{Assert, Data, file};

use super::{Mark, painted_all};
use crate::{
    json::{Exit, Log, Odd, Row},
    name,
    table::{self, Table},
    text,
};

fn row<'a>(name: &'a str, state: &'static str) -> Row<'a> {
    Row { state: Some(state), supervised: Some(true), ..Row::named(name) }
}

fn up(name: &str, pid: u32, seconds: u64) -> Row<'_> {
    let ago = Duration::from_secs(seconds);
    let (uptime, want) = (Some(ago.as_secs_f64()), Some("up"));
    Row {
        pid: Some(pid),
        changed_ago: Some(ago),
        uptime,
        want,
        normally: Some("up"),
        ..row(name, "up")
    }
}

fn odd(kind: &'static str, says: &str) -> Vec<Odd> {
    vec![Odd { kind, says: says.to_owned() }]
}

/// One of each kind.
fn rows() -> Vec<(Row<'static>, Vec<Odd>)> {
    let log = |state| Some(Log { state: Some(state), pid: Some(4712) });
    let ready = Row { state: Some("ready"), ready: Some(true), ..up("db", 15803, 187_200) };
    let late = Row { ready: Some(false), state: Some("starting"), ..up("slow-start", 15804, 4) };
    let killed = Row {
        exit: Some(Exit::Signal("SIGSEGV".to_owned())),
        want: Some("up"),
        changed_ago: Some(Duration::from_millis(440)),
        ..row("crashes", "backoff")
    };
    let down = Row {
        exit: Some(Exit::Code(0)),
        want: Some("down"),
        normally: Some("up"),
        changed_ago: Some(Duration::from_secs(3700)),
        ..row("worker", "down")
    };
    let finishing = Row { finish_pid: Some(77), want: Some("down"), ..row("batch", "finishing") };
    let gone = Row { supervised: Some(false), ..row("orphan", "unsupervised") };
    let error = "cannot read /etc/service/secret/supervise/status: Permission denied (os error 13)";
    let denied = Row { error: Some(error.to_owned()), ..Row::named("secret") };
    let hostile = Row { shown: Some(name::shown("new\nline \u{1b}[2J", None)), ..up("x", 9, 12) };
    let long = up("a-name-that-nobody-should-give-to-a-service-but-somebody-did", 4_194_303, 59);
    vec![
        (
            Row { log: log("up"), ..up("web", 4711, 185) },
            odd("definition-newer", "definition newer than process"),
        ),
        (ready, Vec::new()),
        (Row { log: log("backoff"), ..late }, Vec::new()),
        (killed, odd("crash-loop", "crash loop: ended 5 times in 9.3s")),
        (down, Vec::new()),
        (finishing, Vec::new()),
        (Row { paused: Some(true), state: Some("paused"), ..up("frozen", 12, 60) }, Vec::new()),
        (gone, odd("stale", "stale record, 3h 2m old")),
        (denied, Vec::new()),
        (hostile, Vec::new()),
        (long, Vec::new()),
    ]
}

#[track_caller]
fn assert(lines: &[String], expected: Data) {
    let text = lines.join("\n") + "\n";
    Assert::new().action_env("SNAPSHOTS").eq(text, expected.raw());
}

fn table_of(width: Option<usize>) -> Table {
    let cells: Vec<_> = rows().iter().map(|(row, odd)| text::cells(row, odd)).collect();
    table::layout(&text::COLUMNS, &cells, width)
}

fn at(width: Option<usize>) -> Vec<String> {
    table_of(width).lines().map(|(line, _)| line.to_owned()).collect()
}

#[test]
fn the_table_of_status_fits_40_columns() {
    assert(&at(Some(40)), file!["../../../tests/snapshots/status-40.txt"]);
}

#[test]
fn the_table_of_status_fits_80_columns() {
    assert(&at(Some(80)), file!["../../../tests/snapshots/status-80.txt"]);
}

#[test]
fn the_table_of_status_fits_120_columns() {
    assert(&at(Some(120)), file!["../../../tests/snapshots/status-120.txt"]);
}

#[test]
fn the_table_of_status_is_whole_where_there_is_no_terminal() {
    assert(&at(None), file!["../../../tests/snapshots/status-whole.txt"]);
}

/// The colour is beside the word and never instead of it.
#[test]
fn the_table_of_status_in_colour_says_the_same() {
    let mark = |(row, _): (Row<'_>, _)| Mark { state: row.state, failed: row.error.is_some() };
    let marks: Vec<Mark> = rows().into_iter().map(mark).collect();
    let painted = painted_all(&table_of(Some(80)), &marks);
    let visible: Vec<String> = painted.lines().map(|line| line.replace('\u{1b}', "ESC")).collect();
    assert(&visible, file!["../../../tests/snapshots/status-colour.txt"]);
}
