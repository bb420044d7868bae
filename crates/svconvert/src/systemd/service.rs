//! One unit on its way to a definition: which lines count, and what is left for systemd alone.

use std::collections::BTreeMap;

use svbuild::{Service, spec::BadValue};

use super::{
    command::Variables,
    load::{Directive, Unit},
    service_name, specifier,
};
use crate::{
    book::{At, Book, Draft},
    files::Files,
};

/// The reader of one unit.
pub(super) struct Reader<'a> {
    pub(super) book: &'a mut Book,
    pub(super) files: &'a dyn Files,
    /// Units that are converted together: their names, and those of their definitions.
    pub(super) names: &'a BTreeMap<String, String>,
    pub(super) unit: &'a Unit,
    pub(super) name: String,
    pub(super) service: Service,
    pub(super) variables: Variables,
    /// `TimeoutSec=`, which is about the start and the stop.
    pub(super) timeout_of_both: Option<(At, String)>,
    /// Directives that nobody has taken.
    left: Vec<Directive>,
    pub(super) is_refused: bool,
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        book: &'a mut Book,
        files: &'a dyn Files,
        names: &'a BTreeMap<String, String>,
        unit: &'a Unit,
    ) -> Self {
        let name = service_name(&unit.name.whole);
        Self {
            book,
            files,
            names,
            unit,
            name,
            service: Service::default(),
            variables: Variables::default(),
            timeout_of_both: None,
            left: unit.directives.clone(),
            is_refused: false,
        }
    }

    pub(super) fn run(mut self) {
        for directive in &self.left {
            self.book.about(directive.at, &self.name);
        }
        self.book.about(self.unit.head, &self.name);
        if service_name(&self.unit.name.whole) != self.unit.name.whole.trim_end_matches(".service")
        {
            let why =
                format!("the service is called `{}`: a name has no other characters", self.name);
            self.book.equivalent(self.unit.head, None, &why);
        }
        if !self.unit.sections.iter().any(|it| it == "Service") {
            self.refuse(self.unit.head, "it has no section [Service]");
        }
        self.surroundings();
        self.order();
        self.process();
        self.start();
        self.life();
        self.rest();
        self.book.service(Draft {
            about: self.name.clone(),
            name: self.name,
            service: self.service,
            source: self.unit.source.clone(),
            head: self.unit.head,
            is_refused: self.is_refused,
        });
    }

    /// What systemd gives to each process without being asked.
    fn surroundings(&mut self) {
        let own = "systemd starts it with variables of its own (PATH, LANG, INVOCATION_ID, JOURNAL_STREAM, SYSTEMD_EXEC_PID, \
                   since 254 MEMORY_PRESSURE_WATCH and MEMORY_PRESSURE_WRITE, and, with User=, HOME, USER, LOGNAME, SHELL) and in a session; others pass on what they have, HOME as well; \
                   where nothing is said, limits are the supervisor's";
        self.book.equivalent(self.unit.head, None, own);
        if !self.unit.directives.iter().any(|it| it.key == "WorkingDirectory") {
            let why =
                "its working directory is `/` under systemd alone, and else the service directory";
            self.book.equivalent(self.unit.head, None, why);
        }
    }

    /// Says that there is no service with this line.
    pub(super) fn refuse(&mut self, at: At, why: &str) {
        self.book.refused(at, why);
        self.is_refused = true;
    }

    /// Takes all lines of a directive, without those before an empty one. Specifiers are still in them.
    pub(super) fn raw_list(&mut self, section: &str, key: &str) -> Vec<(At, String)> {
        let all = std::mem::take(&mut self.left);
        let (taken, left): (Vec<_>, Vec<_>) =
            all.into_iter().partition(|it| it.section == section && it.key == key);
        self.left = left;
        let mut list: Vec<(At, String)> = Vec::new();
        for Directive { at, value, .. } in taken {
            if value.is_empty() {
                for (before, _) in list.drain(..) {
                    self.book.equivalent(before, None, "a later line takes it back");
                }
                self.book.equivalent(at, None, "it takes back the lines before it");
                continue;
            }
            list.push((at, value));
        }
        list
    }

    /// The same with specifiers replaced.
    pub(super) fn list(&mut self, section: &str, key: &str) -> Vec<(At, String)> {
        let raw = self.raw_list(section, key);
        let mut list = Vec::new();
        for (at, value) in raw {
            match specifier::expand(&value, &self.unit.name) {
                Ok(value) => list.push((at, value)),
                Err(why) => self.refuse(at, &why),
            }
        }
        list
    }

    /// Takes the line of a directive that counts.
    pub(super) fn last(&mut self, section: &str, key: &str) -> Option<(At, String)> {
        let mut list = self.list(section, key);
        let last = list.pop();
        for (at, _) in list {
            self.book.equivalent(at, None, "a later line takes its place");
        }
        last
    }

    /// Takes the line that counts, of `[Service]`, and makes a value of it. What is no value, systemd leaves
    /// out as well.
    pub(super) fn value<T>(
        &mut self,
        directive: &str,
        key: &str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let (at, text) = self.last("Service", directive)?;
        let value = read(&text);
        match value {
            Some(_) => self.book.exact(at, Some(key)),
            None => self.unreadable(at),
        }
        value
    }

    pub(super) fn unreadable(&mut self, at: At) {
        self.book.dropped(at, "it cannot be read, and systemd leaves such a line out");
    }

    /// Keeps a line for systemd alone, whose specifiers were replaced.
    pub(super) fn keep(&mut self, section: &str, directive: &str, at: At, value: &str) {
        self.keep_text(section, directive, at, &specifier::literal(value));
    }

    /// The same of a line with its specifiers, which systemd is to replace; not those of a name that it will not have.
    pub(super) fn keep_raw(&mut self, section: &str, directive: &str, at: At, value: &str) {
        let name = &self.unit.name;
        let is_same = name.whole.strip_suffix(".service") == Some(&self.name);
        let value = if is_same { value.to_owned() } else { specifier::of_name(value, name) };
        self.keep_text(section, directive, at, &value);
    }

    fn keep_text(&mut self, section: &str, directive: &str, at: At, value: &str) {
        let own = directive.starts_with(|c: char| c.is_ascii_uppercase())
            && directive.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !own {
            self.book.equivalent(at, None, "systemd leaves it out as well");
            return;
        }
        let text = std::mem::take(&mut self.service.systemd);
        self.service.systemd = match section {
            "Unit" => text.unit(directive, value),
            "Install" => text.install(directive, value),
            _ => text.service(directive, value),
        };
        let key = format!("systemd.{section}.{directive}");
        self.book.judge(
            at,
            crate::LineVerdict::Exact,
            Some(&key),
            Some("kept as text for systemd alone"),
        );
    }

    /// Whatever nobody has a key for.
    fn rest(&mut self) {
        loop {
            let Some(Directive { section, key, .. }) = self.left.first().cloned() else { return };
            if !matches!(section.as_str(), "Unit" | "Service" | "Install") {
                for (at, _) in self.raw_list(&section, &key) {
                    self.book.equivalent(
                        at,
                        None,
                        "systemd does not read this section of a service",
                    );
                }
                continue;
            }
            for (at, value) in self.raw_list(&section, &key) {
                self.keep_raw(&section, &key, at, &value);
            }
        }
    }
}

/// A value of svbuild's own types.
pub(super) fn own<T: std::str::FromStr<Err = BadValue>>(text: &str) -> Option<T> {
    text.parse().ok()
}
