//! The examples do what their first lines say, under real supervisors.
#![cfg(target_os = "linux")]
#![allow(
    missing_docs,
    dead_code,
    unreachable_pub,
    unused_macros,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

#[macro_use]
#[path = "../../../svclient/tests/live/supervised.rs"]
mod supervised;

mod sentences;

say! {
    the_status_example_lists_a_scan_directory
    the_restart_example_names_the_new_process
    the_watch_example_tells_of_what_comes
    the_bulk_example_restarts_them_one_after_the_other
    the_order_example_starts_by_need
}
