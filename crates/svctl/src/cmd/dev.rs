//! `svctl dev`: a file of definitions under the embedded supervisor, in the order of their needs,
//! with a view of what happens, until Ctrl-C.
//!
//! | file        | for                                                     |
//! |-------------|---------------------------------------------------------|
//! | `stage.rs`  | the tree: definitions written, engine started           |
//! | `starter.rs`   | starting and stopping by need, beside the view          |
//! | `log_writer.rs` | what services write: kept, bounded, and handed on        |
//! | `view.rs`   | what is shown: plain lines, JSON, or a table that lives |

mod log_writer;
mod stage;
mod starter;
mod view;

use std::{
    os::fd::AsFd,
    os::unix::net::UnixStream,
    path::Path,
    time::{Duration, Instant},
};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGWINCH};
use svcmgr::{Error, News, WatchSet};

use self::{
    log_writer::LogWriter,
    stage::Stage,
    starter::{Said, Starter},
    view::View,
};
use crate::{args, exit::Exit, output::Output};

pub(crate) fn run(args: &args::Dev, output: &mut Output) -> Exit {
    match Stage::set(args, output) {
        Ok(stage) => match play(stage, output) {
            Ok(exit) => exit,
            Err(error) => {
                output.error(&error);
                Exit::from(&error)
            }
        },
        Err(exit) => exit,
    }
}

/// What was asked by signals.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Asked {
    Nothing,
    /// Once: an orderly end.
    Stop,
    /// Twice: at once.
    Kill,
}

fn play(mut stage: Stage, output: &mut Output) -> Result<Exit, Error> {
    let catch = |source| system("catch signals for", source);
    let asks = signals(&[SIGINT, SIGTERM, SIGHUP]).map_err(catch)?;
    let resized = signals(&[SIGWINCH]).map_err(catch)?;
    let mut watch = WatchSet::new()?;
    watch.follow(stage.tree.scan_dir())?;
    let dirs: Vec<&Path> = stage.cast.iter().map(|cast| cast.log.path()).collect();
    let log_writer =
        LogWriter::start(&dirs).map_err(|source| system("read what services write for", source))?;
    output.step_aside().map_err(|source| system("start a thread for", source))?;
    let mut view = View::new(&stage, output);
    view.begins(&stage, output);
    let mut starter =
        Starter::start(&stage).map_err(|source| system("start a thread for", source))?;
    let (mut asked, mut worst) = (Asked::Nothing, Exit::Done);
    let mut next_check = Instant::now() + CHECK;
    let mut more = false;
    let mut looks = Vec::new();
    loop {
        let soon = if more { Instant::now() } else { view.due().min(next_check) };
        // A reader without room for lines now may have some then; nothing tells.
        let soon = if output.is_behind() { soon.max(Instant::now()) + ROOM_AGAIN } else { soon };
        wait(&watch, [&asks, &resized], &log_writer, &starter, soon);
        // Signals before all that may be much.
        let wanted = if output.is_closed() { Asked::Stop } else { signalled(&asks, asked) };
        if wanted > asked {
            asked = wanted;
            view.stopping(asked == Asked::Kill, output);
            starter
                .stop(&stage, asked == Asked::Kill)
                .map_err(|source| system("start a thread for", source))?;
        }
        // Whatever it has become, the view looks at it again.
        heard(&resized);
        log_writer.hear();
        // What became of services is told before what that means for all of them.
        let all_said = starter.heard();
        let turn = Instant::now() + TURN;
        while let Some(event) = watch.next_now()? {
            if asked == Asked::Nothing && event.news == News::Unsupervised {
                worst = worst.max(Exit::Unsupervised);
            }
            view.event(&event, output);
            if Instant::now() >= turn {
                break;
            }
        }
        more = Instant::now() >= turn;
        for said in all_said {
            match said {
                Said::Look(answer) => looks.push(answer),
                Said::Ready { took } => view.ready(took, output),
                Said::Failed { name, why, exit } => {
                    worst = worst.max(exit);
                    view.say(&format!("{name}: {why}"), output);
                }
                Said::Stopped => {
                    log_writer.finish();
                    show(&log_writer, &stage, &mut view, LAST, output);
                    view.ends(output);
                    for crash in view.crashes() {
                        worst = worst.max(Exit::Negative);
                        view.say(&crash, output);
                    }
                    return Ok(finish(&mut stage, worst, output));
                }
            }
        }
        if !more {
            for answer in looks.drain(..) {
                // The user may have waited for long enough.
                let _late = answer.send(());
            }
        }
        more |= show(&log_writer, &stage, &mut view, TURN, output);
        view.refresh(output);
        if Instant::now() >= next_check {
            next_check = Instant::now() + CHECK;
            if let Err(error) = stage.tree.check() {
                view.ends(output);
                output.failure(&error, error.hint().as_deref());
                return Ok(Exit::System);
            }
        }
    }
}

/// Between two questions whether the engine is there.
const CHECK: Duration = Duration::from_secs(2);

/// So long for one kind of thing, before the others have their turn.
const TURN: Duration = Duration::from_millis(20);
/// For what services have written last.
const LAST: Duration = Duration::from_millis(200);
/// Between two looks whether a reader that was behind has room.
const ROOM_AGAIN: Duration = Duration::from_millis(20);

/// Shows what services have written, for so long; whether there is more, and room for it.
fn show(
    log_writer: &LogWriter,
    stage: &Stage,
    view: &mut View,
    time: Duration,
    output: &mut Output,
) -> bool {
    let limit = Instant::now() + time;
    while !output.is_behind() {
        let Some(heard) = log_writer.next() else { return false };
        if let Some(cast) = stage.cast.get(heard.at) {
            view.log(cast, heard.at, &heard.what, output);
        }
        if Instant::now() >= limit {
            return true;
        }
    }
    log_writer.has_more()
}

/// Ends what is left of the tree, and says what would not end.
fn finish(stage: &mut Stage, worst: Exit, output: &mut Output) -> Exit {
    match stage.tree.stop(Instant::now() + Duration::from_secs(30)) {
        Ok(stopped) => {
            // A shell that is told to end leaves what it waits for: that is nobody's fault.
            if stopped.killed > 0 && output.verbose {
                let count = stopped.killed;
                output.message(&format!("services left {count} processes, which were killed"));
            }
            worst
        }
        Err(error) => {
            output.failure(&error, error.hint().as_deref());
            worst.max(Exit::System)
        }
    }
}

/// A descriptor that gets a byte for each of these signals.
fn signals(which: &[i32]) -> std::io::Result<UnixStream> {
    let (ours, theirs) = UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    for signal in which {
        signal_hook::low_level::pipe::register(*signal, theirs.try_clone()?)?;
    }
    Ok(ours)
}

/// How many signals came.
fn heard(signals: &UnixStream) -> usize {
    let mut bytes = [0; 16];
    std::io::Read::read(&mut &*signals, &mut bytes).unwrap_or(0)
}

fn signalled(signals: &UnixStream, asked: Asked) -> Asked {
    match (heard(signals), asked) {
        (0, _) => asked,
        (1, Asked::Nothing) => Asked::Stop,
        _ => Asked::Kill,
    }
}

fn wait(
    watch: &WatchSet,
    [asks, resized]: [&UnixStream; 2],
    log_writer: &LogWriter,
    starter: &Starter,
    until: Instant,
) {
    let pollin = |fd| PollFd::new(fd, PollFlags::POLLIN);
    let mut fds = [
        pollin(watch.as_fd()),
        pollin(log_writer.as_fd()),
        pollin(asks.as_fd()),
        pollin(resized.as_fd()),
        pollin(starter.as_fd()),
    ];
    let until = watch.due().map_or(until, |due| due.min(until));
    let left = until.saturating_duration_since(Instant::now());
    // Not early, but at once where it is due.
    let left = if left.is_zero() { left } else { left + Duration::from_millis(1) };
    // Interrupted or not, everything is looked at.
    let _ready = poll(&mut fds, PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX));
}

fn system(doing: &'static str, source: std::io::Error) -> Error {
    Error::System { doing, source }
}
