//! Files that somebody else has made to hurt whoever looks at them.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
};

use svlint::{Linter, Report};

fn service(dir: &Path) {
    fs::create_dir_all(dir).unwrap();
    fs::write(dir.join("run"), "#!/bin/sh\nexec sleep 1\n").unwrap();
    fs::set_permissions(dir.join("run"), fs::Permissions::from_mode(0o755)).unwrap();
}

fn fifo(path: &Path) {
    nix::unistd::mkfifo(path, nix::sys::stat::Mode::from_bits_truncate(0o666)).unwrap();
}

fn has(report: &Report, code: &str) -> bool {
    report.findings.iter().any(|it| it.rule.code == code)
}

#[test]
fn fifos_devices_holes_and_loops_of_links_hold_nobody_up() {
    let tree = tempfile::tempdir().unwrap();
    let dir = tree.path().join("web");
    service(&dir);
    for name in ["finish", "check", "notification-fd", "down-signal"] {
        fifo(&dir.join(name));
    }
    fs::create_dir_all(dir.join("log/main")).unwrap();
    let hole = fs::File::create(dir.join("log/run")).unwrap();
    hole.set_len(1 << 40).unwrap();
    symlink("/dev/zero", dir.join("log/main/config")).unwrap();
    symlink("loop", dir.join("loop")).unwrap();
    fs::create_dir(dir.join("control")).unwrap();
    symlink("t", dir.join("control/t")).unwrap();
    fifo(&dir.join(".svlint"));
    let report = Linter::new().suite(svproto::Dialect::S6).lint(&dir);
    assert!(has(&report, "wrong-type"));
    assert!(report.unseen.iter().any(|it| it.why.contains("larger than")), "{:?}", report.unseen);
    assert!(report.unseen.iter().any(|it| it.path.ends_with(".svlint")));
    let _report = Linter::new().suite(svproto::Dialect::Runit).lint(&dir);
}

#[test]
fn nothing_outside_of_an_image_is_read() {
    let tree = tempfile::tempdir().unwrap();
    let root = tree.path().join("root");
    let outside = tree.path().join("outside");
    service(&outside.join("web"));
    fs::write(outside.join("web/run"), "outside\n").unwrap();
    fs::create_dir_all(root.join("etc/sv")).unwrap();
    fs::create_dir_all(root.join("srv/db")).unwrap();
    // Up and out, by an absolute path, and by a link in the middle of a way.
    symlink("../../../../outside/web", root.join("etc/sv/up")).unwrap();
    symlink(outside.join("web"), root.join("etc/sv/absolute")).unwrap();
    symlink("../../../outside", root.join("srv/way")).unwrap();
    symlink("../../srv/way/web", root.join("etc/sv/middle")).unwrap();
    // A link that is right inside of the image, and only there.
    service(&root.join("srv/db"));
    symlink("/srv/db", root.join("etc/sv/db")).unwrap();
    let report = Linter::new().image(&root).lint("/".as_ref());
    let broken: Vec<_> = report
        .findings
        .iter()
        .filter(|it| it.rule.code == "link-broken")
        .map(|it| it.location.path.file_name().unwrap().to_str().unwrap())
        .collect();
    assert_eq!(broken, ["absolute", "middle", "up"], "{:?}", report.findings);
    assert!(!has(&report, "no-interpreter-line"));
    // Its interpreter is this machine's, and not in the image.
    let missing = report.findings.iter().find(|it| it.rule.code == "no-interpreter").unwrap();
    assert!(missing.location.path.starts_with(root.join("etc/sv/db")), "{missing}");
}

#[test]
fn what_somebody_elses_link_leads_to_is_not_printed() {
    if !crate::skips::is_root("a link of somebody else") {
        return;
    }
    let tree = tempfile::tempdir().unwrap();
    let dir = tree.path().join("web");
    fs::create_dir_all(&dir).unwrap();
    let secret = tree.path().join("secret");
    fs::write(&secret, "the secret word\n").unwrap();
    symlink(&secret, dir.join("run")).unwrap();
    std::os::unix::fs::lchown(dir.join("run"), Some(12345), None).unwrap();
    let report = Linter::new().lint(&dir);
    assert!(has(&report, "no-interpreter-line"));
    assert!(!format!("{:?}", report.findings).contains("secret word"));
}

#[test]
fn names_that_are_no_text_and_deep_circles_of_links_come_to_an_end() {
    use std::os::unix::ffi::OsStrExt;
    let tree = tempfile::tempdir().unwrap();
    let scan = tree.path().join("scan");
    service(&scan.join("web"));
    fs::create_dir(scan.join(std::ffi::OsStr::from_bytes(b"\xff\x1b[2J"))).unwrap();
    symlink(".", scan.join("self")).unwrap();
    symlink("..", scan.join("above")).unwrap();
    let report = Linter::new().lint(&scan);
    let up = report.findings.iter().filter(|it| it.rule.code == "links-up").count();
    assert_eq!(up, 2, "{:?}", report.findings);
}

#[test]
fn directories_of_a_machine_that_have_such_names_are_no_services() {
    let tree = tempfile::tempdir().unwrap();
    let root = tree.path().join("root");
    for dir in ["bin", "var/run/lock", "var/log", "run", "etc"] {
        fs::create_dir_all(root.join(dir)).unwrap();
    }
    fs::write(root.join("bin/supervise"), "").unwrap();
    symlink("/run", root.join("var/log/run")).unwrap();
    for report in [Linter::new().image(&root).lint("/".as_ref()), Linter::new().lint(&root)] {
        assert!(report.findings.is_empty(), "{:?}", report.findings);
        assert_eq!(report.unseen.len(), 1, "{:?}", report.unseen);
    }
}
