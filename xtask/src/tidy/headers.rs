//! Every file begins by saying what it is for.

/// A finding unless the first line is a header comment with words in it.
pub(super) fn check(place: &str, text: &str) -> Option<String> {
    let first = text.lines().next().unwrap_or_default();
    let said = first.strip_prefix("//!").is_some_and(|words| !words.trim().is_empty());
    (!said).then(|| format!("{place}:1: no header; begin with `//!` and what the file is for"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_header_is_found() {
        assert_eq!(check("a.rs", "//! What it is for.\nfn main() {}\n"), None);
        for text in
            ["", "fn main() {}\n", "// No header.\n", "\n//! Too late.\n", "//!\nfn a() {}\n"]
        {
            assert!(check("a.rs", text).is_some_and(|it| it.starts_with("a.rs:1: ")), "{text:?}");
        }
    }
}
