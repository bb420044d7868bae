//! A whole thing lent to the thread that works on it, by whoever must leave at a deadline. What hangs comes back
//! later, whole, and with what it had to say.
//!
//! For the crates beside this one, and no part of its face.

use std::{
    fmt, mem,
    sync::{
        Mutex, PoisonError,
        mpsc::{self, Sender},
    },
    time::Instant,
};

use crate::aside::{Again, Aside, Heard, NotBegun};

/// Something that hangs in the system, and its work.
pub struct Away<T, R>(Mutex<Aside<(T, R)>>);

/// What became of the work.
#[derive(Debug)]
pub enum Lent<T, R> {
    /// It was done in time, and what was lent is back.
    Done(R),
    /// The deadline is over. What was lent is not here, and something stands in for it.
    Away(Away<T, R>),
    /// As many as may be hang already; nothing was done.
    TooMany,
}

/// Works on something in a thread beside this one; until it is back, something else stands in for it.
pub fn lend<T: Send + 'static, R: Send + 'static>(
    it: &mut T,
    stand_in: T,
    deadline: Instant,
    work: impl FnOnce(&mut T) -> R + Send + 'static,
) -> Lent<T, R> {
    let (give, take) = mpsc::sync_channel(1);
    let begun = Aside::begin(move |say: &Sender<(T, R)>| {
        let Ok(mut it) = take.recv() else { return };
        let said = work(&mut it);
        let _nobody_waits = say.send((it, said));
    });
    let aside = match begun {
        Err(NotBegun::TooMany) => return Lent::TooMany,
        Ok(aside) => {
            let _taken = give.send(mem::replace(it, stand_in));
            Ok(aside)
        }
        Err(NotBegun::NoThread(work)) => {
            let _taken = give.send(mem::replace(it, stand_in));
            let (say, said) = mpsc::channel();
            work(&say);
            Err(said)
        }
    };
    let heard = match &aside {
        Ok(aside) => aside.hear(deadline),
        Err(said) => said.recv().map_or(Heard::End, Heard::Said),
    };
    match (heard, aside) {
        (Heard::Said((back, said)), _) => {
            *it = back;
            Lent::Done(said)
        }
        (Heard::Left, Ok(aside)) => Lent::Away(Away(Mutex::new(aside))),
        (_, Ok(aside)) => {
            aside.rethrow();
            Lent::TooMany
        }
        (_, Err(_)) => Lent::TooMany,
    }
}

impl<T, R> fmt::Debug for Away<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Away")
    }
}

impl<T: Send + 'static, R: Send + 'static> Away<T, R> {
    /// What was lent, if it is back by then; without a deadline, once it is back.
    /// # Errors
    ///
    /// Itself, if it hangs still.
    pub fn take_back(self, deadline: Option<Instant>) -> Result<(T, R), Self> {
        let aside = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        match aside.hear_again(deadline) {
            Again::Said(back) => Ok(back),
            Again::NotYet => Err(Self(Mutex::new(aside))),
            Again::End => {
                aside.rethrow();
                unreachable!("work that does not end by a panic says something")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_hangs_comes_back_whole() {
        let (go_on, held) = mpsc::channel::<()>();
        let mut list = vec![1];
        let lent = lend(&mut list, Vec::new(), Instant::now(), move |list| {
            list.push(2);
            let _until_it_is_let_go = held.recv();
            list.push(3);
            "done"
        });
        let Lent::Away(away) = lent else { panic!("it hangs") };
        assert!(list.is_empty());
        let Err(away) = away.take_back(Some(Instant::now())) else { panic!("it still hangs") };
        drop(go_on);
        let Ok(back) = away.take_back(None) else { panic!("it hangs no more") };
        assert_eq!(back, (vec![1, 2, 3], "done"));
    }

    #[test]
    fn what_ends_in_time_is_back_at_once() {
        let mut list = vec![1];
        let far = Instant::now() + Duration::from_secs(1000);
        let lent = lend(&mut list, Vec::new(), far, Vec::pop);
        assert!(matches!(lent, Lent::Done(Some(1))) && list.is_empty());
    }
}
