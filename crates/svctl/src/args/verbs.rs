//! The commands that send one signal each: a table, of which the parser is made.

use clap::{ArgMatches, Args, Command, Error, FromArgMatches, Subcommand, error::ErrorKind};
use svcmgr::Op;

use super::{Later, Send};

/// One command.
struct Row {
    word: &'static str,
    op: Op,
    about: &'static str,
}

const fn row(word: &'static str, op: Op, about: &'static str) -> Row {
    Row { word, op, about }
}

/// In the order of the help.
const TABLE: [Row; 12] = [
    row("pause", Op::Pause, "Pause the process: SIGSTOP"),
    row("cont", Op::Cont, "Continue a paused process: SIGCONT"),
    row("hup", Op::Hup, "Send SIGHUP"),
    row("alarm", Op::Alarm, "Send SIGALRM"),
    row("interrupt", Op::Interrupt, "Send SIGINT"),
    row("quit", Op::Quit, "Send SIGQUIT"),
    row("usr1", Op::Usr1, "Send SIGUSR1"),
    row("usr2", Op::Usr2, "Send SIGUSR2"),
    row("term", Op::Term, "Send SIGTERM; a service that is wanted up is started again"),
    row("kill", Op::Kill, "Send SIGKILL; a service that is wanted up is started again"),
    row("abort", Op::Abort, "Send SIGABRT (s6)"),
    row("winch", Op::Winch, "Send SIGWINCH (s6, encore)"),
];

/// Their words, in the order of the help.
pub(super) fn words() -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|row| row.word)
}

/// One of these commands.
#[derive(Debug)]
pub(crate) struct Signal {
    pub(crate) op: Op,
    pub(crate) send: Send,
}

impl Signal {
    /// The command.
    pub(super) fn word(&self) -> &'static str {
        TABLE.iter().find(|row| row.op == self.op).map_or("send", |row| row.word)
    }
}

impl FromArgMatches for Signal {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let found = matches.subcommand().and_then(|(word, matches)| {
            let row = TABLE.iter().find(|row| row.word == word)?;
            Some((row.op, matches))
        });
        let (op, matches) = found.ok_or_else(|| Error::new(ErrorKind::InvalidSubcommand))?;
        Ok(Self { op, send: Send::from_arg_matches(matches)? })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Subcommand for Signal {
    fn augment_subcommands(parser: Command) -> Command {
        TABLE.iter().fold(parser, |parser, row| {
            let command = Command::new(row.word).about(row.about);
            parser.subcommand(Later::<Send>::augment_args(command))
        })
    }

    fn augment_subcommands_for_update(parser: Command) -> Command {
        Self::augment_subcommands(parser)
    }

    fn has_subcommand(word: &str) -> bool {
        TABLE.iter().any(|row| row.word == word)
    }
}
