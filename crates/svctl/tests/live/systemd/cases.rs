//! What units of three lines make of a request, and the exits and words that are right for them: of the
//! system and of an ordinary user. All files are written before the first request, since to let the
//! manager read them takes longer than most requests do.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output},
    time::Instant,
};

use crate::svctl::{Run, run};

/// Whose units.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    System,
    User,
}

impl Whose {
    pub fn dir(self) -> PathBuf {
        match self {
            Self::System => "/run/systemd/system".into(),
            Self::User => {
                PathBuf::from(std::env::var_os("XDG_RUNTIME_DIR").unwrap()).join("systemd/user")
            }
        }
    }

    fn option(self) -> Option<&'static str> {
        (self == Self::User).then_some("--user")
    }

    /// The lines of a unit's file.
    pub fn write(self, name: &str, lines: &str) {
        // In one step: a manager that other tests have read its files must not find half of it.
        let fresh = self.dir().join(format!(".{name}.fresh"));
        fs::write(&fresh, format!("{lines}\n")).unwrap();
        fs::rename(fresh, self.dir().join(name)).unwrap();
    }

    /// A drop-in of it.
    pub fn write_drop_in(self, name: &str, lines: &str) -> PathBuf {
        let dir = self.dir().join(format!("{name}.d"));
        fs::create_dir_all(&dir).unwrap();
        let path = dir.join("more.conf");
        fs::write(&path, format!("{lines}\n")).unwrap();
        path
    }

    pub fn tool(self, program: &str, args: &[&str]) -> Output {
        Command::new(program).args(self.option()).args(args).output().unwrap()
    }

    pub fn svctl(self, args: &[&str]) -> Run {
        run(self.option().into_iter().chain(args.iter().copied()))
    }
}

/// Units of a test, gone with the value.
pub struct Units {
    whose: Whose,
    paths: Vec<PathBuf>,
}

impl Units {
    /// A name, and the lines of its file; a name without lines is masked.
    pub fn new(whose: Whose, units: &[(&str, &str)]) -> Self {
        fs::create_dir_all(whose.dir()).unwrap();
        let paths = units.iter().map(|(name, lines)| {
            let path = whose.dir().join(name);
            if lines.is_empty() {
                std::os::unix::fs::symlink("/dev/null", &path).unwrap();
            } else {
                whose.write(name, lines);
            }
            path
        });
        let units = Self { whose, paths: paths.collect() };
        assert!(whose.tool("systemctl", &["daemon-reload"]).status.success());
        units
    }
}

impl Drop for Units {
    fn drop(&mut self) {
        let names = self.paths.iter().map(|path| path.file_name().unwrap().to_str().unwrap());
        let names: Vec<&str> = names.filter(|name| !name.contains("@.")).collect();
        self.whose.tool("systemctl", &[&["kill", "-s", "KILL"], &*names].concat());
        self.whose.tool("systemctl", &[&["stop"], &*names].concat());
        self.whose.tool("systemctl", &[&["reset-failed"], &*names].concat());
        for path in &self.paths {
            let _gone = fs::remove_file(path);
        }
        self.whose.tool("systemctl", &["daemon-reload"]);
    }
}

pub const SLEEP: &str = "[Service]\nType=exec\nExecStart=/bin/sleep 1000";

/// `systemd.md` 11 and 12. Without a name, a healthy machine is one: units that others only mention are no
/// rows, and what is down on purpose is well.
pub fn a_healthy_manager_is_healthy(whose: Whose) {
    let mentions = format!("[Unit]\nAfter=svc-mentioned.service\n{SLEEP}");
    let held = "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true";
    let _units =
        Units::new(whose, &[("svc-mentions.service", &mentions), ("svc-held.service", held)]);
    assert_eq!(whose.svctl(&["up", "svc-mentions.service", "svc-held.service"]).code, 0);
    // What tests before this one have left failed.
    whose.tool("systemctl", &["reset-failed"]);
    let dir = tempfile::tempdir().unwrap();
    let no_services = ["--dir", dir.path().to_str().unwrap()];
    let beside = [&no_services[..], &["--system"]].concat();
    // With `--user` for a user.
    let beside = if whose == Whose::User { &no_services[..] } else { &beside };
    for option in [beside, &["--suite", "systemd"]] {
        let status = whose.svctl(&[option, &["status", "--json"]].concat());
        assert_eq!(status.code, 0, "{status:?}");
        let rows = status.json();
        let names: Vec<&str> =
            rows.as_array().unwrap().iter().map(|row| row["service"].as_str().unwrap()).collect();
        assert!(names.contains(&"svc-mentions.service"), "{names:?}");
        assert!(!names.contains(&"svc-mentioned.service"), "{names:?}");
        let check = whose.svctl(&[option, &["check"]].concat());
        assert_eq!((check.code, &*check.err), (0, ""), "{check:?}");
        assert!(check.out.contains("svc-held.service: ok, exited"), "{check:?}");
        let is_held = |line: &&str| line.contains("svc-held.service");
        // It is done, and nothing else is to come of it.
        let held = check.out.lines().find(is_held);
        assert!(held.is_some_and(|line| !line.contains("want up")), "{check:?}");
        let ready = whose.svctl(&[option, &["check", "--ready", "svc-held.service"]].concat());
        assert_eq!(ready.code, 0, "{ready:?}");
    }
}

/// What is asked, the exit, and what is said.
type Case<'a> = (&'a [&'a str], i32, &'a str);

#[track_caller]
fn check(whose: Whose, (args, exit, says): Case<'_>) {
    let run = whose.svctl(args);
    assert_eq!(run.code, exit, "{args:?}: {run:?}");
    assert!(format!("{}{}", run.out, run.err).contains(says), "{args:?} {says:?}: {run:?}");
}

/// `systemd.md` 1, 3 and 15: one-shots, what ends at once, and what is started again and again.
pub fn what_ends_is_told_from_what_fails(whose: Whose) {
    let restart = |kind: &str, restart: &str| {
        format!(
            "[Unit]\nStartLimitIntervalSec=0\n[Service]\nType={kind}\nRestart={restart}\nRestartSec=1000\n\
             ExecStart=/bin/sh -c 'exit 4'"
        )
    };
    let loops = ["simple", "exec"].map(|kind| ["no", "on-failure"].map(|it| restart(kind, it)));
    let _units = Units::new(
        whose,
        &[
            ("svc-ran.service", "[Service]\nType=oneshot\nExecStart=/bin/true"),
            (
                "svc-held.service",
                "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true",
            ),
            (
                "svc-three.service",
                "[Service]\nType=oneshot\nSuccessExitStatus=3\nExecStart=/bin/sh -c 'exit 3'",
            ),
            (
                "svc-second.service",
                "[Service]\nType=oneshot\nExecStart=/bin/true\nExecStart=/bin/sh -c 'exit 5'",
            ),
            ("svc-slow.service", "[Service]\nType=oneshot\nExecStart=/bin/sleep 0.05"),
            ("svc-long.service", SLEEP),
            ("svc-simple.service", &loops[0][0]),
            ("svc-simple-again.service", &loops[0][1]),
            ("svc-exec.service", &loops[1][0]),
            ("svc-exec-again.service", &loops[1][1]),
        ],
    );
    let cases: &[Case<'_>] = &[
        (&["up", "svc-ran.service"], 0, "ran and ended with 0"),
        (&["restart", "svc-ran.service"], 0, "ran and ended with 0"),
        (&["once", "svc-ran.service"], 0, "ran and ended with 0"),
        (&["up", "--for", "down", "svc-ran.service"], 0, "down"),
        (&["up", "--for", "down", "svc-slow.service"], 0, "down"),
        (&["up", "svc-held.service"], 0, "exited with 0"),
        (&["check", "svc-held.service"], 0, "ok, exited"),
        (&["wait", "--for", "up", "svc-held.service"], 0, ""),
        (&["up", "svc-three.service"], 0, "ran and ended with 3"),
        (&["up", "svc-second.service"], 1, "exited with 5"),
        (&["up", "--for", "down", "svc-second.service"], 1, "exited with 5"),
        // It runs on, so it is not down at the deadline; a busy manager has not answered by then.
        (&["up", "--for", "down", "--timeout", "50ms", "svc-long.service"], 99, "deadline"),
        (&["down", "svc-long.service"], 0, "down"),
        (&["down", "--for", "down", "svc-long.service"], 0, "down"),
        (&["up", "svc-simple.service"], 1, "exited with 4"),
        (&["up", "svc-simple-again.service"], 1, "exited with 4"),
        (&["up", "svc-exec.service"], 1, "exited with 4"),
        (&["up", "svc-exec-again.service"], 1, "exited with 4"),
        (&["restart", "svc-exec-again.service"], 1, "exited with 4"),
    ];
    for case in cases {
        check(whose, *case);
    }
}

/// What something else than a file decides, and does not hold.
const ELSE_THAN_FILES: [&str; 6] = [
    "ConditionVirtualization=!container",
    "ConditionUser=nonexistent-user",
    "ConditionKernelVersion=0.9.*",
    "ConditionEnvironment=NOBODY_HAS_THIS",
    "ConditionArchitecture=alpha",
    "AssertPathExistsGlob=/nonexistent/*",
];

/// `systemd.md` 7, 8 and 10: conditions, assertions, masks and files that cannot be used, for who asks and
/// for who waits.
pub fn what_is_never_started_is_told_to_who_waits(whose: Whose) {
    let exists = "PathExists=/nonexistent/file";
    let else_than_files = ELSE_THAN_FILES.map(|condition| format!("[Unit]\n{condition}\n{SLEEP}"));
    let _units = Units::new(
        whose,
        &[
            ("svc-unmet.service", &format!("[Unit]\nCondition{exists}\n{SLEEP}")),
            ("svc-not.service", &format!("[Unit]\nConditionPathIsDirectory=!/etc\n{SLEEP}")),
            ("svc-host.service", &format!("[Unit]\nConditionHost=nowhere.example\n{SLEEP}")),
            ("svc-else0.service", &else_than_files[0]),
            ("svc-else1.service", &else_than_files[1]),
            ("svc-else2.service", &else_than_files[2]),
            ("svc-else3.service", &else_than_files[3]),
            ("svc-else4.service", &else_than_files[4]),
            ("svc-else5.service", &else_than_files[5]),
            (
                "svc-any.service",
                &format!(
                    "[Unit]\nCondition{}\nConditionPathExists=|/etc\n{SLEEP}",
                    exists.replace('=', "=|")
                ),
            ),
            ("svc-assert.service", &format!("[Unit]\nAssert{exists}\n{SLEEP}")),
            ("svc-said-no.service", &format!("{SLEEP}\nExecCondition=/bin/false")),
            ("svc-masked.service", ""),
            ("svc-broken.service", "[Service]\nExecStop=/bin/true"),
            ("svc-needs1.service", &format!("[Unit]\nRequires=svc-masked.service\n{SLEEP}")),
            ("svc-needs2.service", &format!("[Unit]\nRequires=svc-broken.service\n{SLEEP}")),
        ],
    );
    let unmet = "condition ConditionPathExists=/nonexistent/file was not met";
    let waits: &[&str] = &["wait", "--for", "up", "--timeout", "20s", "svc-unmet.service"];
    let cases: &[Case<'_>] = &[
        (&["up", "svc-unmet.service"], 0, unmet),
        (&["restart", "svc-unmet.service"], 0, unmet),
        (waits, 1, unmet),
        (&["wait", "--for", "ready", "svc-unmet.service"], 1, unmet),
        (&["wait", "--for", "up-for=1s", "svc-not.service"], 1, "ConditionPathIsDirectory=!/etc"),
        (&["wait", "--for", "up", "svc-host.service"], 1, "ConditionHost=nowhere.example"),
        (&["wait", "--for", "down", "svc-unmet.service"], 0, "down"),
        (&["up", "svc-assert.service"], 1, "AssertPathExists=/nonexistent/file"),
        (&["wait", "--for", "up", "svc-assert.service"], 1, "AssertPathExists=/nonexistent/file"),
        // One of the two is enough.
        (&["wait", "--for", "up", "--timeout", "100ms", "svc-any.service"], 99, ""),
        (&["up", "svc-any.service"], 0, "up (pid"),
        (&["wait", "--for", "up", "svc-masked.service"], 1, "is masked"),
        (&["wait", "--for", "up", "svc-broken.service"], 1, "its definition cannot be used"),
        (&["status", "svc-masked.service"], 0, "is masked"),
        (&["up", "svc-needs1.service"], 1, "the dependency svc-masked.service (masked) failed"),
        (
            &["restart", "svc-needs2.service"],
            1,
            "the dependency svc-broken.service (its unit file cannot be used) failed",
        ),
    ];
    for case in cases {
        check(whose, *case);
    }
    for (at, condition) in ELSE_THAN_FILES.into_iter().enumerate() {
        let unit = format!("svc-else{at}.service");
        // systemd 262 calls it ConditionVersion=.
        let condition = condition.trim_start_matches("ConditionKernelVersion");
        let wait = whose.svctl(&["wait", "--for", "up", &unit]);
        assert!(wait.code == 1 && wait.err.contains(condition), "{wait:?}");
        let up = whose.svctl(&["up", &unit]);
        let exit = i32::from(condition.starts_with("Assert"));
        assert_eq!(up.code, exit, "{up:?}");
        assert!(format!("{}{}", up.out, up.err).contains(condition), "{up:?}");
    }
    // How a command before the start ended is forgotten when the manager reads its files again, which other
    // tests ask for.
    let deadline = Instant::now() + crate::supervised::PATIENCE;
    loop {
        let run = whose.svctl(&["up", "svc-said-no.service"]);
        assert_eq!(run.code, 0, "{run:?}");
        if run.err.contains("ExecCondition=/bin/false said no") {
            break;
        }
        assert!(Instant::now() < deadline, "{run:?}");
    }
    // A hint is a command that does it.
    let user = if whose == Whose::User { " --user" } else { "" };
    let up = whose.svctl(&["up", "svc-masked.service"]);
    let hint = format!("`svctl{user} unmask svc-masked.service`");
    assert!(up.code == 1 && up.err.contains(&hint), "{up:?}");
    let broken = whose.svctl(&["up", "svc-broken.service"]);
    let hint = format!("`systemd-analyze{user} verify svc-broken.service`");
    assert!(broken.code == 1 && broken.err.contains(&hint), "{broken:?}");
    check(whose, (&["unmask", "svc-masked.service"], 0, "unmasked (/"));
    check(whose, (&["status", "svc-masked.service"], 111, "there is no such unit"));
}

/// What nobody can do is refused before anything is done: a start of what is paused (`family.md` 8), a wait for what
/// is never said (36), a last run of what has none.
pub fn what_a_request_cannot_do_is_said_before(whose: Whose) {
    let _units = Units::new(
        whose,
        &[
            ("svc-stopped.service", SLEEP),
            ("svc-runs.socket", "[Socket]\nListenStream=%t/svc-runs"),
            ("svc-runs.service", SLEEP),
        ],
    );
    let cases: &[Case<'_>] = &[
        (&["up", "svc-stopped.service"], 0, "up (pid"),
        (&["pause", "svc-stopped.service"], 0, "sent `pause`"),
        (&["up", "svc-stopped.service"], 1, "its process is paused; `cont` lets it go on"),
        (
            &["wait", "--for", "up", "--timeout", "2s", "svc-stopped.service"],
            99,
            "its process is paused; `cont` lets it go on",
        ),
        (&["cont", "svc-stopped.service"], 0, "sent `cont`"),
        (&["up", "svc-stopped.service"], 0, "already up"),
    ];
    for case in cases {
        check(whose, *case);
    }
    let status =
        || whose.svctl(&["status", "--json", "svc-stopped.service"]).json()[0]["pid"].take();
    let pid = status();
    let said = whose.svctl(&["restart", "--for", "ready", "svc-stopped.service"]);
    assert!(said.code == 1 && said.err.contains("nothing has changed"), "{said:?}");
    assert!(said.err.contains("`Type=notify`"), "{said:?}");
    assert_eq!(status(), pid);
    check(whose, (&["once", "svc-runs.socket"], 1, "only a service has runs"));
    assert!(!whose.dir().join("svc-runs.socket.d").exists());
}

/// `systemd.md` 6: units that vanish by their stop; and processes that do not obey.
pub fn what_is_gone_is_down(whose: Whose) {
    let transient = |name: &str, words: &[&str]| {
        let unit = format!("--unit={name}");
        let args = [&["--quiet", "--collect", &unit], words].concat();
        let ran = whose.tool("systemd-run", &args);
        assert!(ran.status.success(), "{ran:?}");
    };
    let deaf = "trap '' TERM; echo > $0; exec sleep 1000";
    let marks = tempfile::tempdir().unwrap();
    let mark = marks.path().join("deaf");
    transient("svc-gone1.service", &["sleep", "1000"]);
    transient("svc-gone2.service", &["sleep", "1000"]);
    transient("svc-gone3.service", &["sleep", "1000"]);
    transient("svc-gone4.service", &["sleep", "0.1"]);
    transient("svc-deaf.service", &["sh", "-c", deaf, mark.to_str().unwrap()]);
    check(whose, (&["down", "svc-gone1.service"], 0, "svc-gone1.service: down after"));
    check(
        whose,
        (&["down", "--for", "gone", "svc-gone2.service"], 0, "svc-gone2.service: gone after"),
    );
    let waiting = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| whose.svctl(&["wait", "--for", "gone", "svc-gone3.service"]));
        whose.tool("systemctl", &["stop", "svc-gone3.service"]);
        waiting.join().unwrap()
    });
    // It may have been gone before anybody waited.
    assert!(waiting.code == 0 || waiting.err.contains("no such unit"), "{waiting:?}");
    let waited = whose.svctl(&["wait", "--for", "down", "svc-gone4.service"]);
    assert!(waited.code == 0 || waited.err.contains("no such unit"), "{waited:?}");
    let deadline = Instant::now() + crate::supervised::PATIENCE;
    while !mark.exists() {
        assert!(Instant::now() < deadline, "the service does not begin");
        std::thread::yield_now();
    }
    // One process: where nobody tells this manager that a control group of version 1 is empty, it waits
    // out its own timeout for a second one that has ended in the same moment.
    check(whose, (&["down", "--kill-after", "20ms", "svc-deaf.service"], 0, "svc-deaf.service: "));
    whose.tool("systemctl", &["reset-failed", "svc-deaf.service"]);
}

/// Sockets, timers, paths, mounts, targets, slices and devices: their states, goals and words.
pub fn what_is_no_service_stands_in_words_of_its_own(whose: Whose) {
    let tmp = tempfile::tempdir().unwrap();
    let path = |name: &str| tmp.path().join(name).to_str().unwrap().to_owned();
    let listen = |end: &str| format!("[Socket]\nListenStream={}\n{end}", path("socket"));
    let wait_for = |unit: &str| format!("[Path]\nPathExists={}\nUnit={unit}", path("nothing"));
    let _units = Units::new(
        whose,
        &[
            ("svc-kinds.service", SLEEP),
            ("svc-kinds.socket", &listen("")),
            ("svc-busy.socket", &listen("Service=svc-kinds.service")),
            ("svc-kinds.timer", "[Timer]\nOnActiveSec=1h"),
            ("svc-alone.timer", "[Timer]\nOnActiveSec=1h"),
            ("svc-kinds.path", &wait_for("svc-kinds.service")),
            ("svc-kinds.target", "[Unit]\nWants=svc-kinds.timer"),
            ("svc-needy.target", "[Unit]\nRequires=svc-nowhere.service"),
            ("svckinds.slice", "[Slice]"),
        ],
    );
    for unit in ["svc-kinds.socket", "svc-kinds.timer", "svc-kinds.path", "svc-kinds.target"]
        .into_iter()
        .chain(["svckinds.slice"])
    {
        let says = |args: &[&str], exit: i32, words: &str| {
            let run = whose.svctl(&[args, &[unit]].concat());
            assert_eq!(run.code, exit, "{args:?}: {run:?}");
            let said = format!("{}{}", run.out, run.err);
            assert!(said.contains(words), "{args:?} {words:?}: {run:?}");
        };
        says(&["status"], 0, "  inactive  ");
        says(&["check"], 1, ": inactive");
        says(&["wait", "--for", "down"], 0, ": inactive");
        says(&["wait", "--for", "up", "--timeout", "100ms"], 99, "");
        says(&["up"], 0, ": active after");
        says(&["up"], 0, ": already active");
        says(&["wait", "--for", "up"], 0, ": already active");
        says(&["check"], 0, ": ok, active");
        let row = whose.svctl(&["status", "--json", unit]).json()[0].take();
        let shown = [&row["state"], &row["want"], &row["pid"], &row["odd"]];
        let expected = ["active".into(), "up".into(), serde_json::Value::Null];
        assert_eq!(shown[..3], expected.each_ref(), "{row}");
        assert_eq!(*shown[3], serde_json::Value::Array(Vec::new()));
        says(&["restart"], 0, ": active after");
        says(&["reload"], 1, "cannot reload");
        says(&["pause"], 1, "cannot signal");
        says(&["down"], 0, ": inactive after");
        says(&["down"], 0, ": ");
    }
    let cases: &[Case<'_>] = &[
        // What a timer is to start does not exist, and nobody started anything too often.
        (&["up", "svc-alone.timer"], 1, "svc-alone.service (there is no such unit) failed"),
        (&["up", "svc-needy.target"], 1, "svc-nowhere.service (there is no such unit) failed"),
        (&["up", "svc-kinds.service"], 0, "up (pid"),
        (&["up", "svc-busy.socket"], 1, "svc-kinds.service, which it is to start, is up already"),
        (&["down", "svc-kinds.service"], 0, "down after"),
        (&["status", "svc-nowhere.device"], 0, "inactive"),
        (&["wait", "--for", "up", "--timeout", "100ms", "svc-nowhere.device"], 99, ""),
        (&["up", "init.scope"], 0, "already active"),
        // As systemctl: a path is the mount there, or the device.
        (&["--suite", "systemd", "check", "/"], 0, "ok, active"),
        (&["--suite", "systemd", "status", "/dev/svc/nowhere"], 0, "dev-svc-nowhere.device"),
    ];
    for case in cases {
        check(whose, *case);
    }
    if whose == Whose::System {
        let dir = path("mount");
        let name = dir.trim_start_matches('/').replace('-', "\\x2d").replace('/', "-");
        let bad = format!("{name}\\x2dbad.mount");
        let what = |what: &str, kind: &str, at: &str| {
            format!("[Mount]\nWhat={what}\nWhere={at}\nType={kind}")
        };
        let mount = format!("{name}.mount");
        let _mounts = Units::new(
            whose,
            &[
                (&mount, &what("tmpfs", "tmpfs", &dir)),
                (&bad, &what("/nonexistent", "ext4", &format!("{dir}-bad"))),
            ],
        );
        let up = whose.svctl(&["up", &mount]);
        assert!(up.code == 0 && up.out.contains("active after"), "{up:?}");
        let by_path = whose.svctl(&["--suite", "systemd", "check", &dir]);
        assert!(by_path.code == 0 && by_path.out.contains("ok, active"), "{by_path:?}");
        let down = whose.svctl(&["down", &mount]);
        assert!(down.code == 0 && down.out.contains("inactive after"), "{down:?}");
        // How its command ended is forgotten where another test has the manager read its files again.
        let deadline = Instant::now() + crate::supervised::PATIENCE;
        loop {
            let told = whose.svctl(&["up", &bad]);
            assert_eq!(told.code, 1, "{told:?}");
            if told.err.contains("ExecMount=") {
                break;
            }
            assert!(Instant::now() < deadline, "{told:?}");
        }
    }
}

/// `systemd.md` 13: by name, and with `--user` those of a user.
pub fn what_is_enabled_is_disabled(whose: Whose) {
    let install = format!("{SLEEP}\n[Install]\nWantedBy=default.target");
    let alias = format!("{install}\nAlias=svc-alias.service");
    let _units =
        Units::new(whose, &[("svc-install.service", &install), ("svc-named.service", &alias)]);
    let cases: &[Case<'_>] = &[
        // The alias is no unit once it is disabled.
        (&["enable", "svc-named.service"], 0, "svc-alias.service"),
        (&["disable", "svc-alias.service"], 0, "svc-alias.service: disabled (/"),
        (&["disable", "svc-named.service"], 0, "nothing to do, disabled already"),
        (&["enable", "svc-install.service"], 0, "svc-install.service: enabled (/"),
        (&["enable", "svc-install.service"], 0, "nothing to do, enabled already"),
        (&["status", "svc-install.service"], 0, "normally up"),
        (&["disable", "svc-install.service"], 0, "svc-install.service: disabled (/"),
        (&["disable", "svc-install.service"], 0, "nothing to do, disabled already"),
        (&["disable", "svc-nowhere.service"], 111, "there is no such unit"),
    ];
    for case in cases {
        check(whose, *case);
    }
    // A file elsewhere, which the manager knows by a link.
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("svc-linked.service");
    fs::write(&path, format!("{install}\n")).unwrap();
    let path = path.to_str().unwrap();
    let linked = whose.tool("systemctl", &["enable", path]);
    assert!(linked.status.success(), "{linked:?}");
    check(whose, (&["disable", "svc-linked.service"], 0, "svc-linked.service: disabled (/"));
    check(whose, (&["enable", path], 0, "svc-linked.service: enabled (/"));
    let state = whose.tool("systemctl", &["is-enabled", "svc-linked.service"]);
    assert_eq!(state.stdout, b"enabled\n");
    check(whose, (&["enable", path], 0, "nothing to do, enabled already"));
    check(whose, (&["disable", path], 0, "svc-linked.service: disabled (/"));
    check(whose, (&["disable", path], 0, "nothing to do, disabled already"));
    let nowhere = dir.path().join("svc-nowhere.service");
    check(whose, (&["enable", nowhere.to_str().unwrap()], 111, "svc-nowhere.service"));
    // What is for until the next boot is undone as well.
    let enabled = whose.tool("systemctl", &["enable", "--runtime", "svc-install.service"]);
    assert!(enabled.status.success(), "{enabled:?}");
    check(whose, (&["disable", "svc-install.service"], 0, "svc-install.service: disabled (/"));
}

/// `systemd.md` 14: names that somebody types.
pub fn what_is_no_name_gets_a_hint(whose: Whose) {
    let _units = Units::new(whose, &[("svc-tpl@.service", SLEEP)]);
    let cases: &[Case<'_>] = &[
        (&["up", "svc-tpl@a b.service"], 1, r"escaped it is `svc-tpl@a\x20b.service`"),
        (&["up", "svc-tpl@.service"], 1, "name an instance, as in svc-tpl@NAME.service"),
        (&["up", r"svc-tpl@a\x20b.service"], 0, "up (pid"),
        (&["down", "svc-tpl@*.service"], 0, "down after"),
        (&["up", "svc-nowhere@a.service"], 111, "there is no such unit"),
        (&["reload", "svc-tpl@a.service"], 1, "its definition has no ExecReload="),
    ];
    for case in cases {
        check(whose, *case);
    }
    let path = whose.dir().join("svc-tpl@.service");
    let status = whose.svctl(&["status", path.to_str().unwrap()]);
    assert!(status.err.contains("a unit is named without a path: svc-tpl@.service"), "{status:?}");
}
