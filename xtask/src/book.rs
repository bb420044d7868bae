//! `cargo xtask book`: the pages of this checkout as a book, made by mdBook without a network.
//!
//! The pages stay where they are, with links that a site which shows a checkout follows, too. For mdBook all of
//! them, and what they lead to, are copied to one directory; a directory that a page leads to gets a list of its
//! files. In the end every link of what was made is followed.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    command,
    failure::Failure,
    pages::{self, Chapter, Page, SUMMARY},
    toolchain,
    workspace::Workspace,
};

const CONFIGURATION: &str = r#"[book]
title = "svcmgr"
language = "en"
src = "src"

[build]
create-missing = false

[output.html]
no-section-label = true
"#;

/// The task.
pub(crate) fn run() -> Result<(), Failure> {
    let target = Workspace::load()?.target;
    let (source, made) = (target.join("book-source"), target.join("book"));
    for dir in [&source, &made] {
        if dir.exists() {
            fs::remove_dir_all(dir).map_err(|why| cannot("remove", dir, why))?;
        }
    }
    write(&source.join("book.toml"), CONFIGURATION)?;
    gather(&source.join("src"))?;
    let mut mdbook = Command::new(toolchain::tool("mdbook")?);
    mdbook.arg("build").arg("--dest-dir").arg(&made).arg(&source);
    if !command::stream(&mut mdbook, |_| ())?.success() {
        return Err(Failure::Told);
    }
    let (followed, broken) = follow(&made)?;
    for link in &broken {
        println!("{link}");
    }
    println!(
        "{}: {followed} links followed, {} broken",
        made.join("index.html").display(),
        broken.len()
    );
    if broken.is_empty() { Ok(()) } else { Err(Failure::Told) }
}

/// Copies the pages of the book, and all that they lead to.
fn gather(to: &Path) -> Result<(), Failure> {
    let root = command::root();
    let pages = pages::all()?;
    let chapters = pages::book(&pages);
    write(&to.join("SUMMARY.md"), contents(&pages, &chapters)?)?;
    let mut places = BTreeSet::new();
    for page in pages.iter().filter(|it| chapters.iter().any(|chapter| chapter.place == it.place)) {
        let led = page.links.iter().filter_map(|it| it.target(&page.place));
        places.extend(led.map(|it| it.place));
        places.insert(page.place.clone());
    }
    let dirs: Vec<PathBuf> = places.iter().filter(|it| root.join(it).is_dir()).cloned().collect();
    for dir in &dirs {
        let mut list = format!("<h1>{0}</h1>\n<ul>\n", dir.display());
        for name in names(&root.join(dir))? {
            if root.join(dir).join(&name).is_file() {
                let _ = writeln!(list, "<li><a href=\"{name}\">{name}</a></li>");
                places.insert(dir.join(name));
            }
        }
        if !chapters.iter().any(|it| it.place == dir.join("README.md")) {
            write(&to.join(dir).join("index.html"), list + "</ul>\n")?;
        }
    }
    for place in places.iter().filter(|it| root.join(it).is_file()) {
        let mut bytes = fs::read(root.join(place)).map_err(|why| cannot("read", place, why))?;
        if let Some(page) = pages.iter().find(|it| it.place == *place) {
            bytes = renamed(page, &String::from_utf8_lossy(&bytes)).into_bytes();
        }
        write(&to.join(place), &bytes)?;
    }
    Ok(())
}

/// The text of a page, with links to what mdBook calls otherwise: a `README.md` is the index of its directory, and
/// the contents are beside every page.
fn renamed(page: &Page, text: &str) -> String {
    let mut text = text.to_owned();
    for link in &page.links {
        let Some(target) = link.target(&page.place) else { continue };
        let name = target.place.file_name().unwrap_or_default();
        let to = match name.to_str() {
            Some("README.md") => link.to.replacen("README.md", "index.md", 1),
            Some("SUMMARY.md") => link.to.replacen("docs/SUMMARY.md", "index.html", 1),
            _ => continue,
        };
        text = text.replace(&format!("]({})", link.to), &format!("]({to})"));
    }
    text
}

/// The contents as mdBook reads them: its links begin at the root of all pages.
fn contents(pages: &[Page], chapters: &[Chapter]) -> Result<String, Failure> {
    let path = command::root().join(SUMMARY);
    let text = fs::read_to_string(&path).map_err(|why| cannot("read", &path, why))?;
    let summary = pages.iter().find(|it| it.place == Path::new(SUMMARY));
    let links = summary.map(|it| &it.links[..]).unwrap_or_default();
    let mut made = String::new();
    for (number, line) in (1..).zip(text.lines()) {
        let mut line = line.to_owned();
        for link in links.iter().filter(|it| it.line == number) {
            if let Some(target) = link.target(Path::new(SUMMARY)) {
                let to = target.place.display();
                line = line.replace(&format!("]({})", link.to), &format!("]({to})"));
            }
        }
        let depth = line.len() - line.trim_start().len();
        made.push_str(&(line + "\n"));
        // What the contents do not name and this page leads to.
        let here = chapters.iter().position(|it| it.line == Some(number));
        let below = here.and_then(|at| chapters.get(at + 1..)).unwrap_or_default();
        for chapter in below.iter().take_while(|it| it.line.is_none()) {
            let name = chapter.place.file_stem().unwrap_or_default().display();
            let _ = writeln!(made, "{:depth$}  - [{name}]({})", "", chapter.place.display());
        }
    }
    Ok(made)
}

/// How many links of the pages below `made` were followed, and those that lead to nothing there.
fn follow(made: &Path) -> Result<(usize, Vec<String>), Failure> {
    let (mut followed, mut broken) = (0, BTreeSet::new());
    let mut dirs = vec![made.to_owned()];
    while let Some(dir) = dirs.pop() {
        for name in names(&dir)? {
            let path = dir.join(&name);
            if path.is_dir() {
                dirs.push(path);
                continue;
            }
            // Every page again on one, for printers, with links that mdBook has turned round.
            let is_page = path.extension().is_some_and(|it| it == "html");
            if !is_page || ["print.html", "404.html", "toc.html"].contains(&&*name) {
                continue;
            }
            let text = fs::read_to_string(&path).map_err(|why| cannot("read", &path, why))?;
            for to in links(&text) {
                followed += 1;
                if !leads(&dir, &path, to) {
                    let page = path.strip_prefix(made).unwrap_or(&path);
                    broken.insert(format!("{}: {to} leads to nothing", page.display()));
                }
            }
        }
    }
    Ok((followed, broken.into_iter().collect()))
}

/// The links of a page of HTML that do not lead to some site.
fn links(html: &str) -> impl Iterator<Item = &str> {
    let attributes = ["href=\"", "src=\""];
    let found = attributes.into_iter().flat_map(|it| html.split(it).skip(1));
    let found = found.filter_map(|rest| rest.split('"').next());
    found.filter(|to| !to.is_empty() && !to.contains(':'))
}

fn leads(dir: &Path, page: &Path, to: &str) -> bool {
    let (path, anchor) = to.split_once('#').map_or((to, None), |(path, it)| (path, Some(it)));
    let mut led = if path.is_empty() { page.to_owned() } else { dir.join(path) };
    if led.is_dir() {
        led.push("index.html");
    }
    match anchor.filter(|it| !it.is_empty()) {
        None => led.exists(),
        Some(anchor) => {
            fs::read_to_string(led).is_ok_and(|text| text.contains(&format!("id=\"{anchor}\"")))
        }
    }
}

fn names(dir: &Path) -> Result<Vec<String>, Failure> {
    let mut names = Vec::new();
    for entry in dir.read_dir().map_err(|why| cannot("list", dir, why))? {
        let entry = entry.map_err(|why| cannot("list", dir, why))?;
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

fn write(path: &Path, bytes: impl AsRef<[u8]>) -> Result<(), Failure> {
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir).map_err(|why| cannot("make", dir, why))?;
    }
    fs::write(path, bytes).map_err(|why| cannot("write", path, why))
}

fn cannot(verb: &str, path: &Path, why: std::io::Error) -> Failure {
    Failure::cannot(format!("{verb} {}", path.display()), why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_of_html_is_followed_to_its_anchor() {
        let dir = tempfile::tempdir().unwrap();
        write(&dir.path().join("a.html"), r##"<h1 id="one">1</h1><a href="#one">x</a>"##).unwrap();
        let b = r#"<a href="../a.html#one"></a><a href="../a.html#two"></a><img src="no.svg"><a href="https://x/y">"#;
        write(&dir.path().join("sub/b.html"), b).unwrap();
        let (followed, broken) = follow(dir.path()).unwrap();
        assert_eq!(followed, 4);
        assert_eq!(
            broken,
            ["sub/b.html: ../a.html#two leads to nothing", "sub/b.html: no.svg leads to nothing"]
        );
    }
}
