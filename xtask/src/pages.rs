//! The Markdown pages of this checkout: where they are, where they lead, and what can be led to.

use std::{
    collections::BTreeSet,
    fs,
    path::{Component, Path, PathBuf},
};

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use crate::{command, failure::Failure};

/// What tools leave behind.
const NOT_OURS: [&str; 3] = ["target", "corpus", "artifacts"];

/// The contents of the book.
pub(crate) const SUMMARY: &str = "docs/SUMMARY.md";

/// A page, read.
pub(crate) struct Page {
    /// Relative to the root of the checkout.
    pub(crate) place: PathBuf,
    pub(crate) links: Vec<Link>,
    /// What a link with `#` may name.
    pub(crate) anchors: BTreeSet<String>,
}

/// A link as it stands in a page.
pub(crate) struct Link {
    /// From 1.
    pub(crate) line: usize,
    pub(crate) to: String,
}

/// Where a link within the checkout leads.
pub(crate) struct Target {
    /// Relative to the root; that of the page itself for a bare `#anchor`.
    pub(crate) place: PathBuf,
    pub(crate) anchor: Option<String>,
}

impl Link {
    /// `None` when it leads out of the checkout to some site, or by mail.
    pub(crate) fn target(&self, page: &Path) -> Option<Target> {
        if self.to.contains("://") || self.to.starts_with("mailto:") {
            return None;
        }
        let (path, anchor) = match self.to.split_once('#') {
            Some((path, anchor)) => (path, Some(anchor.to_owned())),
            None => (&*self.to, None),
        };
        let place = if path.is_empty() {
            page.to_owned()
        } else {
            normal(&page.parent().unwrap_or(Path::new("")).join(path))
        };
        Some(Target { place, anchor })
    }
}

/// A page of the book.
pub(crate) struct Chapter {
    pub(crate) place: PathBuf,
    /// Its line in the contents. `None` for a page that its directory's `README.md`, which the contents name, leads
    /// to: it comes below that.
    pub(crate) line: Option<usize>,
}

/// The pages of the book, in their order.
pub(crate) fn book(pages: &[Page]) -> Vec<Chapter> {
    let of = |place: &Path| pages.iter().find(|it| it.place == place);
    let led = |page: &Page| -> Vec<(usize, PathBuf)> {
        let targets = page.links.iter().map(|it| Some((it.line, it.target(&page.place)?.place)));
        targets.flatten().filter(|(_, place)| of(place).is_some()).collect()
    };
    let named = of(Path::new(SUMMARY)).map(&led).unwrap_or_default();
    let mut book: Vec<Chapter> = Vec::new();
    for (line, place) in &named {
        book.push(Chapter { place: place.clone(), line: Some(*line) });
        let Some(readme) = of(place).filter(|_| place.ends_with("README.md")) else { continue };
        for (_, below) in led(readme) {
            let is_new = below.parent() == place.parent()
                && !named.iter().any(|(_, it)| *it == below)
                && !book.iter().any(|it| it.place == below);
            if is_new {
                book.push(Chapter { place: below, line: None });
            }
        }
    }
    book
}

/// Every page, in a stable order.
pub(crate) fn all() -> Result<Vec<Page>, Failure> {
    let mut found = Vec::new();
    collect(&command::root(), &mut found)?;
    found.sort();
    found.iter().map(|path| read(path)).collect()
}

/// One page.
pub(crate) fn read(path: &Path) -> Result<Page, Failure> {
    let text = fs::read_to_string(path)
        .map_err(|why| Failure::cannot(format!("read {}", path.display()), why))?;
    let place = path.strip_prefix(command::root()).unwrap_or(path).to_owned();
    Ok(parse(place, &text))
}

/// What a page of this text holds.
pub(crate) fn parse(place: PathBuf, text: &str) -> Page {
    let (mut links, mut anchors) = (Vec::new(), BTreeSet::new());
    let mut heading: Option<String> = None;
    let events = Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter();
    for (event, range) in events {
        match event {
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                let line = 1 + text[..range.start].matches('\n').count();
                links.push(Link { line, to: dest_url.into_string() });
            }
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::End(TagEnd::Heading(_)) => {
                let slug = slug(&heading.take().unwrap_or_default());
                // A heading that is there already gets a number.
                let numbered = (1..).map(|count| format!("{slug}-{count}"));
                let free = std::iter::once(slug.clone()).chain(numbered);
                anchors.extend(free.into_iter().find(|it| !anchors.contains(it)));
            }
            Event::Text(text) | Event::Code(text) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&text);
                }
            }
            Event::Html(html) | Event::InlineHtml(html) => {
                let named = html.split("id=\"").skip(1).filter_map(|rest| rest.split('"').next());
                anchors.extend(named.map(str::to_owned));
            }
            _ => (),
        }
    }
    Page { place, links, anchors }
}

/// How sites that show a page, and mdBook, name a heading.
fn slug(heading: &str) -> String {
    let kept = heading.chars().filter_map(|it| match it {
        ' ' => Some('-'),
        '-' | '_' => Some(it),
        it if it.is_alphanumeric() => Some(it),
        _ => None,
    });
    kept.flat_map(char::to_lowercase).collect()
}

/// Without `.` and `..`; what leads above the root keeps its `..`, so that nothing is there.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => (),
            Component::ParentDir if normal.file_name().is_some() => {
                normal.pop();
            }
            other => normal.push(other),
        }
    }
    normal
}

fn collect(dir: &Path, found: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let cannot = |why| Failure::cannot(format!("list {}", dir.display()), why);
    for entry in dir.read_dir().map_err(cannot)? {
        let entry = entry.map_err(cannot)?;
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = entry.file_type().map_err(cannot)?;
        // A link is another name of a page, which is read where it is.
        if kind.is_dir() {
            if !name.starts_with('.') && !NOT_OURS.contains(&&*name) {
                collect(&path, found)?;
            }
        } else if kind.is_file() && path.extension().is_some_and(|it| it == "md") {
            found.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_for_what_leads_and_what_is_led_to() {
        let page = parse(
            "docs/a.md".into(),
            "# One `svctl` page\n\n[b](../b.md#two) `[no](x.md)`\n\n## One `svctl` page\n\n```\n[no](y.md)\n```\n\n\
             | a |\n|---|\n| ![p](p.svg) |\n",
        );
        let links: Vec<_> = page.links.iter().map(|it| (it.line, &*it.to)).collect();
        assert_eq!(links, [(3, "../b.md#two"), (13, "p.svg")]);
        let anchors: Vec<_> = page.anchors.iter().map(|it| &**it).collect();
        assert_eq!(anchors, ["one-svctl-page", "one-svctl-page-1"]);
        let target = page.links[0].target(&page.place).unwrap();
        assert_eq!((&*target.place, target.anchor.as_deref()), (Path::new("b.md"), Some("two")));
    }

    #[test]
    fn what_leads_out_is_nowhere_in_the_checkout() {
        let to = |to: &str| Link { line: 1, to: to.to_owned() }.target(Path::new("docs/a.md"));
        assert!(to("https://example.org/").is_none());
        assert_eq!(to("../../x.md").unwrap().place, Path::new("../x.md"));
        assert_eq!(to("#here").unwrap().place, Path::new("docs/a.md"));
    }
}
