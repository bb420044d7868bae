//! For the embedded supervisor: a directory as runit's, with a file that says when to start again, whose `run` needs `sh` and what is asked of
//! `nice`, `ionice`, `prlimit` and `chroot`. A logger is runit's; else no suite has to be installed.

mod probes;

use std::{collections::BTreeMap, path::Path};

use super::{
    Job, daemontools,
    env::{self, Carrier},
    family::{self, Entries, PUBLIC},
    identity::Identity,
    log, s6,
};
use crate::{
    error::Error,
    plan::Unit,
    script::{Language, Step},
    spec::{Restart, Service},
};

pub(super) fn directory(job: &mut Job<'_>) -> Result<BTreeMap<String, Unit>, Error> {
    let service = job.service;
    let variables = env::variables(service, Carrier::Script);
    let identity = Identity::of(service);
    let mut process: Vec<Step> = family::cwd(service).into_iter().collect();
    process.extend(identity.home());
    process.extend(variables.exports.iter().cloned());
    let change = identity.user.map(|_| identity.chroot(Path::new("/")));
    let change: Vec<Step> = change.into_iter().collect();
    let mut other = process.clone();
    other.extend(daemontools::identity(service, &variables, None, change.clone()));
    let mut steps = family::control(service, &family::FIFOS);
    steps.extend(family::streams(service));
    steps.extend(family::pre(service, &other));
    steps.extend(process);
    steps.extend(family::nice(service));
    steps.extend(family::ionice(service));
    let soft = family::soft(&service.limits);
    let (to_hard, limits) = family::by_prlimit(soft.into_iter().map(|(_, name, it)| (name, it)));
    steps.extend(to_hard);
    steps.extend(family::hard(&service.limits));
    daemontools::gaps_of_root(job, &variables);
    if !service.sockets.is_empty() {
        steps.push(Step::OwnPid("LISTEN_PID"));
    }
    steps.extend(daemontools::identity(service, &variables, limits, change));

    let mut entries = Entries::default();
    // First, because `run` says in comments what was left out.
    log::svlogd(job, &mut entries)?;
    family::run(job, &mut entries, steps, &variables, Language::Sh)?;
    if let Some(text) = family::own_finish(job)? {
        entries.file("finish", PUBLIC, text);
    }
    family::failure_script(job, &mut entries)?;
    if service.stop.group == Some(true) {
        entries.file("process-group", 0o644, "swept\n");
    }
    if let Some(critical) = service.critical {
        entries.file("critical", 0o644, format!("{critical}\n"));
    }
    if let Some(text) = restart(service) {
        entries.file(svproto::files::RESTART, 0o644, text);
    }
    // The signal is that of `down-signal`.
    family::stop_script(job, &mut entries, &other, None, false)?;
    family::reload_script(job, &mut entries, &other)?;
    probes::write(job, &mut entries, &other)?;
    let sockets = service.sockets.iter().map(|it| format!("{} {}\n", it.name, it.listen));
    if !service.sockets.is_empty() {
        entries.file(svproto::files::SOCKETS, 0o644, sockets.collect::<String>());
    }
    s6::supervisor_files(job, &mut entries);
    Ok(entries.unit(&job.unit))
}

/// What the supervisor reads of it; `None` for what it does anyway.
fn restart(service: &Service) -> Option<String> {
    let policy = &service.restart;
    let mut text = String::new();
    if policy.when != Restart::Always {
        text.push_str(&format!("when {}\n", policy.when));
    }
    if policy.when != Restart::Always && !service.success.is_empty() {
        let codes: Vec<_> = service.success.iter().map(ToString::to_string).collect();
        text.push_str(&format!("success {}\n", codes.join(" ")));
    }
    if let Some(delay) = policy.delay {
        text.push_str(&format!("delay {}\n", delay.0.as_millis()));
    }
    if let Some(longest) = policy.max_delay {
        text.push_str(&format!("longest-delay {}\n", longest.0.as_millis()));
    }
    if let (Some(max), Some(within)) = (policy.max, policy.within) {
        text.push_str(&format!("limit {max} {}\n", within.0.as_millis()));
    }
    (!text.is_empty()).then_some(text)
}
