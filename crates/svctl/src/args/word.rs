//! The word of each command, for what is said or held to by it.

use super::Command;

impl Command {
    /// What was typed, or what it is an alias of; one that is hidden has none of its own.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Status(_) => "status",
            Self::Up(_) => "up",
            Self::Down(_) => "down",
            Self::Once(_) => "once",
            Self::Restart(_) => "restart",
            Self::Reload(_) => "reload",
            Self::Signal(signal) => signal.word(),
            Self::Send(_) => "send",
            Self::Exit(_) => "exit",
            Self::Wait(_) => "wait",
            Self::Watch(_) => "watch",
            Self::Metrics(_) => "metrics",
            Self::Check(_) => "check",
            Self::Explain(_) => "explain",
            Self::Lint(_) => "lint",
            Self::Show { .. } => "show",
            Self::Enable(_) => "enable",
            Self::Disable(_) => "disable",
            Self::Mask(_) => "mask",
            Self::Unmask(_) => "unmask",
            Self::DaemonReload => "daemon-reload",
            Self::ResetFailed(_) => "reset-failed",
            Self::Escape(_) => "escape",
            Self::Version => "version",
            Self::Logs(_) => "logs",
            Self::Apply(_) => "apply",
            Self::Build(_) => "build",
            Self::Convert(_) => "convert",
            Self::Dev(_) => "dev",
            Self::Supervise(_) => "supervise",
            Self::Scan(_) => "scan",
            Self::Decode { .. } => "decode",
            Self::Completions { .. } => "completions",
            Self::NotifyBridge(_) => "notify-bridge",
            Self::Notify(_) => "__notify",
            Self::Write { .. } | Self::Look { .. } | Self::Complete { .. } => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Args;
    use crate::exit::codes;

    /// The table of exit codes knows every command by this word, and no other.
    #[test]
    fn every_command_has_exit_codes() {
        let parser = Args::parser().disable_help_subcommand(true);
        for command in parser.get_subcommands().filter(|command| !command.is_hide_set()) {
            let codes = codes::of(command.get_name());
            assert!(codes.is_some_and(|it| it.has(0) && !it.has(2)), "{}", command.get_name());
        }
        for (words, expected) in [
            (&["svctl", "list"][..], "status"),
            (&["svctl", "hup", "web"], "hup"),
            (&["svctl", "winch", "web"], "winch"),
            (&["svctl", "decode"], "decode"),
        ] {
            let args = Args::read(words.iter().map(Into::into)).unwrap();
            assert_eq!(args.command.word(), expected);
        }
    }
}
