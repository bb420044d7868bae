//! Definitions that change while `svctl dev` runs them.

use super::*;

/// A service that says its word, and goes on. What it says at its end goes into `order`.
fn service(name: &str, word: &str, more: &str) -> String {
    let end = format!("trap 'echo {name} >>order; exit' TERM");
    let script = format!("{end}; echo {name} says {word} $WORD; while :; do sleep 1 & wait; done");
    format!(
        "[service.{name}]\nexec = [\"sh\", \"-c\", \"{script}\"]\nrestart = \"always\"\n{more}\n"
    )
}

fn pid(stage: &Stage, name: &str) -> Value {
    let dir = stage.path("tree/enabled").display().to_string();
    run(["--dir", &dir, "status", "--json", name]).json()[0]["pid"].take()
}

/// As an editor does: another file in the place of the old one.
fn save(stage: &Stage, text: &str) {
    fs::write(stage.path("new"), text).unwrap();
    fs::rename(stage.path("new"), stage.path("svcmgr.toml")).unwrap();
}

#[test]
fn what_has_changed_is_taken_up_and_the_rest_goes_on() {
    let stays = service("stays", "a", "");
    let old = service("old", "a", "after = [\"stays\"]");
    let web = |word| service("web", word, "after = [\"old\"]");
    let stage = Stage::new(&(stays.clone() + &old + &web("one")));
    let running = Running::start(&stage, &[]);
    running.until_all(&["all services are up", "web   | web says one"]);
    let before = pid(&stage, "stays");
    // Beside it one that is not to look, at the same file.
    let mut other = command(["dev", "--no-reload", "--tree"]);
    other.args([stage.path("other"), stage.path("svcmgr.toml")]);
    let other = Running::start_as(other);
    other.until_all(&["all services are up", "web   | web says one"]);

    let cache = service("cache", "a", "after = [\"web\"]");
    save(&stage, &(stays.clone() + &web("two").replace("\"old\"", "\"stays\"") + &cache));
    running.until_all(&[
        "svctl: svcmgr.toml changed: cache started, old stopped, web restarted",
        "web   | web says two",
        "cache | cache says a",
        "all services are up",
    ]);
    // In reverse of the order in which they had started.
    assert_eq!(fs::read_to_string(stage.path("order")).unwrap(), "web\nold\n");
    assert!(!stage.path("tree/services/old").exists());
    assert_eq!(pid(&stage, "stays"), before);
    assert_eq!(stage.state("cache"), "up");

    // What is wrong is told with its place, and all goes on.
    save(&stage, "[service.web]\nexce = []\n");
    let seen = running.until("svcmgr.toml changed and is not taken up; all goes on as before");
    position(&seen, "svcmgr.toml:2:1");
    assert_eq!((pid(&stage, "stays"), stage.state("web")), (before.clone(), "up".into()));

    // What only concerns the order needs no restart; what is gone may come back.
    let web = service("web", "two", "needs = [\"old\"]");
    save(&stage, &(stays + &web + &old + &cache));
    running.until("svcmgr.toml changed: old started");
    running.until("old   | old says a");
    assert_eq!(pid(&stage, "stays"), before);

    running.signal(Signal::SIGINT);
    let (code, lines) = running.end();
    assert_eq!(code, Some(0), "{lines:#?}");
    let order = fs::read_to_string(stage.path("order")).unwrap();
    assert_eq!(order, "web\nold\ncache\nweb\nold\nstays\n");

    other.signal(Signal::SIGINT);
    let (code, lines) = other.end();
    let heard = lines.iter().any(|it| it.contains("changed") || it.contains("web says two"));
    assert!(code == Some(0) && !heard, "{lines:#?}");
    nobody_is_left(&stage.path("tree"));
}

#[test]
fn a_file_of_variables_counts_and_a_job_that_was_mended_runs_again() {
    let job = |code| {
        let exec = format!("exec = [\"sh\", \"-c\", \"echo migrated with {code}; exit {code}\"]");
        format!("[service.migrate]\nkind = \"job\"\n{exec}\n")
    };
    let web = service("web", "word", "env_file = \"web.env\"");
    let held = service("held", "at last", "needs = [\"migrate\"]");
    let stage = Stage::new(&(job(3) + &web + &held));
    fs::write(stage.path("web.env"), "WORD=first\n").unwrap();
    let running = Running::start(&stage, &[]);
    running.until_all(&["web says word first", "held: held back: migrate exited with 3"]);
    fs::write(stage.path("web.env"), "WORD=second\n").unwrap();
    running.until("web.env changed: web restarted");
    running.until("web says word second");
    save(&stage, &(job(0) + &web + &held));
    running.until_all(&["svcmgr.toml changed: migrate restarted", "held says at last"]);
    running.signal(Signal::SIGINT);
    let (code, lines) = running.end();
    assert_eq!(code, Some(0), "{lines:#?}");
    nobody_is_left(&stage.path("tree"));
}
