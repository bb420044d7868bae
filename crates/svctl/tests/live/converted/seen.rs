//! What a process sees of itself, and what of it differs between two of them.

use std::{collections::BTreeMap, fs, path::PathBuf};

use serde_json::Value;

use super::place::Place;

/// What the probe wrote down, by its key.
pub type Seen = BTreeMap<String, String>;

/// An example of svbuild, which `cargo` puts beside the tests.
pub fn probe() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let file = tests.parent().unwrap().parent().unwrap().join("examples/probe");
    assert!(file.is_file(), "`cargo build -p svbuild --examples` makes {}", file.display());
    file
}

/// What a probe wrote into a file of `open`.
#[track_caller]
pub fn seen(place: &Place, name: &str) -> Seen {
    let path = place.path("open").join(name);
    let text = place.until(&format!("file of {name}"), || fs::read_to_string(&path).ok());
    let tree = place.path("").to_str().unwrap().trim_end_matches('/').to_owned();
    let mut found = Seen::new();
    for (at, line) in text.lines().enumerate() {
        let (key, value) = line.split_once(": ").unwrap();
        let value = value.replace(&tree, "TREE");
        match key {
            "pid" => drop(found.insert("io".to_owned(), io(&value))),
            "arg" => drop(found.insert(format!("arg {at}"), value)),
            "env" => {
                let (name, value) = value.split_once('=').unwrap();
                found.insert(format!("env {name}"), value.to_owned());
            }
            // Where the supervisor's output goes, or to the supervisor itself.
            "fd 1" | "fd 2" if ["pipe", "socket", "TREE/said", "TREE/wrong"].contains(&&*value) => {
                found.insert(key.to_owned(), "the supervisor's".to_owned());
            }
            _ => drop(found.insert(key.to_owned(), value)),
        }
    }
    found.retain(|key, _| is_told(key));
    // Whether the primary group is listed among the supplementary ones makes no difference to the kernel.
    let gid = found.get("Gid").cloned().unwrap_or_default();
    if let Some(groups) = found.get_mut("Groups") {
        *groups = groups.split(' ').filter(|it| *it != gid).collect::<Vec<_>>().join(" ");
    }
    // `execlineb` of Debian finds its own programs first.
    if let Some(path) = found.get_mut("env PATH") {
        *path = path.replace("/usr/lib/execline/bin:", "");
    }
    found
}

fn io(pid: &str) -> String {
    let said = std::process::Command::new("ionice").args(["-p", pid]).output().unwrap();
    String::from_utf8(said.stdout).unwrap().trim().to_owned()
}

/// Shells and execline set these on the way for themselves; other descriptors than the first three are those of whoever tests.
fn is_told(key: &str) -> bool {
    let of_shells = ["env PWD", "env OLDPWD", "env SHLVL", "env _", "env ?"];
    let of_tests = key.starts_with("fd ") && !["fd 0", "fd 1", "fd 2"].contains(&key);
    !of_shells.contains(&key) && !of_tests
}

/// Targets that make a session for every service, as the page of the key `session` says.
const SESSIONS: [&str; 3] = ["s6", "encore", "systemd"];

/// Keys in which the two differ and which the report does not name, each with both values.
pub fn unnamed(target: &str, theirs: &Seen, ours: &Seen, report: &Report) -> Vec<String> {
    let keys: std::collections::BTreeSet<&String> = theirs.keys().chain(ours.keys()).collect();
    let is_known = |key: &String| {
        key == "session"
            && ours.get(key).is_some_and(|it| it == "own")
            && SESSIONS.contains(&target)
    };
    keys.into_iter()
        .filter(|key| !is_known(key))
        .filter(|key| theirs.get(*key) != ours.get(*key) && !report.names(key))
        .map(|key| format!("{key}: {:?}, and then {:?}", theirs.get(key), ours.get(key)))
        .collect()
}

/// What the report says of one service.
pub struct Report {
    whys: String,
    pub lines: Vec<String>,
}

impl Report {
    /// Lines about a service, and those that are about all.
    pub fn of(report: &Value, service: &str) -> Self {
        let services = report["services"].as_array().unwrap();
        let about = services.iter().find(|it| it["service"] == service).map(|it| &it["about"]);
        let about = about.and_then(Value::as_str).unwrap_or(service).to_owned();
        let lines = report["lines"].as_array().unwrap().iter();
        let lines = lines.filter(|it| it["service"].is_null() || it["service"] == about.as_str());
        let lines = lines.filter(|it| it["verdict"] != "exact");
        let text = |it: &Value, key: &str| it[key].as_str().unwrap_or_default().to_owned();
        // A line that is not exact names the variable that it sets.
        let whys = lines.clone().map(|it| [text(it, "text"), text(it, "why")].join(": "));
        let whys: Vec<String> = whys.collect();
        let lines = lines.map(|it| {
            format!(
                "{}: {} ({}): {}",
                text(it, "verdict"),
                text(it, "text"),
                text(it, "key"),
                text(it, "why")
            )
        });
        Self { lines: lines.collect(), whys: whys.join("; ") }
    }

    pub fn says(&self, words: &[&str]) -> bool {
        words.iter().any(|word| self.whys.contains(word))
    }

    /// Whether a difference in this is named.
    fn names(&self, key: &str) -> bool {
        let (kind, name) = key.split_once(' ').unwrap_or((key, ""));
        match kind {
            // Those of whoever tests, which supervisors pass on.
            "env" if ["PATH", "HOME", "LANG"].contains(&name) => {
                self.says(&["variables of its own", name])
            }
            "env" => self.says(&[name]),
            "cwd" => self.says(&["working directory"]),
            "fd" if name == "0" => self.says(&["standard input"]),
            "fd" => self.says(&["output goes", "standard output", "standard error"]),
            "limit" | "hard" => self.says(&["limits are", "`limits."]),
            "session" => self.says(&["session"]),
            "Groups" => self.says(&["supplementary groups"]),
            "Uid" | "Gid" => self.says(&["`user`", "`group`"]),
            "Umask" => self.says(&["umask"]),
            _ => false,
        }
    }
}
