//! Services that come and go, streams, loggers, and many services at once.

use super::*;

pub fn services_that_come_and_go_in_a_scan_directory_are_followed(suite: Suite) {
    let supervised = Supervised::start(suite, SLEEP);
    wait_for(&supervised, State::Up);
    let tree = supervised.scan_dir();
    let scan = tree.join("scan");
    fs::create_dir(&scan).unwrap();
    symlink(supervised.dir(), scan.join("web")).unwrap();
    symlink(tree.join("later"), scan.join("early")).unwrap();
    fs::create_dir(scan.join(".hidden")).unwrap();
    let mut watch = WatchSet::new().unwrap();
    watch.follow(svclient::ScanDir::new(&scan)).unwrap();
    let mut next = |news: News| {
        let event = watch.next_before(deadline()).unwrap().unwrap();
        assert_eq!(event.news, news, "{event:?}");
        event.name().to_string()
    };
    assert_eq!(next(News::Snapshot), "web");
    symlink(supervised.dir(), scan.join("again")).unwrap();
    assert_eq!(next(News::Added), "again");
    // It is a service once it has something to run.
    fs::create_dir(scan.join("made")).unwrap();
    fs::write(scan.join("made/run"), "").unwrap();
    assert_eq!(next(News::Added), "made");
    // A link that led nowhere.
    fs::create_dir(tree.join("later")).unwrap();
    fs::write(tree.join("later/run"), "").unwrap();
    assert_eq!(next(News::Added), "early");
    // Both names are the same service, and both tell.
    open(&supervised).send(Op::Pause).unwrap();
    let mut both = [next(News::Changed), next(News::Changed)];
    both.sort();
    assert_eq!(both, ["again", "web"]);
    fs::remove_file(scan.join("web")).unwrap();
    assert_eq!(next(News::Removed), "web");
    // Another service under a known name.
    symlink(tree.join("later"), tree.join("link")).unwrap();
    fs::rename(tree.join("link"), scan.join("again")).unwrap();
    assert_eq!(next(News::Removed), "again");
    assert_eq!(next(News::Added), "again");
    fs::rename(&scan, tree.join("elsewhere")).unwrap();
    let mut gone = [next(News::Removed), next(News::Removed), next(News::Removed)];
    gone.sort();
    assert_eq!(gone, ["again", "early", "made"]);
    fs::rename(tree.join("elsewhere"), &scan).unwrap();
    let mut back = [next(News::Added), next(News::Added), next(News::Added)];
    back.sort();
    assert_eq!(back, ["again", "early", "made"]);
}

/// The stream of each runtime gives what the blocking iterator gives.
pub fn streams_give_the_same_events(suite: Suite) {
    #[cfg(feature = "tokio")]
    {
        let supervised = Supervised::start(suite, SLEEP);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let stream = svclient::tokio::WatchStream::new(watch(&supervised)).unwrap();
            let watch = tokio::time::timeout(PATIENCE, check_stream(&supervised, stream));
            let left = watch.await.unwrap().into_inner();
            drop(left);
        });
    }
    #[cfg(feature = "async-io")]
    {
        let supervised = Supervised::start(suite, SLEEP);
        let stream = svclient::async_io::WatchStream::new(watch(&supervised)).unwrap();
        let stream = async_io::block_on(check_stream(&supervised, stream));
        drop(stream.into_inner());
    }
    let _ = suite;
}

/// Up, down by request, and the supervisor's end, which takes a second look.
#[cfg(any(feature = "tokio", feature = "async-io"))]
async fn check_stream<S>(supervised: &Supervised, mut stream: S) -> S
where
    S: futures_core::Stream<Item = Result<WatchEvent, svclient::Error>> + Unpin,
{
    let mut last = 0;
    let mut until = async |stream: &mut S, done: &dyn Fn(&WatchEvent) -> bool| {
        loop {
            let next = std::future::poll_fn(|cx| std::pin::Pin::new(&mut *stream).poll_next(cx));
            let event = next.await.unwrap().unwrap();
            last += 1;
            assert_eq!(event.seq, last);
            if done(&event) {
                return;
            }
        }
    };
    let state = |state: State| {
        move |event: &WatchEvent| status_of(event).is_some_and(|status| status.state() == state)
    };
    until(&mut stream, &state(State::Up)).await;
    open(supervised).send(Op::Down).unwrap();
    until(&mut stream, &state(State::Down)).await;
    supervised.signal(Signal::SIGKILL);
    until(&mut stream, &|event| event.news == News::Unsupervised).await;
    stream
}

pub fn a_logger_has_a_service_of_its_own(suite: Suite) {
    let mut supervised = Supervised::prepare(suite, SLEEP);
    assert_eq!(open(&supervised).log(), None);
    fs::create_dir(supervised.dir().join("log")).unwrap();
    supervised.script("log/run", "exec cat >/dev/null");
    supervised.supervise();
    wait_for(&supervised, State::Up);
    let log = open(&supervised).log().unwrap();
    assert_eq!(log.name(), "web/log");
    let mut watch = WatchSet::new().unwrap();
    watch.add(log).unwrap();
    if suite == Suite::Runit {
        // runsv runs the logger itself; the other suites leave that to a second supervisor.
        assert!(until(&mut watch, State::Up).pid.is_some());
    } else {
        let first = watch.next_before(deadline()).unwrap().unwrap();
        assert_eq!(first.status.unwrap().reading(), Reading::Unsupervised);
    }
}

pub fn many_services_share_one_watch(suite: Suite) {
    let all: Vec<_> = (0..8).map(|_| Supervised::start(suite, SLEEP)).collect();
    for supervised in &all {
        wait_for(supervised, State::Up);
    }
    let services: Vec<_> = all.iter().map(open).collect();
    let outcomes = pursue(&services, &Request::down(), deadline()).unwrap();
    for outcome in outcomes {
        assert_eq!(status(&reached(outcome.unwrap())).state(), State::Down);
    }
}

/// `b` after `a`: started in that order, stopped in the other; after a failure the rest is left.
pub fn an_order_is_kept_both_ways(suite: Suite) {
    let mut all = [Supervised::prepare(suite, SLEEP), Supervised::prepare(suite, SLEEP)];
    for supervised in &mut all {
        supervised.file("down", "");
        supervised.supervise();
        wait_for(supervised, State::Down);
    }
    let services: Vec<_> = ["a", "b"]
        .iter()
        .zip(&all)
        .map(|(name, supervised)| open(supervised).named(*name))
        .collect();
    let plan = Order::new([("b", vec!["a"]), ("a", vec![])]).unwrap();
    let since = |steps: &[OrderStep]| -> Vec<_> {
        let outcome = |step: &OrderStep| match &step.result {
            Some(Ok(outcome)) if outcome.is_reached() => {
                status(outcome.status().unwrap()).since.unwrap()
            }
            other => panic!("{other:?}"),
        };
        steps.iter().map(|step| (step.name.clone(), outcome(step))).collect()
    };
    let carry_out = |plan: &Order, request: &Request, services: &[Service]| {
        plan.carry_out(services, request, deadline(), OnFailure::Stop).unwrap()
    };
    let up = since(&carry_out(&plan, &Request::up(), &services));
    assert!(up[0].0 == "a" && up[1].0 == "b" && up[0].1 < up[1].1, "{up:?}");
    let down = since(&carry_out(&plan.reversed(), &Request::down(), &services));
    assert!(down[0].0 == "b" && down[1].0 == "a" && down[0].1 < down[1].1, "{down:?}");
    all[0].signal(Signal::SIGKILL);
    let mut watch = watch(&all[0]);
    event(&mut watch, |event| event.status.as_ref().is_ok_and(|o| !o.reading().is_supervised()));
    let steps = carry_out(&plan, &Request::up(), &services);
    assert!(matches!(steps[0].result, Some(Err(svclient::Error::NotSupervised { .. }))));
    assert!(steps[1].result.is_none());
}

/// Random requests one after the other, unwaited: what the watch says last of a service is what its
/// record says, no event is older than the one before, and none says what the one before said.
/// runsv and supervise take a second for every restart, so the storm has many places.
/// `SV_STORM` sets the number of its sequences.
pub fn a_storm_of_requests_ends_with_the_last_state(suite: Suite) {
    let places = if suite == Suite::S6 { 10 } else { 50 };
    let supervised: Vec<_> = (0..places).map(|_| Supervised::start(suite, SLEEP)).collect();
    let services: Vec<Service> = supervised.iter().map(open_when_up).collect();
    let mut watch = WatchSet::new().unwrap();
    let mut last: BTreeMap<WatchKey, Status> = BTreeMap::new();
    let keys: Vec<_> = services.iter().map(|service| watch.add(service.clone()).unwrap()).collect();
    let mut note = |event: WatchEvent| {
        let now = event.status.unwrap();
        if let Some(before) = last.insert(event.key, now) {
            assert_ne!(before.reading(), now.reading(), "{:?}", event.news);
            let since = |seen: Status| seen.facts().unwrap().since;
            assert!(since(now) >= since(before), "{now:?} after {before:?}");
        }
    };
    // A small generator, so that a failure comes again.
    let mut noise = 0x5eed_u64;
    let mut below = |limit: usize| {
        noise ^= noise << 13;
        noise ^= noise >> 7;
        noise ^= noise << 17;
        usize::try_from((noise >> 16) % u64::try_from(limit).unwrap()).unwrap()
    };
    let ops = [Op::Up, Op::Down, Op::Once, Op::Pause, Op::Cont, Op::Term, Op::Kill, Op::Up];
    let count = std::env::var("SV_STORM").ok().and_then(|count| count.parse().ok());
    for _ in 0..count.unwrap_or(500) {
        let sequence: Vec<Op> = (0..=below(3)).map(|_| ops[below(ops.len())]).collect();
        services[below(places)].send_all_before(&sequence, deadline()).unwrap();
        if let Some(event) = watch.next_now().unwrap() {
            note(event);
        }
    }
    for service in &services {
        service.send_all_before(&[Op::Cont, Op::Down], deadline()).unwrap();
    }
    // The last word of a storm is down, and there may be a second before every word.
    let limit = Instant::now() + 10 * PATIENCE;
    let is_down = |service: &Service| status(&service.status().unwrap()).state() == State::Down;
    loop {
        let quiet = Instant::now() + QUIET;
        match watch.next_before(quiet).unwrap() {
            Some(event) => note(event),
            None if services.iter().all(is_down) => break,
            None => assert!(Instant::now() < limit, "no rest in time"),
        }
    }
    for (key, service) in keys.iter().zip(&services) {
        assert_eq!(last[key].reading(), service.status().unwrap().reading());
    }
}
