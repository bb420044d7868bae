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

#[path = "../../../svsystemd/tests/live/here.rs"]
mod here;
mod sentences;
mod soak;
mod systemd;

/// To every suite, and to the embedded supervisor.
macro_rules! say_to_all {
    ($($sentence:ident)*) => {
        say! { $($sentence)* }
        of_suite!(crate::sentences, embedded Embedded $($sentence)*);
    };
}

say_to_all! {
    the_open_example_reads_names_as_they_are_typed
    the_status_example_lists_a_scan_directory
    the_up_example_says_what_became_of_it
    the_restart_example_names_the_new_process
    the_wait_example_asks_for_nothing
    the_watch_example_tells_of_what_comes
    the_bulk_example_restarts_them_one_after_the_other
    the_order_example_starts_by_need
    the_explain_example_names_the_cause
    the_definitions_example_writes_what_its_suite_runs
}

of_suite!(crate::sentences, runit_with_log Runit the_logs_example_follows_svlogd);
of_suite!(crate::sentences, s6_with_log S6 the_logs_example_follows_svlogd);
