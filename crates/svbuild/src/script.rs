//! A program that becomes the service step by step, written for `/bin/sh` or for `execlineb`.
//!
//! Each word is quoted for its reader here and nowhere else. No generated script has a variable
//! that is made of a definition: `sh` gets positional parameters, which are not inherited, and
//! execline replaces nothing, but in a script that hands its own arguments on. There, every `$` of
//! a definition is written as a variable that is replaced by `$`, because `execlineb -S` and its
//! kin replace in words of any quotes.

mod env_file;

pub(crate) use env_file::is_listened_to;

use crate::{
    quote::{self, Unquotable},
    spec::EnvFile,
};

/// What happens before the program, in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A descriptor is opened for reading.
    Read(u8, Vec<u8>),
    /// A descriptor is opened for appending, the file made if missing.
    Append(u8, Vec<u8>),
    /// A descriptor is opened for writing, the file made if missing and emptied. Only in scripts for `sh`.
    Write(u8, Vec<u8>),
    /// The first descriptor becomes a copy of the second.
    Copy(u8, u8),
    /// The umask.
    Umask(u16),
    /// Remembers the service directory, before a [`Step::Cd`], for [`Arg::Env`].
    Remember,
    /// Sets the soft limit of this name to the hard one, by `prlimit`. Only in scripts for `sh`.
    ToHard(&'static str),
    /// Changes the working directory.
    Cd(Vec<u8>),
    /// Sets this variable to the number of the process, for `sd_listen_fds(3)`. Only in scripts for `sh`.
    OwnPid(&'static str),
    /// Sets a variable.
    Export(String, Vec<u8>),
    /// Sets what these files say, and keeps as arguments of the script what [`Arg::FromFiles`] is to
    /// set. Only in scripts for `sh`.
    EnvFiles(Vec<EnvFile>),
    /// Sets `HOME`, `USER` and `LOGNAME` for the user of this name.
    Home(String),
    /// Unsets variables.
    Unset(&'static [&'static str]),
    /// Runs a program and waits; if it fails, nothing more is done.
    Do(Vec<Arg>),
    /// The same with its input from a file and its output thrown away.
    Feed(Vec<Arg>, Vec<u8>),
    /// Sets `GIDLIST` to the numbers of these groups (s6).
    GidList(Vec<String>),
    /// Runs a program and waits, whatever comes of it.
    Try(Vec<Arg>, Pass),
    /// The same with steps of its own before it, which are of no concern to what follows.
    Block(Vec<Step>, Vec<Arg>),
    /// A program that ends by running the rest.
    Chain(Vec<Arg>),
    /// Ends here if the end was asked for.
    UnlessAsked(Asked),
    /// Notes when this run began, for [`Asked::ByByte`].
    NoteStart,
    /// If the first argument of the script is 0, or one of these: ends with this status, or asks the
    /// supervisor to leave the service down.
    IfClean(Give, Vec<u8>),
    /// The same, whatever the arguments.
    Always(Give),
    /// The same, if this was the last of so many runs within so many seconds; this program is run before.
    Often { max: u32, seconds: u64, give: Give, on_failure: Vec<Arg> },
}

/// There while an end was asked for, of which `finish` has not heard yet.
pub(crate) const ASKED: &str = "supervise/asked";

/// Of when this run began (s6).
const STARTED: &str = "supervise/started";

/// When the last runs ended, in seconds, a line for each (runit, embedded).
const ENDS: &str = "supervise/ends";

/// Every end, in the words of `s6-permafailon`.
const EVERY_END: &str = "0-255,SIGHUP,SIGINT,SIGQUIT,SIGILL,SIGTRAP,SIGABRT,SIGBUS,SIGFPE,SIGKILL,SIGUSR1,SIGSEGV,\
                         SIGUSR2,SIGPIPE,SIGALRM,SIGTERM,SIGSTKFLT,SIGXCPU,SIGXFSZ,SIGVTALRM,SIGPROF,SIGIO,SIGPWR,\
                         SIGSYS";

/// How a finish script knows that an end was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// `control/t` has noted it (runit, embedded).
    ByNote,
    /// Something was written to the control FIFO since the run began, and within so many minutes: s6 tells no
    /// script of what it was asked (s6).
    ByByte(u64),
}

impl Asked {
    /// A command for `sh` that succeeds if so. It has no `$`, which execline might replace.
    fn command(self) -> String {
        match self {
            Self::ByNote => format!("[ -e {ASKED} ]"),
            Self::ByByte(minutes) => format!(
                "find supervise/control -newer {STARTED} -mmin -{minutes} 2>/dev/null | grep -q ."
            ),
        }
    }
}

/// How a finish script says that there is to be no other run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Give {
    /// By its exit status (s6).
    Status(u8),
    /// By a `d` to the supervisor (runit).
    Down,
}

/// A word of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Arg {
    /// Itself.
    Word(Vec<u8>),
    /// The directory `env` of the service directory.
    Env,
    /// The assignments that [`Step::EnvFiles`] has kept.
    FromFiles,
}

/// What is added to the last command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pass {
    /// Nothing.
    Nothing,
    /// The arguments of the script.
    Arguments,
}

impl From<&str> for Arg {
    fn from(word: &str) -> Self {
        Self::Word(word.as_bytes().to_vec())
    }
}

impl From<String> for Arg {
    fn from(word: String) -> Self {
        Self::Word(word.into_bytes())
    }
}

impl From<&[u8]> for Arg {
    fn from(word: &[u8]) -> Self {
        Self::Word(word.to_vec())
    }
}

/// Words of a command.
macro_rules! argv {
    ($($word:expr),* $(,)?) => { vec![$($crate::script::Arg::from($word)),*] };
}
pub(crate) use argv;

/// A script. Without a program it ends after its steps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Script {
    pub(crate) comments: Vec<String>,
    pub(crate) steps: Vec<Step>,
    pub(crate) program: Vec<Arg>,
    pub(crate) pass: Pass,
}

/// The language of a script.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Language {
    /// `/bin/sh`.
    Sh,
    /// `execlineb`; s6 only.
    #[default]
    Execline,
}

svproto::words!(Language, "language of scripts":
    Sh "sh",
    Execline "execline",
);

/// The interpreter that execline scripts name: where Debian, Alpine and others put it.
pub(crate) const EXECLINEB: &str = "/usr/bin/execlineb";

impl Script {
    pub(crate) fn new(program: Vec<Arg>) -> Self {
        Self { comments: Vec::new(), steps: Vec::new(), program, pass: Pass::Nothing }
    }

    /// Whether there are values of variables in it, so that not everybody may read it.
    pub(crate) fn has_values(&self) -> bool {
        fn value(step: &Step) -> bool {
            match step {
                Step::Export(..) => true,
                Step::Block(steps, _) => steps.iter().any(value),
                Step::Chain(words) => words.first() == Some(&Arg::from("env")),
                _ => false,
            }
        }
        self.steps.iter().any(value)
    }

    pub(crate) fn text(&self, language: Language) -> Result<Vec<u8>, Unquotable> {
        match language {
            Language::Sh => self.sh(),
            Language::Execline => self.execline(),
        }
    }

    /// Whether a word of a definition has a `$`.
    fn has_dollar(&self) -> bool {
        let has = |arg: &Arg| matches!(arg, Arg::Word(word) if word.contains(&b'$'));
        self.program.iter().any(has)
            || self.steps.iter().any(|step| match step {
                Step::Try(argv, _) | Step::Do(argv) | Step::Chain(argv) => argv.iter().any(has),
                Step::Often { on_failure, .. } => on_failure.iter().any(has),
                _ => false,
            })
    }

    fn comment_lines(&self, out: &mut Vec<u8>) {
        for comment in &self.comments {
            out.extend_from_slice(comment_line(comment).as_bytes());
        }
    }

    /// What becomes this program after these steps, without a first line.
    pub(crate) fn block(steps: &[Step], program: &[Arg]) -> Self {
        Self { steps: steps.to_vec(), ..Self::new(program.to_vec()) }
    }

    fn sh(&self) -> Result<Vec<u8>, Unquotable> {
        let mut out = b"#!/bin/sh\n".to_vec();
        self.comment_lines(&mut out);
        out.extend(self.sh_lines()?);
        Ok(out)
    }

    fn sh_lines(&self) -> Result<Vec<u8>, Unquotable> {
        let mut out = Vec::new();
        let mut exec: Vec<u8> = Vec::new();
        for step in &self.steps {
            let line = match step {
                Step::Read(fd, path) => join(&[format!("exec {fd}<").as_bytes(), &sh_path(path)?]),
                Step::Append(fd, path) => {
                    join(&[format!("exec {fd}>>").as_bytes(), &sh_path(path)?])
                }
                Step::Write(fd, path) => join(&[format!("exec {fd}>").as_bytes(), &sh_path(path)?]),
                Step::Copy(to, from) => format!("exec {to}>&{from}").into_bytes(),
                Step::Umask(bits) => format!("umask {bits:03o}").into_bytes(),
                Step::Remember => b"set -- \"$PWD\"".to_vec(),
                Step::Cd(path) => join(&[b"cd ", &sh_path(path)?, b" || exit 111"]),
                Step::ToHard(name) => format!(
                    "prlimit --pid $$ --{name}=\"$(prlimit --pid $$ --{name} --raw --noheadings -o HARD):\" || exit 111"
                )
                .into_bytes(),
                Step::OwnPid(name) => format!("export {name}=$$").into_bytes(),
                Step::Export(name, value) => {
                    join(&[b"export ", name.as_bytes(), b"=", &quote::sh::quote(value)?])
                }
                Step::EnvFiles(files) => env_files(files)?,
                Step::Home(user) => {
                    format!("HOME=~{user} USER={user} LOGNAME={user}\nexport HOME USER LOGNAME")
                        .into_bytes()
                }
                Step::Unset(names) => format!("unset {}", names.join(" ")).into_bytes(),
                Step::Do(argv) => join(&[&sh_words(argv)?, b" || exit 111"]),
                Step::Block(steps, program) => join(&[
                    b"(\n",
                    &Self::block(steps, program).sh_lines()?,
                    b") || exit 111",
                ]),
                Step::Feed(argv, file) => {
                    join(&[&sh_words(argv)?, b" <", &sh_path(file)?, b" >/dev/null || exit 111"])
                }
                Step::GidList(names) => {
                    let one = |(at, name): (usize, &String)| {
                        let before = if at == 0 { "" } else { "$GIDLIST," };
                        format!(
                            "GIDLIST={before}$(s6-envuidgid -g {name} sh -c 'echo \"$GID\"') || exit 111"
                        )
                    };
                    let lines: Vec<_> = names.iter().enumerate().map(one).collect();
                    format!("{}\nexport GIDLIST", lines.join("\n")).into_bytes()
                }
                Step::Try(argv, pass) => join(&[&sh_words(argv)?, sh_pass(*pass)]),
                Step::Chain(argv) => {
                    exec.extend_from_slice(&sh_words(argv)?);
                    exec.push(b' ');
                    continue;
                }
                Step::UnlessAsked(asked) => {
                    let forget = match asked {
                        Asked::ByNote => format!("rm -f {ASKED}; "),
                        Asked::ByByte(_) => String::new(),
                    };
                    format!("if {}; then {forget}exit 0; fi", asked.command()).into_bytes()
                }
                Step::NoteStart => format!(": >{STARTED}").into_bytes(),
                Step::IfClean(give, success) if success.is_empty() => {
                    format!("if [ \"$1\" = 0 ]; then {}; fi", sh_end(*give)).into_bytes()
                }
                Step::IfClean(give, success) => {
                    let codes: Vec<_> = success.iter().map(u8::to_string).collect();
                    let codes = codes.join("|");
                    format!("case $1 in 0|{codes}) {};; esac", sh_end(*give)).into_bytes()
                }
                Step::Always(give) => sh_give(*give).into_bytes(),
                Step::Often { max, seconds, give, on_failure } => {
                    sh_often(*max, *seconds, *give, &sh_words(on_failure)?)
                }
            };
            out.extend_from_slice(&line);
            out.push(b'\n');
        }
        if self.program.is_empty() {
            out.extend_from_slice(b"exit 0\n");
        } else {
            let words = sh_words(&self.program)?;
            out.extend_from_slice(&join(&[b"exec ", &exec, &words, sh_pass(self.pass), b"\n"]));
        }
        Ok(out)
    }

    fn execline(&self) -> Result<Vec<u8>, Unquotable> {
        // Only a script that uses its arguments has them replaced, and only in such a script is a
        // `$` anything but itself.
        let uses = |step: &Step| match step {
            Step::Try(_, Pass::Arguments) | Step::IfClean(..) => true,
            Step::Often { on_failure, .. } => !on_failure.is_empty(),
            _ => false,
        };
        let replaces = self.pass == Pass::Arguments || self.steps.iter().any(uses);
        let options = if replaces { "-S0" } else { "-P" };
        let mut out = format!("#!{EXECLINEB} {options}\n").into_bytes();
        self.comment_lines(&mut out);
        if replaces && self.has_dollar() {
            out.extend_from_slice(b"define -- dollar \"$\"\n");
        }
        out.extend(self.execline_lines(replaces)?);
        Ok(out)
    }

    fn execline_lines(&self, replaces: bool) -> Result<Vec<u8>, Unquotable> {
        let mut out = Vec::new();
        let line = |argv: &[Arg]| execline_words(argv, replaces);
        let own = |argv: Vec<Arg>| line(&argv);
        for step in &self.steps {
            let text = match step {
                Step::Read(fd, path) => own(argv!["redirfd", "-r", fd.to_string(), &path[..]])?,
                Step::Append(fd, path) => own(argv!["redirfd", "-a", fd.to_string(), &path[..]])?,
                Step::Copy(to, from) => {
                    own(argv!["fdmove", "-c", to.to_string(), from.to_string()])?
                }
                Step::Umask(bits) => own(argv!["umask", format!("{bits:03o}")])?,
                // `./env` is read before the change, because execline goes step by step.
                Step::Remember => continue,
                // Only in scripts for `sh`.
                Step::ToHard(_) | Step::EnvFiles(_) | Step::Write(..) | Step::OwnPid(_) => continue,
                Step::UnlessAsked(asked) => join(&[
                    b"ifelse { ",
                    &own(argv!["sh", "-c", asked.command()])?,
                    b" } { exit 0 }",
                ]),
                Step::NoteStart => {
                    join(&[b"foreground { ", &own(argv!["touch", STARTED])?, b" }"])
                }
                Step::Cd(path) => own(argv!["cd", &path[..]])?,
                Step::Export(name, value) => own(argv!["export", name.as_str(), &value[..]])?,
                Step::Home(user) => format!(
                    "backtick HOME {{ sh -c \"printf %s ~{user}\" }}\nexport USER {user}\nexport LOGNAME {user}"
                )
                .into_bytes(),
                Step::Unset(names) => {
                    let lines: Vec<_> = names.iter().map(|name| format!("unexport {name}")).collect();
                    lines.join("\n").into_bytes()
                }
                Step::Do(argv) => join(&[b"if { ", &line(argv)?, b" }"]),
                Step::Block(steps, program) => join(&[
                    b"if {\n",
                    &Self::block(steps, program).execline_lines(replaces)?,
                    b"}",
                ]),
                Step::Feed(argv, file) => join(&[
                    b"if { redirfd -r 0 ",
                    &own(argv![&file[..]])?,
                    b" redirfd -w 1 /dev/null ",
                    &line(argv)?,
                    b" }",
                ]),
                Step::GidList(names) => gid_list(names),
                Step::Try(argv, pass) => {
                    join(&[b"foreground { ", &line(argv)?, execline_pass(*pass), b" }"])
                }
                Step::Chain(argv) => line(argv)?,
                Step::IfClean(give, success) => {
                    let mut test = "eltest $1 = 0".to_owned();
                    for code in success {
                        test.push_str(&format!(" -o $1 = {code}"));
                    }
                    format!("ifelse {{ {test} }} {{ {} }}", execline_give(*give)).into_bytes()
                }
                Step::Always(give) => execline_give(*give).as_bytes().to_vec(),
                // It ends with 125 itself.
                Step::Often { max, seconds, on_failure, .. } if on_failure.is_empty() => {
                    format!("s6-permafailon {seconds} {max} {EVERY_END}").into_bytes()
                }
                // Its status is a variable of the block alone: there, no word of a definition is.
                Step::Often { max, seconds, give, on_failure } => join(&[
                    format!(
                        "ifelse {{ foreground {{ s6-permafailon {seconds} {max} {EVERY_END} true }} \
                         importas -i gone ? eltest ${{gone}} = 125 }} {{ foreground {{ "
                    )
                    .as_bytes(),
                    &line(on_failure)?,
                    format!(" $@ }} {} }}", execline_give(*give)).as_bytes(),
                ]),
            };
            out.extend_from_slice(&text);
            out.push(b'\n');
            if matches!(step, Step::Always(_)) {
                return Ok(out);
            }
        }
        if self.program.is_empty() {
            out.extend_from_slice(b"exit 0\n");
        } else {
            out.extend_from_slice(&join(&[&line(&self.program)?, execline_pass(self.pass), b"\n"]));
        }
        Ok(out)
    }
}

fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

/// A line of a comment. A line end in it would be the end of the comment.
pub(crate) fn comment_line(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    // A unit file would go on after a final backslash.
    format!("# {}\n", line.trim_end_matches([' ', '\\']))
}

/// A path is absolute or begins with `./`, so it is no option.
fn sh_path(path: &[u8]) -> Result<Vec<u8>, Unquotable> {
    quote::sh::quote(path)
}

fn sh_words(argv: &[Arg]) -> Result<Vec<u8>, Unquotable> {
    let words: Result<Vec<_>, _> = argv
        .iter()
        .map(|arg| match arg {
            Arg::Word(word) => quote::sh::quote(word),
            Arg::Env => Ok(b"\"$1/env\"".to_vec()),
            Arg::FromFiles => Ok(b"\"$@\"".to_vec()),
        })
        .collect();
    Ok(words?.join(&b' '))
}

const fn sh_pass(pass: Pass) -> &'static [u8] {
    match pass {
        Pass::Nothing => b"",
        Pass::Arguments => b" \"$@\"",
    }
}

fn sh_give(give: Give) -> String {
    match give {
        Give::Status(status) => format!("exit {status}"),
        // Opened for both ways, so that it does not wait where nobody reads any more.
        Give::Down => "printf d 1<>supervise/control".to_owned(),
    }
}

/// The same, and ends the script.
fn sh_end(give: Give) -> String {
    match give {
        Give::Status(_) => sh_give(give),
        Give::Down => format!("{}; exit 0", sh_give(give)),
    }
}

/// The clock may be set back; then what is noted lies ahead, and does not count. What is computed is so in a
/// process of its own: the arguments stay those of the script.
fn sh_often(max: u32, seconds: u64, give: Give, on_failure: &[u8]) -> Vec<u8> {
    let run = match on_failure {
        [] => Vec::new(),
        words => join(&[words, b" \"$@\"; "]),
    };
    if let Give::Status(status) = give {
        let count = format!("s6-permafailon {seconds} {max} {EVERY_END} true\n");
        let test = format!("if [ $? = {status} ]; then ");
        return join(&[count.as_bytes(), test.as_bytes(), &run, sh_end(give).as_bytes(), b"; fi"]);
    }
    let before = max - 1;
    let test = format!(
        "if (\n\
         set -- $(tail -n {before} {ENDS} 2>/dev/null) $(date +%s)\n\
         [ $# = {max} ] && [ $(($(date +%s) - $1)) -lt {seconds} ] && rm -f {ENDS} && exit 0\n\
         printf '%s\\n' \"$@\" >{ENDS}; exit 1\n\
         ); then "
    );
    join(&[test.as_bytes(), sh_give(give).as_bytes(), b"; ", &run, b"exit 0; fi"])
}

/// In a script that replaces, `$` is the variable `dollar`, and backslashes before it are doubled,
/// because the replacement halves them.
fn execline_words(argv: &[Arg], replaces: bool) -> Result<Vec<u8>, Unquotable> {
    let words: Result<Vec<_>, _> = argv
        .iter()
        .map(|arg| match arg {
            Arg::Word(word) if replaces && word.contains(&b'$') => {
                quote::execline::quote(&without_dollar(word))
            }
            Arg::Word(word) => quote::execline::quote(word),
            Arg::Env => Ok(b"./env".to_vec()),
            Arg::FromFiles => Ok(Vec::new()),
        })
        .collect();
    Ok(words?.join(&b' '))
}

fn without_dollar(word: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(word.len() + 8);
    let mut backslashes = 0;
    for &byte in word {
        if byte == b'$' {
            text.extend(std::iter::repeat_n(b'\\', backslashes));
            text.extend_from_slice(b"${dollar}");
        } else {
            text.push(byte);
        }
        backslashes = if byte == b'\\' { backslashes + 1 } else { 0 };
    }
    text
}

const fn execline_pass(pass: Pass) -> &'static [u8] {
    match pass {
        Pass::Nothing => b"",
        Pass::Arguments => b" $@",
    }
}

fn execline_give(give: Give) -> String {
    match give {
        Give::Status(status) => format!("exit {status}"),
        Give::Down => "redirfd -u 1 supervise/control printf d".to_owned(),
    }
}

/// The reader is named once, and each file is read by it.
fn env_files(files: &[EnvFile]) -> Result<Vec<u8>, Unquotable> {
    use std::os::unix::ffi::OsStrExt as _;
    // It has no single quote, so that people can read it.
    let reader = format!("'{}'", env_file::reader()).into_bytes();
    let mut text =
        join(&[b"set --\nread_env() { LC_ALL=C awk ", &reader, b" \"$1\" || echo exit 111; }"]);
    for EnvFile { path, optional, .. } in files {
        let path = sh_path(path.as_os_str().as_bytes())?;
        text.push(b'\n');
        if *optional {
            text.extend_from_slice(&join(&[b"[ ! -e ", &path, b" ] || "]));
        }
        text.extend_from_slice(&join(&[b"eval \"$(read_env ", &path, b")\""]));
    }
    Ok(text)
}

/// The names are looked up in a subprocess, so that nothing is replaced outside of it.
fn gid_list(names: &[String]) -> Vec<u8> {
    let mut text = String::from("backtick GIDLIST {");
    let mut format = Vec::new();
    for (at, name) in names.iter().enumerate() {
        text.push_str(&format!(" s6-envuidgid -g {name} importas -i g{at} GID"));
        format.push(format!("${{g{at}}}"));
    }
    text.push_str(&format!(" printf %s {} }}", format.join(",")));
    text.into_bytes()
}
