//! The table of `status` at several widths, held against files that people can read.
//! `SNAPSHOTS=overwrite cargo test -p svctl` writes them anew.

use std::time::Duration;

use snapbox::{Assert, Data, file};
use svcmgr::{
    CrashLoop, Facts, LastExit, Normally, Oddities, Phase, Pid, Readiness, State, Status, UnixTime,
    Want,
};

use super::{Mark, painted_all};
use crate::{
    name,
    table::{self, Table},
    text,
    view::{Log, View},
};

fn view(name: &str, facts: Facts) -> View<'_> {
    View { status: Some(Status::of(facts)), ..View::named(name) }
}

/// How long it has been so.
fn since(facts: Facts, ago: Duration) -> Facts {
    let at = i128::from(NOW) * 1_000_000_000 - i128::try_from(ago.as_nanos()).unwrap();
    let (secs, nanos) = (at.div_euclid(1_000_000_000), at.rem_euclid(1_000_000_000));
    facts.with_since(UnixTime::new(secs.try_into().unwrap(), nanos.try_into().unwrap()))
}

const NOW: i64 = 1_795_390_000;

fn running(pid: u64) -> Facts {
    Facts::new(Phase::Up).with_pid(Pid::new(pid)).with_want(Want::Up)
}

fn resting(want: Want) -> Facts {
    Facts::new(Phase::Down).with_want(want)
}

fn up(name: &str, pid: u64, seconds: u64) -> View<'_> {
    normally_up(view(name, since(running(pid), Duration::from_secs(seconds))))
}

fn normally_up(view: View<'_>) -> View<'_> {
    with(view, |seen| seen.with_normally(Some(Normally::Up)))
}

fn with(view: View<'_>, change: impl Fn(Status) -> Status) -> View<'_> {
    View { status: view.status.map(change), at: UnixTime::new(NOW, 0).unwrap(), ..view }
}

fn ready(view: View<'_>, readiness: Readiness) -> View<'_> {
    with(view, |seen| {
        let facts = seen.facts().unwrap().with_readiness(readiness);
        Status::of(facts).with_normally(seen.normally())
    })
}

/// One of each kind.
fn views() -> Vec<View<'static>> {
    let log = |state| Some(Log { state: Some(state), pid: Pid::new(4712) });
    let is_ready = Readiness::Ready { since: None };
    let segv = LastExit::Signaled { signal: 11, core: false };
    let killed = since(resting(Want::Up).with_last_exit(segv), Duration::from_millis(440));
    let down = resting(Want::Down).with_last_exit(LastExit::Exited { code: 0 });
    let down = since(down, Duration::from_secs(3700));
    let mut finishing = Facts::new(Phase::Finish).with_want(Want::Down);
    finishing.finish_pid = Pid::new(77);
    let error = "cannot read /etc/service/secret/supervise/status: Permission denied (os error 13)";
    let denied = View { error: Some(error.to_owned()), ..View::named("secret") };
    let shown = Some(name::shown("new\nline \u{1b}[2J", None));
    let mut paused = running(12);
    paused.paused = Some(true);
    let odd = |change: fn(Oddities) -> Oddities| {
        move |seen: Status| seen.with_odd(change(Oddities::default()))
    };
    vec![
        View {
            log: log(State::Up),
            ..with(up("web", 4711, 185), odd(|it| it.with_definition_newer(Some(true))))
        },
        ready(up("db", 15803, 187_200), is_ready),
        View { log: log(State::Backoff), ..ready(up("slow-start", 15804, 4), Readiness::Awaited) },
        with(
            view("crashes", killed),
            odd(|it| {
                let within = Some(Duration::from_millis(9_300));
                it.with_crash_loop(Some(CrashLoop::new(5, within)))
            }),
        ),
        normally_up(view("worker", down)),
        with(view("batch", finishing), |seen| seen),
        normally_up(view("frozen", since(paused, Duration::from_secs(60)))),
        with(
            View { status: Some(Status::unsupervised()), ..View::named("orphan") },
            odd(|it| it.with_stale_since(UnixTime::new(NOW - 10_920, 0))),
        ),
        denied,
        View { shown, ..up("x", 9, 12) },
        up("a-name-that-nobody-should-give-to-a-service-but-somebody-did", 4_194_303, 59),
    ]
}

#[track_caller]
fn assert(lines: &[String], expected: Data) {
    let text = lines.join("\n") + "\n";
    Assert::new().action_env("SNAPSHOTS").eq(text, expected.raw());
}

fn table_of(width: Option<usize>) -> Table {
    let cells: Vec<_> = views().iter().map(text::cells).collect();
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
    let mark = |view: &View<'_>| Mark { state: view.state(), failed: view.error.is_some() };
    let marks: Vec<Mark> = views().iter().map(mark).collect();
    let painted = painted_all(&table_of(Some(80)), &marks);
    let visible: Vec<String> = painted.lines().map(|line| line.replace('\u{1b}', "ESC")).collect();
    assert(&visible, file!["../../../tests/snapshots/status-colour.txt"]);
}
