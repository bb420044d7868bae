//! Carries out the plan of a file: takes services on when it says so, looks at what has happened, and tells what is held
//! back and why.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, mpsc::Receiver},
    time::{Duration, Instant},
};

use svcmgr::{
    Op, Service,
    devtree::{Error, ServiceId, ServiceOptions, ServicePart, Supervisor},
};

use super::lines::Lines;
use crate::{
    cmd::{
        definitions::{
            notices::Notices,
            plan::{Plan, Step},
        },
        supervise::lock,
    },
    events::Teller,
    exit::Exit,
    output::in_full,
    text,
};

/// The plan, and those who are in it.
pub(super) struct Driver {
    plan: Plan,
    notices: Notices,
    cast: BTreeMap<String, Cast>,
    /// Something happened to the service in this directory.
    events: Receiver<Arc<Path>>,
    lines: Lines,
    teller: Arc<Mutex<Teller>>,
    begun: Instant,
    /// All were jobs, and have ended.
    is_finished: bool,
    /// What could not be started.
    worst: Exit,
}

/// One service of the file.
pub(super) struct Cast {
    pub(super) dir: PathBuf,
    pub(super) options: ServiceOptions,
    id: Option<ServiceId>,
    service: Option<Service>,
}

impl Cast {
    pub(super) const fn new(dir: PathBuf, options: ServiceOptions) -> Self {
        Self { dir, options, id: None, service: None }
    }
}

impl Driver {
    pub(super) fn new(
        plan: Plan,
        cast: BTreeMap<String, Cast>,
        events: Receiver<Arc<Path>>,
        lines: Lines,
        teller: Arc<Mutex<Teller>>,
    ) -> Self {
        Self {
            plan,
            notices: Notices::default(),
            cast,
            events,
            lines,
            teller,
            begun: Instant::now(),
            is_finished: false,
            worst: Exit::Done,
        }
    }

    /// Does what is to be done now; how long to wait for the next time, where nothing happens.
    pub(super) fn go_on(&mut self, supervisor: &mut Supervisor) -> Option<Duration> {
        while !supervisor.is_stopping() {
            self.look();
            let steps = self.plan.steps(self.begun.elapsed());
            let dir = |name: &str| self.cast.get(name).map(|cast| &*cast.dir);
            self.notices.post(&self.plan, dir);
            if steps.is_empty() {
                let due = self.plan.due()?;
                return Some(due.saturating_sub(self.begun.elapsed()));
            }
            for step in steps {
                self.carry_out(step, supervisor);
            }
        }
        None
    }

    /// Once all have ended: waits for their last words. What became of the plan, what could not be started, and
    /// whether it has ended by itself.
    pub(super) fn finish(self) -> (Plan, Exit, bool) {
        self.lines.finish();
        (self.plan, self.worst, self.is_finished)
    }

    /// Takes in what has happened. The files say so by now, and one look is as good as many.
    fn look(&mut self) {
        let changed: BTreeSet<Arc<Path>> = self.events.try_iter().collect();
        for dir in changed {
            let found = self.cast.iter().find(|(_, cast)| *cast.dir == *dir);
            let Some((name, cast)) = found else { continue };
            if let Some(Ok(status)) = cast.service.as_ref().map(Service::status) {
                self.plan.observe(name, &status);
            }
        }
    }

    fn carry_out(&mut self, step: Step, supervisor: &mut Supervisor) {
        match step {
            Step::Start { name, .. } => {
                let id = self.cast.get(&name).and_then(|cast| cast.id);
                // What could not be taken on was told, and is not waited for.
                let asked = id.map(|id| supervisor.ask(id, ServicePart::Main, Op::Up));
                if let Some(cast) = self.cast.get(&name).filter(|_| id.is_some()) {
                    Notices::release(&cast.dir);
                }
                if let Some(Err(error)) = asked {
                    self.refuse(&name, &in_full(&error), Exit::from(&error));
                }
            }
            Step::Tell { name, what } => self.say(&format!("{name}: {what}")),
            Step::Ready => {
                let span = text::span(self.begun.elapsed().as_secs_f64());
                lock(&self.teller).remark(&format!("all services are up, after {span}"));
            }
            Step::Finished => {
                self.is_finished = true;
                supervisor.stop();
            }
            // The supervisor has seen that as well, and knows its code.
            Step::End { .. } => supervisor.stop(),
        }
    }

    /// Takes all on, before anything is started: whoever looks finds them, down until their turn comes.
    pub(super) fn take_on(&mut self, supervisor: &mut Supervisor) {
        let mut refused = Vec::new();
        for (name, cast) in &mut self.cast {
            let options = cast.options.clone().begin_down();
            let added = match self.lines.open(name) {
                Ok(writer) => supervisor.add(&cast.dir, options.output(writer)),
                Err(source) => Err(Error::System { doing: "make a pipe for lines", source }),
            };
            match added {
                Ok(id) => {
                    cast.id = Some(id);
                    cast.service = Service::open(&cast.dir).ok();
                }
                Err(error) => refused.push((name.clone(), error)),
            }
        }
        for (name, error) in refused {
            self.refuse(&name, &in_full(&error), Exit::from(&error));
        }
    }

    fn refuse(&mut self, name: &str, why: &str, exit: Exit) {
        self.worst = self.worst.max(exit);
        self.plan.refused(name, why);
        self.say(&format!("{name}: {why}"));
    }

    fn say(&self, text: &str) {
        lock(&self.teller).message(text);
    }
}
