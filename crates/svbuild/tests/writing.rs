//! A write that fails at any step, or whose process is killed there, leaves the old or the new
//! state; at no step does a reader see anything else.
#![cfg(target_os = "linux")]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod memory;
#[path = "../../svclient/tests/live/skips.rs"]
mod skips;

use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Command,
};

use nix::sys::signal::{Signal, raise};
use svbuild::{
    Definitions, ErrorKind, Options, Plan, Service, Target,
    plan::ChangeKind,
    spec::{Log, ReadyCheck, Stop},
};

/// With variables, a control script, a finish script, a readiness check.
fn old() -> Plan {
    let stop = Stop::new().signal("INT".parse().unwrap());
    let service = Service::new(["/bin/old"])
        .env("A", "old")
        .env("GONE", "old")
        .stop(stop)
        .finish(["/bin/old-finish"])
        .ready(ReadyCheck::Command(vec!["/bin/old-check".into()]));
    plan(service)
}

/// With other variables, a logger, `down`; without control script and finish script.
fn new() -> Plan {
    let service = Service::new(["/bin/new"])
        .env("A", "new")
        .env("COME", "new")
        .ready(ReadyCheck::Command(vec!["/bin/new-check".into()]))
        .log(Log::new().dir("/var/log/new"))
        .down();
    plan(service)
}

/// Without anything but `run`.
fn bare() -> Plan {
    plan(Service::new(["/bin/bare"]))
}

fn plan(service: Service) -> Plan {
    Definitions::default().with("web", service).render(Target::Runit, Options::default()).unwrap()
}

/// What a reader finds: every name that a supervisor looks at, links followed, with mode and
/// content.
type View = BTreeMap<PathBuf, (u32, Vec<u8>)>;

fn view(place: &Path) -> View {
    let mut view = View::new();
    let tops = ["run", "finish", "check", "down", "log/run", "log/config", "control/t", "foreign"];
    let mut paths: Vec<PathBuf> = tops.map(PathBuf::from).into();
    if let Ok(entries) = fs::read_dir(place.join("env")) {
        paths.extend(entries.map(|entry| Path::new("env").join(entry.unwrap().file_name())));
    }
    for path in paths {
        let full = place.join(&path);
        if let Ok(metadata) = fs::metadata(&full) {
            view.insert(path, (metadata.permissions().mode() & 0o7777, fs::read(&full).unwrap()));
        }
    }
    // `log` itself is looked at: `runsv` runs `log/run` where there is such a directory.
    if fs::metadata(place.join("log")).is_ok() {
        view.insert("log".into(), (0, Vec::new()));
    }
    view
}

/// What others keep in a service directory.
fn add_foreign(place: &Path) {
    fs::write(place.join("foreign"), "mine").unwrap();
    fs::create_dir(place.join("supervise")).unwrap();
    fs::write(place.join("supervise/status"), "record").unwrap();
    symlink("/nowhere", place.join("elsewhere")).unwrap();
    fs::create_dir_all(place.join("env")).unwrap();
    fs::write(place.join("env/MINE"), "mine\n").unwrap();
    // Another test changes the umask of the process for a moment.
    for path in ["foreign", "env/MINE"] {
        fs::set_permissions(place.join(path), fs::Permissions::from_mode(0o644)).unwrap();
    }
}

fn foreign_is_kept(place: &Path) {
    assert_eq!(fs::read(place.join("foreign")).unwrap(), b"mine");
    assert_eq!(fs::read(place.join("supervise/status")).unwrap(), b"record");
    assert_eq!(fs::read_link(place.join("elsewhere")).unwrap(), Path::new("/nowhere"));
    assert_eq!(fs::read(place.join("env/MINE")).unwrap(), b"mine\n");
}

/// Nothing of the writer is left but the list.
fn is_clean(dir: &Path) {
    let mut all = vec![dir.to_owned()];
    while let Some(path) = all.pop() {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        assert!(name == ".svbuild" || !name.contains("svbuild"), "{}", path.display());
        if path.is_symlink() {
            assert!(!fs::read_link(&path).unwrap().to_str().unwrap().contains("svbuild"));
        } else if path.is_dir() {
            all.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
}

fn tree() -> (tempfile::TempDir, PathBuf) {
    let tree = memory::tempdir();
    let out = tree.path().join("out");
    (tree, out)
}

/// A directory that holds the first plan and foreign files, and how it looks.
fn before(first: &Plan) -> (tempfile::TempDir, PathBuf, View) {
    let (tree, out) = tree();
    first.write(&out).unwrap();
    add_foreign(&out.join("web"));
    let view = view(&out.join("web"));
    (tree, out, view)
}

fn after(first: &Plan, second: &Plan) -> View {
    let (_tree, out, _) = before(first);
    second.write(&out).unwrap();
    view(&out.join("web"))
}

/// Fails at each step in turn; looks at that step what a reader sees; then writes again.
fn fail_at_every_step(first: &Plan, second: &Plan) {
    let expected = after(first, second);
    let mut switched = false;
    for at in 0.. {
        let (_tree, out, old) = before(first);
        let place = out.join("web");
        let mut step = 0;
        let result = second.write_observed(&out, &mut |told| {
            step += 1;
            if step <= at {
                return Ok(());
            }
            let seen = view(&place);
            assert!(seen == old || seen == expected, "before {told:?}: {seen:#?}");
            switched |= seen != old;
            Err(io::Error::other("injected"))
        });
        let seen = view(&place);
        assert!(seen == old || seen == expected, "after {at} steps: {seen:#?}");
        foreign_is_kept(&place);
        if result.is_ok() {
            assert_eq!(seen, expected);
            assert!(at > 3, "there are steps");
            break;
        }
        assert!(result.is_err_and(|error| error.kind() == ErrorKind::Io));
        // Whoever comes next ends it.
        second.write(&out).unwrap();
        assert_eq!(view(&place), expected);
        foreign_is_kept(&place);
        is_clean(&out);
        assert!(second.diff(&out).unwrap().is_empty());
    }
    assert!(switched);
}

#[test]
fn a_change_that_fails_at_any_step_leaves_the_old_or_the_new() {
    fail_at_every_step(&old(), &new());
    fail_at_every_step(&new(), &old());
    fail_at_every_step(&new(), &bare());
}

#[test]
fn a_first_write_that_fails_at_any_step_leaves_nothing_or_all() {
    let (_tree, whole) = tree();
    new().write(&whole).unwrap();
    let expected = view(&whole.join("web"));
    for at in 0.. {
        let (_tree, out) = tree();
        let mut step = 0;
        let result = new().write_observed(&out, &mut |_| {
            step += 1;
            if step <= at {
                return Ok(());
            }
            let seen = view(&out.join("web"));
            assert!(seen.is_empty() || seen == expected, "{seen:#?}");
            Err(io::Error::other("injected"))
        });
        if result.is_ok() {
            break;
        }
        new().write(&out).unwrap();
        assert_eq!(view(&out.join("web")), expected);
        is_clean(&out);
    }
}

/// The other half of the next test: writes, and kills itself at the step that it is told.
#[test]
fn a_process_that_is_killed_at_a_step() {
    let Some(at) = std::env::var("SVBUILD_KILL_AT").ok().and_then(|text| text.parse().ok()) else {
        return skips::no_test("svbuild: a_process_that_is_killed_at_a_step");
    };
    let out = PathBuf::from(std::env::var_os("SVBUILD_OUT").unwrap());
    let mut step = 0;
    new()
        .write_observed(&out, &mut |_| {
            if step == at {
                raise(Signal::SIGKILL).unwrap();
            }
            step += 1;
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_process_that_is_killed_at_any_step_leaves_the_old_or_the_new() {
    use std::os::unix::process::ExitStatusExt;

    let expected = after(&old(), &new());
    for at in 0.. {
        let (_tree, out, before) = before(&old());
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_process_that_is_killed_at_a_step", "--quiet"])
            .env("SVBUILD_KILL_AT", at.to_string())
            .env("SVBUILD_OUT", &out)
            .stdout(std::process::Stdio::null())
            .status()
            .unwrap();
        let seen = view(&out.join("web"));
        assert!(seen == before || seen == expected, "killed at {at}: {seen:#?}");
        foreign_is_kept(&out.join("web"));
        if status.success() {
            assert!(at > 20, "there are steps");
            assert_eq!(seen, expected);
            break;
        }
        assert_eq!(status.signal(), Some(9));
        new().write(&out).unwrap();
        assert_eq!(view(&out.join("web")), expected);
        is_clean(&out);
    }
}

fn identities(dir: &Path) -> BTreeMap<PathBuf, (u64, i64, i64)> {
    let mut found = BTreeMap::new();
    let mut all = vec![dir.to_owned()];
    while let Some(path) = all.pop() {
        let metadata = fs::symlink_metadata(&path).unwrap();
        if metadata.is_dir() {
            all.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
        found.insert(path, (metadata.ino(), metadata.mtime(), metadata.mtime_nsec()));
    }
    found
}

#[test]
fn a_second_write_changes_nothing() {
    for target in Target::ALL {
        let (_tree, out) = tree();
        let plan = Definitions::default()
            .with("web", Service::new(["/bin/true"]).env("A", "b").umask(0o22))
            .with("db", Service::new(["/bin/true"]))
            .render(target, Options::default())
            .unwrap();
        assert!(!plan.diff(&out).unwrap().is_empty());
        plan.write(&out).unwrap();
        let before = identities(&out);
        let mut steps = Vec::new();
        plan.write_observed(&out, &mut |step| {
            steps.push(step.clone());
            Ok(())
        })
        .unwrap();
        assert_eq!(steps, []);
        assert_eq!(identities(&out), before);
        assert!(plan.diff(&out).unwrap().is_empty());
    }
}

#[test]
fn what_others_changed_is_told_before_it_is_lost() {
    let (_tree, out, _) = before(&old());
    let run = out.join("web/run");
    fs::write(&run, "#!/bin/sh\nexec something-else\n").unwrap();
    fs::write(out.join("web/down"), "").unwrap();
    let diff = new().diff(&out).unwrap();
    let foreign: Vec<_> = diff.foreign().map(|change| change.path.to_str().unwrap()).collect();
    // `down` is as the plan wants it but for nothing; `run` is neither the old nor the new.
    assert_eq!(foreign, ["web/run"]);
    let said = diff.to_string();
    assert!(said.contains("changed: web/run, which somebody else made or changed\n"), "{said}");
    assert!(said.contains("-exec something-else\n") && said.contains("+exec chpst -e"), "{said}");
    let written = new().write(&out).unwrap();
    assert_eq!(written.diff, diff);
    assert!(fs::read_to_string(run).unwrap().contains("/bin/new"));
}

#[test]
fn a_removed_unit_takes_along_what_was_written_and_no_more() {
    let (_tree, out, _) = before(&new());
    let gone = Plan::default().without("web").without("never");
    let diff = gone.diff(&out).unwrap();
    assert!(
        diff.changes.iter().all(|change| change.what == ChangeKind::Remove && !change.foreign),
        "{diff}"
    );
    gone.write(&out).unwrap();
    foreign_is_kept(&out.join("web"));
    assert!(!out.join("web/run").exists() && !out.join("web/log").exists());
    is_clean(&out);

    let (_tree, out) = tree();
    new().write(&out).unwrap();
    gone.write(&out).unwrap();
    assert!(!out.join("web").exists());
}

#[test]
fn a_unit_file_is_removed_only_if_a_plan_wrote_it() {
    let (_tree, out) = tree();
    let units = Definitions::default()
        .with("web", Service::new(["/bin/true"]))
        .render(Target::Systemd, Options::default())
        .unwrap();
    units.write(&out).unwrap();
    fs::write(out.join("other.service"), "mine").unwrap();
    Plan::default().without("web.service").without("other.service").write(&out).unwrap();
    assert!(!out.join("web.service").exists());
    assert!(out.join("other.service").exists());
}

#[test]
fn links_are_not_followed() {
    let (tree, out) = tree();
    fs::create_dir_all(tree.path().join("elsewhere")).unwrap();
    fs::create_dir(&out).unwrap();
    symlink(tree.path().join("elsewhere"), out.join("web")).unwrap();
    let error = new().write(&out).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WrongType, "{error}");
    assert_eq!(fs::read_dir(tree.path().join("elsewhere")).unwrap().count(), 0);

    // In the place of a file: the link goes, what it leads to stays.
    fs::remove_file(out.join("web")).unwrap();
    new().write(&out).unwrap();
    let victim = tree.path().join("victim");
    fs::write(&victim, "precious").unwrap();
    for entry in ["run", "log/config"] {
        fs::remove_file(out.join("web").join(entry)).unwrap();
        symlink(&victim, out.join("web").join(entry)).unwrap();
    }
    assert_eq!(new().diff(&out).unwrap().foreign().count(), 2);
    new().write(&out).unwrap();
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    assert!(!out.join("web/run").is_symlink() && !out.join("web/log/config").is_symlink());

    // In the place of a directory of ours.
    fs::remove_dir_all(out.join("web/log")).unwrap();
    symlink(tree.path().join("elsewhere"), out.join("web/log")).unwrap();
    assert_eq!(new().write(&out).unwrap_err().kind(), ErrorKind::WrongType);
    assert_eq!(fs::read_dir(tree.path().join("elsewhere")).unwrap().count(), 0);
}

#[test]
fn values_are_private_and_modes_do_not_depend_on_the_umask() {
    let (_tree, out) = tree();
    let old_mask = nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o077));
    old().write(&out).unwrap();
    nix::sys::stat::umask(old_mask);
    let mode = |path: &str| fs::metadata(out.join(path)).unwrap().permissions().mode() & 0o7777;
    assert_eq!([mode("web"), mode("web/run"), mode("web/env")], [0o755, 0o755, 0o700]);
    // The list has hashes of the values.
    assert_eq!([mode("web/env/A"), mode("web/.svbuild")], [0o600, 0o600]);
}

#[test]
fn two_writers_do_not_meet() {
    let (_tree, out) = tree();
    new().write(&out).unwrap();
    let mut met = false;
    bare()
        .write_observed(&out, &mut |_| {
            let error = old().write(&out).unwrap_err();
            let who = format!("process {} is writing there", std::process::id());
            assert!(error.to_string().ends_with(&who), "{error}");
            met |= error.kind() == ErrorKind::Busy;
            Ok(())
        })
        .unwrap();
    assert!(met);
    assert!(!out.join(".svbuild.lock").exists());
    // What a crash has left, and what others hold who may open the directory for reading only.
    fs::write(out.join(".svbuild.lock"), "1\n").unwrap();
    let theirs = fs::File::open(&out).unwrap();
    rustix::fs::flock(&theirs, rustix::fs::FlockOperation::NonBlockingLockExclusive).unwrap();
    new().write(&out).unwrap();
    assert!(!out.join(".svbuild.lock").exists());
    for planted in [Planted::Fifo, Planted::Link, Planted::Directory] {
        planted.at(&out.join(".svbuild.lock"));
        assert_eq!(old().write(&out).unwrap_err().kind(), ErrorKind::WrongType);
        planted.remove(&out.join(".svbuild.lock"));
    }
    old().write(&out).unwrap();
}

/// What is no lock.
#[derive(Clone, Copy)]
enum Planted {
    Fifo,
    Link,
    Directory,
}

impl Planted {
    fn at(self, path: &Path) {
        match self {
            Self::Fifo => nix::unistd::mkfifo(path, nix::sys::stat::Mode::S_IRWXU).unwrap(),
            Self::Link => symlink("/dev/null", path).unwrap(),
            Self::Directory => fs::create_dir(path).unwrap(),
        }
    }

    fn remove(self, path: &Path) {
        match self {
            Self::Fifo | Self::Link => fs::remove_file(path).unwrap(),
            Self::Directory => fs::remove_dir(path).unwrap(),
        }
    }
}

/// Modes that would let others exchange what is written.
#[test]
fn a_directory_that_others_may_change_is_refused() {
    let (tree, out) = tree();
    let (above, out) = (out.clone(), out.join("deeper"));
    fs::create_dir_all(&out).unwrap();
    let mode = |path: &Path, mode: u32| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    let refused = || {
        for error in [new().write(&out).unwrap_err(), new().diff(&out).unwrap_err()] {
            assert_eq!(error.kind(), ErrorKind::Untrusted, "{error}");
            assert!(error.hint().is_some());
        }
        assert!(!out.join("web").exists());
    };
    for path in [&above, &out] {
        mode(path, 0o777);
        refused();
        mode(path, 0o755);
    }
    // With the sticky bit, what is the caller's stays the caller's.
    mode(&above, 0o1777);
    new().write(&out).unwrap();
    assert!(new().diff(&out).unwrap().is_empty());
    mode(&out.join("web"), 0o757);
    assert_eq!(bare().write(&out).unwrap_err().kind(), ErrorKind::Untrusted);
    mode(&out.join("web"), 0o755);
    // Links on the way are the caller's.
    let link = tree.path().join("link");
    symlink("out/../out/deeper", &link).unwrap();
    assert!(new().diff(&link).unwrap().is_empty());
    symlink("loop", tree.path().join("loop")).unwrap();
    assert_eq!(new().diff(&tree.path().join("loop")).unwrap_err().kind(), ErrorKind::Io);
}

#[test]
fn what_is_no_small_file_is_refused_and_not_read() {
    for name in ["run", ".svbuild", "env/A", "log/config", ".svbuild.work"] {
        let (_tree, out, _) = before(&old());
        let path = out.join("web").join(name);
        let fresh = || {
            let _gone = fs::remove_file(&path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
        };
        let refused = |kinds: &[ErrorKind]| {
            let error = new().write(&out).unwrap_err();
            assert!(kinds.contains(&error.kind()), "{name}: {error}");
            assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
        };
        fresh();
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        refused(&[ErrorKind::WrongType]);
        fresh();
        fs::File::create(&path).unwrap().set_len(1 << 40).unwrap();
        refused(&[ErrorKind::TooLarge, ErrorKind::WrongType]);
        fresh();
        let _socket = std::os::unix::net::UnixListener::bind(&path).unwrap();
        refused(&[ErrorKind::WrongType]);
    }
}

#[test]
fn no_name_leads_elsewhere() {
    use svbuild::plan::{PlanEntry, Unit};
    let (tree, out) = tree();
    let entry = || PlanEntry::Link("/nowhere".into());
    let named = |name: &str, entries: &str| {
        let mut plan = Plan::default();
        let entries = BTreeMap::from([(PathBuf::from(entries), entry())]);
        plan.units.insert(name.to_owned(), Unit::Directory(entries));
        plan
    };
    for plan in [
        named("../web", "run"),
        named("", "run"),
        named("..", "run"),
        named("web", "../run"),
        named("web", "/run"),
        named("web", ""),
        Plan::default().without("../web"),
    ] {
        assert_eq!(plan.write(&out).unwrap_err().kind(), ErrorKind::OutsideName);
        assert_eq!(plan.diff(&out).unwrap_err().kind(), ErrorKind::OutsideName);
    }
    assert_eq!(fs::read_dir(tree.path()).unwrap().count(), 0);
}

/// What a write leaves when it fails at a step, compared before anything ends it.
#[test]
fn what_a_crash_has_left_can_be_compared() {
    for (first, second) in [(old(), new()), (new(), old()), (new(), bare())] {
        for at in (0..).step_by(3) {
            let (_tree, out, _) = before(&first);
            let mut step = 0;
            let result = second.write_observed(&out, &mut |_| {
                step += 1;
                if step > at { Err(io::Error::other("injected")) } else { Ok(()) }
            });
            let left = second.diff(&out).unwrap();
            let first_left = first.diff(&out).unwrap();
            assert!(left.is_empty() || first_left.is_empty(), "{at}: {left}");
            assert!(left.foreign().next().is_none(), "{at}: {left}");
            if result.is_ok() {
                break;
            }
        }
    }
}
