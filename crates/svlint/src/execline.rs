//! The words and blocks of an execline script, as `execlineb` reads them.

use std::ops::Range;

/// A word, outside of its quotes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) text: String,
    pub(crate) at: Range<usize>,
    pub(crate) is_quoted: bool,
}

/// Why execlineb cannot read it, and where.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A quote that does not end.
    Quote(usize),
    /// `{` without `}`.
    Open(usize),
    /// `}` without `{`.
    Close(usize),
}

/// All words, braces among them.
pub(crate) fn words(text: &str) -> Result<Vec<Word>, Fault> {
    let mut words: Vec<Word> = Vec::new();
    let mut open = Vec::new();
    let mut chars = text.char_indices().peekable();
    while let Some(&(at, next)) = chars.peek() {
        if next.is_ascii_whitespace() {
            chars.next();
            continue;
        }
        if next == '#' {
            while chars.next_if(|it| it.1 != '\n').is_some() {}
            continue;
        }
        let mut word = Word { text: String::new(), at: at..at, is_quoted: false };
        while let Some((at, next)) = chars.next_if(|it| !it.1.is_ascii_whitespace()) {
            match next {
                '"' => {
                    word.is_quoted = true;
                    loop {
                        match chars.next() {
                            None => return Err(Fault::Quote(at)),
                            Some((_, '"')) => break,
                            Some((_, '\\')) => word.text.extend(chars.next().map(|it| it.1)),
                            Some((_, other)) => word.text.push(other),
                        }
                    }
                }
                '\\' => {
                    word.is_quoted = true;
                    word.text.extend(chars.next().map(|it| it.1));
                }
                other => word.text.push(other),
            }
        }
        word.at.end = chars.peek().map_or(text.len(), |it| it.0);
        if !word.is_quoted && word.text == "{" {
            open.push(word.at.start);
        }
        if !word.is_quoted && word.text == "}" && open.pop().is_none() {
            return Err(Fault::Close(word.at.start));
        }
        words.push(word);
    }
    open.pop().map_or(Ok(words), |at| Err(Fault::Open(at)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_and_blocks_are_counted() {
        let found = words("#!/bin/execlineb -P\nif { test -x \"a b\" }\nprog # no\n").unwrap();
        let texts: Vec<_> = found.iter().map(|it| it.text.as_str()).collect();
        assert_eq!(texts, ["if", "{", "test", "-x", "a b", "}", "prog"]);
        assert_eq!(words("if { a"), Err(Fault::Open(3)));
        assert_eq!(words("a }"), Err(Fault::Close(2)));
        assert_eq!(words("a \"b"), Err(Fault::Quote(2)));
    }
}
