//! Rows of the table of what each target makes of each key.

use super::Target;
use crate::spec::Service;

/// Whether a target can express something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Support {
    /// By these means.
    By(&'static str),
    /// Not; this is the closest alternative.
    Not(&'static str),
}

/// What one row of the table is about.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Capability {
    /// The key, as in [`crate::spec::Key::path`].
    pub key: &'static str,
    /// Which values of it, if the row is not about all.
    pub only: &'static str,
    /// Whether a service asks for it.
    asks: fn(&Service) -> bool,
    /// In the order of [`Target::ALL`].
    pub support: [Support; 8],
}

impl Capability {
    /// Whether a target can express it.
    #[must_use]
    pub const fn of(&self, target: Target) -> Support {
        let [daemontools, encore, runit, s6, s6_rc, systemd, embedded, procfile] = self.support;
        match target {
            Target::Daemontools => daemontools,
            Target::Encore => encore,
            Target::Runit => runit,
            Target::S6 => s6,
            Target::S6Rc => s6_rc,
            Target::Systemd => systemd,
            Target::Embedded => embedded,
            Target::Procfile => procfile,
        }
    }

    /// The same, with this for s6-rc, which without it does as s6.
    pub(super) const fn s6_rc(mut self, support: Support) -> Self {
        let [daemontools, encore, runit, s6, _, systemd, embedded, procfile] = self.support;
        self.support = [daemontools, encore, runit, s6, support, systemd, embedded, procfile];
        self
    }

    /// The same, with this for a Procfile, which without it has nothing.
    pub(super) const fn procfile(mut self, support: Support) -> Self {
        let [daemontools, encore, runit, s6, s6_rc, systemd, embedded, _] = self.support;
        self.support = [daemontools, encore, runit, s6, s6_rc, systemd, embedded, support];
        self
    }

    /// Whether it is about who the service is and who may read what it writes, so that it is never
    /// left out.
    pub(crate) fn is_about_rights(&self, service: &Service) -> bool {
        let text = self.key == "systemd.Service" && service.systemd.is_about_rights();
        text || matches!(
            self.key,
            "user" | "group" | "groups" | "root" | "log.user" | "log.group" | "log.mode"
        )
    }

    /// Whether a service asks for it.
    #[must_use]
    pub fn is_asked(&self, service: &Service) -> bool {
        (self.asks)(service)
    }
}

/// What a Procfile can be given instead.
const NO_LINE: &str = "another target: a Procfile has a name and a command line";

pub(super) const fn limit(
    key: &'static str,
    asks: fn(&Service) -> bool,
    support: [&'static str; 5],
) -> Capability {
    let [softlimit, chpst, s6, systemd, embedded] = support;
    let support = [
        Support::By(softlimit),
        Support::By(softlimit),
        Support::By(chpst),
        Support::By(s6),
        Support::By(systemd),
        Support::By(embedded),
    ];
    only(key, "", asks, support)
}

pub(super) const fn row(
    key: &'static str,
    asks: fn(&Service) -> bool,
    support: [Support; 6],
) -> Capability {
    only(key, "", asks, support)
}

/// A row with what is for daemontools, encore, runit, s6, systemd and embedded.
pub(super) const fn only(
    key: &'static str,
    only: &'static str,
    asks: fn(&Service) -> bool,
    support: [Support; 6],
) -> Capability {
    let [daemontools, encore, runit, s6, systemd, embedded] = support;
    let procfile = Support::Not(NO_LINE);
    let support = [daemontools, encore, runit, s6, s6, systemd, embedded, procfile];
    Capability { key, only, asks, support }
}
