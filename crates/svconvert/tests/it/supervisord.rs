//! supervisord.conf.

use svconvert::{LineVerdict, Memory, convert};

use crate::{line, one, text, verdict};

#[test]
fn programs_in_the_usual_shape_become_services() {
    let it = one(
        "/etc/supervisord.conf",
        "[supervisord]\nnodaemon=true\n[program:fpm]\ncommand=/usr/sbin/php-fpm8.2 -F\npriority=5\nautorestart=true\n\
         stopsignal=QUIT\nstdout_logfile=/dev/stdout\nstdout_logfile_maxbytes=0\nredirect_stderr=true\n\
         [program:nginx]\ncommand=/usr/sbin/nginx -g \"daemon off;\"  ; a comment\npriority=10\nstartretries=5\nstartsecs=3\n",
    );
    text(
        &it,
        r#"
        [service.fpm]
        exec = ["/usr/sbin/php-fpm8.2", "-F"]
        stop = { group = false, kill_after = "10s", signal = "QUIT" }
        restart = { max = 4, within = "7s" }

        [service.nginx]
        exec = ["/usr/sbin/nginx", "-g", "daemon off;"]
        stop = { group = false, kill_after = "10s" }
        restart = { max = 6, when = "on-failure", within = "23s" }
        after = ["fpm"]
        "#,
    );
    for exact in [
        "command",
        "autorestart",
        "stopsignal",
        "stdout_logfile=",
        "stdout_logfile_maxbytes",
        "redirect",
    ] {
        verdict(&it, exact, LineVerdict::Exact);
    }
    for equivalent in ["nodaemon", "priority=5", "priority=10", "startretries", "startsecs"] {
        verdict(&it, equivalent, LineVerdict::Equivalent);
    }
}

#[test]
fn several_processes_are_several_services() {
    let it = one(
        "/etc/s.conf",
        "[program:queue]\nprocess_name=%(program_name)s_%(process_num)02d\ncommand=php /srv/artisan --n=%(process_num)d\n\
         numprocs=2\nuser=www-data\ndirectory=/srv\nstopasgroup=true\nkillasgroup=true\nstopwaitsecs=3600\n\
         redirect_stderr=true\nstdout_logfile=/srv/worker.log\nstdout_logfile_maxbytes=10MB\n\
         environment=A=\"1,2\",B=x\n[group:app]\nprograms=queue\n",
    );
    for expected in [
        "[service.queue_00]\nexec = [\"php\", \"/srv/artisan\", \"--n=0\"]",
        "[service.queue_01]\nexec = [\"php\", \"/srv/artisan\", \"--n=1\"]",
        "stop = { group = true, kill_after = \"1h\" }",
        "env = { A = \"1,2\", B = \"x\" }",
        "stdout = \"/srv/worker.log\"",
        "user = \"www-data\"",
    ] {
        assert!(it.text.contains(expected), "{expected}: {}", it.text);
    }
    verdict(&it, "stdout_logfile=", LineVerdict::Approximated);
    verdict(&it, "stdout_logfile_maxbytes", LineVerdict::Dropped);
    verdict(&it, "programs", LineVerdict::Equivalent);
    assert_eq!(line(&it, "numprocs").service.as_deref(), Some("queue"));
}

#[test]
fn what_is_included_is_read() {
    let files = Memory::new()
        .file("/etc/supervisord.conf", "[include]\nfiles = conf.d/*.conf /etc/more.ini\n")
        .file("/etc/conf.d/a.conf", "[program:a]\ncommand=/bin/a\n")
        .file("/etc/conf.d/no.txt", "[program:no]\ncommand=/bin/no\n")
        .file("/etc/more.ini", "[program:b]\ncommand=/bin/b\n  --more\n");
    let it = convert(&files, &["/etc/supervisord.conf".into()], None).unwrap();
    assert!(
        it.text.contains("[service.a]") && it.text.contains("exec = [\"/bin/b\", \"--more\"]"),
        "{}",
        it.text
    );
    assert!(!it.text.contains("[service.no]"));
    assert_eq!(line(&it, "command=/bin/a").location.file, "/etc/conf.d/a.conf");
}

#[test]
fn what_only_the_machine_knows_is_refused() {
    for line_ in ["user=%(ENV_USER)s", "command=/bin/x %(host_node_name)s", "directory=50%"] {
        let command = if line_.starts_with("command") { "" } else { "command=/bin/x\n" };
        let it = one("/etc/s.conf", &format!("[program:a]\n{command}{line_}\n"));
        verdict(&it, line_, LineVerdict::Refused);
        assert!(it.text.is_empty(), "{}", it.text);
    }
    let it = one(
        "/etc/s.conf",
        "[eventlistener:x]\ncommand=/bin/x\nevents=TICK_5\n[program:b]\ncommand=bin/b\n",
    );
    verdict(&it, "[eventlistener", LineVerdict::Refused);
    verdict(&it, "command=bin/b", LineVerdict::Refused);
}

/// Of a variable of its own list, supervisord takes the value from outside, and nothing else can.
#[test]
fn variables_of_the_environment_are_put_in_at_each_start() {
    let it = one(
        "/etc/s.conf",
        "[supervisord]\nenvironment=MODE=\"prod\",PATH=\"/opt/bin:%(ENV_PATH)s\"\n[program:a]\n\
         command=%(ENV_ROOT)s/bin/a --port=%(ENV_PORT)s ${x}\ndirectory=%(ENV_ROOT)s\nenvironment=X=\"${y}\"\n",
    );
    for kept in [
        r#"exec = ["${ROOT}/bin/a", "--port=${PORT}", "$${x}"]"#,
        r#"cwd = "${ROOT}""#,
        r#"env = { MODE = "prod", PATH = "/opt/bin:${PATH}", X = "$${y}" }"#,
        "expand = true",
    ] {
        assert!(it.text.contains(kept), "{kept}: {} {:#?}", it.text, it.report.lines);
    }
    verdict(&it, "command=", LineVerdict::Approximated);
    for line in ["directory=", "environment=MODE"] {
        verdict(&it, line, LineVerdict::Equivalent);
    }
    let it = one(
        "/etc/s.conf",
        "[program:a]\ncommand=/bin/a ${x}\nenvironment=A=\"1\",B=\"%(ENV_A)s\"\n[program:b]\ncommand=/bin/b ${x}\n",
    );
    verdict(&it, "environment=A", LineVerdict::Refused);
    assert!(it.text.contains(r#"exec = ["/bin/b", "${x}"]"#), "{}", it.text);
}
