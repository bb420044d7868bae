//! Clients of runit, unchanged: its own `sv`, and svclient.

use std::{process::Command, time::Instant};

use svclient::{Goal, Op, Request, Service, WatchSet};

use crate::{
    acting::Who,
    supervised::{PATIENCE, Suite},
    tree::Tree,
};

#[test]
fn sv_starts_stops_and_restarts_and_waits_for_it() {
    if !Suite::Runit.is_installed() {
        return;
    }
    let tree = Tree::new();
    let web = tree.service("web", "exec sleep 1000");
    web.script("log/run", "exec cat");
    web.script("check", "exit 0");
    let mut supervisor = Who::Embedded.start(&web.0);
    let first = web.until_run(None);
    let sv = |words: &[&str]| {
        let output = Command::new("sv").args(words).arg(&web.0).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{words:?}: {said}");
        said
    };
    assert!(sv(&["status"]).starts_with(&format!("run: {}: (pid {first}) ", web.0.display())));
    assert!(sv(&["-v", "stop"]).starts_with("ok: down: "));
    sv(&["once"]);
    let second = web.until_run(Some(first));
    assert!(sv(&["-v", "down"]).starts_with("ok: down: "));
    assert!(sv(&["start"]).starts_with("ok: run: "));
    let third = web.until_run(Some(second));
    let said = sv(&["check"]);
    assert!(said.starts_with("ok: run: "), "{said}");
    sv(&["restart"]);
    web.until_run(Some(third));
    assert!(sv(&["exit"]).is_empty());
    assert_eq!(supervisor.wait().code(), Some(0));
}

#[test]
fn svclient_sees_a_runsv_and_waits_by_its_events() {
    let tree = Tree::new();
    let web = tree.service("web", "exec sleep 1000");
    let supervisor = Who::Embedded.start(&web.0);
    web.until_run(None);
    let service = Service::open(&web.0).unwrap();
    assert_eq!(service.dialect(), Some(svclient::Dialect::Runit));
    let deadline = Instant::now() + PATIENCE;
    for (op, goal) in [(Op::Down, Goal::Down), (Op::Up, Goal::Up), (Op::Kill, Goal::Restarted)] {
        let request = Request::new(op, goal);
        let outcome = svclient::pursue(std::slice::from_ref(&service), &request, deadline);
        assert!(format!("{outcome:?}").contains("Reached"), "{outcome:?}");
    }
    let mut watch = WatchSet::new().unwrap();
    watch.add(Service::open(&web.0).unwrap()).unwrap();
    drop(supervisor);
    loop {
        let event = watch.next_before(deadline).unwrap().expect("its end in time");
        if !event.status.unwrap().reading().is_supervised() {
            break;
        }
    }
}
