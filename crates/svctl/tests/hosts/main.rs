//! `svctl -H`: hosts that refuse, hang, flood, die and lie, played by a program that stands for `ssh`; and twenty hosts
//! with real servers of OpenSSH.
#![cfg(target_os = "linux")]
#![allow(
    missing_docs,
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod played;
#[path = "../live/schema.rs"]
mod schema;
#[path = "../../../svclient/tests/live/scripts.rs"]
mod scripts;
mod served;
mod servers;
#[path = "../../../svclient/tests/live/skips.rs"]
mod skips;
#[path = "../live/svctl.rs"]
mod svctl;
