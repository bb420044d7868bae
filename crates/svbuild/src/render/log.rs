//! The logger of a service: `svlogd`, `multilog`, `s6-log`, each with its own words for the same.
//!
//! |                | svlogd                          | multilog             | s6-log                |
//! |----------------|---------------------------------|----------------------|-----------------------|
//! | rules          | file `config` in the directory  | arguments            | arguments             |
//! | old files      | `nK`                            | `nK+1`, with the current one | `nK`          |
//! | TAI64N label   | `-t`                            | `t`, first           | `t`, before the directory |
//! | processor      | `!`, by `sh`                    | `!`, by `sh`         | `?`, by `sh`          |
//!
//! svlogd needs a directory that exists, the others make one level of it.

use std::os::unix::ffi::OsStrExt;

use super::{
    Job,
    family::{Entries, PUBLIC},
    identity::Identity,
};
use crate::{
    error::Error,
    quote,
    script::{Arg, Language, Script, Step, argv},
    spec::{Log, Timestamp},
};

const DEFAULT_SIZE: u64 = 1 << 20;
const DEFAULT_FILES: u32 = 10;
/// Where it is if the definition does not say, below the logger's service directory.
const DEFAULT_DIR: &[u8] = b"./main";

/// `log/run` and `log/config` for runit.
pub(super) fn svlogd(job: &mut Job<'_>, entries: &mut Entries) -> Result<(), Error> {
    let Some(log) = &job.service.log else { return Ok(()) };
    let mut config = format!("s{}\nn{}\n", size(log), files(log)).into_bytes();
    for pattern in &log.filter {
        if pattern.get(1..).is_some_and(|text| text.contains('+')) {
            let why = "svlogd takes `+` in a pattern for a repetition";
            job.gap("log.filter", Some(why), "`*` in the place of the `+`");
            continue;
        }
        config.extend_from_slice(format!("{pattern}\n").as_bytes());
    }
    if let Some(processor) = processor(job, log)? {
        if processor.contains(&b'\n') {
            let why = "its command has a line end";
            job.gap("log.processor", Some(why), "a script, named by its path");
        } else {
            config.extend_from_slice(&[b"!", &processor[..], b"\n"].concat());
        }
    }
    let identity = identity(log);
    let chpst = identity.chpst().map(|user| argv!["chpst", "-u", user, "--"]).unwrap_or_default();
    let mut steps = directory_steps(log);
    // By the user of the logger: the directory is his, and whatever lies there under that name.
    let mut copy = chpst.clone();
    copy.extend(argv!["tee", "--", [dir(log), b"/config"].concat().as_slice()]);
    steps.push(Step::Feed(copy, b"./config".to_vec()));
    let mut program = chpst;
    program.push("svlogd".into());
    match log.timestamp {
        Timestamp::None => (),
        Timestamp::Tai64n => program.push("-t".into()),
        Timestamp::Iso8601 => program.push("-ttt".into()),
    }
    program.extend(argv!["--", dir(log)]);
    entries.file("log/config", 0o644, config);
    run(job, entries, steps, program, Language::Sh)
}

/// `log/run` for daemontools.
pub(super) fn multilog(job: &mut Job<'_>, entries: &mut Entries) -> Result<(), Error> {
    let Some(log) = &job.service.log else { return Ok(()) };
    let mut steps = directory_steps(log);
    steps.extend(identity(log).setuidgid());
    let mut program = argv!["multilog"];
    let stamped = log.timestamp == Timestamp::Tai64n;
    if stamped {
        program.push("t".into());
    }
    for pattern in &log.filter {
        program.push(filter_for_multilog(pattern, stamped).into());
    }
    program.extend(argv![format!("s{}", size(log)), format!("n{}", files(log) + 1)]);
    if let Some(processor) = processor(job, log)? {
        program.push(Arg::Word([b"!", &processor[..]].concat()));
    }
    program.push(dir(log).into());
    run(job, entries, steps, program, Language::Sh)
}

/// multilog shows patterns the label as well: `@`, 24 digits, a blank.
fn filter_for_multilog(pattern: &str, stamped: bool) -> String {
    let (sign, text) = pattern.split_at(1);
    // `@* ` reaches to the first blank, which is the one after the label.
    if stamped { format!("{sign}@* {text}") } else { pattern.to_owned() }
}

/// `log/run` for s6.
pub(super) fn s6_log(job: &mut Job<'_>, entries: &mut Entries) -> Result<(), Error> {
    let Some(log) = &job.service.log else { return Ok(()) };
    let mut steps = directory_steps(log);
    if log.timestamp == Timestamp::Iso8601 {
        steps.push(Step::Export("TZ".into(), b"UTC0".to_vec()));
    }
    steps.extend(identity(log).s6());
    let mut program = argv!["s6-log", "-b", "--"];
    for pattern in &log.filter {
        let (sign, text) = pattern.split_at(1);
        program.push(format!("{sign}{}", regular(text)).into());
    }
    program.extend(argv![format!("n{}", files(log)), format!("s{}", size(log))]);
    if let Some(processor) = processor(job, log)? {
        program.push(Arg::Word([b"?", &processor[..]].concat()));
    }
    match log.timestamp {
        Timestamp::None => (),
        Timestamp::Tai64n => program.push("t".into()),
        Timestamp::Iso8601 => program.push("T".into()),
    }
    program.push(dir(log).into());
    run(job, entries, steps, program, job.options.language)
}

/// A pattern as an extended regular expression for the same lines.
fn regular(pattern: &str) -> String {
    let mut text = String::from("^");
    let mut rest = pattern.chars().peekable();
    while let Some(c) = rest.next() {
        match (c, rest.peek()) {
            ('*', None) => text.push_str(".*"),
            // Any text without the next character. In brackets, `^` must not come first, and it
            // does not, and `]` must.
            ('*', Some(next)) => text.push_str(&format!("[^{next}]*")),
            (c, _) if "\\^$.[]|()*+?{}".contains(c) => text.extend(['\\', c]),
            (c, _) => text.push(c),
        }
    }
    text.push('$');
    text
}

fn run(
    job: &Job<'_>,
    entries: &mut Entries,
    steps: Vec<Step>,
    program: Vec<Arg>,
    language: Language,
) -> Result<(), Error> {
    let mut script = Script::new(program);
    script.comments = job.comments().into_iter().take(1).collect();
    script.steps = steps;
    let text = script.text(language).map_err(job.unquotable("log"))?;
    entries.file("log/run", PUBLIC, text);
    Ok(())
}

/// What makes the log directory, as whoever the supervisor is.
fn directory_steps(log: &Log) -> Vec<Step> {
    let dir = dir(log);
    let mode = log.mode.map_or(0o750, |mode| mode.0);
    let mut steps = vec![
        // Complaints of the logger go where those of the supervisor go.
        Step::Do(argv!["mkdir", "-p", "-m", format!("{mode:04o}"), "--", dir]),
    ];
    if let Some(user) = &log.user {
        // With nothing after the colon it is the user's own group.
        let group = log.group.as_ref().map(ToString::to_string).unwrap_or_default();
        steps.push(Step::Do(argv!["chown", "--", format!("{user}:{group}"), dir]));
    }
    if log.mode.is_some() {
        steps.push(Step::Do(argv!["chmod", format!("{mode:04o}"), "--", dir]));
    }
    steps
}

fn identity(log: &Log) -> Identity<'_> {
    Identity { user: log.user.as_ref(), group: log.group.as_ref(), groups: &[] }
}

fn dir(log: &Log) -> &[u8] {
    log.dir.as_ref().map_or(DEFAULT_DIR, |dir| dir.as_os_str().as_bytes())
}

fn size(log: &Log) -> u64 {
    log.max_size.map_or(DEFAULT_SIZE, |size| size.0)
}

fn files(log: &Log) -> u32 {
    log.max_files.unwrap_or(DEFAULT_FILES)
}

/// The processor as a line for `sh -c`.
fn processor(job: &Job<'_>, log: &Log) -> Result<Option<Vec<u8>>, Error> {
    if log.processor.is_empty() {
        return Ok(None);
    }
    let words: Result<Vec<_>, _> =
        log.processor.iter().map(|word| quote::sh::quote(word.as_bytes())).collect();
    let line = words.map_err(job.unquotable("log.processor"))?.join(&b' ');
    Ok(Some([&b"exec "[..], &line].concat()))
}
