//! `svctl -H HOSTS apply`: the definitions are here, and go to the hosts as a word of the command.
//!
//! Standard input there is what tells a host that the connection is gone, so they cannot come by that.

use std::path::Path;

use svcmgr::build::spec::Base;

use crate::{
    args::{Apply, Global},
    cmd::{build, carried},
    exit::Exit,
    output::Output,
};

/// Linux takes no longer word of a command; the rest of the line is in it as well.
const LARGEST: usize = 120 << 10;

/// What the hosts are to run.
///
/// # Errors
///
/// With what to end, where it cannot be read or is none; that is told.
pub(super) fn words(
    global: &Global,
    args: &Apply,
    output: &mut Output,
) -> Result<Vec<String>, Exit> {
    let text = build::read(&args.file, output)?;
    // What is wrong is said once. Where relative paths lead is the hosts' affair, and not known here.
    let (_, text) = build::understood(&args.file, text, Base::Unknown, output)?;
    let text = carried::word(&text);
    if text.len() > LARGEST {
        output.message("the definitions are too large for a word of a command");
        output.hint("copy the file to the hosts, and have each apply its own by `ssh HOST svctl apply FILE`");
        return Err(Exit::Negative);
    }
    let mut words = vec!["apply".to_owned(), "-".to_owned(), format!("--to={}", args.target)];
    let mut say = |option: &str, value: Option<String>| {
        words.extend(value.map(|value| format!("--{option}={value}")));
    };
    let path = |path: &Path| {
        path.to_str()
            .map(str::to_owned)
            .ok_or_else(|| "a directory whose name is no text".to_owned())
    };
    let named =
        args.out.iter().map(|it| ("out", it)).chain(global.dir.iter().map(|it| ("dir", it)));
    for (option, dir) in named {
        let dir = path(dir).map_err(|what| {
            output.message(&format!("cannot hand {what} to other hosts"));
            Exit::Usage
        })?;
        say(option, Some(dir));
    }
    let seconds = |time: std::time::Duration| format!("{}ms", time.as_millis());
    say("timeout", args.timeout.timeout.map(seconds));
    say("kill-after", args.kill_after.map(seconds));
    say("__text", Some(text));
    let flags = [
        ("--dry-run", args.dry_run),
        ("--diff", args.diff),
        ("--adopt", args.adopt),
        ("--lossy", args.lossy),
        ("--user", global.user),
        ("--quiet", global.quiet),
        ("--verbose", global.verbose),
    ];
    words.extend(flags.into_iter().filter(|it| it.1).map(|it| it.0.to_owned()));
    Ok(words)
}
