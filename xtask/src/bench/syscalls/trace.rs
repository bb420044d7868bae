//! What `strace -y` wrote: calls, and what each was about.

use std::{collections::BTreeMap, fs, process::Command};

use crate::{
    bench::{Programs, tree::directory},
    command,
    failure::Failure,
};

/// One call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::bench) struct Call {
    pub(in crate::bench) name: String,
    /// The end of the path below a service directory, another path, or what kind of descriptor it
    /// is; empty for what is about nothing of these.
    pub(in crate::bench) on: String,
}

/// Calls in their order.
pub(in crate::bench) struct Trace(Vec<Call>);

/// How often each call was made.
pub(super) type Counts = BTreeMap<(String, String), usize>;

impl Trace {
    /// An operation of the other program, between its marks, in its first thread.
    pub(in crate::bench) fn of(programs: &Programs, operation: &[&str]) -> Result<Self, Failure> {
        let mut command = Command::new(&programs.bench);
        Self::marked(&text(command.arg("op").args(operation), &[])?)
    }

    /// A whole command with all its threads.
    pub(super) fn whole(command: &Command) -> Result<Self, Failure> {
        Ok(Self(text(command, &["-f"])?.lines().filter_map(parse).collect()))
    }

    /// What lies between the marks.
    pub(in crate::bench) fn marked(text: &str) -> Result<Self, Failure> {
        let begin = text.split_once("\"/mark:begin\"").map(|(_, rest)| rest);
        let between = begin.and_then(|rest| rest.split_once("\"/mark:end\""));
        let Some((between, _)) = between else {
            return Err(Failure::cannot("read what strace saw", "a mark is missing"));
        };
        // The rest of the first line is the mark's own, and so is the beginning of the last.
        let mut calls: Vec<_> = between.lines().skip(1).filter_map(parse).collect();
        calls.pop_if(|it| it.on.is_empty() && it.name == "newfstatat");
        Ok(Self(calls))
    }

    pub(in crate::bench) fn count(&self, fits: impl Fn(&Call) -> bool) -> usize {
        self.0.iter().filter(|call| fits(call)).count()
    }

    pub(super) fn counts(&self) -> Counts {
        let mut counts = Counts::new();
        for call in &self.0 {
            *counts.entry((call.name.clone(), call.on.clone())).or_default() += 1;
        }
        counts
    }
}

/// Runs a command under `strace`, and returns what that wrote.
fn text(command: &Command, options: &[&str]) -> Result<String, Failure> {
    let dir = directory()?;
    let log = dir.path().join("calls");
    let mut strace = Command::new("strace");
    strace.args(options).args(["-y", "-s", "256", "-o"]).arg(&log);
    strace.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        value.map(|value| strace.env(name, value));
    }
    let done = command::capture(&mut strace)?;
    if !done.ok {
        return Err(Failure::cannot(format!("run `{}`", command::shown(&strace)), done.text));
    }
    fs::read_to_string(&log).map_err(|why| Failure::cannot("read what strace saw", why))
}

/// A line; with `-f` it begins with the number of a thread. The end of a call that was interrupted
/// by another thread's is no call.
fn parse(line: &str) -> Option<Call> {
    let line = line.trim_start_matches(|it: char| it.is_ascii_digit() || it == ' ');
    let (name, arguments) = line.split_once('(')?;
    let is_name =
        !name.is_empty() && name.chars().all(|it| it.is_ascii_alphanumeric() || it == '_');
    // C libraries differ in which of several names they use.
    let name = match name {
        "open" => "openat",
        "stat" | "lstat" | "fstat" | "statx" => "newfstatat",
        "readlinkat" => "readlink",
        name => name,
    };
    is_name.then(|| Call { name: name.to_owned(), on: on(name, arguments) })
}

/// The calls whose text in quotes is a path.
const WITH_PATH: [&str; 9] = [
    "openat",
    "newfstatat",
    "statx",
    "access",
    "readlink",
    "inotify_add_watch",
    "execve",
    "unlink",
    "rename",
];

fn on(name: &str, arguments: &str) -> String {
    let quoted = arguments.split('"').nth(1).filter(|text| !text.is_empty());
    let path = quoted.filter(|_| WITH_PATH.contains(&name)).map(str::to_owned);
    let descriptor = || {
        // After the descriptor, as in `3</path>`; AT_FDCWD says where this process is, no more.
        let (number, rest) = arguments.split_once('<')?;
        let is_number = !number.is_empty() && number.chars().all(|it| it.is_ascii_digit());
        let (path, _) = rest.split_once('>')?;
        is_number.then(|| path.to_owned())
    };
    let Some(path) = path.or_else(descriptor) else { return String::new() };
    if path.starts_with("UNIX") || path.starts_with("socket:") {
        return "a socket".to_owned();
    }
    if path.starts_with("pipe:") {
        return "a pipe".to_owned();
    }
    if let Some(kind) = path.strip_prefix("anon_inode:") {
        return kind.trim_matches(['[', ']']).to_owned();
    }
    // Absolute, or relative to the scan directory.
    match path.split_once("/web-").or_else(|| path.strip_prefix("web-").map(|rest| ("", rest))) {
        // Five digits, and a file of the service.
        Some((_, rest)) => match rest.get(6..) {
            Some(file) => file.to_owned(),
            None => "the service directory".to_owned(),
        },
        None => elsewhere(&path),
    }
}

/// Where Rust asks how many processors may be used.
pub(super) const CONTROL_GROUP: &str = "the control group";

/// A path outside of all services, without what is another one in the next run.
fn elsewhere(path: &str) -> String {
    if path.starts_with("/sys/fs/cgroup/") || path.ends_with("/cgroup") {
        return CONTROL_GROUP.to_owned();
    }
    let is_own = |word: &str| !word.is_empty() && word.chars().all(|it| it.is_ascii_digit());
    let of_process = path.strip_prefix("/proc/").and_then(|rest| rest.split_once('/'));
    if let Some((_, file)) = of_process.filter(|(process, _)| is_own(process)) {
        return format!("/proc/self/{file}");
    }
    if path.ends_with("/svctl") {
        return "svctl".to_owned();
    }
    if path.contains("/.tmp") {
        return "the scan directory".to_owned();
    }
    path.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_read_with_what_they_are_about() {
        let trace = "17 newfstatat(AT_FDCWD</t>, \"/mark:begin\", 0x7f, 0) = -1 ENOENT (No)\n\
             17 openat(AT_FDCWD</t>, \"/t/web-00001/supervise/ok\", O_WRONLY) = 3</t/web-00001/supervise/ok>\n\
             newfstatat(3</t/web-00001/supervise/ok>, \"\", {}, AT_EMPTY_PATH) = 0\n\
             close(3</t/web-00001/supervise/ok>) = 0\n\
             openat(4</t/web-00001>, \"down\", O_RDONLY) = -1 ENOENT (No)\n\
             stat(\"web-00002/log\", 0x7f) = 0\n\
             sendmsg(5<UNIX-STREAM:[1->2]>, {}) = 1\n\
             18 <... futex resumed>) = 0\n\
             read(6<anon_inode:inotify>, \"ab\", 2) = 2\n\
             brk(NULL) = 0x55\n\
             newfstatat(AT_FDCWD</t>, \"/mark:end\", 0x7f, 0) = -1 ENOENT (No)\n\
             close(9</t/web-00001/down>) = 0\n";
        let calls = Trace::marked(trace).unwrap().0;
        let shown: Vec<_> = calls.iter().map(|it| format!("{} {}", it.name, it.on)).collect();
        let expected = [
            "openat supervise/ok",
            "newfstatat supervise/ok",
            "close supervise/ok",
            "openat down",
            "newfstatat log",
            "sendmsg a socket",
            "read inotify",
            "brk ",
        ];
        assert_eq!(shown, expected);
        assert!(Trace::marked("openat(3) = 4\n").is_err());
    }
}
