//! What keeps a unit that is down from being started by anybody: its conditions and assertions.
//!
//! The manager tests them at a start and forgets what came of it as soon as the unit is dropped from its
//! memory, which is at once. So those of which everybody sees what the manager sees are looked at here
//! ([`holds`]); of others its last word counts, where it has one.

mod holds;

use svproto::Cause;

use crate::{Properties, PropertyValue};

pub(crate) use self::holds::{Around, NEEDED_OF_MANAGER};

/// The properties that it takes.
pub(crate) const NEEDED: [&str; 6] = [
    "Conditions",
    "Asserts",
    "ConditionResult",
    "ConditionTimestampMonotonic",
    "AssertResult",
    "AssertTimestampMonotonic",
];

/// So many of them are the rows: what there is to test. The others are what came of it.
pub(crate) const ROWS: usize = 2;

/// Whether there is anything to test.
pub(crate) fn has_rows(unit: &Properties) -> bool {
    ALL.iter().any(|(name, ..)| unit.get(name).is_some_and(|rows| !rows.fields().is_empty()))
}

/// What was tested together: its rows, the result of the last test, and when that was.
const ALL: [(&str, &str, &str, Cause); 2] = [
    ("Conditions", "ConditionResult", "ConditionTimestampMonotonic", Cause::Condition),
    ("Asserts", "AssertResult", "AssertTimestampMonotonic", Cause::Assertion),
];

/// The first thing that is in the way, and its words as in a unit file.
pub(crate) fn of(unit: &Properties, around: &Around) -> Option<(Cause, String)> {
    ALL.into_iter().find_map(|(name, result, stamp, cause)| {
        let rows = unit.get(name)?.fields();
        let tests: Vec<_> = rows.iter().filter_map(|row| Test::of(row, around)).collect();
        let unmet: Vec<_> = tests.iter().filter(|test| test.holds == Some(false)).collect();
        // All that stand alone must hold, and one of those that a `|` marks.
        let alone = unmet.iter().find(|test| !test.is_one_of_many);
        let many = || tests.iter().filter(|test| test.is_one_of_many);
        let none_of_many = many().next().is_some() && many().all(|test| test.holds == Some(false));
        let open = || tests.iter().filter(|test| test.holds.is_none()).map(|test| test.row);
        let was_unmet = unit.number(stamp) > 0 && !unit.is(result);
        let named: Vec<&PropertyValue> = match alone {
            Some(test) => vec![test.row],
            None if none_of_many => many().map(|test| test.row).collect(),
            // The manager has read its files again, and has forgotten which of them it was.
            None if was_unmet && open().next().is_some() => open().collect(),
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

/// Whether the manager must be asked how things are around it, to look at these.
pub(crate) fn needs_manager(unit: &Properties) -> bool {
    let rows = ALL.into_iter().filter_map(|(name, ..)| unit.get(name));
    let names = rows.flat_map(PropertyValue::fields).filter_map(|row| row.fields().first()?.text());
    names.filter_map(kind).any(holds::is_the_managers)
}

/// `PathExists` of both `ConditionPathExists` and `AssertPathExists`.
fn kind(name: &str) -> Option<&str> {
    name.strip_prefix("Condition").or_else(|| name.strip_prefix("Assert"))
}

/// One condition or assertion.
struct Test<'a> {
    row: &'a PropertyValue,
    is_one_of_many: bool,
    /// `None` where nobody can tell.
    holds: Option<bool>,
}

impl<'a> Test<'a> {
    fn of(row: &'a PropertyValue, around: &Around) -> Option<Self> {
        let [name, trigger, negate, about, state] = row.fields() else { return None };
        let (kind, about) = (kind(name.text()?)?, about.text()?);
        let looked = around.holds(kind, about).map(|holds| holds != (negate.bool() == Some(true)));
        let told = match state {
            PropertyValue::Signed(state) if *state != 0 => Some(*state > 0),
            _ => None,
        };
        let is_one_of_many = trigger.bool() == Some(true);
        Some(Self { row, is_one_of_many, holds: looked.or(told) })
    }
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
        let said = of(&unit, &Around::here()).map(|(cause, about)| cause.about(&about).to_string());
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
            let is_free = of(&unit.into_iter().collect(), &Around::here()).is_none();
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
            &[any("/nonexistent"), row("ConditionSecurity", true, false, "ima", 0)],
            None,
        );
    }

    #[test]
    fn what_else_decides_is_the_managers_last_word() {
        let security = |state| row("ConditionSecurity", false, false, "ima", state);
        found("Conditions", &[security(0)], None);
        found("Conditions", &[security(1)], None);
        let said = "condition ConditionSecurity=ima was not met, nothing was started";
        found("Conditions", &[security(-1)], Some(said));
        let far = |rows: &[PropertyValue], more: &[(&str, PropertyValue)]| {
            let rows = [("Conditions", PropertyValue::List(rows.to_vec()))];
            let unit = rows.into_iter().chain(more.iter().cloned()).collect();
            of(&unit, &Around::default())
        };
        let root = |state| row("ConditionPathExists", false, false, "/", state);
        assert!(far(&[root(-1)], &[]).is_some());
        // It has read its files again since it tested them.
        let when = ("ConditionTimestampMonotonic", PropertyValue::Unsigned(7));
        let tested = |holds| [when.clone(), ("ConditionResult", PropertyValue::Bool(holds))];
        assert_eq!(far(&[root(0)], &tested(true)), None);
        let about = far(&[root(0)], &tested(false)).unwrap().1;
        assert_eq!(about, "ConditionPathExists=/");
    }
}
