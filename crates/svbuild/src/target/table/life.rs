//! When a service is ready, how it ends, and what follows.

use crate::{
    spec::{ReadyCheck, Restart, Signal},
    target::capability::{
        Capability,
        Support::{By, Not},
        only, row,
    },
};

const NO_FINISH: &str = "no suite of daemontools runs anything after an end; a target that does is runit, s6 or systemd";
const NO_READY: &str =
    "wait for `up`; targets with readiness are s6, systemd, and runit for all but `fd`";
const NO_KILL: &str =
    "`svctl down --kill-after`, which asks the supervisor for SIGKILL; or s6 or systemd";
const NO_SIGNAL: &str = "a program that takes TERM; or runit, s6 or systemd";
const NO_GROUP: &str = "a program that ends what it has started; or systemd";

pub(super) const ROWS: [Capability; 13] = [
    row(
        "ready.fd",
        |it| matches!(it.ready, Some(ReadyCheck::Fd(_))),
        [
            Not(NO_READY),
            Not(NO_READY),
            Not("`ready.tcp`, `ready.http` or `ready.command`, which `sv` asks"),
            By("notification-fd"),
            By("Type=notify, by way of bash and systemd-notify"),
            By("notification-fd"),
        ],
    ),
    row(
        "ready.tcp",
        |it| matches!(it.ready, Some(ReadyCheck::Tcp(_))),
        [
            Not(NO_READY),
            Not(NO_READY),
            By("check, nc"),
            By("s6-notifyoncheck, data/check, nc"),
            By("ExecStartPost=, nc"),
            By("check, nc"),
        ],
    ),
    row(
        "ready.http",
        |it| matches!(it.ready, Some(ReadyCheck::Http(_))),
        [
            Not(NO_READY),
            Not(NO_READY),
            By("check, curl"),
            By("s6-notifyoncheck, data/check, curl"),
            By("ExecStartPost=, curl"),
            By("check, curl"),
        ],
    ),
    row(
        "ready.command",
        |it| matches!(it.ready, Some(ReadyCheck::Command(_))),
        [
            Not(NO_READY),
            Not(NO_READY),
            By("check"),
            By("s6-notifyoncheck, data/check"),
            By("ExecStartPost="),
            By("check"),
        ],
    ),
    row(
        "stop.signal",
        |it| it.stop.signal.is_some_and(|it| it != Signal::TERM),
        [
            Not(NO_SIGNAL),
            Not(NO_SIGNAL),
            By("control/t"),
            By("down-signal"),
            By("KillSignal="),
            By("down-signal"),
        ],
    ),
    row(
        "stop.kill_after",
        |it| it.stop.kill_after.is_some(),
        [
            Not(NO_KILL),
            Not(NO_KILL),
            Not(NO_KILL),
            By("timeout-kill"),
            By("TimeoutStopSec="),
            By("timeout-kill"),
        ],
    ),
    only(
        "stop.group",
        "`false`",
        |it| it.stop.group == Some(false),
        [
            By("daemontools, for every service"),
            By("encore, for every service"),
            By("runit, for every service"),
            By("s6, for every service"),
            By("KillMode=process"),
            By("the supervisor, for every service"),
        ],
    ),
    only(
        "stop.group",
        "`true`",
        |it| it.stop.group == Some(true),
        [
            Not(NO_GROUP),
            Not(NO_GROUP),
            Not(NO_GROUP),
            Not(NO_GROUP),
            By("systemd, for every service that does not say otherwise"),
            Not(NO_GROUP),
        ],
    ),
    row(
        "finish",
        |it| !it.finish.is_empty(),
        [
            Not(NO_FINISH),
            Not(NO_FINISH),
            By("finish"),
            By("finish, timeout-finish"),
            By("ExecStopPost="),
            By("finish"),
        ],
    ),
    only(
        "restart",
        "`on-failure`",
        |it| it.restart == Restart::OnFailure,
        [
            Not(NO_FINISH),
            Not("a program that exits with 100 when it is done, which ends it for good"),
            By("finish, which asks for down"),
            By("finish, which exits with 125"),
            By("Restart=, RestartForceExitStatus="),
            By("finish, which asks for down"),
        ],
    ),
    only(
        "restart",
        "`never`",
        |it| it.restart == Restart::Never,
        [
            Not("`down = true`, and starting it with `once`"),
            Not("`down = true`, and starting it with `once`"),
            By("finish, which asks for down"),
            By("finish, which exits with 125"),
            By("Restart="),
            By("finish, which asks for down"),
        ],
    ),
    only(
        "restart_delay",
        "other than 1s",
        |it| it.restart_delay.is_some_and(|it| it.0.as_secs() != 1),
        [
            Not(NO_FINISH),
            Not(NO_FINISH),
            By("sleep in finish"),
            By("sleep in finish, timeout-finish"),
            By("RestartSec="),
            By("sleep in finish"),
        ],
    ),
    row(
        "down",
        |it| it.down,
        [By("down"), By("down"), By("down"), By("down"), By("no [Install]"), By("down")],
    ),
];
