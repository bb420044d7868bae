//! What an `exec` comes to behind those who prepare it: `chpst -u www setlock lock server`.

use super::Word;

/// One program on the way.
#[derive(Debug)]
pub(crate) struct Link<'a> {
    pub(crate) program: &'a Word,
    /// Its name without a directory.
    pub(crate) name: &'a str,
    /// Letters, and the word that belongs to one.
    pub(crate) options: Vec<(char, Option<String>, &'a Word)>,
    /// Its own words before the next program.
    pub(crate) arguments: Vec<&'a Word>,
    /// An option that it has not.
    pub(crate) unknown: Option<(char, &'a Word)>,
}

/// The way from an `exec` to its program.
#[derive(Debug, Default)]
pub(crate) struct Chain<'a> {
    pub(crate) links: Vec<Link<'a>>,
    /// The last link is the program itself, and `rest` are its words.
    pub(crate) is_whole: bool,
    pub(crate) rest: &'a [Word],
}

/// Who runs another program: options without a word, with one, and how many words of its own.
const fn preparers(name: &str) -> Option<(&'static str, &'static str, usize)> {
    Some(match name.as_bytes() {
        b"chpst" => ("vVP012", "uUbe/CnlLmdopfcrt", 0),
        b"softlimit" => ("", "acdflmoprst", 0),
        b"s6-softlimit" => ("hH", "acdflmoprst", 0),
        b"setuidgid" | b"s6-setuidgid" | b"envuidgid" | b"envdir" => ("", "", 1),
        b"s6-envuidgid" => ("iDnugB", "t", 1),
        b"s6-envdir" => ("IinfL", "c", 1),
        b"setlock" => ("nNxX", "", 1),
        b"s6-setlock" => ("rwnN", "td", 1),
        b"pgrphack" | b"nohup" | b"s6-setsid" => ("sbfFgIiqQ", "", 0),
        b"nice" => ("", "n", 0),
        b"ionice" => ("t", "cn", 0),
        _ => return None,
    })
}

/// Reads the words behind `exec`, as far as they are words.
pub(crate) fn chain(words: &[Word]) -> Chain<'_> {
    let mut found = Chain::default();
    let mut rest = words;
    while let Some((program, behind)) = rest.split_first() {
        if !program.is_plain || program.text.is_empty() || program.text.starts_with('-') {
            return found;
        }
        let name = program.text.rsplit('/').next().unwrap_or_default();
        rest = behind;
        let mut link =
            Link { program, name, options: Vec::new(), arguments: Vec::new(), unknown: None };
        let Some((alone, with_word, arguments)) = preparers(name) else {
            found.links.push(link);
            (found.is_whole, found.rest) = (true, rest);
            return found;
        };
        while let Some((option, behind)) = rest.split_first() {
            if !option.text.starts_with('-') || option.text == "-" {
                break;
            }
            rest = behind;
            if option.text == "--" {
                break;
            }
            if !option.is_plain || option.text.starts_with("--") {
                found.links.push(link);
                return found;
            }
            if !options(option, alone, with_word, &mut rest, &mut link) {
                found.links.push(link);
                return found;
            }
        }
        for _ in 0..arguments {
            let Some((argument, behind)) = rest.split_first() else {
                found.links.push(link);
                return found;
            };
            rest = behind;
            link.arguments.push(argument);
        }
        found.links.push(link);
    }
    found
}

/// The letters of one word; whether they could all be read.
fn options<'a>(
    option: &'a Word,
    alone: &str,
    with_word: &str,
    rest: &mut &'a [Word],
    link: &mut Link<'a>,
) -> bool {
    let letters = option.text.get(1..).unwrap_or_default();
    for (at, letter) in letters.char_indices() {
        if with_word.contains(letter) {
            let behind = letters.get(at + letter.len_utf8()..).unwrap_or_default();
            if !behind.is_empty() {
                link.options.push((letter, Some(behind.to_owned()), option));
            } else if let Some((value, more)) = rest.split_first() {
                *rest = more;
                link.options.push((letter, value.plain().map(str::to_owned), value));
            } else {
                return false;
            }
            return true;
        }
        if alone.contains(letter) {
            link.options.push((letter, None, option));
        } else if link.name == "nice" && letter.is_ascii_digit() {
            return true;
        } else {
            link.unknown = Some((letter, option));
            return false;
        }
    }
    true
}
