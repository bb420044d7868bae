//! Every key of a definition, once: what the file may say, what it means, what holds without it.
//! The same table finds unknown keys and makes `docs/svcmgr.toml.md`.

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

/// All of them, in the order of the documentation.
pub const KEYS: [Key; 93] = [
    key(
        "exec",
        "array of strings",
        "required",
        "the program and its arguments. Never a shell line: nothing is expanded. A path has a `/`; a name without one is looked up in the `PATH` that the service gets (under systemd, if `env` sets none, in the directories of the system)",
    ),
    key("description", "string, one line", "none", "a line for people"),
    key(
        "cwd",
        "path",
        "`base`; without one the service directory, and `/` under systemd",
        "the working directory. The change is made before that of the user",
    ),
    key(
        "env",
        "table of strings",
        "empty",
        "variables that are set, also to the empty value. They are added to what the supervisor has, and win over `env_dir`. Names: letters, digits, `_`, no digit first",
    ),
    key(
        "env_dir",
        "path",
        "none",
        "a directory with a file for each variable, as `envdir` reads it at each start",
    ),
    key(
        "env_file",
        "path, `{ path, optional = true }`, or an array of those",
        "none",
        "files of variables, read at each start by the supervisor's user, in the grammar of systemd's `EnvironmentFile=`. They win over `env`; a later one wins over an earlier. One that is missing and not `optional` keeps the service from starting. Not beside `env_dir`",
    ),
    key(
        "user",
        "name, or number",
        "the supervisor's",
        "who the service runs as. A name is looked up at each start, and `HOME`, `USER` and `LOGNAME` are his; for a number, which needs `group`, they are not set",
    ),
    key(
        "group",
        "name, or number",
        "the user's",
        "the primary group; a name if `user` is one, a number if it is one",
    ),
    key(
        "groups",
        "array of names, or of numbers",
        "none",
        "the supplementary groups, all of them: those of the user in the database are not added (but under systemd, which adds them). Needs `group`",
    ),
    key(
        "umask",
        "octal, as a string",
        "the supervisor's",
        "bits that new files do not get, as in `\"022\"`",
    ),
    key(
        "nice",
        "-20 to 19",
        "0",
        "added to the niceness of the supervisor, which is 0 as a rule; under systemd it is the niceness",
    ),
    key(
        "io_priority.class",
        "`realtime`, `best-effort`, `idle`",
        "the supervisor's",
        "class of I/O priority",
    ),
    key(
        "io_priority.level",
        "0 to 7",
        "4",
        "level in the class, 0 is served first; not with `idle`",
    ),
    key(
        "limits.address_space",
        "size, `infinity`, or `{ soft, hard }`",
        "the supervisor's",
        "RLIMIT_AS of each process, as are all of these. A value alone is the soft limit and `\"infinity\"` as high as the hard one allows; or both, as in `{ soft = 1024, hard = \"infinity\" }`",
    ),
    key("limits.data", "size, `infinity`, or `{ soft, hard }`", "the supervisor's", "RLIMIT_DATA"),
    key(
        "limits.stack",
        "size, `infinity`, or `{ soft, hard }`",
        "the supervisor's",
        "RLIMIT_STACK",
    ),
    key(
        "limits.locked_memory",
        "size, `infinity`, or `{ soft, hard }`",
        "the supervisor's",
        "RLIMIT_MEMLOCK",
    ),
    key(
        "limits.rss",
        "size, `infinity`, or `{ soft, hard }`",
        "the supervisor's",
        "RLIMIT_RSS, which Linux does not enforce",
    ),
    key(
        "limits.file_size",
        "size, `infinity`, or `{ soft, hard }`",
        "the supervisor's",
        "RLIMIT_FSIZE: of a file that it writes",
    ),
    key(
        "limits.core",
        "size, `infinity`, or `{ soft, hard }`",
        "the supervisor's",
        "RLIMIT_CORE; 0 is no core file",
    ),
    key(
        "limits.files",
        "number, `infinity`, or `{ soft, hard }`",
        "the supervisor's",
        "RLIMIT_NOFILE: open descriptors",
    ),
    key(
        "limits.processes",
        "number, `infinity`, or `{ soft, hard }`",
        "the supervisor's",
        "RLIMIT_NPROC: processes of the user, also those that are not of this service",
    ),
    key(
        "limits.cpu",
        "time in whole seconds, `infinity`, or `{ soft, hard }`",
        "the supervisor's",
        "RLIMIT_CPU: time on a processor, of each process",
    ),
    key(
        "resources.memory_max",
        "size, `infinity`",
        "none",
        "memory of the service as a whole, by its control group: more is not given, and what does not fit is killed",
    ),
    key(
        "resources.memory_high",
        "size, `infinity`",
        "none",
        "above so much it is slowed down, and memory is taken back",
    ),
    key("resources.swap_max", "size, `infinity`", "none", "how much of it may be swapped out"),
    key(
        "resources.pids",
        "number, `infinity`",
        "the supervisor's",
        "processes and threads of the service as a whole",
    ),
    key(
        "resources.cpu",
        "percent, as in `\"50%\"`",
        "none",
        "time on processors of the service as a whole; 200% is two of them",
    ),
    key(
        "resources.cpu_weight",
        "1 to 10000",
        "100",
        "its share beside other services where processors are busy",
    ),
    key(
        "resources.io_weight",
        "1 to 10000",
        "100",
        "its share beside other services where disks are busy",
    ),
    key(
        "dirs.runtime",
        "array of names, or `{ names, mode }`",
        "none",
        "directories in `/run` that are made at each start, before the user changes; they belong to `user` and `group`. Names without a `/`; the mode is `0755` if it is not given. They stay when the service ends. Not beside `root`",
    ),
    key("dirs.state", "array of names, or `{ names, mode }`", "none", "the same in `/var/lib`"),
    key("dirs.cache", "array of names, or `{ names, mode }`", "none", "the same in `/var/cache`"),
    key("dirs.logs", "array of names, or `{ names, mode }`", "none", "the same in `/var/log`"),
    key("root", "path", "`/`", "the root directory. `exec` and `cwd` are below it"),
    key(
        "session",
        "boolean",
        "false",
        "a session and a process group of its own. s6 and systemd always make one",
    ),
    key("stdin", "`null`, `inherit`, path with a `/`", "`null`", "standard input"),
    key(
        "stdout",
        "`inherit`, `null`, path with a `/`",
        "`inherit`",
        "standard output; `inherit` is the logger if there is one, and the journal under systemd. A file is appended to",
    ),
    key(
        "stderr",
        "`stdout`, `inherit`, `null`, path with a `/`",
        "`stdout`",
        "standard error; `stdout` is wherever standard output goes. A file is appended to",
    ),
    key(
        "ready.fd",
        "3 to 255",
        "none",
        "the service is ready when it has written a line to this descriptor",
    ),
    key(
        "ready.tcp",
        "`HOST:PORT`",
        "none",
        "it is ready when this takes a connection (asked with `nc -z`)",
    ),
    key(
        "ready.http",
        "URL, `http:` or `https:`",
        "none",
        "it is ready when this answers with a status below 400 (asked with `curl`)",
    ),
    key("ready.command", "array of strings", "none", "it is ready when this program exits with 0"),
    key(
        "ready.notify",
        "`true`",
        "none",
        "it is ready when it, or a process that it has started, sends `READY=1` as sd_notify(3) does. One of these five says when it is ready",
    ),
    key(
        "ready.timeout",
        "time",
        "as long as it takes",
        "how long it may take until it is ready. Then its start has failed: it is ended, and `restart` says what follows",
    ),
    key("stop.signal", "name, as in `TERM`", "`TERM`", "what tells it to end"),
    key("stop.kill_after", "time", "never", "how long it may take before SIGKILL"),
    key(
        "stop.group",
        "boolean",
        "the supervisor's way: `true` under systemd, else `false`",
        "whether a stop ends all its processes, or the one that was started and leaves those that it has started itself (sessions of sshd)",
    ),
    key(
        "stop.command",
        "array of strings",
        "none",
        "a program that runs before the signal is sent, as the service does: its user, directory and variables. The signal waits for it",
    ),
    key(
        "reload.signal",
        "name, as in `TERM`",
        "`HUP`",
        "what tells it to read its configuration again; `reload = {}` is SIGHUP",
    ),
    key(
        "reload.command",
        "array of strings",
        "none",
        "a program that does that in the place of the signal, as the service does",
    ),
    key(
        "reload.check",
        "array of strings",
        "none",
        "a program that runs before, as in `[\"sshd\", \"-t\"]`. If it does not exit with 0, nothing is done",
    ),
    key(
        "finish",
        "array of strings",
        "none",
        "a program that runs after each end, as the supervisor's user, with two or more arguments added: exit code (−1 under runit and systemd, 256 under s6, if a signal ended it) and signal number",
    ),
    key(
        "restart",
        "`always`, `on-failure`, `never`, or `{ when, … }`",
        "`always`",
        "after which ends it is started again. `on-failure`: not after an exit with 0. `never`: after none; the next start is asked for. In the table it is `when`, as in `{ when = \"on-failure\", delay = \"5s\" }`",
    ),
    key(
        "restart.delay",
        "time in whole seconds, 1s or more",
        "`1s`",
        "pause between an end and the next start. One second is what the suites have of themselves",
    ),
    key(
        "restart.max",
        "1 to 1000",
        "no bound",
        "so many starts within `restart.within`; where another one would follow, it is given up, and stays down until it is asked for. Under s6 and systemd those count that were asked for, too",
    ),
    key(
        "restart.within",
        "time in whole seconds, 1s or more",
        "none",
        "in which time `restart.max` counts",
    ),
    key(
        "restart.max_delay",
        "time in whole seconds, 1s or more",
        "`restart.delay`",
        "the pause doubles from one start to the next, from `restart.delay` up to this. It begins anew when the service is asked for",
    ),
    key(
        "kind",
        "`service`, `job`",
        "`service`",
        "a job runs to its end once, and is done when that was a success. It is started again only with `restart = \"on-failure\"`, after an end that was none",
    ),
    key(
        "success",
        "array of exit codes",
        "none",
        "codes that are a success as well; 0 always is one",
    ),
    key(
        "remain",
        "boolean",
        "false",
        "a job that is done stays up, as done, until it is told to stop",
    ),
    key(
        "after",
        "array of names, or of `{ service, when }`",
        "none",
        "services of this file that this one waits for, if they are being started: until they are `up`, `ready` or `done`. Nothing is started for it",
    ),
    key(
        "needs",
        "array of names, or of `{ service, when }`",
        "none",
        "the same, and they are started with it: without them it is not",
    ),
    key(
        "wants",
        "array of names, or of `{ service, when }`",
        "none",
        "they are started with it, and this one after them, whatever becomes of them",
    ),
    key(
        "after_external.systemd",
        "array of names of units",
        "none",
        "units that are not of this file and are started before it, by their whole names. A target, as `network-online.target`, is started for it",
    ),
    key(
        "control.group",
        "name, or number",
        "the supervisor's",
        "who may ask the supervisor of the service, beside its own user: the members of this group, as `control.mode` says. It is set at each start of the service",
    ),
    key(
        "control.mode",
        "octal, as a string",
        "`0770`",
        "for the owner, the group and all others: 7 may ask, 5 may look, 0 neither",
    ),
    key("down", "boolean", "false", "not started until asked"),
    key(
        "log.dir",
        "path",
        "`main` in the logger's service directory; the journal under systemd",
        "the log directory; made if missing",
    ),
    key(
        "log.max_size",
        "size, 4K to 16M−1",
        "`1M`",
        "a file is rotated at about this size: svlogd 1000 and multilog 2000 bytes before it, s6-log later by what it has in hand",
    ),
    key("log.max_files", "1 to 999", "10", "old files that are kept beside the current one"),
    key(
        "log.timestamp",
        "`none`, `tai64n`, `iso8601`",
        "`none`",
        "what stands before each line: a TAI64N label (s6-log's counts leap seconds), or UTC (`2026-11-22T23:34:43.13821`; s6-log writes a blank for the `T`). The journal always has the time",
    ),
    key(
        "log.filter",
        "array of patterns",
        "every line",
        "a line is judged by the last pattern that matches all of it: `-` in front drops, `+` keeps. `*` stands for any text without the character that follows it in the pattern, at the end for any text",
    ),
    key("log.processor", "array of strings", "none", "a program that each old file goes through"),
    key(
        "log.user",
        "name, or number",
        "the supervisor's",
        "whom the logger runs as, and who owns `log.dir`. A number needs `log.group`",
    ),
    key("log.group", "name, or number", "the user's", "its primary group, and that of `log.dir`"),
    key("log.mode", "octal, as a string", "`0750`", "mode of `log.dir`"),
    key(
        "systemd.Unit",
        "table of directives",
        "none",
        "text for the unit file alone, as it is: strings, whole numbers, booleans, or arrays of those for several lines. A directive that a key writes too is an error; what the unit says of itself gives way",
    ),
    key("systemd.Service", "table of directives", "none", "the same for `[Service]`"),
    key("systemd.Install", "table of directives", "none", "the same for `[Install]`"),
    // Tables, so that they are known themselves.
    key("after_external", "table", "", ""),
    key("dirs", "table", "", ""),
    key("env_file.path", "table", "", ""),
    key("env_file.optional", "table", "", ""),
    key("io_priority", "table", "", ""),
    key("limits", "table", "", ""),
    key("resources", "table", "", ""),
    key("ready", "table", "", ""),
    key("restart.when", "table", "", ""),
    key("control", "table", "", ""),
    key("reload", "table", "", ""),
    key("stop", "table", "", ""),
    key("systemd", "table", "", ""),
];

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

/// `log` may be empty, which asks for a logger with what holds without its keys.
const LOG: &str = "log";

/// The keys that may stand in this table: `""` is the service, `limits` its limits. `None` if any
/// name may (`env`), or if it is no table.
pub(super) fn children(table: &str) -> Option<Vec<&'static str>> {
    match table.split_once('.') {
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
