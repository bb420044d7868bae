//! What ends every service there is asks before, where somebody sits at a terminal who can answer: a word too many is
//! soon typed. Scripts are not asked.

use std::io::{self, IsTerminal};

use svcmgr::Op;

use super::deadline;
use crate::{
    args::{Command, Global, Named},
    names,
    output::{Output, printable},
};

/// What would end all of them, and by which word.
fn ends_all(command: &Command) -> Option<&str> {
    const ENDING: [Op; 7] =
        [Op::Down, Op::StayDown, Op::Exit, Op::StopExit, Op::Kill, Op::Abort, Op::GroupKill];
    let ends = |op: &&Op| ENDING.contains(op);
    let (named, word): (&Named, _) = match command {
        Command::Down(args) => (&args.act.named, Some("down")),
        Command::Exit(args) => (&args.named, Some("exit")),
        Command::Signal(signal) => {
            (&signal.send.named, Some(&signal.op).filter(ends).map(|op| op.name()))
        }
        Command::Send(args) => (&args.named, args.ops.0.iter().find(ends).map(|op| op.name())),
        _ => return None,
    };
    word.filter(|_| named.all)
}

/// Whether a command may go on; that it may not is told. `elsewhere` is of which hosts it is, where it is not for this
/// one.
pub(super) fn is_given(
    global: &Global,
    command: &Command,
    elsewhere: Option<&str>,
    output: &mut Output,
) -> bool {
    let Some(word) = ends_all(command) else { return true };
    if !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return true;
    }
    let dirs = || {
        let dirs = names::known_scan_dirs(global);
        dirs.iter().map(|scan| scan.dir().display().to_string()).collect::<Vec<_>>().join(", ")
    };
    let of = if let Some(hosts) = elsewhere {
        format!(" of {hosts}")
    } else if global.only_units() {
        " of systemd".to_owned()
    } else {
        format!(" of {}", printable(&dirs()))
    };
    eprint_now(&format!("svctl: {word} every service{of}? [y/N] "));
    let mut answer = String::new();
    let is_yes = io::stdin().read_line(&mut answer).is_ok()
        && matches!(answer.trim().to_lowercase().as_str(), "y" | "yes");
    if !is_yes {
        output.message("nothing was sent");
    }
    // The time of whoever thought about it is none of the command's.
    deadline::begin();
    is_yes
}

/// Without a line end.
fn eprint_now(text: &str) {
    // Nobody is left to tell that standard error is closed.
    let _closed = io::Write::write_all(&mut io::stderr(), text.as_bytes());
}
