//! The examples that need a systemd, in the throw-away machine.

use std::{fs, process::Command};

use crate::{
    here::is_here,
    sentences::run,
    supervised::{Suite, Supervised},
};

struct Unit;

impl Unit {
    const PATH: &str = "/run/systemd/system/svcmgr-mixed.service";

    fn new() -> Self {
        fs::write(Self::PATH, "[Service]\nExecStart=/bin/sleep 1000\n").unwrap();
        reload();
        Self
    }
}

impl Drop for Unit {
    fn drop(&mut self) {
        let _stopped = Command::new("systemctl").args(["stop", "svcmgr-mixed"]).status();
        let _gone = fs::remove_file(Self::PATH);
        reload();
    }
}

fn reload() {
    assert!(Command::new("systemctl").arg("daemon-reload").status().unwrap().success());
}

#[test]
fn the_open_and_mixed_examples_take_units_beside_directories() {
    if !is_here() {
        return;
    }
    let unit = Unit::new();
    let names = ["svcmgr-mixed.service", "systemd:svcmgr-mixed"];
    let said = run("open", names);
    let down = "svcmgr-mixed.service: down, systemd\n";
    assert_eq!(said, [down, down].concat());
    let supervised = Supervised::start(Suite::Runit, "exec sleep 1000");
    let dir = supervised.dir().display().to_string();
    let said = run("mixed", [names[0], &dir]);
    let lines: Vec<&str> = said.lines().take(2).collect();
    assert!(lines[0].starts_with("svcmgr-mixed.service (systemd): up (pid "), "{said}");
    assert!(lines[1].starts_with(&format!("{dir} (runit): up (pid ")), "{said}");
    assert!(said.contains("changed svcmgr-mixed.service: up (pid "), "{said}");
    drop(unit);
}

#[test]
fn the_install_example_installs_starts_and_removes() {
    if !is_here() {
        return;
    }
    let said = run("install", [""; 0]);
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], "write /run/systemd/system/svcmgr-example.service");
    assert!(lines.iter().any(|line| line.contains("ExecStart=")), "{said}");
    let [.., up, removed] = &lines[..] else { panic!("{said}") };
    assert!(up.starts_with("svcmgr-example.service: up (pid "), "{said}");
    assert_eq!(*removed, "svcmgr-example.service: removed");
    assert!(!fs::exists("/run/systemd/system/svcmgr-example.service").unwrap());
}
