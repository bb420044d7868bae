//! The files in `tests/cases`, one for each rule: directories as text, whether the rule finds something there,
//! and what a real supervisor shows.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
};

/// What a case is laid out as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A service directory of the case's name.
    Service,
    /// Entries of a scan directory.
    Scan,
    /// Sources of s6-rc.
    Rc,
    /// Files of an unpacked image.
    Image,
    /// A unit.
    Unit,
    /// Files.
    Files,
}

pub struct Case {
    pub code: String,
    /// A name that no other case has.
    pub name: String,
    pub kind: Kind,
    /// The rule finds something.
    pub is_bad: bool,
    pub suites: Vec<String>,
    files: Vec<Entry>,
    /// Who shows it, and how.
    pub shows: Vec<(Vec<String>, String)>,
}

enum What {
    Text(String),
    Link(String),
    Directory,
    /// A program for another machine.
    Foreign,
}

struct Entry {
    path: String,
    mode: u32,
    what: What,
}

pub const SUITES: [&str; 4] = ["runit", "daemontools", "encore", "s6"];

fn suites(text: &str) -> Vec<String> {
    match text {
        "-" => Vec::new(),
        "all" => SUITES.map(str::to_owned).to_vec(),
        names => names.split(',').map(str::to_owned).collect(),
    }
}

/// All of them, in the order of their names.
pub fn all() -> Vec<Case> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut files: Vec<PathBuf> = fs::read_dir(dir).unwrap().map(|it| it.unwrap().path()).collect();
    files.sort();
    files.iter().flat_map(|it| read(it)).collect()
}

fn read(file: &Path) -> Vec<Case> {
    let code = file.file_stem().unwrap().to_str().unwrap();
    let mut all: Vec<Case> = Vec::new();
    for line in fs::read_to_string(file).unwrap().lines() {
        if let Some(head) = line.strip_prefix("== ") {
            let words: Vec<_> = head.split_whitespace().collect();
            let kind = match words.get(2) {
                None => Kind::Service,
                Some(&"scan") => Kind::Scan,
                Some(&"rc") => Kind::Rc,
                Some(&"image") => Kind::Image,
                Some(&"unit") => Kind::Unit,
                Some(&"file") => Kind::Files,
                Some(other) => panic!("{code}: no kind {other}"),
            };
            all.push(Case {
                code: code.to_owned(),
                name: format!("{code}-{}", all.len() + 1),
                kind,
                is_bad: words[0] == "bad",
                suites: suites(words[1]),
                files: Vec::new(),
                shows: Vec::new(),
            });
            continue;
        }
        let case = all.last_mut().unwrap_or_else(|| panic!("{code}: text before a case"));
        if let Some(head) = line.strip_prefix("--- ") {
            case.files.push(entry(head));
        } else if let Some(shown) = line.strip_prefix("shows ") {
            let (who, what) = shown.split_once(": ").unwrap();
            let who = if who == "all" {
                suites(who)
            } else {
                who.split(',').map(str::to_owned).collect()
            };
            case.shows.push((who, what.to_owned()));
        } else if let Some(Entry { what: What::Text(text), .. }) = case.files.last_mut() {
            text.push_str(line);
            text.push('\n');
        }
    }
    all
}

fn entry(head: &str) -> Entry {
    if let Some((path, to)) = head.split_once(" -> ") {
        return Entry { path: path.to_owned(), mode: 0, what: What::Link(to.to_owned()) };
    }
    let words: Vec<_> = head.split_whitespace().collect();
    let path = words[0].to_owned();
    if words[1] == "dir" {
        return Entry { path, mode: 0o755, what: What::Directory };
    }
    let mode = u32::from_str_radix(words[1], 8).unwrap();
    let what = match words.get(2) {
        Some(&"foreign") => What::Foreign,
        _ => What::Text(String::new()),
    };
    Entry { path, mode, what }
}

impl Case {
    /// Makes its files below a directory.
    pub fn lay_out(&self, dir: &Path) {
        fs::create_dir_all(dir).unwrap();
        for Entry { path, mode, what } in &self.files {
            let path = dir.join(path.replace("NAME", &self.name));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            match what {
                What::Text(text) => {
                    let text = text.replace("NAME", &self.name);
                    let text = text.replace("\\r", "\r").replace("\\u{feff}", "\u{feff}");
                    write(&path, text.as_bytes(), *mode);
                }
                What::Link(to) => symlink(to, &path).unwrap(),
                What::Directory => fs::create_dir_all(&path).unwrap(),
                What::Foreign => {
                    let mut bytes = fs::read("/proc/self/exe").unwrap()[..64].to_vec();
                    bytes[18] = if cfg!(target_arch = "aarch64") { 62 } else { 183 };
                    write(&path, &bytes, *mode);
                }
            }
        }
    }

    /// Makes them below several directories, by way of another process: what a thread of this one has open
    /// for writing cannot be executed.
    pub fn lay_out_executable(cases: &[(&Self, PathBuf)], to: &Path) {
        let draft = tempfile::tempdir().unwrap();
        for (case, dir) in cases {
            case.lay_out(&draft.path().join(dir));
        }
        let from = draft.path().join(".");
        let done = std::process::Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
        assert!(done.success());
    }

    /// Its files as text.
    pub fn as_text(&self) -> String {
        let mut all = String::new();
        for Entry { path, mode, what } in &self.files {
            let path = path.replace("NAME", &self.name);
            match what {
                What::Text(text) => {
                    let text = text.replace("NAME", &self.name);
                    all.push_str(&format!("{path} ({mode:04o})\n"));
                    text.lines().for_each(|line| all.push_str(&format!("    {line}\n")));
                }
                What::Link(to) => all.push_str(&format!("{path} -> {to}\n")),
                What::Directory => all.push_str(&format!("{path}\n")),
                What::Foreign => all.push_str(&format!("{path} (a program of another machine)\n")),
            }
        }
        all
    }

    /// What is given to the linter when it is laid out in a directory.
    pub fn path(&self, dir: &Path) -> PathBuf {
        match self.kind {
            Kind::Unit => dir.join("web.service"),
            Kind::Files => dir.join(&self.files[0].path),
            _ => dir.to_owned(),
        }
    }
}

fn write(path: &Path, bytes: &[u8], mode: u32) {
    fs::write(path, bytes).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}
