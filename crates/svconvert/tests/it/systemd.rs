//! Units.

use svbuild::{Options, Target};
use svconvert::{Error, LineVerdict, Memory, convert};

use crate::{line, one, text, verdict};

const PATH: &str = "/etc/systemd/system/web.service";

const WHOLE: &str = "\
[Unit]
Description=The web
Documentation=man:web(8)
After=network-online.target
Wants=network-online.target

[Service]
Type=exec
# A comment.
ExecStart=/usr/bin/web --name \"two words\" \\
    --pid=%t/%N.pid
Environment=A=1 \"B=x y\"
EnvironmentFile=-/etc/default/web
User=www-data
Group=www-data
WorkingDirectory=/srv
UMask=0027
LimitNOFILE=1024:4096
LimitCORE=infinity
TasksMax=100
KillMode=mixed
KillSignal=SIGQUIT
TimeoutStopSec=1min 30s
Restart=on-failure
RestartSec=5
ProtectSystem=strict

[Install]
WantedBy=multi-user.target
";

/// It is given a name of its own, so what systemd reads again may not speak of the old one.
#[test]
fn text_for_systemd_of_an_instance_has_the_old_name_in_it() {
    let unit = "[Unit]\nDescription=of %H\n[Service]\nUser=app\nExecStart=/bin/w\nExecStartPre=+/bin/mkdir /run/%i 100%%\n\
                ExecStopPost=/bin/rm -f /run/%i.pid\nSyslogIdentifier=%p-%i-%H\nRuntimeDirectory=w/%i\n";
    let it = one("/etc/systemd/system/w@a.service", unit);
    let text = &it.text;
    for kept in ["/bin/rm -f /run/a.pid", "w-a-%H", "+/bin/mkdir /run/a 100%%", "w/a"] {
        assert!(text.contains(kept), "{kept}: {text}");
    }
    verdict(&it, "Description", LineVerdict::Dropped);
}

/// Each line adds to those before; signals that are a success anyway are nothing new.
#[test]
fn codes_of_success_are_those_of_all_lines() {
    let unit = |lines: &str| format!("[Service]\nExecStart=/bin/w\nRestart=on-failure\n{lines}");
    let it =
        one(PATH, &unit("SuccessExitStatus=143 SIGTERM\nSuccessExitStatus=TEMPFAIL NOTRUNNING\n"));
    assert!(it.text.contains("success = [143, 75, 7]"), "{}", it.text);
    let it =
        one(PATH, &unit("SuccessExitStatus=3\nSuccessExitStatus=\nSuccessExitStatus=SIGUSR1 4\n"));
    assert!(it.text.contains("SuccessExitStatus = \"SIGUSR1 4\""), "{}", it.text);
}

#[test]
fn a_whole_unit_becomes_a_definition() {
    let it = one(PATH, WHOLE);
    text(
        &it,
        r#"
        [service.web]
        exec = ["/usr/bin/web", "--name", "two words", "--pid=/run/web.pid"]
        description = "The web"
        cwd = "/srv"
        env = { A = "1", B = "x y" }
        env_file = [{ optional = true, path = "/etc/default/web" }]
        user = "www-data"
        group = "www-data"
        umask = "0027"
        limits = { core = { hard = "infinity", soft = "infinity" }, files = { hard = 4096, soft = 1024 } }
        resources = { pids = 100 }
        stop = { kill_after = "1m 30s", signal = "QUIT" }
        restart = { delay = "5s", when = "on-failure" }
        after_external = { systemd = ["network-online.target"] }
        [service.web.systemd.Service]
        ProtectSystem = "strict"
        [service.web.systemd.Unit]
        Documentation = "man:web(8)"
        "#,
    );
    let exact = [
        "Description",
        "After",
        "Wants",
        "Type",
        "ExecStart",
        "Environment=",
        "EnvironmentFile",
        "User",
        "Group",
        "WorkingDirectory",
        "UMask",
        "LimitNOFILE",
        "TasksMax",
        "KillSignal",
        "TimeoutStopSec",
        "RestartSec",
        "ProtectSystem",
        "WantedBy",
    ];
    for exact in exact {
        verdict(&it, exact, LineVerdict::Exact);
    }
    verdict(&it, "KillMode=", LineVerdict::Equivalent);
    verdict(&it, "Restart=", LineVerdict::Equivalent);
    let exec = line(&it, "ExecStart");
    assert_eq!((exec.location.line, exec.location.last), (10, 11));
    assert_eq!(exec.text.lines().count(), 2);
    assert_eq!(it.report.worst(), LineVerdict::Equivalent);
}

#[test]
fn every_line_has_a_verdict_and_a_reason_where_it_is_not_exact() {
    let it = one(PATH, WHOLE);
    let said = WHOLE.lines().filter(|it| !it.is_empty() && !it.starts_with('#'));
    // One line goes on in the next.
    assert_eq!(it.report.lines.len(), said.count() - 1);
    for line in &it.report.lines {
        assert!(line.verdict == LineVerdict::Exact || line.why.is_some(), "{line}");
        assert_eq!(&WHOLE[line.location.bytes.clone()], line.text);
        assert_eq!(line.service.as_deref().unwrap_or("web"), "web");
    }
    let counts = it.report.counts();
    let sum =
        counts.exact + counts.equivalent + counts.approximated + counts.dropped + counts.refused;
    assert_eq!(sum, it.report.lines.len());
}

#[test]
fn a_daemon_that_forks_is_converted_only_where_its_flag_is_known() {
    let unit = |exec: &str| {
        format!("[Service]\nType=forking\nPIDFile=/run/x.pid\nExecStart={exec}\nKillMode=mixed\n")
    };
    let it = one(PATH, &unit("/usr/sbin/nginx -g 'daemon on; master_process on;'"));
    assert!(it.text.contains(r#""daemon off; master_process on;""#), "{}", it.text);
    verdict(&it, "Type", LineVerdict::Equivalent);
    verdict(&it, "PIDFile", LineVerdict::Equivalent);
    let it = one(PATH, &unit("/opt/strange/daemon -x"));
    verdict(&it, "Type", LineVerdict::Refused);
    assert!(it.definitions.service.is_empty() && it.text.is_empty(), "{}", it.text);
    assert!(!it.report.services[0].is_converted);
    assert!(line(&it, "Type").why.as_deref().is_some_and(|why| why.contains("foreground")));
}

#[test]
fn what_counts_is_what_systemd_counts() {
    let unit = "[Service]\nExecStart=/bin/a\nExecStart=\nExecStart=/bin/b\nNice=5\nNice=7\nno line\nX-Own=1\n[X-Mine]\nA=b\n";
    let it = one(PATH, unit);
    assert!(it.text.contains("exec = [\"/bin/b\"]") && it.text.contains("nice = 7"), "{}", it.text);
    for equivalent in ["ExecStart=/bin/a", "ExecStart=\u{0}", "Nice=5", "no line", "X-Own", "A=b"] {
        let text = equivalent.trim_end_matches('\0');
        verdict(&it, text, LineVerdict::Equivalent);
    }
}

#[test]
fn drop_ins_are_read_in_their_order() {
    let files = Memory::new()
        .file("/r/lib/systemd/system/web.service", "[Service]\nExecStart=/bin/a\nNice=1\n")
        .file("/r/lib/systemd/system/web.service.d/20-b.conf", "[Service]\nNice=3\n")
        .file("/r/lib/systemd/system/service.d/10-a.conf", "[Service]\nUMask=022\n")
        .file(
            "/r/etc/systemd/system/web.service.d/30-c.conf",
            "[Service]\nExecStart=\nExecStart=/bin/c\n",
        )
        .file("/r/etc/systemd/system/web.service.d/20-b.conf", "[Service]\nNice=4\n");
    let it = convert(&files, &["/r/lib/systemd/system/web.service".into()], None).unwrap();
    assert!(it.text.contains("exec = [\"/bin/c\"]") && it.text.contains("nice = 4"), "{}", it.text);
    assert!(it.text.contains("umask = \"0022\""), "{}", it.text);
    assert_eq!(line(&it, "Nice=4").location.file, "/r/etc/systemd/system/web.service.d/20-b.conf");
}

#[test]
fn an_instance_is_made_of_its_template() {
    let files = Memory::new().file(
        "/u/w@.service",
        "[Service]\nExecStart=/bin/w --name %i --path %I\nKillMode=mixed\nProtectHome=%i\n",
    );
    let it = convert(&files, &["/u/w@a-b.service".into()], None).unwrap();
    assert!(
        it.text.contains(r#"exec = ["/bin/w", "--name", "a-b", "--path", "a/b"]"#),
        "{}",
        it.text
    );
    assert!(
        it.text.contains("[service.w-a-b]") && it.text.contains("ProtectHome = \"a-b\""),
        "{}",
        it.text
    );
    let it = convert(&files, &["/u/w@.service".into()], None).unwrap();
    assert!(it.report.lines[0].why.as_deref().is_some_and(|why| why.contains("w@NAME.service")));
    assert!(matches!(convert(&files, &["/u/v@a.service".into()], None), Err(Error::Io { .. })));
}

#[test]
fn units_that_are_no_services_are_refused_by_name() {
    for kind in ["socket", "timer", "path", "mount", "target"] {
        let it = one(&format!("/u/x.{kind}"), "[Unit]\n");
        assert_eq!(it.report.worst(), LineVerdict::Refused, "{kind}");
        assert!(
            it.report.lines[0].to_string().starts_with(&format!("/u/x.{kind}: refused")),
            "{kind}"
        );
    }
}

#[test]
fn variables_of_a_command_line_are_put_in_or_left_to_a_shell() {
    let it =
        one(PATH, "[Service]\nEnvironment=OPTS=\"-a -b\"\nExecStart=/bin/x $OPTS ${OPTS} $$x\n");
    assert!(it.text.contains(r#"exec = ["/bin/x", "-a", "-b", "-a -b", "$x"]"#), "{}", it.text);
    let files = Memory::new()
        .file(PATH, "[Service]\nEnvironmentFile=/etc/default/x\nExecStart=/bin/x -f $OPTS\n")
        .file("/etc/default/x", "OPTS=-n -v\n");
    let it = convert(&files, &[PATH.into()], None).unwrap();
    assert!(it.text.contains(r#"exec = ["/bin/x", "-f", "${OPTS:-}"]"#), "{}", it.text);
    assert!(it.text.contains("expand = true"), "{}", it.text);
    verdict(&it, "ExecStart", LineVerdict::Equivalent);
    // To `expand` a reference alone is as many words as the value has, and to systemd it is one.
    let one = |value: &str| {
        let files = Memory::new()
            .file(PATH, "[Service]\nEnvironmentFile=/etc/default/x\nExecStart=/bin/x ${A} $OPTS\n")
            .file("/etc/default/x", value);
        convert(&files, &[PATH.into()], None).unwrap()
    };
    let it = one("OPTS=-n -v\n");
    let expected = r#"exec = ["/bin/sh", "-fc", "exec /bin/x \"${A}\" $OPTS"]"#;
    assert!(it.text.contains(expected), "{}", it.text);
    verdict(&it, "ExecStart", LineVerdict::Equivalent);
    verdict(&one("OPTS=\"-n 'a b'\"\n"), "ExecStart", LineVerdict::Approximated);
}

#[test]
fn a_mode_that_a_definition_has_not_is_approximated() {
    let unit = "[Service]\nExecStart=/bin/a\nRuntimeDirectory=a\nRuntimeDirectoryMode=2750\n";
    let it = one(PATH, unit);
    let expected = r#"dirs = { runtime = { mode = "0750", names = ["a"] } }"#;
    assert!(it.text.contains(expected), "{}", it.text);
    verdict(&it, "RuntimeDirectoryMode", LineVerdict::Approximated);
}

#[test]
fn commands_around_the_program_have_their_keys() {
    let it = one(
        PATH,
        "[Service]\nType=notify\nExecStartPre=-/bin/mkdir -p /run/x\nExecStartPre=/bin/x -t\nExecStart=/bin/x -D\n\
         ExecReload=/bin/x -t\nExecReload=/bin/kill -HUP $MAINPID\nExecStop=/bin/x quit\nExecStopPost=/bin/rm -f /run/y\n\
         ExecStartPost=/bin/sleep 1\nKillMode=process\nNotifyAccess=main\n",
    );
    for expected in [
        r#"exec = ["/bin/x", "-D"]"#,
        r#"pre = [["/bin/sh", "-c", "/bin/mkdir -p /run/x || :"], ["/bin/x", "-t"]]"#,
        r#"reload = { check = ["/bin/x", "-t"] }"#,
        r#"ready = { notify = true, timeout = "1m 30s" }"#,
        r#"stop = { command = ["/bin/x", "quit"], group = false, kill_after = "1m 30s" }"#,
        "restart = \"never\"",
        "ExecStopPost = \"/bin/rm -f /run/y\"",
        "ExecStartPost = \"/bin/sleep 1\"",
    ] {
        assert!(it.text.contains(expected), "{expected}: {}", it.text);
    }
}

#[test]
fn units_of_one_conversion_know_each_other() {
    let files = Memory::new()
        .file("/u/a.service", "[Unit]\nRequires=b.service\nAfter=b.service x.service\nWants=y.service\n[Service]\nExecStart=/bin/a\n")
        .file("/u/b.service", "[Unit]\nBefore=c.service\n[Service]\nType=oneshot\nExecStart=/bin/b\n")
        .file("/u/c.service", "[Service]\nExecStart=/bin/c\n");
    let paths = ["/u/a.service".into(), "/u/b.service".into(), "/u/c.service".into()];
    let it = convert(&files, &paths, None).unwrap();
    for expected in [
        "needs = [\"b\"]",
        "after_external = { systemd = [\"x.service\"] }",
        "after = [\"b\"]",
        "kind = \"job\"",
    ] {
        assert!(it.text.contains(expected), "{expected}: {}", it.text);
    }
    // A second key writes the directive, so the text has no place.
    verdict(&it, "Wants=y.service", LineVerdict::Dropped);
}

#[test]
fn what_a_definition_cannot_be_is_refused_at_its_line() {
    let it = one(PATH, "[Service]\nExecStart=/bin/a\nUser=1000\n");
    verdict(&it, "User", LineVerdict::Refused);
    assert!(it.text.is_empty());
    for (unit, at) in [
        ("[Service]\nExecStart=/bin/x %H\n", "ExecStart"),
        ("[Service]\nExecStart=relative/x\n", "ExecStart"),
        ("[Service]\nExecStart=/bin/x\nWorkingDirectory=~\nUser=me\n", "WorkingDirectory"),
        ("[Service]\nNice=1\n", "[Service]"),
    ] {
        verdict(&one(PATH, unit), at, LineVerdict::Refused);
    }
}

#[test]
fn a_target_says_what_it_lacks() {
    let mut it = one(PATH, WHOLE);
    let plan = it.render(Target::Runit, Options::new()).unwrap();
    assert!(plan.to_string().contains("/usr/bin/web"));
    verdict(&it, "ProtectSystem", LineVerdict::Dropped);
    verdict(&it, "TasksMax", LineVerdict::Dropped);
    let mut it = one(PATH, "[Service]\nExecStart=/bin/a\nDynamicUser=yes\n");
    assert!(it.render(Target::S6, Options::new()).is_err());
    verdict(&it, "DynamicUser", LineVerdict::Refused);
}
