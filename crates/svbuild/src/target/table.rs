//! What each target makes of each key, and what it cannot express: one table, which refuses, writes
//! comments, and makes the documentation.

use super::capability::{
    Capability,
    Support::{By, Not},
    limit, only, row,
};
use crate::spec::{Id, IoClass, ReadyCheck, Restart, Signal, Timestamp};

const NO_FINISH: &str = "no suite of daemontools runs anything after an end; a target that does is runit, s6 or systemd";
const NO_READY: &str =
    "wait for `up`; targets with readiness are s6, systemd, and runit for all but `fd`";
const NO_KILL: &str =
    "`svctl down --kill-after`, which asks the supervisor for SIGKILL; or s6 or systemd";
const NO_SIGNAL: &str = "a program that takes TERM; or runit, s6 or systemd";
const NO_ORDER: &str = "the supervisor starts everything at once; `svctl up` and `svctl dev` start in order, systemd orders";
const JOURNAL: &str = "the journal has its own files; leave the key out, or use another target";
const NAMES: &str = "numbers; names are looked up below `root`";

/// What each target makes of each key. Values that one reader cannot be told are refused besides.
pub static CAPABILITIES: [Capability; 55] = [
    row(
        "exec",
        |_| true,
        [By("exec"), By("exec"), By("exec"), By("execline"), By("ExecStart="), By("exec")],
    ),
    row(
        "description",
        |it| it.description.is_some(),
        [
            By("comment"),
            By("comment"),
            By("comment"),
            By("comment"),
            By("Description="),
            By("comment"),
        ],
    ),
    row(
        "cwd",
        |it| it.cwd.is_some(),
        [By("cd"), By("cd"), By("cd"), By("cd"), By("WorkingDirectory="), By("cd")],
    ),
    row(
        "env",
        |it| !it.env.is_empty(),
        [
            By("envdir"),
            By("envdir"),
            By("chpst -e"),
            By("s6-envdir"),
            By("Environment="),
            By("export"),
        ],
    ),
    row(
        "env_dir",
        |it| it.env_dir.is_some(),
        [
            By("envdir"),
            By("envdir"),
            By("chpst -e"),
            By("s6-envdir"),
            Not("systemd reads no such directory; write the variables in `env`"),
            Not("write the variables in `env`"),
        ],
    ),
    row(
        "env_file",
        |it| !it.env_file.is_empty(),
        [
            By("awk"),
            By("awk"),
            By("awk"),
            By("awk, in a script for sh"),
            By("EnvironmentFile="),
            By("awk"),
        ],
    ),
    row(
        "user",
        |it| it.user.is_some(),
        [
            By("setuidgid, chroot --userspec"),
            By("setuidgid, chroot --userspec"),
            By("chpst -u"),
            By("s6-envuidgid, s6-applyuidgid"),
            By("User="),
            By("chroot --userspec"),
        ],
    ),
    row(
        "group",
        |it| it.group.is_some(),
        [
            By("chroot --userspec"),
            By("chroot --userspec"),
            By("chpst -u"),
            By("s6-envuidgid, s6-applyuidgid"),
            By("Group="),
            By("chroot --userspec"),
        ],
    ),
    row(
        "groups",
        |it| !it.groups.is_empty(),
        [
            By("chroot --groups"),
            By("chroot --groups"),
            By("chpst -u"),
            By("s6-envuidgid, s6-applyuidgid"),
            By("SupplementaryGroups="),
            By("chroot --groups"),
        ],
    ),
    row(
        "umask",
        |it| it.umask.is_some(),
        [By("umask"), By("umask"), By("umask"), By("umask"), By("UMask="), By("umask")],
    ),
    row(
        "nice",
        |it| it.nice.is_some(),
        [By("nice"), By("nice"), By("chpst -n"), By("nice"), By("Nice="), By("nice")],
    ),
    row(
        "io_priority.class",
        |it| it.io_priority.is_some(),
        [
            By("ionice -c"),
            By("ionice -c"),
            By("ionice -c"),
            By("ionice -c"),
            By("IOSchedulingClass="),
            By("ionice -c"),
        ],
    ),
    row(
        "io_priority.level",
        |it| it.io_priority.is_some_and(|io| io.class != IoClass::Idle && io.level.is_some()),
        [
            By("ionice -n"),
            By("ionice -n"),
            By("ionice -n"),
            By("ionice -n"),
            By("IOSchedulingPriority="),
            By("ionice -n"),
        ],
    ),
    limit(
        "limits.memory",
        |it| it.limits.memory.is_some(),
        [
            "softlimit -m",
            "chpst -m",
            "s6-softlimit -m",
            "LimitDATA= LimitSTACK= LimitMEMLOCK= LimitAS=",
            "prlimit --data --stack --as, ulimit -l",
        ],
    ),
    limit(
        "limits.address_space",
        |it| it.limits.address_space.is_some(),
        ["softlimit -a", "prlimit --as", "s6-softlimit -a", "LimitAS=", "prlimit --as"],
    ),
    limit(
        "limits.data",
        |it| it.limits.data.is_some(),
        ["softlimit -d", "chpst -d", "s6-softlimit -d", "LimitDATA=", "prlimit --data"],
    ),
    limit(
        "limits.stack",
        |it| it.limits.stack.is_some(),
        ["softlimit -s", "prlimit --stack", "s6-softlimit -s", "LimitSTACK=", "prlimit --stack"],
    ),
    limit(
        "limits.locked_memory",
        |it| it.limits.locked_memory.is_some(),
        [
            "softlimit -l",
            "prlimit --memlock",
            "s6-softlimit -l",
            "LimitMEMLOCK=",
            "prlimit --memlock",
        ],
    ),
    limit(
        "limits.rss",
        |it| it.limits.rss.is_some(),
        ["softlimit -r", "chpst -r", "s6-softlimit -r", "LimitRSS=", "prlimit --rss"],
    ),
    limit(
        "limits.file_size",
        |it| it.limits.file_size.is_some(),
        ["softlimit -f", "chpst -f", "s6-softlimit -f", "LimitFSIZE=", "prlimit --fsize"],
    ),
    limit(
        "limits.core",
        |it| it.limits.core.is_some(),
        ["softlimit -c", "chpst -c", "s6-softlimit -c", "LimitCORE=", "prlimit --core"],
    ),
    limit(
        "limits.files",
        |it| it.limits.files.is_some(),
        ["softlimit -o", "chpst -o", "s6-softlimit -o", "LimitNOFILE=", "prlimit --nofile"],
    ),
    limit(
        "limits.processes",
        |it| it.limits.processes.is_some(),
        ["softlimit -p", "chpst -p", "s6-softlimit -p", "LimitNPROC=", "prlimit --nproc"],
    ),
    limit(
        "limits.cpu",
        |it| it.limits.cpu.is_some(),
        ["softlimit -t", "chpst -t", "s6-softlimit -t", "LimitCPU=", "prlimit --cpu"],
    ),
    row(
        "root",
        |it| it.root.is_some(),
        [
            By("chroot"),
            By("chroot"),
            By("chpst -/"),
            By("chroot"),
            By("RootDirectory="),
            By("chroot"),
        ],
    ),
    only(
        "root",
        "with names for `user` and groups",
        |it| it.root.is_some() && matches!(it.user, Some(Id::Name(_))),
        [Not(NAMES), Not(NAMES), Not(NAMES), Not(NAMES), By("User="), Not(NAMES)],
    ),
    only(
        "root",
        "with `cwd`",
        |it| it.root.is_some() && it.cwd.is_some(),
        [
            Not("a program below `root` that changes the directory"),
            Not("a program below `root` that changes the directory"),
            Not("a program below `root` that changes the directory"),
            Not("a program below `root` that changes the directory"),
            By("WorkingDirectory="),
            Not("a program below `root` that changes the directory"),
        ],
    ),
    row(
        "session",
        |it| it.session,
        [
            By("pgrphack"),
            By("encore, for every service"),
            By("chpst -P"),
            By("s6, for every service"),
            By("systemd, for every service"),
            By("the supervisor, for every service"),
        ],
    ),
    row(
        "stdin",
        |it| it.stdin.is_some(),
        [By("<"), By("<"), By("<"), By("redirfd"), By("StandardInput="), By("<")],
    ),
    row(
        "stdout",
        |it| it.stdout.is_some(),
        [By(">>"), By(">>"), By(">>"), By("redirfd"), By("StandardOutput="), By(">>")],
    ),
    row(
        "stderr",
        |it| it.stderr.is_some(),
        [
            By(">>, >&"),
            By(">>, >&"),
            By(">>, >&"),
            By("redirfd, fdmove"),
            By("StandardError="),
            By(">>, >&"),
        ],
    ),
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
        "after",
        |it| !it.after.is_empty(),
        [
            Not(NO_ORDER),
            Not(NO_ORDER),
            Not(NO_ORDER),
            Not(NO_ORDER),
            By("After="),
            By("whoever starts it"),
        ],
    ),
    row(
        "down",
        |it| it.down,
        [By("down"), By("down"), By("down"), By("down"), By("no [Install]"), By("down")],
    ),
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
    only(
        "stdin",
        "`inherit`",
        |it| it.stdin == Some(crate::spec::Stream::Inherit),
        [
            By("sh"),
            By("sh"),
            By("sh"),
            By("execline"),
            Not("there is nothing to inherit; `null` or a file"),
            By("sh"),
        ],
    ),
];
