//! Unit files: enabling, masking, installing, removing, and what the manager says of them.

use std::path::PathBuf;

use svproto::{Readiness, State};
use svsystemd::{ErrorKind, Install, InstallFinding, Lifetime, Removal, UnitName, UnitPlanStep};

use crate::{
    fixture::{Fixture, SLEEP, reached},
    machine::Manager,
};

/// A name that nothing else has, and its files gone at the end.
struct Installed(Manager, UnitName);

impl Installed {
    fn new(manager: Manager, name: &str) -> Self {
        let name = format!("svt-inst-{}-{name}.service", std::process::id());
        Self(manager, UnitName::new(&name).unwrap())
    }
}

impl Drop for Installed {
    fn drop(&mut self) {
        let removal = Removal::new(self.1.clone());
        self.0.bus().plan_removal(&removal).wait().unwrap().carry_out().wait().unwrap();
    }
}

pub fn enabling_and_masking_are_what_the_disk_says(manager: Manager) {
    let it = Installed::new(manager, "enable");
    let text =
        "[Service]\nType=exec\nExecStart=/bin/sleep 1000\n[Install]\nWantedBy=default.target\n";
    let bus = manager.bus();
    let install = Install::new(it.1.clone(), text);
    let done = bus.plan_install(&install).wait().unwrap().carry_out().wait().unwrap();
    assert_eq!(done.findings, []);
    let unit = bus.named(it.1.clone());
    assert_eq!(unit.file_state().wait().unwrap(), "disabled");
    let changes = unit.enable().wait().unwrap();
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].kind, "symlink");
    assert!(PathBuf::from(&changes[0].path).exists());
    assert_eq!(unit.file_state().wait().unwrap(), "enabled");
    assert_eq!(unit.status().wait().unwrap().cached_file_state(), "enabled");
    assert_eq!(manager.systemctl(&["is-enabled", it.1.as_str()]), "enabled");
    let changes = unit.disable().wait().unwrap();
    assert_eq!(changes[0].kind, "unlink");
    assert_eq!(unit.file_state().wait().unwrap(), "disabled");
    // Its file stands where the mask would be.
    assert_eq!(unit.mask().wait().unwrap_err().kind(), ErrorKind::Exists);

    // One whose file is in the runtime directory can be masked above it.
    let other = Fixture::new(manager, SLEEP);
    let up = other.start();
    other.unit.mask().wait().unwrap();
    assert_eq!(other.unit.file_state().wait().unwrap(), "masked");
    let masked = other.status();
    assert_eq!(masked.load, svsystemd::LoadState::Masked);
    assert_eq!((masked.facts.state(), masked.facts.pid), (State::Up, up.facts.pid));
    reached(other.unit.stop().wait().unwrap());
    assert_eq!(other.unit.start().wait().err().unwrap().kind(), ErrorKind::Masked);
    other.unit.unmask().wait().unwrap();
    other.start();
    // Without an `[Install]` section there is nothing to link.
    assert_eq!(other.unit.enable().wait().unwrap(), []);
}

pub fn an_installation_is_shown_done_and_undone(manager: Manager) {
    let it = Installed::new(manager, "plan");
    let bus = manager.bus();
    let unit = bus.named(it.1.clone());
    let text =
        "[Service]\nType=exec\nExecStart=/bin/sleep 1000\n[Install]\nWantedBy=default.target\n";
    let install =
        Install::new(it.1.clone(), text).drop_in("10-nice", "[Service]\nNice=5\n").enabled();
    let plan = bus.plan_install(&install).wait().unwrap();
    let shown = plan.to_string();
    assert!(shown.contains("  + ExecStart=/bin/sleep 1000\n"), "{shown}");
    assert!(shown.contains("10-nice.conf\n  + [Service]\n  + Nice=5\n"), "{shown}");
    assert!(shown.ends_with(&format!(
        "reload the manager\nverify {0}\nenable {0}\nreload the manager\n",
        it.1
    )));
    // Nothing is done yet.
    assert_eq!(unit.status().wait().unwrap_err().kind(), ErrorKind::NoSuchUnit);
    let done = plan.carry_out().wait().unwrap();
    assert_eq!((done.findings.len(), done.changes.len()), (0, 1));
    reached(unit.start().wait().unwrap());
    let status = unit.status().wait().unwrap();
    assert_eq!(status.facts.state(), State::Up);
    assert_eq!(manager.systemctl(&["show", "--value", "-p", "Nice", it.1.as_str()]), "5");
    assert_eq!(status.facts.readiness, Readiness::NotReported);
    // A second time there is nothing to write.
    let again = bus.plan_install(&install).wait().unwrap();
    assert!(!again.steps().iter().any(|step| matches!(step, UnitPlanStep::Write { .. })));
    // A change is shown as one, and is in force.
    let changed = text.replace("1000", "2000");
    let install = Install::new(it.1.clone(), changed);
    let plan = bus.plan_install(&install).wait().unwrap();
    let shown = plan.to_string();
    assert!(
        shown.contains("  - ExecStart=/bin/sleep 1000\n  + ExecStart=/bin/sleep 2000\n"),
        "{shown}"
    );
    plan.carry_out().wait().unwrap();
    reached(unit.restart().wait().unwrap());
    let command = manager.systemctl(&["show", "--value", "-p", "ExecStart", it.1.as_str()]);
    assert!(command.contains("/bin/sleep 2000"), "{command}");

    let removal = Removal::new(it.1.clone());
    let plan = bus.plan_removal(&removal).wait().unwrap();
    let shown = plan.to_string();
    assert!(shown.starts_with(&format!("stop {0}\ndisable {0}\nremove ", it.1)), "{shown}");
    plan.carry_out().wait().unwrap();
    assert_eq!(unit.status().wait().unwrap_err().kind(), ErrorKind::NoSuchUnit);
    assert_eq!(bus.plan_removal(&removal).wait().unwrap().steps(), []);
}

pub fn what_is_wrong_with_an_installed_unit_is_found(manager: Manager) {
    let bus = manager.bus();
    let findings = |name: &str, text: &str| {
        let it = Installed::new(manager, name);
        let install = Install::new(it.1.clone(), text).lifetime(Lifetime::Runtime);
        bus.plan_install(&install).wait().unwrap().carry_out().wait().unwrap().findings
    };
    assert_eq!(findings("fine", "[Service]\nType=exec\nExecStart=/bin/true\n"), []);
    let program = findings("program", "[Service]\nType=exec\nExecStart=/nonexistent\n");
    assert_eq!(program, [InstallFinding::Program("/nonexistent".into())]);
    // One whose failure is ignored may be missing.
    let ignored = "[Service]\nType=exec\nExecStartPre=-/nonexistent\nExecStart=/bin/true\n";
    assert_eq!(findings("ignored", ignored), []);
    let missing = "[Unit]\nRequires=svt-gone.service\n[Service]\nType=exec\nExecStart=/bin/true\n";
    assert_eq!(
        findings("missing", missing),
        [InstallFinding::Missing("svt-gone.service".to_owned())]
    );
    let broken = findings("broken", "[Service]\nType=exec\n");
    assert!(
        matches!(broken.as_slice(), [InstallFinding::Broken(why)] if why.contains("bad unit file setting")),
        "{broken:?}"
    );

    // A lasting file weighs more than one for this boot.
    let it = Installed::new(manager, "shadow");
    let text = "[Service]\nType=exec\nExecStart=/bin/true\n";
    let install = Install::new(it.1.clone(), text);
    bus.plan_install(&install).wait().unwrap().carry_out().wait().unwrap();
    let install = Install::new(it.1.clone(), text).lifetime(Lifetime::Runtime);
    let done = bus.plan_install(&install).wait().unwrap().carry_out().wait().unwrap();
    assert!(
        matches!(done.findings.as_slice(), [InstallFinding::Shadowed { by: Some(_) }]),
        "{done:?}"
    );
}

pub fn a_mask_or_a_link_is_not_replaced_and_a_template_is_installed(manager: Manager) {
    let bus = manager.bus();
    let text = "[Service]\nType=exec\nExecStart=/bin/sleep %i\n";
    let it = Installed::new(manager, "masked");
    bus.mask(std::slice::from_ref(&it.1)).wait().unwrap();
    let error = bus.plan_install(&Install::new(it.1.clone(), text)).wait().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Exists, "{error}");
    bus.unmask(std::slice::from_ref(&it.1)).wait().unwrap();

    let template = format!("svt-inst-{}-t@.service", std::process::id());
    let it = Installed(manager, UnitName::new(&template).unwrap());
    let done =
        bus.plan_install(&Install::new(it.1.clone(), text)).wait().unwrap().carry_out().wait();
    assert_eq!(done.unwrap().findings, []);
    let instance = bus.named(it.1.instantiate("1000").unwrap());
    reached(instance.start().wait().unwrap());
    reached(instance.stop().wait().unwrap());
    let plan = bus.plan_removal(&Removal::new(it.1.clone())).wait().unwrap().to_string();
    assert!(plan.starts_with("disable ") && !plan.contains("stop"), "{plan}");
}

pub fn a_name_that_leads_elsewhere_is_refused(manager: Manager) {
    let bus = manager.bus();
    for name in ["../evil", "a/b", "", "a b", "x\n"] {
        assert_eq!(bus.unit(name).unwrap_err().kind(), ErrorKind::BadName, "{name:?}");
        let unit = UnitName::new("svt-drop").unwrap();
        let install = Install::drop_ins_only(unit).drop_in(name, "");
        assert_eq!(bus.plan_install(&install).wait().unwrap_err().kind(), ErrorKind::BadName);
    }
}

pub fn units_that_are_loaded_can_be_listed(manager: Manager) {
    let one = Fixture::new(manager, SLEEP);
    one.start();
    let loaded = one.bus.loaded(&["svt-*.service"]).wait().unwrap();
    assert!(loaded.contains(one.unit.name()));
    assert!(loaded.is_sorted());
    assert!(one.bus.loaded(&["svt-nothing-like-this*"]).wait().unwrap().is_empty());
    assert!(one.bus.version().wait().unwrap().starts_with(|it: char| it.is_ascii_digit()));
}
