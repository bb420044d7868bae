//! How to test a server: `examples/greeter.rs` as a real process. A template for tests of one's
//! own.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::{
    io::Read as _,
    net::TcpStream,
    path::PathBuf,
    time::{Duration, Instant},
};

use svdevtree::testkit::{Kit, KitError, ReadyWhen, Spec};

// Once in a test program.
svdevtree::testkit!();

/// In a package that has the server as a binary: `env!("CARGO_BIN_EXE_greeter")`. Cargo puts
/// examples beside the directory of the tests.
fn greeter() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(2).unwrap().join("examples/greeter")
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

fn ask(port: u16) -> String {
    let mut said = String::new();
    TcpStream::connect(("127.0.0.1", port)).unwrap().read_to_string(&mut said).unwrap();
    said
}

#[test]
fn a_greeter_greets_also_after_it_was_killed() {
    let mut kit = Kit::new().unwrap();
    let port = kit.port().unwrap();
    let spec = Spec::new("greeter", [greeter()])
        .env("PORT", port.to_string())
        .env("GREETING", "good morning")
        .ready(ReadyWhen::tcp(port));
    kit.start(spec, soon()).unwrap();
    assert_eq!(ask(port), "good morning\n");

    let service = kit.service("greeter").unwrap();
    service.send(svclient::Op::Kill).unwrap();
    kit.restart("greeter", soon()).unwrap();
    assert_eq!(ask(port), "good morning\n");
    assert!(kit.log("greeter").contains("listening"));
}

#[test]
fn a_greeter_without_a_greeting_says_what_is_missing() {
    let mut kit = Kit::new().unwrap();
    let port = kit.port().unwrap();
    let spec = Spec::new("greeter", [greeter()])
        .env("PORT", port.to_string())
        .env_remove("GREETING")
        .ready(ReadyWhen::tcp(port));
    match kit.start(spec, soon()) {
        Err(KitError::Died { how, log, .. }) => {
            assert_eq!(how, "exited with 1");
            assert!(log.contains("GREETING is not set"), "{log}");
        }
        other => panic!("{other:?}"),
    }
}
