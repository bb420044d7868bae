//! Whether the system can execute a file, and why not: mode, mount, first bytes, interpreter.

use std::{
    ffi::OsStr,
    fs::File,
    io::Read,
    os::{fd::AsRawFd, unix::ffi::OsStrExt},
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    fcntl::{OFlag, open},
    sys::stat::{FileStat, Mode, SFlag, fstat, stat},
};
use svproto::Cause;

use super::{Certainty, Evidence, Finding, Remedy, elf};

/// No more of a script is read.
const MOST: u64 = 64 * 1024;
/// Linux follows no more interpreters of interpreters.
const DEEPEST: u8 = 4;
/// So many bytes of a first line are read by Linux 5.1 and later: an interpreter whose name does not end in them is refused.
/// Source: `execve(2)`, Interpreter scripts.
const FIRST_LINE: usize = 255;

/// What was seen of a file that is to be executed.
pub(super) struct Runnable {
    pub(super) path: PathBuf,
    /// What to call it.
    name: String,
    pub(super) stat: Result<FileStat, Errno>,
    /// Its beginning; `None` where it may not be read.
    pub(super) bytes: Option<Vec<u8>>,
}

impl Runnable {
    /// Links are followed, as the system does that executes it.
    pub(super) fn look(path: PathBuf, name: impl Into<String>) -> Self {
        let stat = stat(&path);
        let bytes = match &stat {
            Ok(stat) if kind(stat) == SFlag::S_IFREG => read(&path),
            _ => None,
        };
        Self { path, name: name.into(), stat, bytes }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn is_there(&self) -> bool {
        !matches!(self.stat, Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP))
    }

    /// The interpreter that its first line names, and the one argument that may follow.
    pub(super) fn interpreter(&self) -> Option<(PathBuf, String)> {
        let first = self.bytes.as_deref()?.strip_prefix(b"#!")?.split(|it| *it == b'\n').next()?;
        let line = first.trim_ascii_start();
        let end = line.iter().position(|it| matches!(it, b' ' | b'\t')).unwrap_or(line.len());
        let (program, rest) = line.split_at_checked(end)?;
        let rest = String::from_utf8_lossy(rest.trim_ascii()).into_owned();
        Some((PathBuf::from(OsStr::from_bytes(program)), rest))
    }

    /// Why executing it fails, for a process of this user.
    pub(super) fn fault(&self, user: Option<u32>) -> Option<Finding> {
        self.fault_at(user, 0)
    }

    fn fault_at(&self, user: Option<u32>, depth: u8) -> Option<Finding> {
        let at = |says: &str| Evidence::new(says).at(&self.path);
        let stat = match &self.stat {
            Ok(stat) => stat,
            Err(errno @ (Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP)) => {
                let leads_to = std::fs::read_link(&self.path).ok();
                let says = leads_to.map(|it| format!("is a link to {}", it.display()));
                let says = says.unwrap_or_else(|| "is not there".to_owned());
                let finding = Finding::new(Cause::FileMissing, &self.name);
                return Some(finding.seen(at(&says).errno(*errno)));
            }
            // This user may not see it, which says nothing.
            Err(_) => return None,
        };
        if kind(stat) != SFlag::S_IFREG {
            let what = crate::node::what(stat);
            let about = format!("{} is {what}, not a file", self.name);
            return Some(Finding::new(Cause::WrongType, about).seen(at(what)));
        }
        if let Some(finding) = self.not_executable(stat, user) {
            return Some(finding);
        }
        if is_mounted_noexec(&self.path) {
            let finding = Finding::new(Cause::NoExecMount, &self.name);
            return Some(finding.seen(at("is mounted noexec").errno(Errno::EACCES)));
        }
        self.unreadable_to_the_system(depth, user)
    }

    fn not_executable(&self, stat: &FileStat, user: Option<u32>) -> Option<Finding> {
        let mode = stat.st_mode & 0o7777;
        // Which groups a user has does not show here: what one of them gives, it may have.
        let needs = match user {
            Some(user) if user != 0 && user == stat.st_uid => 0o100,
            Some(user) if user != 0 => 0o011,
            _ => 0o111,
        };
        let lacks = mode & needs == 0;
        lacks.then(|| {
            let evidence = Evidence::new(format!("its mode is {mode:04o}")).at(&self.path);
            let remedy = Remedy::Command(format!("chmod +x {}", quoted(&self.path)));
            let finding = Finding::new(Cause::FileNotExecutable, &self.name);
            finding.seen(evidence.errno(Errno::EACCES)).helps(remedy)
        })
    }

    /// Its first bytes are nothing that the system can start.
    fn unreadable_to_the_system(&self, depth: u8, user: Option<u32>) -> Option<Finding> {
        let bytes = self.bytes.as_deref()?;
        let at = |says: String| Evidence::new(says).at(&self.path);
        let no_format = |cause, says: String| {
            Some(Finding::new(cause, &self.name).seen(at(says).errno(Errno::ENOEXEC)))
        };
        if bytes.is_empty() {
            return no_format(Cause::FileEmpty, "has no bytes".to_owned());
        }
        if bytes.starts_with(b"\xef\xbb\xbf#!") {
            let finding = no_format(Cause::ByteOrderMark, "begins with ef bb bf".to_owned());
            let remedy = format!("sed -i '1s/^\\xEF\\xBB\\xBF//' {}", self.to_edit());
            return finding.map(|it| it.helps(Remedy::Command(remedy)));
        }
        if bytes.starts_with(b"\x7fELF") {
            let anothers = (!has_formats()).then(|| elf::of_another_machine(bytes)).flatten();
            return match anothers {
                Some(says) => no_format(Cause::WrongMachine, says),
                None => self.loader_fault(bytes),
            };
        }
        let Some((program, argument)) = self.interpreter() else {
            // Other formats of programs can be registered with the system; text is none of them.
            if has_formats() {
                return None;
            }
            let is_text = !bytes.contains(&0);
            if let (false, Some(says)) = (is_text, not_of_bytes(bytes)) {
                let about = format!("{} is neither a program nor a script", self.name);
                let evidence = at(says.to_owned()).errno(Errno::ENOEXEC);
                return Some(Finding::new(Cause::NotExecuted, about).seen(evidence));
            }
            let first = bytes.split(|it| *it == b'\n').next().unwrap_or_default();
            let says = format!("begins with {}", shown(first));
            let finding = no_format(Cause::NoInterpreterLine, says)?;
            return is_text.then_some(Finding {
                evidence: finding.evidence.into_iter().map(|it| it.line(1)).collect(),
                ..finding
            });
        };
        self.interpreter_fault(&program, &argument, depth, user)
    }

    /// A program that another one has to load, as all that are linked to libraries.
    fn loader_fault(&self, bytes: &[u8]) -> Option<Finding> {
        let loader = elf::loader(bytes)?;
        if !matches!(stat(&loader), Err(Errno::ENOENT | Errno::ENOTDIR)) {
            return None;
        }
        let says =
            format!("is a program that {} has to load: of another C library", loader.display());
        let evidence = Evidence::new(says).at(&self.path).errno(Errno::ENOENT);
        Some(Finding::new(Cause::NoInterpreter, loader.display().to_string()).seen(evidence))
    }

    fn interpreter_fault(
        &self,
        program: &Path,
        argument: &str,
        depth: u8,
        user: Option<u32>,
    ) -> Option<Finding> {
        let first = format!("#!{} {argument}", program.display());
        let line = Evidence::new(shown(first.trim_end_matches(' ').as_bytes()));
        let line = line.at(&self.path).line(1);
        if program.as_os_str().is_empty() {
            let finding = Finding::new(Cause::NoInterpreterLine, &self.name);
            return Some(finding.seen(line.errno(Errno::ENOEXEC)));
        }
        if cfg!(target_os = "linux") && self.is_interpreter_cut() {
            let about = format!("the first line of {} is longer than the system reads", self.name);
            let says = format!(
                "the system reads {FIRST_LINE} bytes of a first line, and the name of the interpreter does not end in them"
            );
            let line = line.errno(Errno::ENOEXEC);
            return Some(
                Finding::new(Cause::NotExecuted, about).seen(line).seen(Evidence::new(says)),
            );
        }
        if let Some(bare) = program.as_os_str().as_bytes().strip_suffix(b"\r") {
            // Somebody might have made one of that name.
            if matches!(stat(program), Err(Errno::ENOENT | Errno::ENOTDIR)) {
                let bare = Path::new(OsStr::from_bytes(bare));
                let says =
                    format!("the interpreter would be {} and a carriage return", bare.display());
                let remedy = format!("sed -i 's/\\r$//' {}", self.to_edit());
                let finding = Finding::new(Cause::LineEnds, &self.name).seen(line);
                let finding = finding.seen(Evidence::new(says).errno(Errno::ENOENT));
                return Some(finding.helps(Remedy::Command(remedy)));
            }
        }
        // Scripts are executed in their own directory.
        let its_dir = self.path.parent().unwrap_or(Path::new("/"));
        let name = program.display().to_string();
        let it = Self::look(its_dir.join(program), name.clone());
        if !it.is_there() {
            let finding = Finding::new(Cause::NoInterpreter, name);
            return Some(finding.seen(line.errno(Errno::ENOENT)));
        }
        let fault = (depth < DEEPEST).then(|| it.fault_at(user, depth + 1)).flatten();
        if let Some(mut fault) = fault {
            fault.evidence.insert(0, line);
            return Some(fault);
        }
        let with_return = argument.ends_with('\r') || self.first_line_ends_with_return();
        if with_return && !argument.is_empty() {
            let remedy = format!("sed -i 's/\\r$//' {}", self.to_edit());
            let finding = Finding::new(Cause::LineEnds, &self.name).seen(line);
            let finding = finding.certainty(Certainty::Likely);
            return Some(finding.helps(Remedy::Command(remedy)));
        }
        None
    }

    /// The name of its interpreter goes on where the system does not read on.
    fn is_interpreter_cut(&self) -> bool {
        let first = self.bytes.as_deref().and_then(|it| it.get(2..=FIRST_LINE));
        let name = first.map(<[u8]>::trim_ascii_start);
        name.is_some_and(|it| !it.iter().any(|byte| matches!(byte, b' ' | b'\t' | b'\n' | 0)))
    }

    /// The file itself as a word of a shell: `sed -i` puts a file where it finds a link.
    pub(super) fn to_edit(&self) -> String {
        let real = std::fs::canonicalize(&self.path);
        quoted(real.as_deref().unwrap_or(&self.path))
    }

    fn first_line_ends_with_return(&self) -> bool {
        let first = self.bytes.as_deref().and_then(|it| it.split(|it| *it == b'\n').next());
        first.is_some_and(|it| it.ends_with(b"\r"))
    }
}

pub(super) fn kind(stat: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT
}

/// The beginning of a regular file. What took its place since it was looked at is not opened to be
/// read: a FIFO would wake its writer.
pub(crate) fn read(path: &Path) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    open_regular(path)?.take(MOST).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

fn open_regular(path: &Path) -> Option<File> {
    let flags = OFlag::O_NONBLOCK | OFlag::O_CLOEXEC | OFlag::O_NOCTTY;
    let file = if cfg!(target_os = "linux") {
        let held = open(path, only_held() | OFlag::O_CLOEXEC, Mode::empty()).ok()?;
        if kind(&fstat(&held).ok()?) != SFlag::S_IFREG {
            return None;
        }
        let again = format!("/proc/self/fd/{}", held.as_raw_fd());
        open(again.as_str(), flags | OFlag::O_RDONLY, Mode::empty()).ok()?
    } else {
        open(path, flags | OFlag::O_RDONLY, Mode::empty()).ok()?
    };
    if kind(&fstat(&file).ok()?) != SFlag::S_IFREG {
        return None;
    }
    Some(File::from(file))
}

/// The end of a regular file.
pub(super) fn read_end(path: &Path, most: usize) -> Option<Vec<u8>> {
    use std::os::unix::fs::FileExt;
    let file = open_regular(path)?;
    let len = usize::try_from(file.metadata().ok()?.len()).ok()?;
    let mut bytes = vec![0; len.min(most)];
    let from = u64::try_from(len - bytes.len()).ok()?;
    let count = file.read_at(&mut bytes, from).ok()?;
    bytes.truncate(count);
    Some(bytes)
}

#[cfg(target_os = "linux")]
fn is_mounted_noexec(path: &Path) -> bool {
    use nix::sys::statvfs::{FsFlags, statvfs};
    statvfs(path).is_ok_and(|it| it.flags().contains(FsFlags::ST_NOEXEC))
}

/// That is not told there.
#[cfg(not(target_os = "linux"))]
fn is_mounted_noexec(_path: &Path) -> bool {
    false
}

#[cfg(target_os = "linux")]
fn only_held() -> OFlag {
    OFlag::O_PATH
}

#[cfg(not(target_os = "linux"))]
fn only_held() -> OFlag {
    OFlag::O_RDONLY
}

/// What begins neither with `#!` nor as a program does.
fn not_of_bytes(bytes: &[u8]) -> Option<&'static str> {
    Some(match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [b'#', 0, b'!', 0, ..] | [0, b'#', 0, b'!', ..] => {
            "is text in UTF-16, and the system reads the first line as bytes"
        }
        [0x1f, 0x8b, ..] => "is compressed by gzip",
        [0, ..] => "begins with bytes of zero: what was written there never reached the disk",
        [b'M', b'Z', ..] => "is a program for Windows",
        [0xcf | 0xce, 0xfa, 0xed, 0xfe, ..] => "is a program for macOS",
        _ => return None,
    })
}

/// Whether other formats than the kernel's own are registered (`binfmt_misc`).
fn has_formats() -> bool {
    let Ok(list) = std::fs::read_dir("/proc/sys/fs/binfmt_misc") else { return false };
    list.flatten().any(|it| !matches!(it.file_name().to_str(), Some("register" | "status")))
}

/// As much of a line as is worth showing, nothing in it that moves a terminal's cursor.
pub(super) fn shown(bytes: &[u8]) -> String {
    printable(String::from_utf8_lossy(bytes).chars().take(SHOWN).collect())
}

/// The whole line, the same way.
pub(super) fn whole(bytes: &[u8]) -> String {
    printable(String::from_utf8_lossy(bytes).into_owned())
}

/// Characters of a line that are worth showing.
pub(super) const SHOWN: usize = 80;

fn printable(text: String) -> String {
    if text.chars().any(char::is_control) { text.escape_debug().to_string() } else { text }
}

/// A path as a word of a shell.
pub(super) fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |it: char| it.is_ascii_alphanumeric() || "-_./@+:,".contains(it);
    if !text.is_empty() && text.chars().all(plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}
