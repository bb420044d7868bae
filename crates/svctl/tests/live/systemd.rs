//! Units beside service directories, under the systemd of a throw-away machine.

pub mod applied;
pub mod cases;
mod many;
mod outcomes;
pub mod reasons;

use std::{
    fs,
    path::PathBuf,
    process::Command,
    sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
    time::Instant,
};

use serde_json::Value;

use crate::{
    here::is_here,
    supervised::{PATIENCE, Suite, Supervised},
    svctl::{Run, Watching, run},
};

/// What looks at all units has the manager for itself.
static MANAGER: RwLock<()> = RwLock::new(());

/// `None` where there is no such machine.
pub fn machine() -> Option<RwLockReadGuard<'static, ()>> {
    is_here().then(|| MANAGER.read().unwrap_or_else(PoisonError::into_inner))
}

/// The same, with nobody else.
pub fn machine_alone() -> Option<RwLockWriteGuard<'static, ()>> {
    is_here().then(|| MANAGER.write().unwrap_or_else(PoisonError::into_inner))
}

/// Tests of what units of three lines make of requests, for one manager.
macro_rules! cases_of {
    ($whose:ident) => {
        cases_of!(machine $whose what_ends_is_told_from_what_fails);
        cases_of!(machine $whose what_is_never_started_is_told_to_who_waits);
        cases_of!(machine $whose what_is_gone_is_down);
        cases_of!(machine $whose what_a_request_cannot_do_is_said_before);
        cases_of!(machine $whose what_is_no_name_gets_a_hint);
        cases_of!(machine $whose what_is_enabled_is_disabled);
        cases_of!(machine $whose what_is_no_service_stands_in_words_of_its_own);
        cases_of!(machine_alone $whose a_healthy_manager_is_healthy);
        reasons_of!($whose every_reason_is_named_first);
        reasons_of!($whose what_is_well_is_not_blamed);
    };
    ($machine:ident $whose:ident $sentence:ident) => {
        #[test]
        fn $sentence() {
            let Some(_machine) = crate::systemd::$machine() else { return };
            crate::systemd::cases::$sentence(crate::systemd::cases::Whose::$whose);
        }
    };
}

macro_rules! reasons_of {
    ($whose:ident $sentence:ident) => {
        #[test]
        fn $sentence() {
            let Some(_machine) = crate::systemd::machine() else { return };
            crate::systemd::reasons::$sentence(crate::systemd::cases::Whose::$whose);
        }
    };
}

cases_of!(System);

#[test]
fn what_is_applied_runs_and_what_fails_leads_back() {
    let Some(_machine) = machine() else { return };
    applied::what_is_applied_runs_and_what_fails_leads_back(cases::Whose::System);
}

/// A unit that is gone with the machine.
struct Unit(String);

impl Unit {
    fn new(name: &str, service: &str) -> Self {
        let unit = Self(format!("svctl-{name}.service"));
        fs::write(unit.path(), format!("[Service]\n{service}\n")).unwrap();
        Self::reload();
        unit
    }

    fn path(&self) -> PathBuf {
        PathBuf::from("/run/systemd/system").join(&self.0)
    }

    fn reload() {
        assert!(Command::new("systemctl").arg("daemon-reload").status().unwrap().success());
    }

    fn svctl(&self, args: &[&str]) -> Run {
        run(args.iter().copied().chain([&*self.0]))
    }

    fn native(&self) -> String {
        let output = Command::new("systemctl").args(["is-active", &self.0]).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

impl Drop for Unit {
    fn drop(&mut self) {
        let _stopped = Command::new("systemctl").args(["stop", &self.0]).status();
        let _gone = fs::remove_file(self.path());
        Self::reload();
    }
}

const SLEEP: &str = "ExecStart=/bin/sleep 1000";

#[test]
fn a_unit_is_asked_like_any_other_service() {
    let Some(_machine) = machine() else { return };
    let unit = Unit::new("asked", SLEEP);
    let status = |unit: &Unit| unit.svctl(&["status", "--json"]).json()[0].take();
    let down = status(&unit);
    assert_eq!((&down["state"], &down["suite"]), (&"down".into(), &"systemd".into()), "{down}");
    assert_eq!(down["path"], Value::Null);
    let up = unit.svctl(&["up", "--json"]).json()[0].take();
    assert_eq!((&up["outcome"], &up["state"]), (&"reached".into(), &"up".into()), "{up}");
    assert_eq!(unit.native(), "active");
    let restarted = unit.svctl(&["restart", "--json"]).json()[0].take();
    assert_eq!(restarted["outcome"], "reached", "{restarted}");
    assert_ne!(restarted["pid"], up["pid"]);
    assert_eq!(unit.svctl(&["check"]).code, 0);
    assert_eq!(unit.svctl(&["pause"]).code, 0);
    assert_eq!(status(&unit)["state"], "paused");
    assert_eq!(unit.svctl(&["cont"]).code, 0);
    let exit = unit.svctl(&["exit", "--no-wait"]);
    assert!(exit.code == 1 && exit.err.contains("exit"), "{exit:?}");
    let down = unit.svctl(&["down"]);
    assert_eq!((down.code, &*unit.native()), (0, "inactive"), "{down:?}");
    assert_eq!(unit.svctl(&["check"]).code, 1);
    let missing = run(["status", "no-such-unit.service"]);
    assert_eq!(missing.code, 111, "{missing:?}");
    let bad = run(["status", "systemd:a b"]);
    assert!(bad.code == 1 && bad.out.contains("letters"), "{bad:?}");
}

#[test]
fn a_unit_that_fails_is_told_with_its_exit() {
    let Some(_machine) = machine() else { return };
    let unit = Unit::new("fails", "ExecStart=/bin/sh -c 'exit 3'");
    let up = unit.svctl(&["up", "--for", "up-for=2s"]);
    assert_eq!(up.code, 1, "{up:?}");
    assert!(up.err.contains("exited with 3"), "{up:?}");
    let row = unit.svctl(&["status", "--json"]).json()[0].take();
    assert_eq!((&row["state"], &row["exit"]["code"]), (&"failed".into(), &3.into()), "{row}");
}

/// `systemd.md` 16: a listing that asks one question has the states of one that asks about each.
#[test]
fn a_short_listing_has_the_states_of_a_long_one() {
    let Some(_machine) = machine() else { return };
    let units = [
        ("brief-up", SLEEP),
        ("brief-down", SLEEP),
        ("brief-exited", "Type=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true"),
        ("brief-failed", "Type=oneshot\nExecStart=/bin/false"),
        ("brief-backoff", "ExecStart=/bin/false\nRestart=always\nRestartSec=1h"),
        ("brief-starting", "Type=notify\nExecStart=/bin/sleep 1000"),
    ]
    .map(|(name, service)| Unit::new(name, service));
    for unit in &units {
        if unit.0 != "svctl-brief-down.service" {
            unit.svctl(&["up", "--no-wait"]);
        }
    }
    let states = |words: &[&str]| {
        let names = units.iter().map(|unit| unit.0.as_str());
        let args = words.iter().copied().chain(names).chain(["svctl-brief-nowhere.service"]);
        let run = run(args.collect::<Vec<_>>());
        assert_eq!(run.code, 111, "{run:?}");
        let rows = run.json().as_array().unwrap().clone();
        rows.into_iter().map(|row| row["state"].clone()).collect::<Vec<_>>()
    };
    let expected = ["up", "down", "exited", "failed", "backoff", "starting"].map(Value::from);
    let expected = [expected.as_slice(), &[Value::Null]].concat();
    let until = Instant::now() + PATIENCE;
    for words in [["status", "--json"].as_slice(), &["status", "--brief", "--json"]] {
        let mut seen = states(words);
        while seen != expected {
            assert!(Instant::now() < until, "{words:?}: {seen:?}");
            seen = states(words);
        }
    }
    let row = run(["status", "--brief", "--json", &units[0].0]).json()[0].take();
    assert_eq!((&row["pid"], &row["state"]), (&Value::Null, &"up".into()), "{row}");
    let table = run(["status", "--brief", &units[0].0]);
    let words: Vec<&str> = table.out.split_whitespace().collect();
    assert_eq!(words, ["SERVICE", "STATE", "NOTES", units[0].0.as_str(), "up"], "{table:?}");
}

#[test]
fn units_and_directories_are_in_one_listing_and_one_watch() {
    let Some(_machine) = machine() else { return };
    let unit = Unit::new("beside", SLEEP);
    let supervised = Supervised::start(Suite::Runit, "exec sleep 1000");
    let dir = supervised.scan_dir().to_str().unwrap().to_owned();
    let mut watching = Watching::start(["--dir", &dir, "web", &unit.0]);
    watching.until(|line| line["service"] == "web" && line["state"] == "up");
    assert_eq!(run(["--dir", &dir, "up", "web", &unit.0]).code, 0);
    let lines = watching.until(|line| line["service"] == *unit.0 && line["state"] == "up");
    assert_eq!(lines.last().unwrap()["suite"], "systemd");
    let all = run(["--dir", &dir, "--system", "status", "--json"]).json();
    let rows = all.as_array().unwrap();
    let names: Vec<&str> = rows.iter().map(|row| row["service"].as_str().unwrap()).collect();
    assert!(names.contains(&"web") && names.contains(&&*unit.0), "{names:?}");
    // A plain name is a unit where no directory has it.
    let plain = run(["--dir", &dir, "--system", "status", "web", "svctl-beside", "--json"]).json();
    let services: Vec<&Value> = plain.as_array().unwrap().iter().map(|row| &row["suite"]).collect();
    assert_eq!(services, ["runit", "systemd"]);
    let some = run(["status", "svctl-besid*.service", "--json"]).json();
    assert_eq!(some.as_array().unwrap().len(), 1);
    assert_eq!(run(["--dir", &dir, "restart", "web", &unit.0]).code, 0);
    assert_eq!(run(["--dir", &dir, "down", "web", &unit.0]).code, 0);
    assert_eq!(unit.native(), "inactive");
}

#[test]
fn what_units_write_is_read_from_the_journal_and_followed() {
    let Some(_machine) = machine() else { return };
    let unit = Unit::new(
        "writes",
        "ExecStart=/bin/sh -c 'echo one; printf \"\\\\377\\n\"; exec sleep 1000'",
    );
    assert_eq!(unit.svctl(&["up"]).code, 0);
    let lines = |args: &[&str]| {
        let told = unit.svctl(&[&["logs", "--json"], args].concat());
        assert_eq!(told.code, 0, "{told:?}");
        let lines = told.out.lines().map(|line| serde_json::from_str(line).unwrap());
        lines.inspect(crate::schema::check).collect::<Vec<Value>>()
    };
    // The journal has it a moment later than the unit is up.
    let deadline = Instant::now() + PATIENCE;
    let all = loop {
        let all = lines(&[]);
        if all.iter().any(|line| line["line"] == "\u{fffd}") {
            break all;
        }
        assert!(Instant::now() < deadline, "{all:?}");
    };
    let of_unit = |line: &Value| line["service"] == *unit.0 && line["log"].is_null();
    assert!(all.iter().all(of_unit), "{all:?}");
    assert!(all.iter().any(|line| line["line"] == "one"), "{all:?}");
    assert_eq!(lines(&["-n", "1"]).len(), 1);
    assert_eq!(lines(&["--until", "2020-01-01T00:00:00Z"]).len(), 0);
    let mut follower = crate::svctl::command(["logs", "-f", "-n", "0", &*unit.0])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let out = std::io::BufReader::new(follower.stdout.take().unwrap());
    // What the manager says of the unit is the unit's, too. Said until it is heard.
    let stop = std::sync::atomic::AtomicBool::new(false);
    let heard = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                unit.svctl(&["restart"]);
            }
        });
        let heard = std::io::BufRead::lines(out).next().unwrap().unwrap();
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
        heard
    });
    assert!(!heard.is_empty());
    // Nobody reads any more, and so it ends.
    unit.svctl(&["restart"]);
    assert_eq!(follower.wait().unwrap().code(), Some(0));
}

#[test]
fn a_build_says_which_unit_runs_an_older_definition() {
    let Some(_machine) = machine() else { return };
    // Removed at the end.
    let unit = Unit::new("older", SLEEP);
    let name = unit.path().file_name().unwrap().to_str().unwrap().to_owned();
    let tree = tempfile::tempdir().unwrap();
    let file = tree.path().join("svcmgr.toml").display().to_string();
    let dir = unit.path().parent().unwrap().to_str().unwrap().to_owned();
    let build = |value: &str| {
        let service = name.strip_suffix(".service").unwrap();
        let text = format!(
            "[service.{service}]\nexec = [\"/bin/sleep\", \"1000\"]\nenv = {{ A = \"{value}\" }}\n"
        );
        fs::write(&file, text).unwrap();
        run(["build", &file, "--to", "systemd", "--adopt", "--out", &dir])
    };
    let first = build("one");
    assert!(first.code == 0 && first.err.contains("`svctl daemon-reload` makes"), "{first:?}");
    Unit::reload();
    assert_eq!(unit.svctl(&["up"]).code, 0);
    assert!(!build("one").err.contains("hint"));
    let again = build("two");
    assert!(again.err.contains(&format!("{name} runs an older definition")), "{again:?}");
    assert!(again.err.contains(&format!("`svctl restart {name}` takes")), "{again:?}");
    Unit::reload();
    unit.svctl(&["down"]);
}

#[test]
fn what_is_odd_about_a_unit_is_said() {
    let Some(_machine) = machine() else { return };
    let unit = Unit::new(
        "odd",
        "ExecStart=/bin/sh -c 'exit 3'\nRestart=always\nRestartSec=1ms\n[Unit]\nStartLimitIntervalSec=0",
    );
    unit.svctl(&["up"]);
    let deadline = Instant::now() + PATIENCE;
    let kinds = || {
        let row = unit.svctl(&["status", "--json"]).json()[0].take();
        let odd = row["odd"].as_array().unwrap().iter();
        odd.map(|odd| odd["kind"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    while kinds() != ["crash-loop"] {
        assert!(Instant::now() < deadline, "no crash loop");
    }
    // A reload of the manager, which other tests ask for, starts the count anew.
    let mut many = unit.svctl(&["check", "--max-restarts", "2"]);
    while many.code == 0 && Instant::now() < deadline {
        many = unit.svctl(&["check", "--max-restarts", "2"]);
    }
    assert!(many.code == 1 && many.err.contains("ended "), "{many:?}");
    // Nor is what it has read then older any more.
    loop {
        fs::write(unit.path(), format!("[Service]\n{SLEEP}\n")).unwrap();
        let kinds = kinds();
        let before = unit.svctl(&["restart", "--timeout", "300ms"]);
        let said = before.err.contains("newer than what systemd has loaded")
            && before.err.contains("`svctl daemon-reload`");
        if said && kinds.contains(&"definition-newer".to_owned()) {
            break;
        }
        assert!(Instant::now() < deadline, "{kinds:?} {before:?}");
    }
    Unit::reload();
    unit.svctl(&["down"]);
    unit.svctl(&["up"]);
    assert_eq!(kinds(), [""; 0]);
    assert_eq!(unit.svctl(&["check", "--max-restarts", "0"]).code, 0);
    assert_eq!(unit.svctl(&["mask"]).code, 0);
    assert_eq!(kinds(), ["masked"]);
    unit.svctl(&["down"]);
    let refused = unit.svctl(&["up"]);
    assert!(refused.err.contains(&format!("`svctl unmask {}`", unit.0)), "{refused:?}");
    let masked = unit.svctl(&["status"]);
    assert!(masked.code == 0 && masked.out.contains("is masked"), "{masked:?}");
    assert_eq!(unit.svctl(&["unmask"]).code, 0);
    for (service, kind) in [
        ("Type=exec\nExecStart=/nonexistent/program", "not-executed"),
        ("Type=exec\nExecStartPre=/bin/false\nExecStart=/bin/sleep 9", "before-start"),
        ("Type=notify\nTimeoutStartSec=50ms\nExecStart=/bin/sleep 9", "start-timeout"),
        ("Type=exec\nExecStart=/bin/sleep 9\nTimeoutStopSec=nonsense\nType=nonsense", ""),
        ("ExecStop=/bin/true", "bad-definition"),
    ] {
        fs::write(unit.path(), format!("[Service]\n{service}\n")).unwrap();
        // And how a command before the start ended is forgotten.
        loop {
            Unit::reload();
            unit.svctl(&["up"]);
            let kinds = kinds();
            Command::new("systemctl").args(["reset-failed", &unit.0]).output().unwrap();
            if kinds.first().map_or("", String::as_str) == kind {
                break;
            }
            assert!(Instant::now() < deadline, "{service}: {kinds:?}");
        }
    }
}

#[test]
fn units_have_verbs_of_their_own() {
    let Some(_machine) = machine() else { return };
    let unit = Unit::new(
        "verbs",
        "Type=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n[Install]\nWantedBy=multi-user.target",
    );
    let told = |args: &[&str]| {
        let run = unit.svctl(args);
        let row = run.json()[0].take();
        crate::schema::check(&row);
        (run.code, row["outcome"].as_str().unwrap().to_owned(), row["changed"].as_bool())
    };
    for verb in ["enable", "disable"] {
        assert_eq!(told(&[verb, "--json"]), (0, "reached".to_owned(), Some(true)));
        assert_eq!(told(&[verb, "--json"]), (0, "already".to_owned(), Some(false)));
    }
    assert_eq!(unit.svctl(&["up"]).code, 0);
    // Active (exited) is well.
    assert_eq!(unit.svctl(&["check"]).code, 0);
    assert_eq!(run(["daemon-reload"]).code, 0);
    assert_eq!(told(&["reset-failed", "--json"]).0, 0);
    assert_eq!(run(["reset-failed"]).code, 0);
    let static_unit = Unit::new("static", SLEEP);
    let refused = static_unit.svctl(&["enable"]);
    assert!(refused.code == 1 && refused.err.contains("[Install]"), "{refused:?}");
    // Units that others only mention are no rows.
    let mentions = Unit::new("mentions", &format!("{SLEEP}\n[Unit]\nAfter=svctl-nowhere.service"));
    assert_eq!(mentions.svctl(&["up"]).code, 0);
    let all = run(["--dir", "/run", "--system", "status", "svctl-*.service", "--json"]);
    assert_eq!(all.code, 0, "{all:?}");
    assert!(!all.out.contains("svctl-nowhere"), "{all:?}");
}

#[test]
fn the_suite_systemd_means_units_alone() {
    let Some(_machine) = machine() else { return };
    let unit = Unit::new("suited", SLEEP);
    let systemd = |args: &[&str]| run(["--suite", "systemd"].iter().chain(args));
    // A name is a unit's, also where a scan directory has it.
    let sv = Supervised::start(Suite::Runit, "exec sleep 1000");
    assert_eq!(systemd(&["up", "svctl-suited"]).code, 0);
    let dir = sv.scan_dir().to_str().unwrap().to_owned();
    let all = run(["--suite", "systemd", "--dir", &dir, "status", "--json"]).json();
    let rows = all.as_array().unwrap();
    assert!(rows.iter().all(|row| row["suite"] == "systemd"), "{all}");
    let suited = |row: &&Value| row["service"] == *unit.0;
    assert_eq!(rows.iter().find(suited).unwrap()["state"], "up");
    let refused = systemd(&["status", "./web"]);
    assert_eq!(refused.code, 100);
    assert!(refused.err.contains("--suite systemd means units"), "{refused:?}");
    let stopped = systemd(&["down", "svctl-suit*"]);
    assert_eq!((stopped.code, unit.native().as_str()), (0, "inactive"), "{stopped:?}");
    // Templates and what a name needs: a hint, and the others are told all the same.
    let some = systemd(&["status", "svctl-none@", "svctl-suited"]);
    assert!(some.out.contains("svctl-suited.service"), "{some:?}");
    assert!(some.err.contains("name an instance, as in svctl-none@NAME.service"), "{some:?}");
}

#[test]
fn what_is_no_service_has_words_of_its_own() {
    let Some(_machine) = machine() else { return };
    let dir = PathBuf::from("/run/systemd/system");
    let unit = Unit::new("socketed", "ExecStart=/bin/sleep 1000");
    let (socket, timer, never) =
        ("svctl-socketed.socket", "svctl-socketed.timer", "svctl-never.socket");
    fs::write(dir.join(socket), "[Socket]\nListenStream=/run/svctl-socketed\n").unwrap();
    fs::write(dir.join(timer), "[Timer]\nOnCalendar=*-01-01\n").unwrap();
    fs::write(
        dir.join(never),
        "[Socket]\nListenStream=/proc/none\nService=svctl-socketed.service\n",
    )
    .unwrap();
    Unit::reload();
    let state = |name: &str| {
        let run = run(["status", "--json", name]);
        assert_eq!(run.code, 0, "{run:?}");
        run.json()[0].take()
    };
    assert_eq!(state(socket)["state"], "inactive");
    let up = run(["up", socket, timer]);
    assert_eq!(up.code, 0, "{up:?}");
    assert!(up.out.starts_with(&format!("{socket}: active after ")), "{up:?}");
    let row = state(socket);
    assert_eq!(
        (&row["state"], &row["want"], &row["pid"]),
        (&"active".into(), &"up".into(), &Value::Null)
    );
    assert_eq!(row["odd"], Value::Array(Vec::new()));
    assert_eq!(run(["wait", "--for", "up", socket, timer]).code, 0);
    assert_eq!(run(["check", socket, timer, "sysinit.target"]).code, 0);
    let again = run(["up", socket]);
    assert!(again.out.contains("already active"), "{again:?}");
    let failed = run(["up", never]);
    assert_eq!(failed.code, 1, "{failed:?}");
    assert_eq!(state(never)["state"], "failed");
    let down = run(["down", socket, timer]);
    assert!(down.code == 0 && down.out.contains(&format!("{socket}: inactive after ")), "{down:?}");
    assert_eq!(state(timer)["state"], "inactive");
    for name in [socket, timer, never] {
        fs::remove_file(dir.join(name)).unwrap();
    }
    drop(unit);
}

#[test]
fn a_name_that_is_a_units_gets_a_hint() {
    let Some(_machine) = machine() else { return };
    let unit = Unit::new("hinted", SLEEP);
    let plain = unit.0.strip_suffix(".service").unwrap();
    // Whether a usual place is there is another matter.
    let scan = tempfile::tempdir().unwrap();
    for verb in ["up", "status"] {
        let run = run(["--dir", scan.path().to_str().unwrap(), verb, plain]);
        let hint = format!("there is a unit of that name: `{}`, or `--system`", unit.0);
        assert!(run.code == 111 && run.err.contains(&hint), "{run:?}");
    }
    assert_eq!(run(["--system", "up", plain]).code, 0);
}

#[test]
fn a_name_that_is_not_escaped_gets_a_hint() {
    let run = run(["up", "tpl@/var/lib/my-app.service"]);
    assert_eq!(run.code, 100, "{run:?}");
    for name in [r"tpl@-var-lib-my\x2dapp.service", r"tpl@var-lib-my\x2dapp.service"] {
        assert!(run.err.contains(name), "{run:?}");
    }
    let escaped = |args: &[&str]| crate::svctl::run(["escape"].iter().chain(args)).out;
    assert_eq!(escaped(&["--path", "/var/lib/my-app"]), "var-lib-my\\x2dapp\n");
    let whole = escaped(&["--template", "tpl@.service", "a b"]);
    assert_eq!(whole, "tpl@a\\x20b.service\n");
    assert_eq!(escaped(&["--unescape", r"tpl@a\x20b.service"]), "a b\n");
}

#[test]
fn units_are_completed_where_they_are_meant() {
    let Some(_machine) = machine() else { return };
    // Never started, so the manager may not have loaded it.
    let _unit = Unit::new("tab", SLEEP);
    let _template = Unit::new("tab-template@", SLEEP);
    let complete = |words: &[&str]| {
        let run = run(["__complete", "--"].iter().chain(words));
        run.out.split_terminator('\0').map(str::to_owned).collect::<Vec<_>>()
    };
    // Nothing is offered by a bus that takes a second to answer: nobody waits longer for a key.
    let deadline = Instant::now() + PATIENCE;
    let completes = |words: &[&str], expected: &[&str]| {
        let mut offered = complete(words);
        while offered.is_empty() && Instant::now() < deadline {
            offered = complete(words);
        }
        assert_eq!(offered, expected, "{words:?}");
    };
    let plain = ["svctl-tab.service", ""];
    completes(&["zsh", "--system", "up", "svctl-t"], &plain);
    completes(&["zsh", "up", "svctl-tab.s"], &plain);
    completes(&["zsh", "up", "systemd:svctl-t"], &["systemd:svctl-tab.service", ""]);
    completes(&["fish", "up", "systemd:svctl-t"], &["systemd:svctl-tab.service\t"]);
    let breaks = " \t\n\"'><=;|&(:";
    completes(&["bash", "svctl up systemd:svctl-t", breaks], &["svctl-tab.service"]);
    assert!(complete(&["zsh", "up", "svctl-t"]).is_empty());
}
