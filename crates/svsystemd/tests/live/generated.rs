//! Units made by `svbuild`, installed and started: the process gets exactly what the definition
//! says.

use std::{fs, os::unix::fs::PermissionsExt};

use svbuild::{Definitions, Options, Service, Target, plan::Unit, spec::Limits};
use svsystemd::{Install, Lifetime, Removal, UnitName};

use crate::{
    fixture::{reached, script, wait_for},
    machine::Manager,
};

pub fn a_generated_unit_gives_its_process_what_was_defined(manager: Manager) {
    let tmp = tempfile::tempdir().unwrap();
    fs::set_permissions(tmp.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let path = |name: &str| tmp.path().join(name).display().to_string();
    let work = tmp.path().join("a dir %n");
    fs::create_dir(&work).unwrap();
    let run = script(
        tmp.path(),
        "run",
        "d=${0%/*}\nprintf '%s\\0' \"$@\" >$d/args\nprintf '%s' \"$NASTY\" >$d/env\nid -un >$d/user\n\
         pwd >$d/cwd\numask >$d/umask\ncat /proc/$$/limits >$d/limits\necho done >$d/done\n\
         exec sleep 1000",
    );
    let nasty = [
        "a b",
        "",
        "$HOME ${HOME} $$",
        "%n %% %i",
        "\\n \\ \"q\" 'q'",
        "; rm -rf",
        "é\t\n\r",
        "-x",
        "@",
    ];
    let value = "$HOME %h \"q\" 'q' \\ ;\n\té";
    let words = std::iter::once(run.to_str().unwrap()).chain(nasty);
    let mut service = Service::new(words)
        .env("NASTY", value)
        .cwd(&work)
        .umask(0o027)
        .limits(Limits::new().files(321));
    let user = if manager == Manager::System { "svuser" } else { "" };
    if !user.is_empty() {
        service = service.user(user);
    }
    let name = format!("svt-gen-{}", std::process::id());
    let plan = Definitions::default().with(&name, service);
    let plan = plan.render(Target::Systemd, Options::default()).unwrap();
    let unit = UnitName::new(&name).unwrap();
    let Some(Unit::File(file)) = plan.units.get(unit.as_str()) else { panic!("{:?}", plan.units) };

    let bus = manager.bus();
    let install = Install::new(unit.clone(), file.bytes.clone()).lifetime(Lifetime::Runtime);
    let done = bus.plan_install(&install).wait().unwrap().carry_out().wait().unwrap();
    assert_eq!(done.findings, []);
    reached(bus.named(unit.clone()).start().wait().unwrap());
    wait_for(&tmp.path().join("done"));
    let got = |name: &str| fs::read_to_string(path(name)).unwrap();
    let args = nasty.map(|word| format!("{word}\0")).concat();
    assert_eq!(got("args"), args);
    assert_eq!(got("env"), value);
    assert_eq!(got("cwd").trim_end(), work.to_str().unwrap());
    assert_eq!(got("umask").trim_end(), "0027");
    let limits = got("limits");
    let files = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    assert_eq!(files.split_whitespace().nth(3), Some("321"), "{files}");
    if !user.is_empty() {
        assert_eq!(got("user").trim_end(), user);
    }
    bus.plan_removal(&Removal::new(unit)).wait().unwrap().carry_out().wait().unwrap();
}
