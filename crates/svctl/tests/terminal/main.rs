//! `svctl` as somebody sees it who sits at a terminal: live views, completion in real shells. tmux
//! is the terminal.
#![cfg(target_os = "linux")]
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod shells;
mod tmux;
mod views;
