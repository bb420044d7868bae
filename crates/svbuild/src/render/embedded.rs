//! For the embedded supervisor: a directory as runit's, whose `run` needs `sh` and what is asked of
//! `nice`, `ionice`, `prlimit` and `chroot`; no suite has to be installed.

use std::{collections::BTreeMap, path::Path};

use super::{
    Job, daemontools,
    env::{self, Carrier},
    family::{self, Entries, PUBLIC},
    identity::Identity,
    s6,
};
use crate::{
    error::Error,
    plan::Unit,
    script::{Give, Language, Step},
};

pub(super) fn directory(job: &mut Job<'_>) -> Result<BTreeMap<String, Unit>, Error> {
    let service = job.service;
    let variables = env::variables(service, Carrier::Script);
    let identity = Identity::of(service);
    let mut process: Vec<Step> = family::cwd(service).into_iter().collect();
    process.extend(identity.home());
    process.extend(variables.exports.iter().cloned());
    let mut steps = family::streams(service);
    steps.extend(process.iter().cloned());
    steps.extend(family::nice(service));
    steps.extend(family::ionice(service));
    let mut limits = Vec::new();
    for (letter, number) in family::letters(&service.limits) {
        match letter {
            'm' => limits.extend([("data", number), ("stack", number), ("as", number)]),
            'a' => limits.push(("as", number)),
            'd' => limits.push(("data", number)),
            's' => limits.push(("stack", number)),
            'l' => limits.push(("memlock", number)),
            'r' => limits.push(("rss", number)),
            'f' => limits.push(("fsize", number)),
            'c' => limits.push(("core", number)),
            'o' => limits.push(("nofile", number)),
            'p' => limits.push(("nproc", number)),
            _ => limits.push(("cpu", number)),
        }
    }
    if let Some(memory) = service.limits.memory {
        // The hard limit is low as a rule, and prlimit would fail where chpst takes what there is.
        steps.push(Step::LockedMemory(memory.0 / 1024));
    }
    let change = identity.user.map(|_| identity.chroot(Path::new("/")));
    let limits = family::prlimit(&limits);
    let change: Vec<Step> = change.into_iter().collect();
    daemontools::gaps_of_root(job, &variables);
    process.extend(daemontools::identity(service, &variables, None, change.clone()));
    steps.extend(daemontools::identity(service, &variables, limits, change));

    let mut entries = Entries::default();
    family::run(job, &mut entries, steps, &variables, Language::Sh)?;
    if let Some(text) = family::finish(job, Give::Down, Language::Sh)? {
        entries.file("finish", PUBLIC, text);
    }
    family::check(job, &mut entries, "check", process, Language::Sh)?;
    // The signal is that of `down-signal`.
    if let Some(text) = family::stop_script(job, None) {
        entries.file("control/t", PUBLIC, text);
    }
    s6::supervisor_files(job, &mut entries);
    Ok(entries.unit(job.name))
}
