//! The limit on open files: a supervisor of a thousand services needs more than the usual 1024, and
//! its services are to start with what there was.

use std::{
    cell::Cell,
    io,
    process::{Child, Command},
};

use nix::sys::resource::{Resource, getrlimit, rlim_t, setrlimit};

/// The limit, and what it was before it was raised.
#[derive(Debug, Default)]
pub(crate) struct Limit {
    /// Soft and hard limit, and what services get.
    raised: Cell<Option<Raised>>,
}

#[derive(Clone, Copy, Debug)]
struct Raised {
    soft: rlim_t,
    hard: rlim_t,
}

impl Limit {
    /// Sees to it that so many files can be open. Not for a process that has other threads.
    pub(crate) fn make_room(&self, files: usize) {
        let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return };
        let enough = rlim_t::try_from(files).is_ok_and(|files| files <= soft);
        if !enough && soft < hard && setrlimit(Resource::RLIMIT_NOFILE, hard, hard).is_ok() {
            self.raised.set(Some(Raised { soft, hard }));
        }
    }

    /// Starts a process under the limit of before.
    ///
    /// With only standard descriptors std opens none itself, so the limit is lowered meanwhile: the
    /// process never sees another. With an extra one std does, so there the process itself is lowered
    /// right after its start.
    pub(crate) fn start(
        &self,
        descriptors: Descriptors,
        command: &mut Command,
    ) -> io::Result<Child> {
        let Some(Raised { soft, hard }) = self.raised.get() else { return command.spawn() };
        match descriptors {
            Descriptors::Standard => {
                setrlimit(Resource::RLIMIT_NOFILE, soft, hard)?;
                let child = command.spawn();
                setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
                child
            }
            Descriptors::Extra => {
                let child = command.spawn()?;
                lower(&child, soft, hard);
                Ok(child)
            }
        }
    }
}

/// What a process gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Descriptors {
    /// Input, output and errors.
    Standard,
    /// One more.
    Extra,
}

#[cfg(target_os = "linux")]
fn lower(child: &Child, soft: rlim_t, hard: rlim_t) {
    use rustix::process::{Pid, Resource, Rlimit, prlimit};
    let limit = Rlimit { current: Some(soft), maximum: Some(hard) };
    // A process that has ended already needs no limit.
    let _ended = prlimit(Some(Pid::from_child(child)), Resource::Nofile, limit);
}

#[cfg(not(target_os = "linux"))]
const fn lower(_: &Child, _: rlim_t, _: rlim_t) {}
