//! One process of process-compose: one service, or as many as `replicas` says.

use std::{collections::BTreeMap, time::Duration};

use svbuild::{
    Service,
    spec::{
        Critical, EnvFile, Kind, Need, Restart, RestartPolicy, Signal, Stop, Stream, Time, When,
    },
};

use super::{
    AT_EACH_START, Common, Source, constants, dollars, filled, find, marked, probe, variables,
    words,
};
use crate::{
    book::{At, Book, Draft},
    references, signal,
    yaml::{Entry, Value},
};

/// A process, before others are known.
pub(super) struct Process<'a> {
    pub(super) name: String,
    entry: &'a Entry,
    /// Its services.
    names: Vec<String>,
    /// Somebody waits until it has ended.
    is_awaited: bool,
}

/// Every process of a file.
pub(super) fn all(
    book: &mut Book,
    source: &Source<'_>,
    entries: &[&Entry],
    common: &Common,
    has_dotenv: bool,
) {
    let mut processes: Vec<Process<'_>> = entries.iter().copied().map(Process::new).collect();
    let mut drafts = Vec::new();
    let awaited: Vec<String> = entries.iter().flat_map(|entry| awaited(entry)).collect();
    for process in &mut processes {
        process.is_awaited = awaited.contains(&process.name);
    }
    for process in &processes {
        let begin = book.clone();
        let mut first = None;
        for (number, name) in process.names.iter().enumerate() {
            // Each has its number in its texts; what is said of the lines is the same, and is said once.
            let mut again = begin.clone();
            let book = if number == 0 { &mut *book } else { &mut again };
            let mut vars = common.vars.clone();
            vars.insert(REPLICA.to_owned(), number.to_string());
            let read = Reader {
                book,
                source,
                common,
                process,
                processes: &processes,
                number,
                service: Service::default(),
                has_ready: false,
                vars,
            };
            let draft = read.run(name, has_dotenv);
            let head = *first.get_or_insert(draft.head);
            drafts.push(Draft { head, ..draft });
        }
    }
    for draft in drafts {
        book.service(draft);
    }
}

/// The variable with the number of a replica.
const REPLICA: &str = "PC_REPLICA_NUM";

impl<'a> Process<'a> {
    fn new(entry: &'a Entry) -> Self {
        let name: String =
            entry.key.chars().map(|c| if c.is_whitespace() { '-' } else { c }).collect();
        let count =
            part(entry, "replicas").and_then(|it| it.node.number()).unwrap_or(1).clamp(1, 1000);
        let names = if count == 1 {
            vec![name.clone()]
        } else {
            (0..count).map(|at| format!("{name}-{at}")).collect()
        };
        Self { name, entry, names, is_awaited: false }
    }

    fn has_ready(&self) -> bool {
        part(self.entry, "readiness_probe").is_some()
    }
}

fn part<'a>(entry: &'a Entry, key: &str) -> Option<&'a Entry> {
    entry.node.table().iter().find(|it| it.key == key)
}

/// Names of those that this one waits for until they have ended.
fn awaited(entry: &Entry) -> Vec<String> {
    let needs = part(entry, "depends_on").map(|it| it.node.table()).unwrap_or_default();
    let ends = |it: &&Entry| condition(it).starts_with("process_completed");
    needs.iter().filter(ends).map(|it| it.key.clone()).collect()
}

fn condition(entry: &Entry) -> &str {
    part(entry, "condition").and_then(|it| it.node.text()).unwrap_or("process_started")
}

struct Reader<'a> {
    book: &'a mut Book,
    source: &'a Source<'a>,
    common: &'a Common,
    process: &'a Process<'a>,
    processes: &'a [Process<'a>],
    /// Which replica it is.
    number: usize,
    service: Service,
    has_ready: bool,
    /// Those of all, and its own.
    vars: BTreeMap<String, String>,
}

impl Reader<'_> {
    fn run(mut self, name: &str, has_dotenv: bool) -> Draft {
        let entry = self.process.entry;
        let head = self.source.heading(self.book, entry);
        self.book.about(head, &self.process.name);
        self.service.kind = if self.process.is_awaited { Kind::Job } else { Kind::Service };
        self.service.restart = self.never();
        for (name, value) in &self.common.env {
            self.service.env.insert(name.clone(), value.as_str().into());
        }
        self.service.stop = Stop::new().kill_after(Time(Duration::from_secs(10)));
        self.has_ready = self.process.has_ready();
        for part in entry.node.table().iter().filter(|it| it.key == "vars") {
            self.vars.extend(constants(&part.node));
        }
        for part in entry.node.table() {
            self.key(part);
        }
        let mut is_refused = false;
        if self.service.exec.is_empty() {
            self.book.refused(head, "it has no command");
            is_refused = true;
        }
        let why = "a stop tells the main process; process-compose tells all that it has started";
        self.book.equivalent(head, Some("stop.group"), why);
        if has_dotenv {
            self.service.env_file = vec![EnvFile::new(".env").optional()];
            let why = "the file .env is read at each start, in the grammar of systemd, and wins over `env`";
            self.book.approximated(head, Some("env_file"), why);
        }
        references::expand(&mut self.service);
        let number = self.number.to_string();
        let mut service = self.service;
        if self.process.names.len() > 1 {
            for stream in [&mut service.stdout, &mut service.stderr].into_iter().flatten() {
                if let Stream::File(path) = stream {
                    *path = path.display().to_string().replace("{PC_REPLICA_NUM}", &number).into();
                }
            }
            service.env.insert(REPLICA.to_owned(), number.into());
        }
        Draft {
            name: name.to_owned(),
            about: self.process.name.clone(),
            service,
            source: self.source.shown.clone(),
            head,
            is_refused,
        }
    }

    fn never(&self) -> RestartPolicy {
        // A job without the key is not started again.
        let never = if self.process.is_awaited { Restart::default() } else { Restart::Never };
        RestartPolicy::new(never)
    }

    fn line(&mut self, part: &Entry) -> At {
        let at = self.source.line(self.book, part);
        self.book.about(at, &self.process.name);
        at
    }

    fn heading(&mut self, part: &Entry) {
        let at = self.source.heading(self.book, part);
        self.book.about(at, &self.process.name);
    }

    #[expect(clippy::too_many_lines, reason = "each key is a line or two, and there are many")]
    fn key(&mut self, part: &Entry) {
        let text = match part.node.text().map(|text| filled(text, &self.vars)).transpose() {
            Ok(text) => text,
            Err(unknown) => {
                let at = self.line(part);
                return self.book.refused(
                    at,
                    &format!(
                        "{unknown} is put in by process-compose when it starts; write the value"
                    ),
                );
            }
        };
        // What is not known stays, and is told with its line.
        let vars = &self.vars;
        let put_in = |text: &str| filled(text, vars).unwrap_or_else(|_| text.to_owned());
        let asked = || Entry { node: part.node.with_texts(&put_in), ..part.clone() };
        match (part.key.as_str(), text) {
            ("readiness_probe", _) => {
                let ready =
                    probe::ready(self.book, self.source, &asked(), self.common, &self.process.name);
                self.service.ready = ready.filter(|_| !self.process.is_awaited);
            }
            ("liveness_probe", _) => {
                self.service.health = probe::health(
                    self.book,
                    self.source,
                    &asked(),
                    self.common,
                    &self.process.name,
                );
            }
            ("depends_on", _) => {
                self.heading(part);
                for need in part.node.table() {
                    self.need(need);
                }
            }
            ("availability", _) => self.availability(part),
            ("shutdown", _) => self.shutdown(part),
            ("command", Some(text)) => {
                let at = self.line(part);
                let words = words(&text, self.common);
                self.book.exact(at, Some("exec"));
                if text.replace("$$", "").contains("${") || text.replace("$$", "").contains('$') {
                    let why = "variables are put in by the shell at each start, and not by process-compose before";
                    self.book.equivalent(at, None, why);
                }
                self.service.exec = words.into_iter().map(Into::into).collect();
            }
            ("entrypoint", None) => {
                let at = self.line(part);
                let words = part.node.list().iter().filter_map(|it| it.text());
                self.service.exec = words.map(|it| dollars(it).into()).collect();
                self.book.exact(at, Some("exec"));
            }
            ("working_dir", Some(text)) => {
                let at = self.line(part);
                match marked(&text) {
                    None => self
                        .book
                        .refused(at, "only `$NAME` and `${NAME}` are read; write the value"),
                    Some(dir) if references::has_any(&dir) => {
                        self.service.cwd = Some(dir.into());
                        self.book.equivalent(at, Some("cwd"), AT_EACH_START);
                    }
                    Some(dir) => {
                        self.service.cwd = Some(dir.into());
                        self.book.exact(at, Some("cwd"));
                    }
                }
            }
            ("environment", _) => {
                let at = self.line(part);
                let all = variables(self.book, at, &part.node);
                self.service.env.extend(all.into_iter().map(|(name, value)| (name, value.into())));
            }
            ("log_location", Some(text)) => {
                let at = self.line(part);
                let path = if text.contains('/') { text } else { format!("./{text}") };
                self.service.stdout = Some(Stream::File(path.into()));
                let why = "the file gets the lines as they are, without the words that process-compose puts around them";
                self.book.approximated(at, Some("stdout"), why);
            }
            ("description", Some(text)) => {
                let at = self.line(part);
                self.service.description =
                    Some(text.split_whitespace().collect::<Vec<_>>().join(" "));
                self.book.exact(at, Some("description"));
            }
            ("replicas", _) => {
                let at = self.line(part);
                let count = self.process.names.len();
                self.book.equivalent(
                    at,
                    None,
                    &format!("there are {count} services, each by its own name"),
                );
            }
            ("is_tty", _) => {
                let at = self.line(part);
                self.service.tty = part.node.boolean() == Some(true);
                self.book.exact(at, Some("tty"));
            }
            ("disabled", _) => {
                let at = self.line(part);
                self.service.down = part.node.boolean() == Some(true);
                self.book.exact(at, Some("down"));
            }
            ("is_daemon", _) if part.node.boolean() == Some(true) => {
                let at = self.line(part);
                let why = "it goes to the background by itself, where nobody can watch it; write the option that keeps it in \
                           the foreground";
                self.book.refused(at, why);
            }
            ("ready_log_line", _) => {
                let at = self.line(part);
                self.book.dropped(
                    at,
                    "nobody reads its output to know when it is ready; `ready` has other ways",
                );
            }
            ("vars", _) => {
                let at = self.line(part);
                self.book.equivalent(at, None, "the values stand where they are used");
            }
            ("schedule" | "is_elevated" | "extends", _) => {
                let at = self.line(part);
                self.book.dropped(at, "a definition has nothing for it");
            }
            (
                "namespace"
                | "disable_ansi_colors"
                | "is_foreground"
                | "is_strict"
                | "log_configuration"
                | "launch_timeout_seconds"
                | "is_daemon",
                _,
            ) => {
                let at = self.line(part);
                self.book.equivalent(
                    at,
                    None,
                    "it is about how process-compose shows and groups processes",
                );
            }
            _ => {
                let at = self.line(part);
                self.book.dropped(at, "nothing is known of it");
            }
        }
    }

    fn need(&mut self, need: &Entry) {
        let at = self.line(need);
        let Some(other) = find(self.processes, &need.key) else {
            return self.book.refused(at, "there is no such process");
        };
        let is_ready = other.has_ready() && !other.is_awaited;
        let when = match condition(need) {
            "process_started" => Some(When::Up),
            "process_healthy" if is_ready => Some(When::Ready),
            "process_completed_successfully" => Some(When::Done),
            "process_completed" => {
                self.book.approximated(at, Some("needs"), "it has to end with success");
                Some(When::Done)
            }
            "process_healthy" | "process_log_ready" => {
                self.book.approximated(
                    at,
                    Some("needs"),
                    "it has no `ready`, and is waited for until its program runs",
                );
                Some(When::Up)
            }
            _ => return self.book.refused(at, "there is no such condition"),
        };
        self.book.exact(at, Some("needs"));
        // What is waited for as far as it gets needs no word.
        let own = match (other.is_awaited, is_ready) {
            (true, _) => When::Done,
            (_, true) => When::Ready,
            _ => When::Up,
        };
        let when = when.filter(|when| *when != own);
        for name in &other.names {
            let need = Need::new(name.as_str());
            self.service.needs.push(when.map_or(need.clone(), |when| need.when(when)));
        }
    }

    fn availability(&mut self, table: &Entry) {
        self.heading(table);
        let mut restart = self.service.restart;
        for part in table.node.table() {
            let at = self.line(part);
            match (part.key.as_str(), part.node.text(), part.node.number()) {
                ("restart", Some(word), _) => {
                    let (when, critical) = match word {
                        "no" | "false" => (Restart::Never, None),
                        "always" => (Restart::Always, None),
                        "on_failure" => (Restart::OnFailure, None),
                        "exit_on_failure" => (Restart::Never, Some(Critical::Failure)),
                        "exit_on_end" => (Restart::Never, Some(Critical::AnyEnd)),
                        _ => {
                            self.book.refused(at, "there is no such rule");
                            continue;
                        }
                    };
                    let is_job = self.process.is_awaited;
                    if is_job && when == Restart::Always {
                        self.book.refused(
                            at,
                            "another process waits until it has ended, which it never has",
                        );
                        continue;
                    }
                    restart.when =
                        if is_job && when == Restart::Never { Restart::default() } else { when };
                    self.book.exact(at, Some("restart.when"));
                    if critical.is_some() {
                        self.service.critical = critical;
                    }
                }
                ("backoff_seconds", _, Some(seconds)) => {
                    restart.delay = (seconds > 1).then(|| Time(Duration::from_secs(seconds)));
                    self.book.exact(at, Some("restart.delay"));
                }
                ("max_restarts", _, Some(0)) => self.book.exact(at, Some("restart.max")),
                ("max_restarts", _, Some(count)) => {
                    restart.max = u32::try_from(count + 1).ok();
                    restart.within = Some(Time(Duration::from_secs(86_400)));
                    let why = format!(
                        "it is given up after {} starts in a day, and not in all its time",
                        count + 1
                    );
                    self.book.equivalent(at, Some("restart.max"), &why);
                }
                ("exit_on_end", ..) => {
                    if part.node.boolean() == Some(true) {
                        self.service.critical = Some(Critical::AnyEnd);
                    }
                    self.book.exact(at, Some("critical"));
                }
                _ => self.book.dropped(at, "a definition has nothing for it"),
            }
        }
        let chooses = matches!(restart.when, Restart::Always | Restart::OnFailure)
            && !(self.process.is_awaited && restart.when == Restart::Always);
        if !chooses {
            // There is no other start that they would be about.
            (restart.max, restart.within, restart.delay) = (None, None, None);
        }
        self.service.restart = restart;
    }

    fn shutdown(&mut self, table: &Entry) {
        self.heading(table);
        for part in table.node.table() {
            let at = self.line(part);
            match (part.key.as_str(), part.node.number()) {
                ("signal", Some(number)) => {
                    let Some(signal) = signal::numbered(number) else {
                        self.book.refused(at, "a stop by this signal has no name in a definition");
                        continue;
                    };
                    self.service.stop.signal = Some(signal).filter(|it| *it != Signal::TERM);
                    self.book.exact(at, Some("stop.signal"));
                }
                ("timeout_seconds", Some(seconds)) => {
                    self.service.stop.kill_after = Some(Time(Duration::from_secs(seconds.max(1))));
                    self.book.exact(at, Some("stop.kill_after"));
                }
                ("parent_only", _) => {
                    self.service.stop.group = (part.node.boolean() == Some(true)).then_some(false);
                    self.book.exact(at, Some("stop.group"));
                }
                ("command", _) => {
                    let words = words(part.node.text().unwrap_or_default(), self.common);
                    self.service.stop.command = words.into_iter().map(Into::into).collect();
                    self.book.equivalent(
                        at,
                        Some("stop.command"),
                        "the signal is sent after it, too",
                    );
                }
                _ => self.book.dropped(at, "a definition has nothing for it"),
            }
        }
        if matches!(table.node.value, Value::Text { .. }) && !table.node.is_nothing() {
            let at = self.line(table);
            self.book.refused(at, "it is no table");
        }
    }
}
