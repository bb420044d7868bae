//! What is changed, is changed as a whole; what cannot be, stays as it was.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
};

use svlint::{Linter, fix};

fn make(dir: &Path, text: &str, mode: u32) {
    fs::create_dir_all(dir).unwrap();
    let _gone = fs::remove_file(dir.join("run"));
    fs::write(dir.join("run"), text).unwrap();
    fs::set_permissions(dir.join("run"), fs::Permissions::from_mode(mode)).unwrap();
}

fn after(text: &str, mode: u32) -> (String, u32) {
    let tree = tempfile::tempdir().unwrap();
    let dir = tree.path().join("web");
    make(&dir, text, mode);
    let before = Linter::new().lint(&dir);
    assert!(before.findings.iter().any(|it| it.fix.is_some()), "{:?}", before.findings);
    let fixed = fix::apply(&before.findings);
    assert!(fixed.iter().all(|it| it.error.is_none()), "{fixed:?}");
    let now = Linter::new().lint(&dir);
    assert!(now.findings.iter().all(|it| it.fix.is_none()), "{:?}", now.findings);
    let names: Vec<_> = fs::read_dir(&dir).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert_eq!(names, ["run"], "nothing is left behind");
    let mode = fs::metadata(dir.join("run")).unwrap().permissions().mode() & 0o7777;
    (fs::read_to_string(dir.join("run")).unwrap(), mode)
}

#[test]
fn what_is_safe_is_mended() {
    let plain = "#!/bin/sh\nexec sleep 1\n";
    assert_eq!(after("#!/bin/sh\r\nexec sleep 1\r\n", 0o750), (plain.into(), 0o750));
    assert_eq!(after("\u{feff}#!/bin/sh\nexec sleep 1\n", 0o755), (plain.into(), 0o755));
    assert_eq!(after(plain, 0o640), (plain.into(), 0o750));
    assert_eq!(after(plain, 0o757), (plain.into(), 0o755));
    // Several at once, of one file.
    assert_eq!(after("\u{feff}#!/bin/sh\r\nexec sleep 1\r\n", 0o646), (plain.into(), 0o755));
    let late = "# A comment.\n#!/bin/sh\nexec sleep 1\n";
    let first = "#!/bin/sh\n# A comment.\nexec sleep 1\n";
    assert_eq!(after(late, 0o755), (first.into(), 0o755));
}

#[test]
fn what_would_lose_something_stays_as_it_was() {
    let tree = tempfile::tempdir().unwrap();
    let dir = tree.path().join("web");
    let text = "#!/bin/sh\r\nexec sleep 1\r\n";
    make(&dir, text, 0o755);
    let refuses = |word: &str| {
        let report = Linter::new().lint(&dir);
        let fixed = fix::apply(&report.findings);
        let error = fixed[0].error.as_ref().unwrap_or_else(|| panic!("{word}: {fixed:?}"));
        assert!(error.to_string().contains(word), "{error}");
        assert_eq!(fs::read_to_string(dir.join("run")).unwrap(), text);
    };
    // A second name would keep the old text.
    fs::hard_link(dir.join("run"), tree.path().join("second")).unwrap();
    refuses("second name");
    // A link is not followed, wherever it leads.
    let elsewhere = tree.path().join("elsewhere");
    fs::rename(dir.join("run"), &elsewhere).unwrap();
    fs::remove_file(tree.path().join("second")).unwrap();
    symlink(&elsewhere, dir.join("run")).unwrap();
    refuses("symbolic link");
    assert!(dir.join("run").is_symlink());
    // Somebody else may write in the directory.
    fs::remove_file(dir.join("run")).unwrap();
    make(&dir, text, 0o755);
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o777)).unwrap();
    refuses("may write");
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).unwrap();
    // It has changed since it was looked at.
    let report = Linter::new().lint(&dir);
    make(&dir, "#!/bin/sh\nexec other\r\n", 0o755);
    let fixed = fix::apply(&report.findings);
    assert!(fixed[0].error.is_some(), "{fixed:?}");
    assert_eq!(fs::read_to_string(dir.join("run")).unwrap(), "#!/bin/sh\nexec other\r\n");
}
