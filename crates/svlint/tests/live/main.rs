//! What real supervisors, `s6-rc-compile` and `systemd-analyze` show of the cases of the rules.
#![cfg(target_os = "linux")]
#![allow(
    missing_docs,
    unreachable_pub,
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

#[path = "../it/cases.rs"]
mod cases;
mod shown;
#[macro_use]
#[allow(unused_macros, reason = "one of several users")]
#[path = "../../../svclient/tests/live/supervised.rs"]
mod supervised;

of_suite!(crate::shown, runit Runit each_fault_is_seen_to_be_one);
of_suite!(crate::shown, daemontools Daemontools each_fault_is_seen_to_be_one);
of_suite!(crate::shown, encore Encore each_fault_is_seen_to_be_one);
of_suite!(crate::shown, s6 S6 each_fault_is_seen_to_be_one);
