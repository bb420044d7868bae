//! The embedded supervisor at work: beside the real `runsv`, in a thread, as a process, as pid 1.
#![cfg(target_os = "linux")]
#![allow(
    missing_docs,
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

#[path = "../../../svclient/tests/live/supervised.rs"]
#[allow(unused_macros, reason = "one of several users")]
mod supervised;

#[path = "../../../svclient/tests/live/hang.rs"]
mod hang;
use supervised::skips;

svdevtree::testkit!();

mod acting;
mod snapshot;
mod tree;

mod runit {
    //! What takes the programs of runit to compare with.
    mod differences;
    mod native;
    mod scenario;
}

mod asked;
mod beyond;
mod endings;
mod first;
mod full;
mod hangs;
mod kit;
mod many;
mod planted;
mod probed;
mod scanning;
mod thread;
mod trees;
mod victims;
