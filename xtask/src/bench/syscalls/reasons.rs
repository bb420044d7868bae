//! Why each system call is made.

use std::collections::BTreeSet;

use super::trace::CONTROL_GROUP;

/// The call, what it is about (empty: nothing; `*`: anything else), why.
type Reason = (&'static str, &'static str, &'static str);

/// Of a service directory.
const SERVICE: &[Reason] = &[
    ("newfstatat", "run", "is the definition newer than its process? Asked where that may be"),
    ("newfstatat", "env", "is a variable newer than its process? Asked where that may be"),
    (
        "openat",
        "run",
        "could it be executed? runsv and supervise say that it is up before they know",
    ),
    ("read", "run", "could it be executed? runsv and supervise say that it is up before they know"),
    ("newfstatat", "supervise/status", "how long is the record: whose is it?"),
    ("newfstatat", "supervise/stat", "runit's, or encore's of the same length?"),
    ("newfstatat", "event", "s6's?"),
    ("newfstatat", "down", "is it normally down?"),
    ("newfstatat", "log", "has it a logger?"),
    ("newfstatat", "supervise/death_tally", "was it ever started? The record does not tell"),
    ("newfstatat", "supervise", "does it still lead to what is watched?"),
    ("newfstatat", "the service directory", "is it still the directory that is watched?"),
    ("newfstatat", "supervise/ok", "is it a FIFO? Anything else says nothing of life"),
    ("newfstatat", "supervise/lock", "is it a file?"),
    ("fcntl", "supervise/control", "is it a FIFO? A byte must not reach anything else"),
    ("newfstatat", "finish", "is there something to run when the process has ended?"),
    ("openat", "supervise/ok", "does a supervisor live: the FIFO has a reader"),
    ("fcntl", "supervise/ok", "is it a FIFO? Anything else says nothing of life"),
    ("openat", "supervise/lock", "does a supervisor live: s6 locks it"),
    ("fcntl", "supervise/lock", "who holds the lock?"),
    ("openat", "supervise/status", "the record"),
    (
        "openat",
        "supervise/embedded",
        "what the embedded supervisor tells beside runit's record; under runsv it is not there",
    ),
    (
        "newfstatat",
        "supervise/embedded",
        "is there what the embedded supervisor tells beside runit's record?",
    ),
    ("newfstatat", "/proc/locks", "which process is the supervisor, of a service that is not well"),
    ("openat", "/proc/locks", "which process is the supervisor, of a service that is not well"),
    ("read", "/proc/locks", "which process is the supervisor, of a service that is not well"),
    ("openat", "/proc/self/stat", "what is that process? Of a service that is not well"),
    ("read", "/proc/self/stat", "what is that process? Of a service that is not well"),
    ("openat", "supervise/control", "the request; opened for it alone"),
    ("openat", "notification-fd", "does the service tell when it is ready?"),
    ("openat", "supervise/notification-fd", "does the service tell when it is ready?"),
    ("pread64", "supervise/status", "the bytes; of a FIFO it takes none"),
    ("write", "supervise/control", "the byte"),
    ("close", "supervise/control", "kept open, it would feed the next supervisor stale bytes"),
];

/// Of many of them.
const SCAN: &[Reason] = &[
    ("openat", "the scan directory", "which services are there?"),
    ("newfstatat", "the scan directory", "is it a directory? How large is the list?"),
    ("fcntl", "the scan directory", "it is not left to programs that are started"),
    ("lseek", "the scan directory", "the list from its beginning"),
    ("getdents64", "the scan directory", "their names, many at a time"),
];

/// Of a watch.
const WATCH: &[Reason] = &[
    ("inotify_init1", "", "the one descriptor of a watch"),
    ("inotify_add_watch", "supervise", "records are put there"),
    (
        "inotify_add_watch",
        "the service directory",
        "`down` and `supervise` itself come and go there; fails if it is a link",
    ),
    ("readlink", "the service directory", "where does it lead, should the link be changed?"),
    ("readlink", "supervise", "where does it lead, should the link be changed?"),
    ("poll", "", "waits; or asks whether more was heard"),
    ("ppoll", "", "waits; or asks whether more was heard"),
    ("read", "inotify", "what was heard"),
];

/// Of the bus.
const BUS: &[Reason] = &[
    ("sendmsg", "a socket", "the question"),
    ("recvmsg", "a socket", "the answer: its beginning, its rest, and that there is no more"),
    ("epoll_pwait", "eventpoll", "the connection's thread waits for either end"),
    ("epoll_wait", "eventpoll", "the same, where a C library calls it so"),
    ("epoll_ctl", "eventpoll", "what it waits for"),
    ("epoll_ctl", "*", "what it waits for"),
    ("write", "a pipe", "wakes the connection's thread, which has to send"),
    ("read", "a pipe", "takes that"),
    ("write", "eventfd", "wakes the connection's thread, which has to send"),
    ("read", "eventfd", "takes that"),
];

/// Of a process and its threads.
const PROCESS: &[Reason] = &[
    ("execve", "svctl", "the start"),
    ("arch_prctl", "", "C library: where a thread's own memory is"),
    ("set_tid_address", "", "C library: who is told of a thread's end"),
    ("set_robust_list", "", "C library: the locks of a thread that dies"),
    ("rseq", "", "C library: on which processor does it run?"),
    ("prlimit64", "", "how large is the stack?"),
    ("getrandom", "", "keys of hash tables, and C library's guards"),
    ("readlink", "/proc/self/exe", "C library: where a static program comes from"),
    ("mprotect", "", "memory that is not to be written, or to be used from now on"),
    ("mmap", "", "memory"),
    ("munmap", "", "memory that is not needed any more"),
    ("mremap", "", "memory that grows"),
    ("madvise", "", "memory that is not needed any more"),
    ("brk", "", "memory"),
    ("poll", "", "Rust: are the three streams open?"),
    ("rt_sigaction", "", "Rust: SIGPIPE is ignored; a full stack is told of"),
    ("sigaltstack", "", "Rust: a stack on which a full stack can be told of"),
    (
        "openat",
        "/proc/self/mountinfo",
        "may a directory not answer? Then a second svctl looks first",
    ),
    ("read", "/proc/self/mountinfo", "may a directory not answer? Then a second svctl looks first"),
    ("openat", "/proc/self/maps", "C library: where the stack of the first thread is"),
    ("newfstatat", "/proc/self/maps", "C library: where the stack of the first thread is"),
    ("read", "/proc/self/maps", "C library: where the stack of the first thread is"),
    ("gettid", "", "Rust: the number of a thread"),
    (
        "sched_getaffinity",
        "",
        "how many processors may be used; C library: how large is the stack?",
    ),
    ("clone", "", "a second thread, for many services"),
    ("clone3", "", "a second thread, for many services"),
    ("futex", "", "threads that wait for each other"),
    ("sched_yield", "", "Rust: threads that wait for each other"),
    ("ioctl", "a pipe", "is it a terminal?"),
    ("ioctl", "/dev/null", "is it a terminal?"),
    ("fcntl", "a pipe", "is it open?"),
    ("write", "/dev/null", "the answer"),
    ("writev", "a pipe", "the answer"),
    ("write", "a pipe", "the answer"),
    ("rt_sigprocmask", "", "a thread that is made or ended hears no signals meanwhile"),
    ("exit", "", "the end of a thread"),
    ("exit_group", "", "the end"),
    ("fcntl", "supervise/status", "Rust, in what is built for tests: is it open?"),
    ("close", "*", "descriptors are not left behind"),
];

/// What an operation is about.
#[derive(Clone, Copy, Debug)]
pub(super) enum About {
    Directories,
    Bus,
    Process,
}

/// Rows of [`Used::why`] that were looked up so far.
#[derive(Debug, Default)]
pub(super) struct Used(BTreeSet<(&'static str, &'static str)>);

impl Used {
    /// Why this call is made, if that is known.
    pub(super) fn why(&mut self, about: About, name: &str, on: &str) -> Option<&'static str> {
        let lists: &[&[Reason]] = match about {
            About::Directories => &[SERVICE, SCAN, WATCH, PROCESS],
            About::Bus => &[BUS, PROCESS],
            About::Process => &[PROCESS],
        };
        let all = || lists.iter().copied().flatten();
        if on == CONTROL_GROUP {
            return Some("Rust: how many processors does the control group leave?");
        }
        let exact = all().find(|it| it.0 == name && it.1 == on);
        let row = exact.or_else(|| all().find(|it| it.0 == name && it.1 == "*"))?;
        self.0.insert((row.0, row.1));
        Some(row.2)
    }

    /// Reasons for which there is no call any more.
    pub(super) fn idle(&self) -> Vec<String> {
        let all = [SERVICE, SCAN, WATCH, BUS, PROCESS].into_iter().flatten();
        let idle = all.filter(|it| !self.0.contains(&(it.0, it.1)));
        idle.map(|(name, on, _)| format!("{name} {on}")).collect()
    }
}
