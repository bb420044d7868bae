//! What a package holds beside the program: manual pages, completions, examples, licences.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use super::notices;
use crate::{
    command,
    failure::Failure,
    pages::{self, Page},
};

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
    files.extend(texts(to)?);
    let notices = notices::of_dependencies(target)?;
    files.push(File::new(format!("{}{}", to.texts, notices::NAME), notices));
    Ok(files)
}

/// What a package holds of the pages beside those of the book.
const PAGES: [&str; 2] = ["README.md", "SECURITY.md"];
/// Of what is below `docs`, what is elsewhere in a package, or of no use outside of this checkout.
const NO_TEXTS: [&str; 2] = ["docs/man", "docs/api"];

/// The pages that can be read without a network, and the files of `docs` that they lead to. Each lies as in this
/// checkout, so that their links lead there; a link to what the package lacks becomes its words.
fn texts(to: &Places) -> Result<Vec<File>, Failure> {
    let root = command::root();
    let pages = pages::all()?;
    let mut places: BTreeSet<PathBuf> =
        pages::book(&pages).into_iter().map(|it| it.place).collect();
    places.extend(PAGES.map(PathBuf::from));
    let held: Vec<&Page> = pages.iter().filter(|it| places.contains(&it.place)).collect();
    for page in &held {
        let led = page.links.iter().filter_map(|it| it.target(&page.place)).map(|it| it.place);
        places.extend(led.filter(|place| {
            let is_text =
                place.starts_with("docs") && !NO_TEXTS.iter().any(|it| place.starts_with(it));
            is_text && root.join(place).is_file()
        }));
    }
    let mut files = Vec::new();
    for place in &places {
        let mut bytes = read(&root.join(place))?;
        if let Some(page) = held.iter().find(|it| it.place == *place) {
            bytes = within(page, &String::from_utf8_lossy(&bytes), &places).into_bytes();
        }
        files.push(File::new(format!("{}{}", to.texts, place.display()), bytes));
    }
    Ok(files)
}

/// The text of a page without its links to what is not among these places, nor an example.
fn within(page: &Page, text: &str, places: &BTreeSet<PathBuf>) -> String {
    let mut text = text.to_owned();
    for link in &page.links {
        let Some(target) = link.target(&page.place) else { continue };
        if !places.contains(&target.place) && !target.place.starts_with("examples") {
            unlink(&mut text, &link.to);
        }
    }
    text
}

/// Leaves the words of each link that leads there.
fn unlink(text: &mut String, to: &str) {
    let end = format!("]({to})");
    while let Some(at) = text.find(&end) {
        let mut open = 0;
        let start = text[..at].char_indices().rev().find(|(_, it)| {
            open += match it {
                ']' => 1,
                '[' => -1,
                _ => 0,
            };
            open < 0
        });
        let Some((start, _)) = start else { return };
        let words = text[start + 1..at].to_owned();
        let start = if text[..start].ends_with('!') { start - 1 } else { start };
        text.replace_range(start..at + end.len(), &words);
    }
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
    fn a_link_to_what_is_missing_becomes_its_words() {
        let mut text = "a [`b` [c]](x.md), ![d](x.md) [e](y.md)".to_owned();
        unlink(&mut text, "x.md");
        assert_eq!(text, "a `b` [c], d [e](y.md)");
        unlink(&mut text, "z.md");
        assert!(text.ends_with("[e](y.md)"));
    }

    #[test]
    fn each_link_of_what_is_packed_leads_to_what_is_packed() {
        let to = Places {
            program: "",
            manual: "",
            completions: [""; 3],
            examples: "examples/",
            texts: "",
        };
        let files = texts(&to).unwrap();
        let there: BTreeSet<PathBuf> = files.iter().map(|it| it.place.clone().into()).collect();
        let root = command::root();
        for name in ["README.md", "docs/guide.md", "docs/svctl.schema.json", "docs/svctl.svg"] {
            assert!(there.contains(Path::new(name)), "{name}");
        }
        let is_page = |it: &&File| Path::new(&it.place).extension().is_some_and(|it| it == "md");
        let pages = files.iter().filter(is_page);
        for file in pages {
            let page =
                pages::parse(file.place.clone().into(), &String::from_utf8_lossy(&file.bytes));
            for target in page.links.iter().filter_map(|it| it.target(&page.place)) {
                let is_example =
                    target.place.starts_with("examples") && root.join(&target.place).exists();
                assert!(
                    there.contains(&target.place) || is_example,
                    "{}: {}",
                    file.place,
                    target.place.display()
                );
            }
        }
    }

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
