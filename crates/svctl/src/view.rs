//! How a service stands, as far as svctl asks: the one place that asks. What it holds is typed;
//! JSON ([`crate::json`]) and text ([`crate::text`]) are functions of it and of nothing else.

use std::{borrow::Cow, path::Path, time::Duration};

use svcmgr::{
    Error, Facts, Finding, LastExit, Normally, Phase, Pid, Service, State, Status, Suite,
    Supervised, UnixTime, Want, is_path, proto::files,
};

use crate::{name, output::message};

/// One service. It borrows from what was looked at: of thousands, memory for each name and path
/// would take as long as a system call.
#[derive(Clone, Debug)]
pub(crate) struct View<'a> {
    /// What JSON calls it: the last component of its path, or as typed.
    pub(crate) service: Cow<'a, str>,
    /// The same with every byte, where it is no text.
    pub(crate) bytes: Option<Vec<u8>>,
    /// What people are shown instead, where that is different: a path as they typed it, as a word
    /// of a shell.
    pub(crate) shown: Option<String>,
    pub(crate) path: Option<Cow<'a, Path>>,
    /// Of what could not be looked at.
    pub(crate) suite: Option<Suite>,
    /// `None` where it could not be looked at.
    pub(crate) status: Option<Status>,
    /// The logger, beside its service and never instead of it.
    pub(crate) log: Option<Log>,
    /// Whether s6-rc takes it for up, where that keeps it and is asked.
    pub(crate) s6_rc: Option<bool>,
    /// Why it says less than it might.
    pub(crate) error: Option<String>,
    /// Why it is not as it should be, where that was asked and is more than how it stands.
    pub(crate) reason: Option<Box<Reason>>,
    /// When it was looked at.
    pub(crate) at: UnixTime,
}

/// The first reason why a service is not as it should be, and what helps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reason {
    pub(crate) finding: Finding,
    /// A command that can be typed.
    pub(crate) remedy: Option<String>,
}

/// How a logger stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Log {
    /// `None` where it could not be looked at, which says nothing about its service.
    pub(crate) state: Option<State>,
    pub(crate) pid: Option<Pid>,
}

impl<'a> View<'a> {
    /// A service that was looked at. What is odd about it is asked for by [`View::asking`].
    pub(crate) fn new(service: &'a dyn Supervised, seen: &Status) -> Self {
        let directory = service.directory();
        let path = directory.map(Service::dir);
        let typed = service.name().to_string_lossy();
        let name = match (&typed, path) {
            (Cow::Borrowed(typed), Some(path)) => name_of(typed, path),
            (Cow::Owned(typed), Some(path)) => name_of(typed, path).into_owned().into(),
            (typed, None) => typed.clone(),
        };
        let as_it_is = typed == name && name::is_plain(&typed);
        let bytes = match &typed {
            Cow::Borrowed(_) => None,
            Cow::Owned(_) => Some(service.name().as_bytes().to_vec()),
        };
        Self {
            bytes,
            shown: (!as_it_is).then(|| name::shown(&typed, path)),
            service: name,
            path: path.map(Cow::Borrowed),
            suite: None,
            status: Some(match (seen.suite(), service.suite()) {
                (None, Some(suite)) => seen.with_suite(suite),
                _ => *seen,
            }),
            log: directory.and_then(log),
            s6_rc: None,
            error: None,
            reason: None,
            at: UnixTime::now(),
        }
    }

    /// The same, asked what is odd about it.
    pub(crate) fn asking(self, service: &dyn Supervised) -> Self {
        let status = self.status.map(|seen| service.looked_closer(&seen));
        let s6_rc = service.directory().and_then(|it| it.s6_rc()?.is_up());
        Self { status, s6_rc, ..self }
    }

    /// A service for which something failed, and what can be said of it nevertheless.
    pub(crate) fn failed_for(service: &'a dyn Supervised, error: &Error) -> Self {
        let error_text = Some(message(error));
        match service.status() {
            Ok(seen) => Self { error: error_text, ..Self::new(service, &seen) },
            Err(_) => Self {
                suite: service.suite(),
                ..Self::failed(
                    &service.name().to_string_lossy(),
                    service.directory().map(Service::dir),
                    error,
                )
            },
        }
    }

    /// A service that could not be looked at.
    pub(crate) fn failed(name: &str, path: Option<&'a Path>, error: &Error) -> Self {
        let service = path.map_or_else(|| name.into(), |path| name_of(name, path));
        Self {
            service: service.into_owned().into(),
            shown: Some(name::shown(name, path)),
            path: path.map(Cow::Borrowed),
            error: Some(message(error)),
            ..Self::named("")
        }
    }

    /// A service of which nothing is known but its name.
    pub(crate) fn named(name: &'a str) -> Self {
        Self {
            service: name.into(),
            bytes: None,
            shown: Some(name::shown(name, None)),
            path: None,
            suite: None,
            status: None,
            log: None,
            s6_rc: None,
            error: None,
            reason: None,
            at: UnixTime::now(),
        }
    }

    /// What people are shown.
    pub(crate) fn shown(&self) -> &str {
        self.shown.as_deref().unwrap_or(&self.service)
    }

    /// The same, to keep.
    pub(crate) fn into_owned(self) -> View<'static> {
        View {
            service: Cow::Owned(self.service.into_owned()),
            path: self.path.map(|path| Cow::Owned(path.into_owned())),
            ..self
        }
    }

    /// What is odd, in words.
    pub(crate) fn odd(&self) -> Vec<String> {
        let odd = self.status.as_ref().map(|seen| seen.odd().causes(self.at)).unwrap_or_default();
        odd.iter().map(|(cause, about)| cause.about(about).to_string()).collect()
    }

    /// Why it is not as it should be, in words.
    pub(crate) fn why(&self) -> Option<String> {
        self.reason.as_ref().map(|it| it.finding.to_string())
    }

    /// What its record says.
    pub(crate) fn facts(&self) -> Option<&Facts> {
        self.status.as_ref().and_then(Status::facts)
    }

    /// The one word; `None` where it could not be looked at.
    pub(crate) fn state(&self) -> Option<State> {
        self.status.as_ref().map(Status::state)
    }

    pub(crate) fn want(&self) -> Option<Want> {
        self.status.as_ref().and_then(Status::want)
    }

    pub(crate) fn pid(&self) -> Option<Pid> {
        self.status.as_ref().and_then(Status::pid)
    }

    pub(crate) fn finish_pid(&self) -> Option<Pid> {
        self.facts().and_then(|facts| facts.finish_pid)
    }

    /// The process that is there, be it that of `finish`.
    pub(crate) fn process(&self) -> Option<Pid> {
        self.pid().or(self.finish_pid())
    }

    pub(crate) fn supervised(&self) -> Option<bool> {
        self.status.as_ref().and_then(Status::supervised)
    }

    pub(crate) fn ready(&self) -> Option<bool> {
        self.status.as_ref().and_then(Status::ready)
    }

    /// How long ago its process started or died.
    pub(crate) fn changed_ago(&self) -> Option<Duration> {
        self.facts()?.since.map(|since| since.elapsed(self.at))
    }

    /// For how long there is a process.
    pub(crate) fn uptime(&self) -> Option<Duration> {
        let runs = self.facts().is_some_and(|it| it.phase == Phase::Up && it.pid.is_some());
        self.changed_ago().filter(|_| runs)
    }

    /// Whether a pause holds it. runit keeps its flag when the process is gone; what is down is not
    /// paused.
    pub(crate) fn paused(&self) -> Option<bool> {
        let facts = self.facts()?;
        facts.paused.map(|paused| paused && facts.phase != Phase::Down)
    }

    /// Whether the supervisor starts the service by itself.
    pub(crate) fn is_normally(&self, normally: Normally) -> bool {
        self.status.as_ref().and_then(Status::normally) == Some(normally)
    }

    /// How its last run ended.
    pub(crate) fn exit(&self) -> Option<LastExit> {
        let exit = self.status.as_ref().and_then(Status::exit)?;
        matches!(exit, LastExit::Exited { .. } | LastExit::Signaled { .. }).then_some(exit)
    }
}

/// The service's name from what was typed: the last component of a path, for a logger the last two;
/// `web/log` as it is.
pub(crate) fn name_of<'a>(typed: &'a str, path: &Path) -> Cow<'a, str> {
    if !is_path(typed.as_ref()) {
        return typed.into();
    }
    let path = name::absolute(path);
    let Some(last) = path.file_name() else { return typed.into() };
    let last = last.to_string_lossy();
    let above = path.parent().and_then(Path::file_name).filter(|_| last == files::LOG);
    match above {
        Some(above) => format!("{}/{last}", above.to_string_lossy()).into(),
        None => last.into_owned().into(),
    }
}

/// The logger's state.
fn log(service: &Service) -> Option<Log> {
    let seen = service.log()?.status().ok();
    let (state, pid) = (seen.map(|seen| seen.state()), seen.and_then(|seen| seen.pid()));
    Some(Log { state, pid })
}
