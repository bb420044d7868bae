//! Text for the unit file alone: `[service.web.systemd.Service]`, and its `Unit` and `Install`.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error as _, SeqAccess, Visitor},
};

use super::{Id, ReadyCheck, Restart, Service, is_default};

/// The values of a directive, each for a line of its own, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directive(pub Vec<String>);

/// `systemd`: directives for the unit file, by section. They take the place of what the unit says of
/// itself; what a key has written is not theirs to say.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Systemd {
    /// `[service.NAME.systemd.Unit]`.
    #[serde(rename = "Unit", skip_serializing_if = "is_default")]
    pub unit: BTreeMap<String, Directive>,
    /// `[service.NAME.systemd.Service]`.
    #[serde(rename = "Service", skip_serializing_if = "is_default")]
    pub service: BTreeMap<String, Directive>,
    /// `[service.NAME.systemd.Install]`.
    #[serde(rename = "Install", skip_serializing_if = "is_default")]
    pub install: BTreeMap<String, Directive>,
}

impl Systemd {
    /// No text.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a line to `[Unit]`.
    #[must_use]
    pub fn unit(mut self, directive: impl Into<String>, value: impl Into<String>) -> Self {
        self.unit.entry(directive.into()).or_default().0.push(value.into());
        self
    }

    /// Adds a line to `[Service]`.
    ///
    /// ```
    /// use svbuild::{Definitions, Options, Service, Target, spec::Systemd};
    ///
    /// let web = Service::new(["/bin/web"]).systemd(Systemd::new().service("ProtectSystem", "strict"));
    /// let plan = Definitions::default().with("web", web).render(Target::Systemd, Options::new())?;
    /// assert!(plan.to_string().contains("ProtectSystem=strict"));
    /// # Ok::<(), svbuild::Error>(())
    /// ```
    #[must_use]
    pub fn service(mut self, directive: impl Into<String>, value: impl Into<String>) -> Self {
        self.service.entry(directive.into()).or_default().0.push(value.into());
        self
    }

    /// Adds a line to `[Install]`.
    #[must_use]
    pub fn install(mut self, directive: impl Into<String>, value: impl Into<String>) -> Self {
        self.install.entry(directive.into()).or_default().0.push(value.into());
        self
    }

    /// The directives of a section, by its name.
    pub(crate) fn section(&self, name: &str) -> &BTreeMap<String, Directive> {
        match name {
            "Unit" => &self.unit,
            "Install" => &self.install,
            _ => &self.service,
        }
    }

    /// Whether it says whose process the service is: without it, that would be root's.
    pub(crate) fn is_about_rights(&self) -> bool {
        self.service.contains_key("DynamicUser")
    }

    /// What is wrong with it: the key, and why.
    pub(super) fn wrong(&self, service: &Service) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for section in ["Unit", "Service", "Install"] {
            for (directive, Directive(values)) in self.section(section) {
                let key = format!("systemd.{section}.{directive}");
                let good = directive.starts_with(|c: char| c.is_ascii_uppercase())
                    && directive.bytes().all(|byte| byte.is_ascii_alphanumeric());
                if !good {
                    let why = "must be the name of a directive, as in `ProtectSystem`: letters and digits, a capital one first";
                    found.push((key.clone(), why.to_owned()));
                }
                let clean =
                    |value: &String| !value.contains(char::is_control) && !value.ends_with('\\');
                if !values.iter().all(clean) {
                    let why = "must be one line without control characters and a final backslash; several lines are an array";
                    found.push((key.clone(), why.to_owned()));
                }
                if let Some(own) = written_by(service, directive) {
                    let why =
                        format!("is written by the key `{own}` as well; leave one of the two out");
                    found.push((key, why));
                } else if let Some(own) = only_by_key(directive) {
                    let why = format!("is what the key `{own}` is for, which every target has");
                    found.push((key, why));
                }
            }
        }
        found
    }
}

/// Directives without which the service would be another one elsewhere, and their keys.
fn only_by_key(directive: &str) -> Option<&'static str> {
    Some(match directive {
        "ExecStart" => "exec",
        "User" => "user",
        "Group" => "group",
        "SupplementaryGroups" => "groups",
        "RootDirectory" => "root",
        _ => return None,
    })
}

/// The key of this service that writes a directive, if one does.
fn written_by(service: &Service, directive: &str) -> Option<&'static str> {
    let it = service;
    let asks = it.ready.as_ref().is_some_and(|ready| {
        matches!(ready.check, ReadyCheck::Tcp(_) | ReadyCheck::Http(_) | ReadyCheck::Command(_))
    });
    let limits = it.limits.each();
    let limited = |key: &str| limits.iter().any(|(limit, _)| *limit == key);
    let external = &it.after_external.systemd;
    let waits =
        it.lists().into_iter().find(|(_, needs)| !needs.is_empty()).map_or("after", |it| it.0);
    let (written, key) = match directive {
        "Description" => (it.description.is_some(), "description"),
        "After" if it.order().next().is_none() => (!external.is_empty(), "after_external.systemd"),
        "After" => (true, waits),
        // An entry of `after` may be a job.
        "Requires" => (!it.needs.is_empty() || !it.after.is_empty(), waits),
        "Wants" if it.wants.is_empty() => (!external.is_empty(), "after_external.systemd"),
        "Wants" => (true, "wants"),
        "ExecStart" => (true, "exec"),
        "ExecSearchPath" | "Environment" => (!it.env.is_empty(), "env"),
        "Type" if it.is_job() => (true, "kind"),
        "RemainAfterExit" => (it.remain, "remain"),
        "SuccessExitStatus" => (!it.success.is_empty(), "success"),
        "Type" | "NotifyAccess" => (it.ready.is_some(), "ready"),
        "ExecStartPre" => (!it.pre.is_empty(), "pre"),
        "ExecStartPost" => (asks, "ready"),
        "TimeoutStartSec" if it.ready.is_none() => (!it.pre.is_empty(), "pre"),
        "TimeoutStartSec" => (true, "ready"),
        "ExecStop" => (!it.stop.command.is_empty(), "stop.command"),
        "ExecReload" => (it.reload.is_some(), "reload"),
        "Sockets" => (!it.sockets.is_empty(), "sockets"),
        "OnFailure" => (!it.on_failure.is_empty(), "on_failure"),
        "WatchdogSec" => (it.watchdog.is_some(), "watchdog"),
        "ExecStopPost" => (!it.finish.is_empty(), "finish"),
        "Restart" => (it.restart.when != Restart::default() || it.is_job(), "restart"),
        "RestartForceExitStatus" => (it.restart.when == Restart::OnFailure, "restart"),
        "RestartSec" => (it.restart.delay.is_some(), "restart.delay"),
        "StartLimitBurst" => (it.restart.max.is_some(), "restart.max"),
        "StartLimitIntervalSec" => (it.restart.within.is_some(), "restart.within"),
        "RestartSteps" | "RestartMaxDelaySec" => {
            (it.restart.max_delay.is_some(), "restart.max_delay")
        }
        "KillMode" => (it.stop.group.is_some(), "stop.group"),
        "KillSignal" => (it.stop.signal.is_some(), "stop.signal"),
        "TimeoutStopSec" => (it.stop.kill_after.is_some(), "stop.kill_after"),
        "TimeoutSec" => (it.stop.kill_after.is_some() || it.ready.is_some(), "stop.kill_after"),
        "RuntimeDirectory" | "RuntimeDirectoryMode" | "RuntimeDirectoryPreserve" => {
            (!it.dirs.runtime.names.is_empty(), "dirs.runtime")
        }
        "StateDirectory" | "StateDirectoryMode" => (!it.dirs.state.names.is_empty(), "dirs.state"),
        "CacheDirectory" | "CacheDirectoryMode" => (!it.dirs.cache.names.is_empty(), "dirs.cache"),
        "LogsDirectory" | "LogsDirectoryMode" => (!it.dirs.logs.names.is_empty(), "dirs.logs"),
        "RootDirectory" => (it.root.is_some(), "root"),
        "WorkingDirectory" => (it.cwd.is_some(), "cwd"),
        "User" => (it.user.is_some(), "user"),
        "UnsetEnvironment" => (matches!(it.user, Some(Id::Number(_))), "user"),
        "Group" => (it.group.is_some(), "group"),
        "SupplementaryGroups" => (!it.groups.is_empty(), "groups"),
        "EnvironmentFile" => (!it.env_file.is_empty(), "env_file"),
        "UMask" => (it.umask.is_some(), "umask"),
        "Nice" => (it.nice.is_some(), "nice"),
        "IOSchedulingClass" | "IOSchedulingPriority" => (it.io_priority.is_some(), "io_priority"),
        "LimitAS" => (limited("address_space"), "limits.address_space"),
        "LimitDATA" => (limited("data"), "limits.data"),
        "LimitSTACK" => (limited("stack"), "limits.stack"),
        "LimitMEMLOCK" => (limited("locked_memory"), "limits.locked_memory"),
        "LimitRSS" => (limited("rss"), "limits.rss"),
        "LimitFSIZE" => (limited("file_size"), "limits.file_size"),
        "LimitCORE" => (limited("core"), "limits.core"),
        "LimitNOFILE" => (limited("files"), "limits.files"),
        "LimitNPROC" => (limited("processes"), "limits.processes"),
        "LimitCPU" => (limited("cpu"), "limits.cpu"),
        "MemoryMax" => (it.resources.memory_max.is_some(), "resources.memory_max"),
        "MemoryHigh" => (it.resources.memory_high.is_some(), "resources.memory_high"),
        "MemorySwapMax" => (it.resources.swap_max.is_some(), "resources.swap_max"),
        "TasksMax" => (it.resources.pids.is_some(), "resources.pids"),
        "CPUQuota" => (it.resources.cpu.is_some(), "resources.cpu"),
        "CPUWeight" => (it.resources.cpu_weight.is_some(), "resources.cpu_weight"),
        "IOWeight" => (it.resources.io_weight.is_some(), "resources.io_weight"),
        "StandardInput" => (it.stdin.is_some(), "stdin"),
        "StandardOutput" => (it.stdout.is_some(), "stdout"),
        "StandardError" => (it.stderr.is_some(), "stderr"),
        "SyslogIdentifier" | "LogNamespace" => (it.log.is_some(), "log"),
        "WantedBy" => (it.down, "down"),
        _ => return None,
    };
    written.then_some(key)
}

impl Serialize for Directive {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0[..] {
            [one] => one.serialize(serializer),
            all => all.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Directive {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Values { array: true })
    }
}

/// One of an array.
struct One(Directive);

impl<'de> Deserialize<'de> for One {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Values { array: false }).map(Self)
    }
}

struct Values {
    array: bool,
}

impl<'de> Visitor<'de> for Values {
    type Value = Directive;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the text of a directive: a string, a whole number or a boolean")?;
        f.write_str(if self.array { ", or an array of those" } else { "" })
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Directive, E> {
        Ok(Directive(vec![text.to_owned()]))
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<Directive, E> {
        Ok(Directive(vec![value.to_string()]))
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Directive, E> {
        Ok(Directive(vec![number.to_string()]))
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Directive, E> {
        Ok(Directive(vec![number.to_string()]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Directive, A::Error> {
        if !self.array {
            return Err(A::Error::invalid_type(serde::de::Unexpected::Seq, &self));
        }
        let mut all = Vec::new();
        while let Some(One(Directive(values))) = seq.next_element()? {
            all.extend(values);
        }
        Ok(Directive(all))
    }
}
