//! Procfiles under foreman and under honcho.

use std::collections::BTreeMap;

use nix::sys::signal::Signal;

use super::{
    ends,
    made::{Made, convert, targets},
    place::{Place, Running, dir_of},
    seen::{Report, seen},
};
use crate::{supervised::skips, svctl::program};

const PROCFILE: &str = r#"web: PROBE TREE/open/web "a b" c\ d $PORT ${NOWHERE:-y}
plain: PROBE TREE/open/plain 'it is' plain

# a comment
env: A=1 S="x y" PROBE TREE/open/env
two-words: cd 'TREE/a dir' && exec PROBE TREE/open/two-words
this is nothing
"#;

const DOTENV: &str = "# a comment\nFROM=the-file\nQ=\"two words\"\nS='sq $x'\nA=file\n\n";

/// Programs that run Procfiles and are here.
fn readers() -> Vec<(&'static str, String)> {
    let found = ["foreman", "honcho"].into_iter().filter_map(|name| {
        let dir = dir_of(name, "SV_READERS_BIN");
        if dir.is_none() {
            skips::leave_out(name, "neither in SV_READERS_BIN nor in PATH");
        }
        Some((name, dir?.join(name).display().to_string()))
    });
    found.collect()
}

fn start<'a>(place: &'a Place, program: &str) -> Running<'a> {
    place.start("app", &[program, "start"])
}

#[test]
fn a_process_is_converted_to_what_it_was() {
    let names = ["web", "plain", "env", "two-words"];
    let mut wrong = Vec::new();
    for (reader, program) in readers() {
        for dotenv in [DOTENV, "PORT=7000\nFROM=it\n", "X=a b # no comment\n"] {
            let place = Place::new();
            place.write("app/Procfile", PROCFILE);
            place.write("app/.env", dotenv);
            let theirs: BTreeMap<&str, _> = {
                let _running = start(&place, &program);
                names.into_iter().map(|name| (name, seen(&place, name))).collect()
            };
            for (target, scanner) in targets() {
                let made = Made::new(&place, target, &scanner, &["app/Procfile"]);
                for name in names {
                    let unnamed = made.unnamed(name, name, &theirs[name]);
                    wrong.extend(unnamed.into_iter().map(|it| format!("{reader}: {it}")));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A stop of the whole: signals to each. One that ends: an end of all.
#[test]
fn a_process_ends_as_it_did() {
    let mut wrong = Vec::new();
    for (reader, foreman) in readers() {
        let place = Place::new();
        ends::scripts(&place);
        place.write("app/Procfile", "a: TREE/stops a\nb: TREE/stops b && exit 3\n");
        let told = |running: &mut Running<'_>| {
            for name in ["a", "b"] {
                ends::until_up(&place, name);
            }
            running.signal(Signal::SIGTERM);
            running.wait();
            ["a", "b"].map(|name| ends::told(&place, name))
        };
        let theirs = {
            let mut running = start(&place, &foreman);
            // It fails when it is told to end and has not yet heard of all that it has started.
            for name in ["a.1", "b.1"].into_iter().filter(|_| reader == "honcho") {
                place.until("start", || {
                    let said = std::fs::read_to_string(place.path("said")).unwrap_or_default();
                    let mut lines = said.lines();
                    lines.find(|line| line.contains(name) && line.contains("started")).map(drop)
                });
            }
            told(&mut running)
        };
        place.clear();
        let report = convert(&place, "embedded", &["app/Procfile"]);
        let svctl = program();
        let mut ours = place.start("app", &[svctl.to_str().unwrap(), "scan", "Procfile"]);
        let ours = told(&mut ours);
        for (at, name) in ["a", "b"].into_iter().enumerate() {
            let report = Report::of(&report, name);
            wrong.extend(ends::differs(
                reader,
                name,
                &theirs[at],
                &ours[at],
                &report,
                &["a stop tells"],
            ));
        }
        // An end of one is the end of all.
        for code in [0, 3] {
            let place = Place::new();
            ends::scripts(&place);
            place.write("app/Procfile", &format!("a: TREE/stops a\nb: TREE/ends b {code}\n"));
            let theirs = start(&place, &foreman).wait();
            place.clear();
            let words = [svctl.to_str().unwrap(), "scan", "Procfile"];
            let ours = place.start("app", &words).wait();
            assert_eq!(place.lines("b"), ["start"]);
            let report = Report::of(&convert(&place, "embedded", &["app/Procfile"]), "b");
            wrong.extend(ends::differs(reader, "b", &theirs, &ours, &report, &["exit code"]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
