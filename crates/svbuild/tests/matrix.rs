//! The tables: every key is in both, a means that a target claims changes what is made, and the
//! documentation says the same.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::{collections::BTreeSet, fs, path::Path};

use svbuild::{
    Definitions, Error, Lossy, Options, Plan, Service, Target,
    plan::Unit,
    spec::{
        Bound, Control, Critical, Dirs, EnvFile, External, Health, HealthCheck, IoClass,
        IoPriority, KEYS, Limit, Limits, Log, Ready, ReadyCheck, Reload, Resources, Restart,
        RestartPolicy, Size, Socket, Stop, Stream, Systemd, Time, Timestamp, table,
    },
    target::{CAPABILITIES, Support, capabilities},
};

mod programs;

const LOSSY: Options = Options::new().lossy(Lossy::Commented);

fn base() -> Service {
    Service::new(["/bin/true"])
}

fn logged(change: impl FnOnce(&mut Log)) -> Service {
    let mut log = Log::default();
    change(&mut log);
    base().log(log)
}

fn limited(change: impl FnOnce(Limits) -> Limits) -> Service {
    base().limits(change(Limits::new()))
}

/// For each key services that ask for it, each with one that is the same but for the key.
fn asking() -> Vec<(&'static str, Service, Service)> {
    [of_process(), of_life(), of_log()].concat()
}

/// Of the same kind: what a process is like.
fn of_process() -> Vec<(&'static str, Service, Service)> {
    let size = Size(1 << 20);
    let resources = |it| base().resources(it);
    let io = |class, level: Option<u8>| {
        let io = IoPriority::new(class);
        base().io_priority(level.map_or(io, |level| io.level(level)))
    };
    let text = |it| base().systemd(it);
    let known = || base().user(1).group(2);
    vec![
        ("exec", Service::new(["/bin/false"]), base()),
        ("expand", Service::new(["a", "${A:-b}"]).expand(true), Service::new(["a", "${A:-b}"])),
        ("pre", base().pre(["/bin/true"]), base()),
        ("instances", base().instances(2), base()),
        ("description", base().description("d"), base()),
        ("cwd", base().cwd("/tmp"), base()),
        ("env", base().env("A", "b"), base()),
        ("env_dir", base().env_dir("/e"), base()),
        ("env_file", base().env_file(EnvFile::new("/e")), base()),
        ("user", base().user("daemon"), base()),
        ("group", base().user("daemon").group("adm"), base().user("daemon")),
        ("groups", known().also_group(4), known()),
        ("umask", base().umask(0), base()),
        ("nice", base().nice(1), base()),
        ("io_priority.class", io(IoClass::Idle, None), base()),
        ("io_priority.level", io(IoClass::Realtime, Some(1)), io(IoClass::Realtime, None)),
        ("limits.address_space", limited(|it| it.address_space(size)), base()),
        ("limits.data", limited(|it| it.data(size)), base()),
        ("limits.stack", limited(|it| it.stack(size)), base()),
        ("limits.locked_memory", limited(|it| it.locked_memory(size)), base()),
        ("limits.rss", limited(|it| it.rss(size)), base()),
        ("limits.file_size", limited(|it| it.file_size(size)), base()),
        ("limits.core", limited(|it| it.core(size)), base()),
        ("limits.files", limited(|it| it.files(9)), base()),
        ("limits.files", limited(|it| it.files(Limit::soft(Bound::Infinity))), base()),
        ("limits.files", limited(|it| it.files(Limit::new(9, 10))), limited(|it| it.files(9))),
        ("limits.processes", limited(|it| it.processes(9)), base()),
        ("limits.cpu", limited(|it| it.cpu("1s".parse::<Time>().unwrap())), base()),
        ("resources.memory_max", resources(Resources::new().memory_max(size)), base()),
        ("resources.memory_high", resources(Resources::new().memory_high(Bound::Infinity)), base()),
        ("resources.swap_max", resources(Resources::new().swap_max(Size(0))), base()),
        ("resources.pids", resources(Resources::new().pids(64)), base()),
        ("resources.cpu", resources(Resources::new().cpu("50%".parse().unwrap())), base()),
        ("resources.cpu_weight", resources(Resources::new().cpu_weight(200)), base()),
        ("resources.io_weight", resources(Resources::new().io_weight(50)), base()),
        ("dirs.runtime", base().dirs(Dirs::new().runtime(["r"])), base()),
        ("dirs.state", base().dirs(Dirs::new().state(["s"])), base()),
        ("dirs.cache", base().dirs(Dirs::new().cache(["c"])), base()),
        ("dirs.logs", base().dirs(Dirs::new().logs(["l"])), base()),
        ("root", base().root("/r"), base()),
        ("root", base().root("/r").cwd("/c"), base().root("/r")),
        ("root", base().root("/r").user("daemon"), base().root("/r")),
        ("session", base().session(), base()),
        ("stdin", base().stdin(Stream::File("/i".into())), base()),
        ("stdin", base().stdin(Stream::Inherit), base()),
        ("stdout", base().stdout(Stream::Null), base()),
        ("stderr", base().stderr(Stream::Inherit), base()),
        ("systemd.Unit", text(Systemd::new().unit("After", "network.target")), base()),
        ("systemd.Service", text(Systemd::new().service("ProtectSystem", "strict")), base()),
        ("systemd.Service", text(Systemd::new().service("DynamicUser", "yes")), base()),
        ("systemd.Install", text(Systemd::new().install("WantedBy", "graphical.target")), base()),
    ]
}

/// Of the same kind: when it is ready, how it ends, and what it waits for.
fn of_life() -> Vec<(&'static str, Service, Service)> {
    let time = |text: &str| text.parse::<Time>().unwrap();
    let fd = || ReadyCheck::Fd(3);
    let restarted = |it: RestartPolicy| base().restart(it);
    let always = RestartPolicy::new(Restart::Always);
    let failing = RestartPolicy::new(Restart::OnFailure);
    let never = RestartPolicy::new(Restart::Never);
    let tcp = || Health::new(HealthCheck::Tcp("h:1".into()));
    vec![
        ("ready.fd", base().ready(ReadyCheck::Fd(3)), base()),
        ("ready.tcp", base().ready(ReadyCheck::Tcp("h:1".into())), base()),
        ("ready.http", base().ready(ReadyCheck::Http("http://h/".into())), base()),
        ("ready.command", base().ready(ReadyCheck::Command(vec!["/bin/true".into()])), base()),
        ("ready.notify", base().ready(ReadyCheck::Notify), base()),
        ("ready.timeout", base().ready(Ready::new(fd()).timeout(time("1m"))), base().ready(fd())),
        ("stop.signal", base().stop(Stop::new().signal("INT".parse().unwrap())), base()),
        ("stop.kill_after", base().stop(Stop::new().kill_after("1s".parse().unwrap())), base()),
        ("stop.command", base().stop(Stop::new().command(["/bin/true"])), base()),
        (
            "stop.command",
            base().job().remain().stop(Stop::new().command(["/bin/true"])),
            base().job().remain(),
        ),
        ("reload.signal", base().reload(Reload::new()), base()),
        ("reload.signal", base().reload(Reload::new().signal("USR1".parse().unwrap())), base()),
        ("reload.command", base().reload(Reload::new().command(["/bin/true"])), base()),
        ("reload.check", base().reload(Reload::new().check(["/bin/true"])), base()),
        ("stop.group", base().stop(Stop::new().group(false)), base()),
        ("stop.group", base().stop(Stop::new().group(true)), base()),
        ("finish", base().finish(["/bin/true"]), base()),
        ("restart", base().restart(Restart::OnFailure), base()),
        ("restart", base().restart(Restart::Never), base()),
        ("restart.delay", restarted(always.delay(time("9s"))), base()),
        ("restart.max", restarted(always.at_most(3, time("1m"))), base()),
        ("restart.max", restarted(failing.at_most(3, time("1m"))), restarted(failing)),
        ("restart.within", restarted(always.at_most(3, time("1m"))), base()),
        ("restart.max_delay", restarted(always.max_delay(time("1m"))), base()),
        ("on_failure", restarted(never).on_failure(["/bin/true"]), restarted(never)),
        (
            "on_failure",
            restarted(failing.at_most(3, time("1m"))).on_failure(["/bin/true"]),
            restarted(failing.at_most(3, time("1m"))),
        ),
        ("sockets", base().socket(Socket::new("http", "127.0.0.1:80")), base()),
        ("critical", base().critical(Critical::AnyEnd), base()),
        ("health.tcp", base().health(tcp()), base()),
        ("health.http", base().health(Health::new(HealthCheck::Http("http://h/".into()))), base()),
        (
            "health.command",
            base().health(Health::new(HealthCheck::Command(vec!["/bin/true".into()]))),
            base(),
        ),
        ("health.every", base().health(tcp().every(time("5s"))), base().health(tcp())),
        ("health.timeout", base().health(tcp().timeout(time("5s"))), base().health(tcp())),
        ("health.failures", base().health(tcp().failures(9)), base().health(tcp())),
        ("health.then", base().health(tcp()), base()),
        (
            "watchdog",
            base().ready(ReadyCheck::Notify).watchdog(time("5s")),
            base().ready(ReadyCheck::Notify),
        ),
        ("tty", base().tty(), base()),
        ("restart_on_change", base().restart_on_change("/src/*.py"), base()),
        ("kind", base().job(), base()),
        ("success", restarted(failing).success(3), restarted(failing)),
        ("remain", base().job().remain(), base().job()),
        ("after", base().after("other"), base()),
        ("needs", base().needs("other"), base()),
        ("wants", base().wants("other"), base()),
        (
            "after_external.systemd",
            base().after_external(External::new().systemd("x.target")),
            base(),
        ),
        (
            "control.group",
            base().control(Control::new().group("adm").mode(0o770)),
            base().control(Control::new().mode(0o770)),
        ),
        ("control.mode", base().control(Control::new().mode(0o755)), base()),
        ("down", base().down(), base()),
    ]
}

/// Of the same kind: its logger.
fn of_log() -> Vec<(&'static str, Service, Service)> {
    vec![
        ("log", logged(|_| ()), base()),
        ("log.dir", logged(|it| it.dir = Some("/l".into())), logged(|_| ())),
        ("log.max_size", logged(|it| it.max_size = Some(Size(5000))), logged(|_| ())),
        ("log.max_files", logged(|it| it.max_files = Some(3)), logged(|_| ())),
        ("log.timestamp", logged(|it| it.timestamp = Timestamp::Tai64n), logged(|_| ())),
        ("log.timestamp", logged(|it| it.timestamp = Timestamp::Iso8601), logged(|_| ())),
        ("log.filter", logged(|it| it.filter = vec!["-a".into()]), logged(|_| ())),
        ("log.processor", logged(|it| it.processor = vec!["cat".into()]), logged(|_| ())),
        ("log.user", logged(|it| it.user = Some("daemon".into())), logged(|_| ())),
        (
            "log.group",
            logged(|it| (it.user, it.group) = (Some("daemon".into()), Some("adm".into()))),
            logged(|it| it.user = Some("daemon".into())),
        ),
        ("log.mode", logged(|it| it.mode = "0700".parse().ok()), logged(|_| ())),
    ]
}

fn definitions(service: &Service) -> Definitions {
    Definitions::default().with("web", service.clone()).with("other", base())
}

/// With what cannot be expressed left out; `None` if something of it never is.
fn try_render(service: &Service, target: Target) -> Option<Plan> {
    match definitions(service).render(target, LOSSY) {
        Ok(plan) => Some(plan),
        Err(Error::Gaps(gaps)) if gaps.iter().all(|gap| gap.rights) => None,
        Err(error) => panic!("{error}"),
    }
}

fn render(service: &Service, target: Target) -> Plan {
    try_render(service, target).unwrap()
}

/// What is made, without comments: what was left out is told in those.
fn made(plan: &Plan) -> String {
    let mut plan = plan.clone();
    (plan.gaps, plan.notes) = (Vec::new(), Vec::new());
    let text = plan.to_string();
    let comment = |line: &&str| !line.starts_with("  | # left out");
    text.lines().filter(comment).collect::<Vec<_>>().join("\n")
}

/// Means by which a target does for every service what is asked.
fn always(support: Support) -> bool {
    matches!(support, Support::By(means) if means.contains("for every service") || means.starts_with("whoever starts it") || means.contains("a note says"))
}

#[test]
fn a_key_changes_what_is_made_or_is_told_to_be_left_out() {
    let mut seen = BTreeSet::new();
    for (key, with, without) in asking() {
        for row in CAPABILITIES.iter().filter(|row| row.key == key && row.is_asked(&with)) {
            seen.insert((row.key, row.only));
        }
        let rows = || CAPABILITIES.iter().filter(|row| row.key == key && row.is_asked(&with));
        assert!(rows().next().is_some(), "{key} has no row");
        for target in Target::ALL {
            let Some(plan) = try_render(&with, target) else {
                let Err(Error::Gaps(gaps)) = definitions(&with).render(target, Options::default())
                else {
                    panic!("{key} {target}");
                };
                assert!(gaps.iter().any(|gap| gap.key == key), "{key} {target} {gaps:?}");
                continue;
            };
            let refused = rows().any(|row| matches!(row.of(target), Support::Not(_)));
            let gaps: Vec<_> = plan.gaps.iter().filter(|gap| gap.key == key).collect();
            assert_eq!(!gaps.is_empty(), refused, "{key} {target} {gaps:?}");
            let differs = made(&plan) != made(&render(&without, target));
            if !refused && !rows().any(|row| always(row.of(target))) {
                assert!(differs, "`{key}` is silently left out for {target}");
            }
            match definitions(&with).render(target, Options::default()) {
                Ok(strict) => assert_eq!(strict, plan),
                Err(Error::Gaps(gaps)) => assert_eq!(gaps, plan.gaps),
                Err(error) => panic!("{error}"),
            }
        }
    }
    let all: BTreeSet<_> = CAPABILITIES.iter().map(|row| (row.key, row.only)).collect();
    assert_eq!(seen, all, "every row is asked for above");
}

#[test]
fn every_key_has_a_row_and_every_row_a_key() {
    let keys: BTreeSet<_> =
        KEYS.iter().filter(|key| key.form != "table").map(|key| key.path).collect();
    let rows: BTreeSet<_> = CAPABILITIES.iter().map(|row| row.key).collect();
    assert_eq!(rows.difference(&keys).collect::<Vec<_>>(), [&"log"], "`log` may be empty");
    assert_eq!(keys.difference(&rows).count(), 0, "{:?}", keys.difference(&rows));
}

/// A service that is built without one of these would have rights that nobody gave it.
#[test]
fn what_is_about_rights_is_never_left_out() {
    let about =
        ["user", "group", "groups", "root", "log.user", "log.group", "log.mode", "systemd.Service"];
    let mut refused = BTreeSet::new();
    for (key, with, _) in asking() {
        for target in Target::ALL {
            let Err(error) = definitions(&with).render(target, LOSSY) else { continue };
            let Error::Gaps(gaps) = &error else { panic!("{error}") };
            assert!(gaps.iter().all(|gap| gap.rights && about.contains(&&*gap.key)), "{error}");
            assert!(error.to_string().contains("about rights") && error.hint().is_none());
            refused.insert((key, target));
        }
    }
    assert!(refused.contains(&("log.mode", Target::Systemd)), "{refused:?}");
    assert!(refused.contains(&("root", Target::Embedded)), "{refused:?}");
    assert!(refused.contains(&("systemd.Service", Target::Runit)), "{refused:?}");
}

/// Everything that is left out says so in the file that is made.
#[test]
fn what_is_left_out_is_a_comment_too() {
    for (_, with, _) in asking() {
        for target in Target::ALL {
            let Some(plan) = try_render(&with, target) else { continue };
            for gap in &plan.gaps {
                let names = ["web.service", "web@1", "web@.service", "Procfile", "web"];
                let unit = names.iter().find_map(|name| plan.units.get(*name));
                let file = match &unit.unwrap() {
                    Unit::File(file) => file.clone(),
                    Unit::Directory(entries) => {
                        let of = |name: &str| entries.get(Path::new(name));
                        match of("run").or_else(|| of("up")) {
                            Some(svbuild::plan::PlanEntry::File(file)) => file.clone(),
                            _ => unreachable!(),
                        }
                    }
                };
                let text = String::from_utf8(file.bytes).unwrap();
                assert!(text.contains(&format!("# left out: {gap}\n")), "{gap}\n{text}");
            }
        }
    }
}

#[test]
fn the_documentation_has_these_tables() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/svcmgr.toml.md");
    let text = fs::read_to_string(&path).unwrap();
    let mut new = text.clone();
    for (name, table) in [("keys", table()), ("targets", capabilities())] {
        let (begin, end) = (format!("<!-- {name}:begin -->\n"), format!("<!-- {name}:end -->"));
        let (before, rest) = new.split_once(&begin).unwrap();
        let (_, after) = rest.split_once(&end).unwrap();
        new = format!("{before}{begin}{table}{end}{after}");
    }
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &new).unwrap();
    }
    assert!(
        text == new,
        "docs/svcmgr.toml.md differs; UPDATE=1 cargo test -p svbuild --test matrix"
    );
}

/// One service under every target, to be read when something changes.
#[test]
fn what_is_made_of_the_example() {
    let text = include_str!("../../../docs/svcmgr.toml");
    let definitions = Definitions::from_toml(text).unwrap();
    for target in Target::ALL {
        let mut definitions = definitions.clone();
        if target == Target::Procfile {
            // A user is about rights, and so is never left out.
            assert!(definitions.render(target, LOSSY).is_err());
            definitions.service.get_mut("web").unwrap().user = None;
        }
        let plan = definitions.render(target, LOSSY).unwrap();
        let gaps: Vec<_> = plan.gaps.iter().map(|gap| &*gap.key).collect();
        let missing: &[&str] = match target {
            Target::Daemontools | Target::Encore => &["ready.tcp", "restart"],
            Target::Procfile => &[
                "limits.core",
                "limits.files",
                "limits.files",
                "ready.tcp",
                "restart",
                "log",
                "log.max_size",
                "log.max_files",
                "log.timestamp",
            ],
            _ => &[],
        };
        assert_eq!(gaps, missing, "{target}");
        programs::expect(
            Path::new(&format!("tests/expected/{target}.example.txt")),
            &plan.to_string(),
        );
    }
}

/// The file that `cargo xtask daemons --built` runs: what each supervisor does not have of it.
#[test]
fn the_daemons_are_built_for_every_supervisor() {
    let text = include_str!("../../../examples/daemons/svcmgr.toml");
    let definitions = Definitions::from_toml(text).unwrap();
    assert_eq!(definitions.service.len(), 9);
    for target in Target::ALL.into_iter().filter(|it| *it != Target::Procfile) {
        let plan = definitions.render(target, LOSSY).unwrap();
        let gaps: BTreeSet<_> = plan.gaps.iter().map(|gap| &*gap.key).collect();
        let missing: &[&str] = match target {
            Target::Daemontools | Target::Encore => &[
                "after",
                "ready.tcp",
                "reload.check",
                "reload.signal",
                "restart",
                "stop.kill_after",
                "stop.signal",
            ],
            Target::Runit => &["after", "stop.kill_after"],
            Target::S6 => &["after", "reload.check", "reload.signal"],
            Target::S6Rc => &["reload.check", "reload.signal"],
            Target::Systemd => &["log.dir"],
            _ => &[],
        };
        assert_eq!(gaps.into_iter().collect::<Vec<_>>(), missing, "{target}");
    }
}

/// Each of the units that were written by hand: a unit of systemd without a loss, and a directory for each supervisor
/// of the family.
#[test]
fn the_units_by_hand_are_built() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/units");
    let page = fs::read_to_string(dir.join("README.md")).unwrap();
    let mut count = 0;
    for entry in fs::read_dir(&dir).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        if path.extension().is_none_or(|it| it != "toml") {
            continue;
        }
        count += 1;
        let definitions = Definitions::from_toml(&fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(definitions.service.keys().collect::<Vec<_>>(), [name]);
        let unit = definitions.render(Target::Systemd, Options::default());
        assert!(
            unit.is_ok_and(|plan| plan.units.contains_key(&format!("{name}.service"))),
            "{name}"
        );
        for target in [Target::Runit, Target::S6, Target::Daemontools, Target::Embedded] {
            let plan = definitions.render(target, LOSSY);
            assert!(plan.is_ok_and(|plan| plan.units.contains_key(name)), "{name} {target}");
        }
    }
    assert_eq!(count, 20);
    assert!(page.starts_with("# Units of Debian") && page.contains("Twenty daemons"));
}
