//! What a package holds beside the program: manual pages, completions, examples, licences.

use std::{fs, path::Path};

use super::notices;
use crate::{command, failure::Failure};

/// A file of a package.
pub(super) struct File {
    /// Relative to the top.
    pub(super) place: String,
    pub(super) bytes: Vec<u8>,
    pub(super) is_program: bool,
}

impl File {
    pub(super) fn new(place: impl Into<String>, bytes: impl Into<Vec<u8>>) -> Self {
        Self { place: place.into(), bytes: bytes.into(), is_program: false }
    }
}

/// Where each kind of file goes; each ends in a slash.
pub(super) struct Places {
    pub(super) program: &'static str,
    /// Above `man1`.
    pub(super) manual: &'static str,
    /// For bash, zsh and fish.
    pub(super) completions: [&'static str; 3],
    pub(super) examples: &'static str,
    /// Of licences and other texts.
    pub(super) texts: &'static str,
}

/// How each shell calls a file that completes `svctl`.
const COMPLETIONS: [(&str, &str); 3] =
    [("svctl.bash", "svctl"), ("svctl.zsh", "_svctl"), ("svctl.fish", "svctl.fish")];

/// All files for a program that was built for `target`, without the licences of this project.
pub(super) fn gather(program: &Path, target: &str, to: &Places) -> Result<Vec<File>, Failure> {
    let root = command::root();
    let program = File::new(format!("{}svctl", to.program), read(program)?);
    let mut files = vec![File { is_program: true, ..program }];
    for page in names(&root.join("docs/man"))? {
        let section = page.rsplit('.').next().unwrap_or_default();
        let place = format!("{}man{section}/{page}", to.manual);
        files.push(File::new(place, read(&root.join("docs/man").join(&page))?));
    }
    for ((source, name), place) in COMPLETIONS.iter().zip(to.completions) {
        let source = root.join("crates/svctl/src/cmd/complete").join(source);
        files.push(File::new(format!("{place}{name}"), read(&source)?));
    }
    for example in names(&root.join("examples"))? {
        let dir = root.join("examples").join(&example);
        if !dir.is_dir() {
            continue;
        }
        for name in names(&dir)? {
            if dir.join(&name).is_file() {
                let place = format!("{}{example}/{name}", to.examples);
                files.push(File::new(place, read(&dir.join(&name))?));
            }
        }
    }
    for text in ["README.md", "SECURITY.md"] {
        files.push(File::new(format!("{}{text}", to.texts), read(&root.join(text))?));
    }
    let notices = notices::of_dependencies(target)?;
    files.push(File::new(format!("{}{}", to.texts, notices::NAME), notices));
    Ok(files)
}

/// A file of this checkout.
pub(super) fn text(place: &str) -> Result<Vec<u8>, Failure> {
    read(&command::root().join(place))
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|why| Failure::cannot(format!("read {}", path.display()), why))
}

/// The names in a directory, sorted; not those that begin with a dot.
fn names(dir: &Path) -> Result<Vec<String>, Failure> {
    let fail = |why| Failure::cannot(format!("read {}", dir.display()), why);
    let mut names = Vec::new();
    for entry in dir.read_dir().map_err(fail)? {
        let name = entry.map_err(fail)?.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') {
            names.push(name);
        }
    }
    names.sort_unstable();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_completion_for_each_shell_and_a_page_for_each_section() {
        for (source, _) in COMPLETIONS {
            assert!(text(&format!("crates/svctl/src/cmd/complete/{source}")).is_ok(), "{source}");
        }
        let pages = names(&command::root().join("docs/man")).unwrap();
        for section in [".1", ".5", ".7"] {
            assert!(pages.iter().any(|page| page.ends_with(section)), "{section}");
        }
    }
}
