//! Every key of a definition, once: what the file may say, what it means, what holds without it.
//! The same table finds unknown keys and makes `docs/svcmgr.toml.md`.

mod list;

pub use list::KEYS;

/// One key below `[service.NAME]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Key {
    /// The key, with a dot where it is in a table: `limits.memory`.
    pub path: &'static str,
    /// What is written, with its unit.
    pub form: &'static str,
    /// What holds if it is not written.
    pub default: &'static str,
    /// What it means.
    pub meaning: &'static str,
}

const fn key(
    path: &'static str,
    form: &'static str,
    default: &'static str,
    meaning: &'static str,
) -> Key {
    Key { path, form, default, meaning }
}

/// Keys that were, and what is written in their place.
pub(super) const GONE: [(&str, &str); 2] = [
    (
        "limits.memory",
        "write `resources = { memory_max = … }`, which bounds the memory of the service as a whole (systemd); \
     `limits.data`, `stack`, `locked_memory` and `address_space` bound each process",
    ),
    (
        "restart_delay",
        "write `restart = { delay = … }`, beside `when` for what `restart` alone said",
    ),
];

/// What other formats call a key of a service, in small letters and with `_` between words: theirs, ours. Units of
/// systemd, supervisord, process-compose, Compose, Procfiles' programs.
pub(super) const ELSEWHERE: [(&str, &str); 40] = [
    ("arguments", "exec"),
    ("autostart", "down = true"),
    ("cmd", "exec"),
    ("command", "exec"),
    ("count", "instances"),
    ("depends", "needs"),
    ("depends_on", "needs"),
    ("dir", "cwd"),
    ("directory", "cwd"),
    ("directories", "dirs"),
    ("disabled", "down"),
    ("entrypoint", "exec"),
    ("environment", "env"),
    ("environment_file", "env_file"),
    ("envfile", "env_file"),
    ("essential", "critical"),
    ("exec_start", "exec"),
    ("exec_start_pre", "pre"),
    ("exec_stop", "stop.command"),
    ("exec_reload", "reload.command"),
    ("healthcheck", "health"),
    ("is_tty", "tty"),
    ("killsignal", "stop.signal"),
    ("kill_signal", "stop.signal"),
    ("liveness_probe", "health"),
    ("logs", "log"),
    ("numprocs", "instances"),
    ("on_success", "finish"),
    ("post_stop", "finish"),
    ("pre_start", "pre"),
    ("readiness", "ready"),
    ("readiness_probe", "ready"),
    ("replicas", "instances"),
    ("requires", "needs"),
    ("respawn", "restart"),
    ("run", "exec"),
    ("type", "kind = \"job\""),
    ("workdir", "cwd"),
    ("working_dir", "cwd"),
    ("working_directory", "cwd"),
];

/// `log` may be empty, which asks for a logger with what holds without its keys.
const LOG: &str = "log";

/// The keys that may stand in this table: `""` is the service, `limits` its limits, `after[]` one of an array. `None` if any
/// name may (`env`), or if it is no table.
pub(super) fn children(table: &str) -> Option<Vec<&'static str>> {
    match table.split_once('.') {
        _ if table.ends_with("[]") => {
            return Some(match table {
                "env_file[]" => vec!["path", "optional"],
                "sockets[]" => vec!["name", "listen"],
                "after[]" | "needs[]" | "wants[]" => vec!["service", "when"],
                _ => return None,
            });
        }
        Some(("dirs", key)) if !key.contains('.') => return Some(vec!["names", "mode"]),
        Some(("limits", key)) if !key.contains('.') => return Some(vec!["soft", "hard"]),
        _ => (),
    }
    let direct = |path: &'static str| match table {
        "" => Some(path.split('.').next().unwrap_or(path)),
        _ => path.strip_prefix(table)?.strip_prefix('.'),
    };
    let mut names: Vec<_> = KEYS.iter().filter_map(|key| direct(key.path)).collect();
    if table.is_empty() {
        names.push(LOG);
    }
    let all = names.clone();
    let mut at = 0..;
    names.retain(|name| {
        at.next().is_some_and(|at| all.iter().position(|it| it == name) == Some(at))
    });
    (!names.is_empty()).then_some(names)
}

/// Whether nothing but a table may stand there.
pub(super) fn is_only_table(path: &str) -> bool {
    // What takes a word as well says itself what it takes.
    let takes_other = |form: &str| form.contains("array") || form.contains("or `{ when");
    let takes_other = KEYS.iter().any(|key| key.path == path && takes_other(key.form));
    path == LOG || children(path).is_some() && !takes_other
}

/// The table of the documentation, in Markdown.
#[must_use]
pub fn table() -> String {
    let mut text = String::from("| key | is | default | meaning |\n|---|---|---|---|\n");
    for key in KEYS.iter().filter(|key| key.form != "table") {
        let row = [key.form, key.default, key.meaning].join(" | ");
        text.push_str(&format!("| `{}` | {row} |\n", key.path));
    }
    text
}
