//! Jobs, and whom a service waits for.

use crate::{
    spec::Service,
    target::capability::{
        Capability,
        Support::{self, By, Not},
        row,
    },
};

const NO_ORDER: &str =
    "the supervisor starts everything at once; `svctl dev` starts in order, systemd orders";
const NO_NEED: &str = "the supervisor knows of no needs; systemd does";
const NO_JOB: &str = "`restart = \"never\"`, which ends it for good after each run";
const ONCE: &str = "`down = true`, and starting it with `once`";
const NO_SUCCESS: &str = "a program that exits with 0 where that is a success";
const NOT_THEIRS: Support = By("nothing: a note says whose it is");

const fn of_systemd(
    key: &'static str,
    asks: fn(&Service) -> bool,
    family: &'static str,
    systemd: &'static str,
) -> Capability {
    let not = Not(family);
    row(key, asks, [not, not, not, not, By(systemd), not])
}

pub(super) const ROWS: [Capability; 7] = [
    row(
        "kind",
        Service::is_job,
        [Not(ONCE), Not(ONCE), Not(NO_JOB), Not(NO_JOB), By("Type=oneshot"), Not(NO_JOB)],
    ),
    of_systemd("success", |it| !it.success.is_empty(), NO_SUCCESS, "SuccessExitStatus="),
    of_systemd(
        "remain",
        |it| it.remain,
        "a job is not started again before it is asked for",
        "RemainAfterExit=",
    ),
    row(
        "after",
        |it| !it.after.is_empty(),
        [
            Not(NO_ORDER),
            Not(NO_ORDER),
            Not(NO_ORDER),
            Not(NO_ORDER),
            By("After=; Requires= for a job"),
            By("whoever starts it"),
        ],
    ),
    of_systemd("needs", |it| !it.needs.is_empty(), NO_NEED, "After=, Requires="),
    of_systemd("wants", |it| !it.wants.is_empty(), NO_NEED, "After=, Wants="),
    row(
        "after_external.systemd",
        |it| !it.after_external.systemd.is_empty(),
        [
            NOT_THEIRS,
            NOT_THEIRS,
            NOT_THEIRS,
            NOT_THEIRS,
            By("After=; Wants= for targets"),
            NOT_THEIRS,
        ],
    ),
];
