//! `svctl scan FILE`: the same definitions without a view, as in a container.

use super::*;

/// `svctl scan` of the file, its services in `tree`.
fn scan(stage: &Stage, more: &[&str]) -> Running {
    let [tree, file] = ["tree", "svcmgr.toml"].map(|name| stage.path(name));
    let mut command = command(["scan".as_ref(), file.as_os_str()]);
    command.arg("--state-dir").arg(tree).args(more);
    Running::start_as(command)
}

/// How one stands.
fn status(stage: &Stage, name: &str) -> Value {
    let dir = stage.path("tree").display().to_string();
    run(["--dir", &dir, "status", "--json", name]).json()[0].take()
}

const THREE: &str = r#"
[service.db]
exec = ["sh", "-c", "trap 'echo db ends; exit 0' TERM; echo >&3; echo db is here; while :; do sleep 0.1; done"]
ready = { fd = 3 }
[service.migrate]
kind = "job"
exec = ["sh", "-c", "echo migrated >&2"]
needs = ["db"]
[service.web]
exec = ["sh", "-c", "trap 'echo web ends; exit 0' TERM; echo web is here; while :; do sleep 0.1; done"]
after = ["migrate"]
[service.spare]
exec = ["sh", "-c", "echo spare is here; exec sleep 1000"]
down = true
"#;

#[test]
fn a_file_is_run_in_the_order_of_its_needs_and_ends_in_the_reverse_one() {
    let stage = Stage::new(THREE);
    for _ in 0..2 {
        let running = scan(&stage, &[]);
        let lines = running.until_all(&["web     | web is here"]);
        let order = ["db      | db is here", "migrate | migrated", "web     | web is here"];
        assert!(order.map(|text| position(&lines, text)).is_sorted(), "{lines:#?}");
        assert_eq!(status(&stage, "spare")["state"], "down");
        assert_eq!(status(&stage, "migrate")["exit"]["code"], 0);
        // Another one has no business there.
        let (code, lines) = scan(&stage, &[]).end();
        assert_eq!(code, Some(111), "{lines:#?}");
        position(&lines, "is another svctl's");
        let dir = stage.path("tree").display().to_string();
        assert_eq!(run(["--dir", &dir, "up", "spare"]).code, 0);
        running.until("spare   | spare is here");
        running.signal(Signal::SIGTERM);
        let (code, lines) = running.end();
        assert_eq!(code, Some(0), "{lines:#?}");
        let order = ["web     | web ends", "db      | db ends"];
        assert!(order.map(|text| position(&lines, text)).is_sorted(), "{lines:#?}");
        nobody_is_left(&stage.path("tree"));
    }
    // What the file has no longer is gone, and what is not of a file stays.
    fs::create_dir(stage.path("tree/mine")).unwrap();
    fs::write(stage.path("svcmgr.toml"), "[service.one]\nexec = ['true']\nkind = 'job'").unwrap();
    assert_eq!(scan(&stage, &[]).end().0, Some(0));
    let mut names: Vec<_> = fs::read_dir(stage.path("tree")).unwrap().flatten().collect();
    names.retain(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."));
    let mut names: Vec<_> = names.into_iter().map(|entry| entry.file_name()).collect();
    names.sort_unstable();
    assert_eq!(names, ["mine", "one"]);
}

#[test]
fn without_a_place_for_it_nothing_stays() {
    let stage =
        Stage::new("[service.one]\nexec = ['sh', '-c', 'pwd; echo; echo last']\nkind = 'job'");
    let runtime = stage.path("runtime");
    fs::create_dir(&runtime).unwrap();
    let mut command = command(["scan".as_ref(), stage.path("svcmgr.toml").as_os_str()]);
    command.env("XDG_RUNTIME_DIR", &runtime);
    let (code, lines) = Running::start_as(command).end();
    assert_eq!((code, lines.len()), (Some(0), 3), "{lines:#?}");
    assert!(lines[0].starts_with("one | /") && lines[2] == "one | last", "{lines:#?}");
    assert_eq!(fs::read_dir(&runtime).unwrap().count(), 0);
}

#[test]
fn jobs_and_those_who_wait_for_them_decide_the_exit_code() {
    let stage = Stage::new(
        r#"[service.one]
        kind = "job"
        exec = ["sh", "-c", "exit 3"]
        [service.two]
        kind = "job"
        exec = ["echo", "two"]
        needs = ["one"]"#,
    );
    let (code, lines) = scan(&stage, &[]).end();
    assert_eq!(code, Some(3), "{lines:#?}");
    position(&lines, "svctl: two: held back: one exited with 3");
    position(&lines, "svctl: one exited with 3");
    // One that decides for all.
    let (code, _) = scan(&stage, &["--exit-with", "one"]).end();
    assert_eq!(code, Some(3));
    let (code, lines) = scan(&stage, &["--exit-with", "three"]).end();
    assert_eq!(code, Some(100), "{lines:#?}");
    position(&lines, "there is no service three");
}

/// Nothing runs and nothing will: the container ends, with the code of what failed, if that is one.
#[test]
fn what_has_ended_for_good_is_the_end_of_the_whole() {
    let web = "[service.web]\nexec = ['sh', '-c', 'exit 5']\nrestart = { when = 'on-failure', max = 1, within = '1h' }\n";
    let job = "[service.job]\nkind = 'job'\nexec = ['sh', '-c', 'exit 6']\n";
    let done = "[service.done]\nexec = ['true']\nrestart = 'never'\n";
    for (definitions, expected) in [
        (web.to_owned(), 5),
        (format!("{web}{job}"), 1),
        (format!("{job}{done}"), 6),
        (done.to_owned(), 0),
    ] {
        let stage = Stage::new(&definitions);
        let (code, lines) = scan(&stage, &[]).end();
        assert_eq!(code, Some(expected), "{definitions} {lines:#?}");
        let is_up = |line: &String| line.contains("all services are up");
        assert!(!lines.iter().any(is_up), "{lines:#?}");
    }
}

/// A service that takes all of the time does not keep the others from being told that they are to end.
#[test]
fn who_will_not_end_is_killed_and_all_others_are_told_before() {
    let stage = Stage::new(
        r#"[service.db]
        exec = ["sh", "-c", "trap 'echo db ends; exit 0' TERM; while :; do sleep 0.1; done"]
        [service.deaf]
        exec = ["sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 0.1; done"]
        after = ["db"]"#,
    );
    let running = scan(&stage, &["--kill-after", "3s"]);
    running.until("deaf | deaf");
    running.signal(Signal::SIGTERM);
    let (code, lines) = running.end();
    assert_eq!(code, Some(137), "{lines:#?}");
    position(&lines, "db   | db ends");
    nobody_is_left(&stage.path("tree"));
}

/// What a terminal sends to its group reaches svctl, and not what it supervises.
#[test]
fn each_service_has_a_group_of_its_own() {
    let stage = Stage::new("[service.web]\nexec = ['sh', '-c', 'echo here; exec sleep 1000']");
    let running = scan(&stage, &[]);
    running.until("web | here");
    let pid = i32::try_from(status(&stage, "web")["pid"].as_i64().unwrap()).unwrap();
    let group = nix::unistd::getpgid(Some(Pid::from_raw(pid))).unwrap();
    assert_eq!(group, Pid::from_raw(pid));
    running.signal(Signal::SIGINT);
    assert_eq!(running.end().0, Some(0));
}

#[test]
fn every_line_is_an_object() {
    let stage = Stage::new("[service.one]\nexec = ['echo', 'hello']\nkind = 'job'");
    let (code, lines) = scan(&stage, &["--json"]).end();
    assert_eq!(code, Some(0), "{lines:#?}");
    let lines: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    lines.iter().for_each(schema::check);
    assert!(lines.iter().any(|line| line["line"] == "hello"), "{lines:#?}");
    assert!(lines.iter().any(|line| line["event"] == "exited"), "{lines:#?}");
}

/// Pid 1 as seen from outside: the child of `unshare`.
pub(super) fn first(outside: &Running) -> Pid {
    let children = || {
        let stats = fs::read_dir("/proc").unwrap().flatten();
        let stats = stats.filter_map(|it| fs::read_to_string(it.path().join("stat")).ok());
        let parent = outside.child.id().to_string();
        stats
            .filter(|stat| {
                let after = stat.rsplit_once(") ").map_or("", |(_, after)| after);
                after.split(' ').nth(1) == Some(&parent)
            })
            .find_map(|stat| stat.split(' ').next()?.parse().ok())
            .map(Pid::from_raw)
    };
    let limit = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(pid) = children() {
            return pid;
        }
        assert!(Instant::now() < limit, "no child of unshare");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// As in a container: a root that cannot be written, `/run` in memory. `svctl status` finds the services without being
/// told where, and all ends within the eight seconds of pid 1, before an engine would kill it.
#[test]
fn as_pid_1_with_a_root_that_is_read_only() {
    let stage = Stage::new(
        r#"[service.db]
        exec = ["sh", "-c", "trap 'echo db ends; exit 0' TERM; echo >&3; while :; do sleep 0.1; done"]
        ready = { fd = 3 }
        [service.look]
        kind = "job"
        exec = ["PROGRAM", "status", "db"]
        after = ["db"]
        [service.deaf]
        exec = ["sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 0.1; done"]
        after = ["look"]"#,
    );
    let file = stage.path("svcmgr.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("PROGRAM", program().to_str().unwrap())).unwrap();
    let script = "mount -t tmpfs tmpfs /run && mount -o remount,bind,ro / && exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]);
    command.args(["sh", "-c", script, "sh"]).arg(program()).arg("scan").arg(&file);
    command.env_remove("SVDIR").env_remove("XDG_RUNTIME_DIR").stdin(Stdio::null());
    let running = Running::start_as(command);
    // Each writes into a pipe of its own, and where both have something, the names say which is read first.
    let lines = running.until_all(&["deaf | deaf", "look | db "]);
    let seen = lines.iter().any(|line| line.starts_with("look | db ") && line.contains(" ready "));
    assert!(seen, "{lines:#?}");
    kill(first(&running), Signal::SIGTERM).unwrap();
    let (code, lines) = running.end();
    assert_eq!(code, Some(137), "{lines:#?}");
    position(&lines, "db   | db ends");
}

/// It cannot become another user, and says so before anything starts.
#[test]
fn who_is_not_root_is_told_what_needs_root() {
    let stage = Stage::new("[service.web]\nexec = ['echo', 'web']\nuser = 'daemon'\nkind = 'job'");
    if skips::is_root("svctl") {
        // As root it is that user.
        let (code, lines) = scan(&stage, &[]).end();
        assert_eq!(code, Some(0), "{lines:#?}");
        position(&lines, "web | web");
        return;
    }
    let (code, lines) = scan(&stage, &[]).end();
    assert_eq!(code, Some(111), "{lines:#?}");
    position(&lines, "service `web`: `user` needs root");
}

/// An image from scratch: programs, svctl, one file of definitions, and no shell. The root is read-only, and from the only
/// place that can be written nothing may be executed.
#[test]
fn a_file_is_run_where_there_is_no_shell() {
    let dir = tempfile::tempdir().unwrap();
    let is_root = nix::unistd::geteuid().is_root();
    // Without root, nobody else is known in the namespace.
    let user = if is_root { "user = 65534\ngroup = 65533\ngroups = [1]" } else { "" };
    let definitions = format!(
        r#"[service.first]
        kind = "job"
        exec = ["env"]
        pre = [["/bin/mkdir", "/dev/shm/made"], ["/bin/chmod", "777", "/dev/shm/made"]]
        env = {{ PATH = "/bin", A = "lost", B = "two words" }}
        env_file = ["/vars", {{ path = "/nowhere", optional = true }}]
        stdout = "/dev/shm/out"
        [service.limits]
        kind = "job"
        exec = ["/bin/cat", "/proc/self/limits", "/proc/self/status"]
        limits = {{ files = {{ soft = 100, hard = 200 }}, cpu = "1000s" }}
        umask = "027"
        [service.nice]
        kind = "job"
        exec = ["/bin/nice"]
        nice = 5
        [service.read]
        kind = "job"
        exec = ["/bin/cat", "/dev/shm/out"]
        needs = ["first"]
        [service.who]
        kind = "job"
        exec = ["/bin/id"]
        {user}
        finish = ["/bin/echo", "finished"]
        [service.web]
        exec = ["/bin/sleep", "1000"]
        cwd = "/dev"
        ready = {{ command = ["/bin/test", "-d", "/dev/shm/made"] }}
        stop = {{ command = ["/bin/echo", "told to stop in"] }}
        log = {{ dir = "/dev/shm/log" }}
        [service.bad]
        exec = ["/bin/sleep", "1000"]
        io_priority = {{ class = "idle" }}
        [service.fails]
        kind = "job"
        exec = ["/bin/test", "-d", "/nowhere"]
        on_failure = ["/bin/echo", "fails ended with"]
        [service.end]
        kind = "job"
        exec = ["/svctl", "--dir", "DIR", "status", "--json", "web"]
        needs = ["web", "who", "read", "limits", "nice"]
        wants = ["fails"]
        critical = true"#
    );
    let text = definitions.replace("DIR", "/dev/shm/place");
    fs::write(dir.path().join("svcmgr.toml"), text).unwrap();
    fs::write(dir.path().join("vars"), "A='in quotes'\n# C=1\nD=\"x\\\"y\" z\n").unwrap();
    let root = dir.path().join("root");
    fs::create_dir(&root).unwrap();
    let script = "set -e; r=$1/root; mount -t tmpfs -o mode=755 tmpfs $r\n\
        mkdir -p $r/usr/lib $r/usr/lib64 $r/dev/shm $r/proc $r/bin; ln -s usr/lib $r/lib; ln -s usr/lib64 $r/lib64\n\
        mount --rbind /usr/lib $r/usr/lib; [ ! -d /usr/lib64 ] || mount --rbind /usr/lib64 $r/usr/lib64\n\
        : > $r/dev/null; mount --bind /dev/null $r/dev/null\n\
        mount -t tmpfs -o mode=1777,noexec tmpfs $r/dev/shm; mount -t proc proc $r/proc\n\
        for it in nice env id cat sleep test mkdir chmod echo; do cp $(command -v /usr/bin/$it) $r/bin/; done\n\
        cp $2 $r/svctl; cp $1/svcmgr.toml $1/vars $r/; mount -o remount,bind,ro $r\n\
        unset TMPDIR XDG_RUNTIME_DIR; exec chroot $r /svctl scan --state-dir /dev/shm/place /svcmgr.toml";
    let mut command = Command::new("unshare");
    let maps = if is_root { &[][..] } else { &["--map-root-user"] };
    command.args(maps).args(["--mount", "--pid", "--fork", "--kill-child"]);
    command.args(["sh", "-c", script, "sh"]).arg(dir.path()).arg(program()).env("A", "outer");
    let (code, lines) = Running::start_as(command).end();
    assert_eq!(code, Some(0), "{lines:#?}");
    for text in [
        "read   | A=in quotes",
        "read   | B=two words",
        "read   | D=x\"yz",
        "read   | PATH=/bin",
        "limits | Max open files            100                  200",
        "limits | Max cpu time              1000 ",
        "limits | Umask:\t0027",
        "nice   | 5",
        "who    | finished 0 0",
        "fails  | fails ended with 1 0",
        "\"state\":\"ready\"",
        "web    | told to stop in",
        "bad: there is no /bin/sh, which its `io_priority` needs",
        "not here: `log` of service `web`: there is no /bin/sh",
    ] {
        position(&lines, text);
    }
    if is_root {
        position(&lines, "who    | uid=65534 gid=65533 groups=65533,1");
    }
    let wrong = |line: &&String| line.contains("exec") && line.contains("denied");
    assert_eq!(lines.iter().find(wrong), None);
}
