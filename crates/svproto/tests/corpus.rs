//! Every captured record decodes to what its index and the suite's own tool say of it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use serde_json::Value;
use svproto::{
    Dialect, Facts, LastExit, Phase, Pid, Readiness, Record, State, Want, s6::tally::Tally,
};

fn load(json: &str) -> Vec<Value> {
    serde_json::from_str(json).unwrap()
}

fn corpus() -> Vec<Value> {
    load(include_str!("../testdata/corpus.json"))
}

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(digit).collect()
}

fn record(entry: &Value) -> Record {
    let dialect = dialect(entry);
    let bytes = bytes(entry["hex"].as_str().unwrap());
    let record = Record::from_bytes(dialect, &bytes).unwrap();
    assert_eq!(record.as_bytes(), bytes, "{}", entry["id"]);
    record
}

fn dialect(entry: &Value) -> Dialect {
    entry["supervisor"].as_str().unwrap().parse().unwrap()
}

fn pid(value: &Value) -> Option<Pid> {
    value.as_u64().and_then(Pid::new)
}

#[test]
fn stamps_pids_wants_and_flags_are_those_of_the_index() {
    let corpus = corpus();
    assert_eq!(corpus.len(), 171);
    for entry in &corpus {
        let id = &entry["id"];
        let decoded = &entry["decoded"];
        let status = record(entry).facts();
        let since = status.since.unwrap();
        // The index rounds the nanoseconds of no stamp.
        assert_eq!(Some(since.secs()), decoded["since_unix"].as_i64(), "{id}");
        assert_eq!(Some(u64::from(since.nanos())), decoded["nanoseconds"].as_u64(), "{id}");
        assert_eq!(status.pid.or(status.finish_pid), pid(&decoded["pid"]), "{id}");
        assert!(record(entry).check().is_ok(), "{id}");
        if dialect(entry) == Dialect::S6 {
            check_s6(entry, &status);
        } else {
            let want = match decoded["want_byte"].as_u64().unwrap() {
                0x75 => Want::Up,
                0x64 => Want::Down,
                0 => Want::Once,
                other => panic!("{id}: {other}"),
            };
            assert_eq!(status.want, Some(want), "{id}");
            assert_eq!(status.paused, Some(decoded["paused_byte"] == 1), "{id}");
            let got_term = decoded["term_byte"].as_u64().map(|byte| byte != 0);
            assert_eq!(status.got_term, got_term, "{id}");
        }
    }
}

fn check_s6(entry: &Value, status: &Facts) {
    let (id, decoded) = (&entry["id"], &entry["decoded"]);
    let up = status.phase == Phase::Up;
    let want = if decoded["want_up"] == true { Want::Up } else { Want::Down };
    assert_eq!(status.want, Some(want), "{id}");
    let paused = decoded["paused"] == true && status.phase != Phase::Down;
    assert_eq!(status.paused, Some(paused), "{id}");
    assert_eq!(status.phase == Phase::Finish, decoded["finishing"] == true, "{id}");
    match status.readiness {
        Readiness::Ready { since } => {
            let since = since.unwrap();
            assert!(up && decoded["ready"] == true, "{id}");
            assert_eq!(Some(since.secs()), decoded["ready_since_unix"].as_i64(), "{id}");
            assert_eq!(Some(u64::from(since.nanos())), decoded["ready_nanoseconds"].as_u64());
        }
        other => assert!(other == Readiness::NotReady && !(up && decoded["ready"] == true), "{id}"),
    }
}

#[test]
fn bytes_that_name_a_dialect_are_of_it() {
    let mut told = 0;
    for entry in corpus() {
        let of_record = Dialect::of_record(record(&entry).as_bytes());
        assert!(
            of_record.is_none_or(|dialect| dialect == self::dialect(&entry)),
            "{}",
            entry["id"]
        );
        told += usize::from(of_record.is_some());
        if dialect(&entry) == Dialect::Runit {
            let runs = record(&entry).facts().phase != Phase::Down;
            assert_eq!(of_record.is_some(), runs, "{}", entry["id"]);
        }
    }
    assert!(told > 0);
}

/// The pid that the script wrote about itself is the one that the record is read to have.
#[test]
fn the_pid_is_that_of_the_script() {
    for entry in corpus() {
        let status = record(&entry).facts();
        if let (Some(_), Some(finish)) = (status.finish_pid, pid(&entry["known_finish_pid"])) {
            assert_eq!(status.finish_pid, Some(finish), "{}", entry["id"]);
        }
        let of_the_logger = ["log-want-down", "logged-log"];
        let scenario = entry["scenario"].as_str().unwrap();
        if status.phase == Phase::Up && !of_the_logger.contains(&scenario) {
            let known = pid(&entry["known_pid"]);
            assert!(known.is_none() || status.pid == known, "{}", entry["id"]);
        }
    }
}

#[test]
fn sv_and_svstat_say_the_same() {
    for entry in corpus() {
        let id = &entry["id"];
        let status = record(&entry).facts();
        let native = &entry["native"];
        let Some(line) = native["sv status"].as_str().or_else(|| native["svstat"].as_str()) else {
            continue;
        };
        let line = line.lines().next().unwrap();
        let says = |word: &str| line.contains(word);
        if says("not running") || says("unable") {
            assert_eq!(entry["supervisor_alive"], false, "{id}: {line}");
            continue;
        }
        let phase = match dialect(&entry) {
            Dialect::Runit if line.starts_with("run:") => Phase::Up,
            Dialect::Runit if line.starts_with("finish:") => Phase::Finish,
            Dialect::Runit if line.starts_with("down:") => Phase::Down,
            // encore's svstat calls the stop script "up", "stopped".
            Dialect::Encore if says(": up") && says(", stopped") => Phase::Finish,
            _ if says(": up") => Phase::Up,
            _ => Phase::Down,
        };
        assert_eq!(status.phase, phase, "{id}: {line}");
        let process = status.pid.or(status.finish_pid);
        if phase != Phase::Down {
            assert!(says(&format!("(pid {})", process.unwrap())), "{id}: {line}");
        }
        let (up, down) = (status.want == Some(Want::Up), status.want == Some(Want::Down));
        assert_eq!(says(", want up"), process.is_none() && up, "{id}: {line}");
        assert_eq!(says(", want down"), process.is_some() && down, "{id}: {line}");
        assert_eq!(says(", paused"), process.is_some() && status.paused == Some(true), "{id}");
        assert_eq!(says(", got TERM"), process.is_some() && status.got_term == Some(true), "{id}");
    }
}

#[test]
fn s6_svstat_says_the_same() {
    let mut seen = 0;
    for entry in corpus() {
        let id = &entry["id"];
        let Some(fields) = entry["native"]["s6-svstat -o"].as_object() else { continue };
        seen += 1;
        let record = record(&entry);
        let status = record.facts();
        let is = |name: &str| fields[name] == "true";
        assert_eq!(status.phase == Phase::Up, is("up"), "{id}");
        assert_eq!(status.want == Some(Want::Up), is("wantedup"), "{id}");
        assert_eq!(status.readiness.is_ready(), Some(is("ready")), "{id}");
        assert_eq!(status.state() == State::Ready, is("ready") && !is("paused"), "{id}");
        assert_eq!(record.since().to_string(), fields["updownsince"].as_str().unwrap(), "{id}");
        if is("up") {
            assert_eq!(status.pid.unwrap().to_string(), fields["pid"].as_str().unwrap(), "{id}");
            assert_eq!(status.paused, Some(is("paused")), "{id}");
        } else {
            let exit = match status.last_exit {
                LastExit::Exited { code } => (code.to_string(), "-1".to_owned()),
                LastExit::Signaled { signal, .. } => ("-1".to_owned(), signal.to_string()),
                LastExit::NotStarted => ("-1".to_owned(), "-1".to_owned()),
                // While finish runs, 0 may also stand for "never died".
                other => {
                    assert!(status.phase == Phase::Finish, "{id}: {other:?}");
                    continue;
                }
            };
            let said = ["exitcode", "signum"].map(|name| fields[name].as_str().unwrap().to_owned());
            assert_eq!(exit, said.into(), "{id}");
        }
    }
    assert!(seen > 50, "{seen}");
}

#[test]
fn the_last_death_of_the_tally_is_the_one_of_the_record() {
    let mut seen = 0;
    for entry in corpus() {
        let Some(hex) = entry["death_tally_hex"].as_str() else { continue };
        let tally = bytes(hex);
        let status = record(&entry).facts();
        let Some(death) = Tally::new(&tally).last() else { continue };
        if let (LastExit::Exited { .. }, exit) | (exit, LastExit::Exited { .. }) =
            (status.last_exit, death.exit())
        {
            assert_eq!(status.last_exit, exit, "{}", entry["id"]);
            assert_eq!(death.exit(), exit, "{}", entry["id"]);
            seen += 1;
        }
    }
    assert!(seen > 10, "{seen}");
}

#[test]
fn the_logger_of_an_encore_pair_has_a_status_of_its_own() {
    for entry in corpus().iter().filter(|entry| !entry["decoded_log"].is_null()) {
        let log = record(entry).log_facts().unwrap();
        assert_eq!(log.pid, pid(&entry["decoded_log"]["pid"]));
        assert_eq!(log.since.unwrap().secs(), entry["decoded_log"]["since_unix"].as_i64().unwrap());
    }
}

/// Whole directories, of which svclient's tests read the rest.
#[test]
fn records_beside_the_directories_of_encore_are_its_own() {
    for entry in load(include_str!("../testdata/encore/directories.json")) {
        let name = &entry["situation"];
        let bytes = bytes(entry["status"].as_str().unwrap());
        let record = Record::from_bytes(Dialect::Encore, &bytes).unwrap();
        assert!(record.check().is_ok(), "{name}");
        let guessed = Record::guess(&bytes).unwrap();
        let writers = [Some(guessed.dialect()), guessed.other_writer()];
        assert!(writers.contains(&Some(Dialect::Encore)), "{name}");
        let has_script = entry["files"]
            .as_array()
            .unwrap()
            .iter()
            .any(|file| file["path"] == "log" && file["kind"] == "file");
        assert_eq!(record.log_facts().is_some(), has_script, "{name}");
        let log_pid = record.log_facts().and_then(|log| log.pid);
        assert!(entry["log_pid"].is_null() || log_pid == pid(&entry["log_pid"]), "{name}");
    }
}

/// Without a word about where a record comes from. Where runit calls a process that lives down, its
/// bytes look like encore's.
#[test]
fn the_writer_is_guessed_from_the_bytes_alone() {
    for entry in corpus() {
        let bytes = bytes(entry["hex"].as_str().unwrap());
        let guessed = Record::guess(&bytes).unwrap();
        let down = guessed.facts().phase == Phase::Down;
        if guessed.dialect() != dialect(&entry) {
            assert_eq!(guessed.other_writer(), Some(dialect(&entry)), "{}", entry["id"]);
        }
        match (dialect(&entry), guessed.dialect()) {
            (Dialect::Encore, Dialect::Runit) => assert!(down, "{}", entry["id"]),
            (Dialect::Runit, Dialect::Encore) => {
                assert_eq!(entry["scenario"], "kill-overridden", "{}", entry["id"]);
            }
            (wrote, guessed) => assert_eq!(wrote, guessed, "{}", entry["id"]),
        }
    }
    for len in (0..100).filter(|len| ![18, 20, 26, 35, 40, 43].contains(len)) {
        assert_eq!(Record::guess(&vec![0; len]), Err(svproto::record::UnknownLength(len)));
    }
}

/// The state words, scenario by scenario; `(suite, scenario, state)` for all versions of a suite.
#[test]
fn each_scenario_has_its_word() {
    let word = |suite: &str, scenario: &str| match (suite, scenario) {
        (_, "running" | "restarted" | "running-normally-down" | "paused-continued")
        | ("s6", "running-no-notification" | "once-running") => Some(State::Up),
        (_, "paused") | ("s6", "ready-paused") => Some(State::Paused),
        ("s6", "ready") => Some(State::Ready),
        (_, "down-initial" | "down-after-d" | "down-after-kill") => Some(State::Down),
        ("runit" | "daemontools", "want-down-ignores-term" | "down-then-up-before-death")
        | ("daemontools-encore", "stopping-ignores-term")
        | ("runit", "paused-then-down" | "got-term-want-up" | "exit-pending") => {
            Some(State::Stopping)
        }
        // s6's record does not tell a service that ignores SIGTERM from one on its last run.
        ("s6", "want-down-ignores-term") => Some(State::Up),
        (_, "finish-running-want-up" | "finish-running-want-down" | "stop-script-running") => {
            Some(State::Finishing)
        }
        (_, "crash-backoff" | "crash-backoff-exit" | "crash-backoff-signal")
        | ("s6", "spawn-failure") => Some(State::Backoff),
        ("daemontools", "once-finished") => Some(State::Exited),
        _ => None,
    };
    let mut seen = 0;
    for entry in corpus() {
        let name = |key: &str| entry[key].as_str().unwrap().to_owned();
        if let Some(expected) = word(&name("supervisor"), &name("scenario")) {
            assert_eq!(record(&entry).facts().state(), expected, "{}", entry["id"]);
            seen += 1;
        }
    }
    assert!(seen > 60, "{seen}");
}

#[test]
fn damaged_records_are_refused_by_length_or_found_out_or_read() {
    for entry in load(include_str!("../testdata/malformed.json")) {
        let bytes = bytes(entry["hex"].as_str().unwrap());
        let case = entry["case"].as_str().unwrap();
        let result = Record::from_bytes(dialect(&entry), &bytes);
        let Ok(record) = result else {
            assert!(case.starts_with("length") || case == "empty", "{}", entry["id"]);
            continue;
        };
        let plausible = record.check().is_ok();
        let damaged = [
            "all-ff",
            "all-zero",
            "label-2^63",
            "label-below-2^62",
            "label-max",
            "nanoseconds-1e9",
            "nanoseconds-max",
            "pid-2^32",
            "pid-max",
            "pid-negative",
        ];
        assert_eq!(plausible, !damaged.contains(&case), "{}: {record:?}", entry["id"]);
    }
}
