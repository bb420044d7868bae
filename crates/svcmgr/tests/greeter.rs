//! A test of a program as its users write it: a real service, supervised, gone when the test ends.
#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

use std::time::{Duration, Instant};

use svcmgr::testkit::{Kit, ReadyWhen, Spec};

// Once in a test program.
svcmgr::devtree::testkit!();

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

#[test]
fn the_service_is_there_again_after_it_was_killed() {
    let mut kit = Kit::new().unwrap();
    // In a package with a server: `env!("CARGO_BIN_EXE_server")`, and
    // `ReadyWhen::tcp(kit.port()?)`.
    let serve = "echo greeting; touch there; exec sleep 1000";
    let there = kit.dir().join("there");
    let spec = Spec::new("greeter", ["sh", "-c", serve])
        .cwd(kit.dir())
        .ready(ReadyWhen::command(["test".into(), "-e".into(), there.into_os_string()]));
    let service = kit.start(spec, soon()).unwrap();
    let pid = || service.status().unwrap().pid();
    let before = pid();
    service.send(svcmgr::Op::Kill).unwrap();
    kit.restart("greeter", soon()).unwrap();
    assert_ne!(pid(), before);
    assert!(kit.log("greeter").contains("greeting"));
}
