//! The same work on many things, by several threads.

use std::{
    num::NonZeroUsize,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

/// What `act` says of each of them, if anything, in their order. The calling thread works, too.
pub(crate) fn each<I: Sync, T: Send>(
    items: &[I],
    threads: NonZeroUsize,
    act: impl Fn(&I) -> Option<T> + Sync,
) -> Vec<T> {
    each_with(items, threads, || (), |(), item| act(item))
}

/// As [`each`], with something of its own in the hands of every thread.
pub(crate) fn each_with<I: Sync, S, T: Send>(
    items: &[I],
    threads: NonZeroUsize,
    own: impl Fn() -> S + Sync,
    act: impl Fn(&mut S, &I) -> Option<T> + Sync,
) -> Vec<T> {
    let next = AtomicUsize::new(0);
    // A piece at a time: who is slow leaves the rest to the others.
    let piece_len = (items.len() / threads.get()).clamp(1, PIECE);
    let pieces = items.len().div_ceil(piece_len);
    let work = || {
        let mut done = Vec::with_capacity(pieces / threads.get() + 1);
        let mut own = own();
        loop {
            let piece = next.fetch_add(1, Ordering::Relaxed);
            let from = piece.saturating_mul(piece_len);
            let Some(rest) = items.get(from..).filter(|rest| !rest.is_empty()) else { return done };
            let mut results = Vec::with_capacity(piece_len.min(rest.len()));
            results.extend(rest.iter().take(piece_len).filter_map(|item| act(&mut own, item)));
            done.push((piece, results));
        }
    };
    let mut done = thread::scope(|scope| {
        let helpers = (threads.get() - 1).min(pieces.saturating_sub(1));
        // If the system has no thread to give, fewer do the same work.
        let helper = |_| thread::Builder::new().spawn_scoped(scope, work).ok();
        let helpers: Vec<_> = (0..helpers).map_while(helper).collect();
        let mut done = work();
        for helper in helpers {
            match helper.join() {
                Ok(part) => done.extend(part),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        done
    });
    done.sort_unstable_by_key(|&(piece, _)| piece);
    let mut all = Vec::with_capacity(items.len());
    for (_, results) in done {
        all.extend(results);
    }
    all
}

/// Things that a thread takes at a time, at most.
const PIECE: usize = 32;

#[cfg(test)]
mod tests {
    use std::{
        sync::{Condvar, Mutex},
        time::Duration,
    };

    use super::*;

    #[test]
    fn a_few_are_done_by_as_many_threads() {
        let (asked, all) = (Mutex::new(0), Condvar::new());
        // Who is asked answers when all are.
        let act = |(): &()| {
            let mut asked = asked.lock().unwrap();
            *asked += 1;
            all.notify_all();
            let patience = Duration::from_secs(10);
            let (_asked, waited) =
                all.wait_timeout_while(asked, patience, |asked| *asked < 8).unwrap();
            Some(waited.timed_out())
        };
        let results = each(&[(); 8], NonZeroUsize::new(8).unwrap(), act);
        assert!(results.into_iter().all(|timed_out| !timed_out));
    }

    #[test]
    fn results_are_in_order_whoever_did_the_work() {
        let threads = NonZeroUsize::new(3).unwrap();
        for len in [0, 1, 2, 31, 32, 33, 1000] {
            let items: Vec<usize> = (0..len).collect();
            assert_eq!(each(&items, threads, |&item| Some(item)), items);
        }
    }
}
