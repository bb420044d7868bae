//! What keeps a service from being started, in its directory, where `status` and `explain` of anybody find it.

use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use svcmgr::{
    Cause,
    proto::files::{SUPERVISE, WAITING},
};

use super::plan::{Plan, Waits};

/// What was noted of whom.
#[derive(Debug, Default)]
pub(crate) struct Notices {
    noted: BTreeMap<String, String>,
}

impl Notices {
    /// Before anybody supervises the service: it is not to be started yet.
    pub(crate) fn hold(dir: &Path) -> io::Result<()> {
        // As its supervisor would make it.
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir.join(SUPERVISE))?;
        write(dir, &text(&Waits::For(Vec::new())))
    }

    /// Notes what has changed. `dir` knows where the directory of a service is. A note that cannot be written is not
    /// missed by the services themselves.
    pub(crate) fn post<'a>(&mut self, plan: &Plan, dir: impl Fn(&str) -> Option<&'a Path>) {
        let mut noted = BTreeMap::new();
        for (name, waits) in plan.waits() {
            let text = text(&waits);
            if self.noted.get(name) != Some(&text)
                && let Some(dir) = dir(name)
            {
                let _missed = write(dir, &text);
            }
            noted.insert(name.to_owned(), text);
        }
        self.noted = noted;
    }

    /// Its supervisor was told to start it.
    pub(crate) fn release(dir: &Path) {
        let _gone = fs::remove_file(dir.join(WAITING));
    }
}

fn text(waits: &Waits) -> String {
    let (cause, what) = match waits {
        Waits::For(these) if these.is_empty() => (Cause::Waiting, "its turn".to_owned()),
        Waits::For(these) => (Cause::Waiting, these.join(" and ")),
        Waits::Never(why) => (Cause::HeldBack, why.clone()),
    };
    format!("{} {what}\n", cause.kind())
}

/// Whole, or not at all.
fn write(dir: &Path, text: &str) -> io::Result<()> {
    let path = dir.join(WAITING);
    let new = PathBuf::from(format!("{}.new", path.display()));
    fs::write(&new, text)?;
    fs::rename(&new, &path)
}
