//! What a shell script says, as far as that shows without a shell: its simple commands, their words, and
//! in which of its constructs they stand. It is read to find faults that are sure enough to be told, not to
//! know what it does.

use std::ops::Range;

mod chain;
mod lex;
mod parse;

pub(crate) use chain::{Link, chain};

/// A word of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) text: String,
    /// The shell passes it on as it stands here: no variable, no pattern.
    pub(crate) is_plain: bool,
    pub(crate) at: Range<usize>,
}

impl Word {
    /// The text of a word that is passed on as it stands.
    pub(crate) fn plain(&self) -> Option<&str> {
        self.is_plain.then_some(self.text.as_str())
    }
}

/// `2>&1`, `>file`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Redirection {
    pub(crate) from: Option<u32>,
    pub(crate) operator: &'static str,
    pub(crate) to: String,
}

/// A simple command.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "facts, each on its own")]
pub(crate) struct Command {
    pub(crate) words: Vec<Word>,
    pub(crate) redirections: Vec<Redirection>,
    /// `NAME=value` before it.
    pub(crate) assignments: Vec<Word>,
    pub(crate) at: Range<usize>,
    /// In how many constructs it stands: conditions, loops, groups, functions, subshells.
    pub(crate) depth: usize,
    pub(crate) is_in_function: bool,
    pub(crate) is_in_loop: bool,
    /// Behind `&&` or `||`.
    pub(crate) is_conditional: bool,
    pub(crate) in_background: bool,
    pub(crate) reads_pipe: bool,
    pub(crate) writes_pipe: bool,
}

impl Command {
    /// The program or builtin, if it stands there as it is.
    pub(crate) fn name(&self) -> Option<&str> {
        self.words.first()?.plain()
    }

    /// It is reached whatever happens before it, and it is the shell itself that comes to it.
    pub(crate) fn is_reached(&self) -> bool {
        self.depth == 0 && !self.is_conditional
    }
}

/// What was read.
#[derive(Debug, Default)]
pub(crate) struct Script {
    pub(crate) commands: Vec<Command>,
    /// The last thing on the highest level is a simple command, not a construct.
    pub(crate) ends_plainly: bool,
}

/// Reads a script; `None` where it has what is not understood here.
pub(crate) fn read(text: &str) -> Option<Script> {
    parse::parse(&lex::tokens(text)?)
}

/// What is done by the shell itself.
pub(crate) fn is_builtin(name: &str) -> bool {
    const NAMES: [&str; 52] = [
        ".", ":", "[", "[[", "alias", "bg", "break", "builtin", "cd", "command", "continue",
        "declare", "dirs", "echo", "eval", "exec", "exit", "export", "false", "fg", "getopts",
        "hash", "jobs", "kill", "let", "local", "mapfile", "popd", "printf", "pushd", "pwd",
        "read", "readonly", "return", "set", "shift", "shopt", "source", "test", "times", "trap",
        "true", "type", "typeset", "ulimit", "umask", "unalias", "unset", "wait", "enable",
        "disown", "logout",
    ];
    NAMES.contains(&name)
}

#[cfg(test)]
mod tests;
