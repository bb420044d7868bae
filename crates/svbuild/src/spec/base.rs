//! What relative paths of a file are relative to.

use std::{
    ffi::OsString,
    os::unix::ffi::{OsStrExt as _, OsStringExt as _},
    path::{Component, Path, PathBuf},
};

use super::{Definitions, EnvFile, HealthCheck, ReadyCheck, Service, Stream, Word};

/// Where a file of definitions lies, for its relative paths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Base<'a> {
    /// Nobody knows: `base` is absolute, and so is every path where the file has none.
    #[default]
    Unknown,
    /// In this directory, which `base` may be relative to. Without `base`, every path is absolute.
    Said(&'a Path),
    /// In this directory, which is the base of a file that does not say another.
    Implied(&'a Path),
}

impl Base<'_> {
    /// What paths are relative to, if the file says so much of it. `None` if they must be absolute;
    /// an error if what it says leads nowhere.
    pub(super) fn of(self, said: Option<&Path>) -> Result<Option<PathBuf>, &'static str> {
        let dir = match (self, said) {
            (Base::Implied(dir), None) => Some(dir.to_owned()),
            (_, None) => None,
            (Base::Unknown, Some(said)) => Some(said.to_owned()),
            (Base::Said(dir) | Base::Implied(dir), Some(said)) => Some(below(dir, said)),
        };
        match dir {
            Some(dir) if !dir.is_absolute() => {
                Err("must be an absolute path: nobody knows where this file lies")
            }
            dir => Ok(dir),
        }
    }
}

impl Definitions {
    /// The same with every relative path below this one, which is the working directory where none is said:
    /// what a file that says `base` is read as.
    ///
    /// ```
    /// use std::path::Path;
    /// use svbuild::{Definitions, Service};
    ///
    /// let app = Definitions::default().with("web", Service::new(["./server"])).based_on(Path::new("/srv/app"));
    /// assert_eq!(app.service["web"].exec, ["/srv/app/server".into()]);
    /// ```
    #[must_use]
    pub fn based_on(mut self, base: &Path) -> Self {
        self.rebase(base);
        self
    }

    /// Makes every relative path absolute, and `base` the working directory where none is said.
    pub(super) fn rebase(&mut self, base: &Path) {
        for service in self.service.values_mut() {
            rebase(service, base);
        }
    }
}

fn rebase(service: &mut Service, base: &Path) {
    // Below another root, the base means nothing.
    let expands = service.expand == Some(true);
    let refers = |bytes: &[u8]| expands && bytes.starts_with(b"${");
    if service.root.is_none() {
        if !service.exec.first().is_some_and(|word| refers(word.as_bytes())) {
            program_below(base, &mut service.exec);
        }
        service.pre.iter_mut().for_each(|argv| program_below(base, argv));
        let cwd = service.cwd.take();
        service.cwd = Some(match cwd {
            None => base.to_owned(),
            // Where it leads is known at each start.
            Some(cwd) if refers(cwd.as_os_str().as_bytes()) => cwd,
            Some(cwd) => below(base, &cwd),
        });
        let check = service.ready.as_mut().map(|ready| &mut ready.check);
        if let Some(ReadyCheck::Command(argv)) = check {
            program_below(base, argv);
        }
        if let Some(HealthCheck::Command(argv)) = service.health.as_mut().map(|it| &mut it.check) {
            program_below(base, argv);
        }
        program_below(base, &mut service.stop.command);
        if let Some(reload) = &mut service.reload {
            program_below(base, &mut reload.command);
            program_below(base, &mut reload.check);
        }
    }
    program_below(base, &mut service.finish);
    program_below(base, &mut service.on_failure);
    for place in service.sockets.iter_mut().map(|it| &mut it.listen) {
        if place.contains('/') {
            let path = below(base, Path::new(place));
            *place = path.to_string_lossy().into_owned();
        }
    }
    for files in &mut service.restart_on_change {
        if !files.is_absolute() {
            *files = below(&literal(base), files);
        }
    }
    let streams = [&mut service.stdin, &mut service.stdout, &mut service.stderr];
    for stream in streams.into_iter().flatten() {
        if let Stream::File(path) = stream {
            *path = below(base, path);
        }
    }
    let paths = [&mut service.env_dir, &mut service.root];
    for path in paths.into_iter().flatten() {
        *path = below(base, path);
    }
    for EnvFile { path, .. } in &mut service.env_file {
        *path = below(base, path);
    }
    if let Some(log) = &mut service.log {
        if let Some(dir) = &mut log.dir {
            *dir = below(base, dir);
        }
        program_below(base, &mut log.processor);
    }
}

/// The pattern that is this path alone.
fn literal(path: &Path) -> PathBuf {
    let mut pattern = Vec::new();
    for &byte in path.as_os_str().as_bytes() {
        match byte {
            b'*' | b'?' | b'[' => pattern.extend([b'[', byte, b']']),
            _ => pattern.push(byte),
        }
    }
    OsString::from_vec(pattern).into()
}

/// The first word is the program. With a `/` in it, it is a path; any other is looked up.
fn program_below(base: &Path, argv: &mut [Word]) {
    let Some(word) = argv.first_mut() else { return };
    let bytes = word.as_bytes();
    if bytes.contains(&b'/') && !bytes.starts_with(b"/") {
        let path = below(base, Path::new(std::ffi::OsStr::from_bytes(bytes)));
        *word = Word::from(path.into_os_string());
    }
}

/// The path from the root. What leads up from the base does so by its name, as the base is not
/// below a link; what leads up later stays as it is. A final `/` stays, for whoever refuses it.
fn below(base: &Path, path: &Path) -> PathBuf {
    if path.is_absolute() {
        return path.to_owned();
    }
    let mut whole = base.to_owned();
    let mut only_up = true;
    for part in path.components() {
        match part {
            Component::CurDir => (),
            Component::ParentDir if only_up => drop(whole.pop()),
            part => {
                only_up = false;
                whole.push(part);
            }
        }
    }
    if path.as_os_str().as_bytes().ends_with(b"/") && !only_up {
        let mut bytes = whole.into_os_string().into_vec();
        bytes.push(b'/');
        return OsString::from_vec(bytes).into();
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_below_its_base() {
        for (path, whole) in [
            ("/x", "/x"),
            ("x", "/srv/app/x"),
            ("./bin/x", "/srv/app/bin/x"),
            ("../x", "/srv/x"),
            ("../../../x", "/x"),
            ("a/../x", "/srv/app/a/../x"),
            (".", "/srv/app"),
            ("bin/", "/srv/app/bin/"),
        ] {
            assert_eq!(below(Path::new("/srv/app"), Path::new(path)).as_os_str(), whole, "{path}");
        }
    }
}
