//! How a line of a log is printed.

use std::io::IsTerminal;

use jiff::tz::TimeZone;
use svcmgr::{LogItem, UnixTime};

use super::{merge::Record, sources::Source};
use crate::{
    json, name,
    output::{Output, printable},
    text::count,
};

pub(super) struct Printer<'a> {
    sources: &'a [Source],
    /// Of each source the log directory.
    paths: Vec<Option<String>>,
    width: usize,
    zone: TimeZone,
    /// What a terminal shows must not move its cursor; what goes elsewhere is left as it is.
    terminal: bool,
}

impl<'a> Printer<'a> {
    pub(super) fn new(sources: &'a [Source], utc: bool, output: &Output) -> Self {
        let several = sources.windows(2).any(|two| match two {
            [one, other] => one.shown != other.shown,
            _ => false,
        });
        let width = sources.iter().map(|source| source.shown.chars().count()).max().unwrap_or(0);
        let path = |source: &Source| {
            source.directory().map(|log| log.path().to_string_lossy().into_owned())
        };
        Self {
            sources,
            paths: sources.iter().map(path).collect(),
            width: if several { width } else { 0 },
            zone: if utc || output.json { TimeZone::UTC } else { TimeZone::system() },
            terminal: std::io::stdout().is_terminal(),
        }
    }

    pub(super) fn print(&mut self, record: &Record, output: &mut Output) {
        let source = record.source.and_then(|at| self.sources.get(at));
        let path = record.source.and_then(|at| self.paths.get(at)?.as_deref());
        let text = match &record.what {
            LogItem::Line(text) => text,
            LogItem::NotText(file) => {
                let file = name::shown(&file.to_string_lossy(), Some(file));
                output.message(&format!(
                    "{file}: is packed by neither gzip nor zstd, so its lines are left out"
                ));
                return;
            }
            LogItem::Damaged(file) => {
                let file = name::shown(&file.to_string_lossy(), Some(file));
                output.message(&format!(
                    "{file}: is damaged, or no log, so the rest of it is left out"
                ));
                return;
            }
            LogItem::Cut { left_out } => {
                let path = printable(path.unwrap_or_default());
                let left_out = count(*left_out);
                output.message(&format!(
                    "{path}: the line before this is too long, {left_out} bytes of it are left out"
                ));
                return;
            }
            _ => {
                let path = printable(path.unwrap_or_default());
                output.message(&format!("{path}: files were removed, lines may be missing here"));
                return;
            }
        };
        let unit = || record.unit.as_deref().unwrap_or("journal");
        if output.json {
            let service = source.map_or_else(unit, |source| &source.name);
            let url = source.and_then(|source| source.url.as_deref());
            let at = record.at.and_then(json::rfc3339);
            let line = String::from_utf8_lossy(text);
            output.json(&json::Logged { service, url, log: path, at, line });
            return;
        }
        let mut shown = Vec::new();
        if let Some(time) = record.at.and_then(|at| self.time(at)) {
            shown.extend(time.as_bytes());
            shown.push(b' ');
        }
        if self.width > 0 {
            let name = source.map_or_else(|| printable(unit()), |source| source.shown.clone());
            let pad = self.width.saturating_sub(name.chars().count());
            shown.extend(name.as_bytes());
            shown.extend(std::iter::repeat_n(b' ', pad + 1));
        }
        if self.terminal {
            shown.extend(printable(&String::from_utf8_lossy(text)).as_bytes());
        } else {
            shown.extend(text);
        }
        output.bytes(&shown);
    }

    fn time(&self, at: UnixTime) -> Option<String> {
        let nanos = i32::try_from(at.nanos()).ok()?;
        let time = jiff::Timestamp::new(at.secs(), nanos).ok()?.to_zoned(self.zone.clone());
        Some(time.strftime("%Y-%m-%d %H:%M:%S.%3f").to_string())
    }
}
