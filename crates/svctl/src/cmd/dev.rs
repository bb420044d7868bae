//! `svctl dev`: a file of definitions under the embedded supervisor, in the order of their needs,
//! with a view of what happens, until Ctrl-C.
//!
//! | file        | for                                                     |
//! |-------------|---------------------------------------------------------|
//! | `stage.rs`  | the tree: definitions written, engine started           |
//! | `reload.rs`    | definitions that changed: what becomes of whom          |
//! | `said.rs`      | what threads tell the view                              |
//! | `starter.rs`   | starting and stopping by need, beside the view          |
//! | `take_up.rs`   | definitions in the place of others, in a tree at work   |
//! | `log_writer.rs` | what services write: kept, bounded, and handed on        |
//! | `view.rs`   | what is shown: plain lines, JSON, or a table that lives |

mod log_writer;
mod reload;
pub(super) mod running;
mod said;
mod stage;
mod starter;
mod take_up;
mod view;

use std::{
    collections::BTreeMap,
    os::fd::AsFd,
    os::unix::net::UnixStream,
    path::Path,
    process::ExitCode,
    sync::mpsc,
    time::{Duration, Instant},
};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGWINCH};
use svcmgr::{Error, News, WatchSet};

use self::{
    log_writer::LogWriter, reload::Next, said::Said, stage::Stage, starter::Starter, view::View,
};
use super::definitions::{
    notices::Notices,
    plan::{self, Step},
    sources,
};
use crate::{args, exit::Exit, output::Output};

pub(crate) fn run(args: &args::Dev, mut output: Output) -> ExitCode {
    if args.stop {
        let exit = running::stop(args, &mut output);
        return output.finish(exit).into();
    }
    let played = match Stage::set(args, &mut output) {
        Ok(stage) => play(stage, args, &mut output),
        Err(exit) => return output.finish(exit).into(),
    };
    match played {
        Ok(Ended::By(exit)) => output.finish(exit).into(),
        Ok(Ended::With(code)) => {
            let _told = output.finish(Exit::Done);
            code.into()
        }
        Err(error) => {
            output.error(&error);
            output.finish(Exit::from(&error)).into()
        }
    }
}

/// What its end means.
enum Ended {
    By(Exit),
    /// As a service with which all ends.
    With(u8),
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

/// All that is at work while services run.
struct Play<'a> {
    args: &'a args::Dev,
    stage: Stage,
    /// Definitions that are being put in the place of those of the stage.
    next: Option<Next>,
    view: View,
    starter: Starter,
    log_writer: LogWriter,
    output: &'a mut Output,
    begun: Instant,
    /// Since when what is told to be up was on its way.
    since: Instant,
    asked: Asked,
    worst: Exit,
    /// The exit code of the service with which all ends.
    with: Option<u8>,
    /// Who waits until all is told.
    looks: Vec<mpsc::Sender<()>>,
    notices: Notices,
}

fn play(stage: Stage, args: &args::Dev, output: &mut Output) -> Result<Ended, Error> {
    let catch = |source| system("catch signals for", source);
    let asks = signals(&[SIGINT, SIGTERM, SIGHUP]).map_err(catch)?;
    let resized = signals(&[SIGWINCH]).map_err(catch)?;
    let mut watch = WatchSet::new()?;
    watch.follow(stage.tree.scan_dir())?;
    let dirs: Vec<&Path> = stage.cast.iter().map(|cast| cast.log.path()).collect();
    let log_writer =
        LogWriter::start(&dirs).map_err(|source| system("read what services write for", source))?;
    output.step_aside().map_err(thread)?;
    let view = View::new(&stage, output);
    view.begins(&stage, output);
    let starter = Starter::new(&stage).map_err(thread)?;
    let (begun, asked, worst, with) = (Instant::now(), Asked::Nothing, Exit::Done, None);
    let (looks, notices) = (Vec::new(), Notices::default());
    let mut play = Play {
        args,
        stage,
        next: None,
        view,
        starter,
        log_writer,
        output,
        begun,
        since: begun,
        asked,
        worst,
        with,
        looks,
        notices,
    };
    let mut next_check = Instant::now() + CHECK;
    let mut more = false;
    loop {
        wait(
            &watch,
            [&asks, &resized],
            &play.log_writer,
            &play.starter,
            play.due(more, next_check),
        );
        // Signals before all that may be much.
        let closed = play.output.is_closed();
        let wanted = if closed { Asked::Stop } else { signalled(&asks, play.asked) };
        if wanted > play.asked {
            play.view.stopping(wanted == Asked::Kill, play.output);
            play.stop(wanted)?;
        }
        // Whatever it has become, the view looks at it again.
        heard(&resized);
        play.log_writer.hear();
        // What became of services is told before what that means for all of them.
        let all_said = play.starter.heard();
        more = play.watched(&mut watch)?;
        for said in all_said {
            if let Some(ended) = play.said(said) {
                return Ok(ended);
            }
        }
        if !more {
            for answer in play.looks.drain(..) {
                // The user may have waited for long enough.
                let _late = answer.send(());
            }
            play.go_on()?;
            play.look_for_changes();
        }
        more |= play.show(TURN);
        play.view.refresh(play.output);
        if Instant::now() >= next_check {
            next_check = Instant::now() + CHECK;
            if let Err(error) = play.stage.tree.check() {
                play.view.ends(play.output);
                play.output.failure(&error, error.hint().as_deref());
                return Ok(Ended::By(Exit::System));
            }
        }
    }
}

impl Play<'_> {
    /// When something is to be done although nothing is heard.
    fn due(&self, more: bool, next_check: Instant) -> Instant {
        let soon = if more { Instant::now() } else { self.view.due().min(next_check) };
        let is_free = self.asked == Asked::Nothing && self.next.is_none();
        let due = self.stage.plan.due().map(|due| self.begun + due);
        let look = self.stage.sources.as_ref().map(sources::Sources::due);
        let soon = due.into_iter().chain(look).filter(|_| is_free).fold(soon, Instant::min);
        // A reader without room for lines now may have some then; nothing tells.
        if self.output.is_behind() { soon.max(Instant::now()) + ROOM_AGAIN } else { soon }
    }

    /// What became of services is told, and taken into account; whether there is more.
    fn watched(&mut self, watch: &mut WatchSet) -> Result<bool, Error> {
        let turn = Instant::now() + TURN;
        while let Some(event) = watch.next_now()? {
            let is_free = self.asked == Asked::Nothing;
            if is_free && event.news == News::Unsupervised {
                self.worst = self.worst.max(Exit::Unsupervised);
            }
            self.view.event(&event, self.output);
            if let Ok(status) = &event.status
                && is_free
            {
                self.stage.plan.observe(&event.name().to_string_lossy(), status);
            }
            if Instant::now() >= turn {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What the starter has said; how all ends, if it has.
    fn said(&mut self, said: Said) -> Option<Ended> {
        match said {
            Said::Look(answer) => self.looks.push(answer),
            // Who is told to end has not failed to start.
            Said::Refused { .. } if self.asked != Asked::Nothing => (),
            Said::Refused { name, why, exit } => {
                self.worst = self.worst.max(exit);
                self.stage.plan.refused(&name, &why);
                self.view.say(&format!("{name}: {why}"), self.output);
            }
            Said::Failed { name, why, exit } => {
                self.worst = self.worst.max(exit);
                self.view.say(&format!("{name}: {why}"), self.output);
            }
            Said::TakenUp(obstacles) => self.taken_up(obstacles),
            Said::Stopped => return Some(self.stopped()),
        }
        None
    }

    /// Definitions that have changed are read, and a thread puts them in the place of the others.
    fn look_for_changes(&mut self) {
        if self.asked != Asked::Nothing || self.next.is_some() {
            return;
        }
        let Some(sources) = &mut self.stage.sources else { return };
        let files = sources.changed();
        if files.is_empty() {
            return;
        }
        let shown = reload::shown(&files);
        if let Some(why) = files.iter().find_map(|file| sources::foreign(file)) {
            let text = format!("{shown} changed and is not taken up: {why}; start again for that");
            return self.view.say(&text, self.output);
        }
        // What is wrong is told above the table.
        self.view.erase(self.output);
        match Next::read(&mut self.stage, self.args, &files, self.output) {
            Ok(next) if next.changes.is_empty() => self.take_up(next, BTreeMap::new()),
            Ok(next) => {
                self.starter.take_up(next.take_up(&self.stage));
                self.next = Some(next);
            }
            Err(_) => {
                let text = format!("{shown} changed and is not taken up; all goes on as before");
                self.view.say(&text, self.output);
            }
        }
    }

    fn taken_up(&mut self, obstacles: BTreeMap<String, String>) {
        // Who is told to end does not begin with others.
        if let Some(next) = self.next.take().filter(|_| self.asked == Asked::Nothing) {
            self.since = Instant::now();
            self.take_up(next, obstacles);
        }
    }

    fn take_up(&mut self, next: Next, obstacles: BTreeMap<String, String>) {
        self.view.say(&next.to_string(), self.output);
        let (added, more) = next.install(&mut self.stage, &self.args.exit_with, &self.log_writer);
        self.view.add(added.into_iter());
        // What was noted of those that begin anew went with their directories.
        self.notices = Notices::default();
        for (name, why) in obstacles.into_iter().chain(more) {
            self.view.say(&format!("{name}: {why}"), self.output);
            self.stage.plan.refused(&name, &why);
        }
    }

    /// Does what the plan says.
    fn go_on(&mut self) -> Result<(), Error> {
        if self.asked != Asked::Nothing || self.next.is_some() {
            return Ok(());
        }
        let steps = self.stage.plan.steps(self.begun.elapsed());
        self.notices.post(&self.stage.plan, |name| self.stage.find(name).map(|cast| &*cast.dir));
        for step in steps {
            match step {
                Step::Start { name, .. } => {
                    if let Some(cast) = self.stage.find(&name) {
                        self.starter.start(cast);
                    }
                }
                Step::Tell { name, what } => {
                    self.view.say(&format!("{name}: {what}"), self.output);
                }
                Step::Ready => self.view.ready(self.since.elapsed(), self.output),
                Step::Finished => self.stop(Asked::Stop)?,
                Step::End { name, exit } => {
                    self.with = Some(plan::code(exit));
                    let text = format!("{name} {}; all end with it", plan::ended(exit));
                    self.view.say(&text, self.output);
                    self.stop(Asked::Stop)?;
                }
            }
        }
        Ok(())
    }

    fn stop(&mut self, asked: Asked) -> Result<(), Error> {
        self.asked = asked;
        self.starter.stop(&self.stage, asked == Asked::Kill).map_err(thread)
    }

    /// Everything is down: what was not as it should be.
    fn stopped(&mut self) -> Ended {
        self.log_writer.finish();
        self.show(LAST);
        self.view.ends(self.output);
        let crashes = self.view.crashes(&self.stage.plan);
        let of_crashes = if crashes.is_empty() { Exit::Done } else { Exit::Negative };
        let (verdict, told) = self.stage.plan.verdict();
        for what in crashes.iter().chain(&told) {
            self.view.say(what, self.output);
        }
        self.worst = self.worst.max(of_crashes).max(verdict);
        let exit = finish(&mut self.stage, self.worst, self.output);
        self.with.map_or(Ended::By(exit), Ended::With)
    }

    /// Shows what services have written, for so long; whether there is more, and room for it.
    fn show(&mut self, time: Duration) -> bool {
        let limit = Instant::now() + time;
        while !self.output.is_behind() {
            let Some(heard) = self.log_writer.next() else { return false };
            if let Some(cast) = self.stage.cast.get(heard.at) {
                self.view.log(cast, heard.at, &heard.what, self.output);
            }
            if Instant::now() >= limit {
                return true;
            }
        }
        self.log_writer.has_more()
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

fn thread(source: std::io::Error) -> Error {
    system("start a thread for", source)
}

fn system(doing: &'static str, source: std::io::Error) -> Error {
    Error::System { doing, source }
}
