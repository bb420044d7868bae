//! The kinds of errors, to branch on.

/// [`Error`](super::Error) without its details, to branch on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// There is nothing at the path.
    NotFound,
    /// The directory is no service directory.
    NotAService,
    /// A file is of another type than the protocol knows.
    WrongType,
    /// It cannot be told which supervisor owns the directory.
    UnknownDialect,
    /// The record is none.
    Malformed,
    /// No supervisor is running there.
    NotSupervised,
    /// The dialect has no such request.
    Unsupported,
    /// The supervisor, or the scanner, is not taking requests now; a later try may succeed.
    Busy,
    /// There was no answer in time.
    NoAnswer,
    /// The way to the supervisor was lost, and what became of the request is not known.
    Lost,
    /// No scanner would look at such a name.
    BadName,
    /// A name is in two scan directories.
    Ambiguous,
    /// Something else has that name in the scan directory.
    NameTaken,
    /// The scan directory has it under another name.
    EnabledAs,
    /// A directory does not answer at all.
    Unanswered,
    /// An entry of a scan directory is no link.
    NotALink,
    /// Somebody else may change a scan directory.
    Untrusted,
    /// A right is missing.
    Denied,
    /// The operating system refused for another reason.
    Io,
    /// The supervisor refused for another reason.
    Other,
}

svproto::words!(ErrorKind, "kind of error":
    NotFound "not-found",
    NotAService "not-a-service",
    WrongType "wrong-type",
    UnknownDialect "unknown-dialect",
    Malformed "malformed",
    NotSupervised "not-supervised",
    Unsupported "unsupported",
    Busy "busy",
    NoAnswer "no-answer",
    Lost "lost",
    BadName "bad-name",
    Ambiguous "ambiguous",
    NameTaken "name-taken",
    EnabledAs "enabled-as",
    Unanswered "unanswered",
    NotALink "not-a-link",
    Untrusted "untrusted",
    Denied "denied",
    Io "io",
    Other "other",
);
