//! For daemontools-encore: as daemontools; every service has a session of its own.

use std::collections::BTreeMap;

use super::{Job, daemontools};
use crate::{error::Error, plan::Unit};

pub(super) fn directory(job: &mut Job<'_>) -> Result<BTreeMap<String, Unit>, Error> {
    daemontools::directory_of(job, None)
}
