//! The commands, one file each.

mod act;
mod apply;
mod build;
mod carried;
mod check;
mod complete;
mod consent;
mod convert;
pub(crate) mod deadline;
mod decode;
mod definitions;
mod dev;
mod enable;
mod explain;
mod first;
mod guard;
mod lint;
mod logs;
mod look;
mod metrics;
mod notify;
mod persist;
mod place;
mod progress;
mod remote;
mod report;
mod scan;
mod screen;
mod send;
mod show;
#[cfg(target_os = "linux")]
pub(crate) mod stand_in;
mod status;
mod supervise;
mod tether;
mod units;
mod watch;

use std::process::ExitCode;

use crate::{
    args::{Args, Command},
    exit::{Exit, codes},
    json,
    output::Output,
    silent::Silent,
};

/// Runs what was typed.
pub(crate) fn run(args: &mut Args) -> ExitCode {
    if args.global.tethered {
        tether::begin();
    }
    if !args.global.elsewhere.host.is_empty() {
        return remote::run(args).into();
    }
    if args.global.dev {
        match dev::running::scan_dir() {
            Ok(dir) => args.global.dir = vec![dir],
            Err(none) => {
                let mut output = Output::new(&args.global);
                let exit = none.tell(&mut output);
                return output.finish(exit).into();
            }
        }
    }
    args.global.silent = match first::silent(args) {
        Ok(silent) => silent,
        Err(ended) => return ended,
    };
    let (args, global) = (&*args, &args.global);
    let mut output = Output::new(global);
    if first::needs_all(&args.command) && !global.silent.is_empty() {
        global.silent.paths().for_each(|path| output.error(&Silent::error(path)));
        return output.finish(Exit::Deadline).into();
    }
    if !consent::is_given(global, &args.command, None, &mut output) {
        return output.finish(Exit::Negative).into();
    }
    let exit = match &args.command {
        Command::Status(args) => status::run(global, args, &mut output),
        Command::Up(act) => act::lasting(global, act, act::UP, &mut output),
        Command::Down(act) => act::lasting(global, act, act::DOWN, &mut output),
        Command::Once(act) => act::run(global, act, act::ONCE, &mut output),
        Command::Restart(act) => act::run(global, act, act::RESTART, &mut output),
        Command::Reload(args) => send::reload_all(global, args, &mut output),
        Command::Signal(signal) => {
            send::run(global, &signal.send.named, &send::Ask::These(&[signal.op]), &mut output)
        }
        Command::Send(args) => {
            send::run(global, &args.named, &send::Ask::These(&args.ops.0), &mut output)
        }
        Command::Exit(args) => act::exit(global, args, &mut output),
        Command::Wait(args) => act::wait(global, args, &mut output),
        Command::Check(args) => check::run(global, args, &mut output),
        Command::Explain(args) => explain::run(global, args, &mut output),
        Command::Lint(args) => lint::run(global, args, &mut output),
        Command::Show { service } => show::run(global, service, &mut output),
        Command::Enable(args) => enable::enable(global, args, &mut output),
        Command::Disable(args) => enable::disable(global, args, &mut output),
        Command::Mask(args) => {
            units::change(global, &args.units, args.stream, units::MASK, &mut output)
        }
        Command::Unmask(args) => {
            units::change(global, &args.units, args.stream, units::UNMASK, &mut output)
        }
        Command::DaemonReload => units::daemon_reload(global, &mut output),
        Command::ResetFailed(args) => units::reset_failed(global, args, &mut output),
        Command::Escape(args) => units::escapes(args, &mut output),
        Command::Version => {
            version(&mut output);
            Exit::Done
        }
        Command::Logs(args) => logs::run(global, args, &mut output),
        Command::Completions { shell } => complete::script(*shell, &mut output),
        Command::Complete { words } => complete::complete(&global.silent, words),
        Command::Watch(args) => watch::run(global, args, &mut output),
        Command::Metrics(args) => metrics::run(global, args, &mut output),
        Command::Apply(args) => apply::run(global, args, &mut output),
        Command::Build(args) => build::run(&global.silent, args, &mut output),
        Command::Convert(args) => convert::run(&global.silent, args, &mut output),
        Command::Write { owner } => return build::deputy::run(*owner).into(),
        Command::NotifyBridge(args) => notify::bridge(args, &mut output),
        Command::Notify(args) => notify::reader(args),
        Command::Look { depth } => return look::run(*depth).into(),
        Command::Dev(args) => return dev::run(args, output),
        Command::Supervise(args) => return supervise::run(global, args, output),
        Command::Scan(args) => return scan::run(global, args, output),
        Command::Decode { file, dialect } => {
            decode::run(file, dialect.or(global.suite.and_then(|whose| whose.dialect)), &mut output)
        }
    };
    let exit = output.finish(exit);
    let word = args.command.word();
    debug_assert!(
        codes::of(word).is_none_or(|codes| codes.has(exit as u8)),
        "the manual page of {word} does not have the exit code {}",
        exit as u8
    );
    exit.into()
}

/// Whoever reads the JSON of another svctl asks this first.
fn version(output: &mut Output) {
    let version = json::Version { svctl: env!("CARGO_PKG_VERSION"), schema: json::SCHEMA };
    if output.json {
        output.json(&version);
    } else {
        output.line(&format!("svctl {}", version.svctl));
    }
}
