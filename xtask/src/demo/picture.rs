//! The picture of README: `svctl` in a terminal, with a service of each suite, one of which cannot start.

use std::{fs, path::Path, process::Command, thread, time::Instant};

use super::{
    PATIENCE, PAUSE, Svctl,
    supervised::{RUN, Supervised},
};
use crate::{
    command::{self, Done},
    failure::Failure,
    setup,
    suite::Suite,
};

/// Where it is kept.
const PLACE: &str = "docs/svctl.svg";

/// Names what is on no machine.
const BROKEN: &str = "#!/bin/sh\nexec 2>&1\nexec /usr/local/bin/queue-server --port 7000\n";

/// What is typed.
const TYPED: [&[&str]; 3] = [&["status"], &["explain", "queue"], &["restart", "web", "db"]];

/// Makes it.
pub(super) fn run() -> Result<(), Failure> {
    setup::ensure(&Suite::PACKAGED)?;
    let svctl = Svctl::build()?;
    let tree = tempfile::Builder::new().prefix("svctl-picture-").tempdir();
    let tree = tree.map_err(|why| Failure::cannot("create a temporary directory", why))?;
    let services =
        [(Suite::Daemontools, "web", RUN), (Suite::S6, "db", RUN), (Suite::Runit, "queue", BROKEN)];
    let mut started = Vec::new();
    for (suite, name, script) in services {
        started.push(Supervised::start(suite, &tree.path().join(name), script)?);
    }
    let typed = |words: &[&str]| {
        let mut svctl = svctl.command(words, &[]);
        svctl.env("SVDIR", tree.path()).env("COLUMNS", "100").args(["--color", "always"]);
        svctl
    };
    until_shown(&mut typed(&["status", "queue"]), "backoff")?;
    let mut text = String::new();
    for words in TYPED {
        let Done { text: printed, .. } = command::capture(&mut typed(words))?;
        text.push_str(&format!("\x1b[1m$ svctl {}\x1b[0m\n{printed}\n", words.join(" ")));
    }
    // Where it was made says nothing to a reader.
    let text = text.replace(&tree.path().display().to_string(), "/etc/service");
    let picture = anstyle_svg::Term::new().render_svg(text.trim_end());
    let path = command::root().join(PLACE);
    fs::write(&path, picture).map_err(|why| cannot(&path, &why))?;
    println!("{}", path.display());
    Ok(())
}

/// Runs it again and again, until it prints this.
fn until_shown(command: &mut Command, what: &str) -> Result<(), Failure> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let Done { text, .. } = command::capture(command)?;
        if text.contains(what) {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(Failure::cannot(format!("see {what}"), format!("only: {text}")));
        }
        thread::sleep(PAUSE);
    }
}

fn cannot(path: &Path, why: &std::io::Error) -> Failure {
    Failure::cannot(format!("write {}", path.display()), why)
}
