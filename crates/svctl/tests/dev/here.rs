//! `svctl --dev` and `svctl dev --stop`: the project in whose directory one is.

use super::*;

#[test]
fn the_project_here_is_asked_and_ended_without_a_path() {
    let stage = Stage::new("[service.web]\nexec = [\"sleep\", \"1000\"]\n");
    let (below, runtime) = (stage.path("src/deep"), stage.path("runtime"));
    for dir in [&below, &runtime] {
        fs::create_dir_all(dir).unwrap();
    }
    let typed = |dir: &Path, words: &[&str]| {
        let mut command = command(words);
        command.current_dir(dir).env("XDG_RUNTIME_DIR", &runtime);
        command
    };
    let here = |words: &[&str]| Run::of(typed(&below, words).output().unwrap());
    for words in [["--dev", "status"], ["dev", "--stop"]] {
        let none = here(&words);
        let told = none.err.contains("no svctl dev runs for ") && none.err.contains("svcmgr.toml");
        assert!(none.code == 102 && told, "{words:?}: {none:?}");
    }
    let running = Running::start_as(typed(stage.dir.path(), &["dev"]));
    running.until("all services are up");
    let status = here(&["--dev", "status", "--json"]).json();
    assert_eq!((&status[0]["service"], &status[0]["state"]), (&"web".into(), &"up".into()));
    let restarted = here(&["restart", "--dev", "--json", "web"]).json();
    assert_eq!(restarted[0]["outcome"], "reached", "{restarted}");
    assert_ne!(restarted[0]["pid"], status[0]["pid"]);
    let second = here(&["dev"]);
    assert!(second.code == 111 && second.err.contains("svctl dev --stop"), "{second:?}");
    for words in
        [&["--dev", "--dir", "/x", "status"][..], &["--dev", "lint"], &["dev", "--stop", "web"]]
    {
        assert_eq!(here(words).code, 100, "{words:?}");
    }
    let stopped = here(&["dev", "--stop"]);
    assert_eq!((stopped.code, &*stopped.err), (0, ""), "{stopped:?}");
    // Over means over: who had it is on its way out, and nothing of the tree is left.
    assert_eq!(running.end().0, Some(0));
    assert_eq!(fs::read_dir(&runtime).unwrap().count(), 0);
    assert_eq!(here(&["--dev", "status"]).code, 102);
}

/// A lock that somebody else may write names nobody.
#[test]
fn a_tree_that_is_no_tree_is_nobody_s() {
    let stage = Stage::new("[service.web]\nexec = [\"sleep\", \"1000\"]\n");
    let [tree, file] = ["tree", "svcmgr.toml"].map(|name| stage.path(name).display().to_string());
    fs::create_dir(&tree).unwrap();
    let own = std::process::id();
    fs::write(stage.path("tree/lock"), format!("process {own}\n")).unwrap();
    // It says who has it, and nobody holds it.
    let stopped = run(["dev", "--stop", "--tree", &tree, &file]);
    assert_eq!(stopped.code, 102, "{stopped:?}");
}
