//! The list of commands in the help: in groups, by what somebody wants to do.

use std::fmt::Write;

use clap::Command as Parser;

use super::verbs;

/// The heading of each group, and its commands in the order of the help.
const GROUPS: [(&str, &[&str]); 5] = [
    ("Look", &["status", "show", "explain", "check", "wait", "watch", "logs", "metrics"]),
    ("Change", &["up", "down", "restart", "reload", "once", "enable", "disable", "exit", "send"]),
    ("Define", &["build", "apply", "convert", "lint"]),
    ("Supervise", &["dev", "scan", "supervise"]),
    ("More", &["decode", "escape", "completions", "version", "help"]),
];

/// Those of systemd alone, in one line.
const OF_UNITS: [&str; 4] = ["daemon-reload", "reset-failed", "mask", "unmask"];

/// The widest line of the list.
const WIDTH: usize = 80;

/// Shows the commands in groups.
pub(super) fn grouped(parser: Parser) -> Parser {
    let list = list(&parser);
    let head = parser.get_styles().get_header();
    let template = format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{list}\n{head}Options:{head:#}\n{{options}}{{after-help}}"
    );
    parser.help_template(template).next_line_help(false)
}

fn list(parser: &Parser) -> String {
    let head = parser.get_styles().get_header();
    let word = parser.get_styles().get_literal();
    let mut list = String::new();
    // Writing to a `String` does not fail.
    for (heading, commands) in GROUPS {
        let _ = writeln!(list, "{head}{heading}:{head:#}");
        for name in commands {
            let _ = writeln!(list, "  {word}{name:<12}{word:#} {}", about(parser, name));
        }
        list.push('\n');
    }
    let signals = verbs::words().collect::<Vec<_>>();
    for (heading, names) in [("Send a signal", &*signals), ("Units of systemd", &OF_UNITS)] {
        let _ = writeln!(list, "{head}{heading}:{head:#}");
        let mut line = String::new();
        for name in names {
            if 2 + line.len() + name.len() > WIDTH {
                let _ = writeln!(list, "  {word}{}{word:#}", line.trim_end());
                line.clear();
            }
            line.push_str(name);
            line.push(' ');
        }
        let _ = writeln!(list, "  {word}{}{word:#}\n", line.trim_end());
    }
    list.truncate(list.trim_end().len());
    list.push('\n');
    list
}

/// What a command does, with its other names.
fn about(parser: &Parser, name: &str) -> String {
    let Some(command) = parser.find_subcommand(name) else {
        // clap adds it when the parser is built.
        return "Print the help of a command".to_owned();
    };
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let others: Vec<&str> = command.get_visible_aliases().collect();
    if others.is_empty() { about } else { format!("{about} (also: {})", others.join(", ")) }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::args::Args;

    #[test]
    fn every_command_is_in_one_group() {
        let signals: Vec<_> = verbs::words().collect();
        let listed: Vec<_> = GROUPS
            .iter()
            .flat_map(|(_, names)| names.iter())
            .chain(&OF_UNITS)
            .chain(&signals)
            .copied()
            .collect();
        let parser = Args::command();
        let commands = parser.get_subcommands().filter(|command| !command.is_hide_set());
        for name in commands.map(Parser::get_name) {
            assert_eq!(listed.iter().filter(|it| **it == name).count(), 1, "{name}");
        }
        for name in listed.into_iter().filter(|name| *name != "help") {
            assert!(parser.find_subcommand(name).is_some(), "{name} is no command");
        }
    }

    #[test]
    fn the_list_is_no_wider_than_a_terminal() {
        // Without the colours of headings, of which each begins with an escape.
        let list = regex::Regex::new("\x1b[^m]*m")
            .unwrap()
            .replace_all(&list(&Args::command()), "")
            .into_owned();
        for line in list.lines() {
            assert!(line.len() <= WIDTH, "{} characters: {line}", line.len());
        }
        assert!(list.contains("  status       "), "{list}");
        assert!(list.contains("(also: start)"), "{list}");
    }
}
