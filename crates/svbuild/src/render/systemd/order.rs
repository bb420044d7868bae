//! Whom a unit waits for, and whom it brings along.

use std::collections::BTreeSet;

use super::Lines;
use crate::{
    render::Job,
    spec::{Service, When},
};

/// Lines of `[Unit]`, each unit once for each directive.
pub(super) fn lines(lines: &mut Lines<'_, '_>) {
    let job = lines.job;
    let service = job.service;
    let units = |name: &str| {
        let names = job.others.map_or_else(|| vec![name.to_owned()], |all| all.names_of(name));
        names.into_iter().map(|name| format!("{name}.service")).collect::<Vec<_>>()
    };
    let (mut after, mut requires, mut wants) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    after.extend(service.order().flat_map(units));
    requires.extend(service.needs.iter().flat_map(|need| units(&need.service)));
    // Otherwise it would start after a job that failed, too.
    let is_job =
        |name: &str| job.others.and_then(|all| all.service.get(name)).is_some_and(Service::is_job);
    let jobs = service.after.iter().filter(|need| is_job(&need.service));
    requires.extend(jobs.flat_map(|need| units(&need.service)));
    wants.extend(service.wants.iter().flat_map(|need| units(&need.service)));
    for name in &service.after_external.systemd {
        after.insert(name.clone());
        // Such a target is there for those that want it, and reached for nobody else.
        if name.ends_with(".target") {
            wants.insert(name.clone());
        }
    }
    for (directive, units) in [("After", after), ("Requires", requires), ("Wants", wants)] {
        for unit in units {
            lines.line(directive, unit);
        }
    }
}

/// The manager waits until a unit is as far as it gets, and no less.
pub(super) fn gaps(job: &mut Job<'_>) {
    let Some(others) = job.others else { return };
    let mut found = Vec::new();
    for (key, needs) in job.service.lists() {
        for need in needs.iter().filter(|need| need.when == Some(When::Up)) {
            let last = others.service.get(&need.service).map_or(When::Up, Service::last);
            if last != When::Up {
                let why = format!(
                    "`when = \"up\"` for `{}`: it waits until that is {last}",
                    need.service
                );
                found.push((key, why, format!("leave `when` out, or `when = \"{last}\"`")));
            }
        }
    }
    for (key, why, instead) in found {
        job.gap(key, Some(&why), &instead);
    }
}
