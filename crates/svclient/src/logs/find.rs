//! Where the log of a service is. No file says it: the logger's command line does, while it runs, and
//! custom does else.

use std::{
    ffi::{OsStr, OsString},
    fs,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
};

use svproto::{Pid, Scale, files};

use super::{CURRENT, LogDir, tail::is_log};
use crate::Service;

impl Service {
    /// The log directories of this service: those that its logger names on its command line, as far
    /// as the system shows it (Linux); else those in `log/` that hold a log. Without a logger, the
    /// one whose `current` its process has as standard output, or a FIFO `pipe` beside `current`, as
    /// under `svctl dev`. Empty where
    /// none can be found.
    #[must_use]
    pub fn logs(&self) -> Vec<LogDir> {
        let process = |service: &Self| service.status().ok()?.reading.facts()?.pid;
        let Some(logger) = self.log() else {
            return process(self).and_then(written_by).into_iter().collect();
        };
        let mut found = process(&logger).map(of_process).unwrap_or_default();
        if found.is_empty() {
            found = in_directory(&self.home().for_paths().join(files::LOG));
        }
        found
    }
}

/// Where a process writes that keeps its log itself.
fn written_by(pid: Pid) -> Option<LogDir> {
    let file = fs::read_link(format!("/proc/{pid}/fd/1")).ok()?;
    let dir = file.parent().filter(|_| file.ends_with(CURRENT) || file.ends_with(PIPE))?;
    LogDir::open(dir).ok()
}

/// In the log directory itself, a FIFO whose reader writes the log.
const PIPE: &str = "pipe";

/// What a logger says it writes.
fn of_process(pid: Pid) -> Vec<LogDir> {
    let proc = PathBuf::from(format!("/proc/{pid}"));
    let (Ok(line), Ok(cwd)) = (fs::read(proc.join("cmdline")), fs::read_link(proc.join("cwd")))
    else {
        return Vec::new();
    };
    let words: Vec<OsString> =
        line.split(|byte| *byte == 0).map(|word| OsString::from_vec(word.to_vec())).collect();
    directories(&words)
        .into_iter()
        .flat_map(|(scale, words)| words.into_iter().map(move |word| (scale, word)))
        .map(|(scale, word)| LogDir { path: cwd.join(word), scale: Some(scale) })
        .filter(|log| is_log(&log.path))
        .collect()
}

/// The words of a logger's command line that are directories, and the scale of its labels.
fn directories(words: &[OsString]) -> Option<(Scale, Vec<&OsStr>)> {
    let (program, words) = words.split_first()?;
    let is_path = |word: &&OsStr| matches!(word.as_bytes().first(), Some(b'.' | b'/'));
    let all = words.iter().map(OsString::as_os_str).filter(|word| !word.is_empty());
    match Path::new(program).file_name()?.to_str()? {
        "multilog" => Some((Scale::Fixed, all.filter(is_path).collect())),
        "s6-log" => Some((Scale::LeapSeconds, all.filter(is_path).collect())),
        "svlogd" => {
            let mut dirs = Vec::new();
            let mut all = all;
            while let Some(word) = all.next() {
                match word.as_bytes() {
                    // These take a value, in the same word or the next.
                    [b'-', .., b'r' | b'R' | b'l' | b'b'] => drop(all.next()),
                    [b'-', ..] => (),
                    _ => dirs.push(word),
                }
            }
            Some((Scale::Fixed, dirs))
        }
        _ => None,
    }
}

/// `log/` itself, or what lies in it.
fn in_directory(dir: &Path) -> Vec<LogDir> {
    if is_log(dir) {
        return LogDir::open(dir).into_iter().collect();
    }
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    paths.sort_unstable();
    paths
        .into_iter()
        .filter(|path| is_log(path))
        .filter_map(|path| LogDir::open(path).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, scale: Scale, expected: &[&str]) {
        let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let (found, dirs) = directories(&words).unwrap();
        assert_eq!((found, dirs), (scale, expected.iter().map(OsStr::new).collect()), "{line}");
    }

    #[test]
    fn a_command_line_names_directories_in_the_way_of_its_logger() {
        check("svlogd -tt ./main", Scale::Fixed, &["./main"]);
        check("/usr/bin/svlogd -ttv -r _ -l 2000 main other", Scale::Fixed, &["main", "other"]);
        check("multilog t s100000 n5 -*debug* ./main", Scale::Fixed, &["./main"]);
        check("s6-log -b n20 s1000000 T /var/log/web", Scale::LeapSeconds, &["/var/log/web"]);
        assert_eq!(directories(&["cat".into()]), None);
    }
}
