//! What became of each line of what was read.

use std::ops::Range;

/// What became of a line. The later of two is the worse one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LineVerdict {
    /// The definition says the same.
    Exact,
    /// The definition says it in another way, and the service does the same; [`LineReport::why`] says how.
    Equivalent,
    /// The service does nearly the same; [`LineReport::why`] says what differs.
    Approximated,
    /// It has no place in a definition; [`LineReport::why`] says what is missing now.
    Dropped,
    /// The service cannot be converted with this line; [`LineReport::why`] says what to do.
    Refused,
}

svproto::words!(LineVerdict, "verdict on a line":
    Exact "exact",
    Equivalent "equivalent",
    Approximated "approximated",
    Dropped "dropped",
    Refused "refused",
);

/// Where a line stands. A line that goes on in the next is one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Location {
    /// The path of the file, as it was opened.
    pub file: String,
    /// The first line, from 1; 0 for what is a file or a directory as a whole.
    pub line: usize,
    /// The last line.
    pub last: usize,
    /// The column of the first character, from 1, in characters.
    pub column: usize,
    /// The bytes of the file.
    pub bytes: Range<usize>,
}

impl Location {
    /// The place of some bytes of a text, without the blanks at both ends.
    #[must_use]
    pub fn of(file: &str, text: &str, bytes: Range<usize>) -> Self {
        let piece = text.get(bytes.clone()).unwrap_or_default();
        let start = bytes.start + (piece.len() - piece.trim_start().len());
        let end = start + piece.trim().len();
        let before = text.get(..start).unwrap_or(text);
        let newlines = |it: &str| it.bytes().filter(|byte| *byte == b'\n').count();
        let line = newlines(before) + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let last = line + newlines(piece.trim());
        Self { file: file.to_owned(), line, last, column, bytes: start..end }
    }

    /// A file or a directory as a whole.
    #[must_use]
    pub fn whole(file: &str) -> Self {
        Self { file: file.to_owned(), line: 0, last: 0, column: 0, bytes: 0..0 }
    }
}

/// `FILE:LINE`, or the file alone where it is meant as a whole.
impl std::fmt::Display for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 { write!(f, ":{}", self.line) } else { Ok(()) }
    }
}

/// A line that says something, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LineReport {
    /// Where it stands.
    pub location: Location,
    /// Its text.
    pub text: String,
    /// Whether it opens a section or a table. Such a line also tells of what is so where nothing is said.
    pub is_heading: bool,
    /// What became of it.
    pub verdict: LineVerdict,
    /// The service that it is about, as [`ServiceReport::about`] has it.
    pub service: Option<String>,
    /// The key of the definition that says it now, as in [`svbuild::spec::KEYS`].
    pub key: Option<String>,
    /// How, what differs, or what to do: one line for people.
    pub why: Option<String>,
}

impl LineReport {
    /// Adds a reason that was not given yet.
    pub(crate) fn add(&mut self, why: &str) {
        match &mut self.why {
            None => self.why = Some(why.to_owned()),
            Some(said) if said.contains(why) => (),
            Some(said) => {
                said.push_str("; ");
                said.push_str(why);
            }
        }
    }
}

/// Whether one key is the other or a part of it.
pub(crate) fn is_part(one: &str, other: &str) -> bool {
    let below =
        |whole: &str, part: &str| whole.strip_prefix(part).is_some_and(|it| it.starts_with('.'));
    one == other || below(one, other) || below(other, one)
}

/// `FILE:LINE: VERDICT: TEXT (KEY): WHY`.
impl std::fmt::Display for LineReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = self.text.split('\n').next().unwrap_or_default().trim_end();
        write!(f, "{}: {}", self.location, self.verdict)?;
        if !text.is_empty() {
            write!(f, ": {text}")?;
        }
        if let Some(key) = &self.key {
            write!(f, " ({key})")?;
        }
        match &self.why {
            Some(why) => write!(f, ": {why}"),
            None => Ok(()),
        }
    }
}

/// How many lines had which verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// [`LineVerdict::Exact`].
    pub exact: usize,
    /// [`LineVerdict::Equivalent`].
    pub equivalent: usize,
    /// [`LineVerdict::Approximated`].
    pub approximated: usize,
    /// [`LineVerdict::Dropped`].
    pub dropped: usize,
    /// [`LineVerdict::Refused`].
    pub refused: usize,
}

/// What became of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ServiceReport {
    /// Its name in the definitions.
    pub service: String,
    /// What lines of the report call it, in [`LineReport::service`]: its name, or that of the program of which several
    /// services are made.
    pub about: String,
    /// The file or directory that describes it.
    pub source: String,
    /// Whether it is in the definitions. If not, a line of it was refused.
    pub is_converted: bool,
}

/// What became of everything that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Every line that says something, in the order of the files and of the lines.
    pub lines: Vec<LineReport>,
    /// Every service that was found.
    pub services: Vec<ServiceReport>,
}

impl Report {
    /// How many lines had which verdict.
    ///
    /// ```
    /// use svconvert::{Format, Memory, convert};
    ///
    /// let files = Memory::new().file("/srv/Procfile", "web: ./server --port 80\n");
    /// let conversion = convert(&files, &["/srv/Procfile".into()], None)?;
    /// assert_eq!(conversion.report.counts().refused, 0);
    /// # Ok::<(), svconvert::Error>(())
    /// ```
    #[must_use]
    pub fn counts(&self) -> Counts {
        let count = |verdict| self.lines.iter().filter(|line| line.verdict == verdict).count();
        Counts {
            exact: count(LineVerdict::Exact),
            equivalent: count(LineVerdict::Equivalent),
            approximated: count(LineVerdict::Approximated),
            dropped: count(LineVerdict::Dropped),
            refused: count(LineVerdict::Refused),
        }
    }

    /// Says of the lines that wrote a key, or of the first of the service, what became of them.
    pub(crate) fn blame(&mut self, service: &str, key: &str, verdict: LineVerdict, why: &str) {
        let about =
            self.services.iter().find(|it| it.service == service).map(|it| it.about.clone());
        let of_service = |line: &LineReport| line.service == about;
        let wrote = |line: &LineReport| {
            of_service(line) && line.key.as_deref().is_some_and(|own| is_part(own, key))
        };
        let has_one = self.lines.iter().any(wrote);
        let mut is_first = true;
        for line in self.lines.iter_mut().filter(|line| of_service(line)) {
            if if has_one { wrote(line) } else { is_first } {
                line.verdict = line.verdict.max(verdict);
                line.add(why);
            }
            is_first = false;
        }
    }

    /// The worst of all verdicts; [`LineVerdict::Exact`] if there is no line.
    #[must_use]
    pub fn worst(&self) -> LineVerdict {
        self.lines.iter().map(|line| line.verdict).max().unwrap_or(LineVerdict::Exact)
    }
}
