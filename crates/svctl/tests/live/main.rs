//! svctl against real supervisors, and against what their own tools say of the same service.
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

#[macro_use]
#[path = "../../../svclient/tests/live/supervised.rs"]
mod supervised;

mod applies;
mod clock;
mod confined;
mod converted;
mod encore_log;
mod every;
mod explains;
mod health;
#[path = "../../../svsystemd/tests/live/here.rs"]
mod here;
mod logging;
mod native;
mod notify;
mod order;
mod own;
mod reasons;
mod requests;
mod s6rc;
mod schema;
mod sentences;
mod sessions;
mod shows;
mod svctl;
#[macro_use]
mod systemd;
mod waits;
mod well;

/// Run as an ordinary user, with that user's manager.
mod user {
    mod systemd {
        cases_of!(User);
    }
}

/// To every suite, and to the supervisor that svctl is itself.
macro_rules! say_to_all {
    ($($sentence:ident)*) => {
        say! { $($sentence)* }
        of_suite!(crate::sentences, embedded Embedded $($sentence)*);
    };
}

say_to_all! {
    status_agrees_with_the_native_tool_when_up_and_down
    status_agrees_with_the_native_tool_while_it_ignores_term
    status_agrees_with_the_native_tool_when_paused
    status_agrees_with_the_native_tool_while_finish_runs
    status_agrees_with_the_native_tool_in_a_crash_loop
    up_and_down_wait_and_tell_what_came_of_it
    restart_once_and_exit_do_what_they_say
    signals_reach_the_process_and_are_refused_where_there_are_none
    a_wait_asks_for_nothing_and_any_of_them_may_be_enough
    a_check_says_what_is_wrong
    what_is_odd_is_said
    a_build_says_who_runs_an_older_definition
    a_crash_loop_is_told_where_the_suite_counts
    what_did_not_stay_up_is_not_called_up
    services_are_enabled_and_disabled
    what_enable_took_disable_takes
    status_shows_what_was_asked_for
    a_deadline_is_99_and_says_whether_the_request_was_read
    a_dead_supervisor_is_102_and_a_watch_says_so_at_once
    watch_prints_one_object_for_each_change
    names_patterns_and_the_scan_directory_are_understood
    another_user_is_told_what_he_may_not_do
    decode_reads_the_record_where_it_lies
}

/// Definitions that are applied.
mod applied {
    of_suite!(crate::applies, runit Runit what_is_applied_runs_and_what_fails_leads_back);
    of_suite!(crate::applies, daemontools Daemontools what_is_applied_runs_and_what_fails_leads_back);
    of_suite!(crate::applies, encore Encore what_is_applied_runs_and_what_fails_leads_back);
    of_suite!(crate::applies, s6 S6 what_is_applied_runs_and_what_fails_leads_back);
    of_suite!(crate::applies, embedded Embedded what_is_applied_runs_and_what_fails_leads_back);
}

/// The same, of modules of their own.
mod logs {
    of_suite!(crate::logging, runit Runit a_log_is_found_or_it_is_said_why);
    of_suite!(crate::logging, daemontools Daemontools a_log_is_found_or_it_is_said_why);
    of_suite!(crate::logging, encore Encore a_log_is_found_or_it_is_said_why);
    of_suite!(crate::logging, s6 S6 a_log_is_found_or_it_is_said_why);
    of_suite!(crate::logging, embedded Embedded a_log_is_found_or_it_is_said_why);
}

/// The order of services that were built together.
mod in_order {
    macro_rules! say_order {
        ($($suite:ident $name:ident)*) => {$(
            of_suite!(crate::order, $suite $name what_is_needed_comes_first_and_is_started_along);
        )*};
    }

    say_order! { runit Runit daemontools Daemontools encore Encore s6 S6 embedded Embedded }
}

mod asked {
    macro_rules! say_requests {
        ($($sentence:ident)*) => {
            of_suite!(crate::requests, runit Runit $($sentence)*);
            of_suite!(crate::requests, daemontools Daemontools $($sentence)*);
            of_suite!(crate::requests, encore Encore $($sentence)*);
            of_suite!(crate::requests, s6 S6 $($sentence)*);
            of_suite!(crate::requests, embedded Embedded $($sentence)*);
        };
    }

    say_requests! {
        what_depends_on_the_version_asks_which_it_is
        reload_is_the_signal_that_the_service_names_or_none
        a_signal_to_what_is_down_is_no_success
        a_restart_starts_what_its_finish_lets_end
        every_request_of_the_table_can_be_sent
        who_asks_is_told_whether_something_changed
        a_down_may_last
    }
}

/// Health, to every suite.
mod healthy {
    macro_rules! say_health {
        ($($sentence:ident)*) => {
            of_suite!(crate::health, runit Runit $($sentence)*);
            of_suite!(crate::health, daemontools Daemontools $($sentence)*);
            of_suite!(crate::health, encore Encore $($sentence)*);
            of_suite!(crate::health, s6 S6 $($sentence)*);
            of_suite!(crate::health, embedded Embedded $($sentence)*);
        };
    }

    say_health! {
        what_does_not_stay_up_is_not_well
        what_was_asked_for_is_well
        what_was_given_up_is_not_well
        a_supervisor_that_rests_is_not_blamed
        processes_and_supervisors_that_lost_each_other_are_said
        what_a_run_script_leaves_behind_is_counted
        a_logger_that_does_not_run_is_not_well
        a_check_script_is_asked_by_all_who_ask_for_readiness
        what_is_left_behind_does_not_make_it_ready
        a_link_that_leads_nowhere_is_a_row_and_not_well
    }
}

/// Waits, to every suite.
mod waiting {
    macro_rules! say_waits {
        ($($sentence:ident)*) => {
            of_suite!(crate::waits, runit Runit $($sentence)*);
            of_suite!(crate::waits, daemontools Daemontools $($sentence)*);
            of_suite!(crate::waits, encore Encore $($sentence)*);
            of_suite!(crate::waits, s6 S6 $($sentence)*);
            of_suite!(crate::waits, embedded Embedded $($sentence)*);
        };
    }

    say_waits! {
        what_is_done_is_told_while_others_are_waited_for
        what_is_paused_is_not_up
        what_cannot_be_executed_is_not_up
        what_was_opened_is_what_is_waited_for
        a_scanner_that_runs_is_waited_for
        a_supervisor_that_outlived_its_link_is_found
        the_run_that_is_asked_for_is_waited_for
    }
}

/// Reasons that take mounts or a control group, to every suite.
mod confinement {
    macro_rules! say_confined {
        ($($sentence:ident)*) => {
            of_suite!(crate::confined, runit Runit $($sentence)*);
            of_suite!(crate::confined, daemontools Daemontools $($sentence)*);
            of_suite!(crate::confined, encore Encore $($sentence)*);
            of_suite!(crate::confined, s6 S6 $($sentence)*);
            of_suite!(crate::confined, embedded Embedded $($sentence)*);
        };
    }

    say_confined! {
        mounts_that_forbid_are_named_first
        what_the_kernel_ends_for_want_of_memory_is_named_first
        a_number_that_another_process_has_is_not_the_service
        a_scanner_that_cannot_be_seen_is_not_called_absent
        a_scanner_of_another_root_is_none_of_this_one
    }
}

/// The whole picture, of every suite.
mod shown {
    of_suite!(crate::shows, runit Runit a_service_is_shown_whole);
    of_suite!(crate::shows, daemontools Daemontools a_service_is_shown_whole);
    of_suite!(crate::shows, encore Encore a_service_is_shown_whole);
    of_suite!(crate::shows, s6 S6 a_service_is_shown_whole);
    of_suite!(crate::shows, embedded Embedded a_service_is_shown_whole);
}

/// Reasons, to every suite.
mod explained {
    macro_rules! say_reasons {
        ($($sentence:ident)*) => {
            of_suite!(crate::explains, runit Runit $($sentence)*);
            of_suite!(crate::explains, daemontools Daemontools $($sentence)*);
            of_suite!(crate::explains, encore Encore $($sentence)*);
            of_suite!(crate::explains, s6 S6 $($sentence)*);
            of_suite!(crate::explains, embedded Embedded $($sentence)*);
        };
    }

    say_reasons! {
        each_reason_is_named_first
        a_service_that_nobody_supervises_is_told_why
        a_scanner_is_told_that_leaves_it_out
        a_loop_is_seen_where_no_suite_counts
        the_first_reason_is_said_by_all_who_tell_how_it_stands
    }
}

/// Scripts `check`, of the suites that have them.
mod probed {
    of_suite!(crate::reasons, runit Runit what_a_check_says_is_named_first);
    of_suite!(crate::reasons, embedded Embedded what_a_check_says_is_named_first);
}

/// Blame, to every suite.
mod blamed {
    macro_rules! say_blame {
        ($($sentence:ident)*) => {
            of_suite!(crate::well, runit Runit $($sentence)*);
            of_suite!(crate::well, daemontools Daemontools $($sentence)*);
            of_suite!(crate::well, encore Encore $($sentence)*);
            of_suite!(crate::well, s6 S6 $($sentence)*);
            of_suite!(crate::well, embedded Embedded $($sentence)*);
        };
    }

    say_blame! {
        what_is_well_is_not_blamed
        what_fails_is_not_blamed_for_what_it_does_right
        a_log_of_many_blames_whom_it_names
    }
}
