//! Several of one service: a template, and a target that starts and stops all of them.

use crate::{render::Job, script::comment_line};

/// What follows the name of a service in that of its unit: `@` and which one, if there are several.
pub(super) fn at(job: &Job<'_>, which: &str) -> String {
    job.service.instances.map_or_else(String::new, |_| format!("@{which}"))
}

/// A text for people, with the number.
pub(super) fn named(job: &Job<'_>, text: String) -> String {
    if job.service.instances.is_some() { text + " %i" } else { text }
}

/// The target. Like every target it is reached after what it wants.
pub(super) fn target(job: &Job<'_>) -> Option<String> {
    job.service.instances?;
    let mut text: String = job.comments().iter().take(1).map(|line| comment_line(line)).collect();
    text.push_str(&format!("[Unit]\nDescription=All instances of {}\n", job.name));
    for name in job.service.names(job.name) {
        text.push_str(&format!("Wants={name}.service\n"));
    }
    if !job.service.down {
        text.push_str("\n[Install]\nWantedBy=multi-user.target\n");
    }
    Some(text)
}
