//! Whether units are started by themselves, read from the links in the administrator's directories.
//!
//! The manager's property `UnitFileState` says it too, but costs it 2 ms at the first reading of each
//! unit after a load, since it then reads all its directories; 200 units take 0.4 s. Here they are
//! read once for all units, by the rules of `systemctl is-enabled` (`unit_file_lookup_state`), and as
//! they are now: the property keeps what it was when the files were read last.

use std::{
    collections::{HashMap, HashSet},
    fs,
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
};

use crate::{UnitName, file::Dirs, is_type, once};

/// The links of one manager.
pub(crate) struct Links {
    /// Where unit files are, the weightiest first.
    paths: Vec<PathBuf>,
    /// Names of files, and the place of the first directory that has one; read where many are asked for.
    /// To look for 200 in twenty directories takes 8 ms, and to list these 1.
    files: Option<HashMap<String, usize>>,
    dirs: Dirs,
    /// Names of links in directories such as `multi-user.target.wants`.
    wanted: HashSet<String>,
    /// Links to other names: whom they lead to, and their own.
    aliases: HashMap<String, Vec<String>>,
    /// Directories of drop-ins: the unit, and where.
    drop_ins: HashMap<String, Vec<PathBuf>>,
    /// What files say of their installation: instances share that of their template.
    installs: HashMap<PathBuf, Arc<Install>>,
}

/// What `[Install]` says, as far as it decides whether a unit is enabled.
#[derive(Debug, Default, PartialEq, Eq)]
struct Install {
    /// Names that a link may have beside the unit's own.
    aliases: Vec<String>,
    /// Whether anything can be linked at all.
    has_rules: bool,
}

/// For so many units it is not worth listing all directories.
const FEW: usize = 8;

/// What is where, the weightiest first.
fn files_in(paths: &[PathBuf]) -> HashMap<String, usize> {
    let mut files = HashMap::new();
    for (at, dir) in paths.iter().enumerate() {
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            if let Ok(name) = entry.file_name().into_string() {
                files.entry(name).or_insert(at);
            }
        }
    }
    files
}

/// A unit file is smaller; what is longer is not read.
const LONGEST: u64 = 1 << 20;

impl Links {
    /// Reads the links, to be asked about so many units. `None` where these are not directories of this
    /// machine.
    pub(crate) fn read(paths: &[&str], units: usize) -> Option<Self> {
        let dirs = Dirs::among(paths)?;
        let paths: Vec<_> = paths.iter().map(PathBuf::from).collect();
        let mut links = Self {
            files: (units > FEW).then(|| files_in(&paths)),
            paths,
            wanted: HashSet::new(),
            aliases: HashMap::new(),
            drop_ins: HashMap::new(),
            installs: HashMap::new(),
            dirs,
        };
        for dir in links.paths.clone() {
            if links.is_config(&dir) {
                links.read_config(&dir);
            }
        }
        Some(links)
    }

    /// Whether an administrator's links are in this directory: those of packages enable nothing.
    fn is_config(&self, dir: &Path) -> bool {
        let of_all_users = ["/etc/systemd/user", "/run/systemd/user"];
        dir == self.dirs.lasting
            || dir == self.dirs.runtime
            || of_all_users.iter().any(|it| dir == Path::new(it))
    }

    fn read_config(&mut self, dir: &Path) {
        // Where there is none there are no links.
        let Ok(entries) = fs::read_dir(dir) else { return };
        for entry in entries.flatten() {
            let Ok(name) = entry.file_name().into_string() else { continue };
            let path = entry.path();
            if [".wants", ".requires", ".upholds"].iter().any(|end| name.ends_with(end)) {
                for link in fs::read_dir(&path).into_iter().flatten().flatten() {
                    let Ok(name) = link.file_name().into_string() else { continue };
                    self.take_link(&link.path(), &name);
                    self.wanted.insert(name);
                }
            } else if let Some(unit) = name.strip_suffix(".d") {
                self.drop_ins.entry(unit.to_owned()).or_default().push(path);
            } else if is_unit(&name) {
                self.take_link(&path, &name);
            }
        }
    }

    /// A link to a unit of another name.
    fn take_link(&mut self, path: &Path, name: &str) {
        let Ok(target) = fs::read_link(path) else { return };
        let target = target.file_name().and_then(|it| it.to_str()).filter(|it| is_unit(it));
        if let Some(target) = target.filter(|it| *it != name) {
            self.aliases.entry(target.to_owned()).or_default().push(name.to_owned());
        }
    }

    /// `enabled` or `disabled`, or nothing for what is neither: static, generated, transient, linked.
    /// `None` where it cannot be seen from here.
    pub(crate) fn state(&mut self, unit: &UnitName) -> Option<&'static str> {
        let template = unit.template().filter(|it| it != unit);
        let (dir, path) =
            self.fragment(unit.as_str()).or_else(|| self.fragment(template.as_ref()?.as_str()))?;
        if self.wanted.contains(unit.as_str()) {
            return Some("enabled");
        }
        let kind = dir.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if kind.starts_with("generator") || kind == "transient" {
            return Some("");
        }
        let is_linked = self.is_config(&dir) && fs::read_link(&path).is_ok();
        let install = self.install(&path, unit, template.as_ref())?;
        let under_others = self.aliases.get(unit.as_str()).map(Vec::as_slice).unwrap_or_default();
        let is_named = under_others.iter().any(|name| install.aliases.contains(name));
        Some(match under_others {
            _ if is_named => "enabled",
            [] if install.has_rules && !is_linked => "disabled",
            // It may be in use by another name.
            _ => "",
        })
    }

    /// Whether the drop-in that lets this run be the last is there.
    pub(crate) fn is_last(&self, unit: &UnitName) -> bool {
        self.drop_ins.contains_key(unit.as_str()) && once::path_of(&self.dirs, unit).exists()
    }

    /// Where the file of a name is.
    fn fragment(&self, name: &str) -> Option<(PathBuf, PathBuf)> {
        if let Some(files) = &self.files {
            let dir = self.paths.get(*files.get(name)?)?;
            return Some((dir.clone(), dir.join(name)));
        }
        self.paths.iter().find_map(|dir| {
            let path = dir.join(name);
            path.symlink_metadata().is_ok().then(|| (dir.clone(), path))
        })
    }

    fn install(
        &mut self,
        path: &Path,
        unit: &UnitName,
        template: Option<&UnitName>,
    ) -> Option<Arc<Install>> {
        if let Some(known) = self.installs.get(path) {
            return Some(Arc::clone(known));
        }
        let mut install = Install::default();
        install.take(&text(path)?, unit);
        for name in [Some(unit), template].into_iter().flatten() {
            for dir in self.drop_ins.get(name.as_str()).into_iter().flatten() {
                let files = fs::read_dir(dir).into_iter().flatten().flatten();
                let mut files: Vec<_> = files.map(|it| it.path()).collect();
                files.sort_unstable();
                for file in files.iter().filter(|it| it.extension().is_some_and(|it| it == "conf"))
                {
                    install.take(&text(file).unwrap_or_default(), unit);
                }
            }
        }
        let install = Arc::new(install);
        // What is said of one instance is not said of the others.
        let is_own = !install.aliases.is_empty() || self.drop_ins.contains_key(unit.as_str());
        if template.is_none() || !is_own {
            self.installs.insert(path.to_owned(), Arc::clone(&install));
        }
        Some(install)
    }
}

impl Install {
    /// Adds what a unit file or a drop-in says.
    fn take(&mut self, text: &str, unit: &UnitName) {
        let mut is_install = false;
        let joined = text.replace("\\\n", " ");
        for line in joined.lines().map(str::trim) {
            if line.starts_with('[') {
                is_install = line == "[Install]";
            }
            let Some((key, value)) = line.split_once('=').filter(|_| is_install) else { continue };
            match key.trim_end() {
                "WantedBy" | "RequiredBy" | "UpheldBy" => {
                    self.has_rules |= !value.trim().is_empty();
                }
                "Alias" => {
                    let names = value.split_whitespace().map(|name| expanded(name, unit));
                    self.aliases.extend(names);
                    self.has_rules |= !value.trim().is_empty();
                }
                _ => (),
            }
        }
    }
}

/// The specifiers that a name of an alias has now and then.
fn expanded(name: &str, unit: &UnitName) -> String {
    let instance = unit.instance().unwrap_or_default();
    let prefix = unit.prefix().split_once('@').map_or(unit.prefix(), |(prefix, _)| prefix);
    name.replace("%i", instance).replace("%p", prefix).replace("%n", unit.as_str())
}

fn is_unit(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, kind)| is_type(kind))
}

fn text(path: &Path) -> Option<String> {
    let file = fs::File::open(path).ok()?;
    let mut bytes = Vec::new();
    file.take(LONGEST).read_to_end(&mut bytes).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}
