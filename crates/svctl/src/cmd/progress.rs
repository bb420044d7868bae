//! How a wait goes on, for somebody who looks at a terminal: who is still waited for, and since
//! when. One line on standard error, which goes away.

use std::{
    collections::BTreeSet,
    io::{self, IsTerminal, Write},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use svcmgr::Service;
use unicode_width::UnicodeWidthStr;

use super::screen::{Size, cut, height};
use crate::{name, names::Found, output::Output, text};

/// A wait that is shown, unless nobody would see it.
pub(crate) struct Progress(Option<Shown>);

struct Shown {
    left: Arc<Mutex<BTreeSet<usize>>>,
    /// Dropped to end the line.
    over: Option<mpsc::Sender<()>>,
    painter: Option<JoinHandle<()>>,
}

/// Who answers sooner than this needs no progress.
const PATIENCE: Duration = Duration::from_millis(700);
const EVERY: Duration = Duration::from_millis(500);

impl Progress {
    /// Where each is told of once it is done, that is progress enough.
    pub(crate) fn of(found: &[Found], is_told: bool, output: &Output) -> Self {
        if is_told || output.quiet || found.is_empty() || !io::stderr().is_terminal() {
            return Self(None);
        }
        let names: Vec<String> = found
            .iter()
            .map(|found| {
                name::shown(&found.name().to_string_lossy(), found.directory().map(Service::dir))
            })
            .collect();
        let left = Arc::new(Mutex::new((0..names.len()).collect()));
        let (over, ended) = mpsc::channel();
        let seen = Arc::clone(&left);
        let painter = std::thread::spawn(move || paint(&names, &seen, &ended));
        Self(Some(Shown { left, over: Some(over), painter: Some(painter) }))
    }

    /// One of them is done.
    pub(crate) fn done(&self, at: usize) {
        if let Some(shown) = &self.0 {
            shown.left.lock().unwrap_or_else(PoisonError::into_inner).remove(&at);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(shown) = &mut self.0 {
            shown.over = None;
            if let Some(painter) = shown.painter.take() {
                // It paints and nothing else.
                let _ended = painter.join();
            }
        }
    }
}

fn paint(names: &[String], left: &Mutex<BTreeSet<usize>>, ended: &mpsc::Receiver<()>) {
    let begun = Instant::now();
    let (mut pause, mut painted) = (PATIENCE, 0);
    while ended.recv_timeout(pause) == Err(mpsc::RecvTimeoutError::Timeout) {
        pause = EVERY;
        let left = left.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let waiting: Vec<&str> =
            left.iter().filter_map(|&at| names.get(at)).map(String::as_str).collect();
        let line = line(&waiting, names.len(), begun.elapsed());
        let line = cut(&line, Size::now(io::stderr()).width - 1);
        // Should the terminal become narrower this very moment, it cuts what is too long.
        let _gone = write!(io::stderr(), "{}\x1b[?7l{line}\x1b[?7h", erase(painted));
        painted = line.width();
    }
    if painted > 0 {
        let _gone = write!(io::stderr(), "{}", erase(painted));
    }
}

/// Goes back to the begin of a line that was painted so wide, which a terminal that has become
/// narrower since has folded, and takes it away.
fn erase(painted: usize) -> String {
    let above = height(&[painted], Size::now(io::stderr()).width) - 1;
    format!("\r\x1b[2K{}", "\x1b[1A\x1b[2K".repeat(above))
}

fn line(waiting: &[&str], all: usize, elapsed: Duration) -> String {
    const SHOWN: usize = 5;
    let names = waiting.get(..SHOWN).unwrap_or(waiting).join(", ");
    let more = if waiting.len() > SHOWN { ", ..." } else { "" };
    let span = text::span(elapsed.as_secs_f64());
    let count = if all > 1 { format!(" {} of {all}:", waiting.len()) } else { String::new() };
    format!("waiting for{count} {names}{more} ({span})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_names_a_few_and_counts_all() {
        let second = Duration::from_secs(12);
        assert_eq!(line(&["web"], 1, second), "waiting for web (12s)");
        assert_eq!(line(&["web"], 3, second), "waiting for 1 of 3: web (12s)");
        let six = ["a", "b", "c", "d", "e", "f"];
        assert_eq!(line(&six, 9, second), "waiting for 6 of 9: a, b, c, d, e, ... (12s)");
    }
}
