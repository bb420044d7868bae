//! `[program:NAME]`: one service, or as many as `numprocs` says.

use std::time::Duration;

use svbuild::{
    Service,
    spec::{Id, Mode, Need, Restart, RestartPolicy, Signal, Stop, Stream, Time},
};

use super::{
    Common,
    ini::{Entry, Section},
    text::{self, Known, boolean},
};
use crate::{
    book::{At, Book, Draft},
    env_file, references, signal,
};

/// A program that was read, for the order of all of them.
struct Ordered {
    names: Vec<String>,
    priority: i64,
    line: Option<At>,
}

/// What a program is started with if it does not say.
const PRIORITY: i64 = 999;

/// Every program of the files.
pub(super) fn all(
    book: &mut Book,
    source: &str,
    programs: Vec<(String, Section)>,
    common: &Common,
) {
    let first = book.drafts.len();
    let mut ordered = Vec::new();
    for (name, section) in programs {
        let known = super::here_is(&section.here);
        ordered.push(Program { book, name, section, common, known }.read(source));
    }
    ordered.sort_by_key(|it| it.priority);
    for (number, program) in ordered.iter().enumerate() {
        let before = ordered.iter().take(number).filter(|it| it.priority < program.priority);
        // Those with the next lower number are after the others by themselves.
        let nearest = before.clone().map(|it| it.priority).max();
        let names: Vec<&String> =
            before.filter(|it| Some(it.priority) == nearest).flat_map(|it| &it.names).collect();
        if let Some(at) = program.line {
            let why = "services are started in the order of `after`, not of numbers";
            book.equivalent(at, (!names.is_empty()).then_some("after"), why);
        }
        for draft in
            book.drafts.iter_mut().skip(first).filter(|it| program.names.contains(&it.name))
        {
            draft.service.after.extend(names.iter().map(|name| Need::new(name.as_str())));
        }
    }
}

const DIRECT: &str = "output goes there from the program itself, and by way of no pipe";
const AT_EACH_START: &str = "the variables are put in at each start, by `expand`";
const IN_WORDS: &str = "the variables are put in at each start, by `expand`; where a value has blanks, supervisord makes several words of one that is more than the variable, and one of a variable in quotes";
const RELATIVE: &str =
    "it is relative to where supervisord was started, which nobody knows now; write the whole path";

struct Program<'a> {
    book: &'a mut Book,
    name: String,
    section: Section,
    common: &'a Common,
    known: Known,
}

impl Program<'_> {
    fn read(mut self, source: &str) -> Ordered {
        let head = self.section.head;
        self.book.about(head, &self.name);
        for entry in &self.section.entries {
            self.book.about(entry.at, &self.name);
        }
        self.known.insert("program_name", self.name.clone());
        self.known.insert("group_name", self.name.clone());
        let priority = self.section.take(self.book, "priority");
        let number = priority.as_ref().and_then(|it| it.value.parse().ok()).unwrap_or(PRIORITY);
        let mut ordered =
            Ordered { names: Vec::new(), priority: number, line: priority.map(|it| it.at) };
        let count = self.number("numprocs").unwrap_or(1).clamp(1, 1000);
        let from = self.number("numprocs_start").unwrap_or(0);
        self.known.insert("numprocs", count.to_string());
        let pattern = self.section.take(self.book, "process_name");
        let entries = self.section.entries.clone();
        for process in from..from + count {
            self.section.entries.clone_from(&entries);
            self.known.insert("process_num", process.to_string());
            let named = pattern
                .as_ref()
                .map_or(Ok(self.name.clone()), |it| text::expand(&it.value, &self.known));
            let name = match named {
                Ok(name) => name,
                Err(why) => {
                    self.book.refused(pattern.as_ref().map_or(head, |it| it.at), &why);
                    break;
                }
            };
            let (service, is_refused) = self.service();
            ordered.names.push(name.clone());
            let about = self.name.clone();
            let source = source.to_owned();
            self.book.service(Draft { name, about, service, source, head, is_refused });
        }
        if let Some(pattern) = pattern {
            self.book.exact(pattern.at, None);
        }
        ordered
    }

    fn number(&mut self, key: &str) -> Option<u32> {
        let Entry { at, value, .. } = self.section.take(self.book, key)?;
        let number = value.parse().ok();
        match number {
            Some(1 | 0) | None => self.book.exact(at, None),
            Some(count) if key == "numprocs" => {
                self.book.equivalent(
                    at,
                    None,
                    &format!("there are {count} services, each by its own name"),
                );
            }
            Some(_) => self.book.exact(at, None),
        }
        number
    }

    /// An option with what stands for `%(...)s`.
    fn option(&mut self, key: &str) -> Option<(At, String)> {
        self.read_by(text::expand, key)
    }

    /// The same, with variables of the environment marked.
    fn marked(&mut self, key: &str) -> Option<(At, String)> {
        self.read_by(text::marked, key)
    }

    fn read_by(
        &mut self,
        read: fn(&str, &Known) -> Result<String, String>,
        key: &str,
    ) -> Option<(At, String)> {
        let Entry { at, value, .. } = self.section.take(self.book, key)?;
        match read(&value, &self.known) {
            Ok(value) => Some((at, value)),
            Err(why) => {
                self.book.refused(at, &why);
                None
            }
        }
    }

    fn switch(&mut self, key: &str, own: Option<&str>) -> Option<(At, bool)> {
        let (at, value) = self.option(key)?;
        if let Some(it) = boolean(&value) {
            self.book.exact(at, own);
            Some((at, it))
        } else {
            self.book.refused(at, "supervisord takes no such value: it is true or false");
            None
        }
    }

    fn seconds(&mut self, key: &str) -> Option<(At, u64)> {
        let (at, value) = self.option(key)?;
        if let Ok(number) = value.parse() {
            Some((at, number))
        } else {
            self.book.refused(at, "supervisord takes no such value: it is a number");
            None
        }
    }

    /// A service, and whether it is refused.
    fn service(&mut self) -> (Service, bool) {
        let mut service = Service::default();
        let is_refused = !self.command(&mut service);
        self.process(&mut service);
        references::expand(&mut service);
        self.streams(&mut service);
        self.life(&mut service);
        for entry in std::mem::take(&mut self.section.entries) {
            match entry.key.as_str() {
                "serverurl" => self.book.equivalent(entry.at, None, "nothing listens there"),
                key if key.contains("_events_") || key.contains("_capture_") => {
                    self.book
                        .dropped(entry.at, "events of supervisord have no place in a definition");
                }
                key if key.ends_with("_syslog") => {
                    self.book.dropped(
                        entry.at,
                        "the output goes where the supervisor's goes; a logger as `log` is nearest",
                    );
                }
                _ => self.book.equivalent(entry.at, None, "supervisord does not know it"),
            }
        }
        let why = "SUPERVISOR_ENABLED, SUPERVISOR_SERVER_URL, SUPERVISOR_PROCESS_NAME and SUPERVISOR_GROUP_NAME are not set; standard input is /dev/null, and was a pipe that nobody writes to";
        self.book.equivalent(self.section.head, None, why);
        (service, is_refused)
    }

    fn command(&mut self, service: &mut Service) -> bool {
        let is_there = self.section.entries.iter().any(|it| it.key == "command");
        let Some((at, value)) = self.marked("command") else {
            if !is_there {
                self.book.refused(self.section.head, "it has no `command`");
            }
            return false;
        };
        let Some(words) = text::words(&value).filter(|it| !it.is_empty()) else {
            self.book.refused(at, "a quote is not closed, or there is no program");
            return false;
        };
        let is_relative = |word: &String| {
            word.contains('/') && !word.starts_with('/') && !references::begins(word)
        };
        if words.first().is_some_and(is_relative) {
            self.book.refused(at, RELATIVE);
            return false;
        }
        // Between blanks, and so without quotes.
        let is_alone = |word: &String| {
            !references::has_any(word)
                || references::is_alone(word) && value.split_whitespace().any(|it| it == word)
        };
        if !references::has_any(&value) {
            self.book.exact(at, Some("exec"));
        } else if words.iter().all(is_alone) {
            self.book.equivalent(at, Some("exec"), AT_EACH_START);
        } else {
            self.book.approximated(at, Some("exec"), IN_WORDS);
        }
        service.exec = words.into_iter().map(Into::into).collect();
        true
    }

    /// A path, which has to be one from the root on.
    fn whole(&mut self, at: At, path: &str) {
        if !path.starts_with('/') {
            self.book.refused(at, RELATIVE);
        }
    }

    fn process(&mut self, service: &mut Service) {
        service.cwd = self.common.cwd.clone().map(Into::into);
        if let Some((at, value)) = self.marked("directory") {
            if references::has_any(&value) {
                self.book.equivalent(at, Some("cwd"), AT_EACH_START);
            } else {
                self.whole(at, &value);
                self.book.exact(at, Some("cwd"));
            }
            service.cwd = Some(value.into());
        }
        if service.cwd.is_none() {
            let why = "its working directory is the service's own, and was that of supervisord";
            self.book.equivalent(self.section.head, None, why);
        }
        service.umask = self.common.umask.map(Mode);
        if let Some((at, value)) = self.option("umask") {
            match u16::from_str_radix(&value, 8) {
                Ok(bits) => {
                    service.umask = Some(Mode(bits));
                    self.book.exact(at, Some("umask"));
                }
                Err(_) => self.book.refused(at, "supervisord takes no such value: it is octal"),
            }
        }
        service.user = self.common.user.as_deref().map(id);
        if let Some((at, value)) = self.option("user") {
            service.user = Some(id(&value));
            if value.parse::<u32>().is_ok() {
                self.book
                    .refused(at, "write the user's name: of a number, the group is not known here");
            }
            let why = "HOME, USER and LOGNAME are that user's; supervisord leaves its own";
            self.book.equivalent(at, Some("user"), why);
        }
        let mut variables = self.common.env.clone();
        if let Some(Entry { at, value, .. }) = self.section.take(self.book, "environment") {
            variables.extend(self::variables(self.book, at, &value, &self.known));
        }
        for (name, value) in variables.into_iter().filter(|(name, _)| env_file::is_name(name)) {
            service.env.insert(name, value.into());
        }
    }

    fn streams(&mut self, service: &mut Service) {
        let joined = matches!(self.switch("redirect_stderr", Some("stderr")), Some((_, true)));
        service.stdout = self.log("stdout", None);
        // Without a word about it, both go to the same place.
        service.stderr = self.log("stderr", Some(Stream::Inherit));
        // Its own files are two, so one of them does not take the other's output.
        let apart = matches!(service.stdout, Some(Stream::File(_) | Stream::Null));
        if joined {
            service.stderr = None;
        } else if apart && service.stderr.is_none() {
            service.stderr = Some(Stream::Inherit);
        }
    }

    /// Where a stream leads, by its three options.
    fn log(&mut self, stream: &str, inherit: Option<Stream>) -> Option<Stream> {
        let file = self.option(&format!("{stream}_logfile"));
        let size = self.option(&format!("{stream}_logfile_maxbytes"));
        let backups = self.option(&format!("{stream}_logfile_backups"));
        let never = size.as_ref().is_some_and(|(_, size)| size == "0");
        let (at, path) = match &file {
            Some((at, path)) => (*at, path.as_str()),
            None => (self.section.head, "AUTO"),
        };
        let mut is_file = false;
        let lead = match path {
            "AUTO" => {
                let why = "output goes where the supervisor's goes; supervisord keeps it in files of its own";
                self.book.equivalent(at, Some(stream), why);
                None
            }
            "NONE" | "/dev/null" => {
                self.book.equivalent(at, Some(stream), DIRECT);
                Some(Stream::Null)
            }
            "/dev/stdout" | "/dev/fd/1" | "/proc/self/fd/1" | "/dev/stderr" | "/dev/fd/2"
            | "/proc/self/fd/2" => {
                self.book.exact(at, Some(stream));
                inherit
            }
            "syslog" => {
                self.book.approximated(
                    at,
                    Some(stream),
                    "output goes where the supervisor's goes, and not to syslog",
                );
                inherit
            }
            path => {
                is_file = true;
                self.whole(at, path);
                self.book.equivalent(at, Some(stream), DIRECT);
                if !never {
                    let why = "nobody rotates the file; logrotate does, or a logger as `log`";
                    self.book.approximated(at, Some(stream), why);
                }
                Some(Stream::File(path.into()))
            }
        };
        for (at, _) in size.into_iter().chain(backups) {
            if !is_file || never {
                self.book.exact(at, Some(stream));
            } else {
                self.book
                    .dropped(at, "nobody rotates the file; logrotate does, or a logger as `log`");
            }
        }
        lead
    }

    fn life(&mut self, service: &mut Service) {
        if matches!(self.switch("autostart", Some("down")), Some((_, false))) {
            service.down = true;
        }
        let mut stop = Stop::new();
        if let Some((at, value)) = self.option("stopsignal") {
            match signal::named(&value) {
                Ok(signal) => {
                    stop.signal = Some(signal).filter(|it| *it != Signal::TERM);
                    self.book.exact(at, Some("stop.signal"));
                }
                Err(why) => self.book.refused(at, &why),
            }
        }
        let wait = self.seconds("stopwaitsecs");
        if let Some((at, _)) = wait {
            self.book.exact(at, Some("stop.kill_after"));
        }
        let wait = wait.map_or(10, |(_, seconds)| seconds).max(1);
        stop.kill_after = Some(Time(Duration::from_secs(wait)));
        let told = self.switch("stopasgroup", Some("stop.group"));
        let killed = self.switch("killasgroup", Some("stop.group"));
        stop.group = Some(matches!(told, Some((_, true))));
        match (told, killed) {
            (Some((at, true)), _) => {
                let why = "where a target knows `stop.group`, what is left of the others is killed when the main process has ended";
                self.book.equivalent(at, None, why);
            }
            (_, Some((at, true))) => {
                let why = "what it has started is left alone, also where it is killed; `stop.group` ends all of them at each stop";
                self.book.approximated(at, None, why);
            }
            _ => (),
        }
        service.stop = stop;
        self.restart(service);
    }

    fn restart(&mut self, service: &mut Service) {
        let codes = self.option("exitcodes");
        let mut when = Restart::OnFailure;
        if let Some((at, value)) = self.option("autorestart") {
            when = match (value.as_str(), boolean(&value)) {
                ("unexpected", _) => Restart::OnFailure,
                (_, Some(true)) => Restart::Always,
                (_, Some(false)) => Restart::Never,
                _ => {
                    return self.book.refused(
                        at,
                        "supervisord takes no such value: it is true, false or unexpected",
                    );
                }
            };
            self.book.exact(at, Some("restart.when"));
        }
        if let Some((at, value)) = codes {
            let codes: Option<Vec<u8>> = value
                .split([',', ' '])
                .filter(|it| !it.is_empty())
                .map(|it| it.parse().ok())
                .collect();
            let Some(codes) = codes else {
                return self.book.refused(at, "it is no list of exit codes");
            };
            self.book.exact(at, Some("success"));
            if !codes.contains(&0) && when == Restart::OnFailure {
                self.book.approximated(at, Some("success"), "0 is a success as well");
            }
            service.success = codes.into_iter().filter(|code| *code != 0).collect();
        }
        let starts = self.seconds("startsecs");
        let retries = self.seconds("startretries");
        let (secs, tries) = (starts.map_or(1, |it| it.1), retries.map_or(3, |it| it.1));
        let lines = [starts.map(|it| it.0), retries.map(|it| it.0)];
        let lines = || lines.into_iter().flatten();
        let mut restart = RestartPolicy::new(when);
        if when == Restart::Never {
            let why = "it is not started again, also where it ends soon after its start";
            let at = lines().next().unwrap_or(self.section.head);
            lines().for_each(|at| self.book.approximated(at, Some("restart.when"), why));
            self.book.approximated(at, Some("restart.when"), why);
        } else if let (true, Ok(max)) = (secs > 0, u32::try_from(tries.saturating_add(1))) {
            let within = tries * (secs + 1) + secs;
            restart = restart.at_most(max, Time(Duration::from_secs(within)));
            let why = format!(
                "it is given up after {max} starts in {within} s: so many come only where each ends within {secs} s; \
                 pauses are a second, and do not grow"
            );
            let mut all: Vec<At> = lines().collect();
            if all.is_empty() {
                all.push(self.section.head);
            }
            for at in all {
                self.book.equivalent(at, Some("restart.max"), &why);
                if when == Restart::OnFailure {
                    let why = "an end with success is one also where it comes soon after its start";
                    self.book.equivalent(at, None, why);
                }
            }
        } else {
            lines().for_each(|at| self.book.exact(at, Some("restart.max")));
        }
        service.restart = restart;
    }
}

/// Names and marked values of a list of them.
pub(super) fn variables(
    book: &mut Book,
    at: At,
    value: &str,
    known: &Known,
) -> Vec<(String, String)> {
    let marked = match text::marked(value, known) {
        Ok(marked) => marked,
        Err(why) => {
            book.refused(at, &why);
            return Vec::new();
        }
    };
    let Some(list) = text::variables(&marked) else {
        book.refused(at, "it is no list of `NAME=\"value\"`");
        return Vec::new();
    };
    // supervisord means the value from outside, which no other variable of the list can have any more.
    let of_another = list.iter().find_map(|(name, value)| {
        list.iter()
            .map(|(other, _)| other)
            .find(|other| *other != name && references::is_to(value, other))
    });
    if let Some(other) = of_another {
        book.refused(
            at,
            &format!("{other} is set here as well, and its value from outside is meant; give one of the two another name"),
        );
    } else if references::has_any(&marked) {
        book.equivalent(at, Some("env"), AT_EACH_START);
    } else {
        book.exact(at, Some("env"));
    }
    list
}

/// A user, by name or by number.
fn id(text: &str) -> Id {
    text.parse().map_or_else(|_| Id::from(text), Id::Number)
}
