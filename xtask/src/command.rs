//! Running other programs, from the root of the workspace.

use std::{
    env,
    ffi::OsStr,
    io::{self, BufRead, BufReader, Read, Write},
    os::unix::{fs::PermissionsExt, process::ExitStatusExt},
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
};

use crate::failure::Failure;

/// What a program left behind.
pub(crate) struct Done {
    pub(crate) ok: bool,
    pub(crate) status: ExitStatus,
    /// Standard output, then standard error.
    pub(crate) text: String,
}

/// The directory of the workspace's `Cargo.toml`.
pub(crate) fn root() -> PathBuf {
    // Asked at run time first: checkouts may share a target directory, and then also this program.
    let xtask = env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    xtask.parent().map_or_else(|| xtask.clone(), Path::to_path_buf)
}

/// The cargo that runs us, with these arguments.
pub(crate) fn cargo<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(args).current_dir(root());
    cargo
}

/// Whether `cargo nextest` is there; it is faster, and gives each test a process of its own.
pub(crate) fn has_nextest() -> bool {
    capture(&mut cargo(["nextest", "--version"])).is_ok_and(|it| it.ok)
}

/// The command as one would type it.
pub(crate) fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words = std::iter::once(program).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

/// Runs it to its end and keeps what it prints.
pub(crate) fn capture(command: &mut Command) -> Result<Done, Failure> {
    let output = command.stdin(Stdio::null()).output().map_err(|why| not_run(command, &why))?;
    let text = [output.stdout, output.stderr].concat();
    Ok(Done {
        ok: output.status.success(),
        status: output.status,
        text: String::from_utf8_lossy(&text).into_owned(),
    })
}

/// Runs it to its end, passes on what it prints while it runs, and shows each line to `each`.
pub(crate) fn stream(command: &mut Command, each: impl FnMut(&str)) -> Result<ExitStatus, Failure> {
    read(command, true, each)
}

/// Runs it to its end, and shows each line that it prints to `each` alone.
pub(crate) fn listen(command: &mut Command, each: impl FnMut(&str)) -> Result<ExitStatus, Failure> {
    read(command, false, each)
}

fn read(
    command: &mut Command,
    passes_on: bool,
    mut each: impl FnMut(&str),
) -> Result<ExitStatus, Failure> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|why| not_run(command, &why))?;
    let (sender, lines) = mpsc::channel();
    let forward = |from: Option<Box<dyn Read + Send>>, to: fn(&[u8])| {
        let sender = sender.clone();
        thread::spawn(move || {
            let mut from = BufReader::new(from.unwrap_or_else(|| Box::new(io::empty())));
            let mut line = Vec::new();
            while from.read_until(b'\n', &mut line).is_ok_and(|n| n > 0) {
                if passes_on {
                    to(&line);
                }
                // The other end lives until both readers are done.
                let _ = sender.send(String::from_utf8_lossy(&line).into_owned());
                line.clear();
            }
        })
    };
    let readers = [
        forward(child.stdout.take().map(|it| Box::new(it) as _), |line| {
            let _ = io::stdout().write_all(line);
        }),
        forward(child.stderr.take().map(|it| Box::new(it) as _), |line| {
            let _ = io::stderr().write_all(line);
        }),
    ];
    drop(sender);
    for line in lines {
        each(&line);
    }
    for reader in readers {
        let _ = reader.join();
    }
    child.wait().map_err(|why| not_run(command, &why))
}

/// Whether `PATH` leads to an executable file of this name.
pub(crate) fn on_path(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|dir| {
        dir.join(program)
            .metadata()
            .is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
    })
}

/// The failure of a command that could not even start.
pub(crate) fn not_run(command: &Command, why: &io::Error) -> Failure {
    Failure::cannot(format!("run `{}`", shown(command)), why)
}

/// The exit status of a command that was run for the caller, as a shell has it.
pub(crate) fn passed_on(status: ExitStatus) -> Result<(), Failure> {
    if status.success() {
        return Ok(());
    }
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal));
    Err(Failure::Status(code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)))
}

/// This program, to be run again. What replaced it while it ran is the same, built anew: building
/// the tests may build it, too.
pub(crate) fn this() -> Result<PathBuf, Failure> {
    let this = env::current_exe().map_err(|why| Failure::cannot("find this program", why))?;
    // As Linux shows what has been replaced.
    let path = this.to_str().and_then(|path| path.strip_suffix(" (deleted)")).map(PathBuf::from);
    Ok(path.unwrap_or(this))
}
