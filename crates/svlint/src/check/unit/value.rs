//! Values of keys: words that a key takes, commands, specifiers.

use super::{Assignment, keys, typed, words::split};
use crate::{Finding, rule::units, source::Source, visit::Visit};

/// Keys that take one of some words.
const WORDS: [(&str, &str, &[&str]); 16] = [
    (
        "Service",
        "Type",
        &["simple", "exec", "forking", "oneshot", "dbus", "notify", "notify-reload", "idle"],
    ),
    (
        "Service",
        "Restart",
        &["no", "always", "on-success", "on-failure", "on-abnormal", "on-abort", "on-watchdog"],
    ),
    ("", "KillMode", &["control-group", "process", "mixed", "none"]),
    ("Service", "NotifyAccess", &["none", "main", "exec", "all"]),
    ("Service", "ExitType", &["main", "cgroup"]),
    ("Service", "OOMPolicy", &["continue", "stop", "kill"]),
    ("Service", "RestartMode", &["normal", "direct", "debug"]),
    ("Unit", "CollectMode", &["inactive", "inactive-or-failed"]),
    ("", "DevicePolicy", &["auto", "closed", "strict"]),
    ("", "ProtectProc", &["noaccess", "invisible", "ptraceable", "default"]),
    ("", "KeyringMode", &["inherit", "private", "shared"]),
    ("", "ProtectSystem", &["yes", "no", "full", "strict"]),
    ("", "ProtectHome", &["yes", "no", "read-only", "tmpfs"]),
    ("", "PrivateTmp", &["yes", "no", "disconnected"]),
    ("", "PrivateUsers", &["yes", "no", "self", "identity", "full", "managed"]),
    ("", "ProtectControlGroups", &["yes", "no", "private", "strict"]),
];

/// Those that take a yes or no as well, in all its forms.
const OR_YES_OR_NO: [&str; 5] =
    ["ProtectSystem", "ProtectHome", "PrivateTmp", "PrivateUsers", "ProtectControlGroups"];

const YES_OR_NO: [&str; 12] =
    ["1", "yes", "y", "true", "t", "on", "0", "no", "n", "false", "f", "off"];

/// Whether a word says yes.
pub(super) fn is_yes(value: &str) -> bool {
    let yes = YES_OR_NO.split_at(6).0;
    yes.iter().any(|word| word.eq_ignore_ascii_case(value))
}

/// Keys whose value is a command.
pub(super) const COMMANDS: [&str; 8] = [
    "ExecStart",
    "ExecStartPre",
    "ExecStartPost",
    "ExecReload",
    "ExecStop",
    "ExecStopPost",
    "ExecCondition",
    "ExecReloadPost",
];

/// What only a shell takes for an operator.
const OF_THE_SHELL: [&str; 8] = ["|", "||", "&&", ">", ">>", "<", "2>&1", "&"];

/// Letters behind % that some version from 252 on knows.
const SPECIFIERS: &str = "aAbBcCdDEfgGhHiIjJlLmMnNopPqrRsStTuUvVwWyY%";

pub(super) fn check(visit: &mut Visit<'_>, source: &Source, it: &Assignment) {
    if it.value.is_empty() {
        return;
    }
    words(visit, source, it);
    if COMMANDS.contains(&it.key.as_str()) && matches!(it.section.as_str(), "Service" | "Socket") {
        command(visit, source, it);
    }
}

fn words(visit: &mut Visit<'_>, source: &Source, it: &Assignment) {
    let is_yes_or_no = || YES_OR_NO.iter().any(|word| word.eq_ignore_ascii_case(&it.value));
    if OR_YES_OR_NO.contains(&it.key.as_str()) && is_yes_or_no() {
        return;
    }
    let known: &[&str] = if keys::is_yes_or_no(&it.key) {
        if is_yes_or_no() {
            return;
        }
        &["yes", "no"]
    } else {
        let row =
            WORDS.iter().find(|row| row.1 == it.key && (row.0.is_empty() || row.0 == it.section));
        let Some((_, _, words)) = row else {
            if let Some((wrong, takes)) = typed::wrong(it) {
                let message = format!("{}= does not take `{}`", it.key, source.quoted(&wrong));
                let finding = Finding::new(&units::VALUE, source.at(it.value_at.clone()), message);
                visit.tell(finding.help(format!("It takes {takes}.")));
            }
            return;
        };
        if words.contains(&it.value.as_str()) || it.value.contains('%') {
            return;
        }
        words
    };
    let message = format!("{}= does not take `{}`", it.key, source.quoted(&it.value));
    let near = known.iter().find(|word| strsim::damerau_levenshtein(word, &it.value) <= 2);
    let finding = Finding::new(&units::VALUE, source.at(it.value_at.clone()), message);
    visit.tell(match near {
        Some(near) => finding.help(format!("Did you mean {near}?")),
        None => finding.help(format!("It takes {}.", known.join(", "))),
    });
}

fn command(visit: &mut Visit<'_>, source: &Source, it: &Assignment) {
    let location = || source.at(it.value_at.clone());
    let Some(words) = split(&it.value) else {
        visit.tell(Finding::new(&units::QUOTE, location(), "a quote in this command does not end"));
        return;
    };
    let mut letters = it.value.split('%').skip(1);
    while let Some(behind) = letters.next() {
        if behind.is_empty() {
            // `%%`; the next part stands behind the second.
            if letters.next().is_none() {
                unknown(visit, source, it, "%");
            }
            continue;
        }
        let letter = behind.chars().next().unwrap_or_default();
        if !SPECIFIERS.contains(letter) {
            unknown(visit, source, it, &format!("%{letter}"));
            break;
        }
    }
    let Some(program) = words.first() else { return };
    let path = program.text.trim_start_matches(['-', '@', ':', '+', '!', '|']);
    if path.starts_with('$') {
        let message = format!("{} is a variable, and the program is not", source.quoted(path));
        visit.tell(Finding::new(&units::PROGRAM_VARIABLE, location(), message));
        return;
    }
    if path.contains('/') && !path.starts_with('/') && !path.starts_with(['%', '$']) {
        let message = format!("{} is no absolute path", source.quoted(path));
        visit.tell(Finding::new(&units::RELATIVE, location(), message));
        return;
    }
    let base = path.rsplit('/').next().unwrap_or_default();
    if matches!(base, "sh" | "bash" | "dash" | "ash" | "zsh" | "execlineb" | "busybox") {
        return;
    }
    let found = words.iter().skip(1).find(|it| !it.is_quoted && OF_THE_SHELL.contains(&&*it.text));
    if let Some(word) = found {
        let message =
            format!("{} is an argument of {}: there is no shell", word.text, source.quoted(base));
        visit.tell(Finding::new(&units::SHELL, location(), message));
    }
}

fn unknown(visit: &mut Visit<'_>, source: &Source, it: &Assignment, specifier: &str) {
    let message = format!("{} is no specifier of systemd", source.quoted(specifier));
    visit.tell(Finding::new(&units::SPECIFIER, source.at(it.value_at.clone()), message));
}
