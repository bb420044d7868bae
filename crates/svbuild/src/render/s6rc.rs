//! For s6-rc: a source directory for each service and for its logger, jobs as oneshots, and bundles.
//!
//! `s6-rc-compile` copies `run` and `finish` so that everybody may read them, and keeps the modes of what is in
//! `env` and `data` alone: a `run` with values of variables is `data/run`.
//!
//! Source: `s6-rc-compile.c` of s6-rc 0.5.3.3, and its page.

use std::collections::BTreeMap;

use super::{
    Job, Options, daemontools,
    env::{self, Carrier},
    family::{self, Entries, PRIVATE, PUBLIC},
    identity::Identity,
    log, s6,
};
use crate::{
    error::Error,
    plan::{Plan, Unit},
    quote,
    script::{Arg, Language, Script, Step, argv, comment_line},
    spec::{Definitions, Invalid, Restart, Service, When},
    target::Target,
};

/// What s6-overlay has at the place of `/usr/bin/execlineb`, which not every image has.
const OF_OVERLAY: &str = "/command/execlineb";

/// Names of sources that s6-rc keeps for itself.
const RESERVED: [&str; 2] = ["s6rc-", "s6-rc-"];

/// The bundle that is brought up, and its name under s6-overlay.
const fn bundle(options: Options) -> &'static str {
    if options.s6_overlay { "user" } else { "default" }
}

/// Sources that s6-overlay has itself.
const KNOWN: [&str; 4] = ["base", "top", "user", "user2"];

/// The service that keeps what this one writes.
fn logger(unit: &str) -> String {
    format!("{unit}-log")
}

/// The bundle of both.
fn pipeline(unit: &str) -> String {
    format!("{unit}-pipeline")
}

/// Whether it has a logger: no oneshot can have one.
fn is_logged(service: &Service) -> bool {
    service.log.is_some() && !service.is_job()
}

/// The same service with what s6-rc needs to be told: a logger without a directory would write into a copy of
/// its source, which does not outlive the next database.
pub(super) fn adapted(mut service: Service, unit: &str) -> Service {
    if let Some(log) = &mut service.log {
        log.dir.get_or_insert_with(|| format!("/var/log/{unit}").into());
    }
    service
}

pub(super) fn sources(job: &mut Job<'_>) -> Result<BTreeMap<String, Unit>, Error> {
    let (mut own, mut keeper) = (Entries::default(), Entries::default());
    if job.service.is_job() {
        oneshot(job, &mut own)?;
    } else {
        longrun(job, &mut own, &mut keeper)?;
    }
    waits(job, &mut own);
    let mut units = BTreeMap::new();
    for (mut entries, name) in [(own, job.unit.clone()), (keeper, logger(&job.unit))] {
        if entries.is_empty() {
            continue;
        }
        if job.options.s6_overlay {
            entries.name("dependencies.d", "base");
            entries.interpreted_by(OF_OVERLAY);
        }
        units.extend(entries.unit(&name));
    }
    Ok(units)
}

fn longrun(job: &mut Job<'_>, own: &mut Entries, keeper: &mut Entries) -> Result<(), Error> {
    let mut made = Entries::default();
    log::s6_log(job, &mut made)?;
    s6::longrun(job, own)?;
    own.file("type", 0o644, "longrun\n");
    // Whether it is brought up is the affair of s6-rc, which has a file of that name itself.
    own.take(svproto::files::DOWN);
    if let Some(run) = own.take("run") {
        if run.mode == PRIVATE {
            let mut script = Script::new(argv!["./data/run"]);
            script.comments = job.comments();
            let text = script.text(job.options.language).map_err(job.unquotable("exec"))?;
            own.file("run", PUBLIC, text);
            own.file("data/run", PRIVATE, run.bytes);
        } else {
            own.file("run", run.mode, run.bytes);
        }
    }
    if let Some(timeout) = job.service.ready.as_ref().and_then(|ready| ready.timeout) {
        own.file("timeout-up", 0o644, format!("{}\n", timeout.0.as_millis()));
    }
    if let Some(run) = made.take("log/run") {
        own.file("producer-for", 0o644, format!("{}\n", logger(&job.unit)));
        keeper.file("type", 0o644, "longrun\n");
        keeper.file("run", run.mode, run.bytes);
        keeper.file("consumer-for", 0o644, format!("{}\n", job.unit));
        keeper.file("pipeline-name", 0o644, format!("{}\n", pipeline(&job.unit)));
    }
    Ok(())
}

/// Sets the exit status of what follows to 0 if it is one of these.
fn success(service: &Service) -> Option<Step> {
    if service.success.is_empty() {
        return None;
    }
    let codes: Vec<_> = service.success.iter().map(u8::to_string).collect();
    // With `exec`, no word of a definition is a command of the shell's own.
    let text = format!(
        "(exec \"$@\"); code=$?; case $code in {}) exit 0;; esac; exit \"$code\"",
        codes.join("|")
    );
    Some(Step::Chain(argv!["sh", "-c", text, "sh"]))
}

fn oneshot(job: &mut Job<'_>, own: &mut Entries) -> Result<(), Error> {
    gaps_of_job(job);
    let service = job.service;
    let variables = env::variables(service, Carrier::Script);
    let language = if variables.from_files { Language::Sh } else { job.options.language };
    let change = Identity::of(service).s6();
    let mut process = s6::variables_of(service, &variables);
    process.extend(family::cwd(service));
    let mut steps = family::streams(service);
    let mut asking = process.clone();
    asking.extend(daemontools::identity(service, &variables, None, change.clone()));
    steps.extend(family::pre(service, &asking));
    steps.extend(service.session.then(|| Step::Chain(argv!["s6-setsid"])));
    steps.extend(process);
    steps.extend(success(service));
    steps.extend(family::nice(service));
    steps.extend(family::ionice(service));
    steps.extend(family::hard(&service.limits));
    let limits = family::softlimit(service, "s6-softlimit");
    daemontools::gaps_of_root(job, &variables);
    steps.extend(daemontools::identity(service, &variables, limits, change));
    own.file("type", 0o644, "oneshot\n");
    let mut has_values = line(job, own, "up", steps, family::words(&service.exec), language)?;
    if service.remain && !service.stop.command.is_empty() {
        let words = family::words(&service.stop.command);
        has_values |= line(job, own, "down", asking, words, language)?;
    }
    if has_values {
        job.notes.push(format!(
            "values of `env` of service `{}` are in the compiled database, which everybody may read unless \
             s6-rc-compile is run with umask 077; what only it may know belongs in `env_file`",
            job.name
        ));
    }
    Ok(())
}

/// A file with one command line of execline, and whether it holds values of variables.
fn line(
    job: &Job<'_>,
    own: &mut Entries,
    path: &str,
    steps: Vec<Step>,
    program: Vec<Arg>,
    language: Language,
) -> Result<bool, Error> {
    let mut script = Script::new(program);
    script.steps = steps;
    let text = script.text(language).map_err(job.unquotable("exec"))?;
    let first = text.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let body = text.get(first..).unwrap_or_default();
    let mut out: Vec<u8> =
        job.comments().iter().flat_map(|comment| comment_line(comment).into_bytes()).collect();
    match language {
        Language::Execline => out.extend_from_slice(body),
        Language::Sh => {
            let quoted = quote::execline::quote(body).map_err(job.unquotable("exec"))?;
            out.extend_from_slice(&[b"/bin/sh -c ", &quoted[..], b"\n"].concat());
        }
    }
    let has_values = script.has_values();
    own.file(path, if has_values { 0o600 } else { 0o644 }, out);
    Ok(has_values)
}

/// What a oneshot cannot be told: s6-rc runs it, and does not supervise it.
fn gaps_of_job(job: &mut Job<'_>) {
    const AGAIN: &str = "a program that tries again itself; or systemd";
    const END: &str = "a program that ends by itself; or systemd";
    let it = job.service;
    let reload = it.reload.as_ref();
    let of_job = [
        ("log", it.log.is_some(), "`stdout` and `stderr` to a file"),
        ("restart", it.restart.when == Restart::OnFailure, AGAIN),
        ("restart.max", it.restart.max.is_some(), AGAIN),
        ("restart.max_delay", it.restart.max_delay.is_some(), AGAIN),
        ("finish", !it.finish.is_empty(), "a last command in what `exec` runs"),
        ("on_failure", !it.on_failure.is_empty(), "a last command in what `exec` runs"),
        ("stop.signal", it.stop.signal.is_some(), END),
        ("stop.kill_after", it.stop.kill_after.is_some(), END),
        ("reload", reload.is_some(), "another job"),
        ("control", it.control.is_some(), "the owner of the live directory, who may run s6-rc"),
    ];
    for (key, asked, instead) in of_job {
        if asked && !job.gaps.iter().any(|gap| gap.key == key) {
            job.gap(key, Some("of a job, which is a oneshot"), instead);
        }
    }
}

/// Whom it depends on.
fn waits(job: &mut Job<'_>, own: &mut Entries) {
    let service = job.service;
    for need in service.after.iter().chain(&service.needs) {
        own.name("dependencies.d", &need.service);
        let other = job.others.and_then(|all| all.service.get(&need.service));
        if need.when == Some(When::Up) && other.is_some_and(|other| other.ready.is_some()) {
            job.notes.push(format!(
                "service `{}` waits until `{}` is ready: s6-rc knows no earlier moment",
                job.name, need.service
            ));
        }
    }
}

/// Adds what brings several up: a bundle of each service with instances and, if all services of the file are
/// in the plan, one of what is not `down`.
pub(super) fn bundles<'a>(
    services: impl Iterator<Item = (&'a String, &'a Service)> + Clone,
    is_whole: bool,
    options: Options,
    plan: &mut Plan,
) {
    let both = |entries: &mut Entries, unit: &str, service: &Service| {
        entries.name("contents.d", unit);
        if is_logged(service) {
            entries.name("contents.d", &logger(unit));
        }
    };
    let mut main = new_bundle();
    for (name, service) in services {
        let down = service.down;
        if service.instances.is_some() {
            let mut all = new_bundle();
            service.names(name).for_each(|unit| both(&mut all, &unit, service));
            plan.units.extend(all.unit(name));
            if !down {
                main.name("contents.d", name);
            }
        } else if !down {
            both(&mut main, name, service);
        }
    }
    if is_whole {
        plan.units.extend(main.unit(bundle(options)));
    }
}

fn new_bundle() -> Entries {
    let mut bundle = Entries::default();
    bundle.file("type", 0o644, "bundle\n");
    bundle.directory("contents.d");
    bundle
}

/// Names that two have, or that s6-rc keeps.
pub(super) fn wrong_names(all: &Definitions, options: Options) -> Vec<Invalid> {
    let mut taken: BTreeMap<String, &'static str> = BTreeMap::new();
    if options.s6_overlay {
        taken.extend(KNOWN.map(|name| (name.to_owned(), "s6-overlay has one of that name")));
    } else {
        let why = "the bundle of all services has that name";
        taken.insert(bundle(options).to_owned(), why);
    }
    for (name, service) in &all.service {
        for unit in service.names(name).filter(|_| is_logged(service)) {
            taken.insert(logger(&unit), "the logger of another service has that name");
            taken.insert(pipeline(&unit), "the bundle of another one and its logger has that name");
        }
    }
    let mut found = Vec::new();
    for name in all.service.keys() {
        let kept = RESERVED.iter().any(|prefix| name.starts_with(prefix));
        let why = taken.get(name).copied().or(kept.then_some("s6-rc keeps such names for itself"));
        if let Some(why) = why {
            let why = format!("has a name that cannot be one for {}: {why}", Target::S6Rc);
            found.push(Invalid { service: name.clone(), key: String::new(), why });
        }
    }
    found
}
