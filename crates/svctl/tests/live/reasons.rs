//! More reasons that are made for real: what logs say, how processes live, what directories hold.

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::{PermissionsExt, symlink},
    sync::OnceLock,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{
    explains::{Case, SLEEP, case, raw, run_of},
    sentences::status,
    supervised::{Suite, Supervised, scripts},
};

/// Standard error of the supervisor, and with it that of the service, goes to a file.
const TOLD: &[&str] = &["sh", "-c", "exec \"$@\" 2>>messages", "sh"];

/// A port that this process has.
fn port() -> u16 {
    static HELD: OnceLock<TcpListener> = OnceLock::new();
    let held = HELD.get_or_init(|| TcpListener::bind("127.0.0.1:0").unwrap());
    held.local_addr().unwrap().port()
}

/// A script whose program writes to standard error what the system answers.
const fn told(kind: &'static str, says: &'static str, prepare: fn(&Supervised)) -> Case {
    Case { under: TOLD, ..case(kind, says, prepare) }
}

/// A script that s6 alone brings an interpreter for.
const fn chain(kind: &'static str, says: &'static str, prepare: fn(&Supervised)) -> Case {
    Case { of: |suite| matches!(suite, Suite::S6), ..case(kind, says, prepare) }
}

/// What happens to one that is up.
const fn then(kind: &'static str, says: &'static str, then: fn(&Supervised)) -> Case {
    Case { then: Some(then), ..case(kind, says, |it| it.script("run", SLEEP)) }
}

fn perl(supervised: &Supervised, before: &str, program: &str) {
    run_of(
        supervised,
        &format!("#!/bin/sh\nLC_ALL=C\nexport LC_ALL\n{before} perl -MSocket -e '{program}'\n"),
    );
}

fn runs_finish(suite: Suite) -> bool {
    matches!(suite, Suite::Runit | Suite::S6 | Suite::Embedded)
}

fn keeps_logger(suite: Suite) -> bool {
    matches!(suite, Suite::Runit | Suite::Embedded)
}

/// As whoever its suite has for that.
fn as_user(suite: Suite, user: &str) -> String {
    match suite {
        Suite::S6 => format!("s6-setuidgid {user}"),
        _ if suite.is_daemontools() => format!("setuidgid {user}"),
        _ => format!("chpst -u {user}"),
    }
}

/// The same program, which asks for a loader that is nowhere.
fn with_loader(mut program: Vec<u8>) -> Vec<u8> {
    let name = b"/lib64/ld-linux-x86-64.so.2\0";
    let at = program.windows(name.len()).position(|it| it == name).unwrap();
    program[at + name.len() - 2] = b'9';
    program
}

/// The record of a living supervisor names a process that is not its own, and that came a day after the one it means.
fn names_another(it: &Supervised, other: u32) {
    let path = it.dir().join("supervise/status");
    let mut record = fs::read(&path).unwrap();
    let own = u32::try_from(status(it)["pid"].as_u64().unwrap()).unwrap();
    let (own, other) = match it.suite {
        Suite::S6 => (own.to_be_bytes(), other.to_be_bytes()),
        _ => (own.to_le_bytes(), other.to_le_bytes()),
    };
    // Behind the stamp.
    let at = 12 + record[12..].windows(4).position(|bytes| bytes == own).unwrap();
    record[at..at + 4].copy_from_slice(&other);
    let since = u64::from_be_bytes(record[..8].try_into().unwrap());
    record[..8].copy_from_slice(&(since - 86_400).to_be_bytes());
    fs::write(it.dir().join("supervise/new"), record).unwrap();
    fs::rename(it.dir().join("supervise/new"), path).unwrap();
}

/// What `check` says, where it is asked.
pub fn what_a_check_says_is_named_first(suite: Suite) {
    let start = |check: &str| {
        let mut it = Supervised::prepare(suite, SLEEP);
        it.script("check", check);
        it.supervise();
        it
    };
    for (check, kind, says) in [
        ("exit 7", "check-failed", "its check script exits with 7"),
        ("exec sleep 1000", "check-overdue", "its check script does not end"),
    ] {
        let it = start(check);
        crate::sentences::until_state(&it, "up");
        let told = crate::sentences::act(&it, &["explain", "--probe"]);
        assert!(told.code == 1 && told.out.contains(&format!("  1. {says}\n")), "{told:?}");
        let json = crate::sentences::act(&it, &["explain", "--probe", "--json"]).json();
        assert_eq!(json[0]["findings"][0]["kind"], kind, "{json}");
        // Nothing is run without that.
        assert_eq!(crate::sentences::act(&it, &["explain"]).code, 0);
    }
    let well = start("exit 0");
    crate::sentences::until_state(&well, "up");
    assert_eq!(crate::sentences::act(&well, &["explain", "--probe"]).code, 0);
}

/// Whether a core dump is left here: limits and the kernel's pattern are those of the host.
pub(crate) fn dumps_cores() -> bool {
    static DUMPS: OnceLock<bool> = OnceLock::new();
    *DUMPS.get_or_init(|| {
        let dir = tempfile::tempdir().unwrap();
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", "ulimit -c unlimited && kill -SEGV $$"]).current_dir(dir.path());
        std::os::unix::process::ExitStatusExt::core_dumped(&shell.status().unwrap())
    })
}

pub(crate) const MORE: &[Case] = &[
    // What a program says last.
    told("address-in-use", "listens on tcp 127.0.0.1:", |it| {
        let program = r#"socket(S,PF_INET,SOCK_STREAM,0); bind(S,sockaddr_in($ARGV[0],INADDR_LOOPBACK))
            or die "bind 127.0.0.1:$ARGV[0]: $!\n"; sleep 1000"#;
        let text = format!("#!/bin/sh\nLC_ALL=C exec perl -MSocket -e '{program}' {}\n", port());
        run_of(it, &text);
    }),
    told("no-answer", "Connection refused", |it| {
        let program = r#"socket(S,PF_INET,SOCK_STREAM,0); connect(S,sockaddr_in(1,INADDR_LOOPBACK))
            or die "connect 127.0.0.1:1: $!\n""#;
        perl(it, "exec", program);
    }),
    told("no-descriptors", "Too many open files", |it| {
        let program =
            r#"while (1) { open(my $f, "<", "/dev/null") or die "open: $!\n"; push @a, $f }"#;
        perl(it, "ulimit -n 16; exec", program);
    }),
    told("no-memory", "ut of memory", |it| {
        perl(it, "ulimit -v 100000; exec", "$x = \"a\" x 900000000; sleep 1000");
    }),
    told("no-processes", "cannot fork", |it| {
        let program = r#"$< = $> = 65534; defined(fork) or die "cannot fork: $!\n"; sleep 1000"#;
        perl(it, "exec prlimit --nproc=1", program);
    }),
    told("disk-full", "No space left on device", |it| {
        run_of(it, "#!/bin/sh\nLC_ALL=C exec dd if=/dev/zero of=/dev/full count=1\n");
    }),
    told("not-permitted", "Permission denied", |it| {
        raw(it, "secret", b"", 0o600);
        let program =
            r#"$> = 65534 if !$>; chmod 0, "secret"; open(F, "<", "secret") or die "secret: $!\n""#;
        perl(it, "exec", program);
    }),
    told("library-missing", "libq.so.6", |it| {
        run_of(
            it,
            "#!/bin/sh\nsed s/libc.so.6/libq.so.6/g /bin/true >true\nchmod +x true\nLC_ALL=C exec ./true\n",
        );
    }),
    told("syntax-error", "run: 3", |it| run_of(it, "#!/bin/sh\nif true; then\n")),
    // A program of another C library: it is there, and what has to load it is not.
    Case {
        of: |_| cfg!(target_arch = "x86_64"),
        ..case("no-interpreter", "/lib64/ld-linux-x86-64.so.9 is missing", |it| {
            let program = fs::read("/bin/sleep").unwrap();
            raw(it, "run", &with_loader(program), 0o755);
        })
    },
    // What a script names.
    case("no-variable", "NOT_SET_ANYWHERE", |it| {
        run_of(it, "#!/bin/sh\nset -u\nexec sleep \"$NOT_SET_ANYWHERE\"\n");
    }),
    case("no-variable", "NOT_SET_ANYWHERE", |it| {
        run_of(it, "#!/bin/sh\nexec sleep ${NOT_SET_ANYWHERE:?how long}\n");
    }),
    case("no-directory", "the directory /nonexistent/log does not exist", |it| {
        run_of(it, "#!/bin/sh\nexec >>/nonexistent/log/web 2>&1\nexec sleep 1000\n");
    }),
    case("not-reachable", "nobody may not pass", |it| {
        let private = it.dir().join("private");
        fs::create_dir(&private).unwrap();
        scripts::write(&private.join("server"), "#!/bin/sh\nexec sleep 1000\n");
        fs::set_permissions(&private, fs::Permissions::from_mode(0o700)).unwrap();
        let user = as_user(it.suite, "nobody");
        run_of(it, &format!("#!/bin/sh\nexec {user} {}/server\n", private.display()));
    }),
    case("not-reachable", "nobody may not execute", |it| {
        scripts::write(&it.dir().join("server"), "#!/bin/sh\nexec sleep 1000\n");
        fs::set_permissions(it.dir().join("server"), fs::Permissions::from_mode(0o744)).unwrap();
        let user = as_user(it.suite, "nobody");
        run_of(it, &format!("#!/bin/sh\nexec {user} ./server\n"));
    }),
    case("no-directory", "/nonexistent/env does not exist", |it| {
        let by = match it.suite {
            Suite::S6 => "s6-envdir",
            _ if it.suite.is_daemontools() => "envdir",
            _ => "chpst -e",
        };
        run_of(it, &format!("#!/bin/sh\nexec {by} /nonexistent/env sleep 1000\n"));
    }),
    Case {
        of: keeps_logger,
        ..case("no-group", "nonexistent-group does not exist", |it| {
            run_of(it, "#!/bin/sh\nexec chpst -u nobody:nonexistent-group sleep 1000\n");
        })
    },
    // The same in scripts of execline.
    chain("program-missing", "/nonexistent/server is missing", |it| {
        run_of(
            it,
            "#!/usr/bin/execlineb -P\nfdmove -c 2 1\ns6-softlimit -o 100\n/nonexistent/server\n",
        );
    }),
    chain("program-missing", "nonexistent-check is missing", |it| {
        run_of(it, "#!/usr/bin/execlineb -P\nif { nonexistent-check -x }\nsleep 1000\n");
    }),
    chain("no-user", "nonexistent-user does not exist", |it| {
        run_of(it, "#!/usr/bin/execlineb -P\ns6-setuidgid nonexistent-user\nsleep 1000\n");
    }),
    chain("no-directory", "/nonexistent/dir does not exist", |it| {
        run_of(it, "#!/usr/bin/execlineb -P\ncd /nonexistent/dir\nsleep 1000\n");
    }),
    chain("no-directory", "/nonexistent/log does not exist", |it| {
        run_of(it, "#!/usr/bin/execlineb -P\nredirfd -w 1 /nonexistent/log/web\nsleep 1000\n");
    }),
    chain("no-variable", "NOT_SET_ANYWHERE", |it| {
        run_of(it, "#!/usr/bin/execlineb -P\nimportas -i TIME NOT_SET_ANYWHERE\nsleep $TIME\n");
    }),
    chain("syntax-error", "a `{` without `}`", |it| {
        run_of(it, "#!/usr/bin/execlineb -P\nforeground { true\nsleep 1000\n");
    }),
    // How it lives.
    case("no-descriptors", "holds 16", |it| {
        let program = r#"while (open(my $f, "<", "/dev/null")) { push @a, $f } sleep 1000"#;
        perl(it, "ulimit -n 16; exec", program);
    }),
    case("pipe-full", "stopped by a signal", |it| {
        run_of(it, "#!/bin/sh\nyes | sh -c 'kill -STOP $$'\n");
    }),
    case("left-behind", "process", |it| {
        run_of(
            it,
            "#!/bin/sh\nif ! test -e once; then\n>once\nsleep 1000 &\nexit 0\nfi\nexec sleep 1000\n",
        );
    }),
    then("definition-newer", "svctl restart", |it| it.script("run", "exec sleep 1001")),
    then("supervisor-stopped", "kill -CONT", |it| it.signal(Signal::SIGSTOP)),
    // What its directory holds.
    then("no-control", "supervise/control is missing", |it| {
        fs::remove_file(it.dir().join("supervise/control")).unwrap();
    }),
    then("wrong-type", "not a FIFO", |it| {
        fs::remove_file(it.dir().join("supervise/control")).unwrap();
        it.file("supervise/control", "");
    }),
    // supervise writes its record again at any wake-up.
    Case {
        of: |suite| !suite.is_daemontools(),
        ..then("bad-record", "supervise/status is damaged", |it| {
            it.file("supervise/new", "x");
            fs::rename(it.dir().join("supervise/new"), it.dir().join("supervise/status")).unwrap();
        })
    },
    case("no-state-directory", "mkdir -p /nonexistent/above", |it| {
        symlink("/nonexistent/above/supervise", it.dir().join("supervise")).unwrap();
    }),
    Case {
        of: runs_finish,
        ..case("no-interpreter", "/nonexistent/finish-sh", |it| {
            it.script("run", SLEEP);
            scripts::write(&it.dir().join("finish"), "#!/nonexistent/finish-sh\n");
        })
    },
    Case {
        of: runs_finish,
        ..case("finish-overdue", "finish script has not ended for", |it| {
            it.script("run", "exit 0");
            it.script("finish", "exec sleep 1000");
        })
    },
    Case {
        of: |suite| matches!(suite, Suite::S6 | Suite::Embedded),
        ..case("not-ready", "nothing was written there", |it| {
            it.script("run", SLEEP);
            it.file("notification-fd", "3\n");
        })
    },
    Case {
        of: |suite| suite == Suite::S6,
        ..case("bad-value", "timeout-kill holds no number", |it| {
            it.script("run", SLEEP);
            it.file("timeout-kill", "five seconds\n");
        })
    },
    // s6 keeps no more ends than it is told to, and two are no loop.
    Case {
        of: |suite| suite == Suite::S6,
        ..case("exited", "exited with 3", |it| {
            run_of(it, "#!/bin/sh\nexit 3\n");
            it.file("max-death-tally", "2\n");
        })
    },
    Case {
        of: |suite| suite == Suite::S6,
        ..case("killed", "killed by SIGUSR1", |it| {
            run_of(it, "#!/bin/sh\nkill -USR1 $$\n");
            it.file("max-death-tally", "2\n");
        })
    },
    Case {
        of: |suite| suite == Suite::S6,
        ..case("core-dump", "and left a core dump", |it| {
            run_of(it, "#!/bin/sh\nulimit -c unlimited\nkill -SEGV $$\n");
            it.file("max-death-tally", "2\n");
        })
    },
    Case {
        of: |suite| suite == Suite::Runit,
        ..then("logger-unsupervised", "which looked for it then", |it| {
            fs::create_dir(it.dir().join("log")).unwrap();
            it.script("log/run", "exec cat >/dev/null");
        })
    },
    // Two at once: both, and first the one that keeps it down.
    Case {
        of: runs_finish,
        also: &["no-interpreter"],
        ..case("file-not-executable", "run is not executable", |it| {
            raw(it, "run", b"#!/bin/sh\n", 0o644);
            scripts::write(&it.dir().join("finish"), "#!/nonexistent/sh\n");
        })
    },
    Case {
        of: keeps_logger,
        also: &["file-missing"],
        ..case("line-ends", "carriage return", |it| {
            run_of(it, "#!/bin/sh\r\nexec sleep 9\r\n");
            fs::create_dir(it.dir().join("log")).unwrap();
        })
    },
    Case {
        of: |suite| suite == Suite::S6,
        also: &["bad-value"],
        ..case("crash-loop", "exited with 3", |it| {
            run_of(it, "#!/bin/sh\nexit 3\n");
            it.file("timeout-finish", "-1\n");
        })
    },
    Case {
        of: |suite| !suite.is_daemontools(),
        ..then("process-dead", "has its number by now", |it| names_another(it, std::process::id()))
    },
    Case {
        also: &["process-dead"],
        ..then("supervisor-stopped", "kill -CONT", |it| {
            let pid = status(it)["pid"].as_i64().unwrap();
            it.signal(Signal::SIGSTOP);
            kill(Pid::from_raw(pid.try_into().unwrap()), Signal::SIGKILL).unwrap();
        })
    },
];
