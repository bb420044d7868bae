//! A reader of unit files, written from `systemd.syntax(7)`, `systemd.service(5)`,
//! `systemd.exec(5)` and `systemd.unit(5)`, not from the writer: what systemd would make of a text.

use std::collections::BTreeMap;

/// Section, directive, value, in order.
pub type Lines = Vec<(String, String, String)>;

/// What is cut off at both ends of a line; no other kind of blank is.
const BLANKS: [char; 2] = [' ', '\t'];

/// The logical lines. `Err` where systemd would not load the file, or warn.
pub fn lines(text: &[u8]) -> Result<Lines, String> {
    let text = std::str::from_utf8(text).map_err(|_| "not UTF-8")?;
    let mut section = String::new();
    let mut found = Lines::new();
    let mut pending = String::new();
    // "Each line ends with LF"; a carriage return and NUL do as well.
    for line in text.split(['\n', '\r', '\0']) {
        let line = if pending.is_empty() { line.trim_start_matches(BLANKS) } else { line };
        if pending.is_empty() && (line.is_empty() || line.starts_with(['#', ';'])) {
            continue;
        }
        // "Lines ending in a backslash are concatenated with the following line; the backslash is
        // replaced by a space."
        let backslashes = line.len() - line.trim_end_matches('\\').len();
        if backslashes % 2 == 1 {
            pending.push_str(&line[..line.len() - 1]);
            pending.push(' ');
            continue;
        }
        let whole = std::mem::take(&mut pending) + line;
        let whole = whole.trim_matches(BLANKS);
        if let Some(name) = whole.strip_prefix('[') {
            name.strip_suffix(']').ok_or("bad section")?.clone_into(&mut section);
            continue;
        }
        let (key, value) =
            whole.split_once('=').ok_or_else(|| format!("no assignment: {whole}"))?;
        found.push((
            section.clone(),
            key.trim_matches(BLANKS).to_owned(),
            value.trim_matches(BLANKS).to_owned(),
        ));
    }
    if pending.is_empty() { Ok(found) } else { Err("ends in a continuation".to_owned()) }
}

/// Specifiers: `%%` is `%`; any other would be replaced by something of the machine.
fn specifiers(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    let mut rest = bytes.iter();
    while let Some(&byte) = rest.next() {
        if byte != b'%' {
            out.push(byte);
        } else if rest.next() == Some(&b'%') {
            out.push(b'%');
        } else {
            return Err("a specifier".to_owned());
        }
    }
    Ok(out)
}

/// Words with quotes and C escapes; with each, whether it was quoted at all.
fn words(value: &str) -> Result<Vec<(Vec<u8>, bool)>, String> {
    let mut found = Vec::new();
    let mut word: Option<(Vec<u8>, bool)> = None;
    let mut quote: Option<u8> = None;
    let mut rest = value.bytes().peekable();
    while let Some(byte) = rest.next() {
        match (quote, byte) {
            (_, b'\\') => {
                let (text, _) = word.get_or_insert((Vec::new(), false));
                match rest.next().ok_or("a final backslash")? {
                    b'n' => text.push(b'\n'),
                    b't' => text.push(b'\t'),
                    b'r' => text.push(b'\r'),
                    b's' => text.push(b' '),
                    b'a' => text.push(7),
                    b'b' => text.push(8),
                    b'f' => text.push(12),
                    b'v' => text.push(11),
                    b'x' => {
                        let digits = [rest.next().unwrap_or(0), rest.next().unwrap_or(0)];
                        let digits = std::str::from_utf8(&digits).map_err(|_| "bad \\x")?;
                        let byte = u8::from_str_radix(digits, 16).map_err(|_| "bad \\x")?;
                        // "Bytes may be written so; NUL may not."
                        text.push(if byte == 0 { return Err("NUL".into()) } else { byte });
                    }
                    byte @ (b'\\' | b'"' | b'\'') => text.push(byte),
                    other => return Err(format!("unknown escape {other}")),
                }
            }
            (None, b'"' | b'\'') => {
                // "Quotes are only removed at the beginning of a word and before its end."
                if word.is_some() {
                    return Err("a quote inside of a word".to_owned());
                }
                (quote, word) = (Some(byte), Some((Vec::new(), true)));
            }
            (Some(open), byte) if open == byte => {
                quote = None;
                if rest.peek().is_some_and(|next| !b" \t".contains(next)) {
                    return Err("text after a quote".to_owned());
                }
            }
            (None, b' ' | b'\t') => found.extend(word.take()),
            (_, byte) => word.get_or_insert((Vec::new(), false)).0.push(byte),
        }
    }
    found.extend(word);
    if quote.is_some() { Err("an open quote".to_owned()) } else { Ok(found) }
}

/// The arguments of `ExecStart=` and its like, with no variable set. The program comes without
/// prefix.
pub fn command(value: &str) -> Result<Vec<Vec<u8>>, String> {
    let value = value.strip_prefix('+').unwrap_or(value);
    let mut argv = Vec::new();
    for (at, (word, quoted)) in words(value)?.into_iter().enumerate() {
        if !quoted && word == b";" {
            return Err("a second command".to_owned());
        }
        let word = specifiers(&word)?;
        if at == 0 {
            if !word.starts_with(b"/") {
                return Err("a prefix, or no absolute path".to_owned());
            }
            argv.push(word);
            continue;
        }
        argv.push(variables(&word)?);
    }
    Ok(argv)
}

/// `$$` is `$`; `${X}` anywhere, and `$X` as a word, would be replaced.
fn variables(word: &[u8]) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    let mut rest = word.iter().peekable();
    while let Some(&byte) = rest.next() {
        match (byte, rest.peek()) {
            (b'$', Some(b'$')) => {
                rest.next();
                out.push(b'$');
            }
            (b'$', _) => return Err("a variable".to_owned()),
            _ => out.push(byte),
        }
    }
    Ok(out)
}

/// `Environment=`, later lines over earlier ones. A bad name or a value that is no UTF-8 would be
/// dropped.
pub fn environment(lines: &Lines) -> Result<BTreeMap<String, Vec<u8>>, String> {
    let mut found = BTreeMap::new();
    for (_, _, value) in lines.iter().filter(|(_, key, _)| key == "Environment") {
        for (word, _) in words(value)? {
            let text = String::from_utf8(specifiers(&word)?).map_err(|_| "not UTF-8")?;
            let (name, value) = text.split_once('=').ok_or("no assignment")?;
            found.insert(name.to_owned(), value.as_bytes().to_vec());
        }
    }
    Ok(found)
}

/// A value without quotes.
pub fn plain(value: &str) -> Result<Vec<u8>, String> {
    specifiers(value.as_bytes())
}
