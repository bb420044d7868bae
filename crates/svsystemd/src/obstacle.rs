//! What keeps a unit that is down from being started by anybody: its conditions and assertions.
//!
//! The manager tests them at a start and forgets what came of it as soon as the unit is dropped from its
//! memory, which is at once. So those that files decide are looked at here, as the manager would
//! (`condition_test` of systemd); of others its last word counts, where it has one.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use svproto::Cause;

use crate::{Properties, PropertyValue};

/// The properties that it takes.
pub(crate) const NEEDED: [(&str, Cause); 2] =
    [("Conditions", Cause::Condition), ("Asserts", Cause::Assertion)];

/// The first thing that is in the way, and its words as in a unit file. `is_here` says whether the
/// manager sees the files that are seen from here.
pub(crate) fn of(unit: &Properties, is_here: bool) -> Option<(Cause, String)> {
    NEEDED.into_iter().find_map(|(name, cause)| {
        let rows = unit.get(name)?.fields();
        let tests: Vec<_> = rows.iter().filter_map(|row| Test::of(row, is_here)).collect();
        let unmet: Vec<_> = tests.iter().filter(|test| test.holds == Some(false)).collect();
        // All that stand alone must hold, and one of those that a `|` marks.
        let alone = unmet.iter().find(|test| !test.is_one_of_many);
        let many = || tests.iter().filter(|test| test.is_one_of_many);
        let none_of_many = many().next().is_some() && many().all(|test| test.holds == Some(false));
        let named: Vec<&PropertyValue> = match alone {
            Some(test) => vec![test.row],
            None if none_of_many => many().map(|test| test.row).collect(),
            None => return None,
        };
        Some((cause, lines(&named)))
    })
}

/// Conditions as in a unit file. A row has its name, whether one of several is enough, whether it is the
/// other way round, what it is about, and what came of it.
pub(crate) fn lines(rows: &[&PropertyValue]) -> String {
    let shown = rows.iter().filter_map(|row| {
        let [name, trigger, negate, about, _] = row.fields() else { return None };
        let mark = if trigger.bool() == Some(true) { "|" } else { "" };
        let not = if negate.bool() == Some(true) { "!" } else { "" };
        Some(format!("{}={mark}{not}{}", name.text()?, about.text()?))
    });
    shown.collect::<Vec<_>>().join(" or ")
}

/// One condition or assertion.
struct Test<'a> {
    row: &'a PropertyValue,
    is_one_of_many: bool,
    /// `None` where nobody can tell.
    holds: Option<bool>,
}

impl<'a> Test<'a> {
    fn of(row: &'a PropertyValue, is_here: bool) -> Option<Self> {
        let [name, trigger, negate, about, state] = row.fields() else { return None };
        let (name, about) = (name.text()?, about.text()?);
        let kind = name.strip_prefix("Condition").or_else(|| name.strip_prefix("Assert"))?;
        let looked = is_here.then(|| holds(kind, about)).flatten();
        let looked = looked.map(|holds| holds != (negate.bool() == Some(true)));
        let told = match state {
            PropertyValue::Signed(state) if *state != 0 => Some(*state > 0),
            _ => None,
        };
        let is_one_of_many = trigger.bool() == Some(true);
        Some(Self { row, is_one_of_many, holds: looked.or(told) })
    }
}

/// Whether it holds, before a `!`. `None` for what files do not decide.
fn holds(kind: &str, about: &str) -> Option<bool> {
    let path = Path::new(about);
    let meta = || fs::metadata(path).ok();
    Some(match kind {
        "PathExists" => meta().is_some(),
        "PathIsDirectory" => meta().is_some_and(|it| it.is_dir()),
        "PathIsSymbolicLink" => path.symlink_metadata().is_ok_and(|it| it.is_symlink()),
        "DirectoryNotEmpty" => fs::read_dir(path).is_ok_and(|mut it| it.next().is_some()),
        "FileNotEmpty" => meta().is_some_and(|it| it.is_file() && it.len() > 0),
        "FileIsExecutable" => {
            meta().is_some_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
        }
        // A pattern, or the number of the machine, is for the manager to compare.
        "Host" if about.contains(['*', '?', '[']) => return None,
        "Host" => {
            let host = fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
            let machine = fs::read_to_string("/etc/machine-id").unwrap_or_default();
            about.eq_ignore_ascii_case(host.trim()) || about == machine.trim()
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(name: &str, trigger: bool, negate: bool, about: &str, state: i64) -> PropertyValue {
        PropertyValue::List(vec![
            PropertyValue::Text(name.to_owned()),
            PropertyValue::Bool(trigger),
            PropertyValue::Bool(negate),
            PropertyValue::Text(about.to_owned()),
            PropertyValue::Signed(state),
        ])
    }

    #[track_caller]
    fn found(name: &str, rows: &[PropertyValue], expected: Option<&str>) {
        let unit: Properties = [(name, PropertyValue::List(rows.to_vec()))].into_iter().collect();
        let said = of(&unit, true).map(|(cause, about)| cause.about(&about).to_string());
        assert_eq!(said.as_deref(), expected, "{rows:?}");
    }

    #[test]
    fn what_files_decide_is_looked_at() {
        let exists = |about| row("ConditionPathExists", false, false, about, 0);
        found("Conditions", &[exists("/")], None);
        let said = "condition ConditionPathExists=/nonexistent was not met, nothing was started";
        found("Conditions", &[exists("/"), exists("/nonexistent")], Some(said));
        let not = row("ConditionPathIsDirectory", false, true, "/proc", 0);
        let said = "condition ConditionPathIsDirectory=!/proc was not met, nothing was started";
        found("Conditions", &[not], Some(said));
        let assert = row("AssertFileIsExecutable", false, false, "/proc", 0);
        found("Asserts", &[assert], Some("the assertion AssertFileIsExecutable=/proc failed"));
        for (name, about, holds) in [
            ("ConditionDirectoryNotEmpty", "/proc", true),
            ("ConditionDirectoryNotEmpty", "/nonexistent", false),
            ("ConditionFileNotEmpty", "/proc", false),
            ("ConditionPathIsSymbolicLink", "/proc/self", true),
            ("ConditionPathIsSymbolicLink", "/proc", false),
            ("ConditionHost", "nobody.example", false),
        ] {
            let unit =
                [("Conditions", PropertyValue::List(vec![row(name, false, false, about, 0)]))];
            let is_free = of(&unit.into_iter().collect(), true).is_none();
            assert_eq!(is_free, holds, "{name}={about}");
        }
    }

    #[test]
    fn one_of_several_marked_conditions_is_enough() {
        let any = |about| row("ConditionPathExists", true, false, about, 0);
        found("Conditions", &[any("/nonexistent"), any("/")], None);
        let said = "condition ConditionPathExists=|/nonexistent or ConditionPathExists=|/no was not met, \
                    nothing was started";
        found("Conditions", &[any("/nonexistent"), any("/no")], Some(said));
        // Nobody can tell of the other.
        found(
            "Conditions",
            &[any("/nonexistent"), row("ConditionUser", true, false, "me", 0)],
            None,
        );
    }

    #[test]
    fn what_else_decides_is_the_managers_last_word() {
        let user = |state| row("ConditionUser", false, false, "nobody", state);
        found("Conditions", &[user(0)], None);
        found("Conditions", &[user(1)], None);
        let said = "condition ConditionUser=nobody was not met, nothing was started";
        found("Conditions", &[user(-1)], Some(said));
        let unit = [(
            "Conditions",
            PropertyValue::List(vec![row("ConditionPathExists", false, false, "/", -1)]),
        )];
        assert!(of(&unit.into_iter().collect(), false).is_some());
    }
}
