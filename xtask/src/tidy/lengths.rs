//! No file is longer than one can hold in mind.

/// So many lines.
const LONGEST: usize = 600;

/// A finding if the file is longer.
pub(super) fn check(place: &str, text: &str) -> Option<String> {
    let lines = text.lines().count();
    (lines > LONGEST)
        .then(|| format!("{place}: {lines} lines, {LONGEST} are allowed; split it by meaning"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_too_long_is_found() {
        assert_eq!(check("a.rs", &"\n".repeat(LONGEST)), None);
        let found = check("a.rs", &"\n".repeat(LONGEST + 1));
        assert!(found.is_some_and(|it| it.starts_with("a.rs: 601 lines")));
    }
}
