//! Which exit codes each command can give, and what they mean there. The manual pages are made of this, and a
//! build for debugging, as every test runs, holds each command to it.

/// Codes of commands that mean the same by them.
pub(crate) struct Codes {
    commands: &'static [&'static str],
    pub(crate) meanings: &'static [(&'static str, &'static str)],
}

/// Of all commands together: `svctl(1)`.
#[cfg(test)]
pub(crate) const ALL: [(&str, &str); 6] = [
    ("0", "Done; also for the status of services that are down."),
    ("1", "A negative answer: the goal will not be reached, a check failed, no such request."),
    ("99", "The deadline passed, or the supervisor takes no requests."),
    ("100", "The command line or $SVWAIT made no sense; nothing was sent."),
    ("102", "No supervisor is running there."),
    ("111", "The system refused: no such path, no permission."),
];

const LINE: (&str, &str) = ("100", "The command line made no sense.");
const NAMES: (&str, &str) =
    ("100", "The command line made no sense, or a name is in two scan directories.");
const SILENT: (&str, &str) = ("99", "A directory or a manager does not answer.");
const PATH: (&str, &str) = ("111", "The system refused: no such path, no permission.");
const WRITING: (&str, &str) = ("111", "The output could not be written.");
const NO_MANAGER: (&str, &str) = ("102", "The manager of a unit is not running.");

const TABLE: [Codes; 19] = [
    Codes {
        commands: &["up", "down", "once", "restart", "reload", "exit", "wait"],
        meanings: &[
            ("0", "Every service is as was asked; with --no-wait, every request was delivered."),
            ("1", "It will not come about, or the suite knows no such request."),
            ("99", "The deadline passed, or a supervisor takes no requests."),
            ("100", "The command line or $SVWAIT made no sense; nothing was sent."),
            ("102", "No supervisor is running there."),
            PATH,
        ],
    },
    Codes {
        commands: &[
            "pause",
            "cont",
            "hup",
            "alarm",
            "interrupt",
            "quit",
            "usr1",
            "usr2",
            "term",
            "kill",
            "abort",
            "winch",
            "send",
        ],
        meanings: &[
            ("0", "Every request was delivered."),
            ("1", "The suite knows no such request, or it was refused."),
            ("99", "A supervisor takes no requests."),
            ("100", "The command line made no sense; nothing was sent."),
            ("102", "No supervisor is running there."),
            PATH,
        ],
    },
    Codes {
        commands: &["status"],
        meanings: &[
            ("0", "All were looked at and have a supervisor; also those that are down."),
            ("1", "What was named is no service, or its record is none."),
            SILENT,
            NAMES,
            ("102", "A service has no supervisor."),
            PATH,
        ],
    },
    Codes {
        commands: &["show"],
        meanings: &[
            ("0", "It was shown, however it stands."),
            ("1", "What was named is no service, or its record is none."),
            SILENT,
            NAMES,
            NO_MANAGER,
            PATH,
        ],
    },
    Codes {
        commands: &["check"],
        meanings: &[
            ("0", "Every service is healthy."),
            ("1", "One is not, or there are fewer than --expect says."),
            SILENT,
            NAMES,
            ("102", "A service has no supervisor."),
            PATH,
        ],
    },
    Codes {
        commands: &["explain"],
        meanings: &[
            ("0", "Nothing is wrong."),
            ("1", "Something is, or what was named is no service."),
            SILENT,
            NAMES,
            NO_MANAGER,
            ("111", "The system refused, or what would tell may not be seen."),
        ],
    },
    Codes {
        commands: &["metrics"],
        meanings: &[
            ("0", "All were looked at; one that cannot be read is a series."),
            ("1", "What was named is no service, or its record is none (--listen)."),
            SILENT,
            NAMES,
            NO_MANAGER,
            ("111", "The system refused: no such path, no permission, the address is taken."),
        ],
    },
    Codes {
        commands: &["watch"],
        meanings: &[
            ("0", "The reader of the output is gone."),
            ("1", "What was named is no service, or its record is none."),
            SILENT,
            NAMES,
            NO_MANAGER,
            PATH,
        ],
    },
    Codes {
        commands: &["logs"],
        meanings: &[
            ("0", "The lines were printed; there may be none."),
            ("1", "A service that was named has no log, or no line with a time."),
            SILENT,
            NAMES,
            NO_MANAGER,
            PATH,
        ],
    },
    Codes {
        commands: &["enable", "disable"],
        meanings: &[
            ("0", "Every service is as was asked."),
            ("1", "It will not come about: the name is taken, or it is no link."),
            ("99", "The deadline passed."),
            ("100", "The command line or $SVWAIT made no sense; nothing was changed."),
            ("102", "No supervisor is running there."),
            PATH,
        ],
    },
    Codes {
        commands: &["mask", "unmask", "daemon-reload", "reset-failed"],
        meanings: &[
            ("0", "Done."),
            ("1", "The manager refused, or there is no such unit."),
            ("99", "The manager does not answer."),
            LINE,
            NO_MANAGER,
            PATH,
        ],
    },
    Codes {
        commands: &["lint"],
        meanings: &[
            ("0", "Nothing was found."),
            ("1", "Something was, or the path is nothing that can be checked."),
            ("99", "A directory does not answer."),
            LINE,
            PATH,
        ],
    },
    Codes {
        commands: &["build"],
        meanings: &[
            ("0", "Done; with --diff, nothing differs; with --check, all can be built."),
            ("1", "The definitions are wrong, the target cannot express them, or --diff differs."),
            ("99", "A directory does not answer."),
            LINE,
            PATH,
        ],
    },
    Codes {
        commands: &["apply"],
        meanings: &[
            ("0", "Every service is as the definitions say; with --diff, it was so before."),
            ("1", "The definitions are wrong, a service did not come about, or --diff differs."),
            ("99", "The deadline passed, or another apply is at work there."),
            ("100", "The command line or $SVWAIT made no sense; nothing was changed."),
            ("102", "No supervisor is running there."),
            PATH,
        ],
    },
    Codes {
        commands: &["convert"],
        meanings: &[
            ("0", "Every service is converted; with --strict, without a loss."),
            ("1", "A line is refused, or with --strict worse than equivalent."),
            ("99", "A directory does not answer."),
            ("100", "The command line made no sense, or nobody knows the format of a file."),
            PATH,
        ],
    },
    Codes {
        commands: &["dev"],
        meanings: &[
            ("0", "All ended as they were asked to."),
            ("1", "The definitions are wrong, or a service kept ending or failed."),
            (
                "99",
                "A service was not ready or did not end in time; with --stop, it has not ended after a minute.",
            ),
            LINE,
            ("102", "The supervisor of a service is gone; with --stop: nothing runs."),
            PATH,
            ("N", "With --exit-with: the code of that service; 128 and the signal that killed it."),
        ],
    },
    Codes {
        commands: &["supervise", "scan"],
        meanings: &[
            ("0", "All ended as they were asked to."),
            ("1", "A file is none that a supervisor can use."),
            LINE,
            ("111", "The system refused: no such path, no permission, another supervisor."),
            ("137", "Something had to be killed at the end."),
            ("N", "Of a critical service: its code; 128 and the signal that killed it."),
        ],
    },
    Codes {
        commands: &["decode"],
        meanings: &[
            ("0", "It is a record."),
            ("1", "No supervisor writes such bytes."),
            LINE,
            PATH,
        ],
    },
    Codes {
        commands: &["completions", "escape", "version"],
        meanings: &[("0", "Done."), LINE, WRITING],
    },
];

/// Those of a command.
pub(crate) fn of(command: &str) -> Option<&'static Codes> {
    TABLE.iter().find(|codes| codes.commands.contains(&command))
}

impl Codes {
    /// Whether the command can give it.
    pub(crate) fn has(&self, code: u8) -> bool {
        self.meanings.iter().any(|(word, _)| word.parse() == Ok(code))
    }
}
