//! After which ends another run follows, and with which all end, under `svctl dev` and `svctl scan FILE`.

use super::*;

/// `svctl scan` of the file, its services in `tree/enabled`, where those of `dev` are.
pub(super) fn scan(stage: &Stage, more: &[&str]) -> Running {
    let [tree, file] = ["tree/enabled", "svcmgr.toml"].map(|name| stage.path(name));
    let mut command = command(["scan".as_ref(), file.as_os_str()]);
    command.arg("--state-dir").arg(tree).args(more);
    Running::start_as(command)
}

pub(super) fn ask(stage: &Stage, words: &[&str]) -> Run {
    let dir = stage.path("tree/enabled").display().to_string();
    run(["--dir", &dir].iter().chain(words))
}

/// In both, with the same words: how it is started, and whether that is `dev`.
fn each(definitions: &str, check: impl Fn(&Stage, Running, bool)) {
    for is_dev in [true, false] {
        let stage = Stage::new(definitions);
        let running = if is_dev { Running::start(&stage, &[]) } else { scan(&stage, &[]) };
        check(&stage, running, is_dev);
    }
}

/// After so many starts it is `failed`, a program hears of it, and what waits for it is held back; who asks for it starts
/// it anew.
#[test]
fn what_is_started_too_often_is_given_up_and_says_so() {
    let definitions = r#"
        [service.api]
        exec = ["sh", "-c", "echo run >>runs; exit 3"]
        cwd = "CWD"
        restart = { when = "on-failure", max = 2, within = "1h" }
        ready = { fd = 3 }
        on_failure = ["sh", "-c", "echo page $1 $2 >>CWD/page", "page"]
        [service.web]
        exec = ["sleep", "1000"]
        after = [{ service = "api", when = "ready" }]
        [service.other]
        exec = ["sleep", "1000"]"#;
    each(definitions, |stage, running, is_dev| {
        running.until("web: held back: api was given up: it exited with 3");
        let shown = ask(stage, &["status", "--json", "api"]).json();
        assert_eq!(shown[0]["state"], "failed", "{shown:#}");
        assert_eq!(shown[0]["exit"]["code"], 3, "{shown:#}");
        assert_eq!(shown[0]["odd"][0]["kind"], "start-limit", "{shown:#}");
        let text = ask(stage, &["status", "api"]).out;
        assert!(text.contains("failed"), "{text}");
        let runs = || fs::read_to_string(stage.path("runs")).unwrap().lines().count();
        assert_eq!(runs(), 2);
        assert_eq!(fs::read_to_string(stage.path("page")).unwrap(), "page 3 0\n");
        let again = ask(stage, &["up", "--no-wait", "api"]);
        assert_eq!(again.code, 0, "{again:?}");
        let limit = Instant::now() + Duration::from_secs(60);
        while runs() < 4 {
            assert!(Instant::now() < limit, "{} runs", runs());
            std::thread::sleep(Duration::from_millis(10));
        }
        running.signal(Signal::SIGTERM);
        let (code, lines) = running.end();
        if is_dev {
            assert_eq!(code, Some(1), "{lines:#?}");
        }
        nobody_is_left(&stage.path("tree"));
    });
}

/// `dev.md` 11: a Procfile is run as it is. All end with the process that ends, as under foreman.
#[test]
fn a_procfile_is_run_without_definitions() {
    let stage = Stage::new("");
    let text = "web: echo port $PORT; exec sleep 1000\ntests: sleep 1; exit 3\n";
    fs::write(stage.path("Procfile"), text).unwrap();
    let mut dev = command(["dev".as_ref(), stage.path("Procfile").as_os_str()]);
    dev.arg("--tree").arg(stage.path("tree"));
    let (code, lines) = Running::start_as(dev).end();
    assert_eq!(code, Some(3), "{lines:#?}");
    let has = |text: &str| lines.iter().any(|line| line.contains(text));
    assert!(has("port 5000") && has("tests exited with 3; all end with it"), "{lines:#?}");
    nobody_is_left(&stage.path("tree"));
}

/// A service that failed and is not started again is not up, and the end says so.
#[test]
fn what_failed_for_good_is_no_service_that_is_up() {
    let definitions = r#"
        [service.db]
        exec = ["sh", "-c", "exit 4"]
        restart = "never"
        [service.web]
        exec = ["sh", "-c", "read x <CWD/gate; echo >&3; exec sleep 1000"]
        ready = { fd = 3 }"#;
    let stage = Stage::new(definitions);
    let running = Running::start(&stage, &[]);
    running.until("db  * down, normally up, exited with 4");
    fs::write(stage.path("gate"), "go\n").unwrap();
    running.until("web * ready");
    running.signal(Signal::SIGTERM);
    let (code, lines) = running.end();
    assert_eq!(code, Some(1), "{lines:#?}");
    assert!(!lines.iter().any(|line| line.contains("all services are up")), "{lines:#?}");
    let told = |line: &String| line.contains("db ended by itself once; it exited with 4");
    assert!(lines.iter().any(told), "{lines:#?}");
    nobody_is_left(&stage.path("tree"));
}

/// Any end for good, or one without success; an end that somebody asks for is none.
#[test]
fn all_end_with_a_critical_service_and_with_its_code() {
    let critical = |critical: &str, end: &str| {
        format!(
            r#"[service.db]
            exec = ["sh", "-c", "trap 'echo db ends; exit 0' TERM; echo db; while :; do sleep 0.1; done"]
            [service.tests]
            exec = ["sh", "-c", "read go < gate; {end}"]
            cwd = "CWD"
            restart = "never"
            critical = {critical}
            after = ["db"]"#
        )
    };
    for (rule, end, code) in [
        ("true", "exit 0", 0),
        ("true", "exit 7", 7),
        ("'failure'", "exit 4", 4),
        ("'failure'", "kill -9 $$", 137),
    ] {
        each(&critical(rule, end), |stage, running, _| {
            running.until_all(&["| db"]);
            stage.open_gate();
            let (ended, lines) = running.end();
            assert_eq!(ended, Some(code), "{rule} {end}: {lines:#?}");
            position(&lines, "db ends");
        });
    }
    // Neither of these ends anything.
    for (rule, end, is_asked) in [("'failure'", "exit 0", false), ("true", "exit 3", true)] {
        each(&critical(rule, end), |stage, running, _| {
            running.until_all(&["| db"]);
            if is_asked {
                assert_eq!(ask(stage, &["wait", "tests"]).code, 0);
                assert_eq!(ask(stage, &["down", "tests"]).code, 0);
            } else {
                stage.open_gate();
                assert_eq!(ask(stage, &["wait", "--for", "down", "tests"]).code, 0);
            }
            assert_eq!(ask(stage, &["status", "--json", "db"]).json()[0]["state"], "up");
            running.signal(Signal::SIGTERM);
            let (ended, lines) = running.end();
            assert_eq!(ended, Some(0), "{rule} {end}: {lines:#?}");
        });
    }
}

/// A program that is not there, and a port that is another's, are told before anything starts.
#[test]
fn what_cannot_come_up_is_told_before_the_start() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let definitions = format!(
        r#"[service.web]
        exec = ["nosuchprog"]
        [service.front]
        exec = ["sleep", "1000"]
        needs = ["web"]
        [service.api]
        exec = ["sleep", "1000"]
        ready = {{ tcp = "127.0.0.1:{port}" }}
        [service.db]
        exec = ["sleep", "1000"]"#
    );
    each(&definitions, |stage, running, is_dev| {
        let lines =
            running.until("front: held back: web cannot be started: there is no nosuchprog");
        position(&lines, "web: there is no nosuchprog on the PATH");
        let why = format!("api: 127.0.0.1:{port} is another program's");
        assert!(lines.iter().any(|line| line.contains(&why)), "{lines:#?}");
        let limit = Instant::now() + Duration::from_secs(60);
        while stage.state("db") != "up" {
            assert!(Instant::now() < limit, "db is not up");
            std::thread::sleep(Duration::from_millis(10));
        }
        running.signal(Signal::SIGTERM);
        let (code, lines) = running.end();
        if is_dev {
            assert_eq!(code, Some(1), "{lines:#?}");
        }
    });
}

/// What a run leaves in its group does not outlive it: a program that puts itself in the background makes no copies.
#[test]
fn what_a_run_has_left_in_its_group_ends_with_it() {
    let stage = Stage::new(
        r#"[service.fork]
        exec = ["sh", "-c", "echo run >>runs; sleep 1000 & echo $! >>left; exit 0"]
        cwd = "CWD"
        restart = { max = 2, within = "1h" }
        stop = { group = true }
        [service.other]
        exec = ["sleep", "1000"]"#,
    );
    let running = scan(&stage, &[]);
    let limit = Instant::now() + Duration::from_secs(60);
    while stage.state("fork") != "failed" {
        assert!(Instant::now() < limit, "{}", stage.state("fork"));
        std::thread::sleep(Duration::from_millis(10));
    }
    let left = fs::read_to_string(stage.path("left")).unwrap();
    assert_eq!(left.lines().count(), 2);
    let lives = |pid: &str| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
        stat.is_ok_and(|stat| stat.contains("(sleep)") && !stat.contains(") Z "))
    };
    while left.lines().any(lives) {
        assert!(Instant::now() < limit, "left behind: {left}");
        std::thread::sleep(Duration::from_millis(10));
    }
    running.signal(Signal::SIGTERM);
    assert_eq!(running.end().0, Some(0));
}

/// In a crash loop it is told how it ended, and when it is started again.
#[test]
fn a_crash_loop_says_how_it_ended_and_becomes_slower() {
    let stage = Stage::new("[service.api]\nexec = ['sh', '-c', 'exit 3']");
    let running = Running::start(&stage, &[]);
    running.until("api * backoff, exited with 3, again in");
    let shown = ask(&stage, &["explain", "--json", "api"]);
    assert_eq!(shown.code, 1, "{shown:?}");
    running.signal(Signal::SIGINT);
    assert_eq!(running.end().0, Some(1));
}

/// Of several the first one runs, and that is told.
#[test]
fn of_instances_the_first_one_runs() {
    let definitions =
        "[service.web]\nexec = ['sh', '-c', 'echo web $INSTANCE; exec sleep 1000']\ninstances = 2";
    each(definitions, |_, running, _| {
        running.until_all(&["not here: `instances` of service `web`", "web | web 1"]);
        running.signal(Signal::SIGTERM);
        assert_eq!(running.end().0, Some(0));
    });
}
