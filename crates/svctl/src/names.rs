//! From what the user typed to services: names in the scan directory, loggers, patterns, paths.

use std::{
    collections::HashSet,
    ffi::{OsStr, OsString},
    path::{Path, PathBuf},
    sync::Arc,
};

use svcmgr::{Backend, Dialect, Error, ScanDir, Service, is_path};

use crate::{args::Global, exit::Exit, output::Output};

/// A service as the user named it, or why it cannot be used.
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) backend: Result<Found, Error>,
}

/// A service of any kind.
pub(crate) type Found = Arc<dyn Backend>;

/// Why the names could not even be looked up; already told.
pub(crate) struct NoTargets(pub(crate) Exit);

/// Finds what was named, in the order given; every service of the scan directory for no name.
pub(crate) fn find(
    global: &Global,
    names: &[OsString],
    output: &mut Output,
) -> Result<Vec<Target>, NoTargets> {
    let finder = Finder { global, scan_dir: std::cell::OnceCell::new() };
    let mut targets = if names.is_empty() { finder.all(output)? } else { Vec::new() };
    for name in names {
        finder.one(name, &mut targets, output)?;
    }
    // A service that is named twice, by itself and by a pattern, is asked once.
    let mut seen = HashSet::with_capacity(targets.len());
    targets.retain(|target| seen.insert(target.path.clone()));
    for target in &targets {
        if let Some(dialect) = global.backend {
            doubt(target, dialect, output);
        } else if global.verbose {
            explain(target, output);
        }
    }
    Ok(targets)
}

/// The scan directory: named, or found.
pub(crate) fn scan_dir(global: &Global, output: &mut Output) -> Result<ScanDir, NoTargets> {
    let found = match &global.dir {
        Some(dir) => Some(ScanDir::new(dir)),
        None => ScanDir::find(),
    };
    if let Some(scan_dir) = found {
        if global.verbose {
            output.message(&format!("the scan directory is {}", scan_dir.dir().display()));
        }
        return Ok(scan_dir);
    }
    output.message(
        "cannot find a scan directory\n  hint: name it with --dir or $SVDIR, or give a path such as ./web",
    );
    Err(NoTargets(Exit::Usage))
}

/// Looks for the scan directory only when a name needs it.
struct Finder<'a> {
    global: &'a Global,
    scan_dir: std::cell::OnceCell<ScanDir>,
}

impl Finder<'_> {
    fn scan_dir(&self, output: &mut Output) -> Result<&ScanDir, NoTargets> {
        if let Some(found) = self.scan_dir.get() {
            return Ok(found);
        }
        let found = scan_dir(self.global, output)?;
        Ok(self.scan_dir.get_or_init(|| found))
    }

    fn all(&self, output: &mut Output) -> Result<Vec<Target>, NoTargets> {
        let scan_dir = self.scan_dir(output)?;
        let services = services(scan_dir, output)?;
        if services.is_empty() {
            output.message(&format!("no service in {}", scan_dir.dir().display()));
        }
        Ok(services.into_iter().map(|service| self.target(service)).collect())
    }

    fn one(
        &self,
        name: &OsStr,
        targets: &mut Vec<Target>,
        output: &mut Output,
    ) -> Result<(), NoTargets> {
        if name.is_empty() {
            output.message("a service has an empty name");
            return Err(NoTargets(Exit::Usage));
        }
        if is_path(name) {
            targets.push(self.open(Path::new(name).to_owned(), name));
            return Ok(());
        }
        let scan_dir = self.scan_dir(output)?;
        let path = scan_dir.dir().join(name);
        let pattern = name.to_str().filter(|name| name.contains(['*', '?', '[']));
        let Some(pattern) = pattern.filter(|_| path.symlink_metadata().is_err()) else {
            targets.push(self.open(path, name));
            return Ok(());
        };
        let matcher = glob::Pattern::new(pattern).map_err(|error| {
            output.message(&format!("cannot read the pattern {pattern}: {}", error.msg));
            NoTargets(Exit::Usage)
        })?;
        let services = services(scan_dir, output)?;
        let matching = services.into_iter().filter(|service| matcher.matches(service.name()));
        let before = targets.len();
        targets.extend(matching.map(|service| self.target(service)));
        if targets.len() == before {
            let dir = scan_dir.dir().display();
            output.message(&format!("no service in {dir} matches {pattern}"));
            return Err(NoTargets(Exit::Negative));
        }
        Ok(())
    }

    /// A service that was found by listing.
    fn target(&self, service: Service) -> Target {
        let (name, path) = (service.name().to_owned(), service.dir().to_owned());
        let service = match self.global.backend {
            Some(dialect) => with_dialect(&path, dialect, &name),
            None => Ok(service),
        };
        Target { name, path, backend: service.map(found) }
    }

    fn open(&self, path: PathBuf, name: &OsStr) -> Target {
        let name = name.to_string_lossy().into_owned();
        let service = match self.global.backend {
            Some(dialect) => with_dialect(&path, dialect, &name),
            None => Service::open(&path).map(|service| service.named(&name)),
        };
        Target { name, path, backend: service.map(found) }
    }
}

fn found(service: Service) -> Found {
    Arc::new(service)
}

fn services(scan_dir: &ScanDir, output: &mut Output) -> Result<Vec<Service>, NoTargets> {
    scan_dir.services().map_err(|error| {
        output.error(&error);
        NoTargets(Exit::from(&error))
    })
}

fn with_dialect(path: &Path, dialect: Dialect, name: &str) -> Result<Service, Error> {
    Service::with_dialect(path, dialect).map(|service| service.named(name))
}

fn explain(target: &Target, output: &mut Output) {
    let Some(service) = target.backend.as_ref().ok().and_then(|found| found.directory()) else {
        return;
    };
    let path = target.path.display();
    let found = match service.dialect() {
        Some(dialect) => format!("{dialect}, by the files in {path}"),
        None => format!("no supervisor has left its files in {path}"),
    };
    output.message(&format!("{}: {found}", target.name));
}

/// Says so where the files contradict the suite that was named: its questions get no answer there.
fn doubt(target: &Target, named: Dialect, output: &mut Output) {
    let found = Service::open(&target.path).ok().and_then(|service| service.dialect());
    if let Some(found) = found.filter(|found| *found != named) {
        output.message(&format!("{}: taken for {named}, but its files are {found}'s", target.name));
    }
}
