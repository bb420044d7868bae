//! What `svctl dev` shows: lines of logs and changes; on a terminal also a table below them.

use std::{
    collections::BTreeMap,
    io::IsTerminal,
    time::{Duration, Instant},
};

use anstyle::{AnsiColor, Style};
use svcmgr::{LastExit, News, Pid, Service, State, Status, UnixTime, Want, WatchEvent};
use unicode_width::UnicodeWidthStr;

use super::{
    log_writer::What,
    stage::{Cast, Stage},
};
use crate::{
    cmd::{
        definitions::plan::{self, Plan},
        screen::{Size, cut, height, padded},
    },
    json,
    output::{Output, printable},
    reason::Asker,
    text,
};

/// The view.
pub(super) struct View {
    names: Vec<String>,
    width: usize,
    /// The lines of the table that is on the terminal, each as wide as it was painted; `None` for a
    /// view without one.
    table: Option<Vec<usize>>,
    /// For which terminal it was painted.
    size: Size,
    changed: bool,
    painted: Instant,
    seen: BTreeMap<String, Seen>,
    /// Changes that were not shown.
    skipped: u64,
    /// What ended before was started by another.
    begun: UnixTime,
}

/// What was seen of a service.
struct Seen {
    directory: Service,
    pid: Option<Pid>,
    starts: u64,
    /// Somebody asked for its end.
    ending: bool,
    /// How often it ended without being asked, and how the last time.
    crashes: u64,
    /// When the last run that was seen to be over had ended.
    over: Option<UnixTime>,
    exit: Option<LastExit>,
    /// How often it was asked why, and what was told last.
    asked: u8,
    why: Option<String>,
}

/// Uptimes are as old as this at most.
const REPAINT: Duration = Duration::from_secs(1);

/// A reason is there by the third time, and the others of a loop cost nothing.
const OFTEN_ENOUGH: u8 = 3;

impl View {
    pub(super) fn new(stage: &Stage, output: &Output) -> Self {
        let names: Vec<String> = stage.cast.iter().map(|cast| cast.name.clone()).collect();
        let width = names.iter().map(|name| name.width()).max().unwrap_or(0);
        let live = !output.json && !output.quiet && std::io::stdout().is_terminal();
        let (table, changed) = (live.then(Vec::new), true);
        let (size, seen) = (Size::now(std::io::stdout()), BTreeMap::new());
        let (painted, begun) = (Instant::now(), UnixTime::now());
        Self { names, width, table, size, changed, painted, seen, skipped: 0, begun }
    }

    /// These are shown as well.
    pub(super) fn add(&mut self, names: impl Iterator<Item = String>) {
        self.names.extend(names);
        self.width = self.names.iter().map(|name| name.width()).max().unwrap_or(0);
    }

    pub(super) fn begins(&self, stage: &Stage, output: &mut Output) {
        let scan = stage.tree.scan_dir();
        let dir = printable(&scan.dir().display().to_string());
        let services = text::counted(self.names.len(), "service");
        output.message(&format!("{services}; elsewhere: svctl --dir {dir} status"));
    }

    /// When it is worth a call again.
    pub(super) fn due(&self) -> Instant {
        match self.table {
            Some(_) => self.painted + REPAINT,
            None => Instant::now() + Duration::from_secs(3600),
        }
    }

    pub(super) fn log(&mut self, cast: &Cast, at: usize, what: &What, output: &mut Output) {
        let name = &*cast.name;
        if let What::Unkept(why) = what {
            self.say(&format!("{name}: {why}"), output);
            return;
        }
        if output.json {
            let log = cast.log.path().to_string_lossy();
            match what {
                What::Line(text) | What::Cut(text) => {
                    let (log, line) = (Some(&*log), String::from_utf8_lossy(text));
                    output.json(&json::Logged { service: name, url: None, log, at: None, line });
                }
                What::Skipped(lines) => {
                    output.json(&json::Skipped { service: Some(name), skipped: *lines });
                }
                What::Unkept(_) => (),
            }
            return;
        }
        if output.quiet {
            return;
        }
        let line = match what {
            What::Line(text) => String::from_utf8_lossy(text),
            What::Cut(text) => {
                let text = String::from_utf8_lossy(text);
                let log = cast.log.path().display();
                format!("{text} ... (a long line; the rest of it is in {log})").into()
            }
            What::Skipped(lines) => skipped(*lines).into(),
            What::Unkept(_) => return,
        };
        let pad = self.width.saturating_sub(name.width());
        let front = format!("{name}{:pad$} |", "");
        let front = if output.has_color() {
            let color = COLORS.get(at % COLORS.len()).map(|&color| color.into());
            let style = Style::new().fg_color(color);
            format!("{style}{front}{style:#}")
        } else {
            front
        };
        self.line(&format!("{front} {}", printable(&line)), output);
    }

    pub(super) fn event(&mut self, event: &WatchEvent, output: &mut Output) {
        let Some(service) = event.directory() else { return };
        let view = match &event.status {
            Ok(status) => crate::view::View::new(event.service(), status),
            Err(error) => crate::view::View::failed(
                &event.name().to_string_lossy(),
                Some(service.dir()),
                error,
            ),
        };
        let name = event.name().to_string_lossy().into_owned();
        let seen = self.seen.entry(name.clone()).or_insert_with(|| Seen {
            directory: service.clone(),
            pid: None,
            starts: 0,
            ending: false,
            crashes: 0,
            over: None,
            exit: None,
            asked: 0,
            why: None,
        });
        let (pid, want) = (view.pid(), view.want());
        seen.exit = view.status.as_ref().and_then(Status::exit).or(seen.exit);
        if pid.is_some() && pid != seen.pid {
            seen.starts += 1;
        }
        // A run that was over between two looks has left when and how it ended, and whether that was asked for.
        let is_over = matches!(view.state(), Some(State::Backoff | State::Failed | State::Down));
        let status = view.status.as_ref().filter(|it| is_over && it.exit().is_some());
        let over = status.and_then(Status::since);
        let was_over = over.is_some_and(|over| over >= self.begun) && over != seen.over;
        let is_asked = status.and_then(Status::was_end_asked).unwrap_or(seen.ending);
        // What is not to be started again may well be done.
        let is_done = want != Some(Want::Up) && seen.exit == Some(LastExit::Exited { code: 0 });
        let is_next = seen.pid.is_some() && pid.is_some() && pid != seen.pid && !seen.ending;
        if is_next || (was_over && !is_asked && !is_done) {
            seen.crashes += 1;
        }
        seen.over = over.or(seen.over);
        seen.ending = view.state() == Some(State::Stopping) || want == Some(Want::Down);
        seen.pid = pid;
        let starts = seen.starts;
        let view = if view.state() == Some(State::Backoff) && seen.asked < OFTEN_ENOUGH {
            seen.asked += 1;
            Asker::of(1, false).with_reason(service, view)
        } else {
            view
        };
        let why = view.why().filter(|why| seen.why.as_ref() != Some(why));
        seen.why = why.clone().or(seen.why.take());
        if event.news == News::Removed {
            self.seen.remove(&name);
        }
        self.changed = true;
        if output.is_behind() {
            self.skipped += 1;
            return;
        }
        if output.json {
            output.json(&json::Line::of(&view, event.seq, event.news.name()));
            return;
        }
        // What comes before the first start is no news to the user who starts it.
        let awaited =
            starts == 0 && pid.is_none() && !was_over && view.error.is_none() && why.is_none();
        if output.quiet || event.news == News::Removed || awaited {
            return;
        }
        let pad = self.width.saturating_sub(name.width());
        let text = format!("{}{:pad$} * {}", printable(&name), "", text::summary(&view));
        let line = output.paint(view.state(), &text);
        self.line(&line, output);
        if let Some(why) = why {
            let remedy = view.reason.as_ref().and_then(|it| it.remedy.as_ref());
            let hint = remedy.map(|it| format!("\n  hint: {it}")).unwrap_or_default();
            self.erase(output);
            output.message(&format!("{}: {why}{hint}", printable(&name)));
        }
    }

    pub(super) fn ready(&mut self, took: Duration, output: &mut Output) {
        let span = text::span(took.as_secs_f64());
        self.say(&format!("all services are up, after {span}; Ctrl-C ends them"), output);
    }

    /// Who ended without being asked, how often, and how. What becomes of a job the plan knows.
    pub(super) fn crashes(&self, plan: &Plan) -> Vec<String> {
        let told = |(name, seen): (&String, &Seen)| {
            let times = if seen.crashes == 1 { "once" } else { "times" };
            let count =
                if seen.crashes == 1 { String::new() } else { format!("{} ", seen.crashes) };
            let how = seen.exit.map(|exit| format!("; it {} last", plan::ended(exit)));
            let how = how.unwrap_or_default();
            let is_told = seen.crashes > 0 && !plan.is_job(name);
            is_told.then(|| format!("{name} ended by itself {count}{times}{how}"))
        };
        self.seen.iter().filter_map(told).collect()
    }

    pub(super) fn stopping(&mut self, at_once: bool, output: &mut Output) {
        let text = if at_once { "killing" } else { "stopping; once more kills" };
        self.say(text, output);
    }

    /// A message above the table.
    pub(super) fn say(&mut self, text: &str, output: &mut Output) {
        self.erase(output);
        output.message(&printable(text));
    }

    /// Paints the table again, if something has changed or time has passed.
    pub(super) fn refresh(&mut self, output: &mut Output) {
        if output.is_behind() {
            return;
        }
        let unseen = std::mem::take(&mut self.skipped);
        if unseen > 0 && output.json {
            output.json(&json::Skipped { service: None, skipped: unseen });
        } else if unseen > 0 && !output.quiet {
            self.line(&skipped(unseen), output);
        }
        let Some(lines) = &self.table else {
            output.flush();
            return;
        };
        let is_fresh = !self.changed && self.size == Size::now(std::io::stdout());
        if !lines.is_empty() && is_fresh && self.painted.elapsed() < REPAINT {
            return;
        }
        self.erase(output);
        self.size = Size::now(std::io::stdout());
        let rows = self.rows();
        // A table that fills the terminal would leave no room for what happens.
        let room = (self.size.height / 2).max(3);
        let shown = if rows.len() < room { rows.len() } else { room.saturating_sub(2) };
        let head = format!(
            "{}  {:<9} {:>8} {:>8} {:>8}  NOTES",
            padded("SERVICE", self.width.max(7)),
            "STATE",
            "PID",
            "FOR",
            "RESTARTS",
        );
        let mut lines = vec![(None, head)];
        let hidden = rows.get(shown..).unwrap_or_default();
        let is_well = |state| matches!(state, Some(State::Up | State::Ready));
        let unwell = hidden.iter().filter(|(state, _)| !is_well(*state)).count();
        let more = format!("and {} more, {unwell} of them not up", hidden.len());
        let more = (!hidden.is_empty()).then_some((None, more));
        let rows = rows.into_iter().take(shown).map(|(state, line)| (Some(state), line));
        lines.extend(rows.chain(more));
        let mut painted = Vec::with_capacity(lines.len());
        // Should the terminal become narrower this very moment, it cuts what is too long.
        output.raw(b"\x1b[?7l");
        for (state, line) in lines {
            // Blanks at its end some terminals fold and some do not.
            let line = cut(&line, self.size.width - 1).trim_end();
            painted.push(line.width());
            let line = state.map_or_else(|| line.to_owned(), |state| output.paint(state, line));
            output.line(&line);
        }
        output.raw(b"\x1b[?7h");
        self.table = Some(painted);
        (self.changed, self.painted) = (false, Instant::now());
        output.flush();
    }

    /// Leaves the last table where it is.
    pub(super) fn ends(&mut self, output: &mut Output) {
        self.changed = true;
        self.refresh(output);
        self.table = self.table.as_ref().map(|_| Vec::new());
    }

    fn rows(&self) -> Vec<(Option<State>, String)> {
        let mut rows = Vec::new();
        for name in &self.names {
            let Some(seen) = self.seen.get(name) else { continue };
            let view = match seen.directory.status() {
                Ok(status) => crate::view::View::new(&seen.directory, &status),
                Err(error) => crate::view::View::failed(name, Some(seen.directory.dir()), &error),
            };
            let [word, pid, span, notes] = text::columns(&view);
            let restarts = seen.starts.saturating_sub(1);
            let name = padded(&printable(name), self.width.max(7));
            let line = format!("{name}  {word:<9} {pid:>8} {span:>8} {restarts:>8}  {notes}");
            rows.push((view.state(), line));
        }
        rows
    }

    fn line(&mut self, line: &str, output: &mut Output) {
        self.erase(output);
        output.line(line);
    }

    /// Takes the table off the terminal, so that lines go where it stood. A terminal that has
    /// become narrower since has folded its lines. What that has pushed out of a low screen stays
    /// in its history, which nobody can reach.
    pub(super) fn erase(&mut self, output: &mut Output) {
        let Some(lines) = self.table.take_if(|lines| !lines.is_empty()) else { return };
        let height = height(&lines, Size::now(std::io::stdout()).width);
        // Line by line: what is cleared from the first line of a screen on, some terminals keep in
        // their history. The first is where the terminal shows a ^C.
        output.raw(format!("\r\x1b[2K{}", "\x1b[1A\x1b[2K".repeat(height)).as_bytes());
        self.table = Some(Vec::new());
        self.changed = true;
    }
}

/// In the place of lines that nobody could have read.
fn skipped(lines: u64) -> String {
    let ending = if lines == 1 { "" } else { "s" };
    format!("... {} line{ending} skipped", text::count(lines))
}

const COLORS: [AnsiColor; 6] = [
    AnsiColor::Cyan,
    AnsiColor::Magenta,
    AnsiColor::Blue,
    AnsiColor::Yellow,
    AnsiColor::Green,
    AnsiColor::BrightBlue,
];
