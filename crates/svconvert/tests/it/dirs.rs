//! Service directories.

use svconvert::{Conversion, LineVerdict, Memory, convert};

use crate::{line, text, verdict};

fn run(script: &str, more: &[(&str, &str)]) -> Conversion {
    let mut files = Memory::new().program("/etc/sv/web/run", script);
    for (name, text) in more {
        files = files.file(format!("/etc/sv/web/{name}"), *text);
    }
    convert(&files, &["/etc/sv/web".into()], None).unwrap()
}

#[test]
fn a_chain_is_taken_apart() {
    let it = run(
        "#!/bin/sh -e\nexec 2>&1\n# a comment\ncd /srv/web\numask 027\nexport LANG=C\nulimit -n 4096\n\
         exec chpst -e ./env -u www-data:adm -o 1024 -P \\\n    nice -n 5 /usr/bin/web --name 'two words'\n",
        &[("env/PORT", "8080  \nmore\n"), ("down", "")],
    );
    text(
        &it,
        r#"
        [service.web]
        exec = ["/usr/bin/web", "--name", "two words"]
        cwd = "/srv/web"
        env = { LANG = "C", PORT = "8080" }
        user = "www-data"
        group = "adm"
        umask = "0027"
        nice = 5
        limits = { files = 1024 }
        session = true
        down = true
        "#,
    );
    for exact in ["exec 2>&1", "cd /srv", "umask", "export"] {
        verdict(&it, exact, LineVerdict::Exact);
    }
    let exec = line(&it, "exec chpst");
    assert_eq!(
        (exec.location.line, exec.location.last, exec.verdict),
        (8, 9, LineVerdict::Equivalent)
    );
}

/// A program that nobody knows may look there, whether it is there already or not.
#[test]
fn a_path_of_the_service_directory_leads_there_as_before() {
    for script in [
        "#!/bin/sh\nexec envuidgid dns envdir ./env /usr/bin/dns\n",
        "#!/bin/sh\nexec /usr/bin/web --socket ./web.sock\n",
        "#!/bin/sh\nexec /usr/bin/web ../shared/web.conf\n",
    ] {
        let it = run(script, &[("env/A", "1")]);
        assert!(it.text.contains("cwd = \"/etc/sv/web\""), "{script}: {}", it.text);
        assert!(
            line(&it, "exec").why.as_ref().is_some_and(|it| it.contains("old service directory"))
        );
    }
    let it = run("#!/bin/sh\nexec /usr/bin/web env\n", &[("env/A", "1")]);
    assert!(!it.text.contains("cwd"), "{}", it.text);
}

#[test]
fn the_programs_of_each_suite_are_known() {
    for (script, expected) in [
        ("exec setuidgid me softlimit -m 1000000 -o 50 /bin/x", "user = \"me\""),
        ("exec setuidgid me softlimit -c 1000 /bin/x", "limits = { core = \"1000\" }"),
        ("exec envdir /etc/x /bin/x", "env_dir = \"/etc/x\""),
        ("exec pgrphack /bin/x", "session = true"),
        ("exec env A=1 /bin/x >>/var/log/x", "stdout = \"/var/log/x\""),
        ("exec s6-setuidgid me s6-softlimit -o 12 /bin/x </dev/null", "limits = { files = 12 }"),
        ("exec ionice -c3 /bin/x", "io_priority = { class = \"idle\" }"),
        ("install -d -o me /run/x\nexec chpst -u me /bin/x", "dirs = { runtime = [\"x\"] }"),
        ("/bin/x -f", "exec = [\"/bin/x\", \"-f\"]"),
        ("exec /opt/cd", "exec = [\"/opt/cd\"]"),
        ("A=/x; export A\nexec /bin/x", "env = { A = \"/x\" }"),
        (
            "D=/srv N=8\ncd $D && exec /bin/x -d $D/y \"-n$N\" # it",
            "exec = [\"/bin/x\", \"-d\", \"/srv/y\", \"-n8\"]",
        ),
        ("O='-a -b'\nexec /bin/x $O", "exec = [\"/bin/x\", \"-a\", \"-b\"]"),
        ("[ -d /run/x ] || mkdir -p /run/x\nexec /bin/x", "dirs = { runtime = [\"x\"] }"),
        ("test ! -d /run/x && mkdir /run/x\nexec /bin/x", "dirs = { runtime = [\"x\"] }"),
        ("set -a\nA=1\nset +a\nB=2\nexec /bin/x", "env = { A = \"1\" }"),
        ("set -euo pipefail\nexec /bin/x", "exec = [\"/bin/x\"]"),
    ] {
        let it = run(&format!("#!/bin/sh\n{script}\n"), &[]);
        assert!(it.text.contains(expected), "{script}: {}", it.text);
        assert!(!it.text.contains("/bin/sh"), "{script}: {}", it.text);
    }
}

#[test]
fn execline_is_read() {
    let it = run(
        "#!/usr/bin/execlineb -P\nfdmove -c 2 1\ns6-envdir ./env\ns6-setuidgid me\n/bin/x \"a b\" c # no\n",
        &[
            ("env/A", "1"),
            ("notification-fd", "3\n"),
            ("timeout-kill", "10000\n"),
            ("down-signal", "SIGQUIT\n"),
        ],
    );
    text(
        &it,
        r#"
        [service.web]
        exec = ["/bin/x", "a b", "c"]
        env = { A = "1" }
        user = "me"
        ready = { fd = 3 }
        stop = { kill_after = "10s", signal = "QUIT" }
        "#,
    );
}

#[test]
fn what_is_not_understood_stays_a_script_and_is_said_to_be_opaque() {
    for script in [
        "[ -r conf ] && . ./conf\nexec /bin/x ${OPTS}",
        "exec chpst -l lock /bin/x",
        "while :; do sleep 1; done",
        "exec chpst -u me /bin/x | tee log",
        "A=$(date)\nexec /bin/x",
        "A=1\nexec /bin/x ${A:-2}",
        "O='*'\nexec /bin/x $O",
        "exec /bin/x $HOME",
        "[ -d /run/y ] || mkdir -p /run/x\nexec /bin/x",
        "exec /bin/x &",
        "exec envdir ./none /bin/x",
        "unset PATH\nexec /bin/x",
        "chown root /run/x\nexec chpst -u me /bin/x",
    ] {
        let it = run(&format!("#!/bin/sh -e\n{script}\n"), &[]);
        let service = &it.definitions.service["web"];
        let words: Vec<_> =
            service.exec.iter().map(|it| it.as_os_str().to_str().unwrap()).collect();
        assert_eq!(words, ["/bin/sh", "-e", "-c", script], "{}", it.text);
        assert_eq!(service.cwd.as_deref(), Some("/etc/sv/web".as_ref()));
        for line in it.report.lines.iter().filter(|line| line.location.file.ends_with("run")) {
            assert!(line.why.as_deref().is_some_and(|why| why.contains("opaque")), "{line}");
        }
    }
}

#[test]
fn a_scan_directory_is_all_of_its_services() {
    let files = Memory::new()
        .program("/s/db/run", "#!/bin/sh\nexec /bin/db\n")
        .program("/s/db/log/run", "#!/bin/sh\nexec chpst -u log svlogd -tt /var/log/db\n")
        .program("/s/web/run", "#!/bin/sh\nsv check db >/dev/null || exit 1\nsv start other || exit 1\nexec 2>&1\nexec /bin/web\n")
        .program("/s/web/finish", "#!/bin/sh\nrm -f /run/web.pid\n")
        .file("/s/web/conf", "A=1\n");
    let it = convert(&files, &["/s".into()], None).unwrap();
    for expected in [
        "[service.db]",
        "log = { dir = \"/var/log/db\", timestamp = \"iso8601\", user = \"log\" }",
        "needs = [\"db\"]",
        "finish = [\"/bin/sh\", \"-c\", \"rm -f /run/web.pid\", \"finish\"]",
    ] {
        assert!(it.text.contains(expected), "{expected}: {}", it.text);
    }
    verdict(&it, "sv check", LineVerdict::Equivalent);
    verdict(&it, "sv start other", LineVerdict::Dropped);
    let conf = it.report.lines.iter().find(|it| it.location.file == "/s/web/conf").unwrap();
    assert_eq!(conf.verdict, LineVerdict::Dropped);
}

/// As images with s6-overlay have them.
#[test]
fn sources_of_s6_rc_are_read() {
    let nginx = "#!/usr/bin/with-contenv bash\n# a comment\n\nexec \\\n    s6-setuidgid abc /usr/sbin/nginx -g 'daemon off;'\n";
    let files = Memory::new()
        .file("/s/init/type", "oneshot\n")
        .file("/s/init/up", "/etc/s6-overlay/s6-rc.d/init/run\n")
        .file("/s/init/dependencies.d/base", "")
        .file("/s/migrate/type", "oneshot\n")
        .file("/s/migrate/up", "foreground { echo x } app migrate\n")
        .file("/s/migrate/down", "")
        .file("/s/web/type", "longrun\n")
        .program("/s/web/run", nginx)
        .file("/s/web/dependencies.d/init", "")
        .file("/s/web/dependencies", "migrate\n")
        .file("/s/web/producer-for", "web-log\n")
        .file("/s/web-log/type", "longrun\n")
        .program("/s/web-log/run", "#!/bin/execlineb -P\ns6-log -b n20 s1000000 T /var/log/web\n")
        .file("/s/web-log/consumer-for", "web\n")
        .file("/s/web-log/pipeline-name", "web-pipeline\n")
        .file("/s/user/type", "bundle\n")
        .file("/s/user/contents.d/web", "");
    let it = convert(&files, &["/s".into()], None).unwrap();
    let names: Vec<_> = it.definitions.service.keys().collect();
    assert_eq!(names, ["init", "migrate", "web"]);
    text(
        &it,
        r#"
        [service.init]
        exec = ["/etc/s6-overlay/s6-rc.d/init/run"]
        kind = "job"
        [service.migrate]
        exec = ["execlineb", "-P", "-c", "foreground { echo x } app migrate"]
        kind = "job"
        [service.web]
        exec = ["/usr/sbin/nginx", "-g", "daemon off;"]
        user = "abc"
        stderr = "inherit"
        needs = ["migrate", "init"]
        log = { dir = "/var/log/web", max_files = 20, max_size = "1000000", timestamp = "iso8601" }
        "#,
    );
    let of =
        |file: &str| it.report.lines.iter().find(|it| it.location.file.ends_with(file)).unwrap();
    assert_eq!(of("dependencies.d/base").verdict, LineVerdict::Dropped);
    assert_eq!(of("web/dependencies.d/init").key.as_deref(), Some("needs"));
    assert_eq!(of("web-log/run").verdict, LineVerdict::Equivalent);
    let exec = line(&it, "exec \\");
    assert!(exec.why.as_deref().is_some_and(|why| why.contains("variables of the container")));
}
