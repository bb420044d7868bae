//! `svctl build` as a process: what it makes, what it refuses and where, exit codes, JSON.
#![allow(
    missing_docs,
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

#[path = "build/editor.rs"]
mod editor;
#[path = "live/schema.rs"]
mod schema;
#[path = "live/svctl.rs"]
mod svctl;

use std::{fs, os::unix::fs::MetadataExt};

use svctl::{Run, run};
use tempfile::TempDir;

struct Place(TempDir);

impl Place {
    fn new(definitions: &str) -> Self {
        let tree = TempDir::new().unwrap();
        fs::write(tree.path().join("svcmgr.toml"), definitions).unwrap();
        Self(tree)
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    fn build(&self, target: &str, more: &[&str]) -> Run {
        let (file, out) = (self.path("svcmgr.toml"), self.path("out"));
        run([&["build", &file, "--for", target, "--out", &out], more].concat())
    }
}

const TWO: &str = "[service.web]\nexec = [\"/bin/sleep\", \"1 0\"]\nenv.A = \"b\"\n\
                   [service.db]\nexec = [\"/bin/true\"]\n";

#[test]
fn each_target_gets_its_directories_or_units_once() {
    for target in ["daemontools", "encore", "runit", "s6", "systemd", "embedded"] {
        let place = Place::new(TWO);
        let told = place.build(target, &[]);
        assert_eq!((told.code, told.err.as_str()), (0, ""), "{target}");
        let made = if target == "systemd" { "new web.service\n" } else { "new web/run\n" };
        assert!(told.out.contains(made), "{}", told.out);
        let file = place.path(if target == "systemd" { "out/web.service" } else { "out/web/run" });
        assert!(fs::read_to_string(&file).unwrap().contains("sleep"));
        let before = fs::metadata(&file).unwrap();
        let again = place.build(target, &[]);
        assert_eq!((again.code, again.out.as_str()), (0, "nothing to change\n"));
        assert_eq!(fs::metadata(&file).unwrap().ino(), before.ino());
        assert_eq!(place.build(target, &["--diff"]).code, 0);
    }
}

#[test]
fn a_dry_run_and_a_diff_write_nothing() {
    let place = Place::new(TWO);
    let dry = place.build("runit", &["--dry-run"]);
    assert_eq!(dry.code, 0);
    assert!(dry.out.contains("web/run 0755\n  | #!/bin/sh\n"), "{}", dry.out);
    let diff = place.build("runit", &["--diff"]);
    assert_eq!(diff.code, 1);
    assert!(diff.out.contains("new: web/run\n"), "{}", diff.out);
    assert!(!fs::exists(place.path("out")).unwrap());
    let without = run(["build", &place.path("svcmgr.toml"), "--for", "s6", "--dry-run"]);
    assert_eq!(without.code, 0, "--out is not needed");
}

#[test]
fn only_the_named_services_are_built() {
    let place = Place::new(TWO);
    assert_eq!(place.build("s6", &["--service", "db"]).code, 0);
    assert!(fs::exists(place.path("out/db/run")).unwrap());
    assert!(!fs::exists(place.path("out/web")).unwrap());
    let told = place.build("s6", &["--service", "dbb"]);
    assert_eq!(told.code, 100);
    assert!(told.err.contains("dbb") && told.err.contains("db, web"), "{}", told.err);
}

#[test]
fn what_others_made_or_changed_is_replaced_only_where_that_was_asked_for() {
    let place = Place::new(TWO);
    place.build("runit", &[]);
    fs::write(place.path("out/web/run"), "#!/bin/sh\nexec mine\n").unwrap();
    let told = place.build("runit", &["--diff"]);
    assert!(told.out.contains("changed: web/run, which somebody else made or changed\n"));
    assert!(told.out.contains("-exec mine\n"), "{}", told.out);
    let told = place.build("runit", &[]);
    assert_eq!((told.code, told.out.as_str()), (1, ""));
    let says = format!("will not replace {}: no build made it", place.path("out/web/run"));
    assert!(told.err.contains(&says) && told.err.contains("--adopt"), "{}", told.err);
    let is_kept = |path: &str| fs::read_to_string(place.path(path)).unwrap().contains("mine");
    assert!(is_kept("out/web/run"));
    // A directory that no build has ever seen; nothing is made of the other service either.
    fs::remove_dir_all(place.path("out")).unwrap();
    fs::create_dir_all(place.path("out/web")).unwrap();
    fs::write(place.path("out/web/run"), "#!/bin/sh\nexec mine\n").unwrap();
    fs::write(place.path("out/web/notes"), "mine\n").unwrap();
    let told = place.build("runit", &[]);
    assert_eq!((told.code, told.err.contains(&says)), (1, true), "{}", told.err);
    assert!(is_kept("out/web/run") && !fs::exists(place.path("out/db")).unwrap());
    let told = place.build("runit", &["--adopt"]);
    assert!(told.code == 0 && told.out.contains("changed web/run\n"), "{}", told.err);
    assert!(told.err.contains("out/web/run is overwritten, which somebody else"), "{}", told.err);
    assert!(!is_kept("out/web/run") && is_kept("out/web/notes"));
    assert_eq!(place.build("runit", &[]).code, 0);
    // A unit is a file among those of others.
    let units = Place::new(TWO);
    fs::create_dir(units.path("out")).unwrap();
    fs::write(units.path("out/web.service"), "[Service]\nExecStart=/bin/mine\n").unwrap();
    let told = units.build("systemd", &[]);
    assert_eq!(told.code, 1, "{}", told.err);
    assert!(told.err.contains("out/web.service: no build made it"), "{}", told.err);
    assert_eq!(units.build("systemd", &["--adopt"]).code, 0);
}

#[test]
fn a_wrong_file_is_shown_with_the_line_and_what_was_meant() {
    let text = "[service.web]\nexec = [\"/bin/true\"]\nlimts = {core = 0}\n\
                stop.kil_after = \"1s\"\n[service.web.log]\ndirectory = \"/x\"\n";
    let place = Place::new(text);
    let told = place.build("s6", &[]);
    assert_eq!((told.code, told.out.as_str()), (1, ""));
    let file = place.path("svcmgr.toml");
    for line in [
        format!("{file}:3:1"),
        "3 | limts = {core = 0}".to_owned(),
        "did you mean `limits`?".to_owned(),
        format!("{file}:4:6"),
        "did you mean `kill_after`?".to_owned(),
        format!("{file}:6:1"),
        "did you mean `dir`?".to_owned(),
    ] {
        assert!(told.err.contains(&line), "{line}\n{}", told.err);
    }
    assert!(!fs::exists(place.path("out")).unwrap());
}

#[test]
fn every_kind_of_mistake_has_its_place() {
    have_their_places(&[
        ("[service.web]\nexec = \"/bin/true\"", ":2:8", "expected an array"),
        ("[service.web]\nexec = []", ":2:8", "must name a program"),
        ("[service.web]\nexec = [\"/a\"]\nnice = 50", ":3:8", "-20 to 19"),
        ("[service.web]\nexec = [\"/a\"]\numask = 022", ":3:9", ""),
        ("[service.web]\nexec = [\"/a\"]\numask = 22", ":3:9", "octal"),
        (
            "[service.web]\nexec = [\"/a\"]\nlimits = {\n core = 0,\n data = \"1.5G\" }",
            ":5:9",
            "1024",
        ),
        (
            "[service.web]\nexec = [\"/a\"]\nlimits.memory = \"1G\"",
            ":3:8",
            "resources = { memory_max",
        ),
        ("[service.web]\nexec = [\"/a\"]\nrestart_delay = \"2s\"", ":3:1", "restart = { delay"),
        ("[service.web]\nexec = [\"/a\"]\nrestart = { whem = \"never\" }", ":3:13", "`when`?"),
        (
            "[service.web]\nexec = [\"/a\"]\nrestart = { max = 3 }",
            ":3:19",
            "needs `restart.within`",
        ),
        ("[service.web]\nexec = [\"/a\"]\nready = { timeout = \"1s\" }", ":3:9", "one of `fd`"),
        ("[service.web]\nexec = [\"/a\"]\nlimits.files = { soft = 9 }", ":3:16", "hard ="),
        ("[service.web]\nexec = [\"/a\"]\nlimits.files.sft = 9", ":3:14", "`soft`?"),
        ("[service.web]\nexec = [\"/a\"]\nlimits.core = \"infinit\"", ":3:15", "\"infinity\""),
        ("[service.web]\nexec = [\"/a\"]\nlimits.files = { soft = 9, hard = 8 }", ":3:16", "above"),
        ("[service.web]\nexec = [\"/a\"]\nresources.cpu = \"half\"", ":3:17", "50%"),
        ("[service.web]\nexec = [\"/a\"]\nafter = [\"db\"]", ":3:9", "no service of this file"),
        (
            "[service.a]\nexec = [\"/a\"]\nafter = [\"b\"]\n[service.b]\nexec=[\"/b\"]\nafter=[\"a\"]",
            ":3:9",
            "a after b after a",
        ),
        (
            "[service.a]\nexec = [\"/a\"]\nneeds = [\"b\"]\n[service.b]\nexec=[\"/b\"]\nwants=[\"a\"]",
            ":3:9",
            "a after b after a",
        ),
        (
            "[service.a]\nexec = [\"/a\"]\nkind = \"job\"\nrestart = \"always\"",
            ":4:11",
            "for a job",
        ),
        ("[service.a]\nexec = [\"/a\"]\nkind = \"job\"\nready.fd = 3", ":4:", "for a job"),
        ("[service.a]\nexec = [\"/a\"]\nremain = true", ":3:10", "kind = \"job\""),
        (
            "[service.a]\nexec = [\"/a\"]\nafter = [{ service = \"b\", when = \"done\" }]\n[service.b]\nexec=[\"/b\"]",
            ":3:9",
            "it is no job",
        ),
        (
            "[service.a]\nexec = [\"/a\"]\nneeds = [{ service = \"b\", when = \"ready\" }]\n[service.b]\nexec=[\"/b\"]",
            ":3:9",
            "never says that it is ready",
        ),
        (
            "[service.a]\nexec = [\"/a\"]\nafter = [{ service = \"b\", wen = \"up\" }]",
            ":3:27",
            "did you mean `when`?",
        ),
        ("[service.a]\nExecStartPre = \"/a\"", ":2:1", "here that is `pre`"),
        ("[service.a]\nexec = [\"/a\"]\ndepends-on = [\"b\"]", ":3:1", "here that is `needs`"),
        ("[[service.a.env_file]]\npth = \"/x\"\n[service.a]\nexec = [\"/a\"]", ":2:1", "`path`?"),
        (
            "[service.a]\nexec = [\"/a\"]\nsockets = [{ name = \"h\", lisen = \"/x\" }]",
            ":3:26",
            "did you mean `listen`?",
        ),
        (
            "[service.a]\nexec = [\"/a\"]\nsockets = [{ name = \"h\", listen = \"localhost:80\" }]",
            ":3:11",
            "127.0.0.1:8080",
        ),
        ("[service.a]\nexec = [\"/a\"]\nwants = [\"a\"]", ":3:9", "a after a"),
        // `systemd.md` 18 and 19.
        ("[service.\"web.service\"]\nexec = [\"/a\"]", ":1:10", "must not end in `.service`"),
        (
            "[service.a]\nexec = [\"/a\"]\nafter = [\"network-online.target\"]",
            ":3:9",
            "named in `after_external.systemd`",
        ),
        (
            "[service.a]\nexec = [\"/a\"]\nafter_external.systemd = [\"net\"]",
            ":3:26",
            "network-online.target",
        ),
        ("[service.a]\nexec = [\"/a\"]\nafter_external.runit = [\"net\"]", ":3:16", "unknown key"),
        ("[service.\"../x\"]\nexec = [\"/a\"]", ":1:10", "its name"),
        ("[service.web]\nexec = [\"/a\"]\nready = { fd = 3, tcp = \"a:1\" }", ":3:9", ""),
        ("[service.web]\nexec = [\"/a\"]\nenv = { \"A\\nB\" = \"x\" }", ":3:18", "must be named"),
        ("[service.web]\nexec = [\"a\\u0000b\"]", ":2:8", "NUL"),
        ("[service.web\n", ":1:13", ""),
        ("[servce.web]\n", ":1:2", "did you mean `service`?"),
    ]);
}

#[test]
fn so_has_one_beyond_a_single_process() {
    have_their_places(&[
        ("expand = 1\n[service.a]\nexec = [\"/a\"]", ":1:10", ""),
        ("expnd = true\n[service.a]\nexec = [\"/a\"]", ":1:1", "did you mean `expand`?"),
        ("expand = true\n[service.a]\nexec = [\"/a\", \"${A\"]", ":3:8", "write `$${`"),
        (
            "expand = true\n[service.a]\nexec = [\"/a\"]\nstdin = \"/x/${A}\"",
            ":4:9",
            "`exec`, `env` and `cwd` alone",
        ),
        ("[service.a]\nexpand = true\nexec = [\"/a\"]\nroot = \"/r\"", ":2:10", "beside `root`"),
        ("[service.a]\nexec = [\"/a\"]\npre = [[\"b/c\"]]", ":3:7", "base = \".\""),
        ("[service.a]\nexec = [\"/a\"]\npre = [[]]", ":3:7", "must name a program"),
        ("[service.a]\nexec = [\"/a\"]\ninstances = 1000", ":3:13", "1 to 999"),
        (
            "[service.a]\nexec = [\"/a\"]\ninstances = 2\nenv.INSTANCE = \"x\"",
            ":4:16",
            "the number of the instance",
        ),
        ("[service.a]\nexec = [\"/a\"]\ncritical = \"failur\"", ":3:12", "failure"),
        ("[service.a]\nexec = [\"/a\"]\ncritical = false", ":3:12", "left out"),
        ("[service.a]\nexec = [\"/a\"]\nhealth = { every = \"5s\" }", ":3:10", "one of `tcp`"),
        (
            "[service.a]\nexec = [\"/a\"]\nhealth = { comand = \"a:1\" }",
            ":3:12",
            "did you mean `command`",
        ),
        ("[service.a]\nexec = [\"/a\"]\nhealth = { tcp = \"a\" }", ":3:18", "HOST:PORT"),
        (
            "[service.a]\nexec = [\"/a\"]\nhealth = { tcp = \"a:1\", failures = 0 }",
            ":3:36",
            "1 to 1000",
        ),
        ("[service.a]\nexec = [\"/a\"]\nwatchdog = \"5s\"", ":3:12", "notify = true"),
        ("[service.a]\nexec = [\"/a\"]\non_failure = [\"/b\"]", ":3:14", "without end"),
        (
            "[service.a]\nexec = [\"/a\"]\nrestart_on_change = [\"src/*.py\"]",
            ":3:21",
            "base = \".\"",
        ),
        (
            "[service.a]\nexec = [\"/a\"]\nrestart_on_change = [\"/src/**.py\"]",
            ":3:21",
            "stands alone",
        ),
        (
            "[service.a]\nexec = [\"/a\"]\nrestart_on_change = [\"/src/[a\"]",
            ":3:21",
            "without a `]`",
        ),
    ]);
}

/// Each text with its place, and words of what is said of it.
#[track_caller]
fn have_their_places(mistakes: &[(&str, &str, &str)]) {
    for &(text, place, what) in mistakes {
        let file = Place::new(text);
        let told = file.build("runit", &[]);
        assert_eq!(told.code, 1, "{text}\n{}", told.err);
        assert!(
            told.err.contains(&format!(
                "svcmgr.toml{place}{}",
                if place.ends_with(':') { "" } else { "\n" }
            )),
            "{place} {text}\n{}",
            told.err
        );
        assert!(told.err.contains(what), "{what} {text}\n{}", told.err);
        assert!(!fs::exists(file.path("out")).unwrap(), "{text}");
    }
}

#[test]
fn a_file_without_services_is_no_success() {
    for text in ["", "[service]\n"] {
        let told = Place::new(text).build("s6", &[]);
        assert_eq!(told.code, 1);
        assert!(told.err.contains("has no service"), "{}", told.err);
    }
}

#[test]
fn what_cannot_be_written_for_a_target_is_shown_where_it_stands() {
    let place = Place::new("[service.web]\nexec = [\"web\"]\ncwd = \"/a/../b\"\n");
    let told = place.build("systemd", &["--lossy"]);
    assert_eq!(told.code, 1);
    assert!(told.err.contains("for systemd: it has `..`"), "{}", told.err);
    assert!(told.err.contains("svcmgr.toml:3:7\n"), "{}", told.err);
    assert_eq!(place.build("runit", &[]).code, 0);
}

#[test]
fn what_a_target_cannot_express_is_refused_or_told() {
    let place = Place::new("[service.web]\nexec = [\"/bin/true\"]\nstop.kill_after = \"5s\"\n");
    let told = place.build("runit", &[]);
    assert_eq!(told.code, 1);
    assert!(told.err.contains("`stop.kill_after` cannot be expressed for runit"), "{}", told.err);
    assert!(told.err.contains("svcmgr.toml:3:19\n") && told.err.contains("closest: `svctl down"));
    assert!(told.err.contains("--lossy"), "{}", told.err);
    assert!(!fs::exists(place.path("out")).unwrap());
    let told = place.build("runit", &["--lossy"]);
    assert_eq!(told.code, 0);
    assert!(told.err.contains("warning: left out: `stop.kill_after`"), "{}", told.err);
    let text = fs::read_to_string(place.path("out/web/run")).unwrap();
    assert!(text.contains("\n# left out: `stop.kill_after`"), "{text}");
}

#[test]
fn the_json_is_what_the_schema_promises() {
    let text = "[service.web]\nexec = [\"/bin/true\"]\nstop.kill_after = \"5s\"\n";
    let place = Place::new(text);
    for more in [
        &["--json", "--lossy", "--dry-run"][..],
        &["--json", "--lossy", "--diff"],
        &["--json", "--lossy"],
    ] {
        let told = place.build("runit", more).json();
        schema::check(&told);
        assert_eq!(told["left_out"][0]["key"], "stop.kill_after");
        assert_eq!(told["changes"].is_null(), more.contains(&"--dry-run"));
    }
    assert_eq!(
        place.build("runit", &["--json", "--lossy"]).json()["changes"],
        serde_json::json!([])
    );
}

#[test]
fn a_check_says_for_whom_a_file_can_be_built_and_writes_nothing() {
    let text = "[service.web]\nexec = [\"/bin/true\"]\nstop.kill_after = \"5s\"\nuser = \"www\"\nroot = \"/r\"\n";
    let place = Place::new(text);
    let file = place.path("svcmgr.toml");
    let check = |more: &[&str]| run([&["build", &file, "--check"], more].concat());
    let all = check(&[]);
    assert_eq!(all.code, 1, "{all:?}");
    for line in [
        "systemd: can be built\n",
        "s6: cannot be built, for `root` of `web`\n",
        "runit: cannot be built, for `root` of `web`, `stop.kill_after` of `web`\n",
    ] {
        assert!(all.out.contains(line), "{}", all.out);
    }
    // Once, with all whom it is about.
    let what = "`stop.kill_after` cannot be expressed for daemontools, encore, runit\n";
    assert_eq!(all.err.matches("svcmgr.toml:3:19\n").count(), 1, "{}", all.err);
    assert!(all.err.contains(what) && all.err.contains("about rights"), "{}", all.err);
    let one = check(&["--to", "systemd"]);
    assert_eq!((one.code, &*one.out, &*one.err), (0, "systemd: can be built\n", ""));
    // What is about rights is not left out.
    assert_eq!(check(&["--to", "runit", "--lossy"]).code, 1);
    fs::write(&file, text.replace("root", "cwd")).unwrap();
    let lossy = check(&["--to", "runit", "--lossy"]);
    assert_eq!((lossy.code, &*lossy.out), (0, "runit: can be built\n"));
    assert!(lossy.err.contains("would be left out: `stop.kill_after`"), "{}", lossy.err);
    for (more, builds) in [(&["--json"][..], false), (&["--json", "--lossy"], true)] {
        let told = check(more).json();
        schema::check(&told);
        let runit = &told["checked"][2];
        assert_eq!((&runit["target"], &runit["builds"]), (&"runit".into(), &builds.into()));
        let gaps = if builds { "left_out" } else { "refused" };
        assert_eq!(runit[gaps][0]["key"], "stop.kill_after", "{told}");
    }
    assert_eq!(check(&["--service", "nosuch"]).code, 100);
    assert_eq!(check(&["--out", "o"]).code, 100);
    assert_eq!(check(&["--dry-run", "--to", "runit"]).code, 100);
    fs::write(&file, "[service.web]\nexec = [\"/bin/true\"]\ncwd = \"/a/../b\"\n").unwrap();
    let unquotable = check(&["--json"]);
    assert_eq!(unquotable.code, 1);
    schema::check(&unquotable.json());
    assert!(unquotable.err.contains("svcmgr.toml:3:7\n"), "{}", unquotable.err);
    fs::write(&file, "[service.web]\nexe = [\"/bin/true\"]\n").unwrap();
    assert_eq!(check(&[]).code, 1);
    let made: Vec<_> = fs::read_dir(place.0.path()).unwrap().collect();
    assert_eq!(made.len(), 1, "{made:?}");
}

#[test]
fn what_the_system_refuses_is_111_and_a_wrong_command_line_100() {
    let place = Place::new(TWO);
    assert_eq!(run(["build", "/no/such/file", "--for", "s6", "--dry-run"]).code, 111);
    fs::write(place.path("out"), "a file").unwrap();
    assert_eq!(place.build("s6", &[]).code, 111);
    for args in [
        &["build"][..],
        &["build", "f"],
        &["build", "f", "--for", "s7", "--out", "o"],
        &["build", "f", "--for", "s6"],
    ] {
        assert_eq!(run(args).code, 100, "{args:?}");
    }
}

#[test]
fn a_file_cannot_move_the_cursor() {
    let place = Place::new(
        "[service.web]\nexec = [\"/bin/true\"]\n\"a\\u001b[2Jb\" = 1\n# \u{1b}[2J\nx = \"\u{9b}2J\"\n",
    );
    let told = place.build("s6", &[]);
    assert_eq!(told.code, 1);
    assert!(!told.err.contains(['\u{1b}', '\u{9b}']), "{:?}", told.err);
}
