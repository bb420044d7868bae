//! `docs/performance.md`: generated sections between marks; the text around them is kept.

use std::{fs, process::Command};

use crate::{
    command::{self, root},
    failure::Failure,
};

/// A generated part of the page.
pub(super) struct Section {
    /// The name in its marks.
    pub(super) name: &'static str,
    pub(super) text: String,
}

const PAGE: &str = "docs/performance.md";

/// Puts a section into its place.
pub(super) fn put(section: &Section) -> Result<(), Failure> {
    let path = root().join(PAGE);
    let page =
        fs::read_to_string(&path).map_err(|why| Failure::cannot(format!("read {PAGE}"), why))?;
    let text = format!("{}\n{}", machine(), section.text);
    let page = replaced(&page, section.name, &text)
        .ok_or_else(|| Failure::cannot(format!("change {PAGE}"), "its marks are gone"))?;
    fs::write(&path, page).map_err(|why| Failure::cannot(format!("write {PAGE}"), why))
}

fn replaced(page: &str, name: &str, text: &str) -> Option<String> {
    let (begin, end) = (format!("<!-- begin {name} -->\n"), format!("<!-- end {name} -->"));
    let (before, rest) = page.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{begin}\n{text}\n{end}{after}"))
}

/// On what, without saying where or when.
fn machine() -> String {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    // The number alone: what follows may name the machine's owner.
    let kernel = release.split('-').next().unwrap_or_default().trim();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let mut packages = Command::new("dpkg-query");
    packages.args(["-W", "-f", "${Package} ${Version}, "]);
    packages.args(["daemontools", "runit", "s6", "systemd"]);
    // Elsewhere than on Debian they have no versions that one could ask for.
    let packages = command::capture(&mut packages).ok().filter(|it| it.ok);
    let packages = packages.map_or_else(String::new, |it| it.text.trim_end().to_owned());
    format!("{packages}Linux {kernel}, {cores} cores.\n").replacen(",Linux", ", Linux", 1)
}

#[cfg(test)]
mod tests {
    use super::replaced;

    #[test]
    fn only_what_is_between_the_marks_changes() {
        let page = "a\n<!-- begin x -->\nold\n<!-- end x -->\nb\n";
        let expected = "a\n<!-- begin x -->\n\nnew\n<!-- end x -->\nb\n";
        assert_eq!(replaced(page, "x", "new").as_deref(), Some(expected));
        assert_eq!(replaced(page, "y", "new"), None);
    }
}
