//! Whether a unit is normally up is read from the links; the manager's own word is the oracle.

use std::{fs, os::unix::fs::symlink};

use svclient::{Bulk, Normally};
use svsystemd::{Unit, UnitName};

use crate::{fixture::SLEEP, machine::Manager};

/// What `systemctl is-enabled` means for all supervisors.
fn normally(state: &str) -> Option<Normally> {
    match state {
        "enabled" | "enabled-runtime" => Some(Normally::Up),
        "disabled" | "masked" | "masked-runtime" => Some(Normally::Down),
        _ => None,
    }
}

#[track_caller]
fn agree(manager: Manager, units: &[UnitName]) -> Vec<(String, String)> {
    let bus = manager.bus();
    let units: Vec<Unit> = units.iter().map(|unit| bus.named(unit.clone())).collect();
    let mut states = Vec::new();
    for (unit, status) in units.iter().zip(Bulk::new(&units).statuses()) {
        let state = unit.file_state().wait().unwrap();
        // By another name it is the unit that has it.
        if state == "alias" {
            continue;
        }
        let status = status.unwrap();
        assert_eq!(status.normally(), normally(&state), "{} is {state}", unit.name());
        states.push((unit.name().to_string(), state));
    }
    states
}

/// Files of this test; gone with the value.
struct Files(Manager, Vec<std::path::PathBuf>);

impl Files {
    fn write(&mut self, name: &str, install: &str) {
        let path = self.0.runtime_dir().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, format!("[Service]\n{SLEEP}[Install]\n{install}\n")).unwrap();
        self.1.push(path);
    }

    fn link(&mut self, to: &str, name: &str) {
        let path = self.0.runtime_dir().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(to, &path).unwrap();
        self.1.push(path);
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        for path in self.1.iter().rev() {
            let _gone = fs::remove_file(path);
        }
        self.0.systemctl(&["daemon-reload"]);
    }
}

pub fn what_is_enabled_is_what_systemctl_says(manager: Manager) {
    let tag = format!("svt-links-{}", std::process::id());
    let mut files = Files(manager, Vec::new());
    let dir = manager.runtime_dir();
    let unit = |end: &str| format!("{tag}-{end}.service");
    let at = |end: &str| dir.join(unit(end)).to_str().unwrap().to_owned();
    files.write(&unit("off"), "WantedBy=default.target");
    files.write(&unit("on"), "WantedBy=default.target");
    files.link(&at("on"), &format!("default.target.wants/{}", unit("on")));
    files.write(&unit("needed"), "RequiredBy=default.target");
    files.link(&at("needed"), &format!("default.target.requires/{}", unit("needed")));
    files.write(&unit("static"), "");
    files.write(&unit("also"), &format!("Also={}", unit("off")));
    files.write(&unit("named"), &format!("Alias={}", unit("alias")));
    files.link(&at("named"), &unit("alias"));
    files.write(&unit("unnamed"), &format!("Alias={}", unit("other")));
    files.write(&unit("indirect"), "WantedBy=default.target");
    files.link(&at("indirect"), &unit("second"));
    files.write(&unit("long"), "WantedBy=\\\n  default.target");
    files.write(&unit("drop"), "");
    files.write(&format!("{}.d/1.conf", unit("drop")), "WantedBy=default.target");
    files.write(&format!("{tag}@.service"), "WantedBy=default.target");
    let one = format!("{tag}@1.service");
    files.link(&at("@").replace("-@", "@"), &format!("default.target.wants/{one}"));
    files.link("/dev/null", &unit("masked"));
    let elsewhere = tempfile::tempdir().unwrap();
    let linked = elsewhere.path().join(unit("linked"));
    fs::write(&linked, format!("[Service]\n{SLEEP}[Install]\nWantedBy=default.target\n")).unwrap();
    files.link(linked.to_str().unwrap(), &unit("linked"));
    manager.systemctl(&["daemon-reload"]);

    let ends =
        ["off", "on", "needed", "static", "also", "named", "unnamed", "indirect", "long", "drop"];
    let mut names: Vec<String> = ends.into_iter().map(unit).collect();
    names.extend([one, format!("{tag}@2.service"), unit("masked"), unit("linked")]);
    let names: Vec<_> = names.iter().map(|name| UnitName::new(name).unwrap()).collect();
    let states = agree(manager, &names);
    let words: Vec<&str> = states.iter().map(|(_, state)| state.as_str()).collect();
    for word in ["enabled-runtime", "disabled", "static", "indirect", "masked-runtime"] {
        assert!(words.contains(&word), "no {word} in {states:?}");
    }
    // And what the system brings along.
    let bus = manager.bus();
    let on_disk = bus.on_disk(&["s*", "*.timer", "*.socket", "*.target"]).wait().unwrap();
    // Those of other tests come and go.
    let is_lasting = |it: &UnitName| !it.is_template() && !it.as_str().starts_with("svt-");
    let units: Vec<_> = on_disk.into_iter().filter(is_lasting).collect();
    let states = agree(manager, &units);
    // A small system has a dozen for a user.
    let has = |word: &str| states.iter().any(|(_, state)| state == word);
    assert!(has("static") && (has("enabled") || has("disabled")), "{states:?}");
}
