//! What is done before a command begins: directories that do not answer are found. A server is gone, a program behind a
//! file system does nothing, and whoever looks into one is held by the system, sometimes beyond SIGKILL. So svctl does
//! not look: where a path of the command leads into a file system that may be such a one, a second svctl looks first
//! (`look.rs`). What has not answered it in time is told, with everything else in its order, and left alone; the second
//! svctl is killed, and goes when the system lets it. What falls silent later, while a command reads, `apart.rs` finds.

mod apart;
mod doubt;

use std::{
    collections::BTreeSet,
    ffi::OsString,
    io::{self, Read, Write},
    os::{
        fd::AsFd,
        unix::ffi::{OsStrExt, OsStringExt},
    },
    path::{Path, PathBuf},
    process::{Child, Command as Process, ExitCode, Stdio},
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
};
use svcmgr::{ScanDir, is_path, systemd::unit_in};

use self::doubt::Doubt;
use super::{complete, deadline, enable};
use crate::{
    args::{Args, Command, Convert, Dev, Global, Lint, Timeout},
    silent::{Depth, Look, Silent},
};

/// Those of a command. Costs a look at the list of mounts where nothing is in doubt.
///
/// # Errors
///
/// With what to end, where another svctl has done everything.
pub(crate) fn silent(args: &Args) -> Result<Silent, ExitCode> {
    if let Some(known) = &args.global.apart {
        return Ok(apart::known(known));
    }
    let begun = Instant::now();
    let Some(asked) = Asked::of(&args.command) else { return Ok(Silent::default()) };
    let Some(mut doubt) = Doubt::find() else { return Ok(Silent::default()) };
    let mut looks = Looks { of: asked.depth, all: BTreeSet::new(), doubt: &mut doubt };
    match asked.what {
        What::Services(names) => looks.services(&args.global, names),
        What::Enabled(names) => looks.enabled(&args.global, names),
        What::Built(file, out) => looks.built(file, out),
        What::Converted(convert) => looks.converted(convert),
        What::Linted(lint) => looks.linted(lint),
        What::Developed(dev) => looks.developed(dev),
        What::Scanned(dir) => looks.scan_dirs(&[dir.to_owned()], &[], true, true),
        What::Supervised(dir) => looks.service(dir.to_owned()),
        // By that name standard input is meant.
        What::File(file) if file == Path::new("-") => (),
        What::File(file) => drop(looks.look(Look::File, file)),
        What::Completed(words) => looks.scan_dirs(&complete::dirs(words), &[], true, true),
    }
    let all = looks.all;
    if all.is_empty() {
        return Ok(Silent::default());
    }
    // Where no second svctl can be had, the command does what it can.
    let silent = Silent(ask(asked.depth, &all, begun + asked.patience).unwrap_or_default());
    if asked.reads
        && let Some(exit) = apart::run(&asked, &all, &silent)
    {
        return Err(exit);
    }
    Ok(silent)
}

/// Whether a command can do nothing beside what does not answer; what that is.
pub(crate) fn needs_all(command: &Command) -> bool {
    matches!(
        command,
        Command::Decode { .. } | Command::Dev(_) | Command::Scan(_) | Command::Supervise(_)
    )
}

/// What a command is about.
struct Asked<'a> {
    what: What<'a>,
    depth: Depth,
    patience: Duration,
    /// It changes nothing, and has no deadline that it keeps by itself.
    reads: bool,
}

enum What<'a> {
    Services(&'a [OsString]),
    Enabled(&'a [OsString]),
    /// The file, and what is made of it.
    Built(&'a Path, Option<&'a Path>),
    Converted(&'a Convert),
    Linted(&'a Lint),
    Developed(&'a Dev),
    Scanned(&'a Path),
    Supervised(&'a Path),
    File(&'a Path),
    Completed(&'a [OsString]),
}

/// For a command that has no deadline of its own; `$SVWAIT`, if that is less.
const PATIENCE: Duration = Duration::from_secs(10);
/// For a key to be answered.
const KEY: Duration = Duration::from_secs(1);

impl<'a> Asked<'a> {
    /// `None` for a command that looks into no directory.
    fn of(command: &'a Command) -> Option<Self> {
        let reading = deadline::timeout(&Timeout { timeout: None }).unwrap_or(PATIENCE);
        let reading = PATIENCE.min(reading);
        // What answers is asked for in the other half of the time.
        let half = |wait: &Timeout| {
            let timeout = deadline::timeout(wait).unwrap_or(PATIENCE);
            PATIENCE.min(timeout / 2)
        };
        let services = |names: &'a [OsString], depth, patience| {
            Some(Self { what: What::Services(names), depth, patience, reads: false })
        };
        let of = |what, depth| Some(Self { what, depth, patience: reading, reads: true });
        let read = |names: &'a [OsString], depth| of(What::Services(names), depth);
        let once =
            |what| Some(Self { what, depth: Depth::Status, patience: reading, reads: false });
        match command {
            Command::Status(args) => read(&args.services, Depth::Status),
            Command::Check(args) => read(&args.services, Depth::Status),
            Command::Explain(args) => read(&args.services, Depth::Why),
            Command::Logs(args) => read(&args.services, Depth::Logs),
            Command::Watch(args) => read(&args.services, Depth::Status),
            Command::Metrics(args) => services(&args.services, Depth::Status, reading),
            Command::Show { service } => read(std::slice::from_ref(service), Depth::Show),
            Command::Lint(args) => of(What::Linted(args), Depth::Status),
            Command::Decode { file, .. } => of(What::File(file), Depth::Status),
            Command::Complete { words } => {
                let what = What::Completed(words);
                Some(Self { what, depth: Depth::Status, patience: KEY, reads: true })
            }
            Command::Dev(args) => once(What::Developed(args)),
            Command::Scan(args) => once(What::Scanned(&args.place)),
            Command::Supervise(args) => {
                args.dir.as_deref().and_then(|dir| once(What::Supervised(dir)))
            }
            Command::Up(args) | Command::Down(args) => {
                let act = &args.act;
                services(&act.named.services, Depth::Status, half(&act.waiting.timeout))
            }
            Command::Once(args) | Command::Restart(args) => {
                services(&args.named.services, Depth::Status, half(&args.waiting.timeout))
            }
            Command::Exit(args) => {
                services(&args.named.services, Depth::Status, half(&args.waiting.timeout))
            }
            Command::Reload(args) => {
                services(&args.named.services, Depth::Status, half(&args.timeout))
            }
            Command::Wait(args) => {
                services(&args.named.services, Depth::Status, half(&args.timeout))
            }
            Command::Signal(args) => services(&args.send.named.services, Depth::Status, reading),
            Command::Send(args) => services(&args.named.services, Depth::Status, reading),
            Command::Disable(args) => services(&args.services, Depth::Status, half(&args.timeout)),
            Command::Enable(args) => Some(Self {
                what: What::Enabled(&args.services),
                depth: Depth::Status,
                patience: half(&args.timeout),
                reads: false,
            }),
            Command::Build(args) => once(What::Built(&args.file, args.out.as_deref())),
            Command::Apply(args) => once(What::Built(&args.file, args.out.as_deref())),
            Command::Convert(args) => once(What::Converted(args)),
            _ => None,
        }
    }
}

/// What is to be looked at first.
struct Looks<'a> {
    of: Depth,
    all: BTreeSet<(Look, PathBuf)>,
    doubt: &'a mut Doubt,
}

/// What is read of a service, and may be a link.
const PARTS: [&str; 7] =
    ["supervise", "log/supervise", "run", "finish", "event", "down", "notification-fd"];

impl Looks<'_> {
    fn services(&mut self, global: &Global, names: &[OsString]) {
        if global.only_units() {
            return;
        }
        let is_plain = |name: &&OsString| unit_in(name).is_none() && !is_path(name);
        for name in names.iter().filter(|name| is_path(name)) {
            self.service(name.into());
        }
        let named: Vec<&OsString> = names.iter().filter(is_plain).collect();
        let is_pattern =
            |name: &&OsString| name.to_str().is_some_and(|name| name.contains(['*', '?', '[']));
        let all = names.is_empty() || named.iter().any(is_pattern);
        if !all && named.is_empty() {
            return;
        }
        self.scan_dirs(&scan_dirs(global), &named, all, global.dir.is_empty());
    }

    /// Scan directories: what of them is named, or all of it.
    fn scan_dirs(&mut self, dirs: &[PathBuf], named: &[&OsString], all: bool, is_found: bool) {
        for dir in dirs {
            let is_there = !self.doubt.leads_there(dir);
            // To choose among the usual places, everything there is looked at.
            let all = all || is_found;
            if is_there && all {
                let entries = dir.read_dir().into_iter().flatten().flatten();
                let shown =
                    |entry: &std::fs::DirEntry| !entry.file_name().as_bytes().starts_with(b".");
                let entries = entries.filter(shown).map(|entry| dir.join(entry.file_name()));
                entries.collect::<Vec<_>>().into_iter().for_each(|entry| self.service(entry));
            }
            if !is_there {
                self.all.insert((if all { Look::All } else { Look::List }, dir.clone()));
            }
            for name in named {
                self.service(dir.join(name));
            }
        }
    }

    /// A service that leads there, or of which something does.
    fn service(&mut self, path: PathBuf) {
        let leads = self.doubt.leads_there(&path)
            || PARTS.iter().any(|part| self.doubt.leads_there(&path.join(part)))
            // Its directories of logs and its programs are known only when it was looked at.
            || self.of != Depth::Status;
        if leads {
            self.all.insert((Look::Service, path));
        }
    }

    fn look(&mut self, how: Look, path: &Path) -> bool {
        let leads = self.doubt.leads_there(path);
        if leads {
            self.all.insert((how, path.to_owned()));
        }
        leads
    }

    /// What is below a path, too, as deep as links of services stand there.
    fn linted(&mut self, lint: &Lint) {
        let root = lint.image.as_deref().unwrap_or(Path::new(""));
        if lint.image.is_some() && self.look(Look::Tree, root) {
            return;
        }
        for path in &lint.paths {
            let inside = path.strip_prefix("/").unwrap_or(path);
            let path = if lint.image.is_some() { root.join(inside) } else { path.clone() };
            if self.look(Look::Tree, &path) {
                continue;
            }
            for entry in path.read_dir().into_iter().flatten().flatten() {
                let entry = path.join(entry.file_name());
                if !self.look(Look::Tree, &entry) {
                    for part in PARTS {
                        self.look(Look::Tree, &entry.join(part));
                    }
                }
            }
        }
    }

    fn developed(&mut self, dev: &Dev) {
        self.look(Look::File, &dev.file());
        let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        let usual = runtime.into_iter().chain([std::env::temp_dir()]);
        let bases = dev.tree.as_ref().map_or_else(|| usual.collect(), |base| vec![base.clone()]);
        for base in bases {
            self.look(Look::List, &base);
        }
    }

    fn enabled(&mut self, global: &Global, names: &[OsString]) {
        let dirs = scan_dirs(global);
        let mut stores: Vec<PathBuf> = Vec::new();
        for dir in dirs {
            if self.doubt.leads_there(&dir) {
                self.all.insert((Look::List, dir));
            } else {
                stores.extend(enable::stores(&ScanDir::new(dir)));
            }
        }
        for name in names.iter().filter(|name| unit_in(name).is_none()) {
            self.service(name.into());
            if !is_path(name) {
                for store in &stores {
                    self.service(store.join(name));
                }
            }
        }
    }

    fn converted(&mut self, convert: &Convert) {
        for path in &convert.inputs {
            self.look(Look::Tree, path);
        }
        if let Some(out) = &convert.out {
            self.look(Look::Built, out);
        }
    }

    fn built(&mut self, file: &Path, out: Option<&Path>) {
        if self.doubt.leads_there(file) {
            self.all.insert((Look::File, file.to_owned()));
        }
        let Some(out) = out else { return };
        if self.doubt.leads_there(out) {
            self.all.insert((Look::Built, out.to_owned()));
            return;
        }
        for entry in out.read_dir().into_iter().flatten().flatten() {
            let entry = out.join(entry.file_name());
            if self.doubt.leads_there(&entry) {
                self.all.insert((Look::Built, entry));
            }
        }
    }
}

/// Where names may stand. The usual places are not looked at.
fn scan_dirs(global: &Global) -> Vec<PathBuf> {
    if global.dir.is_empty() { ScanDir::usual_places() } else { global.dir.clone() }
}

/// How long the end of a process that was killed is waited for.
const LAST: Duration = Duration::from_millis(100);

/// Has everything looked at, and says what has not answered by then.
fn ask(
    depth: Depth,
    looks: &BTreeSet<(Look, PathBuf)>,
    deadline: Instant,
) -> io::Result<BTreeSet<PathBuf>> {
    let mut child = start(depth)?;
    let mut text = Vec::new();
    for (look, path) in looks {
        text.push(look.letter());
        text.extend(path.as_os_str().as_bytes());
        text.push(0);
    }
    // It reads all before it says a word.
    let given = child.stdin.take().map(|mut stdin| stdin.write_all(&text));
    let mut heard = Heard { begun: BTreeSet::new(), part: Vec::new() };
    let ended = match (given, &mut child.stdout) {
        (Some(Ok(())), Some(out)) => heard.until(out, deadline),
        _ => Ok(true),
    };
    let _has_ended = child.kill();
    if let Ok(false) = ended {
        let silent = heard.begun.clone();
        // Where it is held beyond that, it ends when it is let go; nobody waits for it.
        let goes = child.stdout.as_mut().map(|out| heard.until(out, Instant::now() + LAST));
        if let Some(Ok(true)) = goes {
            child.wait()?;
        }
        return Ok(silent);
    }
    // It has looked at everything, or failed, and then nothing is known.
    child.wait()?;
    Ok(BTreeSet::new())
}

/// What the second svctl has begun to look at, and not done.
struct Heard {
    begun: BTreeSet<PathBuf>,
    part: Vec<u8>,
}

impl Heard {
    /// `false` at the deadline, `true` at the end.
    fn until(&mut self, out: &mut (impl Read + AsFd), deadline: Instant) -> io::Result<bool> {
        let mut chunk = vec![0; 64 << 10];
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let left = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
            let mut fds = [PollFd::new(out.as_fd(), PollFlags::POLLIN)];
            match poll(&mut fds, left) {
                Ok(0) if Instant::now() >= deadline => return Ok(false),
                Ok(0) | Err(Errno::EINTR) => continue,
                Ok(_) => (),
                Err(errno) => return Err(errno.into()),
            }
            let read = out.read(&mut chunk)?;
            if read == 0 {
                return Ok(true);
            }
            for byte in chunk.get(..read).unwrap_or_default() {
                if *byte == 0 {
                    self.take();
                } else {
                    self.part.push(*byte);
                }
            }
        }
    }

    fn take(&mut self) {
        let record = std::mem::take(&mut self.part);
        let Some((sign, path)) = record.split_first() else { return };
        let path = PathBuf::from(OsString::from_vec(path.to_vec()));
        if *sign == b'+' {
            self.begun.insert(path);
        } else {
            self.begun.remove(&path);
        }
    }
}

/// This program once more.
fn itself() -> io::Result<Process> {
    let itself = PathBuf::from("/proc/self/exe");
    Ok(Process::new(if itself.exists() { itself } else { std::env::current_exe()? }))
}

fn start(depth: Depth) -> io::Result<Child> {
    let depth = clap::ValueEnum::to_possible_value(&depth);
    let depth = depth.as_ref().map_or("status", clap::builder::PossibleValue::get_name);
    itself()?
        .args(["__look", depth])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
}
