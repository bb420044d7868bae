//! Sending one request to every named service, without waiting for what comes of it.

use svcmgr::{Goal, Op, Supervised};

use super::{
    act::usable,
    report::{Asked, Done, report},
};
use crate::{
    args::{Global, Named},
    exit::Exit,
    json::now,
    names::{self, Found, NoTargets},
    output::Output,
};

/// Sends what `op` says for each.
pub(crate) fn run(
    global: &Global,
    named: &Named,
    op: impl Fn(&dyn Supervised) -> Op,
    output: &mut Output,
) -> Exit {
    let targets = match names::find(global, &named.services, output) {
        Ok(targets) => targets,
        Err(NoTargets(exit)) => return exit,
    };
    let found = usable(&targets);
    let send = |found: &Found| {
        let op = op(&**found);
        found.send(op).map(|()| Done::Sent(op.name()))
    };
    let results = found.iter().map(send).collect();
    report(targets, results, Asked { goal: Goal::Known, word: None, at: now() }, output)
}

/// What "read your configuration again" is: the request of that name where there is one, else
/// SIGHUP, as for `sv reload`.
pub(crate) fn reload(service: &dyn Supervised) -> Op {
    if service.accepts(Op::Reload) { Op::Reload } else { Op::Hup }
}
