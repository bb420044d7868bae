//! The console sessions of the documentation, typed again: every block that begins with ````
//! ```console ````.
//!
//! | in a block                | is                                                                     |
//! |---------------------------|------------------------------------------------------------------------|
//! | `$ command`               | run by `sh`; a line that begins with `> ` goes on with it               |
//! | `^C`                      | typed when the line above it is there; the rest is read to its end      |
//! | `# elsewhere: command`    | run when the line above it is there, while the first goes on            |
//! | anything else             | what is printed, on both streams; `[..]` and `...` stand for anything  |
//!
//! A command that fails is followed by `$ echo $?`. A line `<!-- session: WORDS -->` above the
//! block says where it is run: a stage (see `stage.rs`), and under whose supervisors. `UPDATE=1`
//! writes what was printed into the page.

mod stage;
mod text;

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Read},
    os::unix::process::{CommandExt, ExitStatusExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    time::Instant,
};

use nix::{
    sys::signal::{Signal, kill, killpg},
    unistd::Pid,
};

use self::{
    stage::{Stage, Under},
    text::{alike, normal},
};
use crate::supervised::{PATIENCE, Suite};

const FENCE: &str = "```console";

/// One block.
struct Block {
    page: PathBuf,
    /// Of the fence, from 1.
    line: usize,
    stage: String,
    under: Vec<Under>,
    steps: Vec<Step>,
}

struct Step {
    command: String,
    /// As it stands in the page.
    typed: Vec<String>,
    printed: Vec<String>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// Every page that people read.
fn pages() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut dirs = vec![root()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() && !name.starts_with('.') && name != "target" {
                dirs.push(path);
            } else if path.extension().is_some_and(|ending| ending == "md") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn blocks(page: &Path) -> Vec<Block> {
    let text = fs::read_to_string(page).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (at, _) in lines.iter().enumerate().filter(|(_, line)| **line == FENCE) {
        let end = at + lines[at..].iter().position(|line| *line == "```").unwrap();
        let words = lines[at - 1].strip_prefix("<!-- session: ");
        let words = words.and_then(|rest| rest.strip_suffix(" -->")).unwrap_or("services");
        let mut words = words.split_whitespace();
        let stage = words.next().unwrap().to_owned();
        let mut under: Vec<Under> = words.map(|word| word.parse().unwrap()).collect();
        if under.is_empty() {
            under.push(Under::One(Suite::Embedded));
        }
        let mut steps: Vec<Step> = Vec::new();
        for line in &lines[at + 1..end] {
            let typed = vec![(*line).to_owned()];
            if let Some(command) = line.strip_prefix("$ ") {
                steps.push(Step { command: command.to_owned(), typed, printed: Vec::new() });
                continue;
            }
            let step = steps
                .last_mut()
                .unwrap_or_else(|| panic!("{}: {line}: no command", page.display()));
            match line.strip_prefix("> ").filter(|_| step.printed.is_empty()) {
                Some(more) => {
                    step.command.push('\n');
                    step.command.push_str(more);
                    step.typed.extend(typed);
                }
                None => step.printed.push((*line).to_owned()),
            }
        }
        let page = page.to_owned();
        found.push(Block { page, line: at + 1, stage, under, steps });
    }
    found
}

/// One program in a group of its own, and the lines that it prints on either stream.
struct Running {
    child: Child,
    lines: Receiver<String>,
}

impl Running {
    fn start(stage: &Stage, command: &str, last: i32) -> Self {
        let (ours, theirs) = std::io::pipe().unwrap();
        let script = format!("(exit {last})\n{}", stage.real(command));
        let mut sh = Command::new("/bin/sh");
        let sh = stage.environment(sh.args(["-c", &script]));
        let sh = sh.stdin(Stdio::null()).stdout(theirs.try_clone().unwrap()).stderr(theirs);
        let child = sh.process_group(0).spawn().unwrap();
        let (say, lines) = channel();
        std::thread::spawn(move || {
            let mut reader = BufReader::new(ours);
            let mut line = Vec::new();
            while reader.by_ref().read_until(b'\n', &mut line).is_ok_and(|count| count > 0) {
                let text = String::from_utf8_lossy(&line).trim_end_matches('\n').to_owned();
                line.clear();
                if say.send(text).is_err() {
                    break;
                }
            }
        });
        Self { child, lines }
    }

    /// The next line; `None` at the end.
    fn next(&self, stage: &Stage, limit: Instant) -> Option<String> {
        let left = limit.saturating_duration_since(Instant::now());
        match self.lines.recv_timeout(left) {
            Ok(line) => Some(stage.shown(&line)),
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => None,
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => {
                Some("(nothing more for a long time)".to_owned())
            }
        }
    }

    fn group(&self) -> Pid {
        Pid::from_raw(self.child.id().try_into().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            let _gone = killpg(self.group(), Signal::SIGKILL);
            let _reaped = self.child.wait();
        }
    }
}

/// Types one command; what is printed, and its exit code.
fn play(stage: &Stage, step: &Step, last: i32) -> (Vec<String>, i32) {
    let limit = Instant::now() + PATIENCE;
    // Lines that belong to the command's own end of input do not keep it waiting.
    let command = step.command.trim_end().to_owned();
    let mut running = Running::start(stage, &command, last);
    let mut seen: Vec<String> = Vec::new();
    let mut from = 0;
    let mut interrupted = false;
    for (at, line) in step.printed.iter().enumerate() {
        let is_key = line == "^C";
        let elsewhere = line.strip_prefix("# elsewhere: ");
        if !is_key && elsewhere.is_none() {
            continue;
        }
        // The line above it, unless that is a key itself.
        let before = at.checked_sub(1).map(|before| &*step.printed[before]);
        if let Some(awaited) = before.filter(|line| *line != "..." && !line.starts_with('#')) {
            while !seen[from..].iter().any(|line| alike(awaited, line)) {
                match running.next(stage, limit) {
                    Some(line) => seen.push(line),
                    None => break,
                }
                if Instant::now() >= limit {
                    break;
                }
            }
        }
        from = seen.len();
        seen.push(line.clone());
        if let Some(command) = elsewhere {
            let told = Running::start(stage, command, 0);
            while told.next(stage, limit).is_some() && Instant::now() < limit {}
        } else {
            let leader = running.group();
            let _gone = if interrupted { kill(leader, Signal::SIGKILL) } else { Ok(()) };
            let _gone = killpg(leader, Signal::SIGINT);
            interrupted = true;
        }
    }
    while let Some(line) = running.next(stage, limit) {
        seen.push(line);
        if Instant::now() >= limit {
            return (seen, -1);
        }
    }
    let status = running.child.wait().unwrap();
    let code = status.code().or(status.signal().map(|signal| 128 + signal)).unwrap();
    (seen, if interrupted { 0 } else { code })
}

/// Runs a block; what differs, and the block as it should be.
fn run(block: &Block, under: Under) -> Result<(), (String, Vec<String>)> {
    let stage = Stage::new(&block.stage, under);
    let mut code = 0;
    let mut wrong = String::new();
    let mut fresh = Vec::new();
    for (at, step) in block.steps.iter().enumerate() {
        let (seen, ended) = play(&stage, step, code);
        code = ended;
        let (expected, actual) = (normal(&step.printed), normal(&seen));
        let place = format!("{}:{}: $ {}", block.page.display(), block.line, step.command);
        let same = snapbox::Assert::new().try_eq(
            Some(&place),
            actual.join("\n").into(),
            expected.join("\n").into(),
        );
        fresh.extend(step.typed.iter().cloned());
        fresh.extend(if same.is_ok() { step.printed.clone() } else { seen });
        if let Err(error) = same {
            wrong.push_str(&format!("{place}\n{error}\n"));
        }
        let next = block.steps.get(at + 1).map_or("", |step| &step.command);
        if code != 0 && !next.contains("$?") {
            wrong.push_str(&format!("{place}\nexit code {code}, which nobody is told\n"));
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err((wrong, fresh)) }
}

/// Plays all blocks that are for these supervisors.
fn play_all(under: Under) {
    let mut wrong = String::new();
    let mut count = 0;
    for page in pages() {
        let mut updates = BTreeMap::new();
        for block in blocks(&page) {
            if !block.under.contains(&under) {
                continue;
            }
            count += 1;
            if let Err((why, fresh)) = run(&block, under) {
                wrong.push_str(&why);
                updates.insert(block.line, fresh);
            }
        }
        if std::env::var_os("UPDATE").is_some() {
            update(&page, &updates);
        }
    }
    assert!(wrong.is_empty(), "UPDATE=1 writes what was printed into the page\n{wrong}");
    assert!(count > 0, "no session is for {under:?}");
}

fn update(page: &Path, updates: &BTreeMap<usize, Vec<String>>) {
    let text = fs::read_to_string(page).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for (line, fresh) in updates.iter().rev() {
        let end = line + lines[*line..].iter().position(|line| line == "```").unwrap();
        lines.splice(*line..end, fresh.iter().cloned());
    }
    if !updates.is_empty() {
        fs::write(page, lines.join("\n") + "\n").unwrap();
    }
}

/// What one suite needs is one suite's module, as `cargo xtask integration` selects.
macro_rules! of {
    ($($module:ident $suite:ident)*) => { $(
        mod $module {
            #[test]
            fn the_sessions_of_the_documentation() {
                let suite = crate::supervised::Suite::$suite;
                if suite.is_installed() {
                    super::play_all(super::Under::One(suite));
                }
            }
        }
    )* };
}

mod systemd {
    #[test]
    fn the_sessions_of_the_documentation() {
        if crate::here::is_here() {
            super::play_all(super::Under::Systemd);
        }
    }
}

of! { embedded Embedded runit Runit daemontools Daemontools s6 S6 }

#[test]
fn the_sessions_with_a_service_under_each_suite() {
    let family = [Suite::Runit, Suite::Daemontools, Suite::S6];
    if family.iter().all(|suite| suite.is_installed()) {
        play_all(Under::Each);
    }
}

/// A session that is not run does not exist, nor does one in another guise.
#[test]
fn every_session_is_run() {
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        let blocks = blocks(&page);
        let fences = text.lines().filter(|line| line.trim_start().starts_with(FENCE)).count();
        assert_eq!(blocks.len(), fences, "{}", page.display());
        let typed = text.lines().filter(|line| line.trim_start().starts_with("$ ")).count();
        let steps: usize = blocks.iter().map(|block| block.steps.len()).sum();
        assert_eq!(typed, steps, "{}: a command is typed outside of a session", page.display());
        for block in blocks {
            assert!(!block.steps.is_empty() && !block.under.is_empty(), "{}", page.display());
        }
    }
}
