//! What is for one target alone.

use crate::{
    spec::Service,
    target::capability::{
        Capability,
        Support::{self, By, Not},
        row,
    },
};

const NOT_THEIRS: &str =
    "it is text for systemd, and not this target's: leave it out where there is no systemd";

pub(super) const ROWS: [Capability; 5] = [
    text("systemd.Unit", |it| !it.systemd.unit.is_empty(), "[Unit]"),
    text("systemd.Service", |it| !it.systemd.service.is_empty(), "[Service]"),
    text("systemd.Install", |it| !it.systemd.install.is_empty(), "[Install]"),
    dev("tty", |it| it.tty, Not("a terminal in which it is started by hand")),
    dev(
        "restart_on_change",
        |it| !it.restart_on_change.is_empty(),
        Not("a program that watches the files and runs `svctl restart`"),
    ),
];

/// For `svctl dev`, which is the embedded supervisor's.
const fn dev(key: &'static str, asks: fn(&Service) -> bool, embedded: Support) -> Capability {
    let note = By("nothing: a note says whose it is");
    row(key, asks, [note, note, note, note, note, embedded]).procfile(note)
}

const fn text(key: &'static str, asks: fn(&Service) -> bool, section: &'static str) -> Capability {
    let not = Not(NOT_THEIRS);
    row(key, asks, [not, not, not, not, By(section), not])
}
