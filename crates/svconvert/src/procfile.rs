//! Procfile, with the `.env` beside it, as foreman and honcho read both.
//!
//! Source: `foreman(1)`; `lib/foreman/procfile.rb`, `env.rb` and `engine.rb` of foreman 0.87; `honcho/environ.py`
//! of honcho 2.0.

mod dotenv;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use svbuild::{
    Service,
    spec::{Critical, EnvFile, Kind, Restart, RestartPolicy, Stop, Time},
};

use self::dotenv::DotEnv;
use crate::{
    book::{At, Book, Draft},
    files::Files,
    report::Location,
    shell,
};

/// Where foreman begins to count ports, one hundred for each line.
const PORT: u32 = 5000;

/// Reads Procfiles.
pub(crate) fn read(book: &mut Book, files: &dyn Files, paths: &[PathBuf]) {
    for path in paths {
        one(book, files, path);
    }
}

fn one(book: &mut Book, files: &dyn Files, path: &Path) {
    let shown = path.display().to_string();
    let text = match crate::files::text(files, path) {
        Ok(text) => text,
        Err(why) => {
            let at = book.line(Location::whole(&shown), "");
            return book.refused(at, &why);
        }
    };
    let dir = crate::files::dir_of(path);
    if !book.is_based_on(&dir) {
        let at = book.line(Location::whole(&shown), "");
        return book.refused(
            at,
            "files of different directories have no common base; convert each by itself",
        );
    }
    let env = DotEnv::read(book, files, &dir);
    let mut index = 0;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            continue;
        }
        let number = book.line(Location::of(&shown, &text, start..at), line);
        let Some((name, command)) = process(line) else {
            book.equivalent(number, None, "foreman leaves it out: it is no `NAME: COMMAND`");
            continue;
        };
        book.about(number, name);
        service(book, &shown, number, name, command, &env, index);
        index += 1;
    }
}

/// A line of a Procfile.
fn process(line: &str) -> Option<(&str, &str)> {
    let (name, command) = line.trim_end().split_once(':')?;
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let command = command.trim();
    (!name.is_empty() && name.chars().all(fits) && !command.is_empty()).then_some((name, command))
}

fn service(
    book: &mut Book,
    source: &str,
    at: At,
    name: &str,
    command: &str,
    env: &DotEnv,
    index: u32,
) {
    let (words, variables) = if let Some(plain) = shell::plain(command) {
        book.exact(at, Some("exec"));
        (plain.words, plain.env)
    } else {
        book.exact(at, Some("exec"));
        (shell::by_shell(command), Vec::new())
    };
    let mut service = Service::new(words);
    // Files of variables win over `env`, and here it is the other way round.
    let (over, mut under): (Vec<_>, Vec<_>) =
        variables.into_iter().partition(|(name, _)| env.sets(name));
    let port = env.port().unwrap_or(PORT) + 100 * index;
    let own = over.iter().chain(&under).rev().find(|(name, _)| name == "PORT");
    let own = own.map(|(_, value)| value.clone());
    if own.is_some() {
        // The line has the last word.
    } else if env.is_file() && env.sets("PORT") {
        if port != env.port().unwrap_or(PORT) {
            service = overlaid(service, &[("PORT".to_owned(), port.to_string())]);
        }
    } else {
        under.insert(0, ("PORT".to_owned(), port.to_string()));
    }
    if !over.is_empty() {
        service = overlaid(service, &over);
    }
    for (name, value) in env.copied().iter().chain(&under) {
        service = service.env(name, value.as_str());
    }
    let counted = match &own {
        Some(own) => format!("PORT is {own}, as the line says"),
        None => format!("PORT is {port} as foreman and honcho count it"),
    };
    let why = format!(
        "{counted}; their PS and HONCHO_PROCESS_NAME are not set; a \
         stop tells the main process, as foreman does; honcho gives it a session, and tells all of that"
    );
    book.equivalent(at, Some("env.PORT"), &why);
    if env.is_file() {
        service = service.env_file(EnvFile::new(".env").optional());
    }
    let five = Time(Duration::from_secs(5));
    service =
        service.stop(Stop::new().kill_after(five)).restart(RestartPolicy::new(Restart::Never));
    if name == "release" {
        service.kind = Kind::Job;
        service.restart = RestartPolicy::default();
        let why = "it is a job that runs once; nobody waits for it unless `after = [\"release\"]` is added, and foreman \
                   ends all when it has ended";
        book.approximated(at, Some("kind"), why);
    } else {
        // As foreman, which ends all when one has ended.
        service.critical = Some(Critical::AnyEnd);
    }
    let (about, name) = (name, name.trim_start_matches('-').to_owned());
    book.service(Draft {
        about: about.to_owned(),
        name,
        service,
        source: source.to_owned(),
        head: at,
        is_refused: false,
    });
}

/// With variables that nothing else wins over.
fn overlaid(mut service: Service, variables: &[(String, String)]) -> Service {
    let set = variables.iter().map(|(name, value)| format!("{name}={value}").into());
    let words = std::mem::take(&mut service.exec);
    let before = std::iter::once("/usr/bin/env".into()).chain(set);
    service.exec = before.chain(words).collect();
    service
}
