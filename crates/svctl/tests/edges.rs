//! svctl at the edges: names that nobody should give to a service, descriptors that are closed or
//! full, environments without sense, a journal that is not what it should be.
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

#[path = "edges/asks.rs"]
mod asks;
#[path = "edges/built.rs"]
mod built;
#[path = "edges/descriptors.rs"]
mod descriptors;
#[path = "edges/floods.rs"]
mod floods;
#[path = "../../svclient/tests/live/hang.rs"]
mod hang;
#[path = "edges/hangs.rs"]
mod hangs;
#[path = "edges/journal.rs"]
mod journal;
#[path = "edges/names.rs"]
mod names;
#[path = "edges/scan.rs"]
mod scan;
#[path = "live/schema.rs"]
mod schema;
#[path = "../../svclient/tests/live/skips.rs"]
mod skips;
#[path = "live/svctl.rs"]
mod svctl;
