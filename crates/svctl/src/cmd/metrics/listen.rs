//! The same by HTTP: one watch keeps what is known, and a scrape looks at no service.

use std::{
    collections::BTreeMap,
    io::{self, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    os::fd::{AsFd, BorrowedFd},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, PollTimeout, poll},
};
use svcmgr::{News, Service, WatchEvent, WatchKey};

use super::page::{Form, Known, Page};
use crate::{
    args::{self, Global},
    cmd::watch,
    exit::Exit,
    output::Output,
    view::View,
};

/// Whoever asks has so long to say what, and to read the answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// So many are answered at a time; others are refused.
const AT_A_TIME: usize = 16;
/// No request is longer.
const REQUEST: usize = 8 * 1024;

pub(super) fn run(
    global: &Global,
    args: &args::Metrics,
    address: SocketAddr,
    output: &mut Output,
) -> Exit {
    let listener = TcpListener::bind(address).and_then(|listener| {
        listener.set_nonblocking(true)?;
        Ok(listener)
    });
    let listener = match listener {
        Ok(listener) => listener,
        Err(error) => {
            output.message(&format!("cannot listen at {address}: {error}"));
            return Exit::System;
        }
    };
    let mut scene = match watch::Set::of(global, &args.services, output) {
        Ok(set) => Scene { set, all: BTreeMap::new(), loggers: BTreeMap::new() },
        Err(stopped) => return stopped.told(output),
    };
    if output.verbose {
        output.message(&format!("metrics at http://{address}/metrics"));
    }
    let answering = Arc::new(());
    loop {
        loop {
            match scene.set.watch.next_now() {
                Ok(Some(event)) => scene.learn(&event),
                Ok(None) => break,
                Err(error) => {
                    output.error(&error);
                    return Exit::from(&error);
                }
            }
        }
        while let Ok((stream, _)) = listener.accept() {
            // Each that is under way holds one more.
            if Arc::strong_count(&answering) <= AT_A_TIME {
                scene.answer(stream, args.compat, &answering);
            }
        }
        let set = &scene.set.watch;
        // Nobody has to read standard output here; a signal ends it.
        let _ready = wait_for(&[set.as_fd(), listener.as_fd()], set.due());
    }
}

/// What is known of all services.
struct Scene {
    set: watch::Set,
    all: BTreeMap<WatchKey, Known>,
    /// Loggers, each with its service.
    loggers: BTreeMap<WatchKey, WatchKey>,
}

impl Scene {
    fn learn(&mut self, event: &WatchEvent) {
        let service = event.service();
        if let Some(owner) = self.loggers.get(&event.key) {
            // It may end while its service runs on.
            let is_up = event.status.as_ref().is_ok_and(|status| status.pid().is_some());
            if let Some(owner) = self.all.get_mut(owner) {
                owner.logger_up = Some(is_up);
            }
            return;
        }
        if event.news == News::Removed {
            self.all.remove(&event.key);
            let of_it = self.loggers.iter().filter(|(_, owner)| **owner == event.key);
            for logger in of_it.map(|(logger, _)| *logger).collect::<Vec<_>>() {
                self.loggers.remove(&logger);
                self.set.watch.remove(logger);
            }
            return;
        }
        let view = match &event.status {
            Ok(status) => View::new(service, status).asking(service),
            Err(error) => {
                let path = service.directory().map(Service::dir);
                View::failed(&service.name().to_string_lossy(), path, error)
            }
        };
        let is_new = self.all.insert(event.key, Known::of(&view)).is_none();
        let log = service.directory().and_then(Service::log).filter(|_| is_new);
        if let Some(logger) = log.and_then(|log| self.set.watch.add(log).ok()) {
            self.loggers.insert(logger, event.key);
        }
    }

    /// Reads what is asked for and answers, in a thread: a slow client holds up nobody.
    fn answer(&self, stream: TcpStream, compat: bool, answering: &Arc<()>) {
        let pages = [Form::Open, Form::Text].map(|form| {
            let mut page = Page::new(form);
            page.write(&self.all.values(), compat);
            page
        });
        let held = answering.clone();
        // Without a thread, whoever asks asks again.
        let _none = thread::Builder::new().spawn(move || {
            // Who has gone needs no answer.
            let _gone = reply(stream, &pages);
            drop(held);
        });
    }
}

fn wait_for(fds: &[BorrowedFd<'_>], until: Option<Instant>) -> Result<i32, Errno> {
    let mut fds: Vec<_> = fds.iter().map(|fd| PollFd::new(*fd, PollFlags::POLLIN)).collect();
    let timeout = until.map_or(PollTimeout::NONE, |until| {
        let left = until.saturating_duration_since(Instant::now()).as_millis().saturating_add(1);
        PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
    });
    poll(&mut fds, timeout)
}

/// HTTP/1.1 as far as a scrape needs it: one request, one answer, the end.
fn reply(mut stream: TcpStream, [open, text]: &[Page; 2]) -> io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let deadline = Instant::now() + PATIENCE;
    let mut request = Vec::new();
    let mut buffer = [0; 1024];
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        let length = stream.read(&mut buffer)?;
        if length == 0 || request.len() > REQUEST || Instant::now() > deadline {
            return Err(io::ErrorKind::InvalidData.into());
        }
        request.extend_from_slice(buffer.get(..length).unwrap_or_default());
    }
    let request = String::from_utf8_lossy(&request).to_lowercase();
    let mut line = request.lines().next().unwrap_or_default().split(' ');
    let (method, path) = (line.next().unwrap_or_default(), line.next().unwrap_or_default());
    let path = path.split('?').next().unwrap_or_default();
    let wants_open =
        request.lines().any(|it| it.starts_with("accept:") && it.contains("openmetrics"));
    let (status, kind, body) = match (method, path) {
        ("get" | "head", "/metrics") if wants_open => {
            ("200 OK", "application/openmetrics-text; version=1.0.0; charset=utf-8", open.text())
        }
        ("get" | "head", "/metrics") => {
            ("200 OK", "text/plain; version=0.0.4; charset=utf-8", text.text())
        }
        ("get" | "head", _) => ("404 Not Found", "text/plain", "metrics are at /metrics\n"),
        _ => ("405 Method Not Allowed", "text/plain", "GET is all that is answered\n"),
    };
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    if method != "head" {
        stream.write_all(body.as_bytes())?;
    }
    stream.flush()
}
