//! The command lines of loggers in a script of `sh` or `execlineb`, as people write them. Nothing
//! is run: a word that only a shell could know is left out.

use std::{
    collections::HashMap,
    ffi::{OsStr, OsString},
    fs,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::Path,
};

use super::words;
use crate::{Error, node};

/// What was found in a script.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Script {
    pub(super) commands: Vec<Vec<OsString>>,
    /// `TZ`, where it is set.
    pub(super) zone: Option<OsString>,
}

/// No script is longer.
const LONGEST: u64 = 64 * 1024;

/// The text of a script; `None` if there is none.
pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    node::read_at_most(&path.into(), LONGEST)
}

/// The command lines of known loggers in a script, whose service directory is `dir/..` if it is
/// that of a logger. A link to a program is a command line of one word.
pub(super) fn commands(path: &Path, dir: &Path) -> Result<Script, Error> {
    if let Some(program) = fs::read_link(path).ok().filter(|it| words::is_known(it.as_os_str())) {
        // As Void has it; its tag is the name of the service.
        let mut command = vec![program.into_os_string()];
        let service = dir.parent().and_then(Path::file_name).filter(|_| dir.ends_with("log"));
        command.extend(service.map(|name| ["-t".into(), name.to_owned()]).into_iter().flatten());
        return Ok(Script { commands: vec![command], zone: None });
    }
    Ok(read(path)?.map(|text| in_text(&text)).unwrap_or_default())
}

fn in_text(text: &[u8]) -> Script {
    let first = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let is_execline = first.windows(8).any(|bytes| bytes == b"execline");
    let mut script = Script::default();
    let mut values = HashMap::new();
    for command in split(text, is_execline) {
        let words: Vec<OsString> =
            command.iter().filter_map(|word| word.resolved(&values)).collect();
        for word in &words {
            assign(word, &mut values);
        }
        // execline's: `export NAME VALUE`.
        for three in words.windows(3).filter(|three| three.first().is_some_and(|it| it == "export"))
        {
            if let [_, name, value] = three {
                if !name.as_bytes().contains(&b'=') {
                    values.insert(name.as_bytes().to_vec(), value.as_bytes().to_vec());
                }
            }
        }
        if let Some(at) = words.iter().position(|word| words::is_known(word)) {
            script.commands.extend(words.get(at..).map(<[OsString]>::to_vec));
        }
    }
    script.zone = values.remove(&b"TZ"[..]).map(OsString::from_vec);
    script
}

/// `NAME=value`.
fn assign(word: &OsStr, values: &mut HashMap<Vec<u8>, Vec<u8>>) {
    let bytes = word.as_bytes();
    let Some(at) = bytes.iter().position(|byte| *byte == b'=') else { return };
    let (name, value) = bytes.split_at(at);
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    if !name.is_empty() && name.iter().all(is_name) {
        values.insert(name.to_vec(), value.get(1..).unwrap_or_default().to_vec());
    }
}

/// A word as it is written, without its quotes.
#[derive(Debug, Default)]
struct Word {
    bytes: Vec<u8>,
    /// Where a `$` stands that was not quoted.
    dollars: Vec<usize>,
    is_there: bool,
}

impl Word {
    /// With the values of variables; `None` where they are not known.
    fn resolved(&self, values: &HashMap<Vec<u8>, Vec<u8>>) -> Option<OsString> {
        let mut resolved = Vec::new();
        let mut done = 0;
        for &at in &self.dollars {
            resolved.extend(self.bytes.get(done..at)?);
            let rest = self.bytes.get(at + 1..)?;
            let braced = rest.first() == Some(&b'{');
            let name = rest.get(usize::from(braced)..)?;
            let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
            let len = name.iter().take_while(|byte| is_name(byte)).count();
            resolved.extend(values.get(name.get(..len)?)?);
            if braced && name.get(len) != Some(&b'}') {
                return None;
            }
            done = at + 1 + len + 2 * usize::from(braced);
        }
        resolved.extend(self.bytes.get(done..)?);
        Some(OsString::from_vec(resolved))
    }
}

/// Commands, word by word. In execline the end of a line is a blank.
fn split(text: &[u8], is_execline: bool) -> Vec<Vec<Word>> {
    let (mut commands, mut words, mut word) = (Vec::new(), Vec::new(), Word::default());
    let mut quote = None;
    let mut bytes = text.iter().copied().peekable();
    let end_word = |word: &mut Word, words: &mut Vec<Word>| {
        if std::mem::take(&mut word.is_there) {
            words.push(std::mem::take(word));
        }
    };
    while let Some(byte) = bytes.next() {
        match (quote, byte) {
            (None | Some(b'"'), b'\\') => match bytes.next() {
                Some(b'\n') | None => (),
                Some(next) => {
                    word.bytes.push(next);
                    word.is_there = true;
                }
            },
            (Some(open), _) if byte == open => quote = None,
            (None | Some(b'"'), b'$') => {
                word.dollars.push(word.bytes.len());
                word.bytes.push(byte);
                word.is_there = true;
            }
            (Some(_), _) => word.bytes.push(byte),
            (None, b'"') => (quote, word.is_there) = (Some(byte), true),
            (None, b'\'') if !is_execline => (quote, word.is_there) = (Some(byte), true),
            (None, b'#') if !word.is_there => {
                while bytes.peek().is_some_and(|byte| *byte != b'\n') {
                    bytes.next();
                }
            }
            (None, b' ' | b'\t' | b'\r') => end_word(&mut word, &mut words),
            (None, b'\n') => {
                end_word(&mut word, &mut words);
                if !is_execline {
                    commands.push(std::mem::take(&mut words));
                }
            }
            (None, b'<' | b'>') if !is_execline => {
                // What is read or written otherwise is no word of the command.
                if word.bytes.iter().all(u8::is_ascii_digit) {
                    word = Word::default();
                }
                end_word(&mut word, &mut words);
                while bytes.next_if(|byte| b"<>&| \t".contains(byte)).is_some() {}
                while bytes.next_if(|byte| !b" \t\n;|&()".contains(byte)).is_some() {}
            }
            (None, b';' | b'|' | b'&' | b'(' | b')' | b'`') if !is_execline => {
                end_word(&mut word, &mut words);
                commands.push(std::mem::take(&mut words));
            }
            (None, b'{' | b'}') if is_execline && !word.is_there => {
                commands.push(std::mem::take(&mut words));
            }
            (None, _) => {
                word.bytes.push(byte);
                word.is_there = true;
            }
        }
    }
    end_word(&mut word, &mut words);
    commands.push(words);
    commands
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str], zone: Option<&str>) {
        let found = in_text(text.as_bytes());
        let lines: Vec<String> = found
            .commands
            .iter()
            .map(|words| words.join(OsStr::new(" ")).into_string().unwrap())
            .collect();
        assert_eq!(lines, expected, "{text}");
        assert_eq!(found.zone.as_deref(), zone.map(OsStr::new), "{text}");
    }

    #[test]
    fn a_script_has_the_command_line_of_its_logger() {
        check("#!/bin/sh\nexec svlogd -tt ./main\n", &["svlogd -tt ./main"], None);
        check(
            "#!/bin/sh\n# svlogd /not/this\nLOG=/var/log\nexec chpst -u log \\\n  svlogd -tt \"$LOG/a b\" ${LOG}/c",
            &["svlogd -tt /var/log/a b /var/log/c"],
            None,
        );
        check(
            "#!/bin/sh\nmkdir -p x && grep -v '; y' | /usr/bin/multilog t '-*' +x ./main 2>&1",
            &["/usr/bin/multilog t -* +x ./main"],
            None,
        );
        check(
            "#!/usr/bin/execlineb -P\nexport TZ UTC0\ns6-setuidgid log\ns6-log -b --\n  n20 s1000\n T /var/log/web\n",
            &["s6-log -b -- n20 s1000 T /var/log/web"],
            Some("UTC0"),
        );
        check(
            "#!/bin/execlineb -P\nif { mkdir -p /x }\nlogutil-service /x",
            &["logutil-service /x"],
            None,
        );
        // What only a shell knows is left out.
        check("#!/bin/sh\nexec svlogd -t $(dirname \"$0\")/x", &["svlogd -t"], None);
        check("#!/bin/sh\nTZ=UTC exec logger -t web", &["logger -t web"], Some("UTC"));
        check("exec 2>&1 </dev/null svlogd ./a >>'x' ./b", &["svlogd ./a ./b"], None);
        check("#!/bin/sh\nexec cat", &[], None);
        check("", &[], None);
        check("'\"$", &[], None);
    }
}
