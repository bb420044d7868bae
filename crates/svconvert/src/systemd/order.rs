//! `[Unit]` and `[Install]`: what a unit is called, whom it waits for, who starts it.

use std::collections::BTreeSet;

use svbuild::spec::{External, Need};

use super::{service::Reader, specifier};
use crate::{
    book::{At, Book, Draft},
    report::LineVerdict,
};

impl Reader<'_> {
    pub(super) fn order(&mut self) {
        self.description();
        self.relations();
        self.install();
    }

    fn description(&mut self) {
        let mut lines = self.raw_list("Unit", "Description");
        let Some((at, raw)) = lines.pop() else { return };
        for (before, _) in lines {
            self.book.equivalent(before, None, "a later line takes its place");
        }
        // It is for people: a service without it runs as well.
        match specifier::expand(&raw, &self.unit.name) {
            Ok(text) => {
                if !text.is_empty() && text != self.name {
                    self.service.description = Some(text);
                }
                self.book.exact(at, Some("description"));
            }
            Err(why) => self.book.dropped(at, &why),
        }
    }

    fn names_of(&mut self, directive: &str) -> Vec<(At, Vec<String>)> {
        let list = self.list("Unit", directive);
        let words = |text: String| text.split_whitespace().map(str::to_owned).collect();
        list.into_iter().map(|(at, text)| (at, words(text))).collect()
    }

    fn relations(&mut self) {
        let mut ordered = BTreeSet::new();
        let mut external = Vec::new();
        let after = self.names_of("After");
        let wants = self.names_of("Wants");
        let requires = self.names_of("Requires");
        let wanted: BTreeSet<&String> = wants.iter().flat_map(|(_, names)| names).collect();
        for (at, names) in &after {
            for unit in names {
                if self.names.contains_key(unit) {
                    ordered.insert(unit.clone());
                    continue;
                }
                external.push(unit.clone());
                self.book.exact(*at, Some("after_external.systemd"));
                if unit.ends_with(".target") && !wanted.contains(unit) {
                    let why = format!("{unit} is wanted as well");
                    self.book.equivalent(*at, Some("after_external.systemd"), &why);
                }
            }
        }
        let mut strong = BTreeSet::new();
        for (list, directive) in [(&requires, "Requires"), (&wants, "Wants")] {
            for (at, names) in list {
                let mut kept = Vec::new();
                for unit in names {
                    let Some(name) = self.names.get(unit).cloned() else {
                        if directive == "Wants"
                            && external.contains(unit)
                            && unit.ends_with(".target")
                        {
                            self.book.exact(*at, Some("after_external.systemd"));
                        } else {
                            kept.push(unit.clone());
                        }
                        continue;
                    };
                    let key = if directive == "Requires" { "needs" } else { "wants" };
                    if ordered.contains(unit) {
                        self.book.exact(*at, Some(key));
                    } else {
                        self.book.equivalent(
                            *at,
                            Some(key),
                            "it is started after the other one as well",
                        );
                    }
                    if !strong.insert(unit.clone()) {
                        continue;
                    }
                    let need = Need::new(name);
                    match directive {
                        "Requires" => self.service.needs.push(need),
                        _ => self.service.wants.push(need),
                    }
                }
                if !kept.is_empty() {
                    self.outside(directive, *at, &kept, &mut external);
                }
            }
        }
        for (at, names) in &after {
            for unit in names {
                let Some(name) = self.names.get(unit).cloned() else { continue };
                self.book.exact(*at, Some("after"));
                if !strong.contains(unit) && *unit != self.unit.name.whole {
                    self.service.after.push(Need::new(name));
                }
            }
        }
        external.dedup();
        self.service.after_external = external.into_iter().fold(External::new(), External::systemd);
        for (at, names) in self.names_of("Before") {
            let mut kept = Vec::new();
            for unit in names {
                match self.names.get(&unit) {
                    Some(other) => {
                        self.book.exact(at, Some("after"));
                        self.book.later.push((other.clone(), self.name.clone()));
                    }
                    None => kept.push(unit),
                }
            }
            if !kept.is_empty() {
                self.keep("Unit", "Before", at, &kept.join(" "));
            }
        }
    }

    /// Units that are not of the file and are started with it.
    fn outside(&mut self, directive: &str, at: At, units: &[String], external: &mut Vec<String>) {
        // A key writes the same directive, and no text can stand beside it.
        let is_taken = match directive {
            "Requires" => !self.service.needs.is_empty(),
            _ => !self.service.wants.is_empty() || !external.is_empty(),
        };
        let targets = units.iter().all(|unit| unit.ends_with(".target"));
        if is_taken && directive == "Wants" && targets {
            external.extend(units.iter().cloned());
            self.book.equivalent(
                at,
                Some("after_external.systemd"),
                "it is started after them as well",
            );
        } else {
            self.keep("Unit", directive, at, &units.join(" "));
        }
    }

    fn install(&mut self) {
        let wanted = self.list("Install", "WantedBy");
        let usual = |(_, text): &(At, String)| {
            matches!(text.as_str(), "multi-user.target" | "default.target")
        };
        if wanted.iter().all(usual) {
            for (at, text) in &wanted {
                self.book.exact(*at, Some("down"));
                if text != "multi-user.target" {
                    self.book.equivalent(*at, Some("down"), "it is multi-user.target");
                }
            }
        } else {
            for (at, text) in &wanted {
                self.keep("Install", "WantedBy", *at, text);
            }
        }
        if !self.unit.sections.iter().any(|it| it == "Install") {
            let why = "it has no [Install], so systemd starts it only when asked or needed; here it is started at \
                       once, unless `down = true` is added";
            self.book.judge(self.unit.head, LineVerdict::Approximated, Some("down"), Some(why));
        }
    }
}

/// `Before=` is `after` of the other one.
pub(super) fn done(book: &mut Book) {
    for (name, before) in std::mem::take(&mut book.later) {
        let draft = book.drafts.iter_mut().find(|draft| draft.name == name);
        let lacks = |draft: &&mut Draft| !draft.service.order().any(|it| it == before);
        if let Some(draft) = draft.filter(lacks) {
            draft.service.after.push(Need::new(before));
        }
    }
}
