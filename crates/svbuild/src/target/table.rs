//! What each target makes of each key, and what it cannot express: one table, which refuses, writes
//! comments, and makes the documentation.

mod failure;
mod life;
mod limits;
mod log;
mod order;
mod own;
mod process;

use super::capability::Capability;

const ALL: usize = process::ROWS.len()
    + limits::ROWS.len()
    + life::ROWS.len()
    + failure::ROWS.len()
    + order::ROWS.len()
    + log::ROWS.len()
    + own::ROWS.len();

/// What each target makes of each key. Values that one reader cannot be told are refused besides.
pub static CAPABILITIES: [Capability; ALL] = {
    let [first, ..] = process::ROWS;
    let mut all = [first; ALL];
    let mut filled = 0;
    filled = fill(&mut all, filled, &process::ROWS);
    filled = fill(&mut all, filled, &limits::ROWS);
    filled = fill(&mut all, filled, &life::ROWS);
    filled = fill(&mut all, filled, &failure::ROWS);
    filled = fill(&mut all, filled, &order::ROWS);
    filled = fill(&mut all, filled, &log::ROWS);
    fill(&mut all, filled, &own::ROWS);
    all
};

/// Writes `rows` from `at`, and returns where they end.
#[expect(
    clippy::indexing_slicing,
    reason = "evaluated by the compiler, which refuses what is out of bounds"
)]
const fn fill(all: &mut [Capability; ALL], at: usize, rows: &[Capability]) -> usize {
    let mut done = 0;
    while done < rows.len() {
        all[at + done] = rows[done];
        done += 1;
    }
    at + done
}
