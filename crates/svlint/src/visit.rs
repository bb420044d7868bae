//! One run of a linter: what a path is, what has been looked at, and what was found.

use std::{
    collections::BTreeSet,
    ffi::OsStr,
    io,
    path::{Path, PathBuf},
};

use crate::{
    Finding, Linter, Location, Report, Rule, Unseen,
    allow::{self, Comment, File},
    rule::{self, others},
    source::Source,
    world::World,
};

pub(crate) struct Visit<'a> {
    pub(crate) linter: &'a Linter,
    pub(crate) world: &'a World,
    findings: Vec<Finding>,
    unseen: Vec<Unseen>,
    comments: Vec<Comment>,
    files: Vec<File>,
    /// Texts whose comments were read.
    read: BTreeSet<PathBuf>,
    /// Directories that were looked at, by what they are and not by their names.
    done: BTreeSet<(u64, u64)>,
    pub(crate) looked_at: usize,
}

impl<'a> Visit<'a> {
    pub(crate) fn new(linter: &'a Linter, world: &'a World) -> Self {
        Self {
            linter,
            world,
            findings: Vec::new(),
            unseen: Vec::new(),
            comments: Vec::new(),
            files: Vec::new(),
            read: BTreeSet::new(),
            done: BTreeSet::new(),
            looked_at: 0,
        }
    }

    pub(crate) fn report(self) -> Report {
        let is_allowed = |finding: &Finding| {
            let (code, location) = (finding.rule.code, &finding.location);
            self.linter.allowed.contains(code)
                || self.comments.iter().any(|it| it.allows(code, location))
                || self.files.iter().any(|it| it.allows(code, location))
        };
        let (allowed, mut findings): (Vec<_>, Vec<_>) =
            self.findings.iter().cloned().partition(is_allowed);
        for finding in &mut findings {
            finding.location.path = self.shown(&finding.location.path);
        }
        let line = |it: &Finding| it.location.span.as_ref().map_or(0, |part| part.line);
        findings.sort_by(|a, b| {
            let key = |it: &Finding| (it.location.path.clone(), line(it), it.rule.code);
            key(a).cmp(&key(b))
        });
        findings.dedup_by(|a, b| {
            a.rule == b.rule && a.location == b.location && a.message == b.message
        });
        let shown = |it: &Unseen| Unseen { path: self.shown(&it.path), why: it.why.clone() };
        let unseen = self.unseen.iter().map(shown).collect();
        let files = self.read.iter().map(|it| self.shown(it)).collect();
        Report { findings, allowed: allowed.len(), unseen, looked_at: self.looked_at, files }
    }

    /// A path as the caller knows it.
    fn shown(&self, path: &Path) -> PathBuf {
        match &self.linter.image {
            Some(root) => root.join(path.strip_prefix("/").unwrap_or(path)),
            None => path.to_owned(),
        }
    }

    pub(crate) fn tell(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// How many there are so far.
    pub(crate) fn finding_count(&self) -> usize {
        self.findings.len()
    }

    /// Takes back what a rule has found since there were so many.
    pub(crate) fn forget_since(&mut self, count: usize, code: &str) {
        let mut at = 0;
        self.findings.retain(|it| {
            at += 1;
            at <= count || it.rule.code != code
        });
    }

    /// A finding at a path as a whole.
    pub(crate) fn at(rule: &'static Rule, path: &Path, message: impl Into<String>) -> Finding {
        Finding::new(rule, Location { path: path.to_owned(), span: None }, message)
    }

    pub(crate) fn cannot_see(&mut self, path: &Path, why: impl Into<String>) {
        self.unseen.push(Unseen { path: path.to_owned(), why: why.into() });
    }

    pub(crate) fn look(&mut self) {
        self.looked_at += 1;
    }

    /// Whether this is the first time, by whatever name.
    pub(crate) fn is_first(&mut self, dir: &Path) -> bool {
        self.world.entry(dir).is_ok_and(|it| self.done.insert(it.identity))
    }

    /// The text of a file; what cannot be read is told.
    pub(crate) fn read(&mut self, path: &Path) -> Option<Source> {
        match self.world.read(path) {
            Ok((bytes, entry)) => {
                let source = Source::new(path.to_owned(), bytes, !entry.is_led_to);
                self.heed(&source);
                Some(source)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                self.cannot_see(path, error.to_string());
                None
            }
        }
    }

    /// Takes the comments of a text that allow something.
    fn heed(&mut self, source: &Source) {
        if !self.read.insert(source.path.clone()) {
            return;
        }
        let comments = allow::comments(source);
        for comment in &comments {
            self.check_codes(source, &comment.at);
        }
        self.comments.extend(comments);
    }

    /// Takes a directory's file that allows something.
    pub(crate) fn heed_file(&mut self, dir: &Path) {
        let path = dir.join(File::NAME);
        if !self.world.is_there(&path) || !self.read.insert(path.clone()) {
            return;
        }
        let Some(source) = self.read(&path) else { return };
        let (file, at) = File::read(dir, &source);
        self.check_codes(&source, &at);
        self.files.push(file);
    }

    fn check_codes(&mut self, source: &Source, at: &[(String, std::ops::Range<usize>)]) {
        for (code, range) in at {
            if rule::rules().any(|it| it.code == code) {
                continue;
            }
            let code = source.quoted(code);
            let near = rule::rules().find(|it| strsim::damerau_levenshtein(it.code, code) <= 2);
            let message = format!("there is no rule {code}");
            let finding = Finding::new(&others::ALLOW_UNKNOWN, source.at(range.clone()), message);
            self.tell(match near {
                Some(rule) => finding.help(format!("Did you mean {rule}?")),
                None => finding,
            });
        }
    }

    /// A path of the caller as one of the image.
    pub(crate) fn inside(&self, path: &Path) -> PathBuf {
        let Some(root) = &self.linter.image else { return path.to_owned() };
        if root == Path::new("/") {
            return std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        }
        Path::new("/")
            .join(path.strip_prefix(root).unwrap_or(path).strip_prefix("/").unwrap_or(path))
    }

    /// The names in a directory, as text where they are such.
    pub(crate) fn names(&mut self, dir: &Path) -> Vec<String> {
        match self.world.names(dir) {
            Ok(names) => {
                names.iter().filter_map(|it| OsStr::to_str(it)).map(str::to_owned).collect()
            }
            Err(error) => {
                self.cannot_see(dir, io::Error::from(error).to_string());
                Vec::new()
            }
        }
    }
}
