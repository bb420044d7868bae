//! The commands, one file each.

mod act;
mod decode;
mod status;
mod watch;

use svcmgr::{Goal, Op};

use crate::{
    args::{Args, Command},
    exit::Exit,
    output::Output,
};

/// Runs what was typed.
pub(crate) fn run(args: &Args) -> Exit {
    let mut output = Output::new(&args.global);
    let exit = match &args.command {
        Command::Status { services } => status::run(&args.global, services, &mut output),
        Command::Up(act) => act::run(&args.global, act, Op::Up, Goal::Up, &mut output),
        Command::Down(act) => act::run(&args.global, act, Op::Down, Goal::Down, &mut output),
        Command::Watch { services } => watch::run(&args.global, services, &mut output),
        Command::Decode { file, dialect } => {
            decode::run(file, dialect.or(args.global.backend), &mut output)
        }
    };
    output.finish(exit)
}
