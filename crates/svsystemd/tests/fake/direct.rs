//! Which way the questions about many units take: the manager's own socket, or the bus.
//!
//! The way is chosen by the environment, so each question is asked by this program once more, with
//! an environment of its own.

use std::{env, process::Command};

use svsystemd::{Bus, UnitName};

use crate::{
    manager::{Answer, Fake},
    skips,
};

/// Set for the program that asks: how many units.
const UNITS: &str = "SV_TEST_UNITS";
const BEGAN: &str = "UserspaceTimestampMonotonic";
const LIST: &str = "ListUnitsByNames";

/// How the manager on the bus and that behind the socket were asked for the list, and each unit.
struct BusCall {
    bus: (usize, usize),
    socket: (usize, usize),
}

/// The program that asks, if this is it.
#[test]
fn asks_of_many_units() {
    let Some(units) = env::var(UNITS).ok() else {
        return skips::no_test("svsystemd: direct::asks_of_many_units");
    };
    let names: Vec<_> = (0..units.parse::<usize>().unwrap())
        .map(|at| UnitName::new(&format!("u{at}")).unwrap())
        .collect();
    let bus = Bus::user().wait().unwrap();
    let all = bus.status_of(&names).wait().unwrap();
    assert_eq!(all.len(), names.len());
    for status in all {
        assert_eq!(status.unwrap().states(), ("inactive", "dead"));
    }
}

#[track_caller]
fn ask(bus: &Fake, socket: &Fake, units: usize) -> BusCall {
    let mut again = Command::new(env::current_exe().unwrap());
    again.args(["--exact", "direct::asks_of_many_units"]);
    again.env(UNITS, units.to_string()).env("XDG_RUNTIME_DIR", socket.dir());
    again.env("DBUS_SESSION_BUS_ADDRESS", bus.address());
    let output = again.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{output:?}");
    let asked = |it: &Fake| (it.asked(LIST).0, it.asked("GetAll").0);
    BusCall { bus: asked(bus), socket: asked(socket) }
}

/// A manager on a bus, and one behind a socket, which began at these moments.
fn managers(bus: u64, socket: u64) -> (Fake, Fake) {
    let (on_bus, behind) = (Fake::new(), Fake::listening("systemd/private"));
    on_bus.number(BEGAN, bus);
    behind.number(BEGAN, socket);
    (on_bus, behind)
}

#[test]
fn many_units_are_asked_about_at_the_managers_own_socket() {
    let (bus, socket) = managers(7, 7);
    let asked = ask(&bus, &socket, 40);
    assert_eq!((asked.bus, asked.socket), ((0, 0), (1, 40)));
    // One by one it is not worth a connection.
    let (bus, socket) = managers(7, 7);
    let asked = ask(&bus, &socket, 5);
    assert_eq!((asked.bus, asked.socket), ((1, 5), (0, 0)));
    assert_eq!(socket.asked("Get").0, 0);
}

#[test]
fn another_manager_behind_the_socket_is_not_asked() {
    for began in [8, 0] {
        let (bus, socket) = managers(7, began);
        let asked = ask(&bus, &socket, 40);
        assert_eq!((asked.bus, asked.socket), ((1, 40), (0, 0)), "{began}");
        assert_eq!(socket.asked("Get").0, 1);
    }
    // Neither says when it began.
    let (bus, socket) = managers(0, 0);
    assert_eq!(ask(&bus, &socket, 40).bus, (1, 40));
}

#[test]
fn a_socket_that_refuses_or_hangs_up_is_no_failure() {
    for member in ["Get", LIST, "GetAll"] {
        let (bus, socket) = managers(7, 7);
        socket.answer(member, Answer::HangUp);
        assert_eq!(ask(&bus, &socket, 40).bus, (1, 40), "{member}");
    }
    let (bus, socket) = managers(7, 7);
    std::fs::remove_file(socket.dir().join("systemd/private")).unwrap();
    assert_eq!(ask(&bus, &socket, 40).bus, (1, 40));
}
