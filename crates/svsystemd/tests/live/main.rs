//! What must hold under a real systemd: run in the machine of `cargo xtask systemd`.
#![cfg(target_os = "linux")]
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

#[macro_use]
mod machine;

mod control;
mod fixture;
mod jobs;

// Said to the manager of the system and to that of an ordinary user.
say_both! {
    control {
        up_down_and_restart_change_what_systemctl_says
        a_restart_is_another_process_even_within_the_same_second
        a_crash_with_restart_comes_back
        a_crash_loop_is_never_called_down_or_failed
        a_slow_stop_is_waited_for
        a_service_that_ignores_term_is_stopping_and_ends_failed
        a_paused_service_is_paused_and_stops_all_the_same
        signals_reach_the_main_process
        once_is_not_started_again
        a_start_during_the_wait_between_two_runs_is_at_once
    }
    jobs {
        each_end_of_a_start_has_its_outcome
    }
}
