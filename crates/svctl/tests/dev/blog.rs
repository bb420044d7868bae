//! The project of five services in `examples/blog`.

use super::*;

/// A copy of the project, for what it writes.
fn project() -> Stage {
    let stage = Stage::new("");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/blog");
    for entry in fs::read_dir(source).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            fs::copy(&path, stage.path(path.file_name().unwrap().to_str().unwrap())).unwrap();
        }
    }
    stage
}

#[test]
fn the_tests_of_the_project_decide_its_exit_code() {
    let stage = project();
    fs::create_dir_all(stage.path("below/that")).unwrap();
    let whole = |fails: &str, more: &[&str]| {
        let mut command = command(["dev", "--tree"]);
        command.arg(stage.path("tree")).args(more).env("BLOG_FAILS", fails);
        command.current_dir(stage.path("below/that"));
        // Found from a folder below.
        Running::start_as(command).end()
    };
    let (code, lines) = whole("0", &["--exit-with", "tests"]);
    assert_eq!(code, Some(0), "{lines:#?}");
    position(&lines, "tests   | a post was worked on");
    position(&lines, "tests exited with 0; all end with it");
    let (code, lines) = whole("7", &["--exit-with", "tests"]);
    assert_eq!(code, Some(7), "{lines:#?}");
    position(&lines, "tests exited with 7; all end with it");
    // What a job without which nothing goes ends with, too; and then nothing else was started.
    fs::write(stage.path("migrate.pl"), "kill 9, $$; sleep 100\n").unwrap();
    let (code, lines) = whole("0", &["--exit-with", "migrate"]);
    assert_eq!(code, Some(128 + 9), "{lines:#?}");
    assert!(!lines.iter().any(|line| line.contains("web ")), "{lines:#?}");
    nobody_is_left(&stage.path("tree"));
}

#[test]
fn some_are_run_with_what_they_need() {
    let stage = project();
    let mut command = command(["dev", "--tree"]);
    command.arg(stage.path("tree")).arg("-f").arg(stage.path("svcmgr.toml")).arg("worker");
    let running = Running::start_as(command);
    let lines = running.until("all services are up");
    position(&lines, "3 services");
    running.signal(Signal::SIGINT);
    let (code, lines) = running.end();
    assert_eq!(code, Some(0), "{lines:#?}");
    nobody_is_left(&stage.path("tree"));
    let mut named = stage.args();
    named.extend(["wroker".to_owned()]);
    let wrong = run(named);
    assert_eq!(wrong.code, 100, "{wrong:?}");
    assert!(wrong.err.contains("there is no service wroker in "), "{wrong:?}");
    assert!(wrong.err.contains("it has db, migrate, tests, web, worker"), "{wrong:?}");
}
