//! What criterion measures of the crates: runs it, and reads what it leaves in `target/criterion`.

use std::{fs, path::Path, time::SystemTime};

use serde_json::Value;

use super::numbers::Rounds;
use crate::{
    command::{self, cargo},
    failure::Failure,
    workspace::Workspace,
};

/// Of svproto, and of svclient.
const BENCHES: [&str; 2] = ["codec", "service"];

/// Each function with its samples, in the order of their names.
pub(super) fn run((warm_up, measure): (f32, f32)) -> Result<Vec<(String, Rounds)>, Failure> {
    let since = SystemTime::now();
    for bench in BENCHES {
        let mut run = cargo(["bench", "-q", "-p", "svcmgr-bench", "--bench", bench, "--"]);
        run.args(["--noplot", "--warm-up-time", &warm_up.to_string()]);
        run.args(["--measurement-time", &measure.to_string()]);
        let done = command::capture(&mut run)?;
        if !done.ok {
            return Err(Failure::cannot(format!("run the benches `{bench}`"), done.text));
        }
    }
    read(&Workspace::load()?.target.join("criterion"), since)
}

/// What was written since; older results are of functions that are no more.
fn read(dir: &Path, since: SystemTime) -> Result<Vec<(String, Rounds)>, Failure> {
    let cannot = |why| Failure::cannot("read what criterion has measured", why);
    let mut all = Vec::new();
    for entry in fs::read_dir(dir).map_err(cannot)? {
        let new = entry.map_err(cannot)?.path().join("new");
        let sample = new.join("sample.json");
        let written = sample.metadata().and_then(|it| it.modified());
        if !written.is_ok_and(|it| it >= since) {
            continue;
        }
        let about = fs::read_to_string(new.join("benchmark.json")).map_err(cannot)?;
        all.push(function(&about, &fs::read_to_string(sample).map_err(cannot)?)?);
    }
    all.sort_by(|one, other| one.0.cmp(&other.0));
    Ok(all)
}

/// Each sample is the time of many runs, so the last of a hundred is no single slow one.
fn function(about: &str, sample: &str) -> Result<(String, Rounds), Failure> {
    let json = |text: &str| {
        serde_json::from_str::<Value>(text).map_err(|why| Failure::cannot("read JSON", why))
    };
    let (about, sample) = (json(about)?, json(sample)?);
    let title = about.get("title").and_then(Value::as_str).unwrap_or_default().to_owned();
    let numbers = |name: &str| {
        let all = sample.get(name).and_then(Value::as_array).into_iter().flatten();
        all.filter_map(Value::as_f64).collect::<Vec<_>>()
    };
    let each: Vec<f64> =
        numbers("times").iter().zip(numbers("iters")).map(|(time, times)| time / times).collect();
    if title.is_empty() || each.is_empty() {
        return Err(Failure::cannot("read what criterion has measured", "a field is missing"));
    }
    Ok((title, Rounds::new([("ours".to_owned(), each)])))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::numbers::time;

    #[test]
    fn samples_are_times_of_one_run() {
        let sample =
            r#"{"sampling_mode":"Linear","iters":[10.0,20.0,30.0],"times":[50.0,120.0,90.0]}"#;
        let (title, rounds) = function(r#"{"title":"status","x":1}"#, sample).unwrap();
        assert_eq!(
            (title.as_str(), time(rounds.median("ours")), time(rounds.p99("ours"))),
            ("status", "5.0 ns".to_owned(), "6.0 ns".to_owned())
        );
        assert!(function(r#"{"title":"status"}"#, "{}").is_err());
        assert!(function("{}", sample).is_err());
    }
}
