//! Where its lines go.

use crate::{
    spec::Timestamp,
    target::capability::{
        Capability,
        Support::{By, Not},
        only, row,
    },
};

const JOURNAL: &str = "the journal has its own files; leave the key out, or use another target";

pub(super) const ROWS: [Capability; 11] = [
    row(
        "log",
        |it| it.log.is_some(),
        [
            By("multilog"),
            By("multilog"),
            By("svlogd"),
            By("s6-log"),
            By("the journal"),
            By("svlogd, of runit"),
        ],
    )
    .s6_rc(By("s6-log, a service of its own in a pipeline")),
    row(
        "log.dir",
        |it| it.log.as_ref().is_some_and(|it| it.dir.is_some()),
        [By("multilog"), By("multilog"), By("svlogd"), By("s6-log"), Not(JOURNAL), By("svlogd")],
    ),
    row(
        "log.max_size",
        |it| it.log.as_ref().is_some_and(|it| it.max_size.is_some()),
        [
            By("s"),
            By("s"),
            By("config, s"),
            By("s"),
            By("LogNamespace=, SystemMaxFileSize="),
            By("config, s"),
        ],
    ),
    row(
        "log.max_files",
        |it| it.log.as_ref().is_some_and(|it| it.max_files.is_some()),
        [
            By("n, with the current file"),
            By("n, with the current file"),
            By("config, n"),
            By("n"),
            By("LogNamespace=, SystemMaxFiles="),
            By("config, n"),
        ],
    ),
    only(
        "log.timestamp",
        "`tai64n`",
        |it| it.log.as_ref().is_some_and(|it| it.timestamp == Timestamp::Tai64n),
        [
            By("t"),
            By("t"),
            By("svlogd -t"),
            By("t"),
            By("the journal, for every service"),
            By("svlogd -t"),
        ],
    ),
    only(
        "log.timestamp",
        "`iso8601`",
        |it| it.log.as_ref().is_some_and(|it| it.timestamp == Timestamp::Iso8601),
        [
            Not("`tai64n`, which `tai64nlocal` makes readable"),
            Not("`tai64n`, which `tai64nlocal` makes readable"),
            By("svlogd -ttt"),
            By("T"),
            By("the journal, for every service"),
            By("svlogd -ttt"),
        ],
    ),
    row(
        "log.filter",
        |it| it.log.as_ref().is_some_and(|it| !it.filter.is_empty()),
        [
            By("-, +"),
            By("-, +"),
            By("config, -, +"),
            By("-, +, as regular expressions"),
            Not("`LogFilterPatterns=` in a drop-in, from systemd 253"),
            By("config, -, +"),
        ],
    ),
    row(
        "log.processor",
        |it| it.log.as_ref().is_some_and(|it| !it.processor.is_empty()),
        [By("!"), By("!"), By("config, !"), By("?"), Not(JOURNAL), By("config, !")],
    ),
    row(
        "log.user",
        |it| it.log.as_ref().is_some_and(|it| it.user.is_some()),
        [
            By("setuidgid"),
            By("setuidgid"),
            By("chpst -u"),
            By("s6-applyuidgid"),
            Not(JOURNAL),
            By("chpst -u"),
        ],
    ),
    row(
        "log.group",
        |it| it.log.as_ref().is_some_and(|it| it.group.is_some()),
        [
            By("chroot --userspec"),
            By("chroot --userspec"),
            By("chpst -u"),
            By("s6-applyuidgid"),
            Not(JOURNAL),
            By("chpst -u"),
        ],
    ),
    row(
        "log.mode",
        |it| it.log.as_ref().is_some_and(|it| it.mode.is_some()),
        [By("chmod"), By("chmod"), By("chmod"), By("chmod"), Not(JOURNAL), By("chmod")],
    ),
];
