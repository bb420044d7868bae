//! References to variables in words: `${NAME}` and `${NAME:-text}`.

use super::Word;

/// A part of a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// Itself.
    Text(Vec<u8>),
    /// The value of a variable; the text where it is not set or empty.
    Variable { name: String, otherwise: Option<Vec<u8>> },
}

/// What is wrong with a reference, and what would be right.
const WRONG: &str =
    "has `${` that begins no `${NAME}` and no `${NAME:-text}`; for `${` itself write `$${`";

impl Word {
    /// The parts of it, where variables are replaced: at least one, and no text beside another.
    pub(crate) fn parts(&self) -> Result<Vec<Part>, &'static str> {
        parts(self.as_bytes())
    }

    /// Whether there is a reference in it.
    pub(crate) fn refers(&self) -> bool {
        let is_text = |parts: &Vec<Part>| matches!(&parts[..], [] | [Part::Text(_)]);
        !self.parts().as_ref().is_ok_and(is_text)
    }
}

pub(crate) fn parts(word: &[u8]) -> Result<Vec<Part>, &'static str> {
    let mut found = Vec::new();
    let mut text = Vec::new();
    let mut rest = word;
    while let Some((first, after)) = rest.split_first() {
        if let Some(after) = rest.strip_prefix(b"$${") {
            text.extend_from_slice(b"${");
            rest = after;
        } else if let Some(after) = rest.strip_prefix(b"${") {
            let end = after.iter().position(|byte| *byte == b'}').ok_or(WRONG)?;
            let (inner, after) = after.split_at(end);
            let part = variable(inner).ok_or(WRONG)?;
            if !text.is_empty() {
                found.push(Part::Text(std::mem::take(&mut text)));
            }
            found.push(part);
            rest = after.get(1..).unwrap_or_default();
        } else {
            text.push(*first);
            rest = after;
        }
    }
    if !text.is_empty() || found.is_empty() {
        found.push(Part::Text(text));
    }
    Ok(found)
}

/// What is between the braces.
fn variable(inner: &[u8]) -> Option<Part> {
    let at = inner.iter().position(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_');
    let (name, rest) = inner.split_at(at.unwrap_or(inner.len()));
    let otherwise = match rest {
        [] => None,
        _ => Some(rest.strip_prefix(b":-").filter(|text| !text.windows(2).any(|it| it == b"${"))?),
    };
    let first = name.first().is_some_and(|byte| !byte.is_ascii_digit());
    let name = std::str::from_utf8(name).ok().filter(|_| first)?.to_owned();
    Some(Part::Variable { name, otherwise: otherwise.map(<[u8]>::to_vec) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_has_the_parts_that_it_says() {
        let text = |it: &str| Part::Text(it.into());
        let variable = |name: &str, otherwise: Option<&str>| Part::Variable {
            name: name.into(),
            otherwise: otherwise.map(Into::into),
        };
        for (word, expected) in [
            ("", vec![text("")]),
            ("a $b $(c) $", vec![text("a $b $(c) $")]),
            ("$${A}", vec![text("${A}")]),
            ("$$$${A}", vec![text("$$${A}")]),
            ("${A}", vec![variable("A", None)]),
            (
                "x${A}${_b1:-}y",
                vec![text("x"), variable("A", None), variable("_b1", Some("")), text("y")],
            ),
            ("${A:-$x :-\"{}", vec![variable("A", Some("$x :-\"{"))]),
        ] {
            assert_eq!(parts(word.as_bytes()), Ok(expected), "{word}");
        }
        for word in
            ["${", "${A", "${}", "${1}", "${A-b}", "${A:b}", "${A B}", "${A:-${B}}", "a${ä}"]
        {
            assert_eq!(parts(word.as_bytes()), Err(WRONG), "{word}");
        }
    }
}
