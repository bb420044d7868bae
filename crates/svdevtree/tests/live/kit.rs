//! The test kit as its users have it.

use std::{
    net::TcpStream,
    path::Path,
    time::{Duration, Instant},
};

use svdevtree::testkit::{Kit, KitError, Ready, Spec, double};

use crate::supervised::PATIENCE;

pub fn soon() -> Instant {
    Instant::now() + PATIENCE
}

#[test]
fn a_service_is_started_asked_and_gone() {
    let mut kit = Kit::new().unwrap();
    let base = kit.tree().base().to_owned();
    let service = kit.start(Spec::new("web", ["sleep", "1000"]), soon()).unwrap();
    let first = service.status().unwrap();
    kit.restart("web", soon()).unwrap();
    assert_ne!(service.status().unwrap().reading, first.reading);
    kit.stop("web", soon()).unwrap();
    drop(kit);
    assert!(!base.exists());
}

#[test]
fn a_service_that_dies_is_told_with_its_exit_and_log() {
    let mut kit = Kit::new().unwrap();
    let script = "echo no config; exit 3";
    let spec = Spec::new("web", ["/bin/sh", "-c", script]).ready(Ready::Fd(3));
    let error = kit.start(spec, soon()).unwrap_err();
    assert!(matches!(error, KitError::Died { .. }), "{error:?}");
    assert_eq!(error.to_string(), "`web` exited with 3 before it was ready; its log ends with\n  | no config");
}
