//! Programs, users and groups that an image has.

use std::{collections::BTreeSet, path::Path};

use crate::world::World;

/// Where programs are looked for; `/command` is s6-overlay's, `/package/admin` the one of slashpackage.
const PATH: [&str; 9] = [
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
    "/command",
    "/usr/lib/runit",
    "/usr/games",
];

/// Whether no directory of PATH has it.
pub(crate) fn is_missing(world: &World, name: &str) -> bool {
    PATH.iter().all(|dir| world.is_missing(&Path::new(dir).join(name)))
}

/// The names in a table of accounts; `None` where there is none, or others are asked besides.
pub(crate) fn accounts(world: &World, table: &str) -> Option<BTreeSet<String>> {
    let (bytes, _) = world.read(Path::new(table)).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    if text.lines().any(|it| it.starts_with('+')) || !is_alone(world, table) {
        return None;
    }
    Some(text.lines().filter_map(|it| it.split(':').next()).map(str::to_owned).collect())
}

/// Whether no other source but files is asked: `systemd` has nothing where no unit runs.
fn is_alone(world: &World, table: &str) -> bool {
    let database = if table == "/etc/group" { "group:" } else { "passwd:" };
    let conf = world.read(Path::new("/etc/nsswitch.conf")).map(|it| it.0).unwrap_or_default();
    let conf = String::from_utf8_lossy(&conf);
    let sources = conf.lines().find_map(|it| it.trim_start().strip_prefix(database));
    let known = ["files", "compat", "systemd"];
    sources.unwrap_or_default().split_whitespace().all(|it| known.contains(&it))
}
