//! For daemontools: `envdir`, `setuidgid`, `softlimit`, `pgrphack`, `multilog`.

use std::collections::BTreeMap;

use super::{
    Job,
    env::{self, Carrier, Variables},
    family::{self, Entries},
    identity::Identity,
    log,
};
use crate::{
    error::Error,
    plan::Unit,
    script::{Language, Step, argv},
};

pub(super) fn directory(job: &mut Job<'_>) -> Result<BTreeMap<String, Unit>, Error> {
    let session = job.service.session.then(|| Step::Chain(argv!["pgrphack"]));
    directory_of(job, session)
}

/// The same for encore, which has no need of `pgrphack`.
pub(super) fn directory_of(
    job: &mut Job<'_>,
    session: Option<Step>,
) -> Result<BTreeMap<String, Unit>, Error> {
    let service = job.service;
    let variables = env::variables(service, Carrier::Directory);
    let mut steps = family::streams(service);
    if !variables.files.is_empty() {
        steps.push(Step::Remember);
    }
    steps.extend(family::cwd(service));
    steps.extend(Identity::of(service).home());
    steps.extend(variables.exports.iter().cloned());
    steps.extend(family::nice(service));
    steps.extend(family::ionice(service));
    steps.extend(variables.directory(service, &["envdir"]));
    steps.extend(session);
    let change = Identity::of(service).setuidgid();
    identity(job, &mut steps, &variables, "softlimit", change);
    let mut entries = Entries::default();
    // First, because `run` says in comments what was left out.
    log::multilog(job, &mut entries)?;
    family::run(job, &mut entries, steps, &variables, Language::Sh)?;
    Ok(entries.unit(job.name))
}

/// Identity, root and limits. Below another root there are no programs of ours, so the limits come
/// before it, and variables that programs listen to cannot be set at all.
pub(super) fn identity(
    job: &mut Job<'_>,
    steps: &mut Vec<Step>,
    variables: &Variables,
    softlimit: &str,
    change: Vec<Step>,
) {
    let limits = family::softlimit(job.service, softlimit);
    with_limits(job, steps, variables, limits, change);
}

/// The same by other programs for the limits.
pub(super) fn with_limits(
    job: &mut Job<'_>,
    steps: &mut Vec<Step>,
    variables: &Variables,
    limits: Option<Step>,
    change: Vec<Step>,
) {
    let service = job.service;
    let identity = Identity::of(service);
    if let Some(root) = &service.root {
        let (refused, last): (Vec<_>, Vec<_>) =
            variables.last.iter().cloned().partition(|(name, _)| env::is_listened_to(name));
        for (name, _) in refused {
            let key = format!("env.{name}");
            let instead = "have the program below `root` set it; or runit or systemd";
            job.gap(&key, Some("with `root`"), instead);
        }
        let last = Variables { last, ..Variables::default() };
        steps.extend(limits);
        steps.extend(last.last_step());
        steps.push(identity.chroot(root));
    } else {
        steps.extend(change);
        steps.extend(limits);
        steps.extend(variables.last_step());
    }
}
