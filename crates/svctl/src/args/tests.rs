//! What is taken, and what is said about the rest.

use clap::{CommandFactory, FromArgMatches};

use super::*;

#[test]
fn the_command_line_is_consistent() {
    Args::parser().debug_assert();
}

#[test]
fn every_goal_has_its_word() {
    for word in GOALS {
        assert!(parse_goal(word).is_ok(), "{word}");
    }
    assert_eq!(parse_goal("up-for=1m"), Ok(Goal::UpFor(Duration::from_secs(60))));
    assert!(parse_goal("happy").is_err_and(|error| error.contains("restarted")));
    assert!(parse_goal("up-for=soon").is_err());
}

/// What only a programmer in Rust understands.
const OF_RUST: [&str; 26] = [
    "float",
    "Duration",
    "invalid digit",
    "Error",
    "Err(",
    "Ok(",
    "Some(",
    "None",
    "Utf8",
    "utf-8",
    "cannot parse integer",
    "too large to fit",
    "too small to fit",
    "target type",
    "panicked",
    "String",
    "u64",
    "u32",
    "usize",
    "i64",
    "i32",
    "f64",
    "Os {",
    "kind:",
    "::",
    "{:?}",
];

const NONSENSE: [&str; 22] = [
    "",
    " ",
    "x",
    "-1",
    "+1",
    "0",
    "1.5",
    "1e400",
    "NaN",
    "inf",
    "-inf",
    "0x10",
    "1_000",
    "99999999999999999999999",
    "-99999999999999999999999",
    "99999999999999999999h",
    "5 bananas",
    "2026-13-45",
    "9999999-01-01T00:00:00Z",
    "-009999-01-01T00:00:00",
    "up-for=1e999",
    "\u{0}\u{1b}[2J",
];

/// Every option of every command with every nonsense: refused in words that say what is accepted,
/// or taken for what it is.
#[test]
fn no_word_of_rust_is_in_what_is_said_about_nonsense() {
    let mut root = Args::command();
    root.build();
    let mut tried = 0;
    // One parser for all: it keeps nothing of what it has parsed, and takes long to make.
    let mut parser = Args::command();
    for command in root.get_subcommands().filter(|it| it.get_name() != "help") {
        let flags = command.get_arguments().filter(|it| it.get_action().takes_values());
        for option in flags.filter_map(clap::Arg::get_long) {
            for value in NONSENSE {
                let name = command.get_name();
                let words =
                    ["svctl", name, &format!("--{option}={value}"), "x"].map(OsString::from);
                tried += 1;
                let parsed = parser.try_get_matches_from_mut(words);
                let Err(error) = parsed.and_then(|it| Args::from_arg_matches(&it)) else {
                    continue;
                };
                let said = error.render().to_string();
                // What was typed comes back; it is not ours.
                let ours =
                    said.replace(&format!("'{value}'"), "").replace(&format!("`{value}`"), "");
                for word in OF_RUST {
                    assert!(!ours.contains(word), "{name} --{option} {value:?}: {word}: {said}");
                }
            }
        }
    }
    assert!(tried > 1000, "{tried}");
}
