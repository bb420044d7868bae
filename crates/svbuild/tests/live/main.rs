//! Definitions under real supervisors: what each process sees of itself, and what becomes of it.
#![cfg(target_os = "linux")]
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod example;
#[path = "../../../svsystemd/tests/live/here.rs"]
mod here;
#[path = "../programs/mod.rs"]
mod programs;
mod rc;
mod seen;
#[path = "../../../svclient/tests/live/strays.rs"]
mod strays;
mod told;
mod tree;
mod units;
#[path = "../unit/variables.rs"]
mod variables;

/// A module of tests named like the suite, each a function that is told the suite.
macro_rules! of_suite {
    ($module:ident $suite:ident $($place:ident::$sentence:ident)*) => {
        mod $module {
            use crate::tree::$suite;
            $(
                #[test]
                fn $sentence() {
                    if $suite.is_installed() {
                        crate::$place::$sentence($suite);
                    }
                }
            )*
        }
    };
}

/// Said to suites that run something after an end.
macro_rules! with_finish {
    ($module:ident $suite:ident $($place:ident::$sentence:ident)*) => {
        of_suite!($module $suite
            seen::a_process_sees_what_its_definition_says
            seen::a_root_is_changed
            example::the_server_of_the_example_answers
            told::a_stop_signal_other_than_term_ends_it
            told::what_it_has_started_outlives_its_stop
            told::an_exit_with_0_is_the_last_with_on_failure_and_no_other_end_is
            told::every_run_is_the_last_with_never
            told::what_ends_with_0_at_its_signal_is_started_again
            told::a_delay_lies_between_two_runs
            told::a_group_may_ask_for_it
            told::it_is_given_up_after_so_many_starts
            told::references_are_replaced_at_each_start
            told::programs_run_before_each_start
            told::there_are_several_of_a_service
            told::what_is_given_up_is_told_to_a_program
            told::a_service_with_down_waits_until_it_is_asked
            told::readiness_by_a_command_is_asked_for
            told::readiness_by_a_connection_is_asked_for
            told::readiness_by_an_answer_is_asked_for
            told::a_live_service_directory_is_changed_under_its_supervisor
            told::a_reader_beside_a_writer_sees_no_half
            $($place::$sentence)*);
    };
}

of_suite!(daemontools DAEMONTOOLS
    seen::a_process_sees_what_its_definition_says
    seen::a_root_is_changed
    told::references_are_replaced_at_each_start
    told::programs_run_before_each_start
    told::there_are_several_of_a_service
    example::the_server_of_the_example_answers);
with_finish!(runit RUNIT
    told::a_command_runs_before_the_stop_signal
    told::a_reload_is_checked_before_it_is_done);
with_finish!(s6 S6
    told::what_does_not_end_is_killed_in_time
    told::readiness_by_a_descriptor_is_told);

of_suite!(s6_rc S6_RC
    seen::a_process_sees_what_its_definition_says
    seen::a_root_is_changed
    rc::jobs_and_services_come_up_in_order_and_are_updated
    rc::a_job_that_fails_holds_back_what_needs_it
    rc::what_is_not_ready_in_its_time_is_not_up
    rc::values_are_readable_by_nobody_else
    told::a_group_may_ask_for_it
    told::references_are_replaced_at_each_start
    told::programs_run_before_each_start
    told::there_are_several_of_a_service);

mod systemd {
    #[test]
    fn every_process_sees_under_systemd_what_it_sees_under_runit() {
        if crate::here::is_here() {
            crate::seen::every_process_sees_under_systemd_what_it_sees_under_runit();
        }
    }

    #[test]
    fn the_server_of_the_example_answers() {
        if crate::here::is_here() {
            crate::example::the_server_of_the_example_answers_under_systemd();
        }
    }

    #[test]
    fn what_it_has_started_outlives_its_stop() {
        if crate::here::is_here() {
            crate::units::what_it_has_started_outlives_its_stop();
        }
    }

    #[test]
    fn a_wait_for_readiness_ends_with_its_process() {
        if crate::here::is_here() {
            crate::units::a_wait_for_readiness_ends_with_its_process();
        }
    }

    #[test]
    fn readiness_is_told_in_its_time_and_starts_are_counted() {
        if crate::here::is_here() {
            crate::units::readiness_is_told_in_its_time_and_starts_are_counted();
        }
    }

    #[test]
    fn what_is_given_up_is_told_to_a_program_and_silence_is_an_end() {
        if crate::here::is_here() {
            crate::units::what_is_given_up_is_told_to_a_program_and_silence_is_an_end();
        }
    }

    #[test]
    fn there_are_several_of_a_service_and_programs_run_before_it() {
        if crate::here::is_here() {
            crate::units::there_are_several_of_a_service_and_programs_run_before_it();
        }
    }

    #[test]
    fn a_value_is_split_as_the_manager_splits_it() {
        if crate::here::is_here() {
            crate::units::a_value_is_split_as_the_manager_splits_it();
        }
    }

    #[test]
    fn sockets_are_open_before_their_service_is_started() {
        if crate::here::is_here() {
            crate::units::sockets_are_open_before_their_service_is_started();
        }
    }

    #[test]
    fn jobs_and_needs_are_kept() {
        if crate::here::is_here() {
            crate::units::jobs_and_needs_are_kept();
        }
    }

    #[test]
    fn files_of_variables_say_what_they_say_to_systemd() {
        if crate::here::is_here() {
            crate::units::files_of_variables_say_what_they_say_to_systemd();
        }
    }
}

/// The same with scripts for `sh`.
mod with_sh {
    with_finish!(s6 S6_SH
        told::what_does_not_end_is_killed_in_time
        told::readiness_by_a_descriptor_is_told);

    of_suite!(s6_rc S6_RC_SH
        seen::a_process_sees_what_its_definition_says
        rc::jobs_and_services_come_up_in_order_and_are_updated
        rc::values_are_readable_by_nobody_else);
}
