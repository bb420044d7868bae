//! Every command with `--json`: what it prints is what the schema says. A command that is not in the
//! table here fails the test.

use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::Instant,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{
    supervised::{PATIENCE, Suite, Supervised},
    svctl::{Run, command},
};

/// What a command prints with `--json`.
#[derive(Clone, Copy)]
enum Prints {
    /// One document.
    One,
    /// One object a line, until it is ended.
    Lines,
    /// Nothing without a manager of units; the tests of units read it with one.
    OfUnits,
    /// It takes no `--json`.
    Nothing,
}

use Prints::{Lines, Nothing, OfUnits, One};

/// Every command, its words, and what it prints. After `exit` nobody supervises.
const COMMANDS: [(&str, &[&str], Prints); 48] = [
    ("status", &[], One),
    ("up", &["web", "absent"], One),
    ("check", &[], One),
    ("explain", &["web"], One),
    ("lint", &["web", ".more/app.toml"], One),
    ("show", &["web"], One),
    ("wait", &["web"], One),
    ("watch", &[], Lines),
    ("metrics", &[], Nothing),
    ("decode", &["web/supervise/status"], One),
    ("reload", &["web"], One),
    ("hup", &["web"], One),
    ("alarm", &["web"], One),
    ("usr1", &["web"], One),
    ("usr2", &["web"], One),
    ("winch", &["web"], One),
    ("pause", &["web"], One),
    ("cont", &["web"], One),
    ("interrupt", &["web"], One),
    ("quit", &["web"], One),
    ("abort", &["web"], One),
    ("term", &["web"], One),
    ("kill", &["web"], One),
    ("send", &["term", "web"], One),
    ("restart", &["web", "--no-wait"], One),
    ("once", &["web", "--no-wait"], One),
    ("down", &["web", "--no-wait"], One),
    ("exit", &["web", "--no-wait"], One),
    ("enable", &["./absent"], One),
    ("disable", &["absent"], One),
    ("logs", &["-f", "./.more/log"], Lines),
    ("build", &[".more/app.toml", "--to", "runit", "--dry-run"], One),
    ("apply", &[".more/app.toml", "--to", "embedded", "--out", ".more/sv", "--dry-run"], One),
    ("convert", &[".more/app.service"], One),
    ("supervise", &[".more/scan/db"], Lines),
    ("scan", &[".more/scan"], Lines),
    ("dev", &[".more/app.toml", "--tree", ".more/tree"], Lines),
    ("version", &[], One),
    ("mask", &["web.service"], OfUnits),
    ("unmask", &["web.service"], OfUnits),
    ("daemon-reload", &[], OfUnits),
    ("reset-failed", &["web.service"], OfUnits),
    ("escape", &["a/b"], Nothing),
    ("completions", &["bash"], Nothing),
    ("help", &["status"], Nothing),
    ("list", &[], One),
    ("stop", &["web", "--no-wait"], One),
    ("start", &["web", "absent"], One),
];

/// The commands that the help names, and their other names.
fn named_by_help() -> Vec<String> {
    let help = Run::of(command(["--help"]).output().unwrap()).out;
    let (_, rest) = help.split_once("COMMAND>\n\n").unwrap();
    let (groups, _) = rest.split_once("\nOptions:\n").unwrap();
    let mut all = Vec::new();
    for line in groups.lines().filter_map(|line| line.strip_prefix("  ")) {
        match line.split_once("  ") {
            Some((name, _)) => all.push(name),
            // A row of those that need no word of explanation.
            None => all.extend(line.split_whitespace()),
        }
        all.extend(line.split("(also: ").skip(1).filter_map(|rest| rest.split(')').next()));
    }
    all.into_iter().map(str::to_owned).collect()
}

/// Ended when dropped, with what it has started.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let pid = Pid::from_raw(self.0.id().try_into().unwrap());
        let _gone = kill(pid, Signal::SIGTERM);
        let _reaped = self.0.wait();
    }
}

/// Until a line came; then it is ended.
fn first_line(mut line: Command) -> String {
    let mut running = Running(line.stdout(Stdio::piped()).spawn().unwrap());
    let mut text = String::new();
    BufReader::new(running.0.stdout.take().unwrap()).read_line(&mut text).unwrap();
    text
}

#[test]
fn every_command_prints_what_the_schema_says() {
    let mut named = named_by_help();
    let mut here: Vec<&str> = COMMANDS.iter().map(|(name, ..)| *name).collect();
    named.sort_unstable();
    here.sort_unstable();
    assert_eq!(named, here, "the help, and the table of this test");

    let run = "trap : HUP USR1 USR2 ALRM; while :; do sleep 1000; done";
    let supervised = Supervised::start(Suite::Embedded, run);
    let scan = supervised.scan_dir();
    let more = scan.join(".more");
    fs::create_dir_all(more.join("scan/db")).unwrap();
    fs::create_dir_all(more.join("log")).unwrap();
    fs::write(more.join("log/current"), "a line\n").unwrap();
    fs::write(more.join("app.toml"), "[service.app]\nexec = [\"sleep\", \"1000\"]\n").unwrap();
    fs::write(more.join("app.service"), "[Service]\nExecStart=/bin/app\n").unwrap();
    fs::copy(supervised.dir().join("run"), more.join("scan/db/run")).unwrap();

    let deadline = Instant::now() + PATIENCE;
    let wait = ["wait".into(), supervised.dir().into_os_string()];
    while Run::of(command(&wait).output().unwrap()).code != 0 {
        assert!(Instant::now() < deadline, "it does not come up");
    }

    for (name, words, prints) in COMMANDS {
        let mut line = command([name, "--json"]);
        line.args(words).current_dir(scan).env("SVDIR", scan);
        match prints {
            One => {
                let said = Run::of(line.output().unwrap());
                let value = said.json();
                let is_object = matches!(name, "decode" | "build" | "convert" | "show" | "version");
                assert_eq!(value.is_object(), is_object, "{name}: {said:?}");
            }
            Lines => {
                let text = first_line(line);
                let value = serde_json::from_str(&text);
                let value = value.unwrap_or_else(|error| panic!("{name}: {error}: {text:?}"));
                crate::schema::check(&value);
            }
            OfUnits => {
                let said = Run::of(line.output().unwrap());
                if !Path::new("/run/systemd/system").exists() {
                    assert_eq!((&*said.out, said.code), ("", 102), "{name}: {said:?}");
                }
            }
            Nothing => {
                let said = Run::of(line.output().unwrap());
                assert!(said.code == 100 && said.out.is_empty(), "{name}: {said:?}");
            }
        }
    }
}
