//! `cargo xtask daemons`: daemons of Debian under runsv, by the scripts that Debian has for them, and whether
//! `svctl lint` agrees with what becomes of them; with `--built` nine of them from one file of definitions, under
//! each supervisor.

use std::{collections::BTreeMap, ffi::OsString};

use serde_json::Value;

use crate::{
    command,
    failure::Failure,
    roots::{self, Root},
    workspace::Workspace,
};

/// Installed in the root. Others of runit-services stay without their daemon.
const PACKAGES: [&str; 20] = [
    "acpid",
    "anacron",
    "apache2",
    "at",
    "cron",
    "dbus",
    "haveged",
    "preload",
    "rsyslog",
    "openssh-server",
    "tor",
    "git-daemon-run",
    "chrony",
    "isc-dhcp-server",
    "mdadm",
    "proftpd-core",
    "dnsmasq",
    "cups-daemon",
    "exim4-daemon-light",
    "atftpd",
];
/// Installed for the definitions, with what asks the daemons.
const BUILT: [&str; 13] = [
    "nginx",
    "redis-server",
    "postgresql-15",
    "mosquitto",
    "openssh-server",
    "memcached",
    "haproxy",
    "cron",
    "prometheus-node-exporter",
    "iproute2",
    "curl",
    "netcat-openbsd",
    "util-linux",
];
/// So many of them have to run for the comparison to say something.
const ENOUGH: usize = 15;
const SCRIPT: &str = include_str!("daemons.sh");
const SCRIPT_OF_BUILT: &str = include_str!("built.sh");

/// What became of one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Up for 15 s, with one process.
    Stays,
    /// Its own script has put it down: it has nothing to do here.
    PutDown,
    /// It ends again and again.
    Ends,
}

impl Fate {
    const fn in_words(self) -> &'static str {
        match self {
            Self::Stays => "stays up",
            Self::PutDown => "put down by its own script",
            Self::Ends => "ends again and again",
        }
    }

    /// Whether an error that lint finds, or finds not, fits.
    const fn agrees(self, has_error: bool) -> bool {
        match self {
            Self::Stays => !has_error,
            Self::PutDown => true,
            Self::Ends => has_error,
        }
    }
}

/// The task.
///
/// # Errors
///
/// There is no root of Debian 12, the daemons cannot be installed there, fewer than 15 of them run, or lint does
/// not agree.
pub(crate) fn run() -> Result<(), Failure> {
    let words = PACKAGES.map(OsString::from);
    let said = in_root(SCRIPT, words)?.stderr(std::process::Stdio::inherit()).output();
    let said = said.map_err(|why| Failure::cannot("run the daemons", why))?;
    let text = String::from_utf8_lossy(&said.stdout);
    let all: Vec<Value> = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let [waits, rows, findings] = all.as_slice() else {
        return Err(Failure::Because(format!("the daemons were not run: {}\n{text}", said.status)));
    };
    compare(&fates(waits, rows), findings)
}

/// The task with `--built`.
///
/// # Errors
///
/// There is no root of Debian 12, the daemons cannot be installed there, or one of them is not as it was defined.
pub(crate) fn built() -> Result<(), Failure> {
    let file = command::root().join("examples/daemons/svcmgr.toml");
    let words = std::iter::once(file.into()).chain(BUILT.map(OsString::from));
    let mut command = in_root(SCRIPT_OF_BUILT, words)?;
    let status = command.status().map_err(|why| command::not_run(&command, &why))?;
    command::passed_on(status)
}

/// A script in the root of Debian 12, whose first argument is svctl.
fn in_root(
    script: &str,
    more: impl IntoIterator<Item = OsString>,
) -> Result<std::process::Command, Failure> {
    let root = roots::require(Root::Debian12)?;
    let built = command::capture(&mut command::cargo(["build", "-q", "-p", "svctl"]))?;
    if !built.ok {
        return Err(Failure::Because(built.text));
    }
    let svctl = Workspace::load()?.target.join("debug/svctl");
    let mut words: Vec<OsString> = ["sh", "-c", script, "sh"].map(OsString::from).to_vec();
    words.push(svctl.into());
    words.extend(more);
    roots::command(&root, &words)
}

fn fates(waits: &Value, rows: &Value) -> BTreeMap<String, Fate> {
    let text = |row: &Value, name| row.get(name).and_then(Value::as_str).map(str::to_owned);
    let rows: BTreeMap<_, _> =
        of(rows).iter().filter_map(|row| Some((text(row, "service")?, row))).collect();
    let fate = |wait: &Value| {
        let name = text(wait, "service")?;
        let outcome = text(wait, "outcome").unwrap_or_default();
        let row = rows.get(&name)?;
        let is_down = text(row, "state").as_deref() == Some("down")
            && text(row, "want").as_deref() == Some("down");
        let stays = matches!(outcome.as_str(), "reached" | "already");
        Some((
            name,
            if stays {
                Fate::Stays
            } else if is_down {
                Fate::PutDown
            } else {
                Fate::Ends
            },
        ))
    };
    of(waits).iter().filter_map(fate).collect()
}

fn of(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn compare(fates: &BTreeMap<String, Fate>, findings: &Value) -> Result<(), Failure> {
    let mut stay = 0;
    let mut wrong = Vec::new();
    for (name, fate) in fates {
        let below = format!("/srv/scan/{name}/");
        let is_its = |it: &&Value| {
            let path = it.get("path").and_then(Value::as_str).unwrap_or_default();
            path.contains(&below) && it.get("severity").and_then(Value::as_str) == Some("error")
        };
        let codes: Vec<&str> = of(findings)
            .iter()
            .filter(is_its)
            .filter_map(|it| it.get("code").and_then(Value::as_str))
            .collect();
        let said = if codes.is_empty() { "nothing".to_owned() } else { codes.join(", ") };
        println!("{name:<20} {:<28} lint: {said}", fate.in_words());
        stay += usize::from(*fate == Fate::Stays);
        if !fate.agrees(!codes.is_empty()) {
            wrong.push(name.as_str());
        }
    }
    if !wrong.is_empty() {
        return Err(Failure::Because(format!("lint does not agree: {}", wrong.join(", "))));
    }
    if stay < ENOUGH {
        return Err(Failure::Because(format!("{stay} daemons run; {ENOUGH} are to")));
    }
    println!("daemons: {stay} stay up, and lint agrees with all {}", fates.len());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lint_has_to_agree_with_what_became_of_each() {
        let fates: BTreeMap<_, _> = (0..ENOUGH)
            .map(|it| (format!("s{it}"), Fate::Stays))
            .chain([("gone".to_owned(), Fate::Ends)])
            .collect();
        let finding =
            |path: &str| serde_json::json!([{"path": path, "severity": "error", "code": "x"}]);
        assert!(compare(&fates, &finding("/srv/scan/gone/run")).is_ok());
        assert!(compare(&fates, &finding("/srv/scan/s1/run")).is_err());
        assert!(compare(&fates, &serde_json::json!([])).is_err());
    }

    #[test]
    fn what_put_itself_down_does_not_end_again_and_again() {
        let waits = serde_json::json!([
            {"service": "a", "outcome": "reached"}, {"service": "b", "outcome": "deadline"},
            {"service": "c", "outcome": "never"}]);
        let rows = serde_json::json!([
            {"service": "a", "state": "up", "want": "up"},
            {"service": "b", "state": "backoff", "want": "up"},
            {"service": "c", "state": "down", "want": "down"}]);
        let said: Vec<_> = fates(&waits, &rows).values().map(|it| it.in_words()).collect();
        assert_eq!(said, ["stays up", "ends again and again", "put down by its own script"]);
    }
}
