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
            Not(
                "it shows what services write itself; leave the key out of a development definition, or use another target",
            ),
        ],
    ),
    row(
        "log.dir",
        |it| it.log.as_ref().is_some_and(|it| it.dir.is_some()),
        [
            By("multilog"),
            By("multilog"),
            By("svlogd"),
            By("s6-log"),
            Not(JOURNAL),
            Not("leave the key out"),
        ],
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
            Not("leave the key out"),
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
            Not("leave the key out"),
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
            Not("the journal has the time of each line; leave the key out"),
            Not("leave the key out"),
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
            Not("the journal has the time of each line; leave the key out"),
            Not("leave the key out"),
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
            Not("leave the key out"),
        ],
    ),
    row(
        "log.processor",
        |it| it.log.as_ref().is_some_and(|it| !it.processor.is_empty()),
        [By("!"), By("!"), By("config, !"), By("?"), Not(JOURNAL), Not("leave the key out")],
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
            Not("leave the key out"),
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
            Not("leave the key out"),
        ],
    ),
    row(
        "log.mode",
        |it| it.log.as_ref().is_some_and(|it| it.mode.is_some()),
        [
            By("chmod"),
            By("chmod"),
            By("chmod"),
            By("chmod"),
            Not(JOURNAL),
            Not("leave the key out"),
        ],
    ),
];
