//! `svctl apply` of units: made, read by the manager, enabled, started; restarted once changed; back from what fails.

use std::{fs, path::Path};

use super::cases::Whose;
use crate::svctl::Run;

const NAMES: [&str; 2] = ["svc-applied-db", "svc-applied-web"];

/// What it made is gone with the value.
struct Applied<'a>(Whose, &'a Path);

impl Drop for Applied<'_> {
    fn drop(&mut self) {
        let units = NAMES.map(|name| format!("{name}.service"));
        for word in ["disable", "kill", "stop", "reset-failed"] {
            self.0.tool("systemctl", &[word, &units[0], &units[1]]);
        }
        for unit in &units {
            let _gone = fs::remove_file(self.1.join(unit));
        }
        self.0.tool("systemctl", &["daemon-reload"]);
    }
}

pub fn what_is_applied_runs_and_what_fails_leads_back(whose: Whose) {
    let tree = tempfile::tempdir().unwrap();
    let file = tree.path().join("svcmgr.toml");
    let out = whose.dir();
    let _applied = Applied(whose, &out);
    let apply = |db: &str, web: &str, more: &[&str]| -> Run {
        let [first, second] = NAMES;
        let text = format!(
            "[service.{first}]\nexec = [\"/bin/sh\", \"-c\", \"{db}\"]\n\
             [service.{second}]\nexec = [\"/bin/sh\", \"-c\", \"{web}\"]\nneeds = [\"{first}\"]\n"
        );
        fs::write(&file, text).unwrap();
        let words = ["apply", file.to_str().unwrap(), "--to", "systemd", "--json", "--out"];
        let words = words.into_iter().chain([out.to_str().unwrap()]);
        whose.svctl(&words.chain(more.iter().copied()).collect::<Vec<_>>())
    };
    let first = apply("exec sleep 1001", "exec sleep 1002", &["--timeout", "60s"]);
    assert_eq!(first.code, 0, "{first:?}");
    for name in NAMES {
        let unit = format!("{name}.service");
        for word in ["is-active", "is-enabled"] {
            let said = whose.tool("systemctl", &[word, &unit]);
            assert!(said.status.success(), "{unit} {word}: {said:?}");
        }
    }
    let again = apply("exec sleep 1001", "exec sleep 1002", &[]);
    let rows = again.json();
    let changed: Vec<_> =
        rows.as_array().unwrap().iter().map(|row| row["changed"].clone()).collect();
    assert_eq!((again.code, changed), (0, vec![false.into(), false.into()]), "{again:?}");
    let changed = apply("exec sleep 1001", "exec sleep 1003", &["--timeout", "60s"]);
    let rows = changed.json();
    assert_eq!(
        (&rows[0]["did"], &rows[1]["did"][0]),
        (&serde_json::json!([]), &"restart".into()),
        "{changed:?}"
    );
    let failed = apply("exec sleep 1001", "exit 3", &["--timeout", "6s"]);
    assert!(failed.code != 0 && failed.json()[1]["rolled_back"] == true, "{failed:?}");
    let last = apply("exec sleep 1001", "exec sleep 1003", &["--timeout", "60s"]);
    let rows = last.json();
    assert_eq!((last.code, &rows[1]["files"]), (0, &serde_json::json!([])), "{last:?}");
}
