//! A service as a program with its surroundings, and the service directory made of it.

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

use super::error::TreeError;

/// What to run: argv byte for byte, never a shell line.
///
/// For what a definition does not say, put files beside it: `finish`, `down`, `timeout-kill`,
/// `control/t`, ... ([`Definition::file`], [`Definition::script`]). Or write a service directory into
/// [`DevTree::services_dir`](super::DevTree::services_dir) by other means: definitions of the crate
/// `svbuild` go there with `definitions.render(target, options)?.write(&tree.services_dir())?`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Definition {
    name: String,
    argv: Vec<OsString>,
    env: BTreeMap<OsString, Option<OsString>>,
    cwd: Option<PathBuf>,
    files: BTreeMap<PathBuf, (Vec<u8>, u32)>,
}

impl Definition {
    /// A service of this name, and the words that run it. The first is looked for in `PATH`, or is a
    /// path; a relative one counts from the directory in which this program runs.
    pub fn new<Word: Into<OsString>>(
        name: impl Into<String>,
        argv: impl IntoIterator<Item = Word>,
    ) -> Self {
        let argv = argv.into_iter().map(Into::into).collect();
        let (env, cwd, files) = (BTreeMap::new(), None, BTreeMap::new());
        Self { name: name.into(), argv, env, cwd, files }
    }

    /// Its name, which is that of its directory.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// One more word.
    pub fn arg(mut self, word: impl Into<OsString>) -> Self {
        self.argv.push(word.into());
        self
    }

    /// A variable of its environment; the others are those of this program.
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.insert(name.into(), Some(value.into()));
        self
    }

    /// A variable that is not to be in its environment.
    pub fn env_remove(mut self, name: impl Into<OsString>) -> Self {
        self.env.insert(name.into(), None);
        self
    }

    /// Where it runs; by default in its service directory.
    pub fn cwd(mut self, dir: impl Into<PathBuf>) -> Self {
        self.cwd = Some(dir.into());
        self
    }

    /// A file in the service directory, of mode 0600.
    pub fn file(mut self, path: impl Into<PathBuf>, content: impl Into<Vec<u8>>) -> Self {
        self.files.insert(path.into(), (content.into(), 0o600));
        self
    }

    /// A file in the service directory that can be executed, of mode 0700.
    pub fn script(mut self, path: impl Into<PathBuf>, content: impl Into<Vec<u8>>) -> Self {
        self.files.insert(path.into(), (content.into(), EXECUTABLE));
        self
    }

    pub(crate) fn has_file(&self, path: &str) -> bool {
        self.files.contains_key(Path::new(path))
    }

    fn bad(&self, why: &'static str) -> TreeError {
        TreeError::BadDefinition { name: self.name.clone(), why }
    }

    /// Writes the service directory. One that is there is changed file by file, `run` last. What can be
    /// executed is put in place by `install`, which gets a file and a path for a copy of it.
    pub(super) fn write(
        &self,
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
        let run = self.run(log)?;
        let plain =
            |path: &Path| path.components().all(|part| matches!(part, Component::Normal(_)));
        if !self.files.keys().all(|path| plain(path) && !path.as_os_str().is_empty()) {
            return Err(self.bad("a file of it is not in its directory"));
        }
        let dir = services.join(&self.name);
        make_dir(&dir)?;
        for (path, (content, mode)) in &self.files {
            let path = dir.join(path);
            if let Some(parent) = path.parent() {
                make_dir(parent)?;
            }
            put(&path, content, *mode, install)?;
        }
        put(&dir.join("run"), &run, EXECUTABLE, install)?;
        Ok(dir)
    }

    /// Words quoted for sh; what they mean there is what they were.
    fn run(&self, log: &Path) -> Result<Vec<u8>, TreeError> {
        let quote = |word: &OsStr| {
            shlex::bytes::try_quote(word.as_bytes())
                .map(std::borrow::Cow::into_owned)
                .map_err(|_| self.bad("there is a NUL in it"))
        };
        let mut run = b"#!/bin/sh\nexec >>".to_vec();
        run.extend(quote(log.as_os_str())?);
        run.extend(b" 2>&1\n");
        for (name, value) in &self.env {
            if !is_variable(name) {
                return Err(self.bad("a name of a variable has letters, digits and _ only"));
            }
            match value {
                Some(value) => {
                    run.extend([b"export ", name.as_bytes(), b"="].concat());
                    run.extend(quote(value)?);
                }
                None => run.extend([b"unset ", name.as_bytes()].concat()),
            }
            run.push(b'\n');
        }
        if let Some(cwd) = &self.cwd {
            let cwd = absolute(cwd.as_os_str());
            run.extend(b"cd ");
            run.extend(quote(&cwd)?);
            run.extend(b" || exit 111\n");
        }
        run.extend(b"exec");
        let (program, words) =
            self.argv.split_first().ok_or_else(|| self.bad("it runs nothing"))?;
        if program.is_empty() || program.as_bytes().starts_with(b"-") {
            return Err(self.bad("its first word is no program"));
        }
        let program =
            if program.as_bytes().contains(&b'/') { absolute(program) } else { program.clone() };
        for word in std::iter::once(&program).chain(words) {
            run.push(b' ');
            run.extend(quote(word)?);
        }
        run.push(b'\n');
        Ok(run)
    }
}

/// The path from the root, as this program sees it.
fn absolute(path: &OsStr) -> OsString {
    std::path::absolute(path).map_or_else(|_| path.to_owned(), PathBuf::into_os_string)
}

fn is_variable(name: &OsStr) -> bool {
    let bytes = name.as_bytes();
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    bytes.iter().all(is_word) && bytes.first().is_some_and(|first| !first.is_ascii_digit())
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

    fn text(definition: &Definition) -> String {
        String::from_utf8(definition.run(Path::new("/logs/web")).unwrap()).unwrap()
    }

    #[test]
    fn run_gives_every_word_as_it_is() {
        let definition = Definition::new("web", ["server", "--root", "/my site", "it's", "$HOME"])
            .env("PORT", "80 80")
            .env_remove("HOME")
            .cwd("/srv/www");
        let expected = "#!/bin/sh\nexec >>/logs/web 2>&1\nunset HOME\nexport PORT='80 80'\n\
                        cd /srv/www || exit 111\nexec server --root '/my site' \"it's\" '$HOME'\n";
        assert_eq!(text(&definition), expected);
    }

    #[test]
    fn a_path_that_is_relative_counts_from_here() {
        let here = std::env::current_dir().unwrap();
        let expected = format!("exec {}/bin/server\n", here.display());
        assert!(text(&Definition::new("web", ["bin/server"])).ends_with(&expected));
    }

    #[test]
    fn what_cannot_be_carried_out_is_refused_before_anything_is_written() {
        let place = tempfile::tempdir().unwrap();
        let good = || Definition::new("web", ["server"]);
        let bad = [
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
            let error =
                definition.write(place.path(), Path::new("/log"), &mut |_, _| Ok(())).unwrap_err();
            assert!(matches!(error, TreeError::BadDefinition { .. }), "{definition:?}: {error}");
        }
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
    }
}
