//! A service of a tree: a definition of `svbuild` under its name, and the service directory made of
//! it.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fs::{self, File},
    io::{self, Write as _},
    os::unix::{
        ffi::OsStrExt as _,
        fs::{OpenOptionsExt as _, PermissionsExt as _},
    },
    path::{Component, Path, PathBuf},
};

use svbuild::{
    Definitions, Language, Options, Service, Target,
    plan::{PlanEntry, Unit},
    spec::{ReadyCheck, RestartPolicy, Stream, Word},
};
use svproto::files::{FileKind, TABLE};

use super::{engine::Engine, error::TreeError};
use crate::embed::OWN_FILES;

/// A service of a tree: [`svbuild::Service`], as a file of definitions has it, and its name.
///
/// It is rendered for the engine's suite as `svctl build` does it for the production. What it
/// writes goes to the tree's log of it instead of a logger (`log`), and to start it after others
/// (`after`) is the caller's affair. For what a definition does not say, put files beside it
/// ([`Definition::file`], [`Definition::script`]).
///
/// ```
/// use svdevtree::Definition;
///
/// let text = "[service.web]\nexec = ['/srv/web/server', '--port', '8080']\numask = '022'\n";
/// let mut definitions = svbuild::Definitions::from_toml(text).unwrap();
/// let web = definitions.service.remove("web").unwrap();
/// let web: Definition = ("web", web).into();
/// assert_eq!(web.name(), "web");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Definition {
    name: String,
    service: Service,
    unset: Vec<OsString>,
    files: BTreeMap<PathBuf, (Vec<u8>, u32)>,
    /// Files for what nothing else is there.
    otherwise: BTreeMap<PathBuf, (Vec<u8>, u32)>,
}

impl<N: Into<String>> From<(N, Service)> for Definition {
    fn from((name, service): (N, Service)) -> Self {
        let (files, otherwise) = (BTreeMap::new(), BTreeMap::new());
        Self { name: name.into(), service, unset: Vec::new(), files, otherwise }
    }
}

/// A copy.
impl From<&Definition> for Definition {
    fn from(definition: &Definition) -> Self {
        definition.clone()
    }
}

impl Definition {
    /// A service of this name, and the words that run it. The first is looked for in `PATH`, or is
    /// a path; a relative one counts from the directory in which this program runs.
    pub fn new<W: Into<OsString>>(
        name: impl Into<String>,
        argv: impl IntoIterator<Item = W>,
    ) -> Self {
        let mut argv: Vec<OsString> = argv.into_iter().map(Into::into).collect();
        if let Some(program) = argv.first_mut().filter(|it| it.as_bytes().contains(&b'/')) {
            *program = absolute(program);
        }
        (name, Service::new(argv)).into()
    }

    /// Its name, which is that of its directory.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// One more word.
    pub fn arg(mut self, word: impl Into<OsString>) -> Self {
        self.service.exec.push(word.into().into());
        self
    }

    /// A variable of its environment; the others are those of this program.
    pub fn env(mut self, name: impl Into<String>, value: impl Into<OsString>) -> Self {
        self.service.env.insert(name.into(), value.into().into());
        self
    }

    /// A variable that is not to be in its environment.
    pub fn env_remove(mut self, name: impl Into<OsString>) -> Self {
        self.unset.push(name.into());
        self
    }

    /// Where it runs; by default in its service directory. A relative path counts from the
    /// directory in which this program runs.
    pub fn cwd(mut self, dir: impl Into<PathBuf>) -> Self {
        self.service.cwd = Some(absolute(dir.into().as_os_str()).into());
        self
    }

    /// A file in the service directory, of mode 0600; takes the place of one that the definition
    /// makes.
    pub fn file(mut self, path: impl Into<PathBuf>, content: impl Into<Vec<u8>>) -> Self {
        self.files.insert(path.into(), (content.into(), 0o600));
        self
    }

    /// The same for one that can be executed, of mode 0700.
    pub fn script(mut self, path: impl Into<PathBuf>, content: impl Into<Vec<u8>>) -> Self {
        self.files.insert(path.into(), (content.into(), EXECUTABLE));
        self
    }

    /// A script where neither the definition nor a file of it makes one.
    pub(crate) fn script_otherwise(mut self, path: &str, content: impl Into<Vec<u8>>) -> Self {
        self.otherwise.insert(path.into(), (content.into(), EXECUTABLE));
        self
    }

    /// Whether something of its own is run after each end.
    pub(crate) fn has_finish(&self) -> bool {
        let service = &self.service;
        self.files.contains_key(Path::new("finish"))
            || !service.finish.is_empty()
            || service.restart != RestartPolicy::default()
    }

    /// How it is known that it is ready, where the definition says so.
    pub(crate) fn readiness(&self) -> Option<&ReadyCheck> {
        self.service.ready.as_ref().map(|ready| &ready.check)
    }

    /// What is to be started before it.
    pub(crate) fn after(&self) -> impl Iterator<Item = &str> {
        self.service.order()
    }

    fn bad(&self, why: &'static str) -> TreeError {
        TreeError::BadDefinition { name: self.name.clone(), why }
    }

    /// Writes the service directory. One that is there is changed file by file, `run` last. What
    /// can be executed is put in place by `install`, which gets a file and a path for a copy of it.
    pub(super) fn write(
        &self,
        engine: Engine,
        services: &Path,
        log: &Path,
        install: &mut dyn FnMut(&Path, &Path) -> Result<(), TreeError>,
    ) -> Result<PathBuf, TreeError> {
        let is_name = !self.name.is_empty()
            && !self.name.starts_with('.')
            && !self.name.contains(['/', '\0']);
        if !is_name {
            return Err(self.bad("a name is no path and does not begin with a dot"));
        }
        let mut entries = self.render(engine, log)?;
        let plain =
            |path: &Path| path.components().all(|part| matches!(part, Component::Normal(_)));
        if !self.files.keys().all(|path| plain(path) && !path.as_os_str().is_empty()) {
            return Err(self.bad("a file of it is not in its directory"));
        }
        for (path, file) in &self.otherwise {
            entries.entry(path.clone()).or_insert_with(|| file.clone());
        }
        entries.extend(self.files.clone());
        let run = entries.remove(Path::new("run"));
        let dir = services.join(&self.name);
        make_dir(&dir)?;
        for (path, (content, mode)) in &entries {
            let path = dir.join(path);
            if let Some(parent) = path.parent() {
                make_dir(parent)?;
            }
            put(&path, content, *mode, install)?;
        }
        // What an earlier definition had made and this one does not.
        let given = TABLE.iter().filter(|known| {
            known.made_with.is_none() && known.path != "run" && known.kind != FileKind::Directory
        });
        for known in given.map(|known| known.path).chain(OWN_FILES) {
            if !entries.contains_key(Path::new(known)) {
                let path = dir.join(known);
                if path.symlink_metadata().is_ok_and(|data| data.is_file()) {
                    fs::remove_file(&path)
                        .map_err(|error| TreeError::io("remove", &path, error))?;
                }
            }
        }
        if let Some((content, _)) = run {
            put(&dir.join("run"), &content, EXECUTABLE, install)?;
        }
        Ok(dir)
    }

    /// The files of its directory, with their modes.
    fn render(
        &self,
        engine: Engine,
        log: &Path,
    ) -> Result<BTreeMap<PathBuf, (Vec<u8>, u32)>, TreeError> {
        if self.service.instances.is_some() {
            return Err(self.bad("it has `instances`, each of which is a definition of its own"));
        }
        let mut service = self.service.clone();
        service.log = None;
        for needs in [&mut service.after, &mut service.needs, &mut service.wants] {
            needs.clear();
        }
        if matches!(service.stdout, None | Some(Stream::Inherit)) {
            service.stdout = Some(Stream::File(log.to_owned()));
        }
        if matches!(service.stderr, None | Some(Stream::Inherit)) {
            service.stderr = Some(Stream::Stdout);
        }
        if !self.unset.is_empty() {
            let mut words = vec![Word::from("env")];
            words
                .extend(self.unset.iter().flat_map(|name| [Word::from("-u"), name.clone().into()]));
            words.append(&mut service.exec);
            service.exec = words;
        }
        let target = match engine {
            Engine::Embedded => Target::Embedded,
            Engine::Runsvdir => Target::Runit,
            Engine::Svscan => Target::Daemontools,
            Engine::S6Svscan => Target::S6,
        };
        let options = Options::new().language(Language::Sh);
        let plan = Definitions::default().with(&self.name, service).render(target, options);
        let fail = |source| TreeError::Unbuildable { name: self.name.clone(), source };
        let mut files = BTreeMap::new();
        for unit in plan.map_err(fail)?.units.into_values() {
            let Unit::Directory(entries) = unit else { continue };
            files.extend(entries.into_iter().filter_map(|(path, entry)| match entry {
                PlanEntry::File(file) => {
                    let mode = if file.mode & 0o100 == 0 { 0o600 } else { EXECUTABLE };
                    Some((path, (file.bytes, mode)))
                }
                // Made for what is in it.
                PlanEntry::Directory { .. } | PlanEntry::Link(_) => None,
            }));
        }
        Ok(files)
    }
}

/// The path from the root, as this program sees it.
fn absolute(path: &OsStr) -> OsString {
    std::path::absolute(path).map_or_else(|_| path.to_owned(), PathBuf::into_os_string)
}

fn make_dir(dir: &Path) -> Result<(), TreeError> {
    fs::create_dir_all(dir).map_err(|error| TreeError::io("make", dir, error))
}

const EXECUTABLE: u32 = 0o700;

/// Whoever reads it finds the old file or the new one.
fn put(
    path: &Path,
    content: &[u8],
    mode: u32,
    install: &mut dyn FnMut(&Path, &Path) -> Result<(), TreeError>,
) -> Result<(), TreeError> {
    let fail = |error| TreeError::io("write", path, error);
    let new = beside(path, ".new");
    write_new(&new, content, 0o600).map_err(fail)?;
    if mode != EXECUTABLE {
        return fs::rename(&new, path).map_err(fail);
    }
    let installed = install(&new, path);
    fs::remove_file(&new).map_err(fail)?;
    installed
}

/// Puts a copy in place that can be executed.
///
/// For a process with one thread. In another one a child of another thread may hold the copy open
/// between its `fork` and its `exec`, and then it cannot be executed (`ETXTBSY`).
pub(super) fn install(from: &Path, to: &Path) -> io::Result<()> {
    let copy = beside(to, ".copy");
    write_new(&copy, &fs::read(from)?, EXECUTABLE)?;
    fs::rename(&copy, to)
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(suffix);
    path.with_file_name(name)
}

fn write_new(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let _left_over = fs::remove_file(path);
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(content)?;
    file.set_permissions(fs::Permissions::from_mode(mode))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The files that are written for a service.
    fn written(definition: &Definition, engine: Engine) -> BTreeMap<String, String> {
        let place = tempfile::tempdir().unwrap();
        let copy = &mut |from: &Path, to: &Path| {
            fs::copy(from, to).map(drop).map_err(|error| TreeError::io("write", to, error))
        };
        let dir = definition.write(engine, place.path(), Path::new("/logs/web"), copy).unwrap();
        let entries = fs::read_dir(dir).unwrap().map(Result::unwrap);
        let text = |path: PathBuf| fs::read_to_string(path).unwrap();
        entries.map(|it| (it.file_name().into_string().unwrap(), text(it.path()))).collect()
    }

    fn run(definition: &Definition) -> String {
        written(definition, Engine::Embedded).remove("run").unwrap()
    }

    #[test]
    fn run_gives_every_word_as_it_is() {
        let definition = Definition::new("web", ["server", "--root", "/my site", "it's", "$HOME"])
            .env("PORT", "80 80")
            .env_remove("HOME")
            .cwd("/srv/www");
        let run = run(&definition);
        for part in
            ["/logs/web", "PORT='80 80'", "cd /srv/www", "env -u HOME server --root '/my site'"]
        {
            assert!(run.contains(part), "{part}: {run}");
        }
        assert!(run.trim_end().ends_with("'$HOME'"), "{run}");
    }

    #[test]
    fn a_path_that_is_relative_counts_from_here() {
        let here = std::env::current_dir().unwrap();
        let expected = format!("exec {}/bin/server\n", here.display());
        let run = run(&Definition::new("web", ["bin/server"]));
        assert!(run.ends_with(&expected), "{run}");
    }

    #[test]
    fn a_definition_is_rendered_for_the_suite_of_each_engine() {
        let text = "[service.web]\nexec = ['/bin/server']\numask = '027'\nready.fd = 4\nafter = ['db']\n\
                    stop.kill_after = '2s'\nlog = {}\n[service.db]\nexec = ['/bin/db']\n";
        let definitions = Definitions::from_toml(text).unwrap();
        let web = definitions.service.get("web").unwrap().clone();
        for engine in [Engine::Embedded, Engine::S6Svscan] {
            let files = written(&("web", web.clone()).into(), engine);
            assert!(files.get("run").unwrap().contains("umask 027"), "{files:?}");
            assert_eq!(files.get("notification-fd").map(String::as_str), Some("4\n"));
            assert_eq!(files.get("timeout-kill").map(String::as_str), Some("2000\n"));
        }
        // What a suite cannot do is refused, as `svctl build` refuses it.
        let refused = Definition::from(("web", web)).render(Engine::Svscan, Path::new("/log"));
        let error = refused.unwrap_err();
        assert!(matches!(error, TreeError::Unbuildable { .. }), "{error}");
    }

    #[test]
    fn what_an_earlier_definition_had_made_goes() {
        let place = tempfile::tempdir().unwrap();
        let write = |definition: &Definition| {
            let copy = &mut |from: &Path, to: &Path| {
                fs::copy(from, to).map(drop).map_err(|error| TreeError::io("write", to, error))
            };
            definition.write(Engine::Embedded, place.path(), Path::new("/log"), copy).unwrap()
        };
        let web = || Service::new(["/bin/server"]);
        let dir = write(&("web", web().down().finish(["/bin/true"])).into());
        fs::write(dir.join("of-its-own"), "").unwrap();
        assert!(dir.join("down").exists() && dir.join("finish").exists());
        write(&("web", web()).into());
        assert!(!dir.join("down").exists() && !dir.join("finish").exists());
        assert!(dir.join("run").exists() && dir.join("of-its-own").exists());
    }

    #[test]
    fn what_cannot_be_carried_out_is_refused_before_anything_is_written() {
        let place = tempfile::tempdir().unwrap();
        let good = || Definition::new("web", ["server"]);
        let bad = vec![
            Definition::new("", ["server"]),
            Definition::new(".web", ["server"]),
            Definition::new("a/b", ["server"]),
            Definition::new::<&str>("web", []),
            Definition::new("web", ["-c"]),
            Definition::new("web", ["a\0b"]),
            good().env("A-B", "1"),
            good().env("", "1"),
            good().file("../x", ""),
            good().file("/x", ""),
            good().file("", ""),
        ];
        for definition in bad {
            let engine = Engine::Embedded;
            let write =
                definition.write(engine, place.path(), Path::new("/log"), &mut |_, _| Ok(()));
            let error = write.unwrap_err();
            assert_eq!(
                error.kind(),
                super::super::TreeErrorKind::BadDefinition,
                "{definition:?}: {error}"
            );
        }
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
    }
}
