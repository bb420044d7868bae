//! Calls by way of a program that stands for `ssh`: bounds, and the program that is brought along.
#![cfg(target_os = "linux")]
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "tests")]

#[path = "../../svclient/tests/live/scripts.rs"]
mod scripts;

use std::{
    fs,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    time::Duration,
};

use svremote::{Call, EventKind, Host, HostFailure};
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(60);

/// A directory with a `ssh` of its own, in which `$T` is the directory, `$host` the host and `$command` the command.
fn ssh(does: &str) -> (TempDir, PathBuf) {
    let tree = tempfile::Builder::new().prefix("svremote-").tempdir().unwrap();
    fs::create_dir(tree.path().join("now")).unwrap();
    let program = tree.path().join("ssh");
    let text = format!(
        "#!/bin/sh\nT={}\nwhile [ \"$1\" != -- ]; do shift; done\nhost=$2 command=$3\n{does}\n",
        tree.path().display()
    );
    scripts::write(&program, &text);
    (tree, program)
}

fn hosts(names: &[&str]) -> Vec<Host> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

/// What became of the only host.
fn ended(call: &Call) -> (Vec<String>, Result<u8, HostFailure>) {
    let mut lines = Vec::new();
    for event in call.start(&hosts(&["web1"])).unwrap() {
        match event.kind {
            EventKind::Line(line) => lines.push(line),
            EventKind::Ended(ended) => return (lines, ended),
            _ => (),
        }
    }
    panic!("it has no end: {lines:?}");
}

#[test]
fn no_more_run_at_a_time_than_may() {
    let does = "touch $T/now/$$; ls $T/now | wc -l >>$T/counts\n\
                echo '{\"svctl\":\"1\",\"schema\":2}'; echo \"$host\"; rm $T/now/$$";
    let (tree, ssh) = ssh(does);
    let names: Vec<_> = (0..20).map(|at| format!("web{at}")).collect();
    let hosts: Vec<Host> = names.iter().map(|name| name.parse().unwrap()).collect();
    let call = Call::new(["status"]).unwrap().ssh(&ssh).patience(PATIENCE).within(PATIENCE);
    let calls = call.parallel(NonZeroUsize::new(3).unwrap()).start(&hosts).unwrap();
    let mut heard: Vec<_> = calls
        .filter_map(|event| match event.kind {
            EventKind::Line(line) => {
                assert_eq!(line, names[event.host]);
                Some(event.host)
            }
            _ => None,
        })
        .collect();
    heard.sort_unstable();
    assert!(heard.into_iter().eq(0..20));
    let counts = fs::read_to_string(tree.path().join("counts")).unwrap();
    let counts: Vec<u32> = counts.lines().map(|line| line.trim().parse().unwrap()).collect();
    assert!(counts.len() == 20 && counts.iter().all(|count| *count <= 3), "{counts:?}");
}

#[test]
fn what_is_dropped_is_ended() {
    let (tree, ssh) = ssh("echo $$ >$T/pid.new; mv $T/pid.new $T/pid\n\
                           echo '{\"svctl\":\"1\",\"schema\":2}'; trap '' TERM; exec sleep 1000000");
    let mut calls = Call::new(["watch"])
        .unwrap()
        .ssh(&ssh)
        .patience(PATIENCE)
        .start(&hosts(&["web1"]))
        .unwrap();
    assert!(matches!(calls.next().unwrap().kind, EventKind::Answered(_)));
    let pid = fs::read_to_string(tree.path().join("pid")).unwrap();
    let process = Path::new("/proc").join(pid.trim());
    assert!(process.exists());
    drop(calls);
    assert!(!process.exists());
}

#[test]
fn a_flood_of_messages_is_no_more_than_is_kept() {
    let (_tree, ssh) = ssh("echo '{\"svctl\":\"1\",\"schema\":2}'\n\
                            head -c 4000000 /dev/zero | tr '\\0' x | fold -w 100 >&2; echo done");
    let call = Call::new(["status"]).unwrap().ssh(&ssh).patience(PATIENCE).within(PATIENCE);
    let mut told = 0;
    for event in call.start(&hosts(&["web1"])).unwrap() {
        match event.kind {
            EventKind::Message(message) => told += message.len(),
            EventKind::Ended(ended) => assert_eq!(ended.unwrap(), 0),
            _ => (),
        }
    }
    assert!((500_000..2_000_000).contains(&told), "{told}");
}

/// A static program of Linux on x86-64 that prints this and ends: an ELF header, one program header, five system
/// instructions. Source: elf(5), syscall(2).
fn program_that_prints(text: &str) -> Vec<u8> {
    const AT: u64 = 0x40_0000;
    let code_at = AT + 64 + 56;
    let mut code = vec![0xb8, 1, 0, 0, 0, 0xbf, 1, 0, 0, 0, 0xbe];
    let text_at = u32::try_from(code_at).unwrap() + 33;
    code.extend(text_at.to_le_bytes());
    code.push(0xba);
    code.extend(u32::try_from(text.len()).unwrap().to_le_bytes());
    code.extend([0x0f, 0x05, 0xb8, 60, 0, 0, 0, 0x31, 0xff, 0x0f, 0x05]);
    code.resize(33, 0x90);
    code.extend(text.as_bytes());
    let length = 64 + 56 + code.len() as u64;
    let mut elf = b"\x7fELF\x02\x01\x01".to_vec();
    elf.resize(16, 0);
    elf.extend([2, 0, 62, 0, 1, 0, 0, 0]);
    elf.extend(code_at.to_le_bytes());
    elf.extend(64_u64.to_le_bytes());
    elf.extend(0_u64.to_le_bytes());
    elf.extend([0, 0, 0, 0, 64, 0, 56, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
    elf.extend([1, 0, 0, 0, 5, 0, 0, 0]);
    for value in [0, AT, AT, length, length, 0x1000] {
        elf.extend(value.to_le_bytes());
    }
    elf.extend(code);
    elf
}

#[cfg(target_arch = "x86_64")]
#[test]
fn the_program_is_brought_once_and_only_where_it_runs() {
    let (tree, ssh) =
        ssh("echo $host >>$T/calls\nHOME=$T PATH=/usr/bin:/bin exec sh -c \"$command\"");
    let path = tree.path().join("program");
    let pushed = "{\"svctl\":\"pushed\",\"schema\":2}";
    fs::write(&path, program_that_prints(&format!("{pushed}\n"))).unwrap();
    let calls = || fs::read_to_string(tree.path().join("calls")).unwrap().lines().count();

    let program = svremote::Program::open(&path).unwrap();
    let call = Call::new(["status"]).unwrap().ssh(&ssh).patience(PATIENCE).within(PATIENCE);
    let (lines, code) = ended(&call.clone().pushing(program.clone()));
    assert_eq!((lines, code.unwrap()), (vec![pushed.to_owned()], 0));
    assert_eq!(calls(), 3, "it is looked for, brought and run");
    let (lines, _) = ended(&call.clone().pushing(program));
    assert_eq!((lines.len(), calls()), (1, 4), "it is there");

    // Of another processor.
    let mut other = program_that_prints("x");
    other[18] = 183;
    fs::write(&path, other).unwrap();
    let (_, why) = ended(&call.pushing(svremote::Program::open(&path).unwrap()));
    let why = why.unwrap_err();
    assert!(why.kind() == "not-pushed" && why.to_string().contains("aarch64"), "{why}");
    assert_eq!(fs::read_dir(tree.path().join(".cache/svctl")).unwrap().count(), 1);
}

#[test]
fn a_host_without_the_program_says_so() {
    let (_tree, ssh) =
        ssh("exec sh -c \"$(printf %s \"$command\" | sed 's/s=svctl;/s=no-such-svctl;/')\"");
    let call = Call::new(["status"]).unwrap().ssh(&ssh).patience(PATIENCE).within(PATIENCE);
    assert_eq!(ended(&call).1.unwrap_err().kind(), "no-program");
}

#[test]
fn a_program_that_knows_no_tether_runs_without() {
    let (tree, ssh) = ssh("PATH=$T:/usr/bin:/bin exec sh -c \"$command\"");
    let old = "#!/bin/sh\ncase $1 in --__*) exit 100;; version) echo '{\"svctl\":\"0.0.1\",\"schema\":1}';; *) echo \"$@\";; esac\n";
    scripts::write(&tree.path().join("svctl"), old);
    let call = Call::new(["status", "a b"]).unwrap().ssh(&ssh).patience(PATIENCE).within(PATIENCE);
    let (lines, code) = ended(&call);
    assert_eq!((lines, code.unwrap()), (vec!["status a b".to_owned()], 0));
}
