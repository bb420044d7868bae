//! `systemd.md` 16. Many units at once: they come up and go down as they do by systemctl, and a deadline holds.
//!
//! `SV_UNITS=100,600,2000` says how many (20 else), `SV_RUNS` how often (once else). The times of
//! systemctl and svctl, in turn, and how long after a deadline svctl ended are printed, and nothing
//! judges them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use crate::{supervised::PATIENCE, svctl};

const DIR: &str = "/run/systemd/system";
/// As in `--timeout 1s`.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Unit files and what runs of them, gone with the value.
struct Many(Vec<String>);

impl Many {
    fn new(prefix: &str, count: usize, service: &str) -> Self {
        let names: Vec<String> =
            (0..count).map(|number| format!("{prefix}-{number}.service")).collect();
        for name in &names {
            fs::write(path(name), format!("[Service]\n{service}\n")).unwrap();
        }
        reload();
        Self(names)
    }

    fn ask<'a>(&'a self, words: &[&'a str]) -> Vec<&'a str> {
        words.iter().copied().chain(self.0.iter().map(String::as_str)).collect()
    }

    /// How many of them the manager says to be so.
    fn count(&self, state: &str) -> usize {
        let output = Command::new("systemctl").args(self.ask(&["is-active"])).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        said.lines().filter(|line| *line == state).count()
    }
}

impl Drop for Many {
    fn drop(&mut self) {
        let ask = |words: &[&str]| Command::new("systemctl").args(self.ask(words)).output();
        // In the place of whatever is to become of them. What a stop waits for is killed then.
        let _asked = ask(&["stop", "--no-block", "--quiet"]);
        let deadline = Instant::now() + PATIENCE;
        let is_over = || self.count("inactive") + self.count("failed") == self.0.len();
        while !is_over() && Instant::now() < deadline {
            let _killed = ask(&["kill", "--signal=KILL", "--quiet"]);
        }
        let _reset = ask(&["reset-failed"]);
        for name in &self.0 {
            let _gone = fs::remove_file(path(name));
        }
        reload();
    }
}

fn path(name: &str) -> PathBuf {
    Path::new(DIR).join(name)
}

fn reload() {
    assert!(Command::new("systemctl").arg("daemon-reload").status().unwrap().success());
}

fn native(args: &[&str]) {
    let output = Command::new("systemctl").args(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {output:?}");
}

fn ours(args: &[&str]) {
    let run = svctl::run(args);
    assert_eq!(run.code, 0, "{args:?}: {run:?}");
}

/// How long something takes.
fn timed(act: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    act();
    begun.elapsed()
}

fn numbers(name: &str, default: &str) -> Vec<usize> {
    let said = std::env::var(name).unwrap_or_else(|_| default.to_owned());
    said.split(',').map(|number| number.trim().parse().unwrap()).collect()
}

fn median(mut all: Vec<Duration>) -> Duration {
    all.sort();
    all[all.len() / 2]
}

/// What both took, one after the other, and the medians of that.
struct Row {
    what: &'static str,
    theirs: Vec<Duration>,
    ours: Vec<Duration>,
}

impl Row {
    const fn new(what: &'static str) -> Self {
        Self { what, theirs: Vec::new(), ours: Vec::new() }
    }

    fn print(self, count: usize) {
        let (theirs, ours) = (median(self.theirs), median(self.ours));
        let ratio = ours.as_secs_f64() / theirs.as_secs_f64();
        let what = self.what;
        eprintln!("{count:5} {what:24} systemctl {theirs:9.1?}, svctl {ours:9.1?}, {ratio:.2}");
    }
}

#[test]
fn many_units_come_up_and_go_down_and_stand_as_systemctl_says() {
    let Some(_machine) = super::machine_alone() else { return };
    let runs = numbers("SV_RUNS", "1")[0];
    for count in numbers("SV_UNITS", "20") {
        let many = Many::new("svm", count, "Type=exec\nExecStart=/bin/sleep 1000");
        let mut rows = [
            "up",
            "down",
            "up when up",
            "first status",
            "status",
            "status --brief",
            "first status, down",
            "status, down",
            "status --brief, down",
        ]
        .map(Row::new);
        let [up, down, again, first, status, brief, first_down, status_down, brief_down] =
            &mut rows;
        let list = many.ask(&["list-units", "--all", "--no-pager", "--plain"]);
        // What is down is not in the manager's memory, and no row of the list; this tells of it.
        let is_active = many.ask(&["is-active"]);
        let (told, told_briefly) = (many.ask(&["status"]), many.ask(&["status", "--brief"]));
        // All are told of, whether or not they are up.
        let all_are_told = |told: &[&str], word: &str| {
            let run = svctl::run(told);
            let lines = run.out.lines().filter(|line| line.contains(word)).count();
            assert_eq!(lines, count, "{run:?}");
        };
        for _ in 0..runs {
            for (row, word, told) in [
                (&mut *first_down, true, &told),
                (&mut *status_down, false, &told),
                (&mut *brief_down, false, &told_briefly),
            ] {
                if word {
                    reload();
                }
                row.theirs
                    .push(timed(|| drop(Command::new("systemctl").args(&is_active).output())));
                if word {
                    reload();
                }
                row.ours.push(timed(|| all_are_told(told, "down")));
            }
            up.theirs.push(timed(|| native(&many.ask(&["start"]))));
            assert_eq!(many.count("active"), count);
            down.theirs.push(timed(|| native(&many.ask(&["stop"]))));
            assert_eq!(many.count("inactive"), count);
            up.ours.push(timed(|| ours(&many.ask(&["-q", "up"]))));
            assert_eq!(many.count("active"), count);
            again.theirs.push(timed(|| native(&many.ask(&["start"]))));
            again.ours.push(timed(|| ours(&many.ask(&["-q", "up"]))));
            for (row, word, told) in [
                (&mut *first, true, &told),
                (&mut *status, false, &told),
                (&mut *brief, false, &told_briefly),
            ] {
                if word {
                    reload();
                }
                row.theirs.push(timed(|| native(&list)));
                if word {
                    reload();
                }
                row.ours.push(timed(|| all_are_told(told, "up")));
            }
            down.ours.push(timed(|| ours(&many.ask(&["-q", "down"]))));
            assert_eq!(many.count("inactive"), count);
        }
        for row in rows {
            row.print(count);
        }
    }
}

/// Nothing is asked once the deadline has passed, however many there are that have not answered.
#[test]
fn a_deadline_is_kept_when_many_units_are_slow() {
    let Some(_machine) = super::machine_alone() else { return };
    for count in numbers("SV_UNITS", "20") {
        let late = |many: &Many, words: &[&str]| {
            let words = [words, &["--timeout", "1s"]].concat();
            let begun = Instant::now();
            let run = svctl::run(many.ask(&words));
            let took = begun.elapsed();
            // What is killed shortly before may have gone in time.
            let is_killed = words.contains(&"--kill-after");
            assert!(run.code == 99 || is_killed && run.code < 2, "{words:?}: {run:?}");
            let of_each = |line: &&str| line.contains(".service: ") && !line.starts_with(' ');
            let lines = run.out.lines().chain(run.err.lines()).filter(of_each).count();
            assert!(lines >= count, "{words:?}: {lines} {run:?}");
            let after = took.saturating_sub(TIMEOUT);
            eprintln!("{count:5} {}: {after:.0?} after the deadline", words.join(" "));
        };
        let sleeps = "Type=exec\nExecStart=/bin/sleep 1000\nTimeoutSec=1h";
        let starts = Many::new("svs", count, &format!("{sleeps}\nExecStartPre=/bin/sleep 1000"));
        late(&starts, &["wait", "--for", "up"]);
        late(&starts, &["up"]);
        late(&starts, &["wait", "--for", "up"]);
        late(&starts, &["restart"]);
        late(&starts, &["wait", "--for", "ready"]);
        drop(starts);
        let stops = Many::new("svt", count, &format!("{sleeps}\nExecStop=/bin/sleep 1000"));
        native(&stops.ask(&["start"]));
        late(&stops, &["wait", "--for", "down"]);
        late(&stops, &["down"]);
        late(&stops, &["restart"]);
        late(&stops, &["down", "--kill-after", "900ms"]);
    }
}
