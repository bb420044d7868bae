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

mod here;
#[macro_use]
mod machine;

mod asking;
mod batch;
mod control;
mod enabled;
mod files;
mod fixture;
mod generated;
mod jobs;
mod rights;
#[path = "../../../svclient/tests/live/scripts.rs"]
mod scripts;
mod states;
mod together;
mod transient;
mod watching;

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
    states {
        missing_masked_and_broken_units_are_told_apart
        a_oneshot_is_starting_then_over_or_held
        readiness_is_awaited_then_reported
        each_end_of_a_run_is_told
        what_runs_after_the_end_is_not_the_service
        what_runs_before_it_is_up_is_starting
        a_forked_service_is_up_by_its_main_process
        a_running_unit_outlives_its_file
        uptime_is_that_of_the_process
    }
    jobs {
        each_way_to_fail_has_its_outcome
        a_condition_that_does_not_hold_is_no_failure
        a_job_that_is_replaced_or_taken_back_is_canceled
        two_who_ask_for_the_same_share_a_job
        a_dependency_that_fails_or_is_missing_is_named
        a_job_has_a_timeout_of_its_own
        a_reload_is_a_reload_and_nothing_else
        what_may_not_be_started_by_hand_is_refused
    }
    files {
        enabling_and_masking_are_what_the_disk_says
        an_installation_is_shown_done_and_undone
        what_is_wrong_with_an_installed_unit_is_found
        a_mask_or_a_link_is_not_replaced_and_a_template_is_installed
        a_name_that_leads_elsewhere_is_refused
        units_that_are_loaded_can_be_listed
    }
    enabled { what_is_enabled_is_what_systemctl_says }
    generated { a_generated_unit_gives_its_process_what_was_defined }
    transient {
        a_command_ends_with_its_exit_code
        a_command_gets_its_arguments_environment_and_directory
        what_cannot_be_run_says_why
    }
    watching {
        a_unit_that_appears_later_is_seen_and_one_that_goes_as_well
        a_unit_is_watched_under_any_of_its_names
        many_units_share_one_watch_that_goes_on_over_a_reload
        what_only_a_reload_tells_is_told
    }
    batch {
        each_unit_in_a_batch_is_as_it_is_alone
        what_changes_between_two_batches_is_told
    }
    asking {
        many_are_started_and_stopped_and_what_was_so_already_is_told
        the_dependency_that_failed_is_named_and_followed
        what_there_is_not_or_is_masked_is_told_beside_the_others
        a_unit_that_vanishes_by_its_stop_is_down
    }
    together {
        up_down_restart_and_once_are_pursued
        what_will_not_be_reached_is_told_at_once
        readiness_and_held_oneshots_are_pursued
        a_service_that_ignores_term_is_killed_when_asked_to
        commands_of_a_stop_that_hang_are_killed_with_it
        units_and_service_directories_share_a_watch
        a_unit_that_appears_later_joins_the_watch
        hundreds_of_units_are_asked_in_one_go
        many_units_join_a_watch_in_one_go
        what_there_is_not_is_refused_and_nothing_else_done
    }
}

// What only the manager of the system has, or only root may do.
say_system! {
    states { frozen_is_paused_under_its_own_name }
    batch { a_frozen_unit_in_a_batch_is_as_it_is_alone }
    asking { frozen_units_are_stopped_and_restarted_and_those_of_a_frozen_slice_end_the_wait }
    rights {
        an_ordinary_user_reads_and_is_denied_or_granted_the_rest
        the_managers_own_socket_does_the_same
    }
}

// What disturbs everybody else, or is disturbed: after a reload of the manager, which most tests
// ask for, a start limit counts anew, and how commands before and after the main process ended is
// forgotten.
say_alone! {
    System
    states { a_start_limit_ends_in_failed }
    asking {
        each_end_has_its_cause
        what_was_kept_for_a_request_is_let_go
        a_start_limit_is_told_from_a_failure
        a_reload_has_the_result_of_its_job
        the_deadline_is_kept_and_what_was_not_asked_stays_down
        seven_hundred_that_start_slowly_do_not_throw_the_manager_off_the_bus
    }
    batch { batches_are_whole_while_the_manager_is_executed_again }
    watching {
        a_manager_that_is_executed_again_loses_nothing
        a_bus_that_is_restarted_is_connected_to_again
        a_thousand_restarts_are_seen_and_nothing_is_left
    }
}

mod of_user {
    say_alone! {
        User
        states { a_start_limit_ends_in_failed }
        asking {
            each_end_has_its_cause
            what_was_kept_for_a_request_is_let_go
            a_start_limit_is_told_from_a_failure
            a_reload_has_the_result_of_its_job
            the_deadline_is_kept_and_what_was_not_asked_stays_down
            seven_hundred_that_start_slowly_do_not_throw_the_manager_off_the_bus
        }
        watching { a_thousand_restarts_are_seen_and_nothing_is_left }
    }
}
