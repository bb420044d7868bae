//! What is for one target alone.

use crate::{
    spec::Service,
    target::capability::{
        Capability,
        Support::{By, Not},
        row,
    },
};

const NOT_THEIRS: &str =
    "it is text for systemd, and not this target's: leave it out where there is no systemd";

pub(super) const ROWS: [Capability; 3] = [
    text("systemd.Unit", |it| !it.systemd.unit.is_empty(), "[Unit]"),
    text("systemd.Service", |it| !it.systemd.service.is_empty(), "[Service]"),
    text("systemd.Install", |it| !it.systemd.install.is_empty(), "[Install]"),
];

const fn text(key: &'static str, asks: fn(&Service) -> bool, section: &'static str) -> Capability {
    let not = Not(NOT_THEIRS);
    row(key, asks, [not, not, not, not, By(section), not])
}
