//! A definition that is rendered for a target and read back is the same, for what the target says without a
//! loss and our reader takes apart.

use std::{path::PathBuf, time::Duration};

use proptest::prelude::*;
use svbuild::{
    Definitions, Options, Service, Target,
    plan::{PlanEntry, Unit},
    spec::{
        Bound, Dir, Dirs, Id, IoClass, IoPriority, Limit, Limits, ReadyCheck, Reload, Restart,
        Size, Stop, Stream, Time,
    },
};
use svconvert::{Memory, convert};

fn word() -> impl Strategy<Value = String> {
    prop_oneof!["[ -~]{0,12}", "[a-z]{1,8}", Just("it's \"two\" $HOME `x` %n \\ words".to_owned())]
}

fn path() -> impl Strategy<Value = PathBuf> {
    "/[a-z][a-z0-9_.-]{0,8}(/[a-z][a-z0-9]{0,5})?".prop_map(PathBuf::from)
}

fn name() -> impl Strategy<Value = String> {
    "[a-z][a-z0-9_-]{0,8}"
}

/// A service of what every reader takes apart.
fn service() -> impl Strategy<Value = Service> {
    // No name of a program that becomes another one.
    let program = path().prop_map(|path| path.join("program"));
    let process = (
        proptest::option::of(path()),
        proptest::collection::btree_map("[A-Z]{2,4}_X", word(), 0..3),
        proptest::option::of((name(), proptest::option::of(name()))),
        proptest::option::of(0..0o777_u16),
        proptest::option::of(-20..=19),
    );
    let more = (
        proptest::option::of(8..100_000_u32),
        proptest::option::of(0..1_u64 << 40),
        any::<bool>(),
        proptest::option::of(0..8_u8),
        proptest::option::of(name()),
        any::<bool>(),
    );
    (program, proptest::collection::vec(word(), 0..4), process, more).prop_map(
        |(program, args, (cwd, env, user, umask, nice), (files, core, session, io, dir, down))| {
            let exec = std::iter::once(program.display().to_string()).chain(args);
            let mut service = Service::new(exec);
            service.cwd = cwd;
            service.env = env.into_iter().map(|(name, value)| (name, value.into())).collect();
            if let Some((user, group)) = user {
                service.user = Some(Id::Name(user));
                service.group = group.map(Id::Name);
            }
            if let Some(bits) = umask {
                service = service.umask(bits);
            }
            service.nice = nice;
            service.limits = Limits::new();
            service.limits.files = files.map(Limit::soft);
            service.limits.core = core.map(|it| Limit::soft(Bound::At(Size(it))));
            service.session = session;
            service.io_priority = io.map(|level| IoPriority::new(IoClass::BestEffort).level(level));
            service.dirs = dir.map_or_else(Dirs::new, |name| Dirs::new().state(Dir::new([name])));
            service.down = down;
            service.stdout = down.then(|| Stream::File("/var/log/out".into()));
            service
        },
    )
}

fn files(definitions: &Definitions, target: Target) -> Memory {
    let plan = definitions.render(target, Options::new()).unwrap();
    let mut files = Memory::new();
    for (name, unit) in plan.units {
        match unit {
            Unit::File(file) => files = files.file(format!("/made/{name}"), file.bytes),
            Unit::Directory(entries) => {
                for (path, entry) in entries {
                    if let PlanEntry::File(file) = entry {
                        files = files
                            .program(PathBuf::from("/made").join(&name).join(path), file.bytes);
                    }
                }
            }
        }
    }
    files
}

/// Names beside the service directory as well: it is the working directory under every target.
#[test]
fn a_directory_of_ours_has_no_working_directory_of_its_own() {
    let service = Service::new(["/bin/x", "./", "../y", "run"]);
    for target in [Target::Runit, Target::Daemontools, Target::S6, Target::Embedded] {
        same(&service, target, "/made/web").unwrap();
    }
}

fn same(service: &Service, target: Target, input: &str) -> Result<(), TestCaseError> {
    let definitions = Definitions::default().with("web", service.clone());
    let files = files(&definitions, target);
    let it = convert(&files, &[input.into()], None).unwrap();
    prop_assert_eq!(
        it.definitions.service.get("web"),
        Some(service),
        "{}: {:#?}",
        target,
        it.report.lines
    );
    Ok(())
}

proptest! {
    #[test]
    fn a_directory_of_runit_is_read_back(service in service()) {
        same(&service, Target::Runit, "/made/web")?;
    }

    #[test]
    fn a_directory_of_daemontools_is_read_back(service in service()) {
        let mut service = service;
        // chroot of coreutils names them, and is no chain that is taken apart.
        service.group = None;
        service.dirs = Dirs::new();
        same(&service, Target::Daemontools, "/made/web")?;
    }

    #[test]
    fn a_directory_of_s6_is_read_back(service in service()) {
        let mut service = service;
        (service.user, service.group, service.session) = (None, None, false);
        (service.umask, service.dirs) = (None, Dirs::new());
        service.env.clear();
        service.stop = Stop::new().kill_after("10s".parse().unwrap());
        same(&service, Target::S6, "/made/web")?;
    }

    #[test]
    fn a_unit_is_read_back(service in service(), kill in proptest::option::of(1..100_u64), more in any::<(bool, bool)>()) {
        let mut service = service;
        service.stop.kill_after = kill.map(|seconds| Time(Duration::from_secs(seconds)));
        service.stop.group = more.0.then_some(false);
        service.restart.when = if more.1 { Restart::OnFailure } else { Restart::Always };
        service.restart.delay = kill.filter(|seconds| *seconds > 1).map(|seconds| Time(Duration::from_secs(seconds)));
        if more.0 {
            service.restart = service.restart.at_most(3, Time(Duration::from_secs(3600)));
            service.ready = Some(ReadyCheck::Notify.into());
            service.reload = Some(Reload::new().check(["/bin/x", "-t"]));
        }
        // What systemd has in another way: a session for every service, a hard limit beside the soft one.
        service.session = false;
        service.limits.files = service.limits.files.map(|it| Limit::new(it.soft, Bound::Infinity));
        service.limits.core = service.limits.core.map(|it| Limit::new(it.soft, Bound::Infinity));
        // No [Install] may have two reasons.
        service.down = false;
        same(&service, Target::Systemd, "/made/web.service")?;
    }
}
