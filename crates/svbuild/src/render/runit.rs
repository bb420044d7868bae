//! For runit: `chpst`, `svlogd`, `check`, `control/t`.
//!
//! `chpst` comes last, because it reads the variables: what follows it would be looked up in a
//! `PATH` of the service.

use std::collections::BTreeMap;

use super::{
    Job,
    env::{self, Carrier, Variables},
    family::{self, Entries, PUBLIC},
    identity::Identity,
    log,
};
use crate::{
    error::Error,
    plan::Unit,
    script::{Arg, Give, Language, Script, Step, argv},
    spec::{Bound, Service},
};

/// Where the pid of the process stands that has said that it is ready.
const NOTIFIED: &str = "supervise/notified";

pub(super) fn directory(job: &mut Job<'_>) -> Result<BTreeMap<String, Unit>, Error> {
    let service = job.service;
    let variables = env::variables(service, Carrier::DirectoryLast);
    let mut steps = family::control(service, &family::FIFOS);
    steps.extend(family::streams(service));
    let other = process(service, &variables, false);
    steps.extend(family::pre(service, &other));
    let bridge = family::bridge(job);
    if bridge.is_some() {
        steps.push(Step::Write(family::READY_FD, NOTIFIED.into()));
    }
    steps.extend(process(service, &variables, true));
    let is_told = bridge.is_some();
    steps.extend(bridge);

    let mut entries = Entries::default();
    // First, because `run` says in comments what was left out.
    log::svlogd(job, &mut entries)?;
    family::run(job, &mut entries, steps, &variables, Language::Sh)?;
    if let Some(text) = family::finish(job, Give::Down, Language::Sh)? {
        entries.file("finish", PUBLIC, text);
    }
    let signal = service.stop.signal.filter(|it| *it != crate::spec::Signal::TERM);
    let signal = signal.map(crate::spec::Signal::name);
    family::stop_script(job, &mut entries, &other, signal, service.restart.chooses())?;
    family::reload_script(job, &mut entries, &other)?;
    family::check(job, &mut entries, "check", other, Language::Sh)?;
    if is_told {
        let asks = format!(
            "read -r told <{NOTIFIED} && read -r pid <supervise/pid && [ \"$told\" = \"$pid\" ]"
        );
        let mut script = Script::new(argv!["sh", "-c", asks]);
        script.comments = job.comments().into_iter().take(1).collect();
        let text = script.text(Language::Sh).map_err(job.unquotable("ready.notify"))?;
        entries.file("check", PUBLIC, text);
    }
    Ok(entries.unit(&job.unit))
}

/// What makes a process the service's: also one that asks whether it is ready, which has none of the
/// limits and priorities (`whole`).
fn process(service: &Service, variables: &Variables, whole: bool) -> Vec<Step> {
    use std::os::unix::ffi::OsStrExt as _;

    let mut steps = Vec::new();
    if !variables.files.is_empty() {
        steps.push(Step::Remember);
    }
    steps.extend(family::cwd(service));
    steps.extend(Identity::of(service).home());
    steps.extend(variables.exports.iter().cloned());
    steps.extend(family::ionice(service).filter(|_| whole));

    // chpst has no letters for some, and no way to say infinity.
    let soft = if whole { family::soft(&service.limits) } else { Vec::new() };
    let own = |letter: char, bound: Bound<u64>| bound.at().filter(|_| !"asl".contains(letter));
    let other = soft.iter().filter(|(letter, _, bound)| own(*letter, *bound).is_none());
    let (to_hard, prlimit) = family::by_prlimit(other.map(|(_, name, bound)| (*name, *bound)));
    steps.extend(to_hard);
    steps.extend(family::hard(&service.limits).filter(|_| whole));
    steps.extend(prlimit);

    let mut chpst: Vec<Arg> = Vec::new();
    if service.session && whole {
        chpst.push("-P".into());
    }
    if let Some(dir) = variables.place(service) {
        chpst.extend([Arg::from("-e"), dir]);
    }
    if let Some(root) = &service.root {
        chpst.extend(argv!["-/", root.as_os_str().as_bytes()]);
    }
    if let Some(nice) = service.nice.filter(|_| whole) {
        chpst.extend(argv!["-n", nice.to_string()]);
    }
    if let Some(user) = Identity::of(service).chpst() {
        chpst.extend(argv!["-u", user]);
    }
    for (letter, number) in soft.iter().filter_map(|it| Some((it.0, own(it.0, it.2)?))) {
        chpst.extend(argv![format!("-{letter}"), number.to_string()]);
    }
    if !chpst.is_empty() {
        chpst.insert(0, "chpst".into());
        chpst.push("--".into());
        steps.push(Step::Chain(chpst));
    }
    steps.extend(variables.last_step());
    steps
}
