//! `svctl enable` and `svctl disable`: into the scan directory and out of it, and the wait until that
//! is so.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use svcmgr::{
    Cause, Disabled, Enabled, EnabledLink, Error, ErrorKind, Goal, Noticed, Op, Request, ScanDir,
    Scanner, Service, State, Status, SupervisionEnd, is_path,
};

use super::{
    deadline::{of_command, timeout},
    guard::Guard,
    units,
};
use crate::{
    args::{self, Global},
    exit::Exit,
    json::{Became, Ended, Placed},
    name,
    names::{self, NoTargets},
    output::{Output, message, printable},
    silent::Silent,
    text,
};

pub(crate) fn enable(global: &Global, args: &args::Enable, output: &mut Output) -> Exit {
    if names::all_units(global, &args.services) {
        return units::change(global, &args.services, args.stream, units::ENABLE, output);
    }
    if args.name.is_some() && args.services.len() > 1 {
        output.message("--as names one service, and several were given");
        return Exit::Usage;
    }
    let scan = match names::the_scan_dir(global, output) {
        Ok(scan) => scan,
        Err(NoTargets(exit)) => return exit,
    };
    let silent = &global.silent;
    let names = Names { services: &args.services, stream: args.stream };
    each(&[scan], silent, &names, &args.timeout, output, |scan, typed, deadline| {
        let dir = from_store(Path::new(typed), &stores(scan), silent)?;
        let enabled = match &args.name {
            Some(name) => scan.enable_as(name, &dir, deadline),
            None => scan.enable(&dir, deadline),
        };
        enabled.map(|enabled| enabled_told(&enabled))
    })
}

/// Where suites keep service directories that are not enabled.
const STORES: [&str; 3] = ["/etc/sv", "/etc/runit/sv", "/etc/s6/sv"];

/// Where what is enabled in a scan directory comes from.
pub(super) fn own_stores(scan: &ScanDir) -> std::collections::BTreeSet<PathBuf> {
    let entries = scan.dir().read_dir().into_iter().flatten().flatten();
    let store = |entry: std::fs::DirEntry| {
        let target = scan.dir().join(entry.path().read_link().ok()?);
        target.parent().map(Path::to_owned)
    };
    entries.filter_map(store).collect()
}

/// The stores of a scan directory: its own, and those of the suites.
pub(super) fn stores(scan: &ScanDir) -> Vec<PathBuf> {
    let own = own_stores(scan);
    let others = STORES.map(PathBuf::from).into_iter().filter(|store| !own.contains(store));
    let others: Vec<_> = others.collect();
    own.into_iter().chain(others).collect()
}

/// What was typed, if it is there; a name alone is also one of a store. The first store that has it
/// is meant, and says so by the link that is made.
fn from_store(
    typed: &Path,
    stores: &[impl AsRef<Path>],
    silent: &Silent,
) -> Result<PathBuf, Error> {
    let is_name = typed.components().count() == 1 && !is_path(typed.as_os_str());
    if !is_name || typed.symlink_metadata().is_ok() {
        return Ok(typed.to_owned());
    }
    let mut places = stores.iter().map(|store| store.as_ref().join(typed));
    let there = places.find(|dir| silent.has(dir) || dir.is_dir());
    let none = || {
        let places: Vec<_> = stores.iter().map(|store| ScanDir::new(store.as_ref())).collect();
        ScanDir::no_such_name(&places, typed.as_os_str())
    };
    let dir = there.ok_or_else(none)?;
    silent.refuse(&dir).map(|()| dir)
}

pub(crate) fn disable(global: &Global, args: &args::Disable, output: &mut Output) -> Exit {
    if names::all_units(global, &args.services) {
        return units::change(global, &args.services, args.stream, units::DISABLE, output);
    }
    let scans = match names::scan_dirs(global, output) {
        Ok(scans) => scans,
        Err(NoTargets(exit)) => return exit,
    };
    let names = Names { services: &args.services, stream: args.stream };
    each(&scans, &global.silent, &names, &args.timeout, output, |scan, typed, deadline| {
        let name = scan.name_of(typed)?;
        match scan.disable_killing(&name, deadline, args.kill_after) {
            // There is nothing to take out: as asked.
            Err(Error::NotFound { path }) if path == scan.dir().join(&name) => {
                if let Some(service) = scan.outlived(&name) {
                    // Its link went before, and not its supervisor.
                    return end_what_outlived(&service, deadline, args.kill_after);
                }
                Ok(Told {
                    outcome: Ended::Already,
                    changed: false,
                    words: "was not enabled".to_owned(),
                    hint: None,
                    why: None,
                    exit: Exit::Done,
                    took: 0.0,
                })
            }
            disabled => disabled.map(|it| disabled_told(it, args.kill_after)),
        }
    })
}

/// What to say of one service.
struct Told {
    outcome: Ended,
    changed: bool,
    words: String,
    hint: Option<&'static str>,
    /// Why it is not so at the deadline.
    why: Option<Cause>,
    exit: Exit,
    took: f64,
}

/// Where what was typed is; in the first of several where none has it.
fn holder<'a>(scans: &'a [ScanDir], typed: &OsStr) -> Result<&'a ScanDir, Error> {
    let has = |scan: &&ScanDir| {
        let name = scan.name_of(typed);
        name.is_ok_and(|name| scan.dir().join(name).symlink_metadata().is_ok())
    };
    let mut holders = scans.iter().filter(has);
    match (holders.next(), holders.next()) {
        (Some(one), Some(other)) => Err(Error::Ambiguous {
            name: typed.to_owned(),
            first: one.dir().join(one.name_of(typed)?),
            second: other.dir().join(other.name_of(typed)?),
        }),
        (one, _) => {
            one.or(scans.first()).ok_or_else(|| Error::NoScanDir { name: typed.to_owned() })
        }
    }
}

/// What was typed, and whether each is told of as an object of its own.
struct Names<'a> {
    services: &'a [std::ffi::OsString],
    stream: bool,
}

fn each(
    scans: &[ScanDir],
    silent: &Silent,
    names: &Names<'_>,
    wait: &args::Timeout,
    output: &mut Output,
    act: impl Fn(&ScanDir, &OsStr, Instant) -> Result<Told, Error>,
) -> Exit {
    let Names { services, stream } = *names;
    let timeout = match timeout(wait) {
        Ok(timeout) => timeout,
        Err(why) => {
            output.message(&why);
            return Exit::Usage;
        }
    };
    let deadline = of_command(timeout);
    let typed = services.iter().map(|name| name.to_string_lossy().into_owned());
    let guard = Guard::until(deadline, typed, output);
    let mut exit = Exit::Done;
    let mut results = Vec::new();
    for (at, name) in services.iter().enumerate() {
        let text = name.to_string_lossy();
        let shown = name::shown(&text, Some(Path::new(name)));
        // What does not answer is not asked for its entries either.
        let asked = scans.iter().flat_map(|scan| [scan.dir().to_owned(), scan.dir().join(name)]);
        let answers = asked.chain([name.into()]).try_for_each(|path| silent.refuse(&path));
        let scan = answers.and_then(|()| holder(scans, name));
        let dir = scan.as_ref().ok().copied().or(scans.first()).map(ScanDir::dir);
        let scan_dir = dir.map(|dir| dir.to_string_lossy().into_owned());
        let result = scan.and_then(|scan| act(scan, name, deadline));
        guard.done(at, result.as_ref().map_or_else(Ended::of_error, |told| told.outcome));
        match result {
            Ok(told) => {
                exit = exit.max(told.exit);
                let line = format!("{shown}: {}", told.words);
                if output.json {
                    let became = Became {
                        outcome: told.outcome,
                        changed: Some(told.changed),
                        took: Some(told.took),
                        why: told.why.as_ref().map(Cause::kind),
                        says: (told.exit != Exit::Done).then_some(told.words),
                        ..Became::default()
                    };
                    results.push(Placed { service: text.into_owned(), scan_dir, became });
                } else if told.exit != Exit::Done {
                    output.message(&line);
                } else if !output.quiet {
                    output.line(&line);
                }
                if let Some(hint) = told.hint.filter(|_| !output.json) {
                    output.hint(hint);
                }
            }
            Err(error) => {
                exit = exit.max(Exit::from(&error));
                if output.json {
                    let became = Became::failed(&error);
                    results.push(Placed { service: text.into_owned(), scan_dir, became });
                } else {
                    match &error {
                        Error::NameTaken { leads_to: Some(path), .. } => {
                            let hint = "--as NAME enables it under another name";
                            let hint = format!("it leads to {}; {hint}", path.display());
                            output.failure(&error, Some(&printable(&hint)));
                        }
                        _ => output.error(&error),
                    }
                }
            }
        }
        if stream {
            results.drain(..).for_each(|row| output.json(&row));
            output.flush();
        }
    }
    if output.json && !stream {
        output.json(&results);
    }
    exit
}

fn enabled_told(enabled: &Enabled) -> Told {
    let took = enabled.took.as_secs_f64();
    let was_linked = enabled.link == EnabledLink::Found;
    let before = if was_linked { "was enabled, " } else { "" };
    match enabled.noticed {
        Noticed::Supervised { .. } => Told {
            outcome: if was_linked { Ended::Already } else { Ended::Reached },
            changed: !was_linked,
            words: format!("{before}supervised after {}", text::time(took)),
            hint: None,
            why: None,
            exit: Exit::Done,
            took,
        },
        _ => Told {
            outcome: Ended::Deadline,
            changed: !was_linked,
            words: format!("{before}linked, and not supervised after {}", text::time(took)),
            why: Some(Cause::Unsupervised),
            hint: (enabled.scanner == Scanner::Gone)
                .then_some("no scanner runs on this directory; one that starts will find it"),
            exit: Exit::Deadline,
            took,
        },
    }
}

/// Ends a service that is not enabled any more, and is still supervised.
fn end_what_outlived(
    service: &Service,
    deadline: Instant,
    kill_after: Option<Duration>,
) -> Result<Told, Error> {
    let request = Request::new(Op::StopExit, Goal::Gone);
    let request = kill_after.map_or(request, |after| request.kill_after(after));
    let begun = Instant::now();
    let ended = match request.pursue(service, deadline) {
        Ok(outcome) if outcome.is_reached() => Ok(None),
        Ok(_) => Ok(Some(service)),
        // It ended by itself meanwhile.
        Err(error) if error.kind() == ErrorKind::NotSupervised => Ok(None),
        Err(error) => Err(error),
    };
    let took = begun.elapsed().as_secs_f64();
    let span = text::time(took);
    Ok(match ended? {
        None => Told {
            outcome: Ended::Reached,
            changed: true,
            words: format!("was not enabled, and still supervised; gone after {span}"),
            hint: None,
            why: None,
            exit: Exit::Done,
            took,
        },
        Some(service) => Told {
            outcome: Ended::Deadline,
            changed: true,
            words: printable(&format!("was not enabled, and {}", not_ended(service, &span).1)),
            hint: kill_after.is_none().then_some(KILLS),
            why: Some(not_ended(service, &span).0),
            exit: Exit::Deadline,
            took,
        },
    })
}

/// What a service did not obey.
fn not_ended(service: &Service, span: &str) -> (Cause, String) {
    let (dir, seen) = (service.dir().display(), service.status().ok());
    let pid = seen.as_ref().and_then(Status::pid);
    let is_paused = seen.is_some_and(|seen| seen.state() == State::Paused);
    let still = format!("{dir} is still supervised after {span}");
    match pid {
        Some(pid) if is_paused => (Cause::Paused, format!("{still}: its process {pid} is paused")),
        Some(pid) => {
            (Cause::NotObeyed, format!("{still}: its process {pid} was asked to end and has not"))
        }
        None => (Cause::NotObeyed, format!("{still}: it was asked to end and has not")),
    }
}

/// What to do about a process that does not obey.
const KILLS: &str = "--kill-after 10s sends SIGKILL to what has not obeyed by then";

fn disabled_told(disabled: Disabled, kill_after: Option<Duration>) -> Told {
    let took = disabled.took.as_secs_f64();
    let span = text::time(took);
    let (mut hint, mut why) = (None, None);
    let (outcome, words, exit) = match disabled.ended {
        Ok(SupervisionEnd::Gone) => (Ended::Reached, format!("gone after {span}"), Exit::Done),
        Ok(SupervisionEnd::NotYet { service }) => {
            hint = kill_after.is_none().then_some(KILLS);
            let (cause, words) = not_ended(&service, &span);
            why = Some(cause);
            (Ended::Deadline, format!("unlinked, and {words}"), Exit::Deadline)
        }
        Ok(SupervisionEnd::Kept { link }) => (
            Ended::Reached,
            format!("unlinked, and kept: {} leads to it too", link.display()),
            Exit::Done,
        ),
        Ok(SupervisionEnd::NoService) => {
            (Ended::Reached, "unlinked; it led to no service".to_owned(), Exit::Done)
        }
        Ok(_) => (Ended::Reached, "unlinked".to_owned(), Exit::Done),
        Err(error) => {
            let exit = Exit::from(&error);
            (Ended::Error, format!("unlinked, and not ended: {}", message(&error)), exit)
        }
    };
    // The link is gone, whatever came of the rest.
    Told { outcome, changed: true, words: printable(&words), hint, why, exit, took }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_no_directory_here_is_one_of_a_store() {
        let tree = tempfile::tempdir().unwrap();
        let stores = ["none", "sv", "s6"].map(|name| tree.path().join(name));
        for store in &stores[1..] {
            std::fs::create_dir_all(store.join("of-a-store")).unwrap();
        }
        let stores = stores.each_ref().map(|store| store.to_str().unwrap());
        let found = |typed: &str| from_store(Path::new(typed), &stores, &Silent::default());
        assert_eq!(found("of-a-store").unwrap(), tree.path().join("sv/of-a-store"));
        assert_eq!(found("./of-a-store").unwrap(), Path::new("./of-a-store"));
        assert_eq!(found("/srv/of-a-store").unwrap(), Path::new("/srv/of-a-store"));
        assert!(matches!(found("nowhere-to-be-found"), Err(Error::NoSuchName { .. })));
        // What is here was meant by whoever stands here.
        assert_eq!(found("src").unwrap(), Path::new("src"));
    }
}
