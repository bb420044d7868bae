//! Who still runs what was there before, once something was built: a supervisor reads a definition when it starts
//! a process, and systemd when it is told to.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use svcmgr::{Service, State, Supervised, build::Target};

use crate::{
    json::{Found, Verb},
    output::{Output, printable},
};

/// Where systemd reads units, and whether its user managers do.
const UNITS: [(&str, bool); 5] = [
    ("/etc/systemd/system", false),
    ("/run/systemd/system", false),
    ("/usr/local/lib/systemd/system", false),
    ("/etc/systemd/user", true),
    ("/run/systemd/user", true),
];

/// Says it of each, with what takes the new one up.
pub(super) fn tell(target: Target, out: &Path, found: &Found, output: &mut Output) {
    let changed = found.changes.iter().filter(|it| it.what != Verb::New);
    match target {
        Target::Systemd => units(out, found, output),
        Target::S6Rc if changed.count() > 0 => output.hint(
            "s6-rc-compile and s6-rc-update take it up; a process that runs goes on as before until it is \
             started again, with s6-svc -r",
        ),
        Target::S6Rc | Target::Procfile => (),
        _ => directories(out, found, output),
    }
}

fn directories(out: &Path, found: &Found, output: &mut Output) {
    let mut looked_at = BTreeSet::new();
    for change in &found.changes {
        let mut parts = Path::new(&change.path).components();
        let Some(name) = parts.next() else { continue };
        let is_of_log = parts.next().is_some_and(|it| it.as_os_str() == "log");
        let dir: PathBuf = if is_of_log { out.join(name).join("log") } else { out.join(name) };
        if !looked_at.insert(dir.clone()) {
            continue;
        }
        // What cannot be looked at is no running service.
        let Ok(service) = Service::open(&dir) else { continue };
        let Ok(seen) = service.status() else { continue };
        if service.oddities(&seen).is_definition_newer == Some(true) {
            let dir = dir.display();
            output.message(&printable(&format!("{dir} runs an older definition")));
            output.hint(&format!("`svctl restart {dir}` takes the new one up"));
        }
    }
}

fn units(out: &Path, found: &Found, output: &mut Output) {
    let place = std::fs::canonicalize(out).unwrap_or_default();
    let Some((_, user)) = UNITS.iter().find(|(dir, _)| place == Path::new(dir)) else { return };
    if found.changes.is_empty() {
        return;
    }
    let option = if *user { " --user" } else { "" };
    output.hint(&format!("`svctl{option} daemon-reload` makes systemd read it"));
    if *user {
        // There may be many of these managers.
        return;
    }
    for change in found.changes.iter().filter(|it| it.what == Verb::Changed) {
        let Ok(unit) = svcmgr::open(&change.path) else { continue };
        let Ok(seen) = unit.status() else { continue };
        if seen.pid().is_some() && !matches!(seen.state(), State::Down | State::Failed) {
            let name = &change.path;
            output.message(&printable(&format!("{name} runs an older definition")));
            output.hint(&format!("`svctl restart {name}` takes the new one up, after that"));
        }
    }
}
