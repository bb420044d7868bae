//! Definitions as units of a real systemd.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Command,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use svbuild::{
    Definitions, Options, Plan, Service, Target,
    plan::Unit,
    spec::{
        EnvFile, External, Need, Ready, ReadyCheck, Reload, Restart, RestartPolicy, Socket, Stop,
        Systemd, When,
    },
};

use crate::variables::{CASES, read};

fn systemctl(words: &[&str]) -> bool {
    Command::new("systemctl").args(words).status().unwrap().success()
}

/// One test at a time: a directory that somebody writes into is refused to another.
static UNITS: Mutex<()> = Mutex::new(());

/// Writes units, and lets the manager read them.
pub fn install(plan: &Plan) {
    let _alone = UNITS.lock().unwrap_or_else(PoisonError::into_inner);
    plan.write(Path::new("/run/systemd/system")).unwrap();
    assert!(systemctl(&["daemon-reload"]));
}

/// Writes its unit and starts it; whether that succeeded, and the state in which it is then.
fn start(name: &str, service: Service) -> (bool, String) {
    let plan = Definitions::default().with(name, service).render(Target::Systemd, Options::new());
    install(&plan.unwrap());
    let started = systemctl(&["start", name]);
    let show = ["show", "--value", "--property=SubState", name];
    let state = Command::new("systemctl").args(show).output().unwrap().stdout;
    let _stopped = systemctl(&["stop", name]);
    (started, String::from_utf8(state).unwrap().trim().to_owned())
}

/// `daemons.md` 2: otherwise the start would never end, nor would the service be started again.
pub fn a_wait_for_readiness_ends_with_its_process() {
    for (restart, state) in [(Restart::Never, "failed"), (Restart::OnFailure, "auto-restart")] {
        let never = ReadyCheck::Command(vec!["/bin/false".into()]);
        let service = Service::new(["/bin/sh", "-c", "exit 3"]).ready(never).restart(restart);
        assert_eq!(start("svbuild-ends", service), (false, state.to_owned()));
    }
}

/// `reload`, `stop.command`; `ready.notify` of a process that it has started, `ready.timeout` of one that never says it, and `restart.max`.
pub fn readiness_is_told_in_its_time_and_starts_are_counted() {
    let dir = tempfile::tempdir().unwrap();
    let sh = |script: &str| {
        let words = ["/bin/sh", "-c", script].map(OsString::from);
        Service::new(words.into_iter().chain([dir.path().join("runs").into_os_string()]))
    };
    let (said, go) = (dir.path().join("said"), dir.path().join("go"));
    let says = |word: &str| {
        let words = ["/bin/sh", "-c", &format!("echo {word} >>\"$0\"")].map(OsString::from);
        words.into_iter().chain([said.clone().into_os_string()])
    };
    let usr1 = format!("trap 'echo usr1 >>{}' USR1", said.display());
    let tells = &*format!("{usr1}; systemd-notify --ready; while :; do sleep 0.05; done");
    let notify = || Ready::new(ReadyCheck::Notify);
    let often = RestartPolicy::new(Restart::Always).at_most(2, "1h".parse().unwrap());
    let definitions = Definitions::default()
        .with("svbuild-often", sh("echo >>\"$0\"; exit 1").restart(often))
        .with(
            "svbuild-tells",
            sh(tells).ready(notify()).stop(Stop::new().command(says("drain"))).reload(
                Reload::new().signal("USR1".parse().unwrap()).check([
                    "test".into(),
                    "-e".into(),
                    go.clone().into_os_string(),
                ]),
            ),
        )
        .with(
            "svbuild-late",
            sh("exec sleep 1000")
                .ready(notify().timeout("300ms".parse().unwrap()))
                .restart(Restart::Never),
        );
    install(&definitions.render(Target::Systemd, Options::new()).unwrap());
    let _started = systemctl(&["start", "svbuild-often"]);
    assert!(systemctl(&["start", "svbuild-tells"]));
    assert_eq!(state("svbuild-tells"), "active running");
    assert!(!systemctl(&["reload", "svbuild-tells"]), "the check refuses");
    fs::write(&go, "").unwrap();
    assert!(systemctl(&["reload", "svbuild-tells"]));
    let deadline = Instant::now() + Duration::from_secs(60);
    while fs::read_to_string(&said).unwrap_or_default() != "usr1\n" {
        assert!(Instant::now() < deadline, "{:?}", fs::read_to_string(&said));
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(!systemctl(&["start", "svbuild-late"]), "it never says that it is ready");
    assert_eq!(state("svbuild-late"), "failed failed");
    let deadline = Instant::now() + Duration::from_secs(60);
    while state("svbuild-often") != "failed failed" {
        assert!(Instant::now() < deadline, "{}", state("svbuild-often"));
        std::thread::sleep(Duration::from_millis(20));
    }
    // A `daemon-reload` of another test begins to count anew.
    assert!(fs::read_to_string(dir.path().join("runs")).unwrap().lines().count() >= 2);
    assert!(systemctl(&["stop", "svbuild-tells"]));
    assert_eq!(fs::read_to_string(&said).unwrap(), "usr1\ndrain\n");
    let _forgotten = systemctl(&["reset-failed", "svbuild-late", "svbuild-often"]);
}

/// Only with `stop.group = false`; and what is text for the unit is in force.
pub fn what_it_has_started_outlives_its_stop() {
    let dir = tempfile::tempdir().unwrap();
    let started = dir.path().join("child");
    for group in [true, false] {
        let script = "sleep 1000 & echo $! >\"$0\"; wait";
        let exec = ["/bin/sh".into(), "-c".into(), script.into(), started.clone().into_os_string()];
        let written = ReadyCheck::Command(vec!["test".into(), "-s".into(), started.clone().into()]);
        let text = Systemd::new().service("OOMScoreAdjust", "321");
        let stop = Stop::new().group(group);
        let service = Service::new(exec).ready(written).stop(stop).systemd(text);
        assert!(start("svbuild-group", service).0);
        let child = fs::read_to_string(&started).unwrap();
        fs::remove_file(&started).unwrap();
        let adjusted = fs::read_to_string(format!("/proc/{}/oom_score_adj", child.trim()));
        assert_eq!(adjusted.ok().as_deref(), (!group).then_some("321\n"), "{group}");
        if !group {
            assert!(
                Command::new("/bin/sh")
                    .args(["-c", &format!("kill {child}")])
                    .status()
                    .unwrap()
                    .success()
            );
        }
    }
}

/// What the reader of the tests says of a file is what systemd says of it.
pub fn files_of_variables_say_what_they_say_to_systemd() {
    let dir = tempfile::tempdir().unwrap();
    let (file, out) = (dir.path().join("variables"), dir.path().join("out"));
    let text: String = CASES.concat();
    fs::write(&file, &text).unwrap();
    let mut exec: Vec<OsString> =
        ["/bin/sh", "-c", "env -0 >\"$0\"; exec sleep 1000"].map(Into::into).into();
    exec.push(out.clone().into());
    let written = ReadyCheck::Command(vec!["test".into(), "-s".into(), out.clone().into()]);
    let service = Service::new(exec).env_file(EnvFile::new(&file)).ready(written);
    assert!(start("svbuild-variables", service).0);
    let seen: BTreeMap<String, String> = fs::read_to_string(&out)
        .unwrap()
        .split_terminator('\0')
        .map(|it| it.split_once('=').unwrap())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .filter(|(name, _)| name.starts_with('V'))
        .collect();
    let expected: BTreeMap<_, _> =
        read(&text).into_iter().filter(|(name, _)| name.starts_with('V')).collect();
    assert!(seen.len() > 20, "{seen:?}");
    assert_eq!(seen, expected);
}

/// How a unit is: its state and that in more words.
fn state(unit: &str) -> String {
    let show = ["show", "--value", "--property=ActiveState,SubState", unit];
    let told = Command::new("systemctl").args(show).output().unwrap().stdout;
    String::from_utf8(told).unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Jobs whose exit code is in `code` and which write a line into `runs`; what waits for them and for others,
/// and what needs and wants them.
pub fn jobs_and_needs(code: &Path, runs: &Path) -> Definitions {
    let job = || {
        let mut exec: Vec<OsString> =
            ["/bin/sh", "-c", "echo >>\"$1\"; exit \"$(cat \"$0\")\""].map(Into::into).into();
        exec.extend([code.into(), runs.into()]);
        Service::new(exec).job()
    };
    let sleep = || Service::new(["/bin/sleep", "1000"]);
    let done = Need::new("svbuild-job").when(When::Done);
    let fails = ReadyCheck::Command(vec!["/bin/false".into()]);
    let fails = Service::new(["/bin/false"]).restart(Restart::Never).ready(fails);
    Definitions::default()
        .with("svbuild-job", job().success(3))
        .with("svbuild-kept", job().remain())
        .with("svbuild-web", sleep().after(done))
        .with("svbuild-db", sleep().after_external(External::new().systemd("network.target")))
        .with("svbuild-fails", fails)
        .with(
            "svbuild-app",
            sleep().needs("svbuild-db").needs("svbuild-kept").wants("svbuild-fails"),
        )
        .with("svbuild-held", sleep().needs("svbuild-job"))
}

/// The manager orders jobs and services as the definition says, and holds back what cannot start.
pub fn jobs_and_needs_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let (code, runs) = (dir.path().join("code"), dir.path().join("runs"));
    let plan = jobs_and_needs(&code, &runs).render(Target::Systemd, Options::new());
    install(&plan.unwrap());
    let ran = || fs::read_to_string(&runs).unwrap_or_default().lines().count();
    for (said, starts) in [("0", true), ("1", false), ("3", true)] {
        fs::write(&code, said).unwrap();
        for (name, before) in [("svbuild-web", ran()), ("svbuild-held", ran() + 1)] {
            assert_eq!(systemctl(&["start", name]), starts, "{name} after {said}");
            assert_eq!(ran(), before + 1, "{name}");
            let (web, job) = if starts {
                ("active running", "inactive dead")
            } else {
                ("inactive dead", "failed failed")
            };
            assert_eq!([state(name), state("svbuild-job")], [web, job], "{name} after {said}");
            assert!(systemctl(&["stop", name]));
        }
    }
    fs::write(&code, "0").unwrap();
    let before = ran();
    for _ in 0..2 {
        assert!(systemctl(&["start", "svbuild-app"]));
        assert_eq!(state("svbuild-db"), "active running");
        assert_eq!(state("svbuild-kept"), "active exited");
        assert_eq!(state("svbuild-fails"), "failed failed");
        assert_eq!(ran(), before + 1, "it remains");
        assert!(systemctl(&["stop", "svbuild-app"]));
    }
    assert!(systemctl(&["stop", "svbuild-db", "svbuild-kept"]));
    let _forgotten = systemctl(&["reset-failed", "svbuild-job", "svbuild-fails"]);
}

/// `on_failure`, with the end that gave it up; and `watchdog`.
pub fn what_is_given_up_is_told_to_a_program_and_silence_is_an_end() {
    let dir = tempfile::tempdir().unwrap();
    let (page, beats) = (dir.path().join("page"), dir.path().join("beats"));
    let notes = |name: &str| {
        let words = ["/bin/sh", "-c", "echo \"$1\" \"$2\" \"$3\" >>\"$0\""].map(OsString::from);
        words.into_iter().chain([page.clone().into(), format!("{name} $x %n").into()])
    };
    let sh = |script: &str| Service::new(["/bin/sh", "-c", script]);
    let often = RestartPolicy::new(Restart::OnFailure).at_most(2, "1h".parse().unwrap());
    // Its parent speaks for it, and it hears of nothing but the time that it has.
    let silent = format!(
        "echo \"$WATCHDOG_USEC\" >>{}; systemd-notify --ready; exec sleep 1000",
        beats.display()
    );
    let definitions = Definitions::default()
        .with("svbuild-gone", sh("exit 3").restart(often).on_failure(notes("gone")))
        .with("svbuild-well", sh("exit 0").restart(often).on_failure(notes("well")))
        .with(
            "svbuild-silent",
            sh(&silent)
                .ready(ReadyCheck::Notify)
                .watchdog("700ms".parse().unwrap())
                .restart(Restart::Never)
                .on_failure(notes("silent")),
        );
    install(&definitions.render(Target::Systemd, Options::new()).unwrap());
    for (name, at_last, told) in [
        ("svbuild-well", "inactive dead", ""),
        ("svbuild-gone", "failed failed", "gone $x %n 3 0\n"),
        ("svbuild-silent", "failed failed", "silent $x %n -1 6\n"),
    ] {
        let _started = systemctl(&["start", name]);
        let deadline = Instant::now() + Duration::from_secs(60);
        let said = || fs::read_to_string(&page).unwrap_or_default();
        while state(name) != at_last || said() != told {
            assert!(Instant::now() < deadline, "{name}: {}, {}", state(name), said());
            std::thread::sleep(Duration::from_millis(20));
        }
        let _none = fs::remove_file(&page);
    }
    assert_eq!(fs::read_to_string(&beats).unwrap(), "700000\n");
    let _forgotten = systemctl(&["reset-failed", "svbuild-gone", "svbuild-silent"]);
}

/// `instances` and `pre`, by a template and its target.
pub fn there_are_several_of_a_service_and_programs_run_before_it() {
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let said = dir.path().join("said");
    let note = |text: &str| {
        let words = ["/bin/sh", "-c", &format!("echo {text} >>\"$0\"")].map(OsString::from);
        words.into_iter().chain([said.clone().into_os_string()])
    };
    let many = Service::new(["/bin/sleep", "1000"])
        .instances(2)
        .user("daemon")
        .pre(note("first $INSTANCE $(id -u)"))
        .pre(note("second $INSTANCE"));
    let broken = Service::new(note("started")).pre(["/bin/false"]).restart(Restart::Never);
    let definitions = Definitions::default()
        .with("svbuild-many", many)
        .with("svbuild-broken", broken)
        .with("svbuild-needs", Service::new(["/bin/sleep", "1000"]).needs("svbuild-many"));
    let plan = definitions.render(Target::Systemd, Options::new()).unwrap();
    install(&plan);
    let names = ["svbuild-many@1", "svbuild-many@2"];
    for target in ["svbuild-many.target", "svbuild-needs"] {
        let _none = fs::remove_file(&said);
        assert!(systemctl(&["start", target]));
        assert_eq!(names.map(state), ["active running"; 2], "{target}");
        let text = fs::read_to_string(&said).unwrap();
        for number in [1, 2] {
            let first = text.find(&format!("first {number} 1\n")).unwrap();
            let second = text.find(&format!("second {number}\n")).unwrap();
            assert!(first < second, "{text}");
        }
        assert!(systemctl(&["stop", target, "svbuild-many.target"]));
        if target == "svbuild-many.target" {
            assert_eq!(names.map(state), ["inactive dead"; 2], "all of them end with it");
        }
        assert!(systemctl(&["stop", "svbuild-many@1", "svbuild-many@2"]));
    }
    assert!(!systemctl(&["start", "svbuild-broken"]));
    assert!(!fs::read_to_string(&said).unwrap().contains("started"));
    let _forgotten = systemctl(&["reset-failed", "svbuild-broken"]);
}

/// Values that are one or many words, by systemd's own `$NAME` and by `expand` for `${NAME}` alone.
pub fn a_value_is_split_as_the_manager_splits_it() {
    let dir = tempfile::tempdir().unwrap();
    let values = [
        "",
        " ",
        "a",
        " a  b\t c\n",
        "'a b' c",
        "a'b c'd",
        "\"x\\\"y\" z",
        "a\\ b",
        "''",
        "a '' b",
        "\"\"",
        "'open it",
        "\"open 'it",
        "end\\",
        "a\\nb \\x41 \\\\",
        "\"it's\" 'a\"b'",
        "* ? [a] ~",
        "$HOME ${V2} `id`",
        "-n",
        "a;b|c&d",
        "\\'a\\'",
        "'a\\' b",
        "a\\\tb",
        "ä ö",
        "#x",
        "a\rb",
        "a\\\nb",
    ];
    let exec = |out: &str| {
        let script = format!("printf '%s\\0' \"$@\" >{}", dir.path().join(out).display());
        let words: Vec<OsString> = vec!["/bin/sh".into(), "-c".into(), script.into(), "it".into()];
        words
    };
    let with_values = |mut service: Service| {
        for (at, value) in values.iter().enumerate() {
            service = service.env(format!("V{at}"), value.replace("${", "$${"));
        }
        service.job()
    };
    let mut ours = exec("ours");
    for at in 0..values.len() {
        ours.extend([format!("${{V{at}}}").into(), "--".into()]);
    }
    let ours = with_values(Service::new(ours)).expand(true);
    let theirs = with_values(Service::new(exec("theirs"))).expand(true);
    let definitions =
        Definitions::default().with("svbuild-ours", ours).with("svbuild-theirs", theirs);
    let mut plan = definitions.render(Target::Systemd, Options::new()).unwrap();
    let Some(Unit::File(file)) = plan.units.get_mut("svbuild-theirs.service") else { panic!() };
    let text = String::from_utf8(file.bytes.clone()).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let exec = lines.iter_mut().find(|line| line.starts_with("ExecStart=")).unwrap();
    for at in 0..values.len() {
        exec.push_str(&format!(" $V{at} --"));
    }
    file.bytes = (lines.join("\n") + "\n").into_bytes();
    install(&plan);
    let read = |name: &str| {
        assert!(systemctl(&["start", &format!("svbuild-{name}")]), "{name}");
        let text = fs::read_to_string(dir.path().join(name)).unwrap();
        let words: Vec<_> = text.split_terminator('\0').map(str::to_owned).collect();
        let mut groups: Vec<Vec<String>> =
            words.split(|word| word == "--").map(<[String]>::to_vec).collect();
        assert_eq!(groups.pop(), Some(Vec::new()));
        groups
    };
    let (ours, theirs) = (read("ours"), read("theirs"));
    assert_eq!(ours.len(), values.len());
    for ((value, ours), theirs) in values.iter().zip(ours).zip(theirs) {
        assert_eq!(ours, theirs, "{value:?}");
    }
}

/// One of them starts it, and it gets both, each with its name.
pub fn sockets_are_open_before_their_service_is_started() {
    let dir = tempfile::tempdir().unwrap();
    let said = dir.path().join("said");
    let place = |name: &str| dir.path().join(format!("{name} %n")).to_str().unwrap().to_owned();
    let script =
        "echo \"$LISTEN_FDS $LISTEN_FDNAMES\" $((LISTEN_PID - $$)) >\"$0\"; exec sleep 1000";
    let words = ["/bin/sh", "-c", script].map(OsString::from);
    let service = Service::new(words.into_iter().chain([said.clone().into_os_string()]))
        .socket(Socket::new("http", place("http")))
        .socket(Socket::new("admin", place("admin")));
    let definitions = Definitions::default().with("svbuild-open", service);
    install(&definitions.render(Target::Systemd, Options::new()).unwrap());
    let names = ["svbuild-open:http.socket", "svbuild-open:admin.socket"];
    for by_hand in [false, true] {
        let _none = fs::remove_file(&said);
        if by_hand {
            assert!(systemctl(&["start", "svbuild-open"]));
        } else {
            assert!(systemctl(&["start", names[0], names[1]]));
            let _asked = std::os::unix::net::UnixStream::connect(place("admin")).unwrap();
        }
        let deadline = Instant::now() + Duration::from_secs(60);
        let told = || fs::read_to_string(&said).unwrap_or_default();
        while !["2 http:admin 0\n", "2 admin:http 0\n"].contains(&&*told()) {
            assert!(Instant::now() < deadline, "{}", told());
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(systemctl(&["stop", names[0], names[1], "svbuild-open"]));
    }
}
