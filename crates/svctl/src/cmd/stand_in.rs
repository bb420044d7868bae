//! `svctl __script SCRIPT`: does what a script of a service directory would do, where there is no shell that could read
//! it, or where nothing may be executed. What is to be done stands in the definition beside the supervisor's files.
//!
//! | script         | does                                                                            |
//! |----------------|---------------------------------------------------------------------------------|
//! | `run`          | directories, streams, `pre`; then becomes the program, as its user               |
//! | `finish`       | `finish`, with the arguments of the supervisor                                  |
//! | `control/t`    | `stop.command`; then it fails, so that the supervisor sends the signal           |
//! | `control/h`    | `reload`                                                                        |
//! | `control/f`    | `on_failure`, with the arguments of the supervisor                              |
//! | `data/check`   | `ready.command`, or asks what has to be looked up                               |
//! | `data/health`  | the same of `health`                                                            |
//! | `pre/NUMBER`   | that program of `pre`; `run` starts it                                          |
//!
//! The order of the steps is that of the script that `svctl build` writes for the embedded supervisor.

mod env_file;
mod process;

use std::{
    ffi::OsString,
    fs, io,
    net::TcpStream,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use svcmgr::build::{
    Definitions, Service,
    spec::{HealthCheck, ReadyCheck, Word},
};

use self::process::Process;
use crate::output::{complain, printable};

/// The word that asks for it. It is no command: reading all others would take longer than the rest.
pub(crate) const WORD: &str = "__script";

/// The definition of the service alone, which its supervisor's user may read.
const DEFINITION: &str = "supervise/definition";
const NAME: &str = "service";

/// As the scripts have it: something before the program failed.
const FAILED: u8 = 111;
/// As a shell has it: there is no such program, or it cannot be executed.
const NOT_FOUND: u8 = 127;
const NOT_EXECUTABLE: u8 = 126;

/// This program, also below a root that has no other name for it.
pub(crate) const PROGRAM: &str = "/proc/self/exe";

/// If that was asked for, does it and ends.
pub(crate) fn if_asked() -> Option<ExitCode> {
    let mut words = std::env::args_os().skip(1);
    if words.next()? != WORD {
        return None;
    }
    let script = words.next().unwrap_or_default();
    let script = script.to_string_lossy();
    let script = script.trim_start_matches("./");
    let code = match read() {
        Ok(service) => carry_out(&service, script, &words.collect::<Vec<_>>()),
        Err(why) => {
            tell(&format!("cannot use {DEFINITION}: {why}"));
            FAILED
        }
    };
    Some(code.into())
}

/// What keeps a service from being started so, if something does.
pub(crate) fn lacks(service: &Service) -> Option<&'static str> {
    let words = || service.exec.iter().chain(service.env.values());
    let refers = |word: &Word| word.as_bytes().windows(2).any(|it| it == b"${");
    if service.expand == Some(true) && words().any(refers) {
        return Some("expand");
    }
    if service.control.is_some() {
        return Some("control");
    }
    if service.env_dir.is_some() {
        return Some("env_dir");
    }
    service.io_priority.is_some().then_some("io_priority")
}

/// Leaves the definition of a service in its directory, which nobody supervises yet.
pub(crate) fn write(dir: &Path, service: &Service) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
    let path = dir.join(DEFINITION);
    if let Some(above) = path.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(above)?;
    }
    let mut alone = service.clone();
    // Nobody else is in that file.
    (alone.after, alone.needs, alone.wants) = (Vec::new(), Vec::new(), Vec::new());
    let text = Definitions::default().with(NAME, alone).to_toml().map_err(io::Error::other)?;
    let new = PathBuf::from(format!("{}.new", path.display()));
    let _left = fs::remove_file(&new);
    let options = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new);
    io::Write::write_all(&mut options?, text.as_bytes())?;
    fs::rename(&new, &path)
}

fn read() -> Result<Service, String> {
    let text = fs::read_to_string(DEFINITION).map_err(|error| error.to_string())?;
    let definitions = Definitions::from_toml(&text).map_err(|findings| {
        let first = findings.0.into_iter().next();
        first.map_or_else(String::new, |finding| finding.message)
    })?;
    definitions.service.into_values().next().ok_or_else(|| "it has no service".into())
}

fn carry_out(service: &Service, script: &str, given: &[OsString]) -> u8 {
    let of = Process::of(service);
    match script {
        "run" => run(service, &of),
        "finish" => become_program(&service.finish, given),
        "control/f" => become_program(&service.on_failure, given),
        "control/t" => {
            // However it ends, the signal follows.
            let _ended = start("stop", &[]);
            1
        }
        "control/h" => reload(service),
        "data/check" => match service.ready.as_ref().map(|ready| &ready.check) {
            Some(ReadyCheck::Command(argv)) => of.becomes(argv),
            Some(ReadyCheck::Tcp(place)) => connects(place),
            Some(ReadyCheck::Http(url)) => answers(url),
            _ => FAILED,
        },
        "data/health" => match service.health.as_ref().map(|health| &health.check) {
            Some(HealthCheck::Command(argv)) => of.becomes(argv),
            Some(HealthCheck::Tcp(place)) => connects(place),
            Some(HealthCheck::Http(url)) => answers(url),
            _ => FAILED,
        },
        // These run as processes of the service, beside what has started them.
        "stop" => of.becomes(&service.stop.command),
        "reload" => of.becomes(service.reload.as_ref().map_or(&[], |it| &it.command)),
        "reload-check" => of.becomes(service.reload.as_ref().map_or(&[], |it| &it.check)),
        other => {
            let number = other.strip_prefix("pre/").and_then(|it| it.parse::<usize>().ok());
            match number.and_then(|number| service.pre.get(number)) {
                Some(argv) => of.becomes(argv),
                None => FAILED,
            }
        }
    }
}

fn run(service: &Service, of: &Process<'_>) -> u8 {
    if let Err(why) = of.set_up() {
        tell(&why);
        return FAILED;
    }
    for number in 0..service.pre.len() {
        if !start(&format!("pre/{number}"), &[]) {
            return FAILED;
        }
    }
    of.becomes_whole(&service.exec)
}

fn reload(service: &Service) -> u8 {
    let Some(reload) = &service.reload else { return 1 };
    if !reload.check.is_empty() && !start("reload-check", &[]) {
        // Nothing is done then, and the signal does not follow either.
        return 0;
    }
    if reload.command.is_empty() {
        process::signal(reload.signal.map_or("HUP", |signal| signal.name()));
    } else {
        let _ended = start("reload", &[]);
    }
    0
}

/// Whether another one of these came out well.
fn start(script: &str, given: &[OsString]) -> bool {
    let status = Command::new(PROGRAM).arg(WORD).arg(script).args(given).status();
    match status {
        Ok(status) => status.success(),
        Err(error) => {
            tell(&format!("cannot start {script}: {error}"));
            false
        }
    }
}

fn connects(place: &str) -> u8 {
    u8::from(TcpStream::connect(place).is_err())
}

fn answers(url: &str) -> u8 {
    let words = ["curl", "-gfsS", "-o", "/dev/null", "-m", "10", "--", url].map(Word::from);
    become_program(&words, &[])
}

/// Returns if it does not.
fn become_program(argv: &[Word], more: &[OsString]) -> u8 {
    let Some((program, words)) = argv.split_first() else { return 0 };
    let words = words.iter().map(Word::as_os_str);
    let failed = Command::new(program.as_os_str()).args(words).args(more).exec();
    cannot_execute(program, &failed)
}

fn cannot_execute(program: &Word, failed: &io::Error) -> u8 {
    tell(&format!("cannot execute {}: {failed}", program.as_os_str().display()));
    if failed.kind() == io::ErrorKind::NotFound { NOT_FOUND } else { NOT_EXECUTABLE }
}

fn tell(text: &str) {
    complain(&printable(text));
}
