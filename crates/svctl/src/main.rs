//! Entry point: parse, run the command, turn its result into an exit code.

mod args;
mod cmd;
mod events;
mod exit;
mod external;
mod json;
#[cfg(test)]
mod man;
mod name;
mod names;
mod output;
mod pieces;
mod reason;
mod silent;
mod table;
mod text;
mod view;

use std::process::ExitCode;

use clap::error::ErrorKind;

/// musl's own maps and unmaps a page at a time: `svctl status` of one service takes a third less
/// with this one.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

fn main() -> ExitCode {
    svcmgr::devtree::become_keeper_if_asked();
    #[cfg(target_os = "linux")]
    if let Some(code) = cmd::stand_in::if_asked() {
        return code;
    }
    cmd::deadline::begin();
    let mut args = match args::parse() {
        Ok(args) => args,
        Err(error) => {
            if error.kind() == ErrorKind::InvalidSubcommand
                && let Some(exit) = external::run(std::env::args_os())
            {
                return exit.into();
            }
            let exit = if error.use_stderr() { exit::Exit::Usage } else { exit::Exit::Done };
            if error.use_stderr() {
                // It repeats what was typed.
                for line in error.render().to_string().lines() {
                    output::complain(&output::printable(line));
                }
            } else {
                // Nobody is left to tell that help could not be printed.
                let _closed = error.print();
            }
            return exit.into();
        }
    };
    let exit = cmd::run(&mut args);
    // Freeing thousands of names takes longer than reading them, and the process ends here.
    std::mem::forget(args);
    exit
}
