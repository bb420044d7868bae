//! Measuring in turn, and the lines that tell of it.

use std::time::Instant;

use crate::Fallible;

/// Names the columns of the lines that follow.
pub(crate) fn columns(names: &[&str]) {
    println!("columns {}", names.join(" "));
}

/// One round: a number for each column.
pub(crate) fn round(numbers: &[u128]) {
    let numbers: Vec<String> = numbers.iter().map(u128::to_string).collect();
    println!("{}", numbers.join(" "));
}

/// How long it takes, divided by `times`.
pub(crate) fn timed(times: usize, work: &mut dyn FnMut() -> Fallible) -> Fallible<u128> {
    let begin = Instant::now();
    work()?;
    Ok(begin.elapsed().as_nanos() / times.max(1) as u128)
}

/// All of `works` in each round, and one round before that does not count. Their order is turned
/// around and shifted, so that of more than two none always follows the same other: who follows
/// itself, or one like it, finds the caches as it needs them. `times` is how often each of them
/// does its work.
pub(crate) fn in_turn(
    rounds: usize,
    times: usize,
    works: &mut [&mut dyn FnMut() -> Fallible],
) -> Fallible {
    for at in 0..=rounds {
        let mut numbers = vec![0; works.len()];
        let mut order: Vec<_> = numbers.iter_mut().zip(works.iter_mut()).collect();
        if at % 2 == 1 {
            order.reverse();
        }
        let shift = at / 2 % order.len().max(1);
        order.rotate_left(shift);
        for (number, work) in order {
            *number = timed(times, work)?;
        }
        if at > 0 {
            round(&numbers);
        }
    }
    Ok(())
}
