//! Links between pages: each leads to something that is there. And the book has every page of `docs`.

use std::{collections::BTreeMap, path::Path};

use crate::{
    command,
    failure::Failure,
    pages::{self, Page, SUMMARY},
};

/// Findings about all pages of this checkout.
pub(super) fn check() -> Result<Vec<String>, Failure> {
    let pages = pages::all()?;
    let mut findings = broken(&pages, &|place| command::root().join(place).exists());
    findings.extend(left_out(&pages));
    Ok(findings)
}

/// Links that lead to nothing.
fn broken(pages: &[Page], exists: &dyn Fn(&Path) -> bool) -> Vec<String> {
    let known: BTreeMap<&Path, &Page> = pages.iter().map(|it| (&*it.place, it)).collect();
    let mut findings = Vec::new();
    for page in pages {
        for link in &page.links {
            let Some(target) = link.target(&page.place) else { continue };
            let at = format!("{}:{}", page.place.display(), link.line);
            if !exists(&target.place) {
                findings.push(format!("{at}: {} leads to nothing", link.to));
            } else if let (Some(anchor), Some(led)) = (&target.anchor, known.get(&*target.place))
                && !led.anchors.contains(anchor)
            {
                let place = led.place.display();
                findings.push(format!("{at}: {}: {place} has no heading of that name", link.to));
            }
        }
    }
    findings
}

/// Pages of `docs` that the book does not have.
fn left_out(pages: &[Page]) -> Vec<String> {
    let named = pages::book(pages);
    let ours = pages.iter().map(|it| &it.place).filter(|it| it.starts_with("docs"));
    let missing = ours.filter(|it| {
        **it != Path::new(SUMMARY) && !named.iter().any(|chapter| chapter.place == **it)
    });
    missing.map(|it| format!("{}: {SUMMARY} does not name it", it.display())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pages::Link;

    fn page(place: &str, anchors: &[&str], links: &[&str]) -> Page {
        let link = |to: &&str| Link { line: 7, to: (*to).to_owned() };
        Page {
            place: place.into(),
            links: links.iter().map(link).collect(),
            anchors: anchors.iter().map(|it| (*it).to_owned()).collect(),
        }
    }

    #[test]
    fn a_link_leads_to_a_file_and_to_a_heading_of_it() {
        let pages = [
            page("docs/a.md", &["one"], &["b.md#two", "b.md#three", "c.md", "#one", "../x"]),
            page("docs/b.md", &["two"], &[]),
        ];
        let there = |place: &Path| place.starts_with("docs") && !place.ends_with("c.md");
        let found = broken(&pages, &there);
        assert_eq!(
            found,
            [
                "docs/a.md:7: b.md#three: docs/b.md has no heading of that name",
                "docs/a.md:7: c.md leads to nothing",
                "docs/a.md:7: ../x leads to nothing",
            ]
        );
    }

    #[test]
    fn the_contents_name_every_page() {
        let pages = [
            page("docs/SUMMARY.md", &[], &["a.md", "rules/README.md"]),
            page("docs/a.md", &[], &["b.md"]),
            page("docs/b.md", &[], &[]),
            page("docs/rules/README.md", &[], &["one.md"]),
            page("docs/rules/one.md", &[], &[]),
        ];
        assert_eq!(left_out(&pages), ["docs/b.md: docs/SUMMARY.md does not name it"]);
    }
}
