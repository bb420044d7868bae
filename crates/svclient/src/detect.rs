//! Collecting the evidence that `svproto` judges: which files a service directory holds.

use std::path::Path;

use svproto::{Dialect, Evidence, files};

use crate::node;

/// The dialect of the suite that ran last in `dir`; `None` if there was none yet, or if what it
/// left does not tell.
pub(crate) fn detect(dir: &Path) -> Option<Dialect> {
    evidence(dir).dialect()
}

fn evidence(dir: &Path) -> Evidence {
    let exists = |name: &str| node::exists(&dir.join(name));
    let status = node::stat(&dir.join(files::STATUS)).ok().flatten();
    Evidence {
        ok: exists(files::OK),
        stat: exists(files::STAT),
        death_tally: exists(files::DEATH_TALLY),
        event: exists(files::EVENT),
        status_len: status.and_then(|stat| u64::try_from(stat.st_size).ok()),
    }
}
