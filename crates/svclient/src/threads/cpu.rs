//! On which processor a thread begins.
//!
//! Linux puts a thread of a young process on its maker's processor though another has nothing to do,
//! and moves one of the two there at a tick, 4 ms later or 8 (6.18, a virtual machine of two; so began
//! 69 of 76 helpers of `svctl status`). Its listing of 5,000 services took 31.5 ms that way, and takes
//! 28.5 ms when the helper goes by itself.

use std::thread;

/// The processor where threads are made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cpu(Option<usize>);

impl Cpu {
    /// That of the calling thread, where the system tells.
    pub(super) fn here() -> Self {
        #[cfg(target_os = "linux")]
        let here = nix::sched::sched_getcpu().ok();
        #[cfg(not(target_os = "linux"))]
        let here = None;
        Self(here)
    }

    /// For the maker: lets threads that began here have the processor, so that they can leave it.
    pub(super) fn make_way(self) {
        if self.0.is_some() {
            thread::yield_now();
        }
    }

    /// For the thread that was made: goes elsewhere if it is here and may be elsewhere. Where it may be
    /// is the same afterwards.
    #[cfg(target_os = "linux")]
    pub(super) fn leave(self) {
        use nix::{
            sched::{sched_getaffinity, sched_getcpu, sched_setaffinity},
            unistd::Pid,
        };
        const ITSELF: Pid = Pid::from_raw(0);

        let Some(here) = self.0.filter(|_| sched_getcpu().ok() == self.0) else { return };
        // More processors than fit in the set: an error, and it stays.
        let Ok(all) = sched_getaffinity(ITSELF) else { return };
        let mut others = all;
        if others.unset(here).is_ok() && sched_setaffinity(ITSELF, &others).is_ok() {
            // If it fails, the thread is kept from one processor for the rest of its work.
            let _kept = sched_setaffinity(ITSELF, &all);
        }
    }

    #[cfg(not(target_os = "linux"))]
    #[expect(clippy::unused_self, reason = "threads are left where the system puts them")]
    pub(super) const fn leave(self) {}
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use nix::{
        sched::{CpuSet, sched_getaffinity, sched_setaffinity},
        unistd::Pid,
    };

    use super::*;

    fn allowed() -> nix::Result<CpuSet> {
        sched_getaffinity(Pid::from_raw(0))
    }

    #[test]
    fn who_leaves_may_come_back() {
        // In threads of their own: what they may do ends with them.
        let left = thread::spawn(|| {
            let before = allowed().unwrap();
            Cpu::here().leave();
            (before, allowed().unwrap())
        });
        let (before, after) = left.join().unwrap();
        assert_eq!(before, after);
    }

    #[test]
    fn who_has_nowhere_else_to_go_stays() {
        let stayed = thread::spawn(|| {
            let here = Cpu::here();
            let mut only = CpuSet::new();
            only.set(here.0.unwrap()).unwrap();
            sched_setaffinity(Pid::from_raw(0), &only).unwrap();
            let here = Cpu::here();
            here.make_way();
            here.leave();
            (only, allowed().unwrap())
        });
        let (only, after) = stayed.join().unwrap();
        assert_eq!(only, after);
    }
}
