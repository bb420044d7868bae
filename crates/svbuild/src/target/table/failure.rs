//! What is done about a service that fails, or is not well.

use crate::{
    spec::{Health, HealthCheck, Service},
    target::capability::{
        Capability,
        Support::{self, By, Not},
        row,
    },
};

const NO_FINISH: &str = "no suite of daemontools runs anything after an end; a target that does is runit, s6 or systemd";
const NO_WHOLE: &str = "`svctl scan --exit-with NAME`, which ends with it";
const NO_WHOLE_MACHINE: &str = "SuccessAction= and FailureAction= in `[service.NAME.systemd.Unit]`: the whole would be the machine";
const NO_HEALTH: &str =
    "`svctl check --ready` from a timer or a cron job, and `svctl restart` where it fails";
const NO_WATCHDOG: &str = "systemd or the embedded supervisor, which read what the program says";

const fn health(
    key: &'static str,
    asks: fn(&Service) -> bool,
    embedded: &'static str,
) -> Capability {
    let not = Not(NO_HEALTH);
    row(key, asks, [not, not, not, not, not, By(embedded)])
}

const PROBES: &str = "probes";

const fn of(service: &Service) -> Option<&Health> {
    service.health.as_ref()
}

const WHOLE: [Support; 6] = [
    Not(NO_WHOLE),
    Not(NO_WHOLE),
    Not(NO_WHOLE),
    Not(NO_WHOLE),
    Not(NO_WHOLE_MACHINE),
    By("critical"),
];

pub(super) const ROWS: [Capability; 10] = [
    row(
        "on_failure",
        |it| !it.on_failure.is_empty(),
        [
            Not(NO_FINISH),
            Not(NO_FINISH),
            By("finish"),
            By("finish"),
            By("OnFailure=, a unit of its own"),
            By("control/f"),
        ],
    ),
    row("critical", |it| it.critical.is_some(), WHOLE)
        .procfile(Not("nothing: foreman and honcho end all once one has ended")),
    health(
        "health.tcp",
        |it| of(it).is_some_and(|it| matches!(it.check, HealthCheck::Tcp(_))),
        "probes; data/health, nc, where a name is to be looked up",
    ),
    health(
        "health.http",
        |it| of(it).is_some_and(|it| matches!(it.check, HealthCheck::Http(_))),
        "probes; data/health, curl, for https: and where a name is to be looked up",
    ),
    health(
        "health.command",
        |it| of(it).is_some_and(|it| matches!(it.check, HealthCheck::Command(_))),
        "probes, data/health",
    ),
    health("health.every", |it| of(it).is_some_and(|it| it.every.is_some()), PROBES),
    health("health.timeout", |it| of(it).is_some_and(|it| it.timeout.is_some()), PROBES),
    health("health.failures", |it| of(it).is_some_and(|it| it.failures.is_some()), PROBES),
    health("health.then", |it| it.health.is_some(), PROBES),
    row(
        "watchdog",
        |it| it.watchdog.is_some(),
        [
            Not(NO_WATCHDOG),
            Not(NO_WATCHDOG),
            Not(NO_WATCHDOG),
            Not(NO_WATCHDOG),
            By("WatchdogSec="),
            By(PROBES),
        ],
    ),
];
