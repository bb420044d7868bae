//! The same work on many things, by several threads.

use std::{
    collections::BTreeMap,
    num::NonZeroUsize,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// What `act` says of each of them, if anything, in their order. The calling thread works, too.
pub(crate) fn each<I: Sync, T: Send>(
    items: &[I],
    threads: NonZeroUsize,
    act: impl Fn(&I) -> Option<T> + Sync,
) -> Vec<T> {
    let mut all = Vec::with_capacity(items.len());
    each_with(items, threads, || (), |(), item| act(item), |result| all.push(result));
    all
}

/// As [`each`], with something of its own in the hands of every thread; `take` gets the results in
/// their order, as soon as those before them are there.
pub(crate) fn each_with<I: Sync, S, T: Send>(
    items: &[I],
    threads: NonZeroUsize,
    own: impl Fn() -> S + Sync,
    act: impl Fn(&mut S, &I) -> Option<T> + Sync,
    take: impl FnMut(T) + Send,
) {
    let begun = AtomicUsize::new(0);
    let done = Mutex::new(Done { next: 0, early: BTreeMap::new(), take: Some(take) });
    // A piece at a time: who is slow leaves the rest to the others.
    let piece_len = (items.len() / threads.get()).clamp(1, PIECE);
    let work = || {
        let mut own = own();
        loop {
            let piece = begun.fetch_add(1, Ordering::Relaxed);
            let from = piece.saturating_mul(piece_len);
            let Some(rest) = items.get(from..).filter(|rest| !rest.is_empty()) else { return };
            let mut results = Vec::with_capacity(piece_len.min(rest.len()));
            results.extend(rest.iter().take(piece_len).filter_map(|item| act(&mut own, item)));
            add(&done, piece, results);
        }
    };
    thread::scope(|scope| {
        let pieces = items.len().div_ceil(piece_len);
        let helpers = (threads.get() - 1).min(pieces.saturating_sub(1));
        // If the system has no thread to give, fewer do the same work.
        let helper = |_| thread::Builder::new().spawn_scoped(scope, work).ok();
        let helpers: Vec<_> = (0..helpers).map_while(helper).collect();
        work();
        for helper in helpers {
            if let Err(panic) = helper.join() {
                std::panic::resume_unwind(panic);
            }
        }
    });
}

/// Pieces that are done, on their way to whoever takes them.
struct Done<T, F> {
    /// The piece that is to be taken next.
    next: usize,
    /// That and those after it.
    early: BTreeMap<usize, Vec<T>>,
    /// None: a thread has it in its hands and goes on with what the others add.
    take: Option<F>,
}

/// One thread takes, and no other waits for it: a thread that sleeps on a lock may wake up on the
/// processor of the one that woke it, and stay there while its own has nothing to do.
fn add<T, F: FnMut(T)>(done: &Mutex<Done<T, F>>, piece: usize, results: Vec<T>) {
    // A thread that panicked has ended the work anyway: its panic goes on where the threads are joined.
    let lock = || done.lock().unwrap_or_else(PoisonError::into_inner);
    let mut now = lock();
    now.early.insert(piece, results);
    let Some(mut take) = now.take.take() else { return };
    while let Some(results) = now.ready() {
        drop(now);
        results.into_iter().for_each(&mut take);
        now = lock();
    }
    now.take = Some(take);
}

impl<T, F> Done<T, F> {
    /// The next piece, when it is there.
    fn ready(&mut self) -> Option<Vec<T>> {
        let results = self.early.remove(&self.next)?;
        self.next += 1;
        Some(results)
    }
}

/// Things that a thread takes at a time, at most.
const PIECE: usize = 32;

#[cfg(test)]
mod tests {
    use std::{sync::Condvar, time::Duration};

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

    #[test]
    fn nobody_waits_for_who_takes() {
        let two = NonZeroUsize::new(2).unwrap();
        let items = [(); 8 * PIECE];
        let (acted, all) = (Mutex::new(0), Condvar::new());
        let act = |(): &mut (), (): &()| {
            *acted.lock().unwrap() += 1;
            all.notify_all();
            Some(())
        };
        let mut taken = 0;
        let take = |()| {
            // Whoever took the first result is here: the other does what is left.
            let patience = Duration::from_secs(10);
            let is_left = |acted: &mut usize| *acted < items.len();
            let (_acted, waited) =
                all.wait_timeout_while(acted.lock().unwrap(), patience, is_left).unwrap();
            assert!(!waited.timed_out());
            taken += 1;
        };
        each_with(&items, two, || (), act, take);
        assert_eq!(taken, items.len());
    }

    #[test]
    fn results_are_taken_before_all_are_there() {
        let taken = AtomicUsize::new(0);
        let (items, threads) = ([(); 3 * PIECE], NonZeroUsize::MIN);
        let numbered = AtomicUsize::new(0);
        let act = |(): &mut (), (): &()| {
            let number = numbered.fetch_add(1, Ordering::Relaxed);
            assert_eq!(taken.load(Ordering::Relaxed), number / PIECE * PIECE);
            Some(number)
        };
        each_with(
            &items,
            threads,
            || (),
            act,
            |number| {
                assert_eq!(taken.fetch_add(1, Ordering::Relaxed), number);
            },
        );
        assert_eq!(taken.into_inner(), items.len());
    }
}
