//! A program that writes down what it is: arguments, environment, directory, identity, limits, open
//! descriptors. `probe FILE [ARGUMENT...]` writes to FILE, says a line on both outputs, and waits.
#![cfg_attr(not(target_os = "linux"), allow(unused_imports))]

use std::{
    ffi::OsString,
    fmt::Write as _,
    fs, io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

fn main() -> io::Result<()> {
    let mut args = std::env::args_os().skip(1);
    let file = PathBuf::from(args.next().unwrap_or_else(|| "probe".into()));
    // First, before anything of ours is open.
    let descriptors = descriptors().unwrap_or_default();
    let mut text = String::new();
    for arg in args {
        line(&mut text, "arg", arg.as_bytes());
    }
    let mut variables: Vec<(OsString, OsString)> = std::env::vars_os().collect();
    variables.sort();
    for (name, value) in variables {
        line(&mut text, "env", &[name.as_bytes(), b"=", value.as_bytes()].concat());
    }
    line(&mut text, "cwd", std::env::current_dir()?.as_os_str().as_bytes());
    let status = read("status");
    for key in ["Uid:", "Gid:", "Groups:", "Umask:"] {
        let value = status.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default();
        let mut words: Vec<&str> = value.split_whitespace().collect();
        words.sort_unstable();
        words.dedup();
        line(&mut text, key.trim_end_matches(':'), words.join(" ").as_bytes());
    }
    // After the name, which is in parentheses: state, ppid, pgrp, session, ..., nice is the 17th.
    let stat = read("stat");
    let fields: Vec<&str> =
        stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    line(&mut text, "nice", fields.get(16).unwrap_or(&"?").as_bytes());
    let own = fields.get(3).is_some_and(|session| *session == std::process::id().to_string());
    line(&mut text, "session", if own { b"own" } else { b"other" });
    for limit in read("limits").lines().skip(1) {
        let (name, values) = limit.split_at(limit.len().min(26));
        let mut values = values.split_whitespace();
        for which in ["limit", "hard"] {
            let value = values.next().unwrap_or_default();
            line(&mut text, &format!("{which} {}", name.trim()), value.as_bytes());
        }
    }
    text.push_str(&descriptors);
    line(&mut text, "pid", std::process::id().to_string().as_bytes());

    println!("a line on standard output");
    eprintln!("a secret line on standard error");
    eprintln!("a line on standard error");
    let fresh = file.with_extension("fresh");
    fs::write(&fresh, text)?;
    fs::rename(fresh, file)?;
    loop {
        std::thread::park();
    }
}

/// Nothing below another root, where there is no such file.
fn read(name: &str) -> String {
    fs::read_to_string(Path::new("/proc/self").join(name)).unwrap_or_default()
}

fn line(text: &mut String, key: &str, value: &[u8]) {
    let _infallible = writeln!(text, "{key}: {}", value.escape_ascii());
}

/// What each open descriptor leads to; a pipe without its number.
fn descriptors() -> io::Result<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc/self/fd")? {
        let entry = entry?;
        let Ok(to) = fs::read_link(entry.path()) else { continue };
        // The one that lists them.
        if to.parent().is_some_and(|dir| dir.starts_with("/proc") && to.ends_with("fd")) {
            continue;
        }
        let shown = to.to_string_lossy().split(':').next().unwrap_or_default().to_owned();
        let number: u32 = entry.file_name().to_string_lossy().parse().unwrap_or(u32::MAX);
        found.push((number, shown));
    }
    found.sort();
    let mut text = String::new();
    for (number, to) in found {
        line(&mut text, &format!("fd {number}"), Path::new(&to).as_os_str().as_bytes());
    }
    Ok(text)
}
