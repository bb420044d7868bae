//! What is well is not blamed, and what fails is not blamed for what it does right.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, chown, symlink},
    path::{Path, PathBuf},
    time::Instant,
};

use serde_json::Value;

use crate::{
    explains::{SLEEP, explain, raw, run_of},
    sentences::until_state,
    supervised::{PATIENCE, Suite, Supervised, scripts},
};

/// Services as people have them, all of which run.
pub fn what_is_well_is_not_blamed(suite: Suite) {
    const RUNS: &[&str] = &[
        "#!/bin/sh\nexec sleep 1000\n",
        // Elsewhere by its name, and where the test looks for what is left in the end.
        "#!/bin/sh -e\nexec 2>&1\ncd /proc/self/cwd\nexec sleep 1000\n",
        "#! /bin/sh\nexec sleep 1000\n",
        "#!/usr/bin/env sh\nexec sleep 1000\n",
        "#!/usr/bin/tail -f\n",
        "#!/bin/sh\nPROGRAM=sleep\nexec $PROGRAM 1000\n",
        "#!/bin/sh\nif false; then exec nonexistent-program; fi\nexec sleep 1000\n",
        "#!/bin/sh\ntest -e /nonexistent && exec /nonexistent/program\nexec sleep 1000\n",
        "#!/bin/sh\ncd /nonexistent 2>/dev/null\nexec sleep 1000\n",
        "#!/bin/sh\nPATH=/nonexistent:$PATH\nexec sleep 1000\n",
        "#!/bin/sh\nsleep 1000\n",
        "#!/bin/sh\nsleep 1000 &\nwait\n",
        "#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 1; done\n",
        "#!/bin/sh\nexec env A=1 sleep 1000\n",
        "#!/bin/sh\nexec nice -n 1 sleep 1000\n",
        "#!/bin/sh\nexec nohup sleep 1000\n",
        "#!/bin/sh\nexec </dev/null\nexec sleep 1000\n",
        "#!/bin/sh\ncat >/dev/null <<X\nexec nonexistent-program\nX\nexec sleep 1000\n",
        "#!/bin/sh\n# a comment\n\nexec sleep 1000 # another\n",
        "#!/bin/sh\nexec \\\n  sleep \\\n  1000\n",
        "#!/bin/sh\nulimit -c 0\numask 022\nexec sleep 1000\n",
        "#!/bin/sh\nexec sh -c 'exec sleep 1000'\n",
        "#!/bin/sh\nexec 2>&1\nexec sleep 1000 2>&1\n",
        "#!/bin/sh\nf() { exec nonexistent-program; }\nexec sleep 1000\n",
        // Interpreters of other kinds, and lines that name them in other ways.
        "#!/usr/bin/env -S sh -e\nexec sleep 1000\n",
        "#!\t/bin/sh\t-e\nexec sleep 1000\n",
        "#!/usr/bin/perl\nsleep 1000;\n",
        "#!/usr/bin/env -S perl -w\nsleep 1000;\n",
        "#!/usr/bin/execlineb -P\nfdmove -c 2 1\nsleep 1000\n",
        "#!/bin/bash\nexec > >(cat >/dev/null) 2>&1\nexec sleep 1000\n",
        // Where it works, and as whom.
        "#!/bin/sh\ncd ./data || exit 1\nexec ../bin/server\n",
        "#!/bin/sh\ncd /nonexistent 2>/dev/null || cd ./data\nexec ../bin/server\n",
        "#!/bin/sh\n. ./conf\nexec ../bin/server\n",
        "#!/bin/sh\nexec ./current/bin/server\n",
        "#!/bin/sh\nexec chpst -e ./env chpst -b name -o 100 sleep 1000\n",
        "#!/bin/sh\nexec softlimit -o 100 setsid -w sleep 1000\n",
        "#!/bin/sh\nexec env -i A=1 sleep 1000\n",
        "#!/usr/bin/execlineb -P\nmultisubstitute { define -s A \"a\\\\b\" }\nsleep \\\n1000\n",
        // Sessions of its own.
        "#!/usr/bin/perl\nuse POSIX; POSIX::setsid(); sleep 1000;\n",
        "#!/usr/bin/perl\nuse POSIX; if (!fork) { POSIX::setsid(); sleep 1004; exit } sleep 1000;\n",
        // What it starts beside itself, and what it says that is no fault of its own.
        "#!/bin/sh\nsleep 1001 &\nsleep 1002 &\nwait\n",
        "#!/usr/bin/perl\nif (!fork) { if (!fork) { exec 'sleep', '1003' } exit 0 } wait; sleep 1000;\n",
        "#!/bin/sh\nexec 2>&1\necho 'bind: Address already in use, trying another'\nexec sleep 1000\n",
        "#!/usr/bin/perl\nuse Socket; socket(S,PF_INET,SOCK_STREAM,0);\n\
         bind(S,sockaddr_in(0,INADDR_LOOPBACK)); listen(S,5); sleep 1000;\n",
    ];
    let start = |text: &&str| {
        let mut supervised = Supervised::prepare(suite, SLEEP);
        scripts::write(&supervised.dir().join("run"), text);
        for name in ["data", "bin", "v1/bin", "env"] {
            fs::create_dir_all(supervised.dir().join(name)).unwrap();
        }
        symlink("v1", supervised.dir().join("current")).unwrap();
        for name in ["bin/server", "v1/bin/server"] {
            scripts::write(&supervised.dir().join(name), "#!/bin/sh\nexec sleep 1000\n");
        }
        supervised.file("conf", "cd data");
        supervised.file("env/NAME", "value");
        supervised.supervise();
        supervised
    };
    let mut all: Vec<Supervised> = RUNS.iter().map(start).collect();
    // A program itself, by a link.
    let mut linked = Supervised::prepare(suite, SLEEP);
    scripts::write(&linked.dir().join("real"), "#!/bin/sh\nexec sleep 1000\n");
    fs::remove_file(linked.dir().join("run")).unwrap();
    symlink("real", linked.dir().join("run")).unwrap();
    linked.supervise();
    all.push(linked);
    let dirs: Vec<PathBuf> = all.iter().map(Supervised::dir).collect();
    for it in &all {
        until_state(it, "up");
    }
    let told = explain(&dirs);
    for row in told.json().as_array().unwrap() {
        let text = fs::read_to_string(format!("{}/run", row["path"].as_str().unwrap()));
        assert_eq!(row["findings"], serde_json::json!([]), "{text:?} {row}");
        assert_eq!(row["unseen"], serde_json::json!([]), "{row}");
    }
    assert_eq!(told.code, 0);
}

/// All that a script can be blamed for.
const SCRIPT: &[&str] = &[
    "backgrounds",
    "byte-order-mark",
    "file-missing",
    "file-not-executable",
    "line-ends",
    "no-directory",
    "no-group",
    "no-interpreter",
    "no-interpreter-line",
    "no-user",
    "no-variable",
    "not-reachable",
    "program-missing",
];

/// A script that fails by itself, and what it does right before that.
struct Fails {
    run: &'static str,
    /// The kinds that it must not be blamed for.
    not: &'static [&'static str],
    of: fn(Suite) -> bool,
}

/// An interpreter, and more blanks behind it than the system reads.
const LONG_FIRST_LINE: &str = concat!(
    "#!/bin/sh                                                                                                ",
    "                                                                                                         ",
    "                                                                                                         ",
    "\nexit 3\n"
);

/// One that may be blamed for nothing in it, under every suite.
const fn any(run: &'static str) -> Fails {
    Fails { run, not: SCRIPT, of: |_| true }
}

const FAILS: &[Fails] = &[
    // One of two directories is enough.
    Fails {
        run: "#!/bin/sh\ncd /nonexistent 2>/dev/null || cd /tmp\nexit 3\n",
        not: &["no-directory"],
        of: |_| true,
    },
    // What it reads has changed where it works.
    Fails { run: "#!/bin/sh\n. ./conf\nexec ./server\n", not: &["program-missing"], of: |_| true },
    // A server's word about somebody's question.
    Fails {
        run: "#!/bin/sh\nexec 2>>messages\necho 'ERROR: syntax error at or near \"SELEC\"' >&2\nexit 3\n",
        not: &["syntax-error"],
        of: |_| true,
    },
    // A group that is named.
    Fails {
        run: "#!/bin/sh\nexec chpst -u nobody:tty ./shared/server\n",
        not: &["not-reachable"],
        of: |suite| suite == Suite::Runit,
    },
    // Who prepares a program and is not followed: what is behind them is looked for by another user, elsewhere, or later.
    any("#!/bin/sh\nexec env -i PATH=/nonexistent A=$NOT_SET /bin/sh -c 'exit 3'\n"),
    any("#!/bin/sh\nset -u\nexec env -i -u HOME -C / tmp/../bin/sh -c 'exit 3' -- $0 $$\n"),
    any("#!/bin/sh\nexec su -s /bin/sh -c 'true nonexistent-program && exit 3' nobody\n"),
    any("#!/bin/sh\nexec setsid -w sh -c 'exit 3'\n"),
    Fails {
        of: |_| Path::new("/usr/bin/sudo").exists(),
        ..any("#!/bin/sh\nexec sudo -n -u nobody -- sh -c 'exit 3' nonexistent-program\n")
    },
    // Of another language, whose words mean something else here.
    any(
        "#!/usr/bin/execlineb -P\ncd /\nifelse { test -e /nonexistent } { exec nonexistent-program }\n\
         foreground { echo \"a\\\\\" }\\\nexit 3\n",
    ),
    any(
        "#!/usr/bin/perl\n$0 =~ /nonexistent-program/ and\nexec '/nonexistent/program';\nexit 3;\n",
    ),
    // Interpreters by long names and links, as Nix and Guix have them.
    any("#!store/0123456789abcdfghijklmnpqrsvwxyz-bash-interactive-5.2-p15/bin/sh -e\nexit 3\n"),
    // Linux reads 255 bytes of a first line: blanks and arguments may go on behind them.
    any(LONG_FIRST_LINE),
    // 32 bits run beside 64.
    Fails { run: "", not: &["wrong-machine"], of: |_| cfg!(target_arch = "x86_64") },
];

/// What exits with 3 and asks the system of 32 bits to do so.
fn of_32_bits() -> Vec<u8> {
    const CODE: [u8; 12] = [0xb8, 1, 0, 0, 0, 0xbb, 3, 0, 0, 0, 0xcd, 0x80];
    let (base, head) = (0x0804_8000_u32, 52 + 32_u32);
    let long = |all: &[u32]| all.iter().flat_map(|it| it.to_le_bytes()).collect::<Vec<u8>>();
    let short = |all: &[u16]| all.iter().flat_map(|it| it.to_le_bytes()).collect::<Vec<u8>>();
    let size = head + u32::try_from(CODE.len()).unwrap();
    [
        vec![0x7f, b'E', b'L', b'F', 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        short(&[2, 3]),
        long(&[1, base + head, 52, 0, 0]),
        short(&[52, 32, 1, 0, 0, 0]),
        long(&[1, 0, base, base, size, size, 5, 0x1000]),
        CODE.to_vec(),
    ]
    .concat()
}

/// What fails for a reason of its own gets no other.
pub fn what_fails_is_not_blamed_for_what_it_does_right(suite: Suite) {
    let cases: Vec<&Fails> = FAILS.iter().filter(|it| (it.of)(suite)).collect();
    let start = |case: &&Fails| {
        let mut it = Supervised::prepare(suite, SLEEP);
        fs::create_dir_all(it.dir().join("data")).unwrap();
        fs::create_dir_all(it.dir().join("shared")).unwrap();
        it.file("conf", "cd data");
        // The interpreter of one of them.
        let bin =
            it.dir().join("store/0123456789abcdfghijklmnpqrsvwxyz-bash-interactive-5.2-p15/bin");
        fs::create_dir_all(&bin).unwrap();
        symlink("/bin/sh", bin.join("sh")).unwrap();
        for name in ["data/server", "shared/server"] {
            scripts::write(&it.dir().join(name), "#!/bin/sh\nexit 3\n");
        }
        if nix::unistd::geteuid().is_root() {
            // 5 is `tty` of Debian; nobody else may pass.
            chown(it.dir().join("shared"), Some(0), Some(5)).unwrap();
            let mode = fs::Permissions::from_mode(0o710);
            fs::set_permissions(it.dir().join("shared"), mode).unwrap();
        }
        if case.run.is_empty() {
            raw(&it, "run", &of_32_bits(), 0o755);
        } else {
            run_of(&it, case.run);
        }
        it.supervise_under(&["sh", "-c", "exec \"$@\" 2>>messages", "sh"]);
        it
    };
    let all: Vec<Supervised> = cases.iter().map(start).collect();
    let dirs: Vec<PathBuf> = all.iter().map(Supervised::dir).collect();
    let deadline = Instant::now() + PATIENCE;
    let mut has_failed = vec![false; cases.len()];
    while has_failed.contains(&false) {
        let rows = explain(&dirs).json();
        for (at, row) in rows.as_array().unwrap().iter().enumerate() {
            let kinds: Vec<&Value> =
                row["findings"].as_array().unwrap().iter().map(|it| &it["kind"]).collect();
            for not in cases[at].not {
                assert!(!kinds.contains(&&Value::from(*not)), "{}: {row}", cases[at].run);
            }
            has_failed[at] |= !kinds.is_empty();
        }
        assert!(Instant::now() < deadline, "{rows}");
    }
}

/// What one service says in a log that all of a scanner share is no reason for another.
pub fn a_log_of_many_blames_whom_it_names(suite: Suite) {
    let tree = tempfile::tempdir().unwrap();
    let scan = tree.path().join("scan");
    let make = |name: &str, run: &str| {
        fs::create_dir_all(scan.join(name)).unwrap();
        scripts::write(&scan.join(name).join("run"), run);
        scan.join(name)
    };
    let loud = make("loud", "#!/bin/sh\necho 'loud: bind: Address already in use' >&2\nexit 3\n");
    let quiet = make("quiet", "#!/bin/sh\nexit 3\n");
    let _scanning = crate::explains::Scanning::of_with(suite, &scan, &tree.path().join("messages"));
    let deadline = Instant::now() + PATIENCE;
    let dirs = [loud, quiet];
    let mut is_named = [false, false];
    loop {
        let rows = explain(&dirs).json();
        let found = rows[1]["findings"].to_string();
        assert!(!found.contains("address-in-use"), "{found}");
        is_named[0] |= rows[0]["findings"].to_string().contains("address-in-use");
        // encore's record names the dead process until the next is started, so its state says nothing here.
        is_named[1] |= found != "[]" && is_named[0];
        if is_named == [true, true] {
            return;
        }
        assert!(Instant::now() < deadline, "{rows}");
    }
}
