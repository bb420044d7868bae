//! `svctl scan`: a scan directory under the embedded supervisor, until told to end.

use std::path::Path;

use svcmgr::devtree;

use super::supervise::{ended, options};
use crate::{args::Global, exit::Exit, output::Output};

pub(crate) fn run(global: &Global, dir: &Path, output: &mut Output) -> Exit {
    ended(devtree::scan(dir, options(global)), output)
}
