//! What an ordinary user may do with the manager of the system, with and without a rule.

use std::{
    fs,
    os::unix::process::CommandExt,
    process::Command,
    time::{Duration, Instant},
};

use svproto::State;
use svsystemd::{Bus, ErrorKind};

use crate::{
    fixture::{Fixture, SLEEP},
    machine::{Manager, deadline},
};

/// Nobody of the host's.
const UID: u32 = 61_235;
const USER: &str = "svother";
/// The test that is started again as the other user, and the unit it is about.
const UNIT: &str = "SV_RIGHTS_UNIT";
const GRANTED: &str = "SV_RIGHTS_GRANTED";

pub fn an_ordinary_user_reads_and_is_denied_or_granted_the_rest(manager: Manager) {
    if let Ok(unit) = std::env::var(UNIT) {
        return as_the_other_user(&unit);
    }
    let it = Fixture::new(manager, "ExecStart=/bin/sleep 1000\nRestart=always\n");
    let up = it.start();
    for (file, line) in [
        ("passwd", format!("{USER}:x:{UID}:{UID}::/:/bin/sh\n")),
        ("group", format!("{USER}:x:{UID}:\n")),
    ] {
        let path = format!("/etc/{file}");
        let text = fs::read_to_string(&path).unwrap();
        if !text.contains(&line) {
            fs::write(&path, text + &line).unwrap();
        }
    }
    again(&it, false);
    assert_eq!(it.status().facts, up.facts, "nothing was done");
    // One rule takes the place of sudo.
    let rule = format!(
        "polkit.addRule(function(action, subject) {{\n\
           if (action.id == \"org.freedesktop.systemd1.manage-units\" &&\n\
               subject.user == \"{USER}\" && action.lookup(\"unit\") == \"{}\")\n\
             return polkit.Result.YES;\n}});\n",
        it.name()
    );
    let path = "/etc/polkit-1/rules.d/50-svt.rules";
    fs::create_dir_all("/etc/polkit-1/rules.d").unwrap();
    fs::write(path, rule).unwrap();
    again(&it, true);
    fs::remove_file(path).unwrap();
    assert_eq!(it.status().facts.state(), State::Down);
}

/// Runs this test as the other user.
fn again(it: &Fixture, granted: bool) {
    // The program may be where only root can go.
    let copy = tempfile::Builder::new().prefix("svt-").tempdir_in("/run").unwrap();
    fs::set_permissions(copy.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let program = copy.path().join("live");
    crate::scripts::copy(&std::env::current_exe().unwrap(), &program);
    let test = "system_only::systemd::rights::\
                an_ordinary_user_reads_and_is_denied_or_granted_the_rest";
    let mut again = Command::new(program);
    again.args(["--exact", test, "--nocapture"]).env(UNIT, it.name()).current_dir("/");
    if granted {
        again.env(GRANTED, "1");
    }
    let output = again.uid(UID).gid(UID).output().unwrap();
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

fn as_the_other_user(unit: &str) {
    let bus = Bus::system().wait().unwrap();
    let granted = std::env::var_os(GRANTED).is_some();
    let unit = bus.unit(unit).unwrap();
    // Reading is everybody's.
    let up = unit.status().wait().unwrap();
    assert_eq!(up.facts.state(), State::Up);
    unit.file_state().wait().unwrap();
    let names = [unit.name().clone()];
    drop(bus.watch(&names).wait().unwrap());
    if granted {
        // polkit reads its rules a moment after they were written.
        let until = Instant::now() + Duration::from_secs(20);
        while unit.kill(nix::libc::SIGUSR1).wait().is_err() {
            assert!(Instant::now() < until, "the rule is not in force");
            std::thread::sleep(Duration::from_millis(20));
        }
        let again = unit.restart().wait().unwrap().outcome_before(deadline()).unwrap();
        assert!(again.is_reached());
        unit.keep().wait().unwrap();
        unit.release().wait().unwrap();
        assert!(unit.stop().wait().unwrap().outcome_before(deadline()).unwrap().is_reached());
        unit.reset_failed().wait().unwrap();
        // Other actions are not in the rule.
        let error = unit.mask().wait().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied);
        return;
    }
    for (error, polkit) in [
        (unit.start().wait().err().unwrap(), "manage-units"),
        (unit.stop().wait().err().unwrap(), "manage-units"),
        (unit.restart().wait().err().unwrap(), "manage-units"),
        (unit.kill(9).wait().unwrap_err(), "manage-units"),
        (unit.pause().wait().unwrap_err(), "manage-units"),
        (unit.reset_failed().wait().unwrap_err(), "manage-units"),
        (unit.keep().wait().unwrap_err(), "manage-units"),
        (unit.enable().wait().unwrap_err(), "manage-unit-files"),
        (unit.mask().wait().unwrap_err(), "manage-unit-files"),
        (bus.reload().wait().unwrap_err(), "reload-daemon"),
    ] {
        let svsystemd::Error::Denied { polkit: Some(action), interactive, .. } = &error else {
            panic!("{error:?}")
        };
        assert!(action.ends_with(polkit) && *interactive, "{error}: {action}");
        assert!(error.hint().unwrap().contains(action), "{error}");
    }
    // Asked for, and nobody there who could ask.
    let error = bus.interactive().unit(unit.name().as_str()).unwrap().stop().wait().err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Denied, "{error:?}");
    // The bus itself stands in front of the freezer (252, 257).
    assert_eq!(unit.freeze().wait().unwrap_err().kind(), ErrorKind::Denied);
    // The drop-in for one run takes the right to write where the manager reads.
    let error = unit.once().wait().err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Io, "{error}");
    assert!(error.to_string().contains("/run/systemd/system"), "{error}");
    assert_eq!(unit.status().wait().unwrap().facts, up.facts);
}

/// Without a bus: what there is before dbus-daemon, and without one.
pub fn the_managers_own_socket_does_the_same(manager: Manager) {
    assert_eq!(manager, Manager::System);
    let it = Fixture::new(manager, SLEEP);
    let bus = Bus::private("/run/systemd/private").wait().unwrap();
    let unit = bus.named(it.unit.name().clone());
    let names = [unit.name().clone()];
    let mut watch = bus.watch(&names).wait().unwrap();
    let up = unit.start().wait().unwrap().outcome_before(deadline()).unwrap();
    assert!(up.is_reached(), "{up:?}");
    crate::fixture::event(&mut watch, |event| {
        event.status.as_ref().is_ok_and(|status| status.facts.state() == State::Up)
    });
    assert_eq!(unit.status().wait().unwrap(), it.status());
    assert!(unit.keep().wait().is_err());
    unit.pause().wait().unwrap();
    assert_eq!(unit.status().wait().unwrap().facts.state(), State::Paused);
    let down = unit.stop().wait().unwrap().outcome_before(deadline()).unwrap();
    assert!(down.is_reached());
    crate::fixture::event(&mut watch, |event| {
        event.status.as_ref().is_ok_and(|status| status.facts.state() == State::Down)
    });
    assert_eq!(unit.freeze().wait().unwrap_err().kind(), ErrorKind::NotRunning);
    let nowhere = Bus::private("/nonexistent").wait().unwrap_err();
    assert_eq!(nowhere.kind(), ErrorKind::NoManager);
    let nowhere = Bus::address("unix:path=/nonexistent").wait().unwrap_err();
    assert_eq!(nowhere.kind(), ErrorKind::NoManager, "{nowhere}");
}
