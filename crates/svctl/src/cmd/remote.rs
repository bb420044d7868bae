//! `svctl -H HOSTS`: the same command on other hosts, and one answer of all of them.
//!
//! The words that were typed are those that the hosts run, with `--json`; what they print becomes one table, one array
//! or one stream, with the host in each row. What a host cannot be asked is a row as well, and says why.

mod answer;
mod apply;
mod logs;
mod row;
mod say;
mod stream;
mod words;

use std::{num::NonZeroUsize, time::Duration};

use svcmgr::remote::{Call, Host, Hosts, Program};

use self::answer::Answer;
use super::{consent, deadline};
use crate::{
    args::{Args, Command, Timeout},
    exit::Exit,
    json,
    output::Output,
};

/// What a command prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// An array with `--json`, and that is what is asked for.
    Array,
    /// The same, or one object; without `--json` the text of each host, as it is.
    Report,
    /// An object in each line, as it happens.
    Stream,
    /// Lines of logs, by time.
    Logs,
}

/// For a host to be reached and to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// What reads may take so long on a host, as long as it is patient with what does not answer there.
const READING: Duration = Duration::from_secs(10);
const PARALLEL: NonZeroUsize = NonZeroUsize::new(32).expect("it is not 0");

/// Runs what was typed on the hosts.
pub(super) fn run(args: &Args) -> Exit {
    let mut output = Output::new(&args.global);
    let exit = match begin(args, &mut output) {
        Ok(exit) => exit,
        Err(why) => {
            output.message(&why);
            Exit::Usage
        }
    };
    output.finish(exit)
}

/// # Errors
///
/// With what is wrong with the command line.
fn begin(args: &Args, output: &mut Output) -> Result<Exit, String> {
    let (global, elsewhere) = (&args.global, &args.global.elsewhere);
    let kind = kind(&args.command).ok_or("this command is not for other hosts")?;
    let known = Hosts::of_user().map_err(|why| in_full(&why))?;
    let hosts = known.find(&elsewhere.host.join(",")).map_err(|why| in_full(&why))?;
    if elsewhere.rolling && matches!(kind, Kind::Stream | Kind::Logs) {
        return Err("--rolling is for what comes to an end".to_owned());
    }
    let mut words = match &args.command {
        Command::Apply(asked) => match apply::words(global, asked, output) {
            Ok(words) => words,
            Err(exit) => return Ok(exit),
        },
        _ => words::for_hosts(std::env::args_os().skip(1))?,
    };
    if global.json || kind != Kind::Report {
        words.insert(0, "--json".to_owned());
    }
    let own = own_time(&args.command)?;
    let patience = elsewhere.host_timeout.unwrap_or(PATIENCE);
    let one_by_one = if elsewhere.rolling { NonZeroUsize::MIN } else { PARALLEL };
    let parallel = elsewhere.parallel.unwrap_or(one_by_one);
    let mut call =
        Call::new(words).map_err(|why| in_full(&why))?.patience(patience).parallel(parallel);
    match kind {
        Kind::Array | Kind::Report => call = call.within(own.saturating_add(patience)),
        // What is followed may be silent for as long as it likes.
        Kind::Logs if !follows(&args.command) => call = call.idle(READING.saturating_add(patience)),
        Kind::Logs | Kind::Stream => {
            // All of them at once, or the last ones would never have their turn.
            call = call.parallel(NonZeroUsize::new(hosts.len()).unwrap_or(parallel).max(parallel));
        }
    }
    if std::env::var_os("SVWAIT").is_some() {
        let seconds = deadline::timeout(&Timeout { timeout: None })?.as_secs_f64();
        call = call.wait(&format!("{seconds}"));
    }
    if elsewhere.push {
        let program =
            std::env::current_exe().map_err(|why| format!("cannot find svctl itself: {why}"))?;
        call = call.pushing(Program::open(program).map_err(|why| in_full(&why))?);
    }
    let of = match &*hosts {
        [host] => host.to_string(),
        hosts => format!("{} hosts", hosts.len()),
    };
    if !consent::is_given(global, &args.command, Some(&of), output) {
        return Ok(Exit::Negative);
    }
    let asked = match kind {
        Kind::Stream => stream::run(&call, &hosts, output),
        Kind::Logs => logs::run(&call, &hosts, args, output),
        Kind::Array | Kind::Report if elsewhere.rolling => {
            rolling(&call, &hosts, parallel, args, output)
        }
        Kind::Array | Kind::Report => all(&call, &hosts, output).map(|answers| {
            let exit = answer::exit(&answers);
            say::all(&answers, &args.command, output);
            say::end(output);
            exit
        }),
    };
    Ok(asked.unwrap_or_else(|why| {
        output.failure(&why, None);
        Exit::System
    }))
}

/// Asks all hosts, and waits for all of them.
fn all(
    call: &Call,
    hosts: &[Host],
    output: &mut Output,
) -> Result<Vec<Answer>, svcmgr::remote::Error> {
    let mut answers: Vec<_> = hosts.iter().map(Answer::of).collect();
    for event in call.start(hosts)? {
        if let Some(answer) = answers.get_mut(event.host) {
            answer.hear(event.kind, output);
        }
    }
    Ok(answers)
}

/// One batch after the other, for as long as all goes well.
fn rolling(
    call: &Call,
    hosts: &[Host],
    parallel: NonZeroUsize,
    args: &Args,
    output: &mut Output,
) -> Result<Exit, svcmgr::remote::Error> {
    let mut exit = Exit::Done;
    let mut batches = hosts.chunks(parallel.get());
    for batch in &mut batches {
        let mut answers = all(call, batch, output)?;
        exit = exit.max(answer::exit(&answers));
        if exit == Exit::Done && is_gated(&args.command) {
            exit = gate(call, batch, &mut answers, args, output)?;
        }
        say::all(&answers, &args.command, output);
        output.flush();
        if exit != Exit::Done {
            break;
        }
    }
    let left: Vec<_> = batches.flatten().map(Answer::not_asked).collect();
    say::all(&left, &args.command, output);
    say::end(output);
    Ok(exit)
}

/// What is done to a service one host at a time, because it might not come up again.
const fn is_gated(command: &Command) -> bool {
    matches!(command, Command::Up(_) | Command::Restart(_) | Command::Reload(_) | Command::Apply(_))
}

/// Whether the services of a batch are healthy now: what is not joins the answers.
fn gate(
    call: &Call,
    batch: &[Host],
    answers: &mut [Answer],
    args: &Args,
    output: &mut Output,
) -> Result<Exit, svcmgr::remote::Error> {
    let mut exit = Exit::Done;
    // The hosts may have services of different names.
    for (host, answer) in batch.iter().zip(answers) {
        let names = answer.services();
        if names.is_empty() {
            continue;
        }
        let mut words = vec!["--json".to_owned(), "check".to_owned()];
        words.extend(args.global.user.then(|| "--user".to_owned()));
        words.push("--".to_owned());
        words.extend(names);
        let checked = all(&call.for_words(words)?, std::slice::from_ref(host), output)?;
        exit = exit.max(answer::exit(&checked));
        for checked in checked.into_iter().filter(|it| it.exit() != Exit::Done) {
            answer.is_unhealthy(checked);
        }
    }
    Ok(exit)
}

/// `None` for what is for this machine alone.
const fn kind(command: &Command) -> Option<Kind> {
    Some(match command {
        Command::Watch(args) if args.get().exec.is_none() => Kind::Stream,
        Command::Logs(_) => Kind::Logs,
        Command::Explain(_) | Command::Lint(_) | Command::Show { .. } | Command::Version => {
            Kind::Report
        }
        _ if is_streamed(command) => Kind::Stream,
        Command::Status(_)
        | Command::Up(_)
        | Command::Down(_)
        | Command::Once(_)
        | Command::Restart(_)
        | Command::Reload(_)
        | Command::Signal(_)
        | Command::Send(_)
        | Command::Exit(_)
        | Command::Wait(_)
        | Command::Check(_)
        | Command::Enable(_)
        | Command::Disable(_)
        | Command::Apply(_)
        | Command::Mask(_)
        | Command::Unmask(_)
        | Command::DaemonReload
        | Command::ResetFailed(_) => Kind::Array,
        _ => return None,
    })
}

const fn is_streamed(command: &Command) -> bool {
    match command {
        Command::Up(act) | Command::Down(act) => act.get().act.named.stream,
        Command::Once(act) | Command::Restart(act) => act.get().named.stream,
        Command::Reload(args) => args.get().named.stream,
        Command::Signal(signal) => signal.send.named.stream,
        Command::Send(args) => args.get().named.stream,
        Command::Exit(args) => args.get().named.stream,
        Command::Wait(args) => args.get().named.stream,
        Command::Enable(args) => args.get().stream,
        Command::Disable(args) => args.get().stream,
        Command::Mask(args) | Command::Unmask(args) => args.get().stream,
        Command::ResetFailed(args) => args.get().stream,
        _ => false,
    }
}

fn follows(command: &Command) -> bool {
    matches!(command, Command::Logs(args) if args.follow)
}

/// How long the command itself may take on a host.
fn own_time(command: &Command) -> Result<Duration, String> {
    let timeout: &Timeout = match command {
        Command::Up(act) | Command::Down(act) => &act.act.waiting.timeout,
        Command::Once(act) | Command::Restart(act) => &act.waiting.timeout,
        Command::Reload(args) => &args.timeout,
        Command::Exit(args) => &args.waiting.timeout,
        Command::Wait(args) => &args.timeout,
        Command::Enable(args) => &args.timeout,
        Command::Disable(args) => &args.timeout,
        Command::Apply(args) => {
            let timeout = deadline::timeout(&args.timeout)?;
            return Ok(timeout.saturating_add(deadline::way_back(timeout)));
        }
        Command::Explain(args) => return Ok(READING.saturating_add(args.over.unwrap_or_default())),
        _ => return Ok(READING),
    };
    deadline::timeout(timeout)
}

fn in_full(error: &dyn std::error::Error) -> String {
    crate::output::in_full(error)
}

/// Tells what a host's messages are about.
fn relay(host: &Host, message: &str, output: &mut Output) {
    let message = message.strip_prefix("svctl: ").unwrap_or(message);
    output.message(&format!("{host}: {}", crate::output::printable(message)));
}

/// Whose JSON cannot be understood in full.
fn greet(host: &Host, version: &svcmgr::remote::Version, output: &mut Output) {
    if version.schema > json::SCHEMA {
        let theirs = crate::output::printable(&version.svctl);
        output.message(&format!(
            "{host}: has svctl {theirs}, whose JSON is newer; some of it may be misread here"
        ));
    }
}
