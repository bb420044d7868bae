//! What a command line says of where its logger writes.

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
    path::Path,
};

use svproto::Scale;

/// Where a logger writes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Keeper<'a> {
    /// And of each directory whether only some of the lines go there.
    Directories(Scale, Vec<(&'a OsStr, bool)>),
    Syslog {
        program: String,
        tag: Option<String>,
    },
}

/// Of which programs this is known.
pub(super) fn is_known(word: &OsStr) -> bool {
    let name = Path::new(word).file_name().and_then(OsStr::to_str);
    name.is_some_and(|name| KNOWN.contains(&name))
}

const KNOWN: [&str; 6] = ["multilog", "s6-log", "svlogd", "logutil-service", "logger", "vlogger"];

/// A program, as it is shown.
pub(super) fn shown(word: &OsStr) -> String {
    Path::new(word).file_name().unwrap_or(word).to_string_lossy().into_owned()
}

/// What a command line says; `None` for what is not known.
pub(super) fn of(words: &[OsString]) -> Option<Keeper<'_>> {
    let (program, words) = words.split_first()?;
    let all = words.iter().map(OsString::as_os_str).filter(|word| !word.is_empty());
    let (scale, directories) = match Path::new(program).file_name()?.to_str()? {
        "multilog" => (Scale::Fixed, of_rules(all)),
        "s6-log" => (Scale::LeapSeconds, of_rules(all.skip_while(is_option))),
        // s6-overlay's, which makes an `s6-log` of it.
        "logutil-service" => (Scale::LeapSeconds, of_rules(all.take(1))),
        "svlogd" => (Scale::Fixed, of_svlogd(all)),
        "logger" | "vlogger" => return Some(of_syslog(program, words)),
        _ => return None,
    };
    Some(Keeper::Directories(scale, directories))
}

/// Rules in their order: `+` and `-` select for the directories after them.
fn of_rules<'a>(words: impl Iterator<Item = &'a OsStr>) -> Vec<(&'a OsStr, bool)> {
    let mut selects = false;
    let mut directories = Vec::new();
    for word in words {
        match word.as_bytes() {
            b"--" => (),
            [b'+' | b'-', ..] | b"f" => selects = true,
            [b'.' | b'/', ..] => directories.push((word, selects)),
            _ => (),
        }
    }
    directories
}

/// As `s6-log` has them before its rules.
fn is_option(word: &&OsStr) -> bool {
    matches!(word.as_bytes(), [b'-', b'a'..=b'z', ..])
}

/// Whether the text of a file `config` of svlogd selects lines.
pub(super) fn config_selects(text: &[u8]) -> bool {
    text.split(|byte| *byte == b'\n').any(|line| matches!(line, [b'+' | b'-', ..]))
}

fn of_svlogd<'a>(mut words: impl Iterator<Item = &'a OsStr>) -> Vec<(&'a OsStr, bool)> {
    let mut directories = Vec::new();
    while let Some(word) = words.next() {
        match word.as_bytes() {
            b"--" => {
                directories.extend(words.map(|word| (word, false)));
                break;
            }
            // These take a value, in the same word or the next.
            [b'-', .., b'r' | b'R' | b'l' | b'b'] => drop(words.next()),
            [b'-', ..] => (),
            _ => directories.push((word, false)),
        }
    }
    directories
}

fn of_syslog<'a>(program: &OsStr, words: &'a [OsString]) -> Keeper<'a> {
    let mut words = words.iter().filter_map(|word| word.to_str());
    let mut tag = None;
    while let Some(word) = words.next() {
        match word {
            "-t" | "--tag" => tag = words.next(),
            _ => {
                let attached = word.strip_prefix("--tag=").or_else(|| word.strip_prefix("-t"));
                tag = attached.filter(|text| !text.is_empty()).or(tag);
            }
        }
    }
    Keeper::Syslog { program: shown(program), tag: tag.map(str::to_owned) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    #[track_caller]
    fn check(line: &str, scale: Scale, expected: &[&str]) {
        let expected = expected.iter().map(|word| match word.strip_prefix("only ") {
            Some(word) => (OsStr::new(word), true),
            None => (OsStr::new(*word), false),
        });
        let expected = expected.collect();
        assert_eq!(of(&words(line)), Some(Keeper::Directories(scale, expected)), "{line}");
    }

    #[test]
    fn a_command_line_names_directories_in_the_way_of_its_logger() {
        check("svlogd -tt ./main", Scale::Fixed, &["./main"]);
        check("/usr/bin/svlogd -ttv -r _ -l 2000 main other", Scale::Fixed, &["main", "other"]);
        check("svlogd -ttt -- ./main", Scale::Fixed, &["./main"]);
        check(
            "multilog t s100000 n5 ./main -* +*bad* ./bad",
            Scale::Fixed,
            &["./main", "only ./bad"],
        );
        check("s6-log -b n20 s1000000 T /var/log/web", Scale::LeapSeconds, &["/var/log/web"]);
        check("s6-log -b -d3 -- -debug t ./x", Scale::LeapSeconds, &["only ./x"]);
        check("logutil-service /var/log/web", Scale::LeapSeconds, &["/var/log/web"]);
        assert_eq!(of(&["cat".into()]), None);
    }

    #[test]
    fn a_logger_of_syslog_has_its_tag() {
        for (line, program, tag) in [
            ("logger -t web -p daemon.info", "logger", Some("web")),
            ("/usr/bin/vlogger -pdaemon -tweb", "vlogger", Some("web")),
            ("logger --tag=a --tag b", "logger", Some("b")),
            ("logger", "logger", None),
        ] {
            let (program, tag) = (program.to_owned(), tag.map(str::to_owned));
            assert_eq!(of(&words(line)), Some(Keeper::Syslog { program, tag }), "{line}");
        }
    }
}
