//! `--stream`: what came of a request, told of each service once it is done.

use std::collections::BTreeSet;

use svcmgr::{Error, ErrorKind, Supervised};

use super::{Asked, Done, Told, tell, tell_all};
use crate::{exit::Exit, names::Target, output::Output, reason::Asker};

/// Tells of services as they are done.
pub(crate) struct Live {
    asked: Asked,
    asker: Asker,
    /// The places of those it has told of, among the services that could be used.
    told: BTreeSet<usize>,
    /// What each service makes of the exit code.
    exits: Vec<Exit>,
    /// One that reaches the goal is enough.
    any: bool,
}

impl Live {
    /// `None` unless it is asked for. `many` is how many services there are.
    pub(crate) fn of(stream: bool, many: usize, asked: Asked) -> Option<Self> {
        let asker = Asker::of(many, asked.user).by(asked.deadline);
        stream.then(|| Self { asked, asker, told: BTreeSet::new(), exits: Vec::new(), any: false })
    }

    /// The same, where one service that reaches the goal is enough.
    pub(crate) fn any(self, any: bool) -> Self {
        Self { any, ..self }
    }

    /// The service at this place is done.
    pub(crate) fn tell(
        &mut self,
        at: usize,
        service: &dyn Supervised,
        result: Result<&Done, &Error>,
        output: &mut Output,
    ) {
        let told = match result {
            Ok(done) => tell(service, done, self.asked),
            Err(error) => Told::unable(service, error),
        };
        let is_unanswered = result.is_err_and(|it| it.kind() == ErrorKind::Unanswered);
        let told = if is_unanswered { told } else { told.reasoned(service, &self.asker) };
        if !self.is_enough(output) || told.exit == Exit::Done {
            self.print(&told, result.err(), output);
            output.flush();
        }
        self.told.insert(at);
        self.exits.push(told.exit);
    }

    /// Tells of the others, and says how it all ended.
    pub(crate) fn finish(
        mut self,
        targets: Vec<Target>,
        results: Vec<Result<Done, Error>>,
        output: &mut Output,
    ) -> Exit {
        if !self.is_enough(output) {
            self.tell_left(targets, results, output);
        }
        let exits = self.exits.into_iter();
        let exit = if self.any { exits.min() } else { exits.max() };
        exit.unwrap_or(Exit::Done)
    }

    /// Whether nobody is to be complained about: one was enough, and others were waited for no longer.
    fn is_enough(&self, output: &Output) -> bool {
        self.any && !output.json && self.exits.contains(&Exit::Done)
    }

    fn tell_left(
        &mut self,
        targets: Vec<Target>,
        results: Vec<Result<Done, Error>>,
        output: &mut Output,
    ) {
        let mut place = 0;
        let is_left = |target: &Target| {
            let was_told = target.found.is_ok() && self.told.contains(&place);
            place += usize::from(target.found.is_ok());
            !was_told
        };
        let targets: Vec<_> = targets.into_iter().filter(is_left).collect();
        let results = results.into_iter().enumerate();
        let left = results.filter(|(at, _)| !self.told.contains(at)).map(|(_, it)| it).collect();
        for told in tell_all(targets, left, self.asked) {
            self.print(&told, told.error.as_ref(), output);
            self.exits.push(told.exit);
        }
    }

    fn print(&self, told: &Told, error: Option<&Error>, output: &mut Output) {
        if output.json {
            output.json(&told.json());
        } else {
            told.print(error, self.asked.user, output);
        }
    }
}
