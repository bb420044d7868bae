//! Jobs, what waits for them, and with what the whole ends.

use super::*;

/// The whole of a file whose jobs end it: its exit code, what was told, and what the services have written in `order`.
fn whole(definitions: &str, more: &[&str]) -> (Option<i32>, Vec<String>, Vec<String>) {
    let stage = Stage::new(definitions);
    let running = Running::start(&stage, more);
    let (code, lines) = running.end();
    nobody_is_left(&stage.path("tree"));
    let order = fs::read_to_string(stage.path("order")).unwrap_or_default();
    (code, lines, order.lines().map(str::to_owned).collect())
}

/// A job of this name that writes it into `order` and ends with this code.
fn job(name: &str, code: u8, more: &str) -> String {
    format!(
        "[service.{name}]\nkind = \"job\"\nexec = [\"sh\", \"-c\", \"echo {name} >>order; exit {code}\"]\n{more}\n"
    )
}

#[test]
fn jobs_run_to_their_end_in_order_and_say_how_it_came_out() {
    // `SV_RUNS` says how often; each run must come out the same.
    let runs = std::env::var("SV_RUNS").ok().and_then(|it| it.parse().ok()).unwrap_or(1);
    for _ in 0..runs {
        let good = job("one", 0, "")
            + &job("two", 4, "success = [4]\nneeds = [\"one\"]")
            + &job("three", 0, "after = [\"two\"]")
            + &job("four", 0, "wants = [\"three\"]");
        let (code, lines, order) = whole(&good, &[]);
        assert_eq!(
            (code, order),
            (Some(0), ["one", "two", "three", "four"].map(str::to_owned).into()),
            "{lines:#?}"
        );

        let bad = job("one", 0, "")
            + &job("two", 3, "needs = [\"one\"]")
            + &job("three", 0, "after = [\"two\"]")
            + &job("four", 0, "needs = [\"three\"]")
            + &job("five", 0, "wants = [\"two\"]");
        let (code, lines, order) = whole(&bad, &[]);
        assert_eq!(
            (code, order),
            (Some(1), ["one", "two", "five"].map(str::to_owned).into()),
            "{lines:#?}"
        );
        position(&lines, "three: held back: two exited with 3");
        position(&lines, "four: held back: three is held back itself");
        position(&lines, "svctl: two exited with 3");
        position(&lines, "svctl: three was held back: two exited with 3");
    }
}

/// A service goes on beside a job, and the codes of both are told.
#[test]
fn a_service_after_a_job_that_failed_is_held_back_until_that_was_run_again() {
    let stage = Stage::new(
        r#"[service.db]
        exec = ["sleep", "1000"]
        [service.migrate]
        kind = "job"
        exec = ["sh", "-c", "test -e schema || exit 3"]
        after = ["db"]
        [service.web]
        exec = ["sh", "-c", "echo web is here; exec sleep 1000"]
        needs = ["migrate"]"#,
    );
    let running = Running::start(&stage, &[]);
    running.until("web: held back: migrate exited with 3");
    let enabled = stage.path("tree/enabled").display().to_string();
    let migrate = ["status", "--json", "--dir", &enabled, "migrate"].map(str::to_owned);
    let shown: Value = serde_json::from_str(&run(migrate).out).unwrap();
    assert_eq!(shown[0]["exit"]["code"], 3, "{shown:#}");
    fs::write(stage.path("schema"), "").unwrap();
    let again = run(["once", "--dir", &enabled, "migrate"].map(str::to_owned));
    assert_eq!(again.code, 0, "{again:?}");
    running.until_all(&["web     | web is here", "all services are up"]);
    running.signal(Signal::SIGINT);
    let (code, lines) = running.end();
    assert_eq!(code, Some(0), "{lines:#?}");
    nobody_is_left(&stage.path("tree"));
}

/// Whoever asks elsewhere is told what it waits for, and not to start it.
#[test]
fn what_waits_or_is_held_back_says_for_whom() {
    let stage = Stage::new(
        r#"[service.base]
        exec = ["sh", "-c", "read go < gate; echo >&3; exec sleep 1000"]
        cwd = "CWD"
        ready = { fd = 3 }
        [service.late]
        kind = "job"
        exec = ["sh", "-c", "exit 3"]
        after = ["base"]
        [service.web]
        exec = ["sleep", "1000"]
        needs = ["late"]
        [service.spare]
        exec = ["sleep", "1000"]
        down = true"#,
    );
    for is_dev in [true, false] {
        let running = if is_dev { Running::start(&stage, &[]) } else { ends::scan(&stage, &[]) };
        let until = |name: &str, kind: &str, says: &str| {
            let limit = Instant::now() + Duration::from_secs(60);
            loop {
                let told = ends::ask(&stage, &["explain", "--json", name]);
                // It is not there from the first moment.
                let found = serde_json::from_str(&told.out).unwrap_or(Value::Null);
                let first = &found[0]["findings"][0];
                if first["kind"] == kind && first["says"] == says {
                    return;
                }
                assert!(Instant::now() < limit, "{name}: {told:?}");
                std::thread::sleep(Duration::from_millis(10));
            }
        };
        until("late", "waiting", "waits for base to be ready");
        until("web", "waiting", "waits for late to be done");
        let shown = ends::ask(&stage, &["status", "web"]).out;
        assert!(shown.contains("waits for late to be done"), "{shown}");
        stage.open_gate();
        until("web", "held-back", "is held back: late exited with 3");
        let shown = ends::ask(&stage, &["status", "web"]).out;
        assert!(shown.contains("is held back: late exited with 3"), "{shown}");
        assert_eq!(
            ends::ask(&stage, &["status", "--json", "spare"]).json()[0]["odd"][0],
            Value::Null
        );
        // It can be started all the same.
        assert_eq!(ends::ask(&stage, &["up", "web"]).code, 0);
        assert_eq!(stage.state("web"), "up");
        running.signal(Signal::SIGTERM);
        running.end();
    }
}
