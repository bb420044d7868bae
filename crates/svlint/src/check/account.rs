//! Users and groups that a script names, and the forms that programs take them in.

use crate::{
    Finding,
    rule::scripts,
    shell::{Link, Word},
    source::Source,
    visit::Visit,
};

pub(crate) fn check(visit: &mut Visit<'_>, source: &Source, link: &Link<'_>) {
    match link.name {
        "chpst" => {
            for (letter, value, word) in &link.options {
                if let ('u', Some(value)) = (*letter, value) {
                    chpst(visit, source, value, word);
                }
            }
        }
        "setuidgid" | "s6-setuidgid" | "envuidgid" | "s6-envuidgid" => {
            let Some(word) = link.arguments.first() else { return };
            let Some(account) = word.plain() else { return };
            named(visit, source, link.name, account, word);
        }
        _ => {}
    }
}

fn chpst(visit: &mut Visit<'_>, source: &Source, value: &str, word: &Word) {
    if let Some(numbers) = value.strip_prefix(':') {
        let is_number = |it: &str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit());
        if let Some(name) = numbers.split(':').find(|it| !is_number(it)) {
            let message = format!(
                "behind a colon chpst takes numbers alone, and {} is none",
                source.quoted(&format!("`{name}`"))
            );
            visit.tell(Finding::new(&scripts::CHPST_COLON, source.at(word.at.clone()), message));
        }
        return;
    }
    let mut parts = value.split(':');
    let user = parts.next().unwrap_or_default();
    exists(visit, source, user, word, true);
    for group in parts {
        exists(visit, source, group, word, false);
    }
}

fn named(visit: &mut Visit<'_>, source: &Source, program: &str, account: &str, word: &Word) {
    let location = || source.at(word.at.clone());
    if let Some((user, group)) = account.split_once(':') {
        let is_number = |it: &str| it.bytes().all(|it| it.is_ascii_digit());
        let is_s6 = program.starts_with("s6-");
        if is_s6 && program == "s6-setuidgid" && is_number(user) && is_number(group) {
            return;
        }
        let takes = if is_s6 { "one name, or two numbers" } else { "the name of one account" };
        let message = format!("{program} takes {takes}, not {}", source.quoted(account));
        visit.tell(Finding::new(&scripts::ACCOUNT_FORM, location(), message));
        return;
    }
    exists(visit, source, account, word, true);
}

/// Tells a name that the image has not.
fn exists(visit: &mut Visit<'_>, source: &Source, name: &str, word: &Word, is_user: bool) {
    if !visit.world.is_image() || name.is_empty() || name.bytes().all(|it| it.is_ascii_digit()) {
        return;
    }
    let (table, rule, what) = if is_user {
        ("/etc/passwd", &scripts::NO_USER, "user")
    } else {
        ("/etc/group", &scripts::NO_GROUP, "group")
    };
    let Some(known) = super::names::accounts(visit.world, table) else { return };
    if !known.contains(name) && source.is_shown {
        let message = format!("the {what} {name} is not in {table} of the image");
        visit.tell(Finding::new(rule, source.at(word.at.clone()), message));
    }
}
