//! Loggers: `svlogd`, `multilog`, `s6-log`.

use std::path::Path;

use svbuild::spec::{Log, Size, Timestamp};

use super::chain::Chain;

/// A logger that only writes into one directory; `None` for any other.
pub(super) fn read(chain: &Chain, dir: &Path) -> Option<Log> {
    let service = &chain.service;
    let words: Option<Vec<&str>> = service.exec.iter().map(|it| it.as_os_str().to_str()).collect();
    let words = words?;
    let (program, args) = words.split_first()?;
    let mut log = Log::new();
    log.user.clone_from(&service.user);
    log.group.clone_from(&service.group);
    let place = |path: &str| {
        if path.starts_with('/') {
            Path::new(path).to_owned()
        } else {
            dir.join("log").join(path.trim_start_matches("./"))
        }
    };
    match program.rsplit('/').next()? {
        "svlogd" => {
            let mut found = None;
            for arg in args {
                match *arg {
                    "-t" => log.timestamp = Timestamp::Tai64n,
                    "-tt" | "-ttt" => log.timestamp = Timestamp::Iso8601,
                    "--" => (),
                    arg if arg.starts_with('-') || found.is_some() => return None,
                    arg => found = Some(place(arg)),
                }
            }
            log.dir = Some(found?);
        }
        program @ ("multilog" | "s6-log") => {
            for arg in args {
                let number = || arg.get(1..)?.parse::<u64>().ok();
                match *arg {
                    "t" => log.timestamp = Timestamp::Tai64n,
                    "T" if program == "s6-log" => log.timestamp = Timestamp::Iso8601,
                    "-b" | "--" => (),
                    arg if arg.starts_with('s') => log.max_size = Some(Size(number()?)),
                    arg if arg.starts_with('n') => {
                        let files = u32::try_from(number()?).ok()?;
                        // multilog counts the current one.
                        log.max_files =
                            Some(if program == "multilog" { files.checked_sub(1)? } else { files });
                    }
                    arg if (arg.starts_with(['/', '.'])) && log.dir.is_none() => {
                        log.dir = Some(place(arg));
                    }
                    _ => return None,
                }
            }
            log.dir.as_ref()?;
        }
        _ => return None,
    }
    Some(log)
}
