//! Source text reduced to what words are searched in: no comments, no literals, no tests.
//!
//! Not a parser: enough of Rust's lexer for code that rustfmt has formatted.

/// The text without comments, strings and characters; line numbers stay.
pub(super) fn code(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let in_word = code.ends_with(|it: char| it.is_alphanumeric() || it == '_');
        let Some(len) = comment(rest).or_else(|| literal(rest, in_word)) else {
            code.push(first);
            rest = rest.split_at(first.len_utf8()).1;
            continue;
        };
        let (gone, after) = rest.split_at(len);
        code.extend(gone.matches('\n'));
        rest = after;
    }
    code
}

/// The numbered lines of `code` that are not under a `#[cfg(test)]` in the first column.
pub(super) fn without_tests(code: &str) -> Vec<(usize, &str)> {
    // How many brackets are open in the item under the attribute.
    let mut open: Option<usize> = None;
    let mut kept = Vec::new();
    for (number, line) in (1..).zip(code.lines()) {
        if open.is_none() && !line.starts_with("#[cfg(test)]") {
            kept.push((number, line));
            continue;
        }
        let opening = line.matches(['{', '(', '[']).count();
        let closing = line.matches(['}', ')', ']']).count();
        let now = (open.unwrap_or_default() + opening).saturating_sub(closing);
        // `mod tests;` ends the item, and so does the brace that closes `mod tests {`.
        let ended = now == 0 && line.trim_end().ends_with([';', '}']);
        open = (!ended).then_some(now);
    }
    kept
}

/// The length of the comment that `rest` begins with.
fn comment(rest: &str) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    rest.strip_prefix("/*")?;
    let mut depth = 0_usize;
    let mut left = rest;
    while let Some(first) = left.chars().next() {
        if let Some(after) = left.strip_prefix("/*") {
            depth += 1;
            left = after;
        } else if let Some(after) = left.strip_prefix("*/") {
            depth -= 1;
            left = after;
            if depth == 0 {
                break;
            }
        } else {
            left = left.split_at(first.len_utf8()).1;
        }
    }
    Some(rest.len() - left.len())
}

/// The length of the string or character that `rest` begins with.
fn literal(rest: &str, in_word: bool) -> Option<usize> {
    if let Some(string) = rest.strip_prefix('"') {
        return Some(1 + closed(string, '"'));
    }
    if let Some(character) = rest.strip_prefix('\'') {
        let mut chars = character.chars();
        // Otherwise it is a lifetime.
        let is_character = chars.next() == Some('\\') || chars.next() == Some('\'');
        return is_character.then(|| 1 + closed(character, '\''));
    }
    let raw = ["r", "br", "cr"].iter().find_map(|prefix| rest.strip_prefix(prefix))?;
    let hashes: String = raw.chars().take_while(|it| *it == '#').collect();
    let body = raw.strip_prefix(hashes.as_str())?.strip_prefix('"')?;
    let end = format!("\"{hashes}");
    let length = body.find(&end).map_or(body.len(), |at| at + end.len());
    (!in_word).then(|| rest.len() - body.len() + length)
}

/// How far it is to behind the `quote` that no backslash precedes.
fn closed(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, it) in text.char_indices() {
        if it == quote && !escaped {
            return at + quote.len_utf8();
        }
        escaped = it == '\\' && !escaped;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(code(text), expected, "{text}");
    }

    #[test]
    fn comments_go_and_lines_stay() {
        check("a // b\n/// c\nd", "a \n\nd");
        check("a /* b\n /* c */ d */ e", "a \n e");
        check("a /* open", "a ");
    }

    #[test]
    fn literals_go() {
        check(r#"a("b\"c // d", e)"#, "a(, e)");
        check("a(\"b\nc\")", "a(\n)");
        check("a(r#\"b\"c\"#, br\"d\\\", e)", "a(, , e)");
        check(r"a('b', '\'', '\u{1b}', '\\', c)", "a(, , , , c)");
        check("for\"b\"", "for");
    }

    #[test]
    fn lifetimes_and_raw_names_stay() {
        check("fn a<'a>(b: &'a str) -> &'a r#type", "fn a<'a>(b: &'a str) -> &'a r#type");
    }

    #[test]
    fn only_the_item_under_cfg_test_is_left_out() {
        let kept = |code| -> Vec<usize> { without_tests(code).iter().map(|it| it.0).collect() };
        assert_eq!(kept("#[cfg(test)]\nmod tests;\na();\n"), [3]);
        assert_eq!(kept("a();\n#[cfg(test)]\nmod tests {\n    b();\n}\nc();\n"), [1, 6]);
        assert_eq!(kept("#[cfg(test)]\nuse a::{\n    b,\n};\nc();\n"), [5]);
        assert_eq!(kept("#[cfg(test)]\nmod a {\n    b(\n;\n    );\n}\nc();\n"), [7]);
        assert_eq!(kept("#[cfg(test)]\n#[path = ]\nmod a {}\nc();\n"), [4]);
    }
}
