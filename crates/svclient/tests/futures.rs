//! `pursue` as a future, and watches that are stopped, in each runtime.
#![cfg(all(feature = "tokio", feature = "async-io"))]
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::{
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
    thread,
    time::{Duration, Instant},
};

use svclient::{
    Error, Goal, Intent, News, Outcome, Request, WatchSet, async_io, pursue,
    scripted::{Script, Scripted},
    tokio as on_tokio,
};

type Outcomes = Result<Vec<Result<Outcome, Error>>, Error>;

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

/// Some that obey later, one that is deaf, one that refuses.
fn services() -> Vec<Scripted> {
    let later = |at: u64| Script::obey().after(Duration::from_millis(at % 7));
    let obey = (0..50).map(|at| Scripted::new(format!("s{at}")).when(Intent::Up, later(at)));
    let refusal = Script::refuse(svclient::ErrorKind::Denied, "it is not yours");
    obey.chain([Scripted::new("refuses").when(Intent::Up, refusal)]).collect()
}

fn check(outcomes: Outcomes) {
    let mut outcomes = outcomes.unwrap();
    assert_eq!(outcomes.len(), 51);
    assert_eq!(outcomes.pop().unwrap().unwrap_err().kind(), svclient::ErrorKind::Denied);
    assert!(outcomes.into_iter().all(|outcome| outcome.unwrap().is_reached()));
}

/// Threads of this process, as the kernel counts them.
#[cfg(target_os = "linux")]
fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

fn on_one_thread<T>(task: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(task)
}

#[test]
fn many_are_asked_and_waited_for_in_a_task_of_each_runtime() {
    let request = Request::up();
    check(on_one_thread(on_tokio::pursue_all(&services(), &request, soon())));
    check(::async_io::block_on(async_io::pursue_all(&services(), &request, soon())));
    check(pursue(&services(), &request, soon()));
}

#[cfg(target_os = "linux")]
#[test]
fn tasks_that_wait_at_the_same_time_take_no_thread_each() {
    let deaf = Scripted::new("deaf").when(Intent::Up, Script::ignore());
    on_one_thread(async {
        let waits = (0..30).map(|_| {
            let deaf = deaf.clone();
            tokio::spawn(async move { on_tokio::pursue(&deaf, &Request::up(), soon()).await })
        });
        let waits: Vec<_> = waits.collect();
        // The looks of each are over soon; the other tests of this program have threads of their own.
        let limit = soon();
        while deaf.requests().len() < 30 || threads() >= 30 {
            assert!(
                Instant::now() < limit,
                "{} of 30, {} threads",
                deaf.requests().len(),
                threads()
            );
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        for wait in waits {
            assert!(!wait.is_finished());
            wait.abort();
        }
        let deadline = Instant::now() + Duration::from_millis(50);
        let outcome = on_tokio::pursue(&deaf, &Request::up(), deadline).await;
        assert_eq!(outcome.unwrap().kind(), svclient::OutcomeKind::Deadline);
    });
    assert_eq!(deaf.requests().len(), 31);
}

#[test]
fn a_future_goes_to_another_thread_and_may_be_dropped() {
    fn is_send<T: Send>(it: T) -> T {
        it
    }
    let (web, request) = (Scripted::new("web"), Request::restart().until(Goal::Up));
    let deaf = Scripted::new("deaf").when(Intent::Restart, Script::ignore());
    {
        let wait = is_send(async_io::pursue(&deaf, &request, soon()));
        let mut wait = pin!(wait);
        let mut cx = Context::from_waker(Waker::noop());
        let limit = soon();
        while deaf.requests().is_empty() {
            assert!(matches!(wait.as_mut().poll(&mut cx), Poll::Pending) && Instant::now() < limit);
            thread::yield_now();
        }
    }
    assert_eq!(deaf.requests(), [Intent::Restart], "what was asked is not taken back");
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(2).enable_all().build().unwrap();
    let task =
        runtime.spawn(is_send(async move { on_tokio::pursue(&web, &request, soon()).await }));
    assert!(runtime.block_on(task).unwrap().unwrap().is_reached());
}

#[test]
fn a_watch_that_waits_is_stopped_by_another_thread() {
    let mut watch = WatchSet::new().unwrap();
    watch.add(Scripted::new("web")).unwrap();
    let stopper = watch.stopper().unwrap();
    let (say, said) = std::sync::mpsc::channel();
    let reader = thread::spawn(move || {
        for event in watch.by_ref() {
            say.send(event.unwrap().news).unwrap();
        }
        watch
    });
    assert_eq!(said.recv().unwrap(), News::Snapshot);
    stopper.stop();
    let mut watch = reader.join().unwrap();
    // It stays stopped, whatever comes.
    watch.add(Scripted::new("db")).unwrap();
    assert!(watch.next().is_none());
    assert!(watch.next_now().unwrap().is_none());
}

#[test]
fn a_stream_ends_when_its_watch_is_stopped() {
    async fn next<S: futures_core::Stream + Unpin>(stream: &mut S) -> Option<S::Item> {
        std::future::poll_fn(|cx| std::pin::Pin::new(&mut *stream).poll_next(cx)).await
    }
    let stopped = || {
        let mut watch = WatchSet::new().unwrap();
        let stopper = watch.stopper().unwrap();
        (watch, thread::spawn(move || stopper.stop()))
    };
    let (watch, other) = stopped();
    on_one_thread(async {
        let mut stream = on_tokio::WatchStream::new(watch).unwrap();
        assert!(next(&mut stream).await.is_none());
    });
    other.join().unwrap();
    let (watch, other) = stopped();
    ::async_io::block_on(async {
        let mut stream = async_io::WatchStream::new(watch).unwrap();
        assert!(next(&mut stream).await.is_none());
    });
    other.join().unwrap();
}
