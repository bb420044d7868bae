//! Scripts of execline without blocks and substitutions.

use svbuild::spec::Stream;

use super::{
    chain::{self, Chain},
    script::{Script, Step, lines},
};

/// Whether a script is one of execline.
pub(super) fn is_execline(text: &str) -> bool {
    text.lines().next().is_some_and(|line| line.starts_with("#!") && line.contains("execlineb"))
}

/// The words of a command line of execline without blocks and substitutions, of a program that is one.
pub(super) fn plain_execline(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    for (_, line) in lines(text) {
        words.extend(words_of(&line)?);
    }
    let is_own = words.first().is_none_or(|it| OF_EXECLINE.contains(&it.as_str()));
    (!is_own).then_some(words)
}

/// Programs of execline, which are found by `execlineb` alone where they have a directory of their own. What the
/// reader of chains takes apart is no longer in the words when this is asked.
const OF_EXECLINE: [&str; 39] = [
    "background",
    "backtick",
    "case",
    "cd",
    "define",
    "dollarat",
    "elgetopt",
    "elgetpositionals",
    "elglob",
    "eltest",
    "emptyenv",
    "envfile",
    "exit",
    "export",
    "export-array",
    "fdblock",
    "fdclose",
    "fdmove",
    "fdreserve",
    "fdswap",
    "forbacktickx",
    "foreground",
    "forstdin",
    "forx",
    "heredoc",
    "homeof",
    "if",
    "ifelse",
    "ifte",
    "ifthenelse",
    "importas",
    "loopwhilex",
    "multidefine",
    "multisubstitute",
    "pipeline",
    "redirfd",
    "trap",
    "unexport",
    "withstdinas",
];

/// Reads a script of execline; `None` if it does more than a definition says.
pub(super) fn read(text: &str) -> Option<Script> {
    let all = lines(text);
    let mut words = Vec::new();
    let mut steps = Vec::new();
    for (bytes, line) in all {
        words.extend(words_of(&line)?);
        steps.push(Step { bytes, key: Some("exec") });
    }
    let mut chain = Chain::default();
    // Ours, for a user by number.
    let unset = ["unexport", "HOME", "unexport", "LOGNAME", "unexport", "USER"];
    if let Some(at) =
        words.windows(unset.len()).position(|it| it.iter().zip(unset).all(|(a, b)| a == b))
    {
        words.drain(at..at + unset.len());
    }
    chain.service.stderr = Some(Stream::Inherit);
    let says_stdin = words.windows(2).any(|it| matches!(it, [a, b] if a == "redirfd" && b == "-r"));
    chain::read(&words, &mut chain)?;
    let program = chain.service.exec.first().and_then(|it| it.as_os_str().to_str());
    if program.is_some_and(|it| OF_EXECLINE.contains(&it)) {
        return None;
    }
    if chain.service.stderr == Some(Stream::Stdout) {
        chain.service.stderr = None;
    }
    Some(Script { chain, steps, needs: Vec::new(), says_stdin, has_shell: false })
}

/// The words of a line without blocks and substitutions.
fn words_of(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut chars = line.chars().peekable();
    loop {
        while chars.next_if(|c| c.is_whitespace()).is_some() {}
        if chars.peek().is_none_or(|c| *c == '#') {
            return Some(words);
        }
        let mut word = String::new();
        while let Some(c) = chars.next_if(|c| !c.is_whitespace()) {
            match c {
                '"' => loop {
                    match chars.next()? {
                        '"' => break,
                        '\\' => match chars.next()? {
                            'n' => word.push('\n'),
                            't' => word.push('\t'),
                            c @ ('"' | '\\') => word.push(c),
                            _ => return None,
                        },
                        c => word.push(c),
                    }
                },
                '\\' => word.push(chars.next()?),
                '{' | '}' | '$' => return None,
                c => word.push(c),
            }
        }
        words.push(word);
    }
}
