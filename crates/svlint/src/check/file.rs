//! Whether the system can execute a file, and why not.

use std::path::Path;

use svproto::cause::Severity;

use crate::{
    Edit, Finding, Fix,
    rule::{files, rc},
    source::Source,
    visit::Visit,
    world::Entry,
};

/// Who reads a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reader {
    Shell,
    Execline,
    Other,
}

/// A script that can be read here.
pub(crate) struct Script {
    pub(crate) source: Source,
    pub(crate) reader: Reader,
}

/// A file that is to be executed.
pub(crate) struct Executed<'a> {
    pub(crate) path: &'a Path,
    /// What it is called: `run`, `log/run`.
    pub(crate) name: &'a str,
    /// How bad it is if it cannot be.
    pub(crate) severity: Severity,
    /// The directory that it is executed in.
    pub(crate) working_dir: &'a Path,
}

/// Looks at it. Its text, where it is a script.
pub(crate) fn check(visit: &mut Visit<'_>, file: &Executed<'_>) -> Option<Script> {
    let Executed { path, name, severity, .. } = *file;
    let entry = match visit.world.entry(path) {
        Ok(entry) => entry,
        Err(error) => {
            if visit.world.is_missing(path) {
                missing(visit, file);
            } else {
                visit.cannot_see(path, std::io::Error::from(error).to_string());
            }
            return None;
        }
    };
    if !entry.is_file() {
        let message = format!("{name} is {}, not a file that can be executed", entry.what());
        visit.tell(Visit::at(&files::WRONG_TYPE, path, message).severity(severity));
        return None;
    }
    rights(visit, file, &entry);
    let source = visit.read(path)?;
    content(visit, file, source)
}

fn missing(visit: &mut Visit<'_>, file: &Executed<'_>) {
    let Executed { path, name, severity, .. } = *file;
    let (message, help) = match (visit.world.link(path), name) {
        (Some(to), _) => {
            let message = format!("{name} is a link to {}, where nothing is", to.display());
            (message, "Remove the link, or make what it leads to.")
        }
        (None, "log/run") => {
            (format!("{name} is missing"), "Write log/run, or remove the directory log.")
        }
        (None, _) => (format!("{name} is missing"), files::FILE_MISSING.fix),
    };
    let finding = Visit::at(&files::FILE_MISSING, path, message).help(help);
    visit.tell(finding.severity(severity));
}

fn rights(visit: &mut Visit<'_>, file: &Executed<'_>, entry: &Entry) {
    let Executed { path, name, severity, .. } = *file;
    if entry.mode & 0o111 == 0 {
        // Whoever may read it may execute it then.
        let set = (entry.mode & 0o444) >> 2;
        let message = format!("{name} is not executable (its mode is {:04o})", entry.mode);
        let finding = Visit::at(&files::NOT_EXECUTABLE, path, message).severity(severity);
        let finding = finding.help(format!("chmod +x {}", quoted(path)));
        visit.tell(finding.fix((set != 0).then_some(Fix::Mode { set, clear: 0 })));
    }
    if entry.mode & 0o002 != 0 {
        let message = format!("everybody may change {name} (its mode is {:04o})", entry.mode);
        let finding = Visit::at(&files::WRITABLE, path, message);
        let finding = finding.help(format!("chmod o-w {}", quoted(path)));
        visit.tell(finding.fix(Fix::Mode { set: 0, clear: 0o002 }));
    }
}

fn content(visit: &mut Visit<'_>, file: &Executed<'_>, source: Source) -> Option<Script> {
    let Executed { path, name, severity, .. } = *file;
    let bytes = &source.bytes;
    if bytes.is_empty() {
        visit.tell(Visit::at(&files::EMPTY, path, format!("{name} is empty")).severity(severity));
        return None;
    }
    if bytes.starts_with(b"\x7fELF") {
        machine(visit, file, bytes);
        return None;
    }
    let mut edits = Vec::new();
    if bytes.starts_with(b"\xef\xbb\xbf") {
        edits.push(Edit { bytes: 0..3, with: Vec::new() });
        let message = format!("{name} begins with a byte order mark (ef bb bf)");
        let finding = Finding::new(&files::BYTE_ORDER_MARK, source.first(), message);
        visit.tell(finding.severity(severity).fix(source.change(edits.clone())));
    }
    line_ends(visit, file, &source);
    let mark = if edits.is_empty() { 0 } else { 3 };
    let first = source.first_line().trim_start_matches(['\u{feff}', '?']);
    let first = if mark == 0 { source.first_line() } else { first };
    let Some(line) = first.trim_end_matches('\r').strip_prefix("#!") else {
        no_interpreter_line(visit, file, &source);
        return None;
    };
    let line = line.to_owned();
    interpreter(visit, file, source, &line)
}

fn line_ends(visit: &mut Visit<'_>, file: &Executed<'_>, source: &Source) {
    let ends: Vec<_> = source.lines().filter(|it| it.1.ends_with('\r')).collect();
    let Some(&(from, line)) = ends.first() else { return };
    let edits = ends.iter().map(|(from, line)| {
        let end = from + line.len();
        Edit { bytes: end - 1..end, with: Vec::new() }
    });
    let fix = source.change(edits.collect());
    let is_first = from == 0;
    let message = if is_first {
        format!(
            "the first line of {} ends with a carriage return, which is taken for a part of the interpreter or its option",
            file.name
        )
    } else {
        format!(
            "a line of {} ends with a carriage return, which is taken for a part of its last word",
            file.name
        )
    };
    let finding = Finding::new(&files::LINE_ENDS, source.at(from..from + line.len()), message);
    let finding = finding.severity(file.severity).fix(fix);
    visit.tell(finding.help(format!("sed -i 's/\\r$//' {}", quoted(file.path))));
}

fn no_interpreter_line(visit: &mut Visit<'_>, file: &Executed<'_>, source: &Source) {
    if source.bytes.contains(&0) {
        // Whatever format that is, the system may have a program for it.
        return;
    }
    let late = source.lines().take(20).find(|(_, line)| line.starts_with("#!/"));
    let is_head = |to: usize| {
        source
            .lines()
            .take_while(|it| it.0 < to)
            .all(|(_, line)| line.trim().is_empty() || line.trim_start().starts_with('#'))
    };
    if let Some((from, line)) = late.filter(|it| is_head(it.0)) {
        let mut first = line.as_bytes().to_vec();
        first.push(b'\n');
        let end = (from + line.len() + 1).min(source.bytes.len());
        let edits =
            vec![Edit { bytes: 0..0, with: first }, Edit { bytes: from..end, with: Vec::new() }];
        let location = source.at(from..from + line.len());
        let message = format!("#! has to be the first two bytes of {}", file.name);
        let finding = Finding::new(&files::INTERPRETER_LATE, location, message);
        visit.tell(finding.severity(file.severity).fix(source.change(edits)));
        return;
    }
    let message = format!("{} does not begin with #!", file.name);
    let finding = Finding::new(&files::NO_INTERPRETER_LINE, source.first(), message);
    visit.tell(finding.severity(file.severity));
}

/// The first line behind `#!`.
fn interpreter(
    visit: &mut Visit<'_>,
    file: &Executed<'_>,
    source: Source,
    line: &str,
) -> Option<Script> {
    let line = line.trim();
    let (program, argument) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    let argument = argument.trim();
    let tell = |visit: &mut Visit<'_>, rule, message: String| {
        visit.tell(Finding::new(rule, source.first(), message).severity(file.severity));
    };
    if program.is_empty() {
        let message = format!("{} names no interpreter behind #!", file.name);
        tell(visit, &files::NO_INTERPRETER_LINE, message);
        return None;
    }
    if !program.starts_with('/') {
        let message = format!(
            "the interpreter {} is looked for in {}, not in PATH",
            source.quoted(program),
            "the service directory",
        );
        let is_there = !visit.world.is_missing(&file.working_dir.join(program));
        let finding = Finding::new(&files::INTERPRETER_RELATIVE, source.first(), message);
        let worse = if is_there { Severity::Warning } else { file.severity };
        visit.tell(finding.severity(worse));
    } else if visit.world.is_missing(Path::new(program)) && source.is_shown {
        absent(visit, file, &source, program);
    }
    old_shebang(visit, &source, program);
    let base = program.rsplit('/').next().unwrap_or_default();
    let mut name = base.to_owned();
    if base == "env" {
        if let Some(words) = argument.strip_prefix("-S") {
            let first = words.split_whitespace().find(|it| !it.contains('='));
            name = base_name(first.unwrap_or_default());
        } else if argument.contains([' ', '\t']) {
            let message = format!(
                "env looks for one program named `{}`, blanks included",
                source.quoted(argument),
            );
            let first = argument.split_whitespace().next().unwrap_or_default();
            let finding = Finding::new(&files::ENV_ONE_WORD, source.first(), message);
            let finding = finding.severity(file.severity);
            visit.tell(finding.help(format!(
                "Name the interpreter itself, as in #!/usr/bin/{first}, or set its options in the script.",
                first = source.quoted(base_name(first).as_str()),
            )));
            name = base_name(first);
        } else {
            if visit.world.is_image() && argument.starts_with('/') && source.is_shown {
                if visit.world.is_missing(Path::new(argument)) {
                    absent(visit, file, &source, argument);
                }
            } else if visit.world.is_image()
                && !argument.is_empty()
                && source.is_shown
                && super::names::is_missing(visit.world, argument)
            {
                absent(visit, file, &source, argument);
            }
            name = base_name(argument);
        }
    } else if base == "busybox" || base == "with-contenv" {
        name = base_name(argument.split_whitespace().next().unwrap_or(base));
    }
    let reader = match name.as_str() {
        "sh" | "dash" | "ash" | "bash" | "ksh" | "mksh" | "zsh" | "invoke-run" => Reader::Shell,
        "execlineb" | "with-contenv" => Reader::Execline,
        _ => Reader::Other,
    };
    Some(Script { source, reader })
}

fn base_name(path: &str) -> String {
    path.rsplit('/').next().unwrap_or_default().to_owned()
}

/// An interpreter that is not there; on this machine, which need not be the one that the services are for,
/// less is certain.
fn absent(visit: &mut Visit<'_>, file: &Executed<'_>, source: &Source, program: &str) {
    // s6-overlay has its programs there, and whoever writes a directory for it has them in no other place.
    if !visit.world.is_image() && program.starts_with("/command/") {
        return;
    }
    let (message, severity) = if visit.world.is_image() {
        (format!("the interpreter {program} is missing in the image"), file.severity)
    } else {
        (format!("the interpreter {program} is not on this machine"), Severity::Warning)
    };
    let finding = Finding::new(&files::NO_INTERPRETER, source.first(), message);
    let finding = if visit.world.is_image() {
        finding
    } else {
        finding.help("Install it, or name one that is there; of an image, look with --image ROOT.")
    };
    visit.tell(finding.severity(severity));
}

fn machine(visit: &mut Visit<'_>, file: &Executed<'_>, bytes: &[u8]) {
    let Some(found) = elf_machine(bytes) else { return };
    // Of an image, its own shell tells for which machine it is.
    let known = ["/bin/sh", "/bin/busybox", "/usr/bin/env", "/proc/self/exe"];
    let of = |path: &&str| -> Option<u16> {
        let (bytes, _) = visit.world.read_start(Path::new(path)).ok()?;
        elf_machine(&bytes)
    };
    let Some(wanted) = known.iter().find_map(of) else { return };
    if found != wanted {
        let message = format!(
            "{} is a program for another machine (number {found} of ELF, not {wanted})",
            file.name
        );
        visit.tell(Visit::at(&files::WRONG_MACHINE, file.path, message).severity(file.severity));
    }
}

/// The number of the machine in the head of an ELF file.
fn elf_machine(bytes: &[u8]) -> Option<u16> {
    let [_, _, _, _, _, order, ..] = bytes else { return None };
    let number = [*bytes.get(18)?, *bytes.get(19)?];
    bytes
        .starts_with(b"\x7fELF")
        .then(|| if *order == 2 { u16::from_be_bytes(number) } else { u16::from_le_bytes(number) })
}

/// A path as a word of a shell.
pub(crate) fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_safe = |it: char| it.is_ascii_alphanumeric() || "/._-+@%:,".contains(it);
    if text.chars().all(is_safe) { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

/// `#!/usr/bin/with-contenv` of version 2.
fn old_shebang(visit: &mut Visit<'_>, source: &Source, program: &str) {
    if program != "/usr/bin/with-contenv" {
        return;
    }
    // Where the image has it, the links are installed.
    if visit.world.is_image() && !visit.world.is_missing(Path::new(program)) {
        return;
    }
    let message = "with-contenv is at /command/with-contenv in version 3 of s6-overlay";
    visit.tell(Finding::new(&rc::OLD_SHEBANG, source.first(), message));
}
