//! What is painted over again: it fits, and nothing of it stays, however the terminal changes.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Instant,
};

use tempfile::TempDir;

use crate::tmux::{PATIENCE, SVCTL, Terminal, are_installed};

/// A scan directory under the embedded supervisor.
struct Services {
    dir: TempDir,
    supervisor: Child,
}

impl Services {
    fn start(services: &[(&str, &str)]) -> Self {
        let dir = tempfile::Builder::new().prefix("svlive-").tempdir().unwrap();
        for (name, run) in services {
            let dir = dir.path().join(name);
            fs::create_dir(&dir).unwrap();
            let path = dir.join("run");
            fs::write(&path, format!("#!/bin/sh\n{run}\n")).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let mut command = Command::new(SVCTL);
        let command = command.arg("scan").arg(dir.path()).stdin(Stdio::null());
        let supervisor = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let this = Self { dir, supervisor };
        let limit = Instant::now() + PATIENCE;
        let is_up = || {
            let wait = Command::new(SVCTL).args(["--dir", this.path(), "wait", "--all"]).output();
            wait.unwrap().status.success()
        };
        while !is_up() {
            assert!(Instant::now() < limit, "services do not come up");
        }
        this
    }

    fn path(&self) -> &str {
        self.dir.path().to_str().unwrap()
    }

    fn svctl(&self, args: &[&str]) {
        let done = Command::new(SVCTL).args(["--dir", self.path()]).args(args).output().unwrap();
        assert!(done.status.success(), "{done:?}");
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        // All of them end when they are told to, or when they are killed after that.
        let all = ["--dir", self.path(), "down", "--all", "--kill-after", "100ms"];
        let _down = Command::new(SVCTL).args(all).output();
        let pid = nix::unistd::Pid::from_raw(self.supervisor.id().try_into().unwrap());
        let _told = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
        let _ended = self.supervisor.wait();
    }
}

const STAY: &str = "exec sleep 1000";

/// Three services with a table, of which one has a long name.
fn definitions() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("svcmgr.toml");
    let service = |name: &str| format!("[service.{name}]\nexec = [\"sleep\", \"1000\"]\n");
    let text = ["db", "web", "a-worker-with-quite-a-long-name"].map(service).concat();
    fs::write(&file, text).unwrap();
    (dir, file)
}

const NAMES: [&str; 3] = ["a-worker-with-quite-a-long-name", "db", "web"];

/// The table stands once, whole, and below everything else, which is messages and changes.
fn is_one_table(seen: &[String]) -> bool {
    let Some(head) = seen.iter().position(|line| line.starts_with("SERVICE")) else { return false };
    let (above, rows) = (&seen[..head], &seen[head + 1..]);
    let named = |(row, name): (&String, &str)| row.starts_with(&name[..name.len().min(20)]);
    let is_stale = |line: &&String| !line.starts_with("svctl: ") && !line.contains(" * ");
    // The first line of a screen may be the rest of one that has begun above it.
    let stale = above.iter().skip(1).filter(|line| is_stale(line)).count();
    rows.len() == NAMES.len() && rows.iter().zip(NAMES).all(named) && stale == 0
}

/// The line above the table, or as much of it as is on the screen.
fn change(seen: &[String]) -> Option<String> {
    let head = seen.iter().position(|line| line.starts_with("SERVICE"))?;
    seen.get(head.checked_sub(1)?).cloned()
}

#[test]
fn the_view_of_dev_fits_whatever_becomes_of_the_terminal() {
    if !are_installed(&["tmux"]) {
        return;
    }
    let (dir, file) = definitions();
    let tree = dir.path().join("tree");
    let argv = [SVCTL, "dev", "--tree", tree.to_str().unwrap(), file.to_str().unwrap()];
    let terminal = Terminal::start(80, 24, &[], &argv);
    terminal.until_line("all services are up");
    terminal.until_unfolded("a table", is_one_table);
    // Smaller, larger, and back. Not two changes in a row: tmux folds its lines at once and tells
    // of the second one a quarter of a second later; whoever paints meanwhile cannot know.
    for (columns, lines) in [(44, 12), (120, 40), (30, 20), (25, 16), (80, 24), (28, 24), (100, 24)]
    {
        let before = change(&terminal.unfolded()).unwrap();
        terminal.resize(columns, lines);
        let width = usize::try_from(columns).unwrap();
        terminal.until_unfolded("one table of the new width", |seen| {
            let head = seen.iter().find(|line| line.starts_with("SERVICE"));
            let fits = |head: &String| head.len() < width && (head.contains("NOTES") || width < 80);
            is_one_table(seen)
                && head.is_some_and(fits)
                && change(seen).is_some_and(|now| before.ends_with(&now))
        });
        // And it stays so when it is painted again.
        let dir = tree.join("enabled").display().to_string();
        let done = Command::new(SVCTL).args(["--dir", &dir, "restart", "db"]).output().unwrap();
        assert!(done.status.success(), "{done:?}");
        // Nothing of the table is left, and nothing above it was taken with it.
        terminal.until_unfolded("one table below the change", |seen| {
            is_one_table(seen)
                && change(seen)
                    .is_some_and(|line| line.starts_with("db") && line.contains(" * up (pid "))
        });
        terminal.is_not_folded(|line| line.starts_with("SERVICE") || line.starts_with("a-worker"));
    }
    terminal.keys(&["C-c"]);
    assert_eq!(terminal.ended(), 0);
    let last = terminal.unfolded();
    assert!(is_one_table(&last), "{}", last.join("\n"));
    let down = last.iter().filter(|line| line.contains(" down ") && !line.contains('*')).count();
    assert_eq!(down, 3, "{}", last.join("\n"));
}

#[test]
fn a_table_of_status_is_not_folded() {
    if !are_installed(&["tmux"]) {
        return;
    }
    let services = Services::start(&[("a-worker-with-quite-a-long-name", STAY), ("db", STAY)]);
    for (columns, lines) in [(44, 10), (70, 24), (132, 24)] {
        let argv = [SVCTL, "--dir", services.path(), "status"];
        let terminal = Terminal::start(columns, lines, &[], &argv);
        assert_eq!(terminal.ended(), 0);
        terminal.until("three lines", |screen| screen.len() == 3);
        let screen = terminal.screen();
        assert!(screen[1].starts_with("a-w") && screen[2].starts_with("db"), "{screen:?}");
        terminal.is_not_folded(|_| true);
    }
}

#[test]
fn a_watch_shows_changes_until_it_is_interrupted() {
    if !are_installed(&["tmux"]) {
        return;
    }
    let services = Services::start(&[("web", STAY)]);
    let terminal = Terminal::start(80, 24, &[], &[SVCTL, "--dir", services.path(), "watch"]);
    terminal.until_line("web: up");
    terminal.resize(100, 20);
    services.svctl(&["down", "web"]);
    terminal.until_line("web: down");
    terminal.keys(&["C-c"]);
    assert_eq!(terminal.ended(), 130);
}

#[test]
fn slow_actions_have_one_line_which_goes_away() {
    if !are_installed(&["tmux"]) {
        return;
    }
    let deaf = "trap '' TERM; while :; do sleep 0.1; done";
    let names = ["first-slow-service", "second-slow-service", "third-slow-service"];
    let services = Services::start(&names.map(|name| (name, deaf)));
    let mut argv = vec![SVCTL, "--dir", services.path(), "down"];
    argv.extend(names);
    // Interrupted: nobody is waited for any more, and the terminal is as it was.
    let terminal = Terminal::start(120, 24, &[], &argv);
    terminal.until_line("waiting for 3 of 3: first-slow-service, second-slow-service, third");
    terminal.keys(&["C-c"]);
    assert_eq!(terminal.ended(), 130);
    services.svctl(&[&["restart", "--kill-after", "100ms"][..], &names].concat());
    // Seen to the end, in a terminal that becomes narrow and wide again.
    argv.extend(["--kill-after", "6s"]);
    let terminal = Terminal::start(80, 24, &[], &argv);
    terminal.until_line("waiting for 3 of 3");
    for columns in [30, 20, 100] {
        terminal.resize(columns, 24);
        let width = usize::try_from(columns).unwrap();
        terminal.until("one line of progress", |screen| {
            let full = screen.first().is_some_and(|line| width < 90 || line.contains("third"));
            screen.len() == 1 && screen[0].starts_with("waiting for") && full
        });
        terminal.is_not_folded(|_| true);
    }
    terminal.ended();
    let screen = terminal.screen();
    assert!(!screen.iter().any(|line| line.contains("waiting for")), "{screen:?}");
    for name in names {
        assert!(screen.iter().any(|line| line.starts_with(&format!("{name}: down"))), "{screen:?}");
    }
}
