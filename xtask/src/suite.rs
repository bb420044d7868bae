//! The suites that live tests run against, and what each needs to be installed.

use std::path::Path;

use clap::ValueEnum;

use crate::command;

/// A suite of supervision programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Suite {
    /// runit
    Runit,
    /// daemontools
    Daemontools,
    /// daemontools-encore, which no distribution packages: in `SV_ENCORE_BIN`, else on `PATH`
    Encore,
    /// s6, with execline
    S6,
    /// systemd, in a machine of its own
    Systemd,
}

impl Suite {
    /// All of them, in the order in which they are shown.
    pub(crate) const ALL: [Self; 5] =
        [Self::Runit, Self::Daemontools, Self::Encore, Self::S6, Self::Systemd];

    /// Those whose supervisors are started one for one, by each test.
    pub(crate) const FAMILY: [Self; 4] = [Self::Runit, Self::Daemontools, Self::Encore, Self::S6];

    /// Those of them that `setup` installs.
    pub(crate) const PACKAGED: [Self; 3] = [Self::Runit, Self::Daemontools, Self::S6];

    /// The name on the command line; also the name of the module with its live tests.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Runit => "runit",
            Self::Daemontools => "daemontools",
            Self::Encore => "encore",
            Self::S6 => "s6",
            Self::Systemd => "systemd",
        }
    }

    /// The program that supervises one service directory.
    pub(crate) const fn supervisor(self) -> &'static str {
        match self {
            Self::Runit => "runsv",
            Self::Daemontools | Self::Encore => "supervise",
            Self::S6 => "s6-supervise",
            Self::Systemd => "/lib/systemd/systemd",
        }
    }
}

/// A program that must be on `PATH`, or at this path, and the Debian package it comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Requirement {
    /// The suite it belongs to; `None` for what is needed besides, once all suites are.
    pub(crate) suite: Option<Suite>,
    pub(crate) program: &'static str,
    pub(crate) package: &'static str,
}

/// What of these suites is not on `PATH`.
pub(crate) fn missing(suites: &[Suite]) -> Vec<Requirement> {
    let wanted = REQUIREMENTS.iter().filter(|it| match it.suite {
        Some(suite) => suites.contains(&suite),
        None => Suite::ALL.iter().all(|suite| suites.contains(suite)),
    });
    wanted.filter(|it| !is_there(it.program)).copied().collect()
}

fn is_there(program: &str) -> bool {
    if program.starts_with('/') { Path::new(program).exists() } else { command::on_path(program) }
}

const fn needs(suite: Suite, program: &'static str, package: &'static str) -> Requirement {
    Requirement { suite: Some(suite), program, package }
}

/// What generated files name besides the suites' programs, what judges unit files and manual pages,
/// and a terminal with shells.
const fn besides(program: &'static str, package: &'static str) -> Requirement {
    Requirement { suite: None, program, package }
}

const REQUIREMENTS: [Requirement; 46] = [
    needs(Suite::Runit, "runsv", "runit"),
    needs(Suite::Runit, "runsvdir", "runit"),
    needs(Suite::Runit, "sv", "runit"),
    needs(Suite::Daemontools, "supervise", "daemontools"),
    needs(Suite::Daemontools, "svscan", "daemontools"),
    needs(Suite::Daemontools, "svstat", "daemontools"),
    needs(Suite::Daemontools, "svc", "daemontools"),
    needs(Suite::S6, "s6-supervise", "s6"),
    needs(Suite::S6, "s6-svscan", "s6"),
    needs(Suite::S6, "s6-svstat", "s6"),
    needs(Suite::S6, "s6-svc", "s6"),
    needs(Suite::S6, "execlineb", "execline"),
    needs(Suite::Runit, "chpst", "runit"),
    needs(Suite::Runit, "svlogd", "runit"),
    needs(Suite::Daemontools, "softlimit", "daemontools"),
    needs(Suite::Daemontools, "multilog", "daemontools"),
    needs(Suite::S6, "s6-softlimit", "s6"),
    needs(Suite::S6, "s6-log", "s6"),
    besides("bash", "bash"),
    besides("chroot", "coreutils"),
    besides("curl", "curl"),
    besides("faketime", "faketime"),
    besides("fish", "fish"),
    besides("foreman", "ruby-foreman"),
    besides("ionice", "util-linux"),
    besides("mandoc", "mandoc"),
    besides("nc", "netcat-openbsd"),
    besides("prlimit", "util-linux"),
    besides("python3", "python3"),
    besides("/usr/share/doc/python3-venv/copyright", "python3-venv"),
    besides(
        "/usr/lib/python3/dist-packages/prometheus_client/openmetrics/parser.py",
        "python3-prometheus-client",
    ),
    besides("ssh", "openssh-client"),
    besides("strace", "strace"),
    besides("systemd-analyze", "systemd"),
    besides("tini", "tini"),
    besides("tmux", "tmux"),
    besides("zsh", "zsh"),
    needs(Suite::Systemd, "/lib/systemd/systemd", "systemd"),
    needs(Suite::Systemd, "systemctl", "systemd"),
    needs(Suite::Systemd, "dbus-daemon", "dbus"),
    needs(Suite::Systemd, "/usr/lib/systemd/user/dbus.socket", "dbus-user-session"),
    needs(Suite::Systemd, "/usr/lib/polkit-1/polkitd", "polkitd"),
    needs(Suite::Systemd, "unshare", "util-linux"),
    needs(Suite::Systemd, "nsenter", "util-linux"),
    needs(Suite::Systemd, "setpriv", "util-linux"),
    needs(Suite::Systemd, "install", "coreutils"),
];
