//! What a process is: its program, its directory, its variables, whose it is, its streams.

use crate::{
    spec::{Id, IoClass, Service, Stream},
    target::capability::{
        Capability,
        Support::{self, By, Not},
        only, row,
    },
};

const NAMES: &str = "numbers; names are looked up below `root`";

const BY_SH: Support = By("sh, before the program");

pub(super) const ROWS: [Capability; 27] = [
    row(
        "exec",
        |_| true,
        [By("exec"), By("exec"), By("exec"), By("execline"), By("ExecStart="), By("exec")],
    )
    .s6_rc(By("run; up, of a job"))
    .procfile(By("exec")),
    row("expand", |it| it.expand == Some(true), [BY_SH; 6]).procfile(BY_SH),
    row(
        "pre",
        |it| !it.pre.is_empty(),
        [By("run"), By("run"), By("run"), By("run"), By("ExecStartPre="), By("run")],
    )
    .s6_rc(By("run; up, of a job"))
    .procfile(By("&&")),
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
    )
    .procfile(By("comment")),
    row(
        "cwd",
        |it| it.cwd.is_some(),
        [By("cd"), By("cd"), By("cd"), By("cd"), By("WorkingDirectory="), By("cd")],
    )
    .procfile(By("cd")),
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
    )
    .s6_rc(By("s6-envdir; up, of a job"))
    .procfile(By(".env, export")),
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
    )
    .procfile(By("umask")),
    row(
        "nice",
        |it| it.nice.is_some(),
        [By("nice"), By("nice"), By("chpst -n"), By("nice"), By("Nice="), By("nice")],
    )
    .procfile(By("nice")),
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
    dirs("dirs.runtime", |it| !it.dirs.runtime.names.is_empty(), "RuntimeDirectory="),
    dirs("dirs.state", |it| !it.dirs.state.names.is_empty(), "StateDirectory="),
    dirs("dirs.cache", |it| !it.dirs.cache.names.is_empty(), "CacheDirectory="),
    dirs("dirs.logs", |it| !it.dirs.logs.names.is_empty(), "LogsDirectory="),
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
    )
    .s6_rc(By("s6, for every service; s6-setsid, of a job")),
    row(
        "stdin",
        |it| it.stdin.is_some(),
        [By("<"), By("<"), By("<"), By("redirfd"), By("StandardInput="), By("<")],
    )
    .procfile(By("<")),
    only(
        "stdin",
        "`inherit`",
        |it| it.stdin == Some(Stream::Inherit),
        [
            By("sh"),
            By("sh"),
            By("sh"),
            By("execline"),
            Not("there is nothing to inherit; `null` or a file"),
            By("sh"),
        ],
    )
    .procfile(By("whoever runs it, for every service that does not say otherwise")),
    row(
        "stdout",
        |it| it.stdout.is_some(),
        [By(">>"), By(">>"), By(">>"), By("redirfd"), By("StandardOutput="), By(">>")],
    )
    .procfile(By(">>")),
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
    )
    .procfile(By(">>, >&; whoever runs it, for every service that does not say otherwise")),
];

const fn dirs(key: &'static str, asks: fn(&Service) -> bool, systemd: &'static str) -> Capability {
    let made = By("mkdir, chown, chmod");
    row(key, asks, [made, made, made, made, By(systemd), made])
}
