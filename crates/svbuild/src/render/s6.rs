//! For s6: execline scripts, or `sh` ones if asked; `s6-envdir`, `s6-applyuidgid`, `s6-softlimit`,
//! `s6-notifyoncheck`, `s6-log`, and the files of `s6-supervise`.

use std::collections::BTreeMap;

use super::{
    Job, daemontools,
    env::{self, Carrier, Variables},
    family::{self, Entries, PUBLIC},
    identity::Identity,
    log,
};
use crate::{
    error::Error,
    plan::Unit,
    script::{Give, Language, Step, argv},
    spec::{ReadyCheck, Service, Signal},
};

/// How many deaths `s6-supervise` remembers if it is not told.
const DEATHS: u32 = 100;

pub(super) fn directory(job: &mut Job<'_>) -> Result<BTreeMap<String, Unit>, Error> {
    let mut entries = Entries::default();
    // First, because `run` says in comments what was left out.
    log::s6_log(job, &mut entries)?;
    longrun(job, &mut entries)?;
    Ok(entries.unit(&job.unit))
}

/// All but the logger.
pub(super) fn longrun(job: &mut Job<'_>, entries: &mut Entries) -> Result<(), Error> {
    let service = job.service;
    let variables = env::variables(service, Carrier::Directory);
    // Files of variables have a reader in `sh` alone.
    let language = if variables.from_files { Language::Sh } else { job.options.language };
    let has_check = family::probe(service).is_some();
    let change = Identity::of(service).s6();
    // What asks whether it is ready or runs before it, as a process of the service.
    let mut asking = Vec::new();
    if !variables.files.is_empty() {
        asking.push(Step::Remember);
    }
    asking.extend(variables_of(service, &variables));
    asking.extend(family::cwd(service));
    asking.extend(daemontools::identity(service, &variables, None, change.clone()));
    let mut steps = Vec::new();
    if service.restart.chooses() {
        steps.push(Step::NoteStart);
    }
    steps.extend(family::control(service, &[svproto::files::CONTROL]));
    steps.extend(family::streams(service));
    steps.extend(family::pre(service, &asking));
    if !variables.files.is_empty() {
        steps.push(Step::Remember);
    }
    if has_check {
        // In the service directory, and for as long as it takes. A double fork, so that the service
        // gets no child that it does not know.
        steps.push(Step::Chain(argv!["s6-notifyoncheck", "-d", "-n", "0", "--"]));
    }
    steps.extend(variables_of(service, &variables));
    match family::cwd(service) {
        // `sh` would change the directory before `s6-notifyoncheck` is run.
        Some(Step::Cd(dir)) if has_check && language == Language::Sh => {
            steps.push(Step::Chain(argv!["sh", "-c", "cd \"$0\" && exec \"$@\"", &dir[..]]));
        }
        cd => steps.extend(cd),
    }
    steps.extend(family::nice(service));
    steps.extend(family::ionice(service));
    steps.extend(family::hard(&service.limits));
    let limits = family::softlimit(service, "s6-softlimit");
    daemontools::gaps_of_root(job, &variables);
    steps.extend(daemontools::identity(service, &variables, limits, change));
    let bridge = family::bridge(job);
    let is_told = has_check || bridge.is_some();
    steps.extend(bridge);

    family::run(job, entries, steps, &variables, language)?;
    if let Some(text) = family::finish(job, Give::Status(125), language)? {
        entries.file("finish", PUBLIC, text);
        // As long as it needs, as under runit.
        entries.file("timeout-finish", 0o644, "0\n");
    }
    family::check(job, entries, "data/check", asking, language)?;
    if is_told {
        let fd = family::READY_FD;
        entries.file(svproto::files::NOTIFICATION_FD, 0o644, format!("{fd}\n"));
    }
    supervisor_files(job, entries);
    if let Some(max) = service.restart.max.filter(|max| *max > DEATHS) {
        entries.file("max-death-tally", 0o644, format!("{max}\n"));
    }
    Ok(())
}

pub(super) fn variables_of(service: &Service, variables: &Variables) -> Vec<Step> {
    let mut steps: Vec<Step> = Identity::of(service).home().into_iter().collect();
    steps.extend(variables.exports.iter().cloned());
    steps.extend(variables.directory(service, &["s6-envdir", "--"]));
    steps
}

/// The files that the embedded supervisor reads as well.
pub(super) fn supervisor_files(job: &Job<'_>, entries: &mut Entries) {
    let service = job.service;
    if let Some(ReadyCheck::Fd(fd)) = service.ready.as_ref().map(|ready| &ready.check) {
        entries.file(svproto::files::NOTIFICATION_FD, 0o644, format!("{fd}\n"));
    }
    if let Some(signal) = service.stop.signal.filter(|it| *it != Signal::TERM) {
        entries.file("down-signal", 0o644, format!("{signal}\n"));
    }
    if let Some(time) = service.stop.kill_after {
        entries.file("timeout-kill", 0o644, format!("{}\n", time.0.as_millis()));
    }
}
