//! What each crate may depend on and what stays out of it: the table that tidy enforces.

/// The rules of one crate.
pub(super) struct Rule {
    pub(super) name: &'static str,
    /// The members that it may depend on.
    pub(super) arrows: &'static [&'static str],
    /// If given, the only crates of others that it may name, and only as optional ones.
    pub(super) only_optional: Option<&'static [&'static str]>,
    /// How many crates of others its users compile at most: Linux, default features.
    pub(super) ceiling: Option<usize>,
    /// What must not appear in its code, tests aside, and why.
    pub(super) words: &'static [Word],
}

/// A forbidden word and the reason.
pub(super) type Word = (&'static str, &'static str);

/// The rules of this crate, if there are any.
pub(super) fn of(name: &str) -> Option<&'static Rule> {
    TABLE.iter().find(|it| it.name == name)
}

const FREE: Rule = Rule { name: "", arrows: &[], only_optional: None, ceiling: None, words: &[] };

/// A member that is not here is a finding: a crate without rules is a decision to take.
pub(super) static TABLE: [Rule; 14] = [
    Rule {
        name: "svproto",
        only_optional: Some(&["serde"]),
        ceiling: Some(0),
        words: &SVPROTO,
        ..FREE
    },
    Rule { name: "svtrust", ceiling: Some(9), words: &SVTRUST, ..FREE },
    Rule {
        name: "svclient",
        arrows: &["svproto", "svtrust"],
        ceiling: Some(16),
        words: &SVCLIENT,
        ..FREE
    },
    Rule {
        name: "svbuild",
        arrows: &["svproto", "svtrust"],
        ceiling: Some(24),
        words: &SVBUILD,
        ..FREE
    },
    Rule {
        name: "svlint",
        arrows: &["svbuild", "svproto"],
        ceiling: Some(24),
        words: &SVLINT,
        ..FREE
    },
    // Two are of the parser of YAML.
    Rule {
        name: "svconvert",
        arrows: &["svbuild", "svproto"],
        ceiling: Some(26),
        words: &SVCONVERT,
        ..FREE
    },
    // 27 are zbus's, 8 svclient's; and glob.
    Rule {
        name: "svsystemd",
        arrows: &["svclient", "svproto"],
        ceiling: Some(37),
        words: &SVSYSTEMD,
        ..FREE
    },
    Rule {
        name: "svdevtree",
        arrows: &["svclient", "svbuild", "svproto", "svtrust"],
        ceiling: Some(34),
        words: &SVDEVTREE,
        ..FREE
    },
    // Nine are for one checksum, as many for JSON.
    Rule { name: "svremote", ceiling: Some(27), words: &SVREMOTE, ..FREE },
    Rule {
        name: "svcmgr",
        arrows: &[
            "svproto",
            "svclient",
            "svbuild",
            "svconvert",
            "svlint",
            "svsystemd",
            "svdevtree",
            "svremote",
        ],
        words: &SVCMGR,
        ..FREE
    },
    Rule { name: "svctl", arrows: &["svcmgr", "svtrust"], words: &SVCTL, ..FREE },
    // It holds properties of two crates; what it depends on is of no concern to users.
    Rule { name: "svproto-fuzz", arrows: &["svproto", "svbuild"], ..FREE },
    Rule { name: "svcmgr-bench", arrows: &["svclient", "svproto", "svsystemd"], ..FREE },
    Rule { name: "xtask", ..FREE },
];

/// What no file of any crate has, tests included.
pub(super) const EVERYWHERE: [Word; 3] = [
    ("todo!(", "unfinished code is not merged"),
    ("unimplemented!(", "unfinished code is not merged"),
    ("dbg!(", "left over from looking for a fault"),
];

/// Where a word may stand all the same: the file, the word. `docs/decisions.md` says why.
pub(super) const EXCEPT: [(&str, &str); 12] = [
    ("crates/svclient/src/check.rs", "Command::new"),
    ("crates/svbuild/src/write/disk.rs", "mkdirat"),
    ("crates/svbuild/src/write/disk.rs", "unlinkat"),
    ("crates/svbuild/src/write/disk.rs", "renameat"),
    ("crates/svbuild/src/write/disk.rs", "linkat("),
    ("crates/svbuild/src/write/disk.rs", "symlinkat"),
    ("crates/svbuild/src/write/disk.rs", "fchmod"),
    ("crates/svbuild/src/write/disk.rs", "fchown"),
    ("crates/svbuild/src/write/disk.rs", "OFlags::CREATE"),
    ("crates/svdevtree/src/testkit.rs", "eprintln!"),
    ("crates/svproto/src/tai/system.rs", "std::"),
    ("crates/svproto/src/tai/system.rs", "SystemTime"),
];

const SVPROTO: [Word; 7] = [
    ("std::", NO_STD),
    ("alloc::", NO_STD),
    ("unsafe", "svproto decodes bytes; nothing in it needs a raw pointer"),
    (".unwrap(", NO_PANIC),
    (".expect(", NO_PANIC),
    ("panic!", NO_PANIC),
    ("SystemTime", "svproto has no clock; time is an argument"),
];

const SVCLIENT: [Word; 11] = [
    ("from_be_bytes", NO_LAYOUT),
    ("from_le_bytes", NO_LAYOUT),
    ("to_be_bytes", NO_LAYOUT),
    ("to_le_bytes", NO_LAYOUT),
    ("zbus", NO_DBUS),
    ("F_SETLK", NO_LOCK),
    ("F_OFD_SETLK", NO_LOCK),
    ("Command::new", "svclient speaks to supervisors that run; it starts no process"),
    ("println!", NO_PRINTING),
    ("eprintln!", NO_PRINTING),
    ("thread::sleep", "no sleep stands for an event; wait for the change with a deadline"),
];

const SVTRUST: [Word; 9] = [
    ("Command::new", ONLY_LOOKS),
    ("println!", NO_PRINTING),
    ("eprintln!", NO_PRINTING),
    ("mkdir", ONLY_LOOKS),
    ("unlink", ONLY_LOOKS),
    ("rename", ONLY_LOOKS),
    ("CREATE", ONLY_LOOKS),
    ("canonicalize", "a path that is resolved as a whole is nobody's to vouch for"),
    ("unsafe", "it opens and looks; nothing in it needs a raw pointer"),
];

const SVREMOTE: [Word; 5] = [
    ("println!", NO_PRINTING),
    ("eprintln!", NO_PRINTING),
    ("thread::sleep", "no sleep stands for an event; a deadline is one of the poll"),
    ("thread::spawn", "no thread for a host; one poll serves all of them"),
    ("ssh2", "it has no ssh of its own; the user's is started"),
];

const SVDEVTREE: [Word; 9] = [
    ("from_be_bytes", NO_LAYOUT),
    ("from_le_bytes", NO_LAYOUT),
    ("to_le_bytes", NO_LAYOUT),
    ("zbus", NO_DBUS),
    ("tokio", "a supervisor is one poll loop; it needs no runtime"),
    ("println!", NO_PRINTING),
    ("eprintln!", NO_PRINTING),
    ("thread::spawn", "no thread for a service; the embedder has the one that runs it all"),
    ("thread::sleep", "no sleep stands for an event; a timer is a deadline of the poll"),
];

const SVBUILD: [Word; 23] = [
    ("svclient", "svbuild makes files; it reads no status"),
    ("Command::new", "svbuild starts no process"),
    ("println!", NO_PRINTING),
    ("eprintln!", NO_PRINTING),
    ("thread::sleep", "no sleep stands for an event"),
    ("fs::write", ONE_WRITER),
    ("File::create", ONE_WRITER),
    ("OpenOptions", ONE_WRITER),
    ("DirBuilder", ONE_WRITER),
    ("create_dir_all", ONE_WRITER),
    ("set_permissions", ONE_WRITER),
    ("hard_link", ONE_WRITER),
    ("unix::fs::symlink", ONE_WRITER),
    ("fs::rename(", ONE_WRITER),
    ("fs::remove", ONE_WRITER),
    ("mkdirat", ONE_WRITER),
    ("unlinkat", ONE_WRITER),
    ("renameat", ONE_WRITER),
    ("linkat(", ONE_WRITER),
    ("symlinkat", ONE_WRITER),
    ("fchmod", ONE_WRITER),
    ("fchown", ONE_WRITER),
    ("OFlags::CREATE", ONE_WRITER),
];

const SVLINT: [Word; 9] = [
    ("svclient", "svlint reads files that nobody runs yet; it asks no supervisor"),
    ("Command::new", "svlint starts nothing; what it cannot read it does not know"),
    ("println!", NO_PRINTING),
    ("eprintln!", NO_PRINTING),
    ("fs::write", BY_SVBUILD),
    ("std::fs::read", "files are opened by world.rs alone, which follows links by hand"),
    ("OpenOptions", BY_SVBUILD),
    ("fs::rename(", BY_SVBUILD),
    ("fs::remove", BY_SVBUILD),
];

const SVCONVERT: [Word; 10] = [
    ("svclient", "svconvert reads files; it asks no supervisor"),
    ("Command::new", "svconvert starts nothing; it is data in and data out"),
    ("println!", NO_PRINTING),
    ("eprintln!", NO_PRINTING),
    ("fs::write", "svconvert writes nothing; its definitions are written by svbuild"),
    ("File::create", "svconvert writes nothing; its definitions are written by svbuild"),
    ("fs::rename(", "svconvert writes nothing; its definitions are written by svbuild"),
    ("fs::remove", "svconvert writes nothing; its definitions are written by svbuild"),
    ("std::env", "what is converted does not depend on who converts it"),
    ("unsafe", "it reads text; nothing in it needs a raw pointer"),
];

const SVSYSTEMD: [Word; 6] = [
    ("Command::new", "svsystemd asks the manager; it runs neither systemctl nor anything else"),
    ("println!", NO_PRINTING),
    ("eprintln!", NO_PRINTING),
    ("thread::sleep", "no sleep stands for an event; the manager signals"),
    ("CONTROL", "service directories live in svclient"),
    ("signal::kill", "a pid that was read may be another's by now; the manager signals"),
];

const SVCMGR: [Word; 1] =
    [("fn ", "svcmgr has names and no logic; the function belongs in a layer")];

const SVCTL: [Word; 3] =
    [("from_be_bytes", NO_LAYOUT), ("from_le_bytes", NO_LAYOUT), ("zbus", NO_DBUS)];

const NO_STD: &str = "svproto runs without an operating system; use core";
const NO_PANIC: &str = "svproto is total: every input has an answer";
const NO_LAYOUT: &str = "byte offsets live in svproto";
const ONLY_LOOKS: &str =
    "svtrust opens and looks; whoever comes somewhere by it decides what is done there";
const BY_SVBUILD: &str = "svbuild writes; a fix is one exchange of a file";
const ONE_WRITER: &str = "only write/disk.rs changes the disk, by descriptors";
const NO_LOCK: &str = "a supervisor that starts meanwhile would not get its lock; ask who has it";
const NO_DBUS: &str = "D-Bus lives in svsystemd";
const NO_PRINTING: &str = "svctl is the only crate that prints";
