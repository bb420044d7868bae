//! Options that mean nothing to a command: it does not take them, and its help does not name them.

use clap::{Command as Parser, Error, error::ErrorKind};

use super::{Args, Global};

/// Of these commands, the options for all commands that they have no use for, by their long names.
const NOT: [(&str, &[&str]); 9] = [
    ("build", &["dir", "suite", "system", "user"]),
    ("completions", &["dir", "suite", "system", "user", "json"]),
    ("convert", &["dir", "suite", "system", "user"]),
    ("decode", &["dir", "system", "user"]),
    ("dev", &["dir", "suite", "system", "user"]),
    ("escape", &["dir", "suite", "system", "user", "json"]),
    ("lint", &["dir", "system", "user"]),
    ("scan", &["dir", "suite", "system", "user"]),
    ("supervise", &["dir", "suite", "system", "user"]),
];

/// The parser without them in the help of those commands.
pub(super) fn without_what_means_nothing(mut parser: Parser) -> Parser {
    for (name, options) in NOT {
        let all = parser
            .get_arguments()
            .filter(|option| option.get_long().is_some_and(|long| options.contains(&long)));
        let hidden: Vec<_> = all.map(|option| option.clone().hide(true)).collect();
        parser = parser.mut_subcommand(name, |command| command.args(hidden));
    }
    parser
}

/// Refuses what means nothing to the command that was typed.
pub(super) fn check(args: Args) -> Result<Args, Error> {
    let name = args.command.word();
    let not = NOT.iter().find(|(command, _)| *command == name).map_or(&[][..], |(_, not)| not);
    let Some(option) = not.iter().find(|option| is_given(&args.global, option)) else {
        return Ok(args);
    };
    let why = format!("`svctl {name}` takes no --{option}: it would mean nothing to it\n");
    Err(Error::raw(ErrorKind::UnknownArgument, why))
}

fn is_given(global: &Global, option: &str) -> bool {
    match option {
        "dir" => !global.dir.is_empty(),
        "suite" => global.suite.is_some(),
        "system" => global.system,
        "user" => global.user,
        "json" => global.json,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn what_means_nothing_is_refused_and_not_in_the_help() {
        for (name, options) in NOT {
            let mut parser = without_what_means_nothing(Args::command());
            parser.build();
            let command = parser.find_subcommand_mut(name).unwrap();
            let help = command.render_long_help().to_string();
            for option in options {
                assert!(!help.contains(&format!("--{option}")), "{name} --{option}: {help}");
            }
            assert!(help.contains("--quiet"), "{help}");
        }
        let help = without_what_means_nothing(Args::command()).render_long_help().to_string();
        assert!(help.contains("--dir"), "{help}");
    }

    #[test]
    fn every_row_is_checked() {
        for (name, options) in NOT {
            for option in options {
                let value = match *option {
                    "dir" => Some("x"),
                    "suite" => Some("s6"),
                    _ => None,
                };
                let operand = if name == "completions" { "bash" } else { "x" };
                let more: &[&str] =
                    if name == "build" { &["--to", "s6", "--dry-run"] } else { &[] };
                let option = format!("--{option}");
                let words = ["svctl", name, operand, &option].into_iter().chain(value);
                let args =
                    Args::read(words.chain(more.iter().copied()).map(std::ffi::OsString::from));
                let why = args.unwrap_err().to_string();
                assert!(why.contains(&format!("takes no {option}")), "{name}: {why}");
            }
        }
    }
}
