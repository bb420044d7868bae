//! From what the user typed to services: names in the scan directory, loggers, patterns, paths, units.

use std::{
    collections::{HashMap, HashSet},
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use svcmgr::{
    Dialect, Error, ErrorKind, Machine, ScanDir, Service, Supervised, Survey, is_path,
    systemd::{Bus, escape, escape_path, is_type, unit_in},
};

use crate::{
    args::{Global, Whose},
    exit::Exit,
    name,
    output::Output,
    silent::Silent,
};

mod dirs;
mod mute;

pub(crate) use self::dirs::{
    find_all, is_loop, known_scan_dirs, nothing_in, scan_dirs, services_in, the_scan_dir,
};

/// A service as the user named it, or why it cannot be used.
pub(crate) struct Target {
    pub(crate) name: String,
    /// The service directory; `None` for a unit.
    pub(crate) path: Option<PathBuf>,
    pub(crate) found: Result<Found, Error>,
}

/// A service of any kind.
pub(crate) type Found = Arc<dyn Supervised>;

/// Whether this is what came of a service that was listed, not named, and is gone since.
pub(crate) fn has_gone<T>(names: &[OsString], seen: &Result<T, Error>) -> bool {
    names.is_empty() && seen.as_ref().is_err_and(|error| error.kind() == ErrorKind::NotFound)
}

/// Why the names could not even be looked up; already told.
pub(crate) struct NoTargets(pub(crate) Exit);

/// Finds what was named, in the order given; every service of the scan directory for no name.
pub(crate) fn find(
    global: &Global,
    names: &[OsString],
    output: &mut Output,
) -> Result<Vec<Target>, NoTargets> {
    find_with(&Finder::new(global), names, output)
}

/// As [`find`], where nothing is asked of a service: of a name that is in two of the scan directories,
/// both are meant.
pub(crate) fn find_shown(
    global: &Global,
    names: &[OsString],
    output: &mut Output,
) -> Result<Vec<Target>, NoTargets> {
    let machine = Some(Machine::new());
    find_with(&Finder { shows_both: true, machine, ..Finder::new(global) }, names, output)
}

/// By their names, and those of one name by their paths.
fn sort(targets: &mut [Target]) {
    targets.sort_by(|a, b| (&a.name, &a.path).cmp(&(&b.name, &b.path)));
}

fn find_with(
    finder: &Finder<'_>,
    names: &[OsString],
    output: &mut Output,
) -> Result<Vec<Target>, NoTargets> {
    let global = finder.global;
    let mut targets = if names.is_empty() { finder.all(output)? } else { Vec::new() };
    if names.is_empty() && finder.shows_both && !global.units_too() {
        // Somebody has enabled what is not there.
        for scan_dir in finder.scan_dirs(output)? {
            targets.extend(dangling(scan_dir.dir(), &global.silent));
        }
        sort(&mut targets);
    }
    for name in names {
        finder.one(name, &mut targets, output)?;
    }
    targets.extend(
        finder.silent_dirs().into_iter().map(|dir| mute::target(&dir.to_string_lossy(), &dir)),
    );
    // A service that is named twice, by itself and by a pattern, is asked once.
    let mut seen = HashSet::with_capacity(targets.len());
    targets.retain(|target| match &target.path {
        Some(path) => seen.insert(path.clone()),
        None => seen.insert(PathBuf::from(&target.name)),
    });
    for target in targets.iter().filter(|target| target.found.is_ok()) {
        if let Some(dialect) = global.suite.and_then(|whose| whose.dialect) {
            doubt(target, dialect, output);
        } else if global.verbose {
            explain(target, output);
        }
    }
    Ok(targets)
}

/// Links of a scan directory that lead nowhere.
fn dangling(scan_dir: &Path, silent: &Silent) -> Vec<Target> {
    let Ok(entries) = scan_dir.read_dir() else { return Vec::new() };
    let links = entries.flatten().filter(|entry| {
        !entry.file_name().as_bytes().starts_with(b".")
            && entry.file_type().is_ok_and(|kind| kind.is_symlink())
            && !silent.has(&entry.path())
    });
    let target = |entry: std::fs::DirEntry| {
        let (link, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        let leads_to = nowhere(&link)?;
        let found = Err(Error::Dangling { link: link.clone(), leads_to });
        Some(Target { name, path: Some(link), found })
    };
    links.filter_map(target).collect()
}

/// Where a link leads, if nothing is there.
pub(crate) fn nowhere(link: &Path) -> Option<PathBuf> {
    let is_gone =
        matches!(link.metadata(), Err(error) if error.kind() == std::io::ErrorKind::NotFound);
    if is_gone { link.read_link().ok() } else { None }
}

/// The scan directory, if it is one, to be looked at in one pass: all of it, or these names, if they are
/// names of entries and nothing else. Else `None`, and [`find`] knows.
pub(crate) fn survey(
    global: &Global,
    names: &[OsString],
    output: &mut Output,
) -> Result<Option<Survey>, NoTargets> {
    let is_plain = !global.system && !global.user && !global.verbose && global.suite.is_none();
    if !global.silent.is_empty() || !is_plain || !names.iter().all(is_entry) {
        return Ok(None);
    }
    let all = scan_dirs(global, output)?;
    let [scan_dir] = &*all else { return Ok(None) };
    if !names.is_empty() {
        // A supervisor may have outlived its entry.
        if names.iter().any(|name| scan_dir.dir().join(name).symlink_metadata().is_err()) {
            return Ok(None);
        }
        let mut seen = HashSet::with_capacity(names.len());
        let once = names.iter().filter(|name| seen.insert(*name)).cloned().collect();
        return Ok(scan_dir.survey_of(once).ok());
    }
    scan_dir.survey().map(Some).map_err(|error| {
        output.error(&error);
        NoTargets(Exit::from(&error))
    })
}

/// What to say of an instance whose text was not escaped: `web@/var/lib/app.service`. `None` for
/// what is none, and for a path that leads somewhere.
fn instance_hint(name: &str) -> Option<String> {
    let (template, rest) = name.split_once('@').filter(|(template, _)| !template.contains('/'))?;
    let (instance, kind) = rest.rsplit_once('.').filter(|(text, _)| text.contains('/'))?;
    if !is_type(kind) || Path::new(name).symlink_metadata().is_ok() {
        return None;
    }
    let as_text = format!("{template}@{}.{kind}", escape(instance));
    let as_path = escape_path(instance).map(|path| format!("{template}@{path}.{kind}"));
    let as_path = as_path.map(|path| format!(", and as a path '{path}'")).unwrap_or_default();
    Some(format!(
        "cannot use {name} as the name of a unit: a name has no `/`\n  hint: escaped it is \
         '{as_text}'{as_path}; `svctl escape` makes such names"
    ))
}

/// The unit of a path, as `systemctl` has it: a device's below /dev, else that of a mount.
fn unit_of_path(path: &str) -> Option<String> {
    let kind = if path.starts_with("/dev/") { "device" } else { "mount" };
    let part = escape_path(path).filter(|_| path.starts_with('/'))?;
    Some(format!("{part}.{kind}"))
}

/// The way to a manager, until the end of the process: to end its threads one by one takes longer than many an
/// answer.
fn connected(user: bool, output: &mut Output) -> Result<Bus, Exit> {
    let bus = if user { Bus::user() } else { Bus::system() }.wait().map_err(|why| {
        let error = Error::from(why);
        output.error(&error);
        Exit::from(&error)
    })?;
    std::mem::forget(bus.clone());
    Ok(bus)
}

/// The manager whose units are meant.
pub(crate) fn bus(global: &Global, output: &mut Output) -> Result<Bus, NoTargets> {
    connected(global.user, output).map_err(NoTargets)
}

/// Whether every one of these names is that of a unit, or of the file of one.
pub(crate) fn all_units(global: &Global, names: &[OsString]) -> bool {
    let is_unit = |name: &OsString| name::is_unit(name) || (global.units_too() && !is_path(name));
    !names.is_empty() && names.iter().all(is_unit)
}

/// Whether a word can only mean an entry of the scan directory: no path, URL, unit, logger or pattern.
fn is_entry(word: &OsString) -> bool {
    let special = |byte: &u8| b"/*?[:.".contains(byte);
    !word.is_empty() && !word.as_bytes().iter().any(special)
}

/// Notes of which services, that nobody supervises yet, a scanner is about to take up.
pub(crate) fn expect_scanners(targets: &mut [Target]) {
    let mut scanned: HashMap<PathBuf, bool> = HashMap::new();
    for target in targets {
        let Ok(found) = &target.found else { continue };
        let Some(service) = found.directory() else { continue };
        if !found.status().is_ok_and(|seen| seen.supervised() == Some(false)) {
            continue;
        }
        let Some(scan_dir) = scan_dir_of(service.dir()) else { continue };
        let has_scanner =
            scanned.entry(scan_dir).or_insert_with_key(|dir| ScanDir::new(dir).has_scanner());
        if *has_scanner {
            target.found = Ok(Arc::new(service.clone().expected()));
        }
    }
}

/// Where an entry would stand of which this is the path.
pub(crate) fn scan_dir_of(entry: &Path) -> Option<PathBuf> {
    std::path::absolute(entry).ok()?.parent().map(Path::to_owned)
}

/// A service whose entry is gone, and whose supervisor is not.
fn outlived(entry: &Path) -> Option<Service> {
    let is_gone = matches!(
        entry.symlink_metadata(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound
    );
    let scan_dir = scan_dir_of(entry).filter(|_| is_gone)?;
    ScanDir::new(scan_dir).outlived(entry.file_name()?)
}

/// One word of warning where something is asked behind the back of s6-rc.
pub(crate) fn warn_of_s6_rc(targets: &[Target], output: &mut Output) {
    let is_kept = |target: &&Target| {
        let found = target.found.as_ref().ok().and_then(|found| found.directory());
        found.is_some_and(|service| service.s6_rc().is_some())
    };
    let names: Vec<_> = targets.iter().filter(is_kept).map(|it| it.name.clone()).collect();
    if !names.is_empty() && !output.quiet {
        output.message(&format!(
            "{}: s6-rc is not told of this\n  hint: `s6-rc change` does it, and knows",
            names.join(", ")
        ));
    }
}

/// Looks for the scan directories only when a name needs them.
struct Finder<'a> {
    global: &'a Global,
    scan_dirs: std::cell::OnceCell<Vec<ScanDir>>,
    /// A name in two of them is both.
    shows_both: bool,
    /// What the services have in common, where much is asked of them.
    machine: Option<Machine>,
    /// Nobody is connected to before a unit is named.
    bus: std::cell::OnceCell<Result<Bus, Exit>>,
}

impl<'a> Finder<'a> {
    fn new(global: &'a Global) -> Self {
        let (scan_dirs, bus) = (std::cell::OnceCell::new(), std::cell::OnceCell::new());
        Self { global, scan_dirs, shows_both: false, machine: None, bus }
    }

    fn bus(&self, output: &mut Output) -> Result<&Bus, NoTargets> {
        let connected = self.bus.get_or_init(|| connected(self.global.user, output));
        connected.as_ref().map_err(|exit| NoTargets(*exit))
    }

    /// Units by a name, or those that are loaded and fit a pattern.
    fn units(
        &self,
        name: &str,
        targets: &mut Vec<Target>,
        output: &mut Output,
    ) -> Result<(), NoTargets> {
        let bus = self.bus(output)?;
        if !name.contains(['*', '?', '[']) {
            let found = bus.unit(name).map(|unit| Arc::new(unit) as Found);
            let found = found.map_err(Error::from);
            let name = found.as_ref().map_or_else(|_| name.into(), |unit| unit.name().to_string());
            targets.push(Target { name, path: None, found });
            return Ok(());
        }
        let pattern = if name.contains('.') { name.to_owned() } else { format!("{name}.service") };
        let found = bus.loaded(&[&pattern]).wait().map_err(|why| {
            let error = Error::from(why);
            output.error(&error);
            NoTargets(Exit::from(&error))
        })?;
        if found.is_empty() {
            output.message(&format!("no loaded unit matches {name}"));
            return Err(NoTargets(Exit::Negative));
        }
        targets.extend(found.into_iter().map(|name| {
            let unit = bus.named(name);
            let name = unit.name().as_str().to_owned();
            Target { name, path: None, found: Ok(Arc::new(unit)) }
        }));
        Ok(())
    }

    fn scan_dirs(&self, output: &mut Output) -> Result<&[ScanDir], NoTargets> {
        if let Some(found) = self.scan_dirs.get() {
            return Ok(found);
        }
        let found = self.answering(scan_dirs(self.global, output)?);
        Ok(self.scan_dirs.get_or_init(|| found))
    }

    /// The same, where there may be none.
    fn known(&self) -> Vec<ScanDir> {
        self.answering(known_scan_dirs(self.global))
    }

    fn answering(&self, mut all: Vec<ScanDir>) -> Vec<ScanDir> {
        all.retain(|scan| !self.global.silent.has(scan.dir()));
        all
    }

    /// Those of the scan directories that do not answer, if they were needed.
    fn silent_dirs(&self) -> Vec<PathBuf> {
        let silent = &self.global.silent;
        if silent.is_empty() || self.scan_dirs.get().is_none() {
            return Vec::new();
        }
        let all = known_scan_dirs(self.global).into_iter().map(|scan| scan.dir().to_owned());
        all.filter(|dir| silent.has(dir)).collect()
    }

    fn all(&self, output: &mut Output) -> Result<Vec<Target>, NoTargets> {
        let known;
        let all = if self.global.units_too() {
            known = self.known();
            &known
        } else {
            self.scan_dirs(output)?
        };
        let mut targets = self.listed(all, &|_| true, output)?;
        if self.global.units_too() {
            // A usual place that nobody scans is no fault of the units.
            let is_held = |it: &Target| {
                let seen = it.found.as_ref().ok().and_then(|found| found.status().ok());
                seen.is_some_and(|seen| seen.supervised() != Some(false))
            };
            if !is_named(self.global) && !targets.iter().any(is_held) {
                targets.clear();
            }
            self.units("*.service", &mut targets, output)?;
        } else if targets.is_empty() && self.global.silent.is_empty() {
            for scan in all {
                nothing_in(scan.dir(), output);
            }
        }
        Ok(targets)
    }

    /// The services of these scan directories whose names fit. One that shares its name has its path
    /// instead.
    fn listed(
        &self,
        all: &[ScanDir],
        fits: &dyn Fn(&str) -> bool,
        output: &mut Output,
    ) -> Result<Vec<Target>, NoTargets> {
        let mut targets = Vec::new();
        for scan in all {
            let mute =
                mute::entries_of(scan, &self.global.silent).filter(|target| fits(&target.name));
            targets.extend(mute);
            let found = services(scan, &self.global.silent, output)?.into_iter();
            let found = found.filter(|service| fits(&service.name().to_string_lossy()));
            targets.extend(found.map(|service| self.target(service)));
        }
        if !self.global.silent.is_empty() {
            sort(&mut targets);
        }
        if all.len() > 1 {
            let mut names: Vec<_> = targets.iter().map(|target| target.name.clone()).collect();
            names.sort_unstable();
            let is_shared =
                |name: &String| names.get(names.partition_point(|it| it < name) + 1) == Some(name);
            for target in targets.iter_mut().filter(|target| is_shared(&target.name)) {
                if let Some(path) = target.path.clone() {
                    *target = self.open(path.clone(), path.as_os_str());
                }
            }
            sort(&mut targets);
        }
        Ok(targets)
    }

    /// A service by a name that is no pattern.
    fn named(&self, all: &[ScanDir], name: &OsStr, targets: &mut Vec<Target>) {
        let shown = || name.to_string_lossy().into_owned();
        match ScanDir::entry_of(all, name) {
            Ok(path) if all.len() > 1 && path.symlink_metadata().is_err() => {
                let error = ScanDir::no_such_name(all, name);
                targets.push(Target { name: shown(), path: None, found: Err(error) });
            }
            Ok(path) => {
                let mut target = self.open(path, name);
                if matches!(&target.found, Err(Error::NotFound { .. })) {
                    target.found = Err(ScanDir::no_such_name(all, name));
                }
                targets.push(target);
            }
            Err(Error::Ambiguous { .. }) if self.shows_both => {
                let all = all.iter().map(|scan| scan.dir().join(name));
                let all = all.filter(|path| path.symlink_metadata().is_ok());
                targets.extend(all.map(|path| self.open(path.clone(), path.as_os_str())));
            }
            Err(error) => targets.push(Target { name: shown(), path: None, found: Err(error) }),
        }
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
        if let Some(unit) = unit_in(name) {
            return self.units(unit, targets, output);
        }
        if let Some(hint) = name.to_str().and_then(instance_hint) {
            output.message(&hint);
            return Err(NoTargets(Exit::Usage));
        }
        if is_path(name) && self.global.only_units() {
            if let Some(unit) = name.to_str().and_then(unit_of_path) {
                return self.units(&unit, targets, output);
            }
            let name = name.to_string_lossy();
            output.message(&format!(
                "{name} is a path, and --suite systemd means units\n  hint: leave --suite out"
            ));
            return Err(NoTargets(Exit::Usage));
        }
        if is_path(name) {
            targets.push(self.open(Path::new(name).to_owned(), name));
            return Ok(());
        }
        if self.global.units_too() {
            // What is in a scan directory is meant first.
            let known = self.known();
            let there = |scan: &ScanDir| scan.dir().join(name).symlink_metadata().is_ok();
            if let Some(unit) = name.to_str().filter(|_| !known.iter().any(there)) {
                return self.units(unit, targets, output);
            }
        }
        let all = self.scan_dirs(output)?;
        let mute = all.iter().map(|scan| scan.dir().join(name));
        let mute: Vec<_> = mute.filter(|path| self.global.silent.has(path)).collect();
        if all.is_empty() || !mute.is_empty() {
            // Nobody asks whether it is in another one.
            targets.extend(mute.iter().map(|path| mute::target(&name.to_string_lossy(), path)));
            return Ok(());
        }
        let is_there = all.iter().any(|scan| scan.dir().join(name).symlink_metadata().is_ok());
        let pattern = name.to_str().filter(|name| name.contains(['*', '?', '[']));
        let Some(pattern) = pattern.filter(|_| !is_there) else {
            self.named(all, name, targets);
            return Ok(());
        };
        let matcher = glob::Pattern::new(pattern).map_err(|error| {
            output.message(&format!("cannot read the pattern {pattern}: {}", error.msg));
            NoTargets(Exit::Usage)
        })?;
        let found = self.listed(all, &|name| matcher.matches(name), output)?;
        if found.is_empty() {
            let dirs: Vec<_> = all.iter().map(|scan| scan.dir().display().to_string()).collect();
            output.message(&format!("no service in {} matches {pattern}", dirs.join(", ")));
            return Err(NoTargets(Exit::Negative));
        }
        targets.extend(found);
        Ok(())
    }

    /// A service that was found by listing.
    fn target(&self, service: Service) -> Target {
        let name = service.name().to_string_lossy().into_owned();
        let path = service.dir().to_owned();
        let service = match self.global.suite {
            Some(whose) => of_suite(&path, whose, &name),
            None => Ok(service),
        };
        Target { name, path: Some(path), found: service.map(|it| self.found(it)) }
    }

    fn found(&self, service: Service) -> Found {
        Arc::new(match &self.machine {
            Some(machine) => service.sharing(machine),
            None => service,
        })
    }

    fn open(&self, path: PathBuf, name: &OsStr) -> Target {
        let name = name.to_string_lossy().into_owned();
        if self.global.silent.has(&path) {
            return mute::target(&name, &path);
        }
        let path = outlived(&path).map_or(path, |service| service.dir().to_owned());
        let service = match self.global.suite {
            Some(whose) => of_suite(&path, whose, &name),
            None => Service::open(&path).map(|service| service.named(&name)),
        };
        Target { name, path: Some(path), found: service.map(|it| self.found(it)) }
    }
}

/// Whether the user says where services are.
fn is_named(global: &Global) -> bool {
    !global.dir.is_empty() || dirs::is_in_environment()
}

/// Those that could be opened.
pub(crate) fn usable(targets: &[Target]) -> Vec<Found> {
    targets.iter().filter_map(|target| target.found.as_ref().ok().cloned()).collect()
}

fn services(
    scan_dir: &ScanDir,
    silent: &Silent,
    output: &mut Output,
) -> Result<Vec<Service>, NoTargets> {
    if !silent.is_empty() {
        return Ok(mute::services_beside(scan_dir.dir(), silent));
    }
    let (services, loops) = scan_dir.services_and_loops().map_err(|error| {
        output.error(&error);
        NoTargets(Exit::from(&error))
    })?;
    for entry in &loops {
        is_loop(entry, output);
    }
    // What s6-rc runs for itself is nobody's service; `-v` shows it.
    let is_shown = |service: &Service| output.verbose || !is_helper(service);
    Ok(services.into_iter().filter(is_shown).collect())
}

/// Whether it is one of s6-rc's own. A name says that hardly any is.
pub(crate) fn is_helper(service: &Service) -> bool {
    let is_called_so = service.name().as_bytes().starts_with(b"s6rc-");
    is_called_so && service.s6_rc().is_some_and(|kept| kept.is_helper())
}

fn of_suite(path: &Path, whose: Whose, name: &str) -> Result<Service, Error> {
    let service = match whose.dialect {
        Some(dialect) => Service::with_dialect(path, dialect)?.named(name),
        None => Service::open(path)?.named(name),
    };
    Ok(match whose.version {
        Some(version) => service.of_version(version),
        None => service,
    })
}

fn explain(target: &Target, output: &mut Output) {
    let Some(service) = target.found.as_ref().ok().and_then(|found| found.directory()) else {
        return;
    };
    let path = service.dir().display();
    let found = match service.dialect() {
        Some(dialect) => format!("{dialect}, by the files in {path}"),
        None => format!("no supervisor has left its files in {path}"),
    };
    output.message(&format!("{}: {found}", target.name));
}

/// Says so where the files contradict the suite that was named: its questions get no answer there.
fn doubt(target: &Target, named: Dialect, output: &mut Output) {
    let path = target.path.as_ref();
    let service = path.and_then(|path| Service::open(path).ok());
    let found = service.and_then(|service| service.dialect());
    if let Some(found) = found.filter(|found| *found != named) {
        output.message(&format!("{}: taken for {named}, but its files are {found}'s", target.name));
    }
}
