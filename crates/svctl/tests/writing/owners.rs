//! With whose rights something is written, what goes along, and that nobody is waited for for ever.

use std::{
    fs,
    os::{
        fd::AsRawFd,
        unix::{
            fs::{MetadataExt, PermissionsExt, symlink},
            process::CommandExt,
        },
    },
    path::Path,
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use crate::arena::{self, BARE, NEW, OLD, THIEF, dir, file, limited, program};

fn build(definition: &Path, out: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(program());
    command.arg("build").arg(definition).args(["--for", "runit", "--lossy", "--out"]).arg(out);
    command.args(more).stdin(Stdio::null());
    command
}

fn told(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_owned()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn owners(top: &Path) -> Vec<(u32, u32)> {
    let found = arena::inventory(top);
    let mut owners: Vec<_> = found.values().map(|it| (it.1, it.2)).collect();
    owners.sort_unstable();
    owners.dedup();
    owners
}

#[test]
fn the_owner_of_the_place_writes_there_by_what_he_may() {
    if !arena::is_root() {
        return;
    }
    let tree = arena::tree();
    // Nobody but root reads the definitions.
    let (old, new) = (tree.path().join("old.toml"), tree.path().join("new.toml"));
    file(&old, OLD, 0o600);
    file(&new, NEW, 0o600);
    let out = dir(&tree.path().join("services"), THIEF);
    let owner = format!("{THIEF}:{THIEF}");
    let (code, said, err) = told(&build(&old, &out, &["--owner", &owner]).output().unwrap());
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(said.contains("new web/run\n"), "{said}");
    assert_eq!(owners(&out), [(THIEF, THIEF)]);
    let again = told(&build(&old, &out, &["--owner", &owner]).output().unwrap());
    assert_eq!(again, (Some(0), "nothing to change\n".to_owned(), String::new()));

    let (code, said, err) =
        told(&build(&new, &out, &["--owner", &owner, "--diff"]).output().unwrap());
    assert_eq!((code, err.as_str()), (Some(1), ""));
    assert!(said.contains("changed: web/run\n"), "{said}");
    fs::write(out.join("web/run"), "#!/bin/sh\nexec \u{1b}[2Jmine\n").unwrap();
    let (code, said, err) = told(&build(&new, &out, &["--owner", &owner]).output().unwrap());
    assert_eq!((code, said.as_str()), (Some(1), ""), "{err}");
    assert!(err.contains("web/run: no build made it") && err.contains("--adopt"), "{err}");
    let adopted = build(&new, &out, &["--owner", &owner, "--adopt"]).output().unwrap();
    let (code, _, err) = told(&adopted);
    assert_eq!(code, Some(0), "{err}");
    assert!(err.contains("web/run is overwritten, which somebody else"), "{err}");
    assert_eq!(owners(&out), [(THIEF, THIEF)]);
}

#[test]
fn an_owner_without_a_name_is_asked_for_and_never_guessed() {
    if !arena::is_root() {
        return;
    }
    let tree = arena::tree();
    let definition = file(&tree.path().join("svcmgr.toml"), BARE, 0o600);
    let out = dir(&tree.path().join("services"), THIEF);
    let (code, _, err) = told(&build(&definition, &out, &[]).output().unwrap());
    assert_eq!(code, Some(1), "{err}");
    assert!(err.contains(&format!("--owner {THIEF}:GID")), "{err}");
    assert_eq!(fs::read_dir(&out).unwrap().count(), 0);
}

#[test]
fn a_place_that_has_a_name_s_user_is_written_by_that_user() {
    if !arena::is_root() {
        return;
    }
    let nobody = nix::unistd::User::from_name("nobody").unwrap().unwrap();
    let (uid, gid) = (nobody.uid.as_raw(), nobody.gid.as_raw());
    let tree = arena::tree();
    let definition = file(&tree.path().join("svcmgr.toml"), BARE, 0o600);
    // All of it; what is still to be made in a directory of his; one service of root's directory.
    let out = dir(&tree.path().join("services"), uid);
    std::os::unix::fs::chown(&out, Some(uid), Some(0)).unwrap();
    let (code, _, err) = told(&build(&definition, &out, &[]).output().unwrap());
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert_eq!(owners(&out.join("web")), [(uid, gid)]);
    let deeper = out.join("more/of/it");
    let (code, _, err) = told(&build(&definition, &deeper, &[]).output().unwrap());
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert_eq!(owners(&out.join("more")), [(uid, gid)]);

    let etc = dir(&tree.path().join("etc"), 0);
    dir(&etc.join("web"), uid);
    let text = format!("{BARE}[service.own]\nexec = [\"/bin/own\"]\n");
    fs::write(&definition, text).unwrap();
    let (code, said, err) = told(&build(&definition, &etc, &[]).output().unwrap());
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert_eq!(said, "new own/run\nnew web/run\n");
    assert_eq!(
        (owners(&etc.join("web")), owners(&etc.join("own"))),
        (vec![(uid, gid)], vec![(0, 0)])
    );
}

#[test]
fn what_only_root_may_do_is_refused_with_a_word_on_how() {
    if !arena::is_root() {
        return;
    }
    let tree = arena::tree();
    let definition = file(&tree.path().join("svcmgr.toml"), BARE, 0o600);
    let owner = format!("{THIEF}:{THIEF}");
    let refused = |out: &Path| {
        let before = arena::inventory(tree.path());
        let output = build(&definition, out, &["--owner", &owner, "--adopt"]).output().unwrap();
        let (code, said, err) = told(&output);
        assert_eq!((code, said.as_str()), (Some(111), ""), "{err}");
        assert!(err.contains("Permission denied") && err.contains("install -d -o 4711"), "{err}");
        assert_eq!(arena::inventory(tree.path()), before);
    };
    // In a directory of root's; into a service directory of root's.
    refused(&tree.path().join("missing"));
    let out = dir(&tree.path().join("services"), THIEF);
    file(&dir(&out.join("web"), 0).join("run"), "#!/bin/sh\n", 0o755);
    refused(&out);
}

#[test]
fn nobody_gives_to_others_but_root() {
    let tree = arena::tree();
    let out = dir(&tree.path().join("services"), nix::unistd::geteuid().as_raw());
    let definition = file(&tree.path().join("svcmgr.toml"), BARE, 0o644);
    let mut command = build(&definition, &out, &["--owner", "1:1"]);
    if nix::unistd::geteuid().is_root() {
        let copy = arena::copied(&program(), &tree.path().join("svctl"));
        command = Command::new(copy);
        command.arg("build").arg(&definition).args(["--for", "runit", "--owner", "1:1", "--out"]);
        command.arg(&out).uid(THIEF).gid(THIEF);
    }
    let (code, _, err) = told(&command.output().unwrap());
    assert_eq!(code, Some(111));
    assert!(err.contains("only root can write as another user"), "{err}");
    for owner in ["4294967295:1", "1:4294967295", "-1:1", "+1:1", "1", "a:b", ""] {
        let output = build(&definition, &out, &["--owner", owner]).output().unwrap();
        assert_eq!(told(&output).0, Some(100), "{owner}");
    }
    assert_eq!(fs::read_dir(&out).unwrap().count(), 0);
}

#[test]
fn a_directory_that_others_may_change_is_refused() {
    if !arena::is_root() {
        return;
    }
    let tree = arena::tree();
    let definition = file(&tree.path().join("svcmgr.toml"), BARE, 0o600);
    let out = dir(&tree.path().join("a/b"), 0);
    let above = tree.path().join("a");
    let refused = |why: &str| {
        for more in [&[][..], &["--diff"]] {
            let (code, _, err) = told(&build(&definition, &out, more).output().unwrap());
            assert_eq!(code, Some(1), "{err}");
            assert!(err.contains(why), "{err}");
        }
        assert_eq!(fs::read_dir(&out).unwrap().count(), 0);
    };
    let mode = |path: &Path, mode: u32| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    mode(&above, 0o777);
    refused("everybody may write there");
    mode(&above, 0o775);
    refused("group 0 may write there");
    mode(&above, 0o755);
    mode(&out, 0o757);
    refused("everybody may write there");
    mode(&out, 0o755);
    dir(&above, THIEF);
    refused("it belongs to user 4711");
    // What is root's in a directory with the sticky bit stays root's.
    dir(&above, 0);
    mode(&above, 0o1777);
    assert_eq!(told(&build(&definition, &out, &[]).output().unwrap()).0, Some(0));
    // A link of somebody else in one.
    let link = above.join("link");
    symlink(&out, &link).unwrap();
    assert_eq!(told(&build(&definition, &link, &[]).output().unwrap()).0, Some(0));
    std::os::unix::fs::lchown(&link, Some(THIEF), None).unwrap();
    let (code, _, err) = told(&build(&definition, &link, &[]).output().unwrap());
    assert_eq!(code, Some(1));
    assert!(err.contains("it belongs to user 4711"), "{err}");
}

/// Sees every system call of both processes.
#[test]
fn no_right_and_no_file_of_root_goes_along() {
    if !arena::is_root() || !arena::has_strace() {
        return;
    }
    let tree = arena::tree();
    let definition = file(&tree.path().join("svcmgr.toml"), BARE, 0o600);
    let out = dir(&tree.path().join("services"), THIEF);
    let secret = file(&tree.path().join("secret"), "secret", 0o600);
    let secret = fs::File::open(&secret).unwrap();
    nix::fcntl::fcntl(&secret, nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::empty())).unwrap();
    let logs = dir(&tree.path().join("calls"), 0);
    let mut command = Command::new("strace");
    command.args(["-ff", "-v", "-s", "4096", "-o"]).arg(logs.join("of")).arg(program());
    command.arg("build").arg(&definition).args(["--for", "runit", "--out"]).arg(&out);
    command.args(["--owner", &format!("{THIEF}:{THIEF}")]).env("SECRET", "of root");
    assert_eq!(limited(&mut command, Duration::from_secs(60)).code, Some(0));
    // A file for each thread.
    let logs = fs::read_dir(&logs).unwrap();
    let logs = logs.map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap());
    let (own, others): (Vec<String>, Vec<String>) = logs
        .partition(|log| log.lines().any(|it| it.starts_with("execve") && it.contains("__write")));
    let own: Vec<&str> = own[0].lines().skip_while(|it| !it.contains("\"__write\"")).collect();
    assert!(!own[0].contains("of root"), "{}", own[0]);
    let at = |text: &str| {
        own.iter()
            .position(|call| call.starts_with(text))
            .unwrap_or_else(|| panic!("{text}: {own:#?}"))
    };
    let user = at(&format!("setresuid({THIEF}, {THIEF}, {THIEF})"));
    for before in [
        format!("close({})", secret.as_raw_fd()),
        "setsid()".to_owned(),
        "setgroups(0, ".to_owned(),
        format!("setresgid({THIEF}, {THIEF}, {THIEF})"),
    ] {
        assert!(at(&before) < user, "{before}");
    }
    assert!(at("setuid(0)") > user && own[at("setuid(0)")].contains("EPERM"));
    assert!(at("prctl(PR_SET_DUMPABLE, SUID_DUMP_DISABLE)") > user);
    // Nothing of the user's was looked at before, by neither.
    let touched = |call: &str| call.contains("openat(") && call.contains("services");
    assert!(!others.iter().flat_map(|log| log.lines()).any(touched));
    assert!(!own[..user].iter().any(|call| touched(call)));
    // Not even the plan is read as root.
    assert!(own[..user].iter().all(|call| !call.starts_with("read(0, \"{")));
    assert_eq!(fs::metadata(out.join("web/run")).unwrap().uid(), THIEF);
}

/// The user may stop what runs with his number. Root does not wait for it.
#[test]
fn a_process_that_its_user_stops_is_ended() {
    if !arena::is_root() || !arena::has_strace() {
        return;
    }
    let tree = arena::tree();
    let definition = file(&tree.path().join("svcmgr.toml"), BARE, 0o600);
    let out = dir(&tree.path().join("services"), THIEF);
    let started = Instant::now();
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync"]);
    command.args(["-e", "inject=fsync:signal=STOP:when=1"]).arg(program());
    command.arg("build").arg(&definition).args(["--for", "runit", "--out"]).arg(&out);
    command.args(["--owner", &format!("{THIEF}:{THIEF}")]);
    let ended = limited(&mut command, Duration::from_secs(60));
    assert!(!ended.is_late && started.elapsed() > Duration::from_secs(5), "{ended:?}");
    assert_eq!(ended.code, Some(111), "{ended:?}");
    assert!(ended.err.contains("it took too long, and was ended"), "{}", ended.err);
    let owner = format!("{THIEF}:{THIEF}");
    assert_eq!(told(&build(&definition, &out, &["--owner", &owner]).output().unwrap()).0, Some(0));
}

/// A link that root makes in a scan directory is a program that root starts.
#[test]
fn nobody_leads_root_s_link_into_another_scan_directory() {
    if !arena::is_root() {
        return;
    }
    let tree = arena::tree();
    let home = dir(&tree.path().join("home"), THIEF);
    let web = dir(&home.join("web"), THIEF);
    file(&web.join("run"), "#!/bin/sh\n", 0o755);
    let scan = dir(&tree.path().join("scan"), 0);
    symlink("/nowhere", scan.join("other")).unwrap();
    let before = arena::inventory(&scan);
    symlink(&scan, home.join("scan")).unwrap();
    std::os::unix::fs::lchown(home.join("scan"), Some(THIEF), Some(THIEF)).unwrap();
    for (verb, name) in [("enable", web.as_path()), ("disable", Path::new("other"))] {
        let mut command = Command::new(program());
        command.arg(verb).arg(name).arg("--dir").arg(home.join("scan")).args(["--timeout", "0.1"]);
        let (code, _, err) = told(&command.output().unwrap());
        assert_eq!(code, Some(1), "{verb}: {err}");
        assert!(err.contains("belongs to user 4711"), "{err}");
        assert_eq!(arena::inventory(&scan), before);
    }
}

/// In a user namespace the machine's root and all its other users look the same.
#[test]
fn in_a_user_namespace_what_belongs_to_outsiders_is_trusted_only_where_a_system_has_it() {
    const NEIGHBOUR: u32 = THIEF + 1;
    if !arena::is_root() {
        return;
    }
    let tree = tempfile::tempdir_in("/tmp").unwrap();
    dir(tree.path(), THIEF);
    let definition = file(&tree.path().join("svcmgr.toml"), BARE, 0o644);
    let inside = |args: &[&std::ffi::OsStr]| {
        let id = ["--reuid", "4711", "--regid", "4711", "--clear-groups", "unshare", "-Ur"];
        let mut command = Command::new("setpriv");
        command.args(id).arg(program()).args(args).stdin(Stdio::null());
        told(&command.output().unwrap())
    };
    let build = |out: &Path| {
        let out = out.as_os_str();
        inside(&[
            "build".as_ref(),
            definition.as_ref(),
            "--for=runit".as_ref(),
            "--out".as_ref(),
            out,
        ])
    };
    let (code, said, err) = build(&tree.path().join("own/services"));
    assert_eq!((code, err.as_str()), (Some(0), ""), "{said}");
    assert_eq!(owners(&tree.path().join("own")), [(THIEF, THIEF)]);
    let fresh = Path::new("/tmp").join(format!("svctl-{}", std::process::id()));
    let (code, _, err) = build(&fresh);
    let _may_not_be_there = fs::remove_dir_all(&fresh);
    assert_eq!((code, err.as_str()), (Some(0), ""));
    // Whoever that is: the neighbour could lead what is written there to another place.
    let theirs = dir(&tree.path().join("theirs"), NEIGHBOUR);
    let out = dir(&theirs.join("services"), THIEF);
    let scan = dir(&theirs.join("scan"), THIEF);
    for (code, _, err) in [
        build(&out),
        inside(&[
            "enable".as_ref(),
            tree.path().join("own/services/web").as_ref(),
            "--dir".as_ref(),
            scan.as_ref(),
        ]),
    ] {
        assert_eq!(code, Some(1), "{err}");
        assert!(
            err.contains("theirs: it belongs to somebody outside of this user namespace"),
            "{err}"
        );
    }
    assert_eq!(fs::read_dir(&out).unwrap().count() + fs::read_dir(&scan).unwrap().count(), 0);
    symlink(tree.path().join("own"), tree.path().join("link")).unwrap();
    std::os::unix::fs::lchown(tree.path().join("link"), Some(NEIGHBOUR), None).unwrap();
    assert!(build(&tree.path().join("link")).2.contains("link: it belongs to somebody outside"));
}
