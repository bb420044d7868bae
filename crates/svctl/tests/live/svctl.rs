//! Running the program, and reading what it prints.

use std::{
    ffi::OsStr,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Output, Stdio},
};

use serde_json::Value;

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_svctl");

/// What is run: the program as it was built for the tests, or the one that `SV_PROGRAM` names.
/// `cargo xtask test` says some of the tests to what is given out as well.
pub fn program() -> PathBuf {
    std::env::var_os("SV_PROGRAM").map_or_else(|| PROGRAM.into(), PathBuf::from)
}

/// What a run printed, and its exit code.
#[derive(Debug)]
pub struct Run {
    pub out: String,
    pub err: String,
    pub code: i32,
}

impl Run {
    pub fn of(output: Output) -> Self {
        Self {
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
            code: output.status.code().unwrap(),
        }
    }

    pub fn json(&self) -> Value {
        let value = serde_json::from_str(&self.out);
        let value = value.unwrap_or_else(|error| panic!("{error}: {self:?}"));
        crate::schema::check(&value);
        value
    }
}

/// A command without the environment's own ideas of where services are.
pub fn command<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(program());
    command.args(args).env_remove("SVDIR").env_remove("SVWAIT").stdin(Stdio::null());
    command
}

pub fn run<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Run {
    Run::of(command(args).output().unwrap())
}

/// `svctl watch --json`, read line by line; ended when dropped.
pub struct Watching {
    child: Child,
    /// `None` once nobody reads.
    lines: Option<BufReader<ChildStdout>>,
}

impl Watching {
    pub fn start<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> Self {
        Self::of(&program(), |command| command, args)
    }

    /// As somebody else, say, who needs a copy of the program where he may reach it.
    pub fn of<S: AsRef<OsStr>>(
        program: &Path,
        prepare: impl FnOnce(&mut Command) -> &mut Command,
        args: impl IntoIterator<Item = S>,
    ) -> Self {
        let mut command = Command::new(program);
        command.args(["watch", "--json"]).args(args).env_remove("SVDIR").stdin(Stdio::null());
        let mut child = prepare(&mut command).stdout(Stdio::piped()).spawn().unwrap();
        let lines = child.stdout.take().map(BufReader::new);
        Self { child, lines }
    }

    pub fn next(&mut self) -> Value {
        let mut line = String::new();
        self.lines.as_mut().unwrap().read_line(&mut line).unwrap();
        let value = serde_json::from_str(&line);
        let value = value.unwrap_or_else(|error| panic!("{error}: {line:?}"));
        crate::schema::check(&value);
        value
    }

    /// Lines up to the first one that `done` holds for.
    pub fn until(&mut self, done: impl Fn(&Value) -> bool) -> Vec<Value> {
        let mut lines = Vec::new();
        loop {
            lines.push(self.next());
            if done(lines.last().unwrap()) {
                return lines;
            }
        }
    }

    /// Stops reading; the program's exit code.
    pub fn stop_reading(mut self) -> Option<i32> {
        drop(self.lines.take());
        self.child.wait().unwrap().code()
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}
