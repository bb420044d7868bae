//! The words of a value, as systemd takes them apart.

/// A word of a command.
pub(super) struct Word {
    pub(super) text: String,
    pub(super) is_quoted: bool,
}

/// The words of a command line; `None` where a quote does not end.
pub(super) fn split(text: &str) -> Option<Vec<Word>> {
    let mut words = Vec::new();
    let mut chars = text.chars().peekable();
    loop {
        while chars.next_if(char::is_ascii_whitespace).is_some() {}
        if chars.peek().is_none() {
            return Some(words);
        }
        let mut word = Word { text: String::new(), is_quoted: false };
        let mut quote = None;
        loop {
            match (chars.next(), quote) {
                (None, None) => break,
                (None, Some(_)) => return None,
                (Some('\\'), _) => {
                    word.text.push('\\');
                    word.text.extend(chars.next());
                }
                (Some(end), Some(open)) if end == open => quote = None,
                (Some(open @ ('"' | '\'')), None) => {
                    (quote, word.is_quoted) = (Some(open), true);
                }
                (Some(blank), None) if blank.is_ascii_whitespace() => break,
                (Some(other), _) => word.text.push(other),
            }
        }
        words.push(word);
    }
}
