//! Services of several suites in one call, and of no suite at all.

use std::{
    num::NonZeroUsize,
    sync::{Arc, Mutex},
    task::Waker,
    time::Duration,
};

use svclient::{
    Backend, Bulk, Error, ErrorKind, Goal, Liveness, Observation, Op, Outcome, Reading, Request,
    State, Subscription,
};

use crate::{
    supervised::{Suite, Supervised},
    waiting::{deadline, event, open, status_of, watch},
};

const SLEEP: &str = "exec sleep 1000";

/// A supervisor of somebody's own: what is asked of it is so a moment later.
struct Own(Mutex<Option<Op>>);

impl Backend for Own {
    fn name(&self) -> &'static str {
        "own"
    }

    fn suite(&self) -> Option<&'static str> {
        Some("own")
    }

    fn accepts(&self, op: Op) -> bool {
        matches!(op, Op::Up | Op::Down)
    }

    fn status(&self) -> Result<Observation, Error> {
        let mut bytes = [0; 20];
        (bytes[0], bytes[17]) = (0x40, b'd');
        if *self.0.lock().unwrap() == Some(Op::Up) {
            (bytes[12], bytes[17], bytes[19]) = (42, b'u', 1);
        }
        let record = svproto::Record::from_bytes(svproto::Dialect::Runit, &bytes).unwrap();
        let (reading, liveness) = (Reading::Status(record.status()), Liveness::Unknown);
        Ok(Observation { reading, liveness, normally: None, dialect: None, notifies: None })
    }

    fn send(&self, op: Op) -> Result<(), Error> {
        if !self.accepts(op) {
            let (doing, kind) = (format!("send `{op}` to"), ErrorKind::Unsupported);
            let source = "it knows up and down".into();
            return Err(Error::Backend { doing, name: "own".into(), kind, hint: None, source });
        }
        *self.0.lock().unwrap() = Some(op);
        Ok(())
    }

    fn subscribe(&self, _waker: Waker) -> Result<Subscription, Error> {
        Ok(Subscription::Every(Duration::from_millis(10)))
    }
}

/// Every suite that is installed, with one service each that is down; and an own one.
fn mixed() -> (Vec<Supervised>, Vec<Arc<dyn Backend>>) {
    let suites = [Suite::Runit, Suite::Daemontools, Suite::S6];
    let mut supervised = Vec::new();
    for suite in suites.into_iter().filter(|suite| suite.is_installed()) {
        let mut one = Supervised::prepare(suite, SLEEP);
        one.file("down", "");
        one.supervise();
        let mut watch = watch(&one);
        event(&mut watch, |event| status_of(event).is_some_and(|s| s.state() == State::Down));
        supervised.push(one);
    }
    let services = supervised.iter().map(|one| Arc::new(open(one)) as Arc<dyn Backend>);
    let own: Arc<dyn Backend> = Arc::new(Own(Mutex::new(None)));
    let backends = services.chain([own]).collect();
    (supervised, backends)
}

#[test]
fn services_of_every_kind_go_together() {
    let (_supervised, backends) = mixed();
    let bulk = Bulk::new(&backends).parallel(NonZeroUsize::new(2).unwrap());
    for (request, state) in [(Request::up(), State::Up), (Request::down(), State::Down)] {
        for outcome in bulk.pursue(&request, deadline()).unwrap() {
            assert!(matches!(outcome, Ok(Outcome::Reached { .. })), "{outcome:?}");
        }
        for (backend, status) in backends.iter().zip(bulk.statuses()) {
            let reading = status.unwrap().reading;
            assert_eq!(reading.status().unwrap().state(), state, "{}", backend.name());
        }
    }
    // One that cannot is one result, and not the only one.
    let sent = bulk.send(Op::Hup);
    let (own, others) = sent.split_last().unwrap();
    assert!(others.iter().all(Result::is_ok), "{others:?}");
    assert_eq!(own.as_ref().unwrap_err().kind(), ErrorKind::Unsupported);
}

#[test]
fn a_rolling_restart_has_one_service_down_at_a_time() {
    let (_supervised, backends) = mixed();
    let services = &backends[..backends.len() - 1];
    let one = Bulk::new(services).limit(NonZeroUsize::MIN);
    for request in [Request::up(), Request::restart(), Request::down().until(Goal::Down)] {
        for outcome in one.pursue(&request, deadline()).unwrap() {
            assert!(matches!(outcome, Ok(Outcome::Reached { .. })), "{outcome:?}");
        }
    }
}
