//! Jobs, how many of a service there are, and whom it waits for.

use crate::{
    spec::Service,
    target::capability::{
        Capability,
        Support::{self, By, Not},
        row,
    },
};

const NO_ORDER: &str = "the supervisor starts everything at once; `svctl up` and `svctl dev` start in order, systemd orders";
const NO_NEED: &str = "the supervisor knows of no needs; `svctl up`, `svctl dev` and systemd do";
const NO_JOB: &str = "`restart = \"never\"`, which ends it for good after each run";
const ONCE: &str = "`down = true`, and starting it with `once`";
const NO_SUCCESS: &str = "a program that exits with 0 where that is a success";
const NOT_THEIRS: Support = By("nothing: a note says whose it is");

const fn ordered(
    key: &'static str,
    asks: fn(&Service) -> bool,
    family: &'static str,
    systemd: &'static str,
    embedded: &'static str,
) -> Capability {
    let not = Not(family);
    row(key, asks, [not, not, not, not, By(systemd), By(embedded)])
}

const STARTER: &str = "whoever starts it";

const NO_SOCKET: &str =
    "a program that opens its sockets itself; or systemd or the embedded supervisor";

pub(super) const ROWS: [Capability; 9] = [
    row(
        "sockets",
        |it| !it.sockets.is_empty(),
        [
            Not(NO_SOCKET),
            Not(NO_SOCKET),
            Not(NO_SOCKET),
            Not(NO_SOCKET),
            By("a .socket for each, Sockets="),
            By("sockets"),
        ],
    ),
    row(
        "instances",
        |it| it.instances.is_some(),
        [
            By("a directory for each"),
            By("a directory for each"),
            By("a directory for each"),
            By("a directory for each"),
            By("a template, and a target that wants each"),
            By("a directory for each"),
        ],
    )
    .s6_rc(By("a directory for each, and a bundle"))
    .procfile(Not("`foreman start -m NAME=3`")),
    row(
        "kind",
        Service::is_job,
        [Not(ONCE), Not(ONCE), Not(NO_JOB), Not(NO_JOB), By("Type=oneshot"), By("restart")],
    )
    .s6_rc(By("oneshot")),
    row(
        "success",
        |it| !it.success.is_empty(),
        [
            Not(NO_SUCCESS),
            Not(NO_SUCCESS),
            By("finish, where `restart` is `on-failure`"),
            By("finish, where `restart` is `on-failure`"),
            By("SuccessExitStatus="),
            By("whoever starts it; restart, where `restart` is `on-failure`"),
        ],
    )
    .s6_rc(By("finish, where `restart` is `on-failure`; sh, of a job")),
    ordered(
        "remain",
        |it| it.remain,
        "a job is not started again before it is asked for",
        "RemainAfterExit=",
        "the supervisor, for every service: a job is not started again before it is asked for",
    )
    .s6_rc(By("s6-rc, for every service: a job is up once it is done")),
    row(
        "after",
        |it| !it.after.is_empty(),
        [
            Not(NO_ORDER),
            Not(NO_ORDER),
            Not(NO_ORDER),
            Not(NO_ORDER),
            By("After=; Requires= for a job"),
            By(STARTER),
        ],
    )
    .s6_rc(By("dependencies.d, which brings it up, too")),
    ordered("needs", |it| !it.needs.is_empty(), NO_NEED, "After=, Requires=", STARTER)
        .s6_rc(By("dependencies.d")),
    ordered("wants", |it| !it.wants.is_empty(), NO_NEED, "After=, Wants=", STARTER)
        .s6_rc(Not("`needs`: s6-rc brings nothing along that may fail")),
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
    )
    .procfile(NOT_THEIRS),
];
