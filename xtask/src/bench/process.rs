//! Whole processes, in turn.

use std::{
    process::{Command, Stdio},
    time::Instant,
};

use super::numbers::Rounds;
use crate::{command, failure::Failure};

/// From the start of each command to its end, every command in every round; one round before that
/// does not count.
pub(super) fn in_turn(
    rounds: usize,
    mut commands: Vec<(&str, Command)>,
) -> Result<Rounds, Failure> {
    let mut columns: Vec<(String, Vec<u128>)> =
        commands.iter().map(|(name, _)| ((*name).to_owned(), Vec::new())).collect();
    for (_, command) in &mut commands {
        command.stdin(Stdio::null()).stdout(Stdio::null());
    }
    for round in 0..=rounds {
        let mut pairs: Vec<_> = commands.iter_mut().zip(&mut columns).collect();
        if round % 2 == 1 {
            pairs.reverse();
        }
        for ((_, command), (_, numbers)) in pairs {
            let begin = Instant::now();
            let status = command.status().map_err(|why| command::not_run(command, &why))?;
            let took = begin.elapsed().as_nanos();
            if !status.success() {
                let shown: String = command::shown(command).chars().take(80).collect();
                return Err(Failure::cannot(format!("measure `{shown}`"), status));
            }
            if round > 0 {
                numbers.push(took);
            }
        }
    }
    Ok(Rounds::new(columns))
}

/// What a row of the other program prints.
pub(super) fn row(command: &mut Command) -> Result<Rounds, Failure> {
    let done = command::capture(command)?;
    if done.ok {
        return Rounds::parse(&done.text);
    }
    Err(Failure::cannot(format!("measure `{}`", command::shown(command)), done.text.trim_end()))
}
