//! For whom a service waits, in its directory: the file `needs`, for whoever starts it. No supervisor of the family reads it.

use std::collections::BTreeMap;

use super::Job;
use crate::{
    plan::{File, PlanEntry, Unit},
    spec::{Service, When},
    target::Target,
};

/// Adds it to the directory of this service, if it waits for somebody. A line for each: which list, its name,
/// how far it must be, and for a job which codes are as good as 0.
pub(super) fn add(job: &Job<'_>, units: &mut BTreeMap<String, Unit>) {
    let is_theirs = matches!(
        job.target,
        Target::Daemontools | Target::Encore | Target::Runit | Target::S6 | Target::Embedded
    );
    let Some(Unit::Directory(entries)) = units.get_mut(&job.unit).filter(|_| is_theirs) else {
        return;
    };
    let text = text(job);
    if !text.is_empty() {
        let file = PlanEntry::File(File::new(0o644, text));
        entries.insert(svproto::files::NEEDS.into(), file);
    }
}

fn text(job: &Job<'_>) -> String {
    let mut text = String::new();
    for (list, needs) in job.service.lists() {
        for need in needs {
            let other = job.others.and_then(|all| all.service.get(&need.service));
            let when = need.when.unwrap_or_else(|| other.map_or(When::Up, Service::last));
            let codes = other.filter(|_| when == When::Done).map_or(&[][..], |it| &it.success);
            let moment = std::iter::once(when.to_string());
            let words: Vec<_> = moment.chain(codes.iter().map(ToString::to_string)).collect();
            let words = words.join(" ");
            let names = match job.others {
                Some(all) => all.names_of(&need.service),
                None => vec![need.service.clone()],
            };
            for name in names {
                text.push_str(&format!("{list} {name} {words}\n"));
            }
        }
    }
    text
}
