//! The same sentences said to every real supervisor.
#![cfg(target_os = "linux")]
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

#[macro_use]
mod supervised;

mod faults;
mod logging;
mod many;
mod probes;
mod scanners;
mod sentences;
mod waiting;

say! {
    an_up_service_is_up_and_a_down_one_is_down
    a_service_that_ignores_term_is_wanted_down_and_still_there
    a_paused_service_is_paused
    a_finish_script_is_not_the_service
    a_crash_loop_is_never_called_down
    a_crash_loop_can_be_ended
    down_and_up_change_what_the_native_tool_says
    a_watch_sees_both_ends_and_says_each_thing_once
    a_killed_supervisor_is_reported_at_once
    a_supervisor_that_comes_back_is_reported
    a_supervisor_with_nothing_to_start_is_noticed
    a_restart_is_another_process_even_within_the_same_second
    restart_works_for_a_service_that_is_up_down_or_paused
    restart_waits_for_a_service_that_takes_its_time_to_stop
    restart_kills_what_ignores_term_when_asked_to
    restart_of_a_crash_loop_is_its_next_start
    restart_outlasts_the_finish_script
    once_is_reached_even_by_a_job_of_a_millisecond
    up_does_not_take_a_dying_process_for_an_answer
    a_full_fifo_delays_nobody_else
    a_watch_that_slept_through_a_change_of_suite_wakes_up
    a_link_that_is_replaced_or_removed_is_noticed
    a_request_to_a_stopped_supervisor_ends_at_the_deadline
    a_full_control_fifo_is_an_error_and_no_hang
    a_service_that_ignores_term_is_killed_when_asked_to
    a_damaged_record_is_told_and_nothing_is_written
    leftovers_of_a_dead_supervisor_are_unsupervised
    another_suite_that_takes_over_is_recognized
    a_service_directory_that_vanishes_ends_its_watch
    services_that_come_and_go_in_a_scan_directory_are_followed
    streams_give_the_same_events
    a_logger_has_a_service_of_its_own
    an_order_is_kept_both_ways
    a_storm_of_requests_ends_with_the_last_state
    many_services_share_one_watch
    a_directory_behind_a_descriptor_is_the_same_service
}

mod logged {
    of_suite!(crate::logging, runit Runit
        no_line_is_lost_or_told_twice_through_many_rotations the_log_of_a_service_is_found);
    of_suite!(crate::logging, daemontools Daemontools
        no_line_is_lost_or_told_twice_through_many_rotations the_log_of_a_service_is_found);
    of_suite!(crate::logging, encore Encore
        no_line_is_lost_or_told_twice_through_many_rotations the_log_of_a_service_is_found);
    of_suite!(crate::logging, s6 S6
        no_line_is_lost_or_told_twice_through_many_rotations the_log_of_a_service_is_found);
}

mod probed {
    of_suite!(crate::probes, runit Runit
        a_check_script_is_run_as_sv_runs_it
        a_script_that_hangs_ends_with_the_deadline_and_is_not_left_behind
        what_a_hanging_script_has_started_is_not_left_behind
        what_is_left_behind_is_found_near_it_and_among_all_processes
        a_finish_script_is_a_process_to_the_older_rule
        ready_is_what_the_check_script_says
        a_closure_says_when_a_silent_service_is_ready);
    of_suite!(crate::probes, daemontools Daemontools
        a_closure_says_when_a_silent_service_is_ready);
    of_suite!(crate::probes, encore Encore
        a_closure_says_when_a_silent_service_is_ready);
    of_suite!(crate::probes, s6 S6
        what_is_left_behind_is_found_near_it_and_among_all_processes
        a_closure_says_when_a_silent_service_is_ready);
}

mod s6_only {
    of_suite!(crate::sentences, s6 S6 readiness_is_awaited_then_reported the_exit_code_is_told
        every_transition_of_a_crash_loop_is_heard
        a_listener_behind_a_descriptor_is_taken_away
        a_listener_moves_to_a_new_event_directory);
}

mod runit_only {
    of_suite!(crate::sentences, runit Runit a_dangling_supervise_link_is_followed
        a_handle_outlives_a_change_of_suite);
}
