//! A supervisor to embed, for development, tests and containers; trees of services; a test kit.
//!
//! | for                                                         | take               |
//! |-------------------------------------------------------------|--------------------|
//! | services in a `#[test]`, that are gone when it ends          | [`mod@testkit`]        |
//! | services of a program that are gone when it ends, under this supervisor or an installed one | [`DevTree`] |
//! | supervising service directories within a program            | [`Supervisor`]     |
//! | a process that supervises                                   | [`supervise`], [`scan`], [`supervise_with`] |
//!
//! # The supervisor
//!
//! It supervises service directories as `runsv` of runit does and keeps runit's files in them, so
//! `sv`, `svctl` and every other client of runit drive it. It needs no privileges, no installed
//! supervisor, and no process of its own: a [`Supervisor`] is a value, and runs on any thread.
//!
//! ```no_run
//! use svdevtree::{Options, ServiceOptions, Supervisor};
//!
//! let mut supervisor = Supervisor::new(Options::new().observer(|event| {
//!     println!("{} {}", event.dir.display(), event.kind.name());
//! }))?;
//! supervisor.add("service/web", ServiceOptions::new())?;
//! let handle = supervisor.handle();
//! let thread = std::thread::spawn(move || supervisor.run());
//! // ... `sv status service/web`, or svclient ...
//! handle.stop();
//! # let _ = thread.join();
//! # Ok::<(), svdevtree::Error>(())
//! ```
//!
//! # What it is not
//!
//! It is not what a machine should boot with: there, take runit or s6. A supervisor that dies leaves
//! its services behind; one that shares a process with other code dies with that code. It starts no
//! service as another user and sets no limits; `run` does such things, with `chpst` for one. It makes
//! no directories but `supervise`, writes no logs, and knows no order among services.
//!
//! # What it does as runsv
//!
//! `run`, `finish` with its two arguments, `down`, `control/` with the process as argument, `log/` with a
//! pipe that outlives both sides, one second between two runs, every control byte, the files with
//! their types and modes, the lock. `tests/live` drives both through the same scenarios and lists the differences:
//!
//! * It hears requests during that second, and when the service was told to end it does not wait.
//! * `k` leaves the record alone, so `finish` never runs twice, no second process is started beside
//!   one that survived, and the last record is true.
//! * A script that cannot be executed counts as an exit with 111, but no process shows.
//! * `log/` that is held by another supervisor is refused, not waited for.
//! * A process that is told to end by a second SIGTERM kills what still runs; runsv has heard it already.
//!
//! # What it does beyond
//!
//! See [`ServiceOptions`]: readiness, another stop signal, SIGKILL after a time, growing delays, process
//! groups, output for the embedder. Nothing of it changes a byte of runit's files. One file is added,
//! [`supervise/embedded`](svproto::embedded): restarts, readiness, how the last run ended, why a script
//! could not be started, how long a crash loop rests. It is replaced by rename just before the record.
//!
//! # Processes
//!
//! Children are waited for one by one, by descriptor (Linux: pidfd, 5.4 and on): no handler for SIGCHLD,
//! and no other child of the program is touched. The program must not wait for all its children itself
//! (`waitpid(-1)`), nor ignore SIGCHLD. Services inherit environment and signal mask of the thread that
//! runs the supervisor, and nothing else that is open.
//!
//! At rest it sleeps in one `poll` without a timeout.
//!
//! That is the supervisor. A [`DevTree`], and so a kit, starts processes of its own: this program, executed
//! once more. For that the program's `main` begins with [`become_keeper_if_asked`], and a test program has
//! [`testkit!`](crate::testkit!) in it. No code of this crate runs before `main` without that macro.
//!
//! Where it runs: tested on Linux. For macOS and the BSDs it is type-checked only; there a scan directory
//! is listed every five seconds.
//!
//! Words are used as in the [glossary].
//!
//! [glossary]: https://docs.rs/svcmgr/latest/svcmgr/glossary
#![cfg_attr(docsrs, feature(doc_cfg))]

mod embed;
mod error;
mod hook;
mod origin;
mod signal;
pub mod testkit;
mod tree;
mod trusted;

/// For the macro.
#[doc(hidden)]
pub mod __private {
    pub use ctor::declarative::ctor as constructor;
}

pub use self::{
    embed::{
        EMBEDDED, EventKind, Exit, Handle, LONGEST_DELAY, NotifyMessage, NotifySocket, Options,
        ProcessEnd, ProcessGroup, ServiceEvent, ServiceId, ServiceOptions, ServicePart, Stdin,
        Supervisor, Unwell, scan, supervise, supervise_with,
    },
    error::{Error, ErrorKind, WatchLimit},
    hook::become_keeper_if_asked,
    origin::NoKeeper,
    signal::{Signal, UnknownSignal},
    tree::{
        Definition, DevTree, Engine, TreeError, TreeErrorKind, TreeService, TreeStarted,
        TreeStopped,
    },
};
pub use svtrust::Distrust;
