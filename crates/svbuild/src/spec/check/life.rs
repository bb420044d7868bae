//! Readiness, stops and restarts.

use std::{os::unix::ffi::OsStrExt as _, path::PathBuf, time::Duration};

use super::Check;
use crate::spec::{
    Control, Health, HealthCheck, Id, Ready, ReadyCheck, Reload, Restart, RestartPolicy, Service,
    Stop, Time, Word,
};

/// The longest time that is counted in seconds.
const DAY: u64 = 86_400;

impl Check<'_> {
    pub(super) fn ready(&mut self, ready: Option<&Ready>) {
        let Some(Ready { check, timeout }) = ready else { return };
        match check {
            ReadyCheck::Notify => (),
            ReadyCheck::Fd(fd) => self.that((3..=255).contains(fd), "ready.fd", || {
                "must be 3 to 255: 0 to 2 are the standard streams".into()
            }),
            ReadyCheck::Tcp(address) => self.address("ready.tcp", address),
            ReadyCheck::Http(url) => self.url("ready.http", url),
            ReadyCheck::Command(argv) => self.program("ready.command", argv),
        }
        self.milliseconds("ready.timeout", *timeout);
    }

    fn address(&mut self, key: &str, address: &str) {
        self.that(host_and_port(address).is_some(), key, || {
            "must be HOST:PORT, as in \"127.0.0.1:8080\" or \"[::1]:8080\"".into()
        });
    }

    fn url(&mut self, key: &str, url: &str) {
        let scheme = url.starts_with("http://") || url.starts_with("https://");
        let plain = url.bytes().all(|byte| byte.is_ascii_graphic());
        self.that(scheme && plain, key, || {
            "must be a URL that begins with http:// or https://, without blanks".into()
        });
    }

    pub(super) fn program(&mut self, key: &str, argv: &[Word]) {
        self.that(!argv.is_empty(), key, || "must name a program".into());
        self.argv(key, argv);
    }

    pub(super) fn health(&mut self, service: &Service) {
        let notifies = matches!(&service.ready, Some(Ready { check: ReadyCheck::Notify, .. }));
        self.that(service.watchdog.is_none() || notifies, "watchdog", || {
            "needs `ready = { notify = true }`: what it says goes the same way".into()
        });
        self.milliseconds("watchdog", service.watchdog);
        let Some(Health { check, every, timeout, failures, then: _ }) = &service.health else {
            return;
        };
        match check {
            HealthCheck::Tcp(address) => self.address("health.tcp", address),
            HealthCheck::Http(url) => self.url("health.http", url),
            HealthCheck::Command(argv) => self.program("health.command", argv),
        }
        self.milliseconds("health.every", *every);
        self.milliseconds("health.timeout", *timeout);
        self.that(failures.is_none_or(|it| (1..=1000).contains(&it)), "health.failures", || {
            "must be 1 to 1000".into()
        });
        self.that(!service.is_job(), "health", || {
            "has no meaning for a job, which is done when it has ended".into()
        });
    }

    pub(super) fn failure(&mut self, service: &Service) {
        self.argv("on_failure", &service.on_failure);
        let restart = &service.restart;
        let gives_up = match restart.when {
            Restart::Never => true,
            // A job without the key is never started again.
            Restart::Always if service.is_job() => true,
            _ => restart.max.is_some(),
        };
        self.that(service.on_failure.is_empty() || gives_up, "on_failure", || {
            "would never run: the service is started again without end. It needs `restart.max` and \
             `restart.within`, or `restart = \"never\"`"
                .into()
        });
    }

    pub(super) fn restart_on_change(&mut self, patterns: &[PathBuf]) {
        // Once for all of them, which have one place.
        let relative = patterns.iter().find(|pattern| !pattern.is_absolute());
        self.path("restart_on_change", relative.or(patterns.first()).map(PathBuf::as_path));
        for pattern in patterns {
            let parts: Vec<_> = pattern.as_os_str().as_bytes().split(|it| *it == b'/').collect();
            let many = |part: &&[u8]| *part == b"**" || !part.windows(2).any(|it| it == b"**");
            let closed = |part: &&[u8]| {
                let mut rest = *part;
                while let Some(at) = rest.iter().position(|byte| *byte == b'[') {
                    // A bracket right after the first one stands for itself.
                    let from = rest.get(at + 2..).unwrap_or_default();
                    let Some(end) = from.iter().position(|byte| *byte == b']') else {
                        return false;
                    };
                    rest = from.get(end + 1..).unwrap_or_default();
                }
                true
            };
            self.that(parts.iter().all(many), "restart_on_change", || {
                "has `**` beside other characters; it stands alone between two `/`".into()
            });
            self.that(parts.iter().all(closed), "restart_on_change", || {
                "has a `[` without a `]`; a `[` itself is written `[[]`".into()
            });
        }
    }

    pub(super) fn stop(&mut self, stop: &Stop) {
        self.milliseconds("stop.kill_after", stop.kill_after);
        self.argv("stop.command", &stop.command);
    }

    pub(super) fn reload(&mut self, reload: Option<&Reload>) {
        let Some(Reload { signal, command, check }) = reload else { return };
        self.that(signal.is_none() || command.is_empty(), "reload.signal", || {
            "cannot be beside `reload.command`, which takes its place".into()
        });
        self.argv("reload.command", command);
        self.argv("reload.check", check);
    }

    /// What `timeout-kill` of s6 holds: a 32-bit number of milliseconds.
    fn milliseconds(&mut self, key: &str, time: Option<Time>) {
        let fits = |time: Duration| {
            time.subsec_nanos() % 1_000_000 == 0
                && (1..=u128::from(u32::MAX)).contains(&time.as_millis())
        };
        self.that(time.is_none_or(|time| fits(time.0)), key, || {
            "must be 1ms or more, in whole milliseconds, and less than 49 days".into()
        });
    }

    pub(super) fn control(&mut self, control: Option<&Control>) {
        let Some(Control { group, mode }) = control else { return };
        self.that(group.is_some() || mode.is_some(), "control", || {
            "must say who may ask: `group`, as in `control = { group = \"ops\" }`, or `mode`".into()
        });
        if let Some(Id::Name(name)) = group {
            let parsed = name.parse::<Id>();
            self.that(parsed.is_ok(), "control.group", || {
                parsed.err().map(|why| why.to_string()).unwrap_or_default()
            });
        }
        let digit = |it: u16| matches!(it & 7, 0 | 5 | 7);
        let fits = |mode: u16| mode & !0o077 == 0o700 && digit(mode >> 3) && digit(mode);
        self.that(mode.is_none_or(|mode| fits(mode.0)), "control.mode", || {
            "must be 7 for the owner, and for the group and all others 7 (may ask), 5 (may look) or 0".into()
        });
    }

    pub(super) fn restart(&mut self, service: &Service) {
        let RestartPolicy { when, delay, max, within, max_delay } = service.restart;
        for (key, time) in [("delay", delay), ("within", within), ("max_delay", max_delay)] {
            let whole =
                |Time(time): Time| time.subsec_nanos() == 0 && (1..=DAY).contains(&time.as_secs());
            self.that(time.is_none_or(whole), &format!("restart.{key}"), || {
                "must be whole seconds, from 1s to a day".into()
            });
        }
        self.that(max.is_none_or(|max| (1..=1000).contains(&max)), "restart.max", || {
            "must be 1 to 1000".into()
        });
        for (key, given, other) in
            [("max", max.is_some(), "within"), ("within", within.is_some(), "max")]
        {
            let alone = given && max.is_some() != within.is_some();
            self.that(!alone, &format!("restart.{key}"), || {
                format!("needs `restart.{other}`: so many starts within such a time")
            });
        }
        if when == Restart::Never {
            for (key, given) in [("max", max.is_some()), ("max_delay", max_delay.is_some())] {
                self.that(!given, &format!("restart.{key}"), || {
                    "has no meaning with `never`, after which there is no other start".into()
                });
            }
        }
        let least = delay.map_or(Duration::from_secs(1), |delay| delay.0);
        self.that(max_delay.is_none_or(|most| most.0 > least), "restart.max_delay", || {
            "must be longer than `restart.delay`, which is 1s if it is not given".into()
        });
    }
}

/// `HOST:PORT`, with brackets around an IPv6 address.
pub(crate) fn host_and_port(address: &str) -> Option<(&str, u16)> {
    let (host, port) = address.rsplit_once(':')?;
    let port: u16 = port.parse().ok().filter(|_| port.bytes().all(|byte| byte.is_ascii_digit()))?;
    let host = match host.strip_prefix('[') {
        Some(inner) => inner.strip_suffix(']').filter(|it| it.contains(':'))?,
        None => Some(host).filter(|it| !it.contains(':'))?,
    };
    let byte = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:%".contains(&byte);
    let good = !host.is_empty() && host.bytes().all(byte) && !host.starts_with('-') && port > 0;
    good.then_some((host, port))
}
