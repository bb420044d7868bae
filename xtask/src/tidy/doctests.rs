//! Examples in the documentation run as tests, and they do not become fewer.

/// What a user calls in the first week has one each.
const LEAST: usize = 140;

/// How many examples of this file run: those of ```` ``` ````, and not those that are only compiled
/// or read.
pub(super) fn count(text: &str) -> usize {
    let (mut runs, mut is_open) = (0, false);
    for line in text.lines() {
        let line = line.trim_start();
        let Some(doc) = line.strip_prefix("///").or_else(|| line.strip_prefix("//!")) else {
            is_open = false;
            continue;
        };
        let Some(info) = doc.trim().strip_prefix("```") else { continue };
        if !is_open && matches!(info.trim(), "" | "rust") {
            runs += 1;
        }
        is_open = !is_open;
    }
    runs
}

/// A finding if there are too few.
pub(super) fn check(count: usize) -> Option<String> {
    (count < LEAST).then(|| {
        format!("crates: {count} examples run as doctests; there are to be {LEAST} or more")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_that_do_not_run_do_not_count() {
        let text = "\
/// ```
/// assert!(true);
/// ```
///
/// ```no_run
/// loop {}
/// ```
fn a() {}

    /// ```text
    /// words
    /// ```
    /// ```
    /// assert!(true);
    /// ```
";
        assert_eq!(count(text), 2);
        assert!(check(LEAST).is_none());
        assert!(check(LEAST - 1).is_some_and(|it| it.starts_with("crates: ")));
    }
}
