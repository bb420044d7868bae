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
    script::{Language, Step, argv, is_listened_to},
    spec::Service,
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
    let mut steps = family::control(service, &family::FIFOS);
    steps.extend(family::streams(service));
    let change = Identity::of(service).setuidgid();
    let mut first: Vec<Step> = Vec::new();
    if !variables.files.is_empty() {
        first.push(Step::Remember);
    }
    first.extend(family::cwd(service));
    first.extend(Identity::of(service).home());
    first.extend(variables.exports.iter().cloned());
    let mut process = first.clone();
    process.extend(variables.directory(service, &["envdir"]));
    process.extend(identity(service, &variables, None, change.clone()));
    steps.extend(family::pre(service, &process));
    steps.extend(first);
    steps.extend(family::nice(service));
    steps.extend(family::ionice(service));
    steps.extend(variables.directory(service, &["envdir"]));
    steps.extend(session);
    steps.extend(family::hard(&service.limits));
    gaps_of_root(job, &variables);
    steps.extend(identity(service, &variables, family::softlimit(service, "softlimit"), change));
    let mut entries = Entries::default();
    // First, because `run` says in comments what was left out.
    log::multilog(job, &mut entries)?;
    family::run(job, &mut entries, steps, &variables, Language::Sh)?;
    Ok(entries.unit(&job.unit))
}

/// Variables that programs listen to cannot be set below another root, where there are no programs of
/// ours.
pub(super) fn gaps_of_root(job: &mut Job<'_>, variables: &Variables) {
    if job.service.root.is_none() {
        return;
    }
    for (name, _) in variables.last.iter().filter(|(name, _)| is_listened_to(name)) {
        let key = format!("env.{name}");
        let instead = "have the program below `root` set it; or runit or systemd";
        job.gap(&key, Some("with `root`"), instead);
    }
}

/// Identity, root and limits. Below another root there are no programs of ours, so the limits come
/// before it.
pub(super) fn identity(
    service: &Service,
    variables: &Variables,
    limits: Option<Step>,
    change: Vec<Step>,
) -> Vec<Step> {
    let mut steps = Vec::new();
    if let Some(root) = &service.root {
        let mut last = variables.clone();
        last.last.retain(|(name, _)| !is_listened_to(name));
        steps.extend(limits);
        steps.extend(last.last_step());
        steps.push(Identity::of(service).chroot(root));
    } else {
        steps.extend(change);
        steps.extend(limits);
        steps.extend(variables.last_step());
    }
    steps
}
