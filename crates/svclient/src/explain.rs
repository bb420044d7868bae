//! Why a service is not as it should be: facts are gathered once, by reading alone, and rules make
//! ordered findings of them.
//!
//! Nothing is started, sent or changed. A finding names a row of the table of causes, how certain it
//! is, and what was seen; what this user may not see is told beside them and never taken for absent.

mod elf;
mod exec;
mod execline;
mod facts;
mod file;
mod life;
mod machine;
mod rules;
mod runs;
mod script;
mod signs;
mod words;

pub(crate) use file::read;

use std::time::Instant;

use svproto::Cause;

use crate::{
    Certainty, Error, Evidence, Explanation, Finding, Remedy, Service, Unseen, WatchSet, aside,
};

/// Why the system cannot execute what the supervisor of this service starts, as long as that file stays as it is.
pub(crate) fn cannot_be_executed(service: &Service) -> Option<(Cause, String)> {
    let program = service.program();
    let fault = file::Runnable::look(service.dir().join(program), program).fault(None)?;
    let is_sure = matches!(fault.cause, Cause::FileNotExecutable | Cause::NoInterpreter);
    is_sure.then_some((fault.cause, fault.about))
}

impl Service {
    /// Why it is not as it should be: nothing for a service that is well. Reads alone; starts and
    /// changes nothing, and needs no privilege: what may not be seen is in [`Explanation::unseen`].
    ///
    /// ```
    /// # let tree = tempfile::tempdir().unwrap();
    /// # let dir = tree.path().join("web");
    /// # std::fs::create_dir_all(&dir).unwrap();
    /// # std::fs::write(dir.join("run"), "#!/bin/sh\n").unwrap();
    /// use svclient::Service;
    ///
    /// let why = Service::open(&dir)?.explain();
    /// for finding in &why.findings {
    ///     println!("{}: {finding}", finding.cause.kind());
    /// }
    /// assert!(why.findings.iter().any(|it| it.cause.kind() == "file-not-executable"));
    /// # Ok::<(), svclient::Error>(())
    /// ```
    #[must_use]
    pub fn explain(&self) -> Explanation {
        self.explain_after(&runs::Runs::default())
    }

    fn explain_after(&self, runs: &runs::Runs) -> Explanation {
        let facts = facts::Facts::gather(self, runs);
        let mut findings = rules::all(&facts);
        // A logger that has a supervisor of its own is a service, whose script names programs as well.
        let log = self.log().filter(|log| !facts.is_unsupervised() && !log.shares_supervisor());
        if let Some(log) = log {
            let missing = rules::of_script(&facts::Facts::gather(&log, &runs::Runs::default()));
            let is_logger = |it: &Finding| matches!(it.cause, Cause::Logger | Cause::LoggerLoop);
            let at = findings.iter().position(is_logger).unwrap_or(findings.len());
            findings.splice(at..at, missing);
        }
        Explanation { status: facts.status, findings, unseen: facts.unseen.into_inner() }
    }
    /// As [`Service::explain`], and no later than that: a script may name a directory on a server that is
    /// gone, which holds whoever looks at it.
    ///
    /// # Errors
    ///
    /// [`Error::Unanswered`] where something held the look until the deadline.
    pub fn explain_before(&self, deadline: Instant) -> Result<Explanation, Error> {
        let its = self.clone();
        aside::before(deadline, move || its.explain())
            .ok_or_else(|| Error::Unanswered { path: self.dir().to_owned() })
    }

    /// As [`Service::explain`], again at each change until a reason shows that is more than that a run has
    /// ended, or until then. What is watched tells how long each run lived: three that ended are a loop,
    /// also where the suite counts none.
    ///
    /// # Errors
    ///
    /// Those of a watch ([`WatchSet`]).
    pub fn explain_over(&self, until: Instant) -> Result<Explanation, Error> {
        let mut watch = WatchSet::new()?;
        let mut runs = runs::Runs::default();
        watch.add(self.clone())?;
        loop {
            let why = self.explain_after(&runs);
            let is_clear = why.findings.first().is_some_and(|it| it.cause != Cause::BackOff);
            if is_clear || Instant::now() >= until {
                return Ok(why);
            }
            // What happened since is noted before the next look.
            let mut next = watch.next_before(until)?;
            while let Some(event) = next {
                if let Ok(status) = &event.status {
                    runs.note(status);
                }
                next = watch.next_now()?;
            }
        }
    }
}
