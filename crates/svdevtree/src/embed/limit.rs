//! The limit on open files: a supervisor of a thousand services needs more than the usual 1024, and
//! its services are to start with what there was.
//!
//! The soft limit is raised to the hard one, and lowered for the moment of each start, so that the
//! process never sees another. What starts it may need descriptors itself just then: musl's
//! `posix_spawn` makes a pipe, and std one where it has to fork. Under the lower limit they must
//! have low numbers. So a few of those are held from the beginning, and let go of for that moment.
//!
//! Source: `posix_spawn` in musl 1.2.5, which opens a pipe, and in glibc 2.36, which opens nothing;
//! strace of both.

use std::{
    cell::RefCell,
    fs::File,
    io,
    os::fd::{AsRawFd as _, OwnedFd, RawFd},
    process::{Child, Command},
};

use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};

/// The limit, and what it was before it was raised.
#[derive(Debug, Default)]
pub(crate) struct Limit {
    raised: Option<Raised>,
    /// This process is a supervisor's own: what is left is for services that are there already.
    keeps_room: bool,
}

#[derive(Debug)]
struct Raised {
    /// What services get.
    soft: rlim_t,
    hard: rlim_t,
    /// Low numbers.
    held: RefCell<Vec<OwnedFd>>,
}

/// A pipe of std or of libc has two ends; one number may be a service's own.
const HELD: usize = 5;

/// What services need now and then: replaced files, a start, a process with its descriptor,
/// readiness.
const ROOM: usize = 64;

/// Room that nothing else takes while a service is taken on.
#[derive(Debug)]
pub(crate) struct Room {
    _held: Vec<OwnedFd>,
}

impl Limit {
    /// As many files as may be open, for a process that has no other threads and opens nothing
    /// else.
    pub(crate) fn raise(&mut self) {
        self.keeps_room = true;
        let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return };
        if soft >= hard {
            return;
        }
        let Ok(held) = hold(HELD) else { return };
        // By way of what is wider and has a sign: `rlim_t` has one on some systems, and none on
        // others.
        let is_low = |fd: &OwnedFd| i128::from(fd.as_raw_fd()) < i128::from(soft);
        if held.iter().all(is_low) && setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_ok() {
            self.raised = Some(Raised { soft, hard, held: RefCell::new(held) });
        }
    }

    /// Room for services that are there already, to be kept while another is taken on.
    ///
    /// # Errors
    ///
    /// With how many files may be open, if there is none left.
    pub(crate) fn keep_room(&self) -> Result<Option<Room>, u64> {
        if !self.keeps_room {
            return Ok(None);
        }
        match hold(ROOM) {
            Ok(held) => Ok(Some(Room { _held: held })),
            Err(_) => Err(most()),
        }
    }

    /// Starts a process under the limit of before. These numbers are kept from whatever is opened for
    /// it.
    pub(crate) fn start(&self, command: &mut Command, numbers: &[RawFd]) -> io::Result<Child> {
        let Some(Raised { soft, hard, held }) = &self.raised else { return command.spawn() };
        let is_kept = |fd: &OwnedFd| numbers.contains(&fd.as_raw_fd());
        held.borrow_mut().retain(is_kept);
        setrlimit(Resource::RLIMIT_NOFILE, *soft, *hard)?;
        let child = command.spawn();
        setrlimit(Resource::RLIMIT_NOFILE, *hard, *hard)?;
        let missing = HELD.saturating_sub(held.borrow().len());
        // They were there a moment ago, and nothing has been opened that is still open.
        held.borrow_mut().extend(hold(missing).unwrap_or_default());
        child
    }
}

/// How many files may be open.
pub(crate) fn most() -> u64 {
    #[allow(clippy::useless_conversion, reason = "another type on some systems")]
    getrlimit(Resource::RLIMIT_NOFILE)
        .map_or(u64::MAX, |(soft, _)| soft.try_into().unwrap_or(u64::MAX))
}

/// So many descriptors, of the lowest numbers that are free.
fn hold(count: usize) -> io::Result<Vec<OwnedFd>> {
    let Some(others) = count.checked_sub(1) else { return Ok(Vec::new()) };
    let first = OwnedFd::from(File::open("/")?);
    let mut held = Vec::with_capacity(count);
    for _ in 0..others {
        held.push(first.try_clone()?);
    }
    held.push(first);
    Ok(held)
}
