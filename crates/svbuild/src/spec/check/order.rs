//! What services say of each other: names that are there, moments that come, and no circle.

use std::collections::{BTreeMap, BTreeSet};

use super::{Check, Definitions, Invalid, Service};
use crate::spec::{INSTANCE, Kind, ReadyCheck, Socket, When};

/// The descriptor of the first socket, as `sd_listen_fds(3)` has it.
const FIRST_SOCKET: usize = 3;

/// Types of units, which the name of one ends in.
const UNITS: [&str; 11] = [
    ".service",
    ".target",
    ".socket",
    ".device",
    ".mount",
    ".automount",
    ".path",
    ".timer",
    ".swap",
    ".slice",
    ".scope",
];

impl Definitions {
    /// Everything that is wrong between services.
    pub(super) fn check_order(&self) -> Vec<Invalid> {
        let mut found = Vec::new();
        for (name, service) in &self.service {
            for (key, needs) in service.lists() {
                for need in needs {
                    let is_unit = UNITS.iter().any(|end| need.service.ends_with(end));
                    let why = match self.service.get(&need.service) {
                        None if is_unit => Some(
                            "which is no service of this file; a unit of systemd is named in \
                             `after_external.systemd`",
                        ),
                        None => Some("which is no service of this file"),
                        Some(other) => never(other, need.when),
                    };
                    if let Some(why) = why {
                        let why = format!("names `{}`, {why}", need.service.escape_debug());
                        found.push(Invalid { service: name.clone(), key: key.into(), why });
                    }
                }
            }
        }
        found.extend(self.cycle());
        found
    }

    /// Services that wait for each other.
    fn cycle(&self) -> Option<Invalid> {
        let waits = |(name, service): (&'_ String, &'_ Service)| {
            (name.clone(), service.order().map(str::to_owned).collect())
        };
        let mut waiting: BTreeMap<String, BTreeSet<String>> =
            self.service.iter().map(waits).collect();
        loop {
            let left: BTreeSet<String> = waiting.keys().cloned().collect();
            waiting.retain(|_, after| after.iter().any(|name| left.contains(name)));
            if waiting.len() == left.len() {
                break;
            }
        }
        // Each that is left waits for another that is left, so a walk comes back.
        let mut way = vec![waiting.keys().next()?];
        loop {
            let last = *way.last()?;
            let next = waiting.get(last)?.iter().find(|name| waiting.contains_key(*name))?;
            let start = way.iter().position(|name| *name == next);
            way.push(next);
            if let Some(start) = start {
                let round: Vec<_> = way.get(start..)?.iter().map(|name| name.as_str()).collect();
                let why = format!("goes round: {}", round.join(" after "));
                let second = round.get(1)?;
                let says =
                    |needs: &[crate::spec::Need]| needs.iter().any(|it| it.service == *second);
                let lists = self.service.get(next)?.lists();
                let key = lists.into_iter().find(|(_, needs)| says(needs)).map(|(key, _)| key)?;
                return Some(Invalid { service: next.clone(), key: key.into(), why });
            }
        }
    }
}

/// Why a service never comes so far.
const fn never(service: &Service, when: Option<When>) -> Option<&'static str> {
    match (when, service.kind, &service.ready) {
        (Some(When::Done), Kind::Service, _) => Some("which is never done: it is no job"),
        (Some(When::Ready), Kind::Job, _) => Some("which is never ready: it is a job"),
        (Some(When::Ready), Kind::Service, None) => {
            Some("which never says that it is ready: it has no `ready`")
        }
        _ => None,
    }
}

impl Check<'_> {
    pub(super) fn sockets(&mut self, service: &Service) {
        for (at, Socket { name, listen }) in service.sockets.iter().enumerate() {
            let byte = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
            let first = name.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
            self.that(first && name.bytes().all(byte) && name.len() < 100, "sockets", || {
                "must have a `name` of letters, digits, `_`, `-` and `.`".into()
            });
            let again = service.sockets.iter().take(at).any(|it| it.name == *name);
            self.that(!again, "sockets", || format!("has two of the name `{name}`"));
            let path = listen.starts_with('/') && !listen.ends_with('/') && listen.len() < 108;
            let address = listen.parse::<std::net::SocketAddr>().is_ok_and(|it| it.port() > 0);
            self.that(path || address, "sockets", || {
                "must `listen` at an address and a port, as in \"127.0.0.1:8080\" or \"[::]:80\", or at the \
                 absolute path of a socket of at most 107 bytes"
                    .into()
            });
            self.that(!listen.contains(['\0', '\n']), "sockets", || {
                "has a NUL or a line end in its place".into()
            });
        }
        let fd = match service.ready.as_ref().map(|ready| &ready.check) {
            Some(ReadyCheck::Fd(fd)) => usize::try_from(*fd).ok(),
            _ => None,
        };
        let has_some = !service.sockets.is_empty();
        let is_taken = fd.is_some_and(|fd| has_some && fd < FIRST_SOCKET + service.sockets.len());
        self.that(!is_taken, "ready.fd", || {
            let last = FIRST_SOCKET + service.sockets.len().saturating_sub(1);
            format!("is one of the descriptors of `sockets`, which are {FIRST_SOCKET} to {last}")
        });
        let both = has_some && service.instances.is_some();
        self.that(!both, "sockets", || {
            "cannot be beside `instances`, which would share them".into()
        });
    }

    pub(super) fn instances(&mut self, service: &Service) {
        let Some(count) = service.instances else { return };
        self.that((1..=999).contains(&count), "instances", || "must be 1 to 999".into());
        let own = service.env.contains_key(INSTANCE);
        self.that(!own, &format!("env.{INSTANCE}"), || {
            "is the number of the instance; leave it out, or leave out `instances`".into()
        });
    }

    /// What a job is not, and what only a job is.
    pub(super) fn kind(&mut self, service: &Service) {
        if service.is_job() {
            self.that(service.ready.is_none(), "ready", || {
                "has no meaning for a job, which is done when it has ended".into()
            });
        } else {
            self.that(!service.remain, "remain", || {
                "has no meaning but for a job: `kind = \"job\"`".into()
            });
        }
        for unit in &service.after_external.systemd {
            let stem = UNITS.into_iter().find_map(|suffix| unit.strip_suffix(suffix));
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b":_.@\\-".contains(&byte);
            let good = stem.is_some_and(|stem| !stem.is_empty()) && unit.bytes().all(plain);
            self.that(good && unit.len() < 256, "after_external.systemd", || {
                format!(
                    "has `{}`, which is no name of a unit; write it whole, as in \
                     \"network-online.target\"",
                    unit.escape_debug()
                )
            });
        }
    }
}
