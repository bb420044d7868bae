//! `cargo xtask matrix`: every version of every supervisor that is here, treated at random, and what svcmgr says of
//! it beside what its own tool says; the figures go into `docs/compatibility.md`.
//!
//! Two tests do it, which run on this machine's versions with all others as well: `soak::` of `svcmgr` for the
//! family, and `systemd::outcomes` of `svctl` for systemd.

use std::{env, ffi::OsString, fmt::Write as _, fs, path::Path, process::Command, thread};

use clap::Args;

use crate::{
    command::{self, cargo},
    failure::Failure,
    roots::{self, Root},
    systemd::live,
};

/// How long, and where.
#[derive(Args, Debug)]
pub(crate) struct Matrix {
    /// So many seconds for each version of a supervisor of the family
    #[arg(long, value_name = "N", default_value_t = 60)]
    seconds: u64,
    /// So many times each outcome of systemd
    #[arg(long, value_name = "N", default_value_t = 10)]
    runs: u64,
    /// Which roots [default: all that are made]
    #[arg(value_name = "ROOT")]
    roots: Vec<Root>,
}

const PAGE: &str = "docs/compatibility.md";
const SOAK: &str = "soak::nothing_is_lost_or_left_however_they_are_treated";
/// Suite, and its package in Debian.
const FAMILY: [(&str, &str); 3] =
    [("runit", "runit"), ("daemontools", "daemontools"), ("s6", "s6")];

/// A line of the page.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    suite: &'static str,
    version: String,
    place: &'static str,
    asked: u64,
    outcomes: u64,
    events: u64,
    agrees: bool,
}

/// The task.
///
/// # Errors
///
/// A root is missing, or a version differs. The page is written all the same, and names it.
pub(crate) fn run(matrix: &Matrix) -> Result<(), Failure> {
    let chosen = chosen(&matrix.roots)?;
    let mut examples =
        cargo(["build", "-q", "-p", "svcmgr", "--all-features", "--example", "supervise"]);
    command::passed_on(command::stream(&mut examples, |_| ())?)?;
    let (family, units) = (live::binary("svcmgr")?, live::binary("svctl")?);
    let (family, units) = (&family, &units);
    let mut rows = thread::scope(|scope| {
        let here = scope.spawn(move || here(matrix, family));
        let each = |root| scope.spawn(move || of_root(matrix, root, family, units));
        let running: Vec<_> = chosen.into_iter().map(each).chain([here]).collect();
        let mut rows = Vec::new();
        for each in running {
            rows.extend(each.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        }
        Ok::<_, Failure>(rows)
    })?;
    rows.sort_by(|a, b| (a.suite, &a.version).cmp(&(b.suite, &b.version)));
    let text = page(matrix, &rows, today()?.trim());
    fs::write(command::root().join(PAGE), text)
        .map_err(|why| Failure::cannot(format!("write {PAGE}"), why))?;
    match rows.iter().find(|row| !row.agrees) {
        None => Ok(()),
        Some(row) => Err(Failure::Because(format!(
            "{} {} differs; what differed is printed above, with the seed",
            row.suite, row.version
        ))),
    }
}

fn chosen(named: &[Root]) -> Result<Vec<Root>, Failure> {
    if !named.is_empty() {
        named.iter().try_for_each(|&root| roots::require(root).map(drop))?;
        return Ok(named.to_vec());
    }
    let mut made = Vec::new();
    for root in Root::ALL {
        if roots::find(root)?.is_some() {
            made.push(root);
        }
    }
    // Without any there is nothing that the tests do not try anyway.
    if made.is_empty() { roots::require(Root::Debian12).map(|_| made) } else { Ok(made) }
}

/// What is in no root: the embedded supervisor, and daemontools-encore where its programs are found.
fn here(matrix: &Matrix, binary: &Path) -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::new();
    let embedded = ("embedded", "of this checkout".to_owned(), "this machine");
    rows.push(soaked(matrix, embedded, Command::new(binary))?);
    let is_here = |dir: &Path| dir.join("svup").is_file();
    let dirs = env::var_os("SV_ENCORE_BIN").or_else(|| env::var_os("PATH")).unwrap_or_default();
    if env::split_paths(&dirs).any(|dir| is_here(&dir)) {
        let encore = ("encore", "as found".to_owned(), "this machine");
        rows.push(soaked(matrix, encore, Command::new(binary))?);
    } else {
        println!(
            "matrix: daemontools-encore is left out: its programs are neither in SV_ENCORE_BIN nor in PATH"
        );
    }
    Ok(rows)
}

fn of_root(matrix: &Matrix, root: Root, family: &Path, units: &Path) -> Result<Vec<Row>, Failure> {
    let dir = roots::require(root)?;
    let mut rows = Vec::new();
    for (suite, package) in FAMILY {
        let Some(version) = roots::version(root, package)? else { continue };
        // The words of the test are added to those of the entry.
        let enter = roots::command(&dir, &[family.as_os_str().to_owned()])?;
        rows.push(soaked(matrix, (suite, version, root.name()), enter)?);
    }
    if let Some(version) = roots::version(root, "systemd")? {
        let mut run = Command::new(command::this()?);
        run.current_dir(command::root()).args(["systemd", "--root", root.name(), "--"]);
        run.arg(units).args(["systemd::outcomes", "--nocapture", "--test-threads=1"]);
        run.env("SV_RUNS", matrix.runs.to_string());
        let mut asked = 0;
        let agrees = told(&mut run, |line| asked += runs_of(line).unwrap_or(0))?;
        let place = root.name();
        rows.push(Row {
            suite: "systemd",
            version,
            place,
            asked,
            outcomes: asked,
            events: 0,
            agrees,
        });
    }
    Ok(rows)
}

fn soaked(
    matrix: &Matrix,
    (suite, version, place): (&'static str, String, &'static str),
    mut run: Command,
) -> Result<Row, Failure> {
    run.args(["--exact", SOAK, "--nocapture"].map(OsString::from));
    run.env("SV_SOAK_SUITES", suite);
    run.env("SV_SOAK_SECONDS", matrix.seconds.to_string());
    run.env("SV_SOAK_SERVICES", "3");
    let mut figures = None;
    let ended = told(&mut run, |line| figures = figures.or_else(|| compared(line)))?;
    let (outcomes, events, asked) = figures.unwrap_or_default();
    // A test that was left out has compared nothing, and that is no agreement.
    let agrees = ended && outcomes > 0 && events > 0;
    Ok(Row { suite, version, place, asked, outcomes, events, agrees })
}

/// Whether it ended well; what it prints is shown where it did not.
fn told(run: &mut Command, mut each: impl FnMut(&str)) -> Result<bool, Failure> {
    let mut text = String::new();
    let status = command::listen(run, |line| {
        text.push_str(line);
        each(line);
    })?;
    if !status.success() {
        print!("{text}");
    }
    Ok(status.success())
}

/// `soak: compared 12 outcomes and 34 events of 56 requests and disturbances`
fn compared(line: &str) -> Option<(u64, u64, u64)> {
    let rest = line.trim().strip_prefix("soak: compared ")?;
    let mut numbers = rest.split(' ').filter_map(|word| word.parse().ok());
    Some((numbers.next()?, numbers.next()?, numbers.next()?))
}

/// `failed       10 runs: systemctl …`
fn runs_of(line: &str) -> Option<u64> {
    let (before, _) = line.split_once(" runs: systemctl ")?;
    before.rsplit(' ').next()?.parse().ok()
}

fn today() -> Result<String, Failure> {
    Ok(command::capture(Command::new("date").args(["-u", "+%Y-%m-%d"]))?.text)
}

fn page(matrix: &Matrix, rows: &[Row], today: &str) -> String {
    let mut text = format!(
        "# Compatibility: what was compared with each version\n\n\
         `cargo xtask matrix` wrote this page on {today}. Under each version of a supervisor of the family, services of four\n\
         kinds (one stays, one ends soon, one fails at SIGTERM, one crashes) are asked at random by four clients for {} seconds,\n\
         get signals, are paused, and lose their supervisors. Each outcome is compared with what the suite's own tool says then,\n\
         and each event of a watch with what the scripts noted. Under each systemd, each way for a request to end is tried {}\n\
         times by `systemctl` and by `svctl`, and both must agree on whether it succeeded. A version that differs in anything\n\
         makes the command fail, and its row says so; a row without an event has nothing to compare there. A deadline that passed contradicts nothing; it is counted.\n\n\
         | suite | version | where | requests and disturbances | outcomes compared | events compared | differences |\n\
         |---|---|---|---:|---:|---:|---|\n",
        matrix.seconds, matrix.runs
    );
    for row in rows {
        let Row { suite, version, place, asked, outcomes, events, agrees } = row;
        let differs = if *agrees { "0" } else { "**it differs**" };
        let _ = writeln!(
            text,
            "| {suite} | {version} | {place} | {asked} | {outcomes} | {events} | {differs} |"
        );
    }
    let sum = |of: fn(&Row) -> u64| rows.iter().map(of).sum::<u64>();
    let differing = rows.iter().filter(|row| !row.agrees).count();
    let _ = writeln!(
        text,
        "\n{} versions, {} outcomes and {} events compared; {} of them with differences.",
        rows.len(),
        sum(|row| row.outcomes),
        sum(|row| row.events),
        differing
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_from_the_lines_of_the_tests() {
        let line = "soak: compared 12 outcomes and 34 events of 56 requests and disturbances\n";
        assert_eq!(compared(line), Some((12, 34, 56)));
        assert_eq!(compared("soak: seed 1"), None);
        assert_eq!(runs_of("failed       10 runs: systemctl 5ms, svctl 6ms, 1.2\n"), Some(10));
        assert_eq!(runs_of("test x ... ok"), None);
    }

    #[test]
    fn a_version_that_differs_is_named_in_its_row() {
        let row = Row {
            suite: "s6",
            version: "2.13".to_owned(),
            place: "debian13",
            asked: 9,
            outcomes: 5,
            events: 4,
            agrees: false,
        };
        let other = Row { agrees: true, ..row.clone() };
        let matrix = Matrix { seconds: 1, runs: 1, roots: Vec::new() };
        let text = page(&matrix, &[row, other], "2026-01-02");
        assert!(text.contains("| s6 | 2.13 | debian13 | 9 | 5 | 4 | **it differs** |"), "{text}");
        assert!(
            text.ends_with(
                "2 versions, 10 outcomes and 8 events compared; 1 of them with differences.\n"
            ),
            "{text}"
        );
    }
}
