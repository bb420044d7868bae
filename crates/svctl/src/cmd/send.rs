//! Sending one request to every named service, without waiting for what comes of it.

use svcmgr::{Backend, Op};

use super::{
    act::usable,
    report::{Done, report},
};
use crate::{
    args::{Global, Named},
    exit::Exit,
    names::{self, NoTargets},
    output::Output,
};

/// Sends what `op` says for each.
pub(crate) fn run(
    global: &Global,
    named: &Named,
    op: impl Fn(&dyn Backend) -> Op,
    output: &mut Output,
) -> Exit {
    let targets = match names::find(global, &named.services, output) {
        Ok(targets) => targets,
        Err(NoTargets(exit)) => return exit,
    };
    let found = usable(&targets);
    let results = found.iter().map(|found| found.send(op(&**found)).map(|()| Done::Sent)).collect();
    report(targets, results, None, output)
}

/// What "read your configuration again" is: the request of that name where there is one, else
/// SIGHUP, as for `sv reload`.
pub(crate) fn reload(backend: &dyn Backend) -> Op {
    if backend.accepts(Op::Reload) { Op::Reload } else { Op::Hup }
}
