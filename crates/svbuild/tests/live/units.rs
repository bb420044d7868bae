//! Definitions as units of a real systemd.

use std::{collections::BTreeMap, ffi::OsString, fs, path::Path, process::Command};

use svbuild::{
    Definitions, Options, Service, Target,
    spec::{EnvFile, ReadyCheck, Restart, Stop, Systemd},
};

use crate::variables::{CASES, read};

fn systemctl(words: &[&str]) -> bool {
    Command::new("systemctl").args(words).status().unwrap().success()
}

/// Writes its unit and starts it; whether that succeeded, and the state in which it is then.
fn start(name: &str, service: Service) -> (bool, String) {
    let plan = Definitions::default().with(name, service).render(Target::Systemd, Options::new());
    plan.unwrap().write(Path::new("/run/systemd/system")).unwrap();
    assert!(systemctl(&["daemon-reload"]));
    let started = systemctl(&["start", name]);
    let show = ["show", "--value", "--property=SubState", name];
    let state = Command::new("systemctl").args(show).output().unwrap().stdout;
    let _stopped = systemctl(&["stop", name]);
    (started, String::from_utf8(state).unwrap().trim().to_owned())
}

/// Otherwise the start would never end, nor would the service be started again.
pub fn a_wait_for_readiness_ends_with_its_process() {
    for (restart, state) in [(Restart::Never, "failed"), (Restart::OnFailure, "auto-restart")] {
        let never = ReadyCheck::Command(vec!["/bin/false".into()]);
        let service = Service::new(["/bin/sh", "-c", "exit 3"]).ready(never).restart(restart);
        assert_eq!(start("svbuild-ends", service), (false, state.to_owned()));
    }
}

/// Only with `stop.group = false`; and what is text for the unit is in force.
pub fn what_it_has_started_outlives_its_stop() {
    let dir = tempfile::tempdir().unwrap();
    let started = dir.path().join("child");
    for group in [true, false] {
        let script = "sleep 1000 & echo $! >\"$0\"; wait";
        let exec = ["/bin/sh".into(), "-c".into(), script.into(), started.clone().into_os_string()];
        let written = ReadyCheck::Command(vec!["test".into(), "-s".into(), started.clone().into()]);
        let text = Systemd::new().service("OOMScoreAdjust", "321");
        let stop = Stop::new().group(group);
        let service = Service::new(exec).ready(written).stop(stop).systemd(text);
        assert!(start("svbuild-group", service).0);
        let child = fs::read_to_string(&started).unwrap();
        fs::remove_file(&started).unwrap();
        let adjusted = fs::read_to_string(format!("/proc/{}/oom_score_adj", child.trim()));
        assert_eq!(adjusted.ok().as_deref(), (!group).then_some("321\n"), "{group}");
        if !group {
            assert!(
                Command::new("/bin/sh")
                    .args(["-c", &format!("kill {child}")])
                    .status()
                    .unwrap()
                    .success()
            );
        }
    }
}

/// What the reader of the tests says of a file is what systemd says of it.
pub fn files_of_variables_say_what_they_say_to_systemd() {
    let dir = tempfile::tempdir().unwrap();
    let (file, out) = (dir.path().join("variables"), dir.path().join("out"));
    let text: String = CASES.concat();
    fs::write(&file, &text).unwrap();
    let mut exec: Vec<OsString> =
        ["/bin/sh", "-c", "env -0 >\"$0\"; exec sleep 1000"].map(Into::into).into();
    exec.push(out.clone().into());
    let written = ReadyCheck::Command(vec!["test".into(), "-s".into(), out.clone().into()]);
    let service = Service::new(exec).env_file(EnvFile::new(&file)).ready(written);
    assert!(start("svbuild-variables", service).0);
    let seen: BTreeMap<String, String> = fs::read_to_string(&out)
        .unwrap()
        .split_terminator('\0')
        .map(|it| it.split_once('=').unwrap())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .filter(|(name, _)| name.starts_with('V'))
        .collect();
    let expected: BTreeMap<_, _> =
        read(&text).into_iter().filter(|(name, _)| name.starts_with('V')).collect();
    assert!(seen.len() > 20, "{seen:?}");
    assert_eq!(seen, expected);
}
