//! What a value says elsewhere than it was meant: comments, variables, instances, and what became obsolete.

use std::path::Path;

use super::{
    Assignment, Unit,
    value::COMMANDS,
    words::{Word, split},
};
use crate::{
    Finding,
    check::names,
    rule::{Rule, scripts, units},
    visit::Visit,
};

/// Keys that have another one in their place. Source: what systemd 252 says of each.
const REPLACED: [(&str, &str); 8] = [
    ("MemoryLimit", "MemoryMax="),
    ("CPUShares", "CPUWeight="),
    ("StartupCPUShares", "StartupCPUWeight="),
    ("BlockIOAccounting", "IOAccounting="),
    ("BlockIOWeight", "IOWeight="),
    ("BlockIODeviceWeight", "IODeviceWeight="),
    ("BlockIOReadBandwidth", "IOReadBandwidthMax="),
    ("BlockIOWriteBandwidth", "IOWriteBandwidthMax="),
];

pub(super) fn check(visit: &mut Visit<'_>, unit: &Unit<'_>, name: &str) {
    let has_instance = name.contains('@');
    for it in &unit.assignments {
        comment(visit, unit, it);
        expansion(visit, unit, it);
        obsolete(visit, unit, it);
        if visit.world.is_image() && unit.is_service {
            in_image(visit, unit, it);
        }
        if !has_instance && !unit.is_drop_in && instance(&it.value) && it.section != "Install" {
            let message = "%i is the instance of a template, and this unit is none";
            let location = unit.source.at(it.value_at.clone());
            visit.tell(Finding::new(&units::NO_INSTANCE, location, message));
        }
    }
}

/// Whether `%i` or `%I` is in it, and no `%%i`.
fn instance(value: &str) -> bool {
    let mut parts = value.split('%').skip(1);
    while let Some(part) = parts.next() {
        if part.is_empty() {
            parts.next();
        } else if part.starts_with(['i', 'I']) {
            return true;
        }
    }
    false
}

fn comment(visit: &mut Visit<'_>, unit: &Unit<'_>, it: &Assignment) {
    if it.key == "Description" || !it.value.contains('#') {
        return;
    }
    // What a shell reads is its own.
    let words = split(&it.value).unwrap_or_default();
    let is_command = COMMANDS.contains(&it.key.as_str());
    let is_comment = |(at, word): (usize, &Word)| {
        at > 0 && !word.is_quoted && (word.text == "#" || word.text.starts_with('#') && !is_command)
    };
    if words.iter().enumerate().any(is_comment) {
        let message = format!("what stands behind # is a part of the value of {}=", it.key);
        let location = unit.source.at(it.value_at.clone());
        visit.tell(Finding::new(&units::COMMENT, location, message));
    }
}

fn expansion(visit: &mut Visit<'_>, unit: &Unit<'_>, it: &Assignment) {
    if it.key != "Environment" {
        return;
    }
    let behind = it.value.split('$').skip(1);
    let is_name =
        |it: &str| it.starts_with(|c: char| c.is_ascii_uppercase() || c == '{' || c == '_');
    if behind.into_iter().any(is_name) {
        let message = "no variable is put in here: the process sees the dollar sign";
        let location = unit.source.at(it.value_at.clone());
        visit.tell(Finding::new(&units::NO_EXPANSION, location, message));
    }
}

/// What an image lacks; a machine may get it later.
fn in_image(visit: &mut Visit<'_>, unit: &Unit<'_>, it: &Assignment) {
    let value = it.value.as_str();
    if it.section != "Service" || value.contains(['%', '$']) || value.starts_with('-') {
        return;
    }
    let lacks = |visit: &Visit<'_>, table: &str| {
        let is_number = value.bytes().all(|it| it.is_ascii_digit());
        let known = names::accounts(visit.world, table);
        !is_number && known.is_some_and(|known| !known.contains(value))
    };
    let is_dynamic = || unit.value("Service", "DynamicUser").is_some_and(|it| it != "no");
    let found: Option<(&'static Rule, String)> = match it.key.as_str() {
        "User" if lacks(visit, "/etc/passwd") && !is_dynamic() => Some((
            &scripts::NO_USER,
            format!("the user {value} is not in /etc/passwd of the image"),
        )),
        "Group" if lacks(visit, "/etc/group") && !is_dynamic() => Some((
            &scripts::NO_GROUP,
            format!("the group {value} is not in /etc/group of the image"),
        )),
        "WorkingDirectory"
            if value.starts_with('/') && visit.world.is_missing(Path::new(value)) =>
        {
            Some((&scripts::NO_DIRECTORY, format!("the image has no directory {value}")))
        }
        // One with a condition may be for machines that have it.
        key if COMMANDS.contains(&key) && !unit.is_conditional() => {
            split(value).and_then(|words| {
                let program = words.first()?.text.trim_start_matches(['@', ':', '+', '!', '|']);
                let is_missing = match program.strip_prefix('/') {
                    Some(_) => visit.world.is_missing(Path::new(program)),
                    None => !program.contains('/') && names::is_missing(visit.world, program),
                };
                let message = format!("the program {program} is missing");
                (is_missing && !program.is_empty()).then_some((&scripts::PROGRAM_MISSING, message))
            })
        }
        _ => None,
    };
    if let Some((rule, message)) = found.filter(|_| unit.source.is_shown) {
        visit.tell(Finding::new(rule, unit.source.at(it.value_at.clone()), message));
    }
}

fn obsolete(visit: &mut Visit<'_>, unit: &Unit<'_>, it: &Assignment) {
    let replaced = REPLACED.iter().find(|row| row.0 == it.key).map(|row| row.1);
    let (message, help) = match (it.key.as_str(), it.value.as_str()) {
        (key, _) if replaced.is_some() => {
            (format!("{key}= is obsolete"), format!("Use {}.", replaced.unwrap_or_default()))
        }
        ("KillMode", "none") => (
            "KillMode=none leaves processes behind that nobody watches".to_owned(),
            "Use KillMode=mixed or control-group.".to_owned(),
        ),
        ("StandardOutput" | "StandardError", "syslog" | "syslog+console") => (
            format!("{}=syslog is obsolete", it.key),
            "Remove it: lines go to the journal without it.".to_owned(),
        ),
        ("PIDFile", path) if path.starts_with("/var/run/") => (
            "PIDFile= is below /var/run, which is a link to /run".to_owned(),
            format!("Write {}.", unit.source.quoted(path.trim_start_matches("/var"))),
        ),
        _ => return,
    };
    let location = unit.source.at(it.key_at.start..it.value_at.end);
    visit.tell(Finding::new(&units::OBSOLETE, location, message).help(help));
}
