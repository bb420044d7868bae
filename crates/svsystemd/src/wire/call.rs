//! Calls: names of systemd's interfaces, and messages that ask.

use serde::Serialize;
use zbus::{DynamicType, Message, message::Flags};

use crate::UnitName;

pub(crate) const MANAGER_NAME: &str = "org.freedesktop.systemd1";
pub(crate) const MANAGER_PATH: &str = "/org/freedesktop/systemd1";
pub(crate) const MANAGER: &str = "org.freedesktop.systemd1.Manager";
pub(crate) const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
pub(crate) const UNIT: &str = "org.freedesktop.systemd1.Unit";
pub(crate) const SERVICE: &str = "org.freedesktop.systemd1.Service";
pub(crate) const JOB: &str = "org.freedesktop.systemd1.Job";
const BUS: &str = "org.freedesktop.DBus";
const BUS_PATH: &str = "/org/freedesktop/DBus";

/// What a method takes.
pub(crate) trait Body: Serialize + DynamicType + Sync {}
impl<T: Serialize + DynamicType + Sync> Body for T {}

/// The interface of a unit's own type.
pub(crate) fn interface(unit: &UnitName) -> String {
    let kind = unit.kind();
    let (first, rest) = kind.split_at_checked(1).unwrap_or_default();
    format!("org.freedesktop.systemd1.{}{rest}", first.to_ascii_uppercase())
}

/// A call of a method of the manager's connection.
pub(crate) fn message(
    path: &str,
    interface: &str,
    member: &str,
    flags: Flags,
    body: &impl Body,
) -> Result<Message, zbus::Error> {
    let call = Message::method_call(path, member)
        .destination(MANAGER_NAME)
        .interface(interface)
        .with_flags(flags);
    call.build(body)
}

/// A call of a method of the bus itself.
pub(crate) fn to_bus(member: &str, body: &impl Body) -> Result<Message, zbus::Error> {
    Message::method_call(BUS_PATH, member).destination(BUS).interface(BUS).build(body)
}
