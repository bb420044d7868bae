//! `svctl build` and what else writes where somebody else may write, and killed at any system call.
#![cfg(target_os = "linux")]
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod arena;
mod attacks;
mod crashes;
mod owners;
mod planted;
mod shared;
