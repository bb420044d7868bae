//! Replies and signals: what a message says, in types of our own.

use zbus::{Message, ObjectPath, message::Type};

use super::{
    call::UNIT,
    decode::{Held, Named},
    slot::{Slot, all},
};
use crate::{
    Action, Error, Properties, PropertyValue,
    error::{BusError, Subject},
};

/// A change that a method made to the links of unit files: what, the link, where it leads.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileChange {
    /// `symlink` or `unlink`; others are problems that the manager passed over.
    pub kind: String,
    /// The link.
    pub path: String,
    /// Where it leads; empty for what was removed.
    pub target: String,
}

/// One row of `ListUnitsByNames`.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub(crate) name: String,
    pub(crate) load: String,
    pub(crate) active: String,
    pub(crate) sub: String,
    pub(crate) follows: String,
    /// Number and type.
    pub(crate) job: Option<(u32, String)>,
}

/// As on the wire: name, description, load, active and sub state, whom it follows, path, job, its
/// type, its path.
type ListedRow<'a> = (
    &'a str,
    &'a str,
    &'a str,
    &'a str,
    &'a str,
    &'a str,
    ObjectPath<'a>,
    u32,
    &'a str,
    ObjectPath<'a>,
);

/// systemd signals a change of a unit in two: first what its type has, then what all units have.
/// Only both together are a state that there was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Half {
    First,
    Second,
}

pub(crate) fn rows_of(reply: &Message) -> Result<Vec<Listed>, Error> {
    let body = reply.body();
    let rows: Vec<ListedRow<'_>> =
        body.deserialize().map_err(|why| malformed(Action::Look, &Subject::Manager, &why))?;
    let listed = |(name, _, load, active, sub, follows, _, job, kind, _): ListedRow<'_>| Listed {
        name: name.to_owned(),
        load: load.to_owned(),
        active: active.to_owned(),
        sub: sub.to_owned(),
        follows: follows.to_owned(),
        job: (job != 0).then(|| (job, kind.to_owned())),
    };
    Ok(rows.into_iter().map(listed).collect())
}

/// The values that were asked for; `None` for what was not answered, or not by a value.
pub(crate) async fn answers(asked: Vec<Vec<Slot<Message>>>) -> Vec<Vec<Option<PropertyValue>>> {
    let mut answers = Vec::with_capacity(asked.len());
    // As in `all`: the last first.
    for slots in asked.into_iter().rev() {
        let replies = all(slots).await.into_iter();
        answers.push(replies.map(|reply| value_of(&reply?)).collect());
    }
    answers.reverse();
    answers
}

/// The value in the reply to a `Get`.
pub(crate) fn value_of(reply: &Message) -> Option<PropertyValue> {
    let body = (reply.message_type() == Type::MethodReturn).then(|| reply.body())?;
    let value: Held = body.deserialize().ok()?;
    Some(value.0)
}

/// The body of a reply, of a type that owns its parts.
pub(crate) fn body_of<R>(action: Action, subject: &Subject, reply: &Message) -> Result<R, Error>
where
    R: serde::de::DeserializeOwned + zbus::Type,
{
    let body = reply.body();
    body.deserialize::<R>().map_err(|why| malformed(action, subject, &why))
}

pub(crate) fn properties_of(
    action: Action,
    subject: &Subject,
    reply: &Message,
) -> Result<Properties, Error> {
    let body = reply.body();
    let all: Named = body.deserialize().map_err(|why| malformed(action, subject, &why))?;
    Ok(all.0)
}

/// Which half of a change a `PropertiesChanged` signal is, by the interface that it begins with: for most of
/// them nobody wants to know more.
pub(crate) fn half(signal: &Message) -> Half {
    let body = signal.body();
    // A string has its length in front, and a NUL after it.
    let text = body.data().bytes().get(4..).unwrap_or_default();
    let is_of_all = text.strip_prefix(UNIT.as_bytes()).is_some_and(|rest| rest.first() == Some(&0));
    if is_of_all { Half::Second } else { Half::First }
}

/// What a `PropertiesChanged` signal says; `None` if it is not one.
pub(crate) fn changed(signal: &Message) -> Option<Properties> {
    let body = signal.body();
    let (_, Named(properties), _): (&str, Named, Vec<&str>) = body.deserialize().ok()?;
    Some(properties)
}

/// What a `JobRemoved` signal says: the path of the job, its unit, and its result.
pub(crate) fn job_removed(signal: &Message) -> Option<(String, String, String)> {
    let body = signal.body();
    let (_, job, unit, result): (u32, ObjectPath<'_>, &str, &str) = body.deserialize().ok()?;
    Some((job.as_str().to_owned(), unit.to_owned(), result.to_owned()))
}

/// A message that is not of the type that systemd documents.
pub(crate) fn malformed(action: Action, subject: &Subject, why: &zbus::Error) -> Error {
    Error::Manager { action, subject: subject.to_string(), source: BusError::of(why) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::wire::call::{PROPERTIES, SERVICE};

    #[test]
    fn which_half_a_change_is_shows_without_reading_it() {
        let nothing = BTreeMap::<&str, zbus::Variant<'_>>::new();
        let service_of_all = "org.freedesktop.systemd1.Units";
        for (interface, is) in
            [(SERVICE, Half::First), (UNIT, Half::Second), (service_of_all, Half::First)]
        {
            let signal = Message::signal("/a", PROPERTIES, "PropertiesChanged");
            let signal = signal.build(&(interface, &nothing, Vec::<&str>::new())).unwrap();
            assert_eq!(half(&signal), is, "{interface}");
            assert!(changed(&signal).is_some());
        }
    }
}
