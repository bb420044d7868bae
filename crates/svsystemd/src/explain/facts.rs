//! What is known of a unit: everything that its manager says, what waits before its job, and the lines of
//! its files.

use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
    time::Duration,
};

use svclient::Evidence;

use crate::{
    Action, Error, Properties, PropertyValue, Unit, UnitName, UnitStatus,
    error::Subject,
    obstacle::Around,
    wire::{
        call::{JOB, MANAGER_PATH},
        reply,
    },
};

/// No more of a file is read.
const MOST: u64 = 256 * 1024;

pub(super) struct Facts {
    pub(super) unit: UnitName,
    status: UnitStatus,
    pub(super) around: Around,
    /// Whether the files that it names are those that are seen from here.
    pub(super) is_here: bool,
    /// `systemctl`, and `--user` for the manager of a user.
    systemctl: &'static str,
    /// The pending job.
    pub(super) job: Option<Pending>,
    /// Its file and its drop-ins, the last has the last word.
    files: Vec<(PathBuf, String)>,
    /// `CLOCK_MONOTONIC`.
    now: Duration,
}

/// A job that is not over.
pub(super) struct Pending {
    pub(super) kind: String,
    pub(super) is_waiting: bool,
    /// The units whose jobs come first.
    pub(super) before: Vec<String>,
}

/// As on the wire: number, unit, type, state, and two paths.
type JobRow = (u32, String, String, String, zbus::OwnedObjectPath, zbus::OwnedObjectPath);

impl Facts {
    pub(super) async fn gather(handle: &Unit, status: UnitStatus) -> Result<Self, Error> {
        let bus = handle.bus();
        let job = match status.job() {
            Some(id) => pending(handle, id).await,
            None => None,
        };
        let around = handle.around_now(status.properties()).await;
        let is_here = bus.manager_address().is_here();
        let files = if is_here { read_files(status.properties()) } else { Vec::new() };
        let now = nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC);
        let now = now.map(Duration::from).unwrap_or_default();
        let systemctl =
            if bus.manager_address().is_users() { "systemctl --user" } else { "systemctl" };
        let unit = Unit::name(handle).clone();
        Ok(Self { unit, status, around, is_here, systemctl, job, files, now })
    }

    pub(super) fn properties(&self) -> &Properties {
        self.status.properties()
    }

    pub(super) fn status(&self) -> &UnitStatus {
        &self.status
    }

    pub(super) fn text(&self, name: &str) -> &str {
        self.properties().text(name)
    }

    pub(super) fn active(&self) -> &str {
        self.status.states().0
    }

    pub(super) fn sub(&self) -> &str {
        self.status.states().1
    }

    pub(super) fn is_service(&self) -> bool {
        self.unit.kind() == "service"
    }

    /// A command of the manager's own tool about this unit.
    pub(super) fn command(&self, verb: &str) -> svclient::Remedy {
        let Self { systemctl, unit, .. } = self;
        svclient::Remedy::Command(format!("{systemctl} {verb} {}", quoted(unit.as_str())))
    }

    /// The same, about the manager.
    pub(super) fn reload(&self) -> svclient::Remedy {
        svclient::Remedy::Command(format!("{} daemon-reload", self.systemctl))
    }

    /// Between two runs, or on the way there.
    pub(super) fn is_between_runs(&self) -> bool {
        let sub = self.sub();
        sub.starts_with("auto-restart") || sub.ends_with("-before-auto-restart")
    }

    /// What it requires may be why it is down.
    pub(super) fn may_lack_a_dependency(&self) -> bool {
        self.active() == "inactive"
    }

    /// How long ago this stamp of the manager's is.
    pub(super) fn since(&self, stamp: &str) -> Option<Duration> {
        let micros = self.properties().number(stamp);
        (micros > 0).then(|| self.now.saturating_sub(Duration::from_micros(micros)))
    }

    /// Its file, and those of its drop-ins.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(|(path, _)| path.as_path())
    }

    /// The last line that has one of these settings, and fits.
    fn line(&self, keys: &[&str], fits: impl Fn(&str) -> bool) -> Option<Evidence> {
        self.files.iter().rev().find_map(|(path, text)| {
            let lines: Vec<&str> = text.lines().collect();
            let at = lines.iter().rposition(|line| {
                let (key, value) = line.split_once('=').unwrap_or_default();
                keys.contains(&key.trim()) && !value.trim().is_empty() && fits(value)
            })?;
            let says = shown(lines.get(at)?.trim());
            Some(Evidence::new(says).at(path).line(u32::try_from(at + 1).ok()?))
        })
    }

    /// Every line with a setting, in the order in which they are read: what it says, and where. An empty one forgets
    /// those before it.
    pub(super) fn lines(&self, key: &str) -> Vec<(&str, Evidence)> {
        let mut found = Vec::new();
        for (path, text) in &self.files {
            for (number, line) in (1..).zip(text.lines()) {
                let Some((_, value)) = line.split_once('=').filter(|it| it.0.trim() == key) else {
                    continue;
                };
                if value.trim().is_empty() {
                    found.clear();
                } else {
                    let evidence = Evidence::new(shown(line.trim())).at(path).line(number);
                    found.push((value.trim(), evidence));
                }
            }
        }
        found
    }

    /// The line with a setting; and where no file has it, the manager's word.
    pub(super) fn evidence(&self, key: &str, word: &str) -> Evidence {
        let line = self.line(&[key], |_| true);
        line.unwrap_or_else(|| Evidence::new(format!("{key}={word}")))
    }

    /// The line in which one of these settings has this word.
    pub(super) fn evidence_of_word(&self, keys: &[&str], word: &str) -> Option<Evidence> {
        self.line(keys, |value| value.split_whitespace().any(|it| it.trim_matches('"') == word))
    }

    /// The line in which a setting has this text.
    pub(super) fn evidence_of_text(&self, key: &str, text: &str) -> Option<Evidence> {
        self.line(&[key], |value| value.contains(text))
    }
}

/// What waits before a job.
async fn pending(handle: &Unit, id: u32) -> Option<Pending> {
    let (bus, subject) = (handle.bus(), Subject::from(Unit::name(handle)));
    let path = format!("{MANAGER_PATH}/job/{id}");
    let pump = bus.pump().await.ok()?;
    let names = [(JOB, "JobType"), (JOB, "State")];
    let asked = bus.ask_each(&pump, &[(path.clone(), names.as_slice())]).ok()?;
    let answers = reply::answers(asked).await.into_iter().next()?;
    let word = |at: usize| -> Option<String> {
        Some(answers.get(at)?.as_ref().and_then(PropertyValue::text)?.to_owned())
    };
    let (kind, state) = (word(0)?, word(1)?);
    let call = bus.message(Action::Look, &subject, &path, JOB, "GetBefore", &()).ok()?;
    let before = match pump.call(Action::Look, &subject, call).await {
        Ok(reply) => {
            let rows: Vec<JobRow> = reply::body_of(Action::Look, &subject, &reply).ok()?;
            rows.into_iter().map(|(_, unit, ..)| unit).collect()
        }
        Err(_) => Vec::new(),
    };
    Some(Pending { kind, is_waiting: state == "waiting", before })
}

fn read_files(unit: &Properties) -> Vec<(PathBuf, String)> {
    let drop_ins = unit.get("DropInPaths").map(PropertyValue::fields).unwrap_or_default();
    let drop_ins = drop_ins.iter().filter_map(PropertyValue::text);
    let paths = [unit.text("FragmentPath")].into_iter().chain(drop_ins);
    let read = |path: &str| {
        let is_file = fs::metadata(path).is_ok_and(|it| it.is_file());
        let mut bytes = Vec::new();
        if is_file && let Ok(file) = File::open(path) {
            file.take(MOST).read_to_end(&mut bytes).ok()?;
        }
        Some((PathBuf::from(path), String::from_utf8_lossy(&bytes).into_owned()))
    };
    paths.filter(|path| !path.is_empty()).filter_map(read).collect()
}

/// As much of a line as is worth showing.
fn shown(line: &str) -> String {
    let text: String = line.chars().take(120).collect();
    if text.chars().any(char::is_control) { text.escape_debug().to_string() } else { text }
}

/// A name as a word of a shell: those of units have backslashes.
fn quoted(name: &str) -> String {
    if name.contains('\\') { format!("'{name}'") } else { name.to_owned() }
}
