//! Names of services as they are shown and as they are given back: for people as a shell reads
//! them, for programs as a `file:` URL. Both keep every byte.

use std::{
    borrow::Cow,
    ffi::{OsStr, OsString},
    fmt::{self, Write as _},
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::Path,
};

use percent_encoding::{AsciiSet, CONTROLS, PercentEncode, percent_decode, percent_encode};
use svcmgr::{is_path, systemd::unit_in};

/// The start of a path that is written as a URL (RFC 8089, without a host).
const URL: &str = "file:///";

/// What stands before a path from the root.
const HOST: &str = "file://";

/// What is escaped in a URL besides control characters and what is not ASCII.
const IN_URL: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// A name in one line that a shell reads back as the same bytes: as it is, in quotes, or as
/// `$'a\nb'`. `path` has the bytes where the name has them no more.
pub(crate) fn shown(name: &str, path: Option<&Path>) -> String {
    match path.filter(|_| name.contains(char::REPLACEMENT_CHARACTER)) {
        Some(path) => quoted(as_typed(name, path).as_bytes()),
        None => quoted(name.as_bytes()),
    }
}

/// Whether a name is shown as it is, which nearly all are.
pub(crate) fn is_plain(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.@/".contains(&byte);
    !name.is_empty() && name.bytes().all(is_plain)
}

/// The path from the root; most are that already.
pub(crate) fn absolute(path: &Path) -> Cow<'_, Path> {
    let bytes = path.as_os_str().as_bytes();
    let is_clean = !bytes.windows(2).any(|pair| matches!(pair, b"//" | b"/."));
    if bytes.starts_with(b"/") && is_clean && !bytes.ends_with(b"/") {
        return path.into();
    }
    std::path::absolute(path).map_or(path.into(), Cow::Owned)
}

/// As many of the last components of the path as the name has; all for a path.
fn as_typed<'a>(name: &str, path: &'a Path) -> &'a OsStr {
    if is_path(name.as_ref()) {
        return path.as_os_str();
    }
    let bytes = path.as_os_str().as_bytes();
    let slashes = bytes.iter().enumerate().rev().filter(|(_, byte)| **byte == b'/');
    let start = slashes.map(|(at, _)| at + 1).nth(name.matches('/').count()).unwrap_or(0);
    OsStr::from_bytes(bytes.get(start..).unwrap_or(bytes))
}

/// Bytes as a word of a shell. zsh takes `=web` for the path of a program, and, with options that
/// many set, more characters than others.
fn quoted(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.is_empty() && !text.starts_with('=') && !text.contains(needs_quotes) => {
            text.to_owned()
        }
        Ok(text) if !text.contains(|c| c == '\'' || must_not_be_shown(c)) => format!("'{text}'"),
        _ => escaped(bytes),
    }
}

/// `$'...'`: bash, zsh, ksh, busybox and POSIX of 2024. Octal, because three digits are the most
/// that any of them reads.
fn escaped(bytes: &[u8]) -> String {
    let mut word = "$'".to_owned();
    let byte = |word: &mut String, byte: u8| {
        // Writing to a string does not fail.
        let _written = write!(word, "\\{byte:03o}");
    };
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\n' => word.push_str("\\n"),
                '\t' => word.push_str("\\t"),
                '\r' => word.push_str("\\r"),
                '\'' | '\\' => word.extend(['\\', c]),
                // What brings back an earlier line: a quote that is escaped ends the quotes for it.
                '!' => byte(&mut word, b'!'),
                c if must_not_be_shown(c) => {
                    for one in c.encode_utf8(&mut [0; 4]).bytes() {
                        byte(&mut word, one);
                    }
                }
                c => word.push(c),
            }
        }
        for &one in chunk.invalid() {
            byte(&mut word, one);
        }
    }
    word.push('\'');
    word
}

fn needs_quotes(c: char) -> bool {
    c.is_whitespace() || must_not_be_shown(c) || r#"'"\$`&|;<>()*?[]{}!#~^%"#.contains(c)
}

/// What moves a cursor, or makes text look like another: controls, and the invisible characters
/// that set directions and join.
pub(crate) fn must_not_be_shown(c: char) -> bool {
    let invisible = matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
    );
    c.is_control() || invisible
}

/// A path from the root as a URL.
pub(crate) fn url(path: &Path) -> String {
    Url(path).to_string()
}

/// The same where it is printed.
pub(crate) struct Url<'a>(pub(crate) &'a Path);

impl fmt::Display for Url<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HOST)?;
        let path = absolute(self.0);
        write!(f, "{}", in_url(&path))
    }
}

/// The bytes of a path as a URL has them.
pub(crate) fn in_url(path: &Path) -> PercentEncode<'_> {
    percent_encode(path.as_os_str().as_bytes(), IN_URL)
}

/// The path that a word of the command line is the URL of; any other word as it is.
pub(crate) fn from_url(word: OsString) -> OsString {
    match word.as_bytes().strip_prefix(URL.as_bytes()) {
        Some(rest) => {
            let path = [b"/".as_slice(), &percent_decode(rest).collect::<Vec<u8>>()].concat();
            OsString::from_vec(path)
        }
        None => word,
    }
}

/// The name of the unit whose file is at this path.
pub(crate) fn unit_file(path: &OsStr) -> Option<&str> {
    let unit = Path::new(path).file_name().and_then(unit_in);
    unit.filter(|_| is_path(path) && !Path::new(path).is_dir())
}

/// Whether it is the name of a unit, or leads to the file of one.
pub(crate) fn is_unit(name: &OsStr) -> bool {
    unit_in(name).is_some() || unit_file(name).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOSTILE: [&[u8]; 19] = [
        b"web",
        b"=1",
        b"=sh",
        b"~root",
        b"a^b",
        b"!!",
        b"it's !1 of \x01",
        b"%1",
        b"a b",
        b"a\nb",
        b"\x1b[2Jgone",
        b"it's",
        b"\"quoted\" \\ $HOME `id`",
        b"-rf",
        b"\xff\xfe\xc3",
        "dienst-\u{e4}".as_bytes(),
        "left\u{202e}thgir".as_bytes(),
        b"%41*?[x]#~",
        b"\x01" as &[u8],
    ];

    #[test]
    fn names_stay_in_one_line_and_move_no_cursor() {
        for bytes in HOSTILE {
            let shown = quoted(bytes);
            assert!(!shown.contains(must_not_be_shown), "{shown}");
        }
        let said = [&b"web"[..], b"a b", b"a\nb\x1b\xff", b"it's"].map(quoted);
        assert_eq!(said, ["web", "'a b'", r"$'a\nb\033\377'", r"$'it\'s'"]);
    }

    /// bash is on every machine of ours; zsh, where it is, with what changes most.
    #[test]
    fn a_shell_reads_back_what_is_shown() {
        for bytes in HOSTILE {
            let script = format!("printf '<%s>' -- {}", quoted(bytes));
            let mut expected = b"<".to_vec();
            expected.extend(bytes);
            expected.extend(b">");
            let zsh = "setopt extendedglob magicequalsubst; ";
            for (shell, before) in [("bash", ""), ("zsh", zsh)] {
                let words = [before, &script.replace(" -- ", " ")].concat();
                let mut program = std::process::Command::new(shell);
                match program.args(["-c", &words]).output() {
                    Ok(output) => assert_eq!(output.stdout, expected, "{shell}: {words}"),
                    Err(error) => assert!(shell == "zsh", "{error}"),
                }
            }
        }
    }

    #[test]
    fn a_url_is_the_same_path() {
        for bytes in HOSTILE {
            let path = Path::new("/etc/service").join(OsStr::from_bytes(bytes));
            let url = url(&path);
            assert!(url.bytes().all(|byte| byte.is_ascii_graphic()), "{url}");
            assert_eq!(from_url(url.into()), path);
        }
        assert_eq!(from_url("file://host/a".into()), "file://host/a");
        assert_eq!(from_url("web".into()), "web");
    }

    #[test]
    fn bytes_that_a_name_has_lost_are_those_of_its_path() {
        let path = Path::new(OsStr::from_bytes(b"/etc/service/a\xff/log"));
        assert_eq!(shown("a\u{fffd}/log", Some(path)), r"$'a\377/log'");
        assert_eq!(
            shown("./a\u{fffd}", Some(Path::new(OsStr::from_bytes(b"./a\xff")))),
            r"$'./a\377'"
        );
        assert_eq!(shown("web", Some(path)), "web");
    }
}
