//! What a file is converted to, under the supervisors of each target.

use std::{fs, path::PathBuf};

use serde_json::Value;

use super::{
    place::{Place, Running, dir_of},
    seen::{Report, Seen, seen, unnamed},
};
use crate::{
    supervised::encore,
    svctl::{program, run},
};

/// Targets whose directories are scanned.
pub const TARGETS: [&str; 5] = ["runit", "s6", "daemontools", "encore", "embedded"];

/// The scanner of a target, if it is here.
pub fn scanner(target: &str) -> Option<Vec<String>> {
    let name = |name: &str| dir_of(name, "PATH").map(|_| vec![name.to_owned()]);
    match target {
        "runit" => name("runsvdir"),
        "s6" => name("s6-svscan"),
        "daemontools" => name("svscan"),
        "encore" => {
            let svscan = PathBuf::from(encore("svscan"));
            let dir = svscan.parent()?.display().to_string();
            let path = std::env::var("PATH").ok()?;
            let words = ["/usr/bin/env", &format!("PATH={dir}:{path}"), svscan.to_str()?];
            svscan.is_file().then(|| words.map(str::to_owned).to_vec())
        }
        _ => Some(vec![program().to_str()?.to_owned(), "scan".to_owned()]),
    }
}

/// Targets that are here, each with its scanner.
pub fn targets() -> impl Iterator<Item = (&'static str, Vec<String>)> {
    TARGETS.into_iter().filter_map(|target| Some((target, scanner(target)?)))
}

/// A conversion that runs.
pub struct Made<'a> {
    pub target: &'static str,
    pub report: Value,
    place: &'a Place,
    _running: Running<'a>,
}

impl Drop for Made<'_> {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(self.place.path("made"));
    }
}

impl<'a> Made<'a> {
    /// Converts files of a place, and starts the scanner of what is made.
    pub fn new(
        place: &'a Place,
        target: &'static str,
        scanner: &[String],
        inputs: &[&str],
    ) -> Self {
        place.clear();
        let _gone = fs::remove_dir_all(place.path("made"));
        let report = convert(place, target, inputs);
        let made = place.path("made");
        let words: Vec<&str> = scanner.iter().map(String::as_str).chain(made.to_str()).collect();
        let running = place.start("made", &words);
        Self { target, report, place, _running: running }
    }

    pub fn dir(&self, service: &str) -> PathBuf {
        self.place.path("made").join(service)
    }

    pub fn of(&self, service: &str) -> Report {
        Report::of(&self.report, service)
    }

    /// What a process sees otherwise than under its own supervisor, and the report does not name.
    #[track_caller]
    pub fn unnamed(&self, service: &str, file: &str, theirs: &Seen) -> Vec<String> {
        let unnamed = unnamed(self.target, theirs, &seen(self.place, file), &self.of(service));
        unnamed.into_iter().map(|it| format!("{service} of {}: {it}", self.target)).collect()
    }

    /// The word for how a service is.
    pub fn state(&self, service: &str) -> String {
        let dir = self.dir(service);
        let said = run(["status".as_ref(), "--json".as_ref(), dir.as_os_str()]);
        let row = said.json()[0].take();
        format!("{} {}", row["state"].as_str().unwrap_or("?"), row["want"].as_str().unwrap_or("?"))
    }
}

/// The report; what is made is in `made`.
pub fn convert(place: &Place, target: &str, inputs: &[&str]) -> Value {
    let out = place.path("made");
    let mut words: Vec<std::ffi::OsString> =
        ["convert", "--json", "--to", target, "--out"].map(Into::into).into();
    words.push(out.into());
    words.extend(inputs.iter().map(|input| place.path(input).into_os_string()));
    let said = run(words);
    assert!(said.code <= 1, "{said:?}");
    let report: Value = said.json();
    let services = report["services"].as_array().unwrap();
    let lines = report["lines"].as_array().unwrap().iter();
    let refused: Vec<_> = lines.filter(|it| it["verdict"] == "refused").collect();
    assert!(services.iter().all(|it| it["converted"] == true), "{target}: {refused:#?}");
    report
}

impl Made<'_> {
    /// Asks for an end.
    #[track_caller]
    pub fn stop(&self, service: &str) {
        let dir = self.dir(service);
        let said = run(["down".as_ref(), dir.as_os_str()]);
        assert_eq!(said.code, 0, "{}: {said:?}", self.target);
    }
}
