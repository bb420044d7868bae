//! The words that were typed, without those that are for this side.

use std::ffi::OsString;

/// With a value that follows, or after `=`.
const VALUED: [&str; 4] = ["--host", "--parallel", "--host-timeout", "--color"];
const PLAIN: [&str; 3] = ["--rolling", "--push", "--json"];
/// Of one letter and without a value, so that others may follow in the same word.
const LETTERS: &str = "qvf";

/// What the hosts are to run. `given` is how often the parser saw `-H`.
///
/// # Errors
///
/// A word that is no text, and one in which `-H` was not found.
pub(super) fn for_hosts(
    typed: impl IntoIterator<Item = OsString>,
    given: usize,
) -> Result<Vec<String>, String> {
    let mut typed = typed.into_iter();
    let (mut words, mut found) = (Vec::new(), 0);
    while let Some(word) = typed.next() {
        let word = text(word)?;
        if word == "--" {
            words.push(word);
            for word in typed.by_ref() {
                words.push(text(word)?);
            }
        } else if let Some((name, _)) =
            word.split_once('=').filter(|(name, _)| VALUED.contains(name))
        {
            found += usize::from(name == "--host");
        } else if VALUED.contains(&&*word) {
            found += usize::from(word == "--host");
            typed.next();
        } else if let Some((before, after)) = short(&word) {
            found += 1;
            if !before.is_empty() {
                words.push(format!("-{before}"));
            }
            if after.is_empty() {
                typed.next();
            }
        } else if !PLAIN.contains(&&*word) {
            words.push(word);
        }
    }
    if found != given {
        return Err("type -H HOSTS as a word of its own, before the command".to_owned());
    }
    Ok(words)
}

/// `-H`, `-Hweb1`, `-qH`: the letters before, and the value.
fn short(word: &str) -> Option<(&str, &str)> {
    let letters = word.strip_prefix('-').filter(|it| !it.starts_with('-'))?;
    letters.split_once('H').filter(|(before, _)| before.chars().all(|c| LETTERS.contains(c)))
}

fn text(word: OsString) -> Result<String, String> {
    word.into_string()
        .map_err(|word| format!("cannot hand {} to other hosts: it is no text", word.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn hold(typed: &str, given: usize, expected: Option<&str>) {
        let words = for_hosts(typed.split(' ').map(OsString::from), given);
        assert_eq!(words.ok().map(|words| words.join(" ")).as_deref(), expected, "{typed}");
    }

    #[test]
    fn what_is_for_this_side_stays_here() {
        hold("-H web1 status web", 1, Some("status web"));
        hold("status --host=web1 --parallel 4 --json web --rolling", 1, Some("status web"));
        hold("-vHweb1,web2 logs -f -n 5 --host web3 --color=never", 2, Some("-v logs -f -n 5"));
        hold("logs -fH web1 --host-timeout=3s --push", 1, Some("logs -f"));
        hold("-H web1 status -- -H web1 --json", 1, Some("status -- -H web1 --json"));
    }

    #[test]
    fn a_host_that_is_not_found_is_not_handed_on() {
        // The parser takes it for the value of another option.
        hold("logs -nH web1", 1, None);
        hold("status web", 1, None);
    }
}
