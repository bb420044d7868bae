//! Values of supervisord: `%(...)s`, words, lists of variables, sizes.
//!
//! Source: the section "String Expressions" of its manual; `datatypes.py` of supervisor 4.2.

use std::collections::BTreeMap;

use crate::{env_file, references};

/// What `%(NAME)s` stands for.
pub(super) type Known = BTreeMap<&'static str, String>;

/// Puts in what stands in `%(...)s` and `%(...)d`.
///
/// The error says which is not known.
pub(super) fn expand(value: &str, known: &Known) -> Result<String, String> {
    filled(value, known, |_| None)
}

/// The same; variables of the environment are marked, as `references` has them.
pub(super) fn marked(value: &str, known: &Known) -> Result<String, String> {
    filled(value, known, |name| env_file::is_name(name).then(|| references::mark(name)))
}

fn filled(
    value: &str,
    known: &Known,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<String, String> {
    let mut text = String::new();
    let mut rest = value;
    while let Some((before, after)) = rest.split_once('%') {
        text.push_str(before);
        if let Some(after) = after.strip_prefix('%') {
            text.push('%');
            rest = after;
            continue;
        }
        let named = after.strip_prefix('(').and_then(|it| it.split_once(')'));
        let Some((name, form)) = named else {
            return Err("a single `%` is an error to supervisord; write `%%`".to_owned());
        };
        let width: String = form.chars().take_while(char::is_ascii_digit).collect();
        let letter = form.get(width.len()..).and_then(|it| it.chars().next());
        if !matches!(letter, Some('s' | 'd' | 'i')) {
            return Err(format!("`%({name})` is followed by neither `s` nor `d`"));
        }
        rest = form.get(width.len() + 1..).unwrap_or_default();
        let of_environment =
            name.strip_prefix("ENV_").filter(|_| letter == Some('s') && width.is_empty());
        let reference = of_environment.and_then(&variable);
        let Some(found) = known.get(name).or(reference.as_ref()) else {
            return Err(match name.strip_prefix("ENV_") {
                Some(variable) => format!(
                    "the value of {variable} is known to the machine alone; write it in its place"
                ),
                None => format!(
                    "`%({name})s` is known to the machine alone; write its value in its place"
                ),
            });
        };
        let fill = if width.starts_with('0') { "0" } else { " " };
        let width: usize = width.parse().unwrap_or_default();
        text.push_str(&fill.repeat(width.saturating_sub(found.len()).min(100)));
        text.push_str(found);
    }
    text.push_str(rest);
    Ok(text)
}

/// Words as Python's `shlex.split` has them; `None` if a quote is not closed.
pub(super) fn words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut chars = text.chars().peekable();
    loop {
        while chars.next_if(|c| c.is_whitespace()).is_some() {}
        if chars.peek().is_none() {
            return Some(words);
        }
        let mut word = String::new();
        while let Some(c) = chars.next_if(|c| !c.is_whitespace()) {
            match c {
                '\\' => word.push(chars.next()?),
                '\'' | '"' => loop {
                    match chars.next()? {
                        end if end == c => break,
                        '\\' if c == '"' => match chars.next()? {
                            it @ ('"' | '\\') => word.push(it),
                            it => word.extend(['\\', it]),
                        },
                        it => word.push(it),
                    }
                },
                c => word.push(c),
            }
        }
        words.push(word);
    }
}

/// `A="1",B='2'`, with commas or new lines between; `None` if it is none.
pub(super) fn variables(text: &str) -> Option<Vec<(String, String)>> {
    let mut found = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (name, after) = rest.split_once('=')?;
        let after = after.trim_start();
        let (value, after) = if let Some(quote @ ('"' | '\'')) = after.chars().next() {
            let mut value = String::new();
            let mut end = None;
            let mut chars = after.char_indices().skip(1);
            while let Some((at, c)) = chars.next() {
                match c {
                    c if c == quote => {
                        end = Some(at + 1);
                        break;
                    }
                    '\\' if quote == '"' => match chars.next()?.1 {
                        it @ ('"' | '\\') => value.push(it),
                        it => value.extend(['\\', it]),
                    },
                    c => value.push(c),
                }
            }
            (value, after.get(end?..)?)
        } else {
            let end = after.find([',', '\n']).unwrap_or(after.len());
            let (value, after) = after.split_at(end);
            (value.trim().to_owned(), after)
        };
        found.push((name.trim().to_owned(), value));
        rest = after.trim_start_matches(|c: char| c == ',' || c.is_whitespace());
    }
    Some(found)
}

/// A boolean.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Some(true),
        "false" | "no" | "off" | "0" => Some(false),
        _ => None,
    }
}

/// Whether a name of a file fits a pattern with `*` and `?`.
pub(super) fn fits(pattern: &str, name: &str) -> bool {
    let mut chars = pattern.chars();
    match chars.next() {
        None => name.is_empty(),
        Some('*') => {
            let rest = chars.as_str();
            let ends = name.char_indices().map(|(at, _)| at).chain([name.len()]);
            // `*` is no dot at the start, as with a shell.
            !name.starts_with('.')
                && ends.into_iter().any(|at| fits(rest, name.get(at..).unwrap_or_default()))
                || name.is_empty() && fits(rest, "")
        }
        Some(c) => {
            let mut name = name.chars();
            name.next().is_some_and(|it| c == '?' || c == it) && fits(chars.as_str(), name.as_str())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_put_in() {
        let known =
            Known::from([("program_name", "web".to_owned()), ("process_num", "3".to_owned())]);
        assert_eq!(
            expand("%(program_name)s_%(process_num)02d 100%%", &known).unwrap(),
            "web_03 100%"
        );
        for wrong in ["%(ENV_HOME)s", "%(host_node_name)s", "50%", "%(program_name)x"] {
            assert!(expand(wrong, &known).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_variable_becomes_a_reference() {
        let known = Known::from([("here", "/etc".to_owned())]);
        let it = marked("%(here)s/x --p=%(ENV_PORT)s '%(ENV_A)s' ${B}", &known).unwrap();
        let words: Vec<_> = words(&it).unwrap().iter().map(|it| references::settled(it)).collect();
        assert_eq!(words, ["/etc/x", "--p=${PORT}", "${A}", "$${B}"]);
        for wrong in ["%(ENV_A B)s", "%(ENV_A)d", "%(ENV_A)03s"] {
            assert!(marked(wrong, &known).is_err(), "{wrong}");
        }
    }

    #[test]
    fn words_and_variables_are_those_of_python() {
        let expected = ["nginx", "-g", "daemon off;", "a b"].map(str::to_owned);
        assert_eq!(words("nginx -g \"daemon off;\"\n a\\ b").unwrap(), expected);
        assert_eq!(words("'open"), None);
        let found = variables("A=\"1,2\", B=x,\nC='y z'").unwrap();
        let expected = [("A", "1,2"), ("B", "x"), ("C", "y z")];
        assert_eq!(found, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
        assert_eq!(variables("nothing"), None);
    }

    #[test]
    fn patterns_are_those_of_a_shell() {
        for (pattern, name, expected) in [
            ("*.conf", "a.conf", true),
            ("*.conf", ".conf", false),
            ("a?.ini", "ab.ini", true),
            ("*", "x", true),
            ("a*", "b", false),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }
}
