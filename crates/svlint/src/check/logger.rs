//! Loggers: the words that multilog and s6-log are given, svlogd's directories and their configuration.

use std::path::{Path, PathBuf};

use super::{subject::Service, tools::At};
use crate::{
    Finding,
    rule::loggers,
    shell::{Command, Link, Word},
    source::Source,
    visit::Visit,
};

/// A command of `log/run`.
pub(crate) fn command(
    visit: &mut Visit<'_>,
    service: &Service<'_>,
    source: &Source,
    at: &At,
    commands: &[Command],
    (program, words): (&Link<'_>, &[Word]),
) {
    // A word that only the shell knows may be many.
    if !words.iter().all(|it| it.is_plain) && program.name != "svlogd" {
        return;
    }
    match program.name {
        "svlogd" => svlogd(visit, service, source, at, commands, words),
        "multilog" => multilog(visit, source, program.program, words),
        "s6-log" => s6_log(visit, source, program.program, words),
        _ => {}
    }
}

fn svlogd(
    visit: &mut Visit<'_>,
    service: &Service<'_>,
    source: &Source,
    at: &At,
    commands: &[Command],
    words: &[Word],
) {
    let mut rest = words.iter();
    while let Some(word) = rest.next() {
        let text = word.text.as_str();
        if text == "--" {
            continue;
        }
        if let Some(options) = text.strip_prefix('-') {
            // These take a word of their own.
            if options.ends_with(['r', 'R', 'l', 'b']) {
                let _value = rest.next();
            }
            continue;
        }
        let Some(dir) = word.plain().filter(|it| !it.is_empty()) else { continue };
        let location = source.at(word.at.clone());
        let is_rule = dir.len() > 1
            && dir.starts_with(['s', 'n', 'N', 't'])
            && dir.bytes().skip(1).all(|it| it.is_ascii_digit());
        if is_rule {
            let message = format!("{dir} is a directory to svlogd; rules stand in its config");
            visit.tell(Finding::new(&loggers::SVLOGD_ARGUMENTS, location, message));
            continue;
        }
        let path = match at {
            _ if dir.starts_with('/') && visit.world.is_image() => PathBuf::from(dir),
            At::ServiceDir if !dir.starts_with('/') => service.dir.join(dir),
            _ => continue,
        };
        // It may be made in the script, or before.
        let is_made = commands
            .iter()
            .any(|it| matches!(it.name(), Some("mkdir" | "install" | "test" | "[" | "ln")));
        if visit.world.is_missing(&path) && !is_made {
            let message = format!("the directory {} is missing", source.quoted(dir));
            visit.tell(Finding::new(&loggers::SVLOGD_DIRECTORY, location, message));
        }
        let config = path.join("config");
        if visit.world.is_there(&config) {
            self::config(visit, &config);
        }
    }
}

/// The directory of a logger.
pub(crate) fn directory(visit: &mut Visit<'_>, log: &Path, names: &[String]) {
    let config = log.join("config");
    let is_file = visit.world.entry(&config).is_ok_and(|it| it.is_file());
    if !names.iter().any(|it| it == "config") || !is_file {
        return;
    }
    // With `svlogd .` it is the right place.
    let Ok((bytes, _)) = visit.world.read_start(&log.join("run")) else { return };
    let text = String::from_utf8_lossy(&bytes).into_owned();
    if !text.contains("svlogd") {
        return;
    }
    let script = crate::shell::read(&text).unwrap_or_default();
    let writes_here = script.commands.iter().any(|it| {
        it.words.iter().any(|it| matches!(it.text.as_str(), "." | "./" | "$PWD") || !it.is_plain)
    });
    let has_logs = names.iter().any(|it| it == "current");
    if !writes_here && !has_logs {
        let message = "no svlogd of this log/run reads log/config";
        visit.tell(Visit::at(&loggers::SVLOGD_PLACE, &config, message));
    }
}

/// svlogd's file `config`.
pub(crate) fn config(visit: &mut Visit<'_>, path: &Path) {
    let Some(source) = visit.read(path) else { return };
    visit.look();
    for (from, line) in source.lines() {
        let Some(first) = line.chars().next() else { continue };
        let location = source.at(from..from + line.len());
        let value = line.get(first.len_utf8()..).unwrap_or_default();
        let is_number = |suffixes: &[char]| {
            let digits = value.strip_suffix(suffixes).unwrap_or(value);
            !digits.is_empty() && digits.bytes().all(|it| it.is_ascii_digit())
        };
        let is_right = match first {
            's' => is_number(&['k', 'm']),
            'n' | 'N' => is_number(&[]),
            't' => is_number(&['m', 'h']),
            '#' | '!' | 'u' | 'U' | 'p' | '-' | '+' | 'e' | 'E' => continue,
            _ => {
                let message = format!(
                    "svlogd knows no line that begins with `{}`",
                    source.quoted(&first.to_string())
                );
                visit.tell(Finding::new(&loggers::SVLOGD_LINE, location, message));
                continue;
            }
        };
        if !is_right {
            let message = format!("{first} takes a number, not `{}`", source.quoted(value));
            visit.tell(Finding::new(&loggers::SVLOGD_NUMBER, location, message));
        }
    }
}

fn multilog(visit: &mut Visit<'_>, source: &Source, program: &Word, words: &[Word]) {
    let at = |word: &Word| source.at(word.at.clone());
    let mut last_directory = None;
    let mut writes = false;
    for (number, word) in words.iter().enumerate() {
        let text = word.text.as_str();
        let Some(first) = text.chars().next() else { continue };
        let value = text.get(1..).unwrap_or_default();
        match first {
            '.' | '/' => (last_directory, writes) = (Some(number), true),
            '=' => writes = true,
            'e' if value.is_empty() => writes = true,
            't' if number > 0 && value.is_empty() => {
                let message = "t asks for timestamps as the first word alone";
                visit.tell(Finding::new(&loggers::MULTILOG_TIMESTAMP, at(word), message));
            }
            't' if value.is_empty() => {}
            's' | 'n' => {
                let number = value.parse::<u64>().ok();
                let is_in_range = match first {
                    's' => number.is_some_and(|it| (4096..=16_777_215).contains(&it)),
                    _ => number.is_some_and(|it| it >= 2),
                };
                if !is_in_range {
                    let takes = if first == 's' { "4096 to 16777215" } else { "2 and more" };
                    let message =
                        format!("{} is out of range: {first} takes {takes}", source.quoted(text));
                    visit.tell(Finding::new(&loggers::MULTILOG_NUMBER, at(word), message));
                }
            }
            '-' if matches!(text, "-t" | "-tt" | "-ttt" | "-v" | "-b" | "-l") => {
                let message =
                    format!("{text} deselects lines of that text; multilog has no options");
                visit.tell(Finding::new(&loggers::MULTILOG_OPTION, at(word), message));
            }
            '+' | '-' | '!' => {}
            _ => {
                let shown = source.quoted(text);
                let message = format!("multilog knows no action `{shown}`");
                let finding = Finding::new(&loggers::MULTILOG_ACTION, at(word), message);
                visit.tell(perhaps_a_directory(finding, text, shown));
                return;
            }
        }
    }
    if !writes {
        let message = "multilog has no directory, and throws every line away";
        visit.tell(Finding::new(&loggers::MULTILOG_NO_DIRECTORY, at(program), message));
        return;
    }
    late(visit, source, words, last_directory, (&['s', 'n', '!'], &loggers::MULTILOG_ORDER));
}

/// What stands behind the last directory has nothing to hold for.
fn late(
    visit: &mut Visit<'_>,
    source: &Source,
    words: &[Word],
    last: Option<usize>,
    (letters, rule): (&[char], &'static crate::Rule),
) {
    let Some(last) = last else { return };
    let behind = words.get(last + 1..).unwrap_or_default();
    if let Some(word) = behind.iter().find(|it| it.text.starts_with(letters)) {
        let message = format!(
            "{} stands behind the last directory, and holds for none",
            source.quoted(&word.text)
        );
        visit.tell(Finding::new(rule, source.at(word.at.clone()), message));
    }
}

fn s6_log(visit: &mut Visit<'_>, source: &Source, program: &Word, words: &[Word]) {
    let at = |word: &Word| source.at(word.at.clone());
    // Options first; d and l take a word.
    let mut rest = words;
    while let Some((word, behind)) = rest.split_first() {
        let Some(options) = word.text.strip_prefix('-') else { break };
        // `-pattern` is a directive where it is no option.
        let known = "qvbptedl";
        let letters = options.trim_end_matches(|it: char| it.is_ascii_digit());
        if options == "-" {
            rest = behind;
            break;
        }
        if options.is_empty() || !letters.chars().all(|it| known.contains(it)) {
            if matches!(word.text.as_str(), "-tt" | "-ttt" | "-r") || options.len() == 1 {
                let message = format!("s6-log has no option {}", source.quoted(&word.text));
                visit.tell(Finding::new(&loggers::S6LOG_DIRECTIVE, at(word), message));
                return;
            }
            break;
        }
        let takes_word = letters.ends_with(['d', 'l']) && letters.len() == options.len();
        rest = if takes_word { behind.get(1..).unwrap_or_default() } else { behind };
    }
    let mut last = None;
    for (number, word) in rest.iter().enumerate() {
        let text = word.text.as_str();
        let Some(first) = text.chars().next() else { continue };
        let value = text.get(first.len_utf8()..).unwrap_or_default();
        let is_number = !value.is_empty() && value.bytes().all(|it| it.is_ascii_digit());
        match first {
            '.' | '/' => last = Some(number),
            '1' | '2' if value.is_empty() => last = Some(number),
            '=' | '!' | '?' => last = Some(number),
            '+' | '-' | 'p' => {}
            'f' | 't' | 'T' | 'e' if value.is_empty() => {}
            'n' | 'S' | 'l' | 'r' | 'E' | 'R' if is_number => {}
            's' if is_number => {
                let size = value.parse::<u64>().unwrap_or(u64::MAX);
                if !(4096..=268_435_455).contains(&size) {
                    let message = format!("{text} is out of range: s takes 4096 to 268435455");
                    visit.tell(Finding::new(&loggers::S6LOG_NUMBER, at(word), message));
                }
            }
            _ => {
                let shown = source.quoted(text);
                let message = format!("s6-log knows no directive `{shown}`");
                let finding = Finding::new(&loggers::S6LOG_DIRECTIVE, at(word), message);
                visit.tell(perhaps_a_directory(finding, text, shown));
                return;
            }
        }
    }
    let Some(last) = last else {
        let message = "s6-log has no directory, and nothing else to do with the lines";
        visit.tell(Finding::new(&loggers::S6LOG_NO_DIRECTORY, at(program), message));
        return;
    };
    let rule = (&['n', 's', 'S', 'l', 't', 'T'][..], &loggers::S6LOG_ORDER);
    late(visit, source, rest, Some(last), rule);
}

/// A word of no meaning that looks like a name may be a directory that lacks its mark.
fn perhaps_a_directory(finding: Finding, text: &str, shown: &str) -> Finding {
    let is_name = text.len() > 1 && text.chars().all(|it| it.is_alphanumeric() || it == '/');
    if is_name {
        finding.help(format!("A directory begins with . or /: ./{shown}"))
    } else {
        finding
    }
}
