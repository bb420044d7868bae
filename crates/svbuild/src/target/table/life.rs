//! When a service is ready, how it ends, and what follows.

use crate::{
    spec::{ReadyCheck, Reload, Restart, Service, Signal},
    target::capability::{
        Capability,
        Support::{self, By, Not},
        only, row,
    },
};

const NO_FINISH: &str = "no suite of daemontools runs anything after an end; a target that does is runit, s6 or systemd";
const NO_READY: &str =
    "wait for `up`; targets with readiness are s6, systemd, and runit for all but `fd`";
const NO_TIMEOUT: &str =
    "`--timeout` of `svctl up --for ready`, which waits and ends nothing; or systemd";
const ONE_DELAY: &str = "`restart.delay`, which is the same after each end; or systemd from 254";
const NO_KILL: &str =
    "`svctl down --kill-after`, which asks the supervisor for SIGKILL; or s6 or systemd";
const NO_SIGNAL: &str = "a program that takes TERM; or runit, s6 or systemd";
const NO_HOOK: &str =
    "a program that does it at its stop signal; or runit or systemd, which run something before";
const NO_RELOAD: &str = "`reload = {}`, which is SIGHUP for every suite; or runit or systemd, which run something instead";
const NO_CONTROL: &str = "a rule of polkit for the action org.freedesktop.systemd1.manage-units, which is no part of a unit";
const NO_GROUP: &str = "a program that ends what it has started; or systemd";

fn reload(service: &Service, asks: fn(&Reload) -> bool) -> bool {
    service.reload.as_ref().is_some_and(asks)
}

fn way(service: &Service) -> Option<&ReadyCheck> {
    service.ready.as_ref().map(|ready| &ready.check)
}

/// Of what runs when it is stopped.
const COMMAND: [Support; 6] =
    [Not(NO_HOOK), Not(NO_HOOK), By("control/t"), Not(NO_HOOK), By("ExecStop="), By("control/t")];

pub(super) const ROWS: [Capability; 26] = [
    row(
        "ready.fd",
        |it| matches!(way(it), Some(ReadyCheck::Fd(_))),
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
        |it| matches!(way(it), Some(ReadyCheck::Tcp(_))),
        [
            Not(NO_READY),
            Not(NO_READY),
            By("check, nc"),
            By("s6-notifyoncheck, data/check, nc"),
            By("ExecStartPost=, nc"),
            By("probes; data/check, nc, where a name is to be looked up"),
        ],
    ),
    row(
        "ready.http",
        |it| matches!(way(it), Some(ReadyCheck::Http(_))),
        [
            Not(NO_READY),
            Not(NO_READY),
            By("check, curl"),
            By("s6-notifyoncheck, data/check, curl"),
            By("ExecStartPost=, curl"),
            By("probes; data/check, curl, for https: and where a name is to be looked up"),
        ],
    ),
    row(
        "ready.command",
        |it| matches!(way(it), Some(ReadyCheck::Command(_))),
        [
            Not(NO_READY),
            Not(NO_READY),
            By("check"),
            By("s6-notifyoncheck, data/check"),
            By("ExecStartPost="),
            By("probes, data/check"),
        ],
    ),
    row(
        "ready.notify",
        |it| matches!(way(it), Some(ReadyCheck::Notify)),
        [
            Not(NO_READY),
            Not(NO_READY),
            By("check, svctl notify-bridge"),
            By("notification-fd, svctl notify-bridge"),
            By("Type=notify"),
            By("probes"),
        ],
    ),
    row(
        "ready.timeout",
        |it| it.ready.as_ref().is_some_and(|ready| ready.timeout.is_some()),
        [
            Not(NO_READY),
            Not(NO_READY),
            Not(NO_TIMEOUT),
            Not(NO_TIMEOUT),
            By("TimeoutStartSec="),
            By("probes"),
        ],
    )
    .s6_rc(By("timeout-up")),
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
            By("process-group"),
        ],
    ),
    row("stop.command", |it| !it.stop.command.is_empty() && !it.remain, COMMAND),
    only(
        "stop.command",
        "of a job with `remain`",
        |it| !it.stop.command.is_empty() && it.remain,
        COMMAND,
    )
    .s6_rc(By("down")),
    only(
        "reload.signal",
        "`HUP`",
        |it| reload(it, |reload| reload.signals() == Some("HUP")),
        [
            By("daemontools, for every service"),
            By("encore, for every service"),
            By("runit, for every service"),
            By("s6, for every service"),
            By("ExecReload="),
            By("the supervisor, for every service"),
        ],
    ),
    only(
        "reload.signal",
        "other than `HUP`",
        |it| reload(it, |reload| reload.signals().is_some_and(|it| it != "HUP")),
        [
            Not(NO_RELOAD),
            Not(NO_RELOAD),
            By("control/h"),
            Not(NO_RELOAD),
            By("ExecReload="),
            By("control/h"),
        ],
    ),
    row(
        "reload.command",
        |it| reload(it, |reload| !reload.command.is_empty()),
        [
            Not(NO_RELOAD),
            Not(NO_RELOAD),
            By("control/h"),
            Not(NO_RELOAD),
            By("ExecReload="),
            By("control/h"),
        ],
    ),
    row(
        "reload.check",
        |it| reload(it, |reload| !reload.check.is_empty()),
        [
            Not(NO_RELOAD),
            Not(NO_RELOAD),
            By("control/h"),
            Not(NO_RELOAD),
            By("ExecReload="),
            By("control/h"),
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
        |it| it.restart.when == Restart::OnFailure,
        [
            Not(NO_FINISH),
            Not("a program that exits with 100 when it is done, which ends it for good"),
            By("finish, which asks for down"),
            By("finish, which exits with 125"),
            By("Restart=, RestartForceExitStatus="),
            By("restart"),
        ],
    ),
    only(
        "restart",
        "`never`",
        |it| it.restart.when == Restart::Never,
        [
            Not("`down = true`, and starting it with `once`"),
            Not("`down = true`, and starting it with `once`"),
            By("finish, which asks for down"),
            By("finish, which exits with 125"),
            By("Restart="),
            By("restart"),
        ],
    ),
    only(
        "restart.delay",
        "other than 1s",
        |it| it.restart.seconds() != 1,
        [
            Not(NO_FINISH),
            Not(NO_FINISH),
            By("sleep in finish"),
            By("sleep in finish, timeout-finish"),
            By("RestartSec="),
            By("restart"),
        ],
    ),
    row(
        "restart.max",
        |it| it.restart.max.is_some(),
        [
            Not(NO_FINISH),
            Not(NO_FINISH),
            By("finish, which asks for down"),
            By("s6-permafailon in finish"),
            By("StartLimitBurst="),
            By("restart"),
        ],
    ),
    row(
        "restart.within",
        |it| it.restart.within.is_some(),
        [
            Not(NO_FINISH),
            Not(NO_FINISH),
            By("finish, which asks for down"),
            By("s6-permafailon in finish"),
            By("StartLimitIntervalSec="),
            By("restart"),
        ],
    ),
    row(
        "restart.max_delay",
        |it| it.restart.max_delay.is_some(),
        [
            Not(ONE_DELAY),
            Not(ONE_DELAY),
            Not(ONE_DELAY),
            Not(ONE_DELAY),
            By("RestartMaxDelaySec=, RestartSteps=, from 254"),
            By("restart"),
        ],
    ),
    row(
        "control.group",
        |it| it.control.as_ref().is_some_and(|control| control.group.is_some()),
        [By("chgrp"), By("chgrp"), By("chgrp"), By("chgrp"), Not(NO_CONTROL), By("chgrp")],
    ),
    row(
        "control.mode",
        |it| it.control.as_ref().is_some_and(|control| control.mode.is_some()),
        [By("chmod"), By("chmod"), By("chmod"), By("chmod"), Not(NO_CONTROL), By("chmod")],
    ),
    row(
        "down",
        |it| it.down,
        [By("down"), By("down"), By("down"), By("down"), By("no [Install]"), By("down")],
    )
    .s6_rc(By("no place in the bundle"))
    .procfile(Not("`foreman start -m NAME=0`")),
];
