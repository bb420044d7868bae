//! Scripts of `sh` that only prepare a process and become it.

use std::collections::{BTreeMap, BTreeSet};

use svbuild::spec::{Bound, Dir, Limit, Limits, Mode, Size, Stream};

use super::chain::{self, Chain};
use crate::shell;

/// A line of a script: where it stands, and what of a definition says it.
pub(super) struct Step {
    pub(super) bytes: std::ops::Range<usize>,
    pub(super) key: Option<&'static str>,
}

/// A script that was understood from its first to its last line.
pub(super) struct Script {
    pub(super) chain: Chain,
    pub(super) steps: Vec<Step>,
    /// Services that are started before, by `sv start`.
    pub(super) needs: Vec<String>,
    /// Standard input is said, as a definition's is.
    pub(super) says_stdin: bool,
    /// The last line has no `exec`: a shell waits for the program.
    pub(super) has_shell: bool,
}

/// The lines that say something: all but comments and empty ones. A line that goes on in the next is one.
pub(super) fn lines(text: &str) -> Vec<(std::ops::Range<usize>, String)> {
    let mut found = Vec::new();
    let (mut at, mut start) = (0, None);
    let mut whole = String::new();
    for line in text.split_inclusive('\n') {
        let begin = at;
        at += line.len();
        let content = line.trim_end_matches('\n');
        if start.is_none() && (content.trim().is_empty() || content.trim_start().starts_with('#')) {
            continue;
        }
        let from = *start.get_or_insert(begin);
        if let Some(content) = content.strip_suffix('\\') {
            whole.push_str(content);
            continue;
        }
        whole.push_str(content);
        found.push((from..at, std::mem::take(&mut whole).trim().to_owned()));
        start = None;
    }
    if let Some(from) = start {
        found.push((from..at, whole.trim().to_owned()));
    }
    found
}

/// Reads a script of `sh`; `None` if it does more than a definition says.
pub(super) fn sh(text: &str) -> Option<Script> {
    let mut reader = Reader::default();
    let all = lines(text);
    let last = all.len().checked_sub(1)?;
    let mut steps = Vec::new();
    for (number, (bytes, line)) in all.into_iter().enumerate() {
        let line = without_test(&ours(&line));
        let commands = shell::commands(&line)?;
        let mut key = None;
        for (place, command) in commands.iter().enumerate() {
            let is_last = number == last && place + 1 == commands.len();
            let Key(said) = reader.line(command, is_last)?;
            key = said.or(key);
        }
        steps.push(Step { bytes, key });
    }
    if text.lines().next().is_some_and(|line| line.contains("with-contenv")) {
        reader.chain.lost.push("the variables of the container are not read from files".to_owned());
    }
    reader.end(steps)
}

/// Directories that a script makes: mode and owner of each.
type Made = BTreeMap<String, (Option<u16>, Option<String>)>;

/// The key that a line has written, if it has one.
struct Key(Option<&'static str>);

#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "what was said so far, each on its own")]
struct Reader {
    chain: Chain,
    needs: Vec<String>,
    made: Made,
    /// What has a value in the shell.
    set: BTreeMap<String, String>,
    /// What programs see of it.
    exported: BTreeSet<String>,
    exports_all: bool,
    unset: Vec<String>,
    says_stdin: bool,
    says_stderr: bool,
    has_shell: bool,
    is_over: bool,
}

impl Reader {
    /// The key that a line writes; `None` if it is not understood.
    fn line(&mut self, line: &str, is_last: bool) -> Option<Key> {
        if self.is_over {
            return None;
        }
        let line = without_exit(line);
        let (line, redirections) = redirections(line);
        let words: Vec<String> = match line {
            "" | "exec" => Vec::new(),
            line => plain_with_own(line, &self.set)?,
        };
        let first = words.first().map(String::as_str).unwrap_or_default();
        let args = words.get(1..).unwrap_or_default();
        let is_exec = first == "exec";
        if words.is_empty() || is_exec && args.is_empty() {
            self.redirect(&redirections)?;
            return Some(Key(Some("stdout")));
        }
        if first == "sv"
            && args.len() > 1
            && matches!(args.first().map(String::as_str), Some("check" | "start" | "up"))
        {
            self.needs.extend(args.iter().skip(1).cloned());
            return Some(Key(Some("needs")));
        }
        let is_quiet = redirections.is_empty();
        match first {
            "set" if is_quiet && matches!(args, [one] if one == "-a" || one == "+a") => {
                self.exports_all = args.iter().any(|it| it == "-a");
                return Some(Key(None));
            }
            "set" if is_quiet => {
                return args.iter().all(|it| is_of_set(it)).then_some(Key(None));
            }
            ":" => return Some(Key(None)),
            "cd" if is_quiet => {
                let [dir] = args else { return None };
                self.chain.service.cwd = Some(dir.into());
                return Some(Key(Some("cwd")));
            }
            "umask" if is_quiet => {
                let [mode] = args else { return None };
                self.chain.service.umask = Some(mode.parse().ok()?);
                return Some(Key(Some("umask")));
            }
            "ulimit" if is_quiet => {
                ulimit(&mut self.chain.service.limits, args)?;
                return Some(Key(Some("limits")));
            }
            "unset" if is_quiet => {
                for name in args {
                    self.set.remove(name);
                    self.exported.remove(name);
                }
                self.unset.extend(args.iter().cloned());
                return Some(Key(Some("user")));
            }
            "export" if is_quiet => {
                for word in args {
                    if let Some((name, value)) = word.split_once('=') {
                        self.assign(name, value, true);
                    } else {
                        // Without a value here, it is one of a line before, or the supervisor's.
                        self.unset.retain(|it| it != word);
                        self.exported.insert(word.clone());
                    }
                }
                return Some(Key(Some("env")));
            }
            "mkdir" | "install" | "chown" | "chmod" if is_quiet => {
                made(&mut self.made, first, args)?;
                return Some(Key(Some("dirs")));
            }
            _ => (),
        }
        if first.contains('=') && words.iter().all(|word| word.contains('=')) {
            for word in &words {
                let (name, value) = word.split_once('=')?;
                self.assign(name, value, false);
            }
            return Some(Key(Some("env")));
        }
        if !is_exec && !is_last {
            return None;
        }
        self.redirect(&redirections)?;
        self.is_over = true;
        self.has_shell = !is_exec;
        chain::read(if is_exec { args } else { &words }, &mut self.chain)?;
        Some(Key(Some("exec")))
    }

    /// What has no value of the script's own may still be exported: by the supervisor, which has these.
    fn assign(&mut self, name: &str, value: &str, is_exported: bool) {
        let is_known = matches!(name, "PATH" | "HOME" | "USER" | "LOGNAME" | "SHELL" | "PWD");
        if is_exported || is_known || self.exports_all {
            self.exported.insert(name.to_owned());
        }
        self.set.insert(name.to_owned(), value.to_owned());
    }

    fn redirect(&mut self, all: &[Redirection]) -> Option<()> {
        for Redirection { fd, how, to } in all {
            let stream = if to == "/dev/null" { Stream::Null } else { Stream::File(to.into()) };
            match (fd, *how) {
                (2, ">&") if to == "1" => {
                    self.chain.service.stderr = None;
                    self.says_stderr = true;
                }
                (0, "<") => {
                    self.says_stdin = true;
                    self.chain.service.stdin = Some(stream).filter(|it| *it != Stream::Null);
                }
                (1, ">>" | ">") if *how == ">>" || stream == Stream::Null => {
                    self.chain.service.stdout = Some(stream);
                }
                (2, ">>" | ">") if *how == ">>" || stream == Stream::Null => {
                    self.says_stderr = true;
                    self.chain.service.stderr = Some(stream);
                }
                _ => return None,
            }
        }
        Some(())
    }

    fn end(mut self, steps: Vec<Step>) -> Option<Script> {
        if !self.is_over {
            return None;
        }
        let service = &mut self.chain.service;
        // By a number, nobody is looked up, and these are not set.
        let homeless = ["HOME", "LOGNAME", "USER"];
        let is_number = matches!(service.user, Some(svbuild::spec::Id::Number(_)));
        let is_implied = is_number && self.unset.iter().all(|it| homeless.contains(&it.as_str()));
        if !is_implied && !self.unset.is_empty() {
            return None;
        }
        let says_home =
            |it: &&str| self.set.contains_key(*it) || self.unset.iter().any(|name| name == it);
        self.chain.is_alone &= !homeless.iter().all(says_home);
        if !self.says_stderr {
            service.stderr = Some(Stream::Inherit);
        }
        for (name, value) in self.set.into_iter().filter(|(name, _)| self.exported.contains(name)) {
            let home = value.strip_prefix('~').unwrap_or(&value);
            let is_own = homeless.contains(&name.as_str())
                && service.user.as_ref().is_some_and(|user| user.to_string() == home);
            if is_own {
                continue;
            }
            // Of our own line for these, `~` is no text.
            let is_home = homeless.contains(&name.as_str()) && value.starts_with('~');
            if is_home || !crate::env_file::is_name(&name) {
                return None;
            }
            service.env.entry(name).or_insert_with(|| value.into());
        }
        dirs(&mut self.chain, self.made)?;
        let Self { chain, needs, says_stdin, has_shell, .. } = self;
        Some(Script { chain, steps, needs, says_stdin, has_shell })
    }
}

/// What our own scripts say in the words of a shell.
fn ours(line: &str) -> String {
    line.replace("\"$1/env\"", "./env").replace("set -- \"$PWD\"", ":")
}

/// Whether a word of `set` says only what happens when a command fails, or shows them.
fn is_of_set(word: &str) -> bool {
    let letters = word.strip_prefix('-').unwrap_or(".");
    letters.chars().all(|c| "euxo-".contains(c))
        || matches!(word, "pipefail" | "errexit" | "nounset" | "xtrace")
}

/// `[ -d DIR ] || mkdir DIR` without the question: what is there is not made.
fn without_test(line: &str) -> String {
    let question = |text: &str, not: &str| {
        let text = text.trim();
        let inner = text.strip_prefix("[ ").and_then(|it| it.strip_suffix(" ]"));
        let inner = inner.or_else(|| text.strip_prefix("test "))?;
        let dir = inner.trim().strip_prefix(not)?.trim().strip_prefix("-d ")?.trim();
        Some(dir.to_owned())
    };
    for (between, not) in [("||", ""), ("&&", "!")] {
        let Some((before, after)) = line.split_once(between) else { continue };
        let is_same = |dir: String| after.split_whitespace().any(|word| word == dir);
        if after.trim_start().starts_with("mkdir ") && question(before, not).is_some_and(is_same) {
            return after.trim().to_owned();
        }
    }
    line.to_owned()
}

/// Without an end that only says what happens if it fails.
fn without_exit(line: &str) -> &str {
    match line.rsplit_once("||") {
        Some((before, after)) => {
            let mut words = after.split_whitespace();
            let is_exit = words.next() == Some("exit")
                && words.all(|it| it.bytes().all(|it| it.is_ascii_digit()));
            if is_exit { before.trim_end() } else { line }
        }
        None => line,
    }
}

/// Words, where the first may be a command of the shell's own.
fn plain_with_own(line: &str, set: &BTreeMap<String, String>) -> Option<Vec<String>> {
    let value = |name: &str| set.get(name).map(String::as_str);
    let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
    let own = ["exec", "cd", "umask", "ulimit", "export", "unset", "set", ":"];
    if own.contains(&first) {
        let mut words = vec![first.to_owned()];
        if !rest.trim().is_empty() {
            // A word stands before, so that what follows is arguments.
            let all = shell::plain_with(&format!("x {rest}"), &value)?;
            words.extend(all.words.into_iter().skip(1));
        }
        return Some(words);
    }
    // Our own scripts ask for the directory of a user.
    let is_home = line.split(' ').all(|word| word.contains('=')) && line.starts_with("HOME=~");
    if is_home {
        return Some(line.split(' ').map(str::to_owned).collect());
    }
    match shell::plain_with(line, &value) {
        Some(plain) if plain.env.is_empty() => Some(plain.words),
        // Variables for this command alone.
        Some(_) => None,
        None => {
            let all =
                shell::plain_with(&format!("{line} x"), &value).filter(|it| it.words == ["x"])?;
            Some(all.env.into_iter().map(|(name, value)| format!("{name}={value}")).collect())
        }
    }
}

struct Redirection {
    fd: u8,
    how: &'static str,
    to: String,
}

/// A line without the redirections at its end.
fn redirections(line: &str) -> (&str, Vec<Redirection>) {
    let mut found = Vec::new();
    let mut rest = line.trim_end();
    loop {
        let (before, word) = rest.rsplit_once([' ', '\t']).unwrap_or(("", rest));
        let Some(one) = redirection(word) else { break };
        found.push(one);
        rest = before.trim_end();
    }
    found.reverse();
    (rest, found)
}

fn redirection(word: &str) -> Option<Redirection> {
    let digits = word.len() - word.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (fd, rest) = word.split_at(digits);
    let fd = if fd.is_empty() { None } else { Some(fd.parse::<u8>().ok()?) };
    let plain = |to: &str| {
        let fits = |c: char| c.is_ascii_alphanumeric() || "/._-@+".contains(c);
        (!to.is_empty() && to.chars().all(fits)).then(|| to.to_owned())
    };
    for (how, own) in [(">&", 1), (">>", 1), (">", 1), ("<", 0)] {
        if let Some(to) = rest.strip_prefix(how) {
            return Some(Redirection { fd: fd.unwrap_or(own), how, to: plain(to)? });
        }
    }
    None
}

/// `ulimit -n 1024`: both limits, or the soft one with `-S`.
fn ulimit(limits: &mut Limits, args: &[String]) -> Option<()> {
    let (soft, args) = match args {
        [flag, rest @ ..] if flag == "-S" => (true, rest),
        args => (false, args),
    };
    let [letter, value] = args else { return None };
    let number: Option<u64> = match value.as_str() {
        "unlimited" => None,
        value => Some(value.parse().ok()?),
    };
    let kilo = |unit: u64| {
        let bound = match number {
            None => Bound::Infinity,
            Some(number) => Bound::At(Size(number.checked_mul(unit)?)),
        };
        Some(if soft { Limit::soft(bound) } else { Limit::new(bound, bound) })
    };
    let count = || {
        let bound = match number {
            None => Bound::Infinity,
            Some(number) => Bound::At(u32::try_from(number).ok()?),
        };
        Some(if soft { Limit::soft(bound) } else { Limit::new(bound, bound) })
    };
    match letter.as_str() {
        "-n" => limits.files = Some(count()?),
        "-u" | "-p" => limits.processes = Some(count()?),
        "-l" => limits.locked_memory = Some(kilo(1024)?),
        "-s" => limits.stack = Some(kilo(1024)?),
        "-d" => limits.data = Some(kilo(1024)?),
        "-v" => limits.address_space = Some(kilo(1024)?),
        "-c" => limits.core = Some(kilo(512)?),
        _ => return None,
    }
    Some(())
}

/// A command that makes directories, or gives them away.
fn made(made: &mut Made, command: &str, args: &[String]) -> Option<()> {
    let (mut mode, mut owner, mut group) = (None, None, None);
    let mut words = args.iter().map(String::as_str).peekable();
    let mut operands = Vec::new();
    while let Some(word) = words.next() {
        match (command, word) {
            (_, "--") | ("mkdir", "-p") | ("install", "-d") => (),
            ("mkdir" | "install", "-m") => mode = Some(u16::from_str_radix(words.next()?, 8).ok()?),
            ("install", "-o") => owner = Some(words.next()?.to_owned()),
            ("install", "-g") => group = Some(words.next()?.to_owned()),
            (_, word) if word.starts_with('-') => return None,
            _ => operands.push(word),
        }
    }
    if command == "install" && !args.iter().any(|it| it == "-d") {
        return None;
    }
    if let Some(group) = group {
        owner = Some(format!("{}:{group}", owner.unwrap_or_default()));
    }
    let first = match command {
        "chown" | "chmod" => Some((*operands.first()?).to_owned()),
        _ => None,
    };
    for path in operands.iter().skip(usize::from(first.is_some())) {
        let entry = made.entry((*path).to_owned()).or_default();
        match (command, &first) {
            ("chown", Some(who)) => entry.1 = Some(who.clone()),
            ("chmod", Some(bits)) => entry.0 = Some(u16::from_str_radix(bits, 8).ok()?),
            _ => {
                entry.0 = mode.or(entry.0);
                entry.1 = owner.clone().or(entry.1.take());
            }
        }
    }
    Some(())
}

/// Directories as a definition has them: in four places, of one mode in each, the service's own.
fn dirs(chain: &mut Chain, made: Made) -> Option<()> {
    let service = &mut chain.service;
    let user = service.user.as_ref().map(ToString::to_string).unwrap_or_default();
    let group = service.group.as_ref().map(ToString::to_string).unwrap_or_default();
    let mut found: BTreeMap<&str, (Vec<String>, Option<u16>)> = BTreeMap::new();
    for (path, (mode, owner)) in made {
        let own =
            [user.clone(), format!("{user}:{group}"), format!("{user}:"), format!("{user}:{user}")];
        if owner.is_some_and(|owner| !own.contains(&owner)) {
            return None;
        }
        let place = ["/run/", "/var/lib/", "/var/cache/", "/var/log/"]
            .into_iter()
            .find(|place| path.starts_with(place))?;
        let name = path.strip_prefix(place)?.trim_end_matches('/');
        if name.is_empty() || name.contains('/') {
            return None;
        }
        let entry = found.entry(place).or_insert((Vec::new(), mode));
        if entry.1 != mode {
            return None;
        }
        entry.0.push(name.to_owned());
    }
    for (place, (names, mode)) in found {
        let mut dir = Dir::new(names);
        dir.mode = mode.filter(|mode| *mode != 0o755).map(Mode);
        let dirs = std::mem::take(&mut service.dirs);
        service.dirs = match place {
            "/run/" => dirs.runtime(dir),
            "/var/lib/" => dirs.state(dir),
            "/var/cache/" => dirs.cache(dir),
            _ => dirs.logs(dir),
        };
    }
    Some(())
}
