//! `svctl enable` and `svctl disable`: into the scan directory and out of it, and the wait until that
//! is so.

use std::{path::Path, time::Instant};

use svcmgr::{Disabled, Enabled, Ended, Error, Link, Noticed, ScanDir, Scanner};

use super::{
    act::{deadline, timeout},
    guard::Guard,
};
use crate::{
    args::{self, Global},
    exit::Exit,
    json, name,
    names::{self, NoTargets},
    output::{Output, message, printable},
    text,
};

pub(crate) fn enable(global: &Global, args: &args::Enable, output: &mut Output) -> Exit {
    each(global, args, output, |scan, name, deadline| {
        scan.enable(name, deadline).map(|enabled| enabled_told(&enabled))
    })
}

pub(crate) fn disable(global: &Global, args: &args::Enable, output: &mut Output) -> Exit {
    each(global, args, output, |scan, name, deadline| {
        scan.disable(name, deadline).map(disabled_told)
    })
}

/// What to say of one service.
struct Told {
    outcome: &'static str,
    words: String,
    hint: Option<&'static str>,
    exit: Exit,
    took: f64,
}

fn each(
    global: &Global,
    args: &args::Enable,
    output: &mut Output,
    act: impl Fn(&ScanDir, &std::ffi::OsStr, Instant) -> Result<Told, Error>,
) -> Exit {
    let timeout = match timeout(&args.timeout) {
        Ok(timeout) => timeout,
        Err(why) => {
            output.message(&why);
            return Exit::Usage;
        }
    };
    let deadline = deadline(timeout);
    let typed = args.services.iter().map(|name| name.to_string_lossy().into_owned());
    let guard = Guard::until(deadline, typed, output);
    let scan = match names::scan_dir(global, output) {
        Ok(scan) => scan,
        Err(NoTargets(exit)) => return exit,
    };
    let mut exit = Exit::Done;
    let mut results = Vec::new();
    for (at, name) in args.services.iter().enumerate() {
        let text = name.to_string_lossy();
        let shown = name::shown(&text, Some(Path::new(name)));
        let result = act(&scan, name, deadline);
        guard.done(at, result.as_ref().map_or("error", |told| told.outcome));
        match result {
            Ok(told) => {
                exit = exit.max(told.exit);
                let line = format!("{shown}: {}", told.words);
                if output.json {
                    results.push(json::Placed {
                        service: text.into_owned(),
                        scan_dir: scan.dir().to_string_lossy().into_owned(),
                        outcome: told.outcome,
                        took: Some(told.took),
                        why: (told.exit != Exit::Done).then_some(told.words),
                    });
                } else if told.exit != Exit::Done {
                    output.message(&line);
                } else if !output.quiet {
                    output.line(&line);
                }
                if let Some(hint) = told.hint.filter(|_| !output.json) {
                    output.message(&format!("hint: {hint}"));
                }
            }
            Err(error) => {
                exit = exit.max(Exit::from(&error));
                if output.json {
                    results.push(json::Placed {
                        service: text.into_owned(),
                        scan_dir: scan.dir().to_string_lossy().into_owned(),
                        outcome: "error",
                        took: None,
                        why: Some(message(&error)),
                    });
                } else {
                    output.error(&error);
                }
            }
        }
    }
    if output.json {
        output.json(&results);
    }
    exit
}

fn enabled_told(enabled: &Enabled) -> Told {
    let took = enabled.took.as_secs_f64();
    let before = if enabled.link == Link::Found { "was enabled, " } else { "" };
    match enabled.noticed {
        Noticed::Supervised { .. } => Told {
            outcome: "enabled",
            words: format!("{before}supervised after {}", text::time(took)),
            hint: None,
            exit: Exit::Done,
            took,
        },
        Noticed::NotYet { .. } => Told {
            outcome: "deadline",
            words: format!("{before}linked, and not supervised after {}", text::time(took)),
            hint: (enabled.scanner == Scanner::Gone)
                .then_some("no scanner runs on this directory; one that starts will find it"),
            exit: Exit::Deadline,
            took,
        },
    }
}

fn disabled_told(disabled: Disabled) -> Told {
    let took = disabled.took.as_secs_f64();
    let span = text::time(took);
    let (outcome, words, exit) = match disabled.ended {
        Ok(Ended::Gone) => ("disabled", format!("gone after {span}"), Exit::Done),
        Ok(Ended::NotYet { service }) => (
            "deadline",
            format!("unlinked, and {} is still supervised after {span}", service.dir().display()),
            Exit::Deadline,
        ),
        Ok(Ended::Kept { link }) => (
            "disabled",
            format!("unlinked, and kept: {} leads to it too", link.display()),
            Exit::Done,
        ),
        Ok(Ended::NoService) => {
            ("disabled", "unlinked; it led to no service".to_owned(), Exit::Done)
        }
        Ok(_) => ("disabled", "unlinked".to_owned(), Exit::Done),
        Err(error) => {
            let exit = Exit::from(&error);
            ("error", format!("unlinked, and not ended: {}", message(&error)), exit)
        }
    };
    Told { outcome, words: printable(&words), hint: None, exit, took }
}
