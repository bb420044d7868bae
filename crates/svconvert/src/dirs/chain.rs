//! Programs that change something and become the next one: `chpst`, `envdir`, `setuidgid`, `softlimit`, those of
//! s6, and what else people put before a program.
//!
//! Source: their manual pages; runit 2.1.2, daemontools 0.76, s6 2.11, coreutils, util-linux.

use svbuild::{
    Service,
    spec::{Bound, Id, IoClass, IoPriority, Limit, Size, Stream, Time},
};

/// What a chain says of a service.
#[derive(Default)]
pub(super) struct Chain {
    pub(super) service: Service,
    /// Directories of variables, as they are named.
    pub(super) env_dirs: Vec<String>,
    /// What has no key, as sentences.
    pub(super) lost: Vec<String>,
    /// Users are named by `setuidgid` and the like, which set no variables.
    pub(super) is_alone: bool,
}

/// Reads the words of a command up to the program itself. `None` if something in it has no key and the
/// service would be another one without it.
pub(super) fn read(words: &[String], chain: &mut Chain) -> Option<()> {
    let mut rest = words;
    loop {
        let (program, args) = rest.split_first()?;
        let name = program.rsplit('/').next()?;
        // These are of a shell or of execline, and no program with a path is one of them.
        let own = ["cd", "umask", "export", "exec", "fdmove", "redirfd"];
        let name = if program.contains('/') && own.contains(&name) { "" } else { name };
        let mut args = Args { rest: args };
        match name {
            "chpst" => chpst(&mut args, chain)?,
            "setuidgid" | "s6-setuidgid" | "su-exec" | "gosu" => {
                args.flags(&[])?;
                user(chain, args.next()?, name.contains("setuidgid"))?;
            }
            "envdir" | "s6-envdir" => {
                args.only(&["-i", "-I", "-n"], &["-c", "-L"])?;
                chain.env_dirs.push(args.next()?.to_owned());
            }
            "softlimit" | "s6-softlimit" => softlimit(&mut args, chain, name)?,
            "pgrphack" | "setsid" | "s6-setsid" => {
                args.flags(&[])?;
                chain.service.session = true;
            }
            "nice" | "s6-nice" => {
                let value = match args.peek()? {
                    "-n" => {
                        args.next()?;
                        args.next()?.to_owned()
                    }
                    it if it.starts_with("-n") || it.starts_with("--adjustment=") => {
                        let it = args.next()?;
                        it.trim_start_matches("--adjustment=").trim_start_matches("-n").to_owned()
                    }
                    _ => "10".to_owned(),
                };
                args.flags(&[])?;
                chain.service.nice = Some(value.parse().ok()?);
            }
            "ionice" => ionice(&mut args, chain)?,
            "env" => env(&mut args, chain)?,
            "cd" | "s6-cd" => chain.service.cwd = Some(args.next()?.into()),
            "umask" | "s6-umask" => {
                chain.service.umask = Some(args.next()?.parse().ok()?);
            }
            "export" => {
                let (variable, value) = (args.next()?.to_owned(), args.next()?.to_owned());
                chain.service.env.insert(variable, value.into());
            }
            "fdmove" => fdmove(&mut args, chain)?,
            "redirfd" => redirfd(&mut args, chain)?,
            "with-contenv" => {
                chain
                    .lost
                    .push("the variables of the container are not read from files".to_owned());
            }
            "exec" => (),
            _ => {
                chain.service.exec = rest.iter().map(|word| word.as_str().into()).collect();
                return Some(());
            }
        }
        rest = args.rest;
    }
}

/// The words after a program.
struct Args<'a> {
    rest: &'a [String],
}

impl<'a> Args<'a> {
    fn next(&mut self) -> Option<&'a str> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(first)
    }

    fn peek(&self) -> Option<&'a str> {
        self.rest.first().map(String::as_str)
    }

    /// Takes a `--`, and options that mean nothing to a definition. Any other is not understood.
    fn flags(&mut self, known: &[&str]) -> Option<()> {
        self.only(known, &[])
    }

    fn only(&mut self, known: &[&str], with_value: &[&str]) -> Option<()> {
        while let Some(word) = self.peek() {
            if word == "--" {
                self.next();
                return Some(());
            }
            if !word.starts_with('-') {
                return Some(());
            }
            if with_value.contains(&word) {
                self.next();
            } else if !known.contains(&word) {
                return None;
            }
            self.next();
        }
        None
    }
}

/// What stands next among the words of a program.
enum Taken<'a> {
    /// A letter, with its value if it takes one.
    Option(char, &'a str),
    /// There is no other option.
    Over,
}

/// The next option; a value may stand in the same word. `None` for one that is not understood.
fn option<'a>(args: &mut Args<'a>, letters: &str, values: &str) -> Option<Taken<'a>> {
    let word = match args.peek()? {
        "--" => {
            args.next();
            return Some(Taken::Over);
        }
        word if word.starts_with('-') && word.len() > 1 => word,
        _ => return Some(Taken::Over),
    };
    let mut chars = word.strip_prefix('-')?.chars();
    let letter = chars.next()?;
    args.next();
    let attached = chars.as_str();
    if values.contains(letter) {
        let value = if attached.is_empty() { args.next()? } else { attached };
        return Some(Taken::Option(letter, value));
    }
    // Several letters in one word are not looked into.
    (letters.contains(letter) && attached.is_empty()).then_some(Taken::Option(letter, ""))
}

fn chpst(args: &mut Args<'_>, chain: &mut Chain) -> Option<()> {
    while let Taken::Option(letter, value) = option(args, "vVP012", "uUbe/CnlLmdopfcrt")? {
        match letter {
            'v' | 'V' => (),
            'P' => chain.service.session = true,
            'u' => user(chain, value, true)?,
            'e' => chain.env_dirs.push(value.to_owned()),
            '/' if value == "/" => chain.service.cwd = Some(value.into()),
            '/' => chain.service.root = Some(value.into()),
            'C' => chain.service.cwd = Some(value.into()),
            'n' => chain.service.nice = Some(value.parse().ok()?),
            // A lock that others take as well, other descriptors, other names: a service would be another one.
            'U' | 'b' | 'l' | 'L' | '0' | '1' | '2' => return None,
            letter => bound(chain, letter, value)?,
        }
    }
    Some(())
}

fn softlimit(args: &mut Args<'_>, chain: &mut Chain, name: &str) -> Option<()> {
    while let Taken::Option(letter, value) = option(args, "hH", "acdflmoprst")? {
        match letter {
            'h' | 'H' if name == "s6-softlimit" => return None,
            letter => bound(chain, letter, value)?,
        }
    }
    Some(())
}

/// A limit by its letter.
fn bound(chain: &mut Chain, letter: char, value: &str) -> Option<()> {
    let number: Option<u64> = match value {
        "=" => None,
        value => Some(value.parse().ok()?),
    };
    let size = || Limit::soft(number.map_or(Bound::Infinity, |it| Bound::At(Size(it))));
    let count = || {
        let it = number.map(u32::try_from).transpose().ok()?;
        Some(Limit::soft(it.map_or(Bound::Infinity, Bound::At)))
    };
    let limits = &mut chain.service.limits;
    match letter {
        'a' => limits.address_space = Some(size()),
        'd' => limits.data = Some(size()),
        's' => limits.stack = Some(size()),
        'l' => limits.locked_memory = Some(size()),
        'r' => limits.rss = Some(size()),
        'f' => limits.file_size = Some(size()),
        'c' => limits.core = Some(size()),
        'o' => limits.files = Some(count()?),
        'p' => limits.processes = Some(count()?),
        't' => {
            let time = |it| Bound::At(Time(std::time::Duration::from_secs(it)));
            limits.cpu = Some(Limit::soft(number.map_or(Bound::Infinity, time)));
        }
        // Both take the hard limit of locked memory where that is lower, as it is as a rule; a definition that
        // asks for more than that does not start.
        'm' => {
            limits.data = Some(size());
            limits.stack = Some(size());
            limits.address_space = Some(size());
            chain.lost.push(
                "memory that is locked is not bounded: limits.locked_memory does that".to_owned(),
            );
        }
        _ => return None,
    }
    Some(())
}

/// `USER`, `USER:GROUP…`, `:UID:GID…`.
fn user(chain: &mut Chain, text: &str, is_alone: bool) -> Option<()> {
    let id = |text: &str| {
        text.parse().map_or_else(|_| text.parse::<Id>().ok(), |number| Some(Id::Number(number)))
    };
    let is_number = text.starts_with(':');
    let mut parts = text.trim_start_matches(':').split(':');
    let first = parts.next()?;
    let user = if is_number { Id::Number(first.parse().ok()?) } else { id(first)? };
    let mut groups = Vec::new();
    for part in parts {
        groups.push(id(part)?);
    }
    chain.service.user = Some(user);
    if let Some((group, more)) = groups.split_first() {
        chain.service.group = Some(group.clone());
        chain.service.groups = more.to_vec();
    }
    chain.is_alone = is_alone;
    Some(())
}

fn ionice(args: &mut Args<'_>, chain: &mut Chain) -> Option<()> {
    let (mut class, mut level) = (None, None);
    while let Taken::Option(letter, value) = option(args, "t", "cn")? {
        match letter {
            'c' => {
                class = Some(match value {
                    "1" | "realtime" => IoClass::Realtime,
                    "2" | "best-effort" => IoClass::BestEffort,
                    "3" | "idle" => IoClass::Idle,
                    _ => return None,
                });
            }
            'n' => level = Some(value.parse::<u8>().ok()?),
            _ => (),
        }
    }
    let class = class.unwrap_or(IoClass::BestEffort);
    let io = IoPriority::new(class);
    let level = level.filter(|_| class != IoClass::Idle);
    chain.service.io_priority = Some(level.map_or(io, |level| io.level(level)));
    Some(())
}

fn env(args: &mut Args<'_>, chain: &mut Chain) -> Option<()> {
    args.flags(&[])?;
    while let Some((name, value)) = args.peek().and_then(|it| it.split_once('=')) {
        if !crate::env_file::is_name(name) {
            return None;
        }
        chain.service.env.insert(name.to_owned(), value.into());
        args.next();
    }
    Some(())
}

/// `fdmove -c 2 1`.
fn fdmove(args: &mut Args<'_>, chain: &mut Chain) -> Option<()> {
    match (args.next()?, args.next()?, args.next()?) {
        ("-c", "2", "1") => chain.service.stderr = Some(Stream::Stdout),
        ("-c", "1", "2") => chain.service.stdout = Some(Stream::Inherit),
        _ => return None,
    }
    Some(())
}

/// `redirfd -a 1 FILE`.
fn redirfd(args: &mut Args<'_>, chain: &mut Chain) -> Option<()> {
    let (how, fd, path) = (args.next()?, args.next()?, args.next()?);
    let stream = if path == "/dev/null" { Stream::Null } else { Stream::File(path.into()) };
    match (how, fd) {
        ("-r", "0") => chain.service.stdin = Some(stream).filter(|it| *it != Stream::Null),
        ("-a", "1") => chain.service.stdout = Some(stream),
        ("-w" | "-wb", "1") if path == "/dev/null" => chain.service.stdout = Some(stream),
        ("-a", "2") => chain.service.stderr = Some(stream),
        ("-w" | "-wb", "2") if path == "/dev/null" => chain.service.stderr = Some(stream),
        _ => return None,
    }
    Some(())
}
