//! The command that `ssh` hands to the login shell of a host, whichever that is.
//!
//! The shell may be fish or csh, so all of it is one word in single quotes that `sh` reads, and there is nothing in it
//! that a shell reads otherwise in single quotes: no quote, no `!`, no end of a line. Words of the caller are octal
//! digits there, unless they are harmless.

use crate::lines::NO_PROGRAM;

/// Where programs are, where a login shell that is not asked for a login leaves some out.
const USUAL: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What the host is to run: the version first, and then these words, in a program that ends with the connection.
///
/// `program` is in the words of `sh`. A `svctl` that does not know the option runs without it.
pub(crate) fn script(program: &str, words: &[String], wait: Option<&str>) -> String {
    let mut quoted = String::new();
    for word in words {
        quoted.push(' ');
        quoted.push_str(&quote(word));
    }
    let wait = wait.map(|wait| format!("SVWAIT={}; export SVWAIT; ", quote(wait)));
    // What was brought there is this user's, and nobody else's is run in its place.
    let own = if program.contains('/') { "[ -O \"$s\" ] && " } else { "" };
    let inner = format!(
        "PATH=\"$PATH:{USUAL}\"; export PATH; {}s={program}; \
         {own}command -v \"$s\" >/dev/null 2>&1 || {{ echo {NO_PROGRAM}; exit 127; }}; \
         t=--__tethered; v=$(\"$s\" $t version --json 2>/dev/null) || {{ t=; v=$(\"$s\" version --json); }}; \
         echo \"$v\"; exec \"$s\" $t{quoted}",
        wait.unwrap_or_default(),
    );
    in_single_quotes(&inner)
}

/// For any login shell.
pub(crate) fn in_single_quotes(inner: &str) -> String {
    debug_assert!(!inner.contains(['\'', '!', '\n']), "{inner}");
    format!("exec sh -c '{inner}'")
}

/// A word for `sh`, of characters that every shell leaves alone in single quotes.
pub(crate) fn quote(word: &str) -> String {
    let is_harmless = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:=,@%+".contains(&byte);
    if !word.is_empty() && word.bytes().all(is_harmless) {
        return word.to_owned();
    }
    let mut digits = String::new();
    for byte in word.bytes() {
        digits.push_str(&format!("\\0{byte:03o}"));
    }
    // `$(...)` would take ends of lines away from the end of a word; `Call::new` lets none in.
    format!("\"$(printf %b \"{digits}\")\"")
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn harmless_words_can_be_read() {
        assert_eq!(quote("web-1.service"), "web-1.service");
        assert_eq!(quote("--timeout=5s"), "--timeout=5s");
        assert_eq!(quote("a b"), r#""$(printf %b "\0141\0040\0142")""#);
        assert_eq!(quote(""), r#""$(printf %b "")""#);
    }

    /// What a shell makes of the words.
    fn read_by(shell: &str, words: &[String]) -> Option<Vec<u8>> {
        let quoted = words.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" ");
        let line = in_single_quotes(&format!("printf \"%s\\0\" {quoted}"));
        Command::new(shell).args(["-c", &line]).output().ok().map(|it| it.stdout)
    }

    fn hold(words: &[String]) {
        let wanted: Vec<u8> =
            words.iter().flat_map(|word| [word.as_bytes(), b"\0"].concat()).collect();
        for shell in ["sh", "bash", "dash", "zsh", "fish", "csh", "tcsh", "busybox"] {
            if let Some(read) = read_by(shell, words) {
                if shell != "busybox" {
                    assert_eq!(read, wanted, "{shell}");
                }
            }
        }
    }

    #[test]
    fn no_login_shell_reads_a_word_otherwise() {
        let hostile = [
            "a b",
            "'",
            "\"",
            "$(id)",
            "`id`",
            "!",
            "\\",
            "*",
            "~",
            "ä",
            "\u{1b}[2J",
            "-",
            "",
            "%s",
            "\\0141",
            "#",
            "{a,b}",
        ];
        hold(&hostile.map(str::to_owned));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn whatever_the_word_it_is_read_as_it_is(words in proptest::collection::vec("[^\0\n]{0,8}", 1..4)) {
            hold(&words);
        }
    }
}
