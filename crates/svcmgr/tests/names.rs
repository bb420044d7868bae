//! Names are read alike in every build: feature `systemd` adds units, and changes no other name.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

use std::{fs, sync::Arc};

use svcmgr::{ErrorKind, Supervised};

type Opened = Result<Arc<dyn Supervised>, svcmgr::Error>;

/// What a name came to, as far as a program sees it.
fn shown(opened: &Opened) -> String {
    match opened {
        Ok(service) => {
            let dir = service.directory().map(|it| it.dir().display().to_string());
            format!("{} in {}", service.name(), dir.unwrap_or_default())
        }
        Err(error) => format!("{:?}: {error}: {:?}", error.kind(), error.hint()),
    }
}

#[test]
fn feature_systemd_changes_no_name_but_those_of_units() {
    let tree = tempfile::tempdir().unwrap();
    for name in ["web", "web.service"] {
        fs::create_dir_all(tree.path().join(name).join("log")).unwrap();
        fs::write(tree.path().join(name).join("run"), "#!/bin/sh\n").unwrap();
    }
    let there = |name: &str| tree.path().join(name).display().to_string();
    let url = format!("file://{}", there("web%2eservice"));
    let opened = ["web", "web/", "web.service", "web.service/", "web.service/log"];
    let names = opened.iter().map(|name| there(name)).chain([url]);
    let nowhere = ["no-such-service", "no-such/log", "./web.service", "/no/web.service", "web.d"];
    let more = ["", ".", "..", "no.service/", "no/web.service", "file:///no/web.service", "a*"];
    for name in names.chain(nowhere.iter().chain(&more).map(ToString::to_string)) {
        // `svclient::open` is `svcmgr::open` without the feature.
        assert_eq!(shown(&svcmgr::open(&name)), shown(&svclient::open(&name)), "{name}");
    }
    assert!(svcmgr::open(there("web.service")).is_ok(), "a path, whatever it ends with");
}

#[test]
fn the_name_of_a_unit_is_a_unit_or_names_the_feature_and_never_a_directory() {
    for name in ["web.service", "a@b.timer", "systemd:web", "systemd:", "web*.service"] {
        let without = svclient::open(name).err().unwrap();
        assert_eq!(without.kind(), ErrorKind::Unsupported, "{name}");
        assert!(without.hint().unwrap().contains("feature `systemd`"), "{name}");
        // With it: a unit; or there is no manager here, or no such name among units.
        match svcmgr::open(name) {
            Ok(unit) => assert!(unit.directory().is_none(), "{name}"),
            Err(error) => assert_ne!(error.kind(), ErrorKind::Unsupported, "{name}: {error}"),
        }
    }
}
