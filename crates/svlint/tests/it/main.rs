//! Each rule on what triggers it and on what does not, and what the real supervisors say to both.
#![allow(
    missing_docs,
    unreachable_pub,
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod attacks;
mod built;
mod cases;
mod fixes;
mod pages;
mod rules;
#[path = "../../../svclient/tests/live/skips.rs"]
mod skips;
