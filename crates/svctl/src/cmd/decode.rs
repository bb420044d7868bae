//! `svctl decode`: a raw status record, explained.

use std::{
    fs::File,
    io::{self, Read},
    os::unix::fs::{FileTypeExt, OpenOptionsExt},
    path::Path,
};

use nix::fcntl::OFlag;
use svcmgr::{
    Dialect, Facts, LastExit, Service,
    proto::{Record, files},
};

use crate::{
    exit::Exit,
    json::{self, Decoded},
    output::Output,
};

/// More than the longest record written as hex with a blank after every byte; the rest of a larger
/// file is not looked at.
const ENOUGH: u64 = 4096;

pub(crate) fn run(path: &Path, dialect: Option<Dialect>, output: &mut Output) -> Exit {
    let input = match read(path) {
        Ok(input) => input,
        Err(error) => {
            output.message(&format!("cannot read {}: {error}", path.display()));
            return Exit::System;
        }
    };
    let more = if input.len() as u64 == ENOUGH { "at least " } else { "" };
    let bytes = match from_hex(&input) {
        Ok(bytes) => bytes.unwrap_or(input),
        Err(digits) => {
            output.message(&format!(
                "cannot decode {}: {digits} hexadecimal digits are no whole number of bytes",
                path.display()
            ));
            return Exit::Negative;
        }
    };
    let known = dialect.or_else(|| owner(path));
    let record = match known {
        Some(dialect) => Record::from_bytes(dialect, &bytes).map_err(|error| error.to_string()),
        None => Record::guess(&bytes).map_err(|error| error.to_string()),
    };
    match record {
        Ok(record) => {
            if output.json {
                output.json(&Decoded::new(&record));
            } else if !output.quiet {
                explain(&record, output);
            }
            if known.is_none() {
                let dialect = record.dialect();
                match record.other_writer() {
                    Some(other) => output.message(&format!(
                        "taken for {dialect}'s, but {other} may have written the same bytes; \
                         say which with --dialect"
                    )),
                    None if output.verbose => {
                        output.message(&format!("{dialect}, judging by the bytes alone"));
                    }
                    None => (),
                }
            }
            if let Err(error) = record.check() {
                output.message(&format!("no supervisor can have written this: {error}"));
                return Exit::Negative;
            }
            Exit::Done
        }
        Err(error) => {
            output.message(&format!("cannot decode {}: {more}{error}", path.display()));
            Exit::Negative
        }
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        io::stdin().lock().take(ENOUGH).read_to_end(&mut bytes)?;
        return Ok(bytes);
    }
    // What a shell makes of `<(command)`, and the like: a descriptor of this process.
    let is_descriptor = path == Path::new("/dev/stdin")
        || ["/dev/fd", "/proc/self/fd"].iter().any(|dir| path.parent() == Some(Path::new(dir)));
    if is_descriptor {
        File::open(path)?.take(ENOUGH).read_to_end(&mut bytes)?;
        return Ok(bytes);
    }
    // Reading a control FIFO would take its requests away from the supervisor; a terminal would be
    // waited for. What is open is asked, not the name, which may lead elsewhere by then.
    let careful = OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let opened = File::options().read(true).custom_flags(careful.bits()).open(path);
    let no_file = || {
        let why = "it is no regular file; give - and the bytes on standard input";
        io::Error::new(io::ErrorKind::InvalidInput, why)
    };
    // A socket cannot be opened.
    let file = match opened {
        Err(_) if path.metadata().is_ok_and(|data| data.file_type().is_socket()) => {
            return Err(no_file());
        }
        opened => opened?,
    };
    if !file.metadata()?.is_file() {
        return Err(no_file());
    }
    file.take(ENOUGH).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The bytes that hexadecimal digits stand for, however they are set: with blanks, line ends or
/// colons between them, or 0x in front. `None` for what is no such text: no record is, its first
/// byte being 0x40, an `@`.
///
/// # Errors
///
/// The number of digits, if it is odd.
fn from_hex(text: &[u8]) -> Result<Option<Vec<u8>>, usize> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text).trim_ascii();
    let text = text.strip_prefix(b"0x").or_else(|| text.strip_prefix(b"0X")).unwrap_or(text);
    let digit = |&byte: &u8| char::from(byte).to_digit(16).and_then(|d| u8::try_from(d).ok());
    let digits = text.iter().filter(|byte| !byte.is_ascii_whitespace() && **byte != b':');
    let Some(digits) = digits.map(digit).collect::<Option<Vec<u8>>>() else { return Ok(None) };
    let (pairs, rest) = digits.as_chunks::<2>();
    match (digits.is_empty(), rest.is_empty()) {
        (true, _) => Ok(None),
        (false, false) => Err(digits.len()),
        (false, true) => Ok(Some(pairs.iter().map(|[high, low]| high << 4 | low).collect())),
    }
}

/// Whose record a file is, by what lies beside it, if it is where a supervisor keeps it.
fn owner(path: &Path) -> Option<Dialect> {
    let dir = path.ancestors().nth(2).filter(|_| path.ends_with(files::STATUS))?;
    let dir = if dir.as_os_str().is_empty() { Path::new(".") } else { dir };
    Service::open(dir).ok()?.dialect()
}

fn explain(record: &Record, output: &mut Output) {
    let decoded = Decoded::new(record);
    let status = record.facts();
    let len = record.as_bytes().len();
    output.line(&format!("{} status record, {len} bytes ({})", decoded.dialect, decoded.layout));
    let unknown = || "a value that is not known".to_owned();
    let not_reported = || "not reported".to_owned();
    let yes_or_no = |fact: Option<bool>| match fact {
        Some(true) => "yes".to_owned(),
        Some(false) => "no".to_owned(),
        None => not_reported(),
    };
    let label = record.since();
    let since = decoded.since.clone().unwrap_or_else(|| "no moment that a clock gives".to_owned());
    let lines = [
        ("state", decoded.state.map_or_else(unknown, str::to_owned)),
        ("phase", decoded.phase.map_or_else(unknown, str::to_owned)),
        ("want", decoded.want.map_or_else(unknown, str::to_owned)),
        ("pid", process(record, &status)),
        ("paused", yes_or_no(decoded.paused)),
        ("got TERM", yes_or_no(decoded.got_term)),
        ("since", format!("{since} (label {label})")),
        ("ready", yes_or_no(decoded.ready)),
        ("exit", exit(status.last_exit)),
    ];
    for (name, value) in lines {
        output.line(&format!("  {name:<10}{value}"));
    }
    if let Some(since) = &decoded.ready_since {
        output.line(&format!("  {:<10}since {since}", ""));
    }
    if let Some(log) = &decoded.log {
        let pid = log.pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default();
        let state = log.state.unwrap_or("unknown");
        output.line(&format!("  {:<10}{state}{pid}", "log"));
    }
    output.line(&format!("  {:<10}{}", "raw", decoded.raw));
}

fn process(record: &Record, status: &Facts) -> String {
    match (status.pid, status.finish_pid, record.raw_pid()) {
        (Some(pid), _, _) => pid.to_string(),
        (None, Some(pid), _) => format!("none; finish has {pid}"),
        (None, None, 0) => "none".to_owned(),
        (None, None, raw) => format!("{raw}, which no process can have"),
    }
}

fn exit(last: LastExit) -> String {
    match (last, json::exit(last)) {
        (LastExit::NotStarted, _) => "not started yet".to_owned(),
        (LastExit::Unknown(raw), _) => format!("wait status {raw:#06x}, neither exit nor signal"),
        (LastExit::Signaled { core: true, .. }, Some(json::Exit::Signal(name))) => {
            format!("killed by {name}, core dumped")
        }
        (_, Some(json::Exit::Signal(name))) => format!("killed by {name}"),
        (_, Some(json::Exit::Code(code))) => format!("exited with {code}"),
        (_, None) => "not reported".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_is_read_with_blanks_and_lines_and_nothing_else_is_hex() {
        assert_eq!(from_hex(b"40 00\n0A\n"), Ok(Some(vec![0x40, 0, 0x0a])));
        assert_eq!(from_hex(b"0x40:00\n"), Ok(Some(vec![0x40, 0])));
        assert_eq!(from_hex(b"\xef\xbb\xbf4000"), Ok(Some(vec![0x40, 0])));
        assert_eq!(from_hex(b"400"), Err(3));
        assert_eq!(from_hex(b"@\0\0\0"), Ok(None));
        assert_eq!(from_hex(b""), Ok(None));
        assert_eq!(from_hex("\u{e9}".as_bytes()), Ok(None));
    }
}
