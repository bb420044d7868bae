//! A unit of its own for what runs when a service is given up.

use std::os::unix::ffi::OsStrExt as _;

use super::{command, instances, with_ends};
use crate::{
    error::Error,
    quote::systemd as quote,
    render::{Job, family},
    script::{argv, comment_line},
};

/// Its name, which no service can have: that has no colon. One for each instance (`which`), as the manager
/// tells of the end only if there is one.
pub(super) fn name(job: &Job<'_>, which: &str) -> String {
    format!("{}:on-failure{}.service", job.name, instances::at(job, which))
}

/// Its text, if it is needed. From 251 on, the manager tells it of the end that has started it.
pub(super) fn unit(job: &Job<'_>) -> Result<Option<String>, Error> {
    let service = job.service;
    if service.on_failure.is_empty() {
        return Ok(None);
    }
    let mut text: String = job.comments().iter().take(1).map(|line| comment_line(line)).collect();
    let name = job.name;
    text.push_str(&format!(
        "[Unit]\nDescription=What runs when {name} is given up\n\n[Service]\nType=oneshot\n"
    ));
    if let (Some(cwd), None) = (&service.cwd, &service.root) {
        let path = quote::path(cwd.as_os_str().as_bytes()).map_err(job.unquotable("cwd"))?;
        text.push_str(&format!("WorkingDirectory={path}\n"));
    }
    let pass = with_ends("MONITOR_EXIT_CODE", "MONITOR_EXIT_STATUS");
    let mut argv = argv!["/bin/sh", "-c", pass, "on-failure"];
    argv.extend(family::words(&service.on_failure));
    let command = command(job, "on_failure", &argv)?;
    text.push_str(&format!("ExecStart={command}\n"));
    Ok(Some(text))
}
