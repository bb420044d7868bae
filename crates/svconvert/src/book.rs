//! What readers write down: every line with its verdict, and the services as far as they are known.

use std::path::{Path, PathBuf};

use svbuild::Service;

use crate::report::{LineReport, LineVerdict, Location, Report, ServiceReport, is_part};

/// The number of a line in the book.
pub(crate) type At = usize;

/// A service in the making.
#[derive(Clone)]
pub(crate) struct Draft {
    pub(crate) name: String,
    /// What its lines are about: its name, or that of the program of which several services are made.
    pub(crate) about: String,
    pub(crate) service: Service,
    /// The file or directory that describes it.
    pub(crate) source: String,
    /// The line to blame for what no other line says.
    pub(crate) head: At,
    pub(crate) is_refused: bool,
}

/// Everything that was read.
#[derive(Clone, Default)]
pub(crate) struct Book {
    lines: Vec<LineReport>,
    /// Whether somebody has said something about a line.
    judged: Vec<bool>,
    pub(crate) drafts: Vec<Draft>,
    /// What relative paths are relative to, if the format has such.
    pub(crate) base: Option<PathBuf>,
    /// Services that are started after another one, which says so: the later one, and the earlier.
    pub(crate) later: Vec<(String, String)>,
}

impl Book {
    /// Says what relative paths are relative to. There is one place for all of them.
    pub(crate) fn is_based_on(&mut self, dir: &Path) -> bool {
        self.base.get_or_insert_with(|| dir.to_owned()) == dir
    }

    /// A line that is still to be judged.
    pub(crate) fn line(&mut self, location: Location, text: &str) -> At {
        self.lines.push(LineReport {
            location,
            text: text.trim().to_owned(),
            is_heading: false,
            verdict: LineVerdict::Exact,
            service: None,
            key: None,
            why: None,
        });
        self.judged.push(false);
        self.lines.len() - 1
    }

    /// A line that opens a section.
    pub(crate) fn heading(&mut self, location: Location, text: &str) -> At {
        let at = self.line(location, text);
        if let Some(line) = self.lines.get_mut(at) {
            line.is_heading = true;
        }
        self.exact(at, None);
        at
    }

    /// Which service a line is about.
    pub(crate) fn about(&mut self, at: At, service: &str) {
        if let Some(line) = self.lines.get_mut(at) {
            line.service = Some(service.to_owned());
        }
    }

    /// Says what became of a line; the worst that is said counts, and every reason.
    pub(crate) fn judge(
        &mut self,
        at: At,
        verdict: LineVerdict,
        key: Option<&str>,
        why: Option<&str>,
    ) {
        let Some(line) = self.lines.get_mut(at) else { return };
        if let Some(judged) = self.judged.get_mut(at) {
            *judged = true;
        }
        line.verdict = line.verdict.max(verdict);
        if let Some(key) = key.filter(|_| line.key.is_none()) {
            line.key = Some(key.to_owned());
        }
        if let Some(why) = why {
            line.add(why);
        }
    }

    pub(crate) fn exact(&mut self, at: At, key: Option<&str>) {
        self.judge(at, LineVerdict::Exact, key, None);
    }

    pub(crate) fn equivalent(&mut self, at: At, key: Option<&str>, why: &str) {
        self.judge(at, LineVerdict::Equivalent, key, Some(why));
    }

    pub(crate) fn approximated(&mut self, at: At, key: Option<&str>, why: &str) {
        self.judge(at, LineVerdict::Approximated, key, Some(why));
    }

    pub(crate) fn dropped(&mut self, at: At, why: &str) {
        self.judge(at, LineVerdict::Dropped, None, Some(why));
    }

    pub(crate) fn refused(&mut self, at: At, why: &str) {
        self.judge(at, LineVerdict::Refused, None, Some(why));
    }

    /// Takes a service in.
    pub(crate) fn service(&mut self, draft: Draft) {
        self.drafts.push(draft);
    }

    /// Lines of a service that have written a key or a part of it.
    pub(crate) fn writers(&self, service: &str, key: &str) -> Vec<At> {
        let of_key = |line: &LineReport| line.key.as_deref().is_some_and(|own| is_part(own, key));
        let of_service = |line: &LineReport| line.service.as_deref() == Some(service);
        let lines = self.lines.iter().enumerate();
        lines.filter(|(_, it)| of_service(it) && of_key(it)).map(|(at, _)| at).collect()
    }

    /// The line of a file that begins at this byte, or before it with blanks.
    pub(crate) fn find(&self, file: &str, start: usize) -> Option<At> {
        self.lines
            .iter()
            .position(|line| line.location.file == file && line.location.bytes.start >= start)
    }

    /// Whether a line about this was refused.
    pub(crate) fn refuses(&self, about: &str) -> bool {
        let refused = |line: &LineReport| {
            line.verdict == LineVerdict::Refused && line.service.as_deref() == Some(about)
        };
        self.lines.iter().any(refused)
    }

    /// The report, and what is left of the services.
    pub(crate) fn close(mut self) -> (Report, Vec<Draft>) {
        for (line, judged) in self.lines.iter_mut().zip(&self.judged) {
            if !judged {
                line.verdict = LineVerdict::Dropped;
                line.why = Some("nothing is known of it".to_owned());
            }
        }
        let services = self.drafts.iter().map(|draft| ServiceReport {
            service: draft.name.clone(),
            about: draft.about.clone(),
            source: draft.source.clone(),
            is_converted: !draft.is_refused,
        });
        let report = Report { services: services.collect(), lines: self.lines };
        self.drafts.retain(|draft| !draft.is_refused);
        (report, self.drafts)
    }
}
