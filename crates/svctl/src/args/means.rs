//! Options that mean nothing to a command: it does not take them, and its help does not name them.

use clap::{Command as Parser, Error, error::ErrorKind};

use super::{
    Args, Global,
    hosts::{HERE, OPTIONS},
};

/// Of these commands, the options for all commands that they have no use for, by their long names.
const NOT: [(&str, &[&str]); 10] = [
    ("build", &["dir", "dev", "suite", "system", "user"]),
    ("completions", &["dir", "dev", "suite", "system", "user", "json"]),
    ("convert", &["dir", "dev", "suite", "system", "user"]),
    ("decode", &["dir", "dev", "system", "user"]),
    ("dev", &["dir", "dev", "suite", "system", "user"]),
    ("escape", &["dir", "dev", "suite", "system", "user", "json"]),
    ("lint", &["dir", "dev", "system", "user"]),
    ("metrics", &["json"]),
    ("scan", &["dir", "dev", "suite", "system", "user"]),
    ("supervise", &["dir", "dev", "suite", "system", "user"]),
];

/// Those of a command: by the table, and what is for other hosts.
fn not(name: &str) -> impl Iterator<Item = &'static str> {
    let of_table = NOT.iter().find(|(command, _)| *command == name).map_or(&[][..], |(_, not)| not);
    let of_hosts = if HERE.contains(&name) { &OPTIONS[..] } else { &[] };
    of_table.iter().chain(of_hosts).copied()
}

/// The parser without them in the help of those commands.
pub(super) fn without_what_means_nothing(mut parser: Parser) -> Parser {
    for (name, _) in NOT {
        let all = parser
            .get_arguments()
            .filter(|option| option.get_long().is_some_and(|long| not(name).any(|it| it == long)));
        let hidden: Vec<_> = all.map(|option| option.clone().hide(true)).collect();
        parser = parser.mut_subcommand(name, |command| command.args(hidden));
    }
    parser
}

/// Refuses what means nothing to the command that was typed.
pub(super) fn check(args: Args) -> Result<Args, Error> {
    let name = args.command.word();
    let Some(option) = not(name).find(|option| is_given(&args.global, option)) else {
        let elsewhere = &args.global.elsewhere;
        let lonely = OPTIONS.iter().find(|option| elsewhere.is_given(option));
        return match lonely.filter(|_| elsewhere.host.is_empty()) {
            Some(option) => {
                let why = format!("--{option} is for other hosts: it needs -H\n");
                Err(Error::raw(ErrorKind::MissingRequiredArgument, why))
            }
            None => Ok(args),
        };
    };
    let why = format!("`svctl {name}` takes no --{option}: it would mean nothing to it\n");
    Err(Error::raw(ErrorKind::UnknownArgument, why))
}

fn is_given(global: &Global, option: &str) -> bool {
    match option {
        "dir" => !global.dir.is_empty(),
        "dev" => global.dev,
        "suite" => global.suite.is_some(),
        "system" => global.system,
        "user" => global.user,
        "json" => global.json,
        of_hosts => global.elsewhere.is_given(of_hosts),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn what_means_nothing_is_refused_and_not_in_the_help() {
        for (name, _) in NOT {
            let options: Vec<_> = not(name).collect();
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
        for (name, _) in NOT {
            for option in not(name) {
                let value = match option {
                    "dir" | "host" => Some("x"),
                    "suite" => Some("s6"),
                    "parallel" => Some("2"),
                    "host-timeout" => Some("5s"),
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
