//! What is built has no finding.

use svbuild::{
    Definitions, Language, Options, Service, Target,
    spec::{Log, Ready, ReadyCheck, Stop},
};
use svlint::Linter;

/// Services of every kind that s6-rc has.
fn shop() -> Definitions {
    let ready = Ready::new(ReadyCheck::Fd(4)).timeout("30s".parse().unwrap());
    let stop = || Stop::new().signal("INT".parse().unwrap()).kill_after("5s".parse().unwrap());
    let mut setup = Service::new(["/bin/echo", "it's $1"]).job().remain().needs("db").success(3);
    setup = setup.env("PATH", "/usr/bin:/bin").stop(Stop::new().command(["/bin/true"]));
    let log = || Log::new().dir("/var/log/it");
    Definitions::default()
        .with("db", Service::new(["/bin/sleep", "9"]).ready(ready).stop(stop()).log(log()))
        .with("setup", setup)
        .with("web", Service::new(["/bin/sleep", "9"]).instances(2).after("setup").log(log()))
        .with("idle", Service::new(["/bin/sleep", "9"]).down().env("LC_ALL", "C").user("daemon"))
}

#[test]
fn sources_of_s6_rc_that_are_built_have_no_finding() {
    for language in [Language::Execline, Language::Sh] {
        for s6_overlay in [false, true] {
            let tree = tempfile::tempdir().unwrap();
            let place = if s6_overlay { "s6-overlay/s6-rc.d" } else { "source" };
            let dir = tree.path().join(place);
            let options = Options::new().language(language).s6_overlay(s6_overlay);
            let mut shop = shop();
            if s6_overlay {
                // The linter knows that nothing starts it, which is what was asked for.
                shop.service.remove("idle");
            }
            shop.render(Target::S6Rc, options).unwrap().write(&dir).unwrap();
            let report = Linter::new().lint(&dir);
            assert!(report.looked_at > 7, "{}", report.looked_at);
            // `/command/execlineb` is in the image alone.
            let here = |code: &str| !(s6_overlay && code == "no-interpreter");
            let found: Vec<_> = report.findings.iter().filter(|it| here(it.rule.code)).collect();
            assert!(found.is_empty(), "{language:?} {s6_overlay}: {found:#?}");
        }
    }
}
