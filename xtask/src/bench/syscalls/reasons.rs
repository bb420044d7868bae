//! Why each system call is made.

/// The call, what it is about (empty: nothing; `*`: anything), why.
const REASONS: &[(&str, &str, &str)] = &[
    ("newfstatat", "supervise/status", "is it a service, and of what length is its record: whose is it? Opened: is it a file?"),
    ("newfstatat", "supervise/stat", "runit's, or encore's of the same length?"),
    ("newfstatat", "event", "s6's?"),
    ("openat", "supervise/ok", "does a supervisor live: the FIFO has a reader"),
    ("openat", "supervise/lock", "does a supervisor live: s6 locks it"),
    ("fcntl", "supervise/lock", "who holds the lock?"),
    ("openat", "supervise/status", "the record"),
    ("openat", "supervise/ready", "readiness, which the embedded supervisor keeps beside runit's record"),
    ("openat", "supervise/control", "the request; opened for it alone"),
    ("openat", "notification-fd", "does the service tell when it is ready?"),
    ("newfstatat", "down", "is it normally down?"),
    ("newfstatat", "log", "has it a logger?"),
    ("newfstatat", "supervise/death_tally", "was it ever started? The record does not tell"),
    ("newfstatat", "*", "is it of the type that it must be? A byte must not reach anything else"),
    ("read", "supervise/status", "the bytes"),
    ("write", "supervise/control", "the byte"),
    ("close", "*", "kept open, it would feed the next supervisor stale bytes, or use up descriptors"),
];

/// Why this call is made, if that is known.
pub(super) fn why(name: &str, on: &str) -> Option<&'static str> {
    let exact = REASONS.iter().find(|it| it.0 == name && it.1 == on);
    let any = || REASONS.iter().find(|it| it.0 == name && it.1 == "*");
    exact.or_else(any).map(|it| it.2)
}
