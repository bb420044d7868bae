//! The JSON of `svctl show`.

use serde::Serialize;
use svcmgr::{Details, FileDetails, ProcessDetails, Unseen};

use super::{Row, rfc3339, seconds};
use crate::view::View;

/// The whole picture of one service.
#[derive(Debug, Serialize)]
pub(crate) struct Shown<'a> {
    #[serde(flatten)]
    row: Row<'a>,
    /// Each before those that it has started.
    processes: Vec<Process>,
    listening: Vec<Socket<'a>>,
    cgroup: Option<&'a str>,
    control: Vec<File<'a>>,
    definition: Vec<File<'a>>,
    /// The last lines of its logs.
    lines: &'a [ShownLine],
    /// What this user may not see.
    unseen: Vec<Hidden<'a>>,
}

#[derive(Debug, Serialize)]
struct Process {
    pid: u32,
    parent: Option<u32>,
    role: &'static str,
    command: Vec<String>,
    state: char,
    /// In bytes.
    memory: u64,
    /// In seconds.
    processor: f64,
    started: Option<String>,
}

#[derive(Debug, Serialize)]
struct Socket<'a> {
    protocol: &'static str,
    address: &'a str,
    pid: u32,
}

#[derive(Debug, Serialize)]
struct File<'a> {
    path: String,
    what: &'static str,
    /// Four octal digits.
    mode: String,
    user: u32,
    group: u32,
    about: &'static str,
    text: Option<&'a str>,
}

/// A line of a log.
#[derive(Debug, Serialize)]
pub(crate) struct ShownLine {
    /// The log directory; `None` for the journal.
    pub(crate) log: Option<String>,
    pub(crate) at: Option<String>,
    pub(crate) line: String,
}

#[derive(Debug, Serialize)]
struct Hidden<'a> {
    what: &'a str,
    needs: &'a str,
}

impl<'a> Shown<'a> {
    pub(crate) fn of(view: &'a View<'_>, details: &'a Details, lines: &'a [ShownLine]) -> Self {
        let hidden = |it: &'a Unseen| Hidden { what: &it.what, needs: &it.needs };
        Self {
            row: Row::of(view),
            processes: details.processes.iter().map(process).collect(),
            listening: details
                .listening
                .iter()
                .map(|(socket, pid)| Socket {
                    protocol: socket.protocol,
                    address: &socket.address,
                    pid: u32::from(*pid),
                })
                .collect(),
            cgroup: details.cgroup.as_deref(),
            control: details.control.iter().map(file).collect(),
            definition: details.definition.iter().map(file).collect(),
            lines,
            unseen: details.unseen.iter().map(hidden).collect(),
        }
    }
}

fn process(it: &ProcessDetails) -> Process {
    Process {
        pid: u32::from(it.pid),
        parent: it.parent.map(u32::from),
        role: it.role.name(),
        command: it.command.iter().map(|word| word.to_string_lossy().into_owned()).collect(),
        state: it.state,
        memory: it.memory,
        processor: seconds(it.processor),
        started: it.started.and_then(rfc3339),
    }
}

fn file(it: &FileDetails) -> File<'_> {
    let (user, group) = it.owner;
    File {
        path: super::absolute(&it.path),
        what: it.what,
        mode: format!("{:04o}", it.mode),
        user,
        group,
        about: it.about,
        text: it.text.as_deref(),
    }
}
