//! What a path is, and who looks at it.

use std::path::Path;

use crate::{check, visit::Visit};

/// Where images and machines have directories of services.
const USUAL: [&str; 14] = [
    "etc/service",
    "service",
    "etc/sv",
    "var/service",
    "etc/runit/runsvdir/default",
    "etc/runit/runsvdir/current",
    "run/service",
    "var/run/service",
    "etc/s6-overlay/s6-rc.d",
    "etc/s6-rc/source",
    "etc/services.d",
    "etc/cont-init.d",
    "etc/cont-finish.d",
    "etc/systemd/system",
];

/// What units are called.
const UNITS: [&str; 11] = [
    "service",
    "socket",
    "timer",
    "target",
    "path",
    "mount",
    "automount",
    "swap",
    "slice",
    "scope",
    "device",
];

/// Names that only service directories have.
const OF_A_SERVICE: [&str; 12] = [
    "run",
    "finish",
    "supervise",
    "down",
    "check",
    "notification-fd",
    "timeout-kill",
    "timeout-finish",
    "max-death-tally",
    "down-signal",
    "start",
    "log",
];

/// Names that only sources of s6-rc have beside `type`.
const OF_A_SOURCE: [&str; 12] = [
    "up",
    "down",
    "run",
    "contents",
    "contents.d",
    "dependencies",
    "dependencies.d",
    "producer-for",
    "consumer-for",
    "pipeline-name",
    "timeout-up",
    "flag-essential",
];

/// Looks at whatever a path is.
pub(crate) fn look(visit: &mut Visit<'_>, path: &Path) {
    let path = visit.inside(path);
    visit.any(&path);
}

impl Visit<'_> {
    fn any(&mut self, path: &Path) {
        match self.world.entry(path) {
            Ok(entry) if entry.is_dir() => self.directory(path),
            Ok(_) => self.file(path),
            Err(error) => self.cannot_see(path, std::io::Error::from(error).to_string()),
        }
    }

    fn file(&mut self, path: &Path) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let ending = name.rsplit_once('.').map_or("", |it| it.1);
        if let Some(parent) = path.parent() {
            let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
            self.heed_file(parent);
        }
        if ending == "toml" {
            check::definition::check(self, path);
        } else if is_procfile(&name) {
            check::procfile::check(self, path);
        } else if UNITS.contains(&ending) || is_drop_in(path) {
            check::unit::check(self, path);
        } else if name == "config" {
            check::logger::config(self, path);
        } else {
            check::service::script(self, path);
        }
    }

    fn directory(&mut self, dir: &Path) {
        if !self.is_first(dir) {
            return;
        }
        self.heed_file(dir);
        let names = self.names(dir);
        if self.is_source(dir, &names) {
            check::rc::alone(self, dir);
            return;
        }
        if self.sources(dir, &names) > 0 {
            check::rc::set(self, dir, &names);
            return;
        }
        if self.is_service(dir, &names) {
            check::service::check(self, dir, true);
            return;
        }
        let before = self.looked_at;
        if self.world.is_image() && dir == Path::new("/") {
            self.usual(dir);
            if self.looked_at == before {
                self.cannot_see(dir, "the image has no services at the usual places");
            }
            return;
        }
        let ours: Vec<_> = names.iter().filter(|it| self.is_file_of_ours(dir, it)).collect();
        for name in ours {
            self.file(&dir.join(name));
        }
        for name in names.iter().filter(|it| it.strip_suffix(".d").is_some_and(is_unit)) {
            self.drop_ins(&dir.join(name));
        }
        if names.iter().any(|it| it == "config") && names.iter().any(|it| it == "current") {
            check::logger::config(self, &dir.join("config"));
        }
        if self.is_scan_dir(dir, &names) {
            check::scan::check(self, dir, &names);
        } else if self.looked_at == before {
            self.usual(dir);
        }
        if self.looked_at == before {
            self.cannot_see(
                dir,
                "it is no service directory, no scan directory, no directory of units and no sources of s6-rc",
            );
        }
    }

    fn is_file_of_ours(&self, dir: &Path, name: &str) -> bool {
        let is_ours = is_unit(name) || name == "svcmgr.toml" || is_procfile(name);
        // A unit that is a link to nothing, or to /dev/null, is systemd's own way to say something.
        is_ours && self.world.entry(&dir.join(name)).is_ok_and(|it| it.is_file())
    }

    fn drop_ins(&mut self, dir: &Path) {
        if !self.world.entry(dir).is_ok_and(|it| it.is_dir()) {
            return;
        }
        for name in self.names(dir).iter().filter(|it| it.strip_suffix(".conf").is_some()) {
            check::unit::check(self, &dir.join(name));
        }
    }

    fn usual(&mut self, dir: &Path) {
        for place in USUAL {
            let entry = dir.join(place);
            if !self.world.entry(&entry).is_ok_and(|it| it.is_dir()) {
                continue;
            }
            if place.ends_with("cont-init.d") || place.ends_with("cont-finish.d") {
                check::rc::scripts(self, &entry);
            } else if !self.world.names(&entry).is_ok_and(|it| it.is_empty()) {
                self.directory(&entry);
            }
        }
    }

    /// A directory of s6-rc that defines one service.
    fn is_source(&self, dir: &Path, names: &[String]) -> bool {
        let has = |name: &str| names.iter().any(|it| it == name);
        let is_type = || self.world.entry(&dir.join("type")).is_ok_and(|it| it.is_file());
        has("type") && OF_A_SOURCE.iter().any(|it| has(it)) && is_type()
    }

    /// How many of the directories in one are sources; none where one is plainly something else.
    fn sources(&self, dir: &Path, names: &[String]) -> usize {
        let is_type = |name: &&String| {
            self.world.entry(&dir.join(name).join("type")).is_ok_and(|it| it.is_file())
        };
        names.iter().filter(|it| !it.starts_with('.')).filter(is_type).count()
    }

    fn is_service(&self, dir: &Path, names: &[String]) -> bool {
        let has = |name: &str| names.iter().any(|it| it == name);
        let is_file = |name: &str| self.world.entry(&dir.join(name)).is_ok_and(|it| !it.is_dir());
        // A scan directory may have a service of any of these names; those are directories.
        has("run") && (self.world.entry(&dir.join("run")).is_err() || is_file("run"))
            || ["finish", "start", "notification-fd", "down"].iter().any(|it| is_file(it))
            || (has("supervise") && has("log"))
            || self.world.is_there(&dir.join("log/run"))
            || self.world.is_there(&dir.join("supervise/status"))
            || self.is_run_a_directory(dir, names)
    }

    /// `run` is a directory, and what is beside it is not those of other services.
    fn is_run_a_directory(&self, dir: &Path, names: &[String]) -> bool {
        names.iter().any(|it| it == "run")
            && names.iter().all(|it| OF_A_SERVICE.contains(&it.as_str()) || it.starts_with('.'))
            && !self.world.is_there(&dir.join("run/run"))
    }

    fn is_scan_dir(&self, dir: &Path, names: &[String]) -> bool {
        names.iter().any(|it| it == ".s6-svscan")
            || names.iter().any(|name| {
                let inner = dir.join(name);
                check::scan::has_script(self, &inner)
                    || (self.world.own_entry(&inner).is_ok_and(|it| it.kind.is_symlink())
                        && self.world.is_missing(&inner))
            })
    }
}

fn is_unit(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(stem, ending)| !stem.is_empty() && UNITS.contains(&ending))
}

fn is_procfile(name: &str) -> bool {
    name == "Procfile" || name.starts_with("Procfile.")
}

/// `web.service.d/local.conf`
fn is_drop_in(path: &Path) -> bool {
    let dir = path.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy();
    path.extension().is_some_and(|it| it == "conf") && dir.strip_suffix(".d").is_some_and(is_unit)
}
