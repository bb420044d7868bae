//! Whether tests that need a systemd run where there is one.

use std::{fs, io::Write};

/// Whether this is the machine. If not: says so to whoever counts, or fails.
pub fn is_here() -> bool {
    if std::env::var_os("SYSTEMD_HOST").is_some() {
        return true;
    }
    let note = |line: &str| {
        if let Some(file) = std::env::var_os("SV_SKIPS_FILE") {
            let mut file = fs::File::options().append(true).open(file).unwrap();
            file.write_all(line.as_bytes()).unwrap();
        }
    };
    if std::env::var_os("SV_PUT_OFF").is_some_and(|suite| suite == "systemd") {
        note("put off: systemd\n");
        return false;
    }
    let line = "systemd: not in the machine of `cargo xtask systemd`\n";
    assert!(
        std::env::var_os("SV_ALLOW_SKIPS").is_some(),
        "{line}  hint: `cargo xtask integration systemd` runs these tests in it"
    );
    eprint!("skipped: {line}");
    note(line);
    false
}
