//! One definition with every key, under every suite: each process sees the same of itself.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::Command,
};

use svbuild::{
    Definitions, Lossy, Options, Service, Target,
    spec::{
        Bound, Control, Critical, Dir, Dirs, EnvFile, Health, HealthCheck, IoClass, IoPriority,
        KEYS, Limit, Limits, Log, ReadyCheck, Reload, Resources, Restart, RestartPolicy, Size,
        Socket, Stop, Stream, Systemd, Time, Timestamp,
    },
    target::CAPABILITIES,
};

use crate::tree::{DAEMONTOOLS, PLACES, RUNIT, S6, S6_SH, Suite, Tree};

fn probe() -> PathBuf {
    example("probe")
}

/// An example of this crate, which `cargo` puts beside the tests.
pub fn example(name: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let file = tests.parent().unwrap().parent().unwrap().join("examples").join(name);
    assert!(file.is_file(), "`cargo build -p svbuild --examples` makes {}", file.display());
    file
}

/// Every key but `root`, some limits, `resources` and `env_dir`, which the next have.
fn all(tree: &Tree) -> Service {
    let probe = probe();
    let file = tree.path("open/all").into_os_string();
    let odd = ["", "two words", "'quoted' \"twice\"", "$HOME `id` \\", "line\nend", "%n ä"];
    let mut exec = vec![probe.into_os_string(), file];
    exec.extend(odd.iter().map(Into::into));
    Service::new(exec)
        .description("every key")
        .cwd(tree.path("a dir"))
        .env("EMPTY", "")
        .env("PLAIN", "a value")
        .env("BLANK_END", "kept ")
        .env("LINES", "one\ntwo\n")
        .env("LC_ALL", "C.UTF-8")
        .env("OPTIND", "no number")
        .user("daemon")
        .group("games")
        .also_group("adm")
        .also_group("audio")
        .umask(0o027)
        .dirs(
            Dirs::new()
                .runtime(Dir::new([tree.name()]).mode(0o710))
                .state([&*tree.name()])
                .cache([&*tree.name()])
                .logs(Dir::new([tree.name()]).mode(0o775)),
        )
        .nice(3)
        .io_priority(IoPriority::new(IoClass::BestEffort).level(6))
        .limits(
            Limits::new()
                .rss(Size(1 << 29))
                .file_size(Limit::new(Size(1 << 28), Size(1 << 29)))
                .core(Size(4096))
                .files(Limit::new(100, 200))
                .processes(5000)
                .cpu(Limit::new("1h".parse::<Time>().unwrap(), "2h".parse::<Time>().unwrap())),
        )
        .session()
        .stdin(Stream::Null)
        .stdout(Stream::Inherit)
        .stderr(Stream::Stdout)
        .ready(ReadyCheck::Command(vec!["/bin/true".into()]))
        .stop(
            Stop::new()
                .signal("INT".parse().unwrap())
                .kill_after("5s".parse().unwrap())
                .command(["/bin/true"])
                .group(false),
        )
        .control(Control::new().group("adm").mode(0o750))
        .reload(Reload::new().check(["/bin/true"]).command(["/bin/true"]))
        .finish(["/bin/true"])
        .restart(Restart::OnFailure)
        .after("parts")
        .log(
            Log::new()
                .filter("-*secret*")
                .dir(tree.path("logs/all"))
                .max_size(Size(8192))
                .max_files(3)
                .timestamp(Timestamp::Tai64n)
                .processor(["/bin/cat"])
                .user("daemon")
                .group("adm")
                .mode(0o751),
        )
}

/// What the first cannot have.
fn parts(tree: &Tree) -> Service {
    let env_dir = tree.path("a dir/env");
    fs::create_dir_all(&env_dir).unwrap();
    fs::write(env_dir.join("FROM_DIR"), "of the directory\n").unwrap();
    fs::write(env_dir.join("BOTH"), "of the directory\n").unwrap();
    Service::new([probe(), tree.path("open/parts")])
        .cwd(tree.path("open"))
        .env_dir(env_dir)
        .env("BOTH", "of the definition")
        .user(33)
        .group(33)
        .also_group(4)
        .limits(
            Limits::new()
                .address_space(Size(1 << 30))
                .data(Size(1 << 29))
                .stack(Limit::new(Size(1 << 22), Size(1 << 23)))
                .locked_memory(Size(1 << 16))
                .core(Bound::Infinity)
                .files(Bound::Infinity),
        )
        .resources(
            Resources::new()
                .memory_max(Size(1 << 30))
                .memory_high(Size(1 << 29))
                .swap_max(Size(0))
                .pids(64)
                .cpu("50%".parse().unwrap())
                .cpu_weight(200)
                .io_weight(50),
        )
        .io_priority(IoPriority::new(IoClass::Idle))
        .reload(Reload::new().signal("USR1".parse().unwrap()))
        .stdin(Stream::File("/etc/passwd".into()))
        .stdout(Stream::File(tree.path("open/out")))
        .stderr(Stream::Null)
        .restart(
            RestartPolicy::new(Restart::Always)
                .delay("3s".parse().unwrap())
                .max_delay("1m".parse().unwrap())
                .at_most(50, "1m".parse().unwrap()),
        )
        .systemd(
            Systemd::new()
                .unit("Documentation", "man:true(1)")
                .service("PrivateDevices", "no")
                .install("Also", "all.service"),
        )
}

/// Only a user, whose groups in the database are not taken; and what only follows a `PATH`.
fn named(tree: &Tree) -> Service {
    let variables = tree.path("variables");
    fs::write(&variables, "# of root\nFROM_FILE=\"of the\n file\"\nGIDLIST='the file\\'\n")
        .unwrap();
    fs::set_permissions(&variables, fs::Permissions::from_mode(0o600)).unwrap();
    Service::new([probe(), tree.path("open/named")])
        .cwd(tree.path("open"))
        .user("daemon")
        .env("PATH", "/nowhere")
        .env("UID", "mine")
        .env("HOME", "/mine")
        .env("GIDLIST", "mine")
        .stderr(Stream::File(tree.path("open/err")))
        .env_file(EnvFile::new(variables))
        .env_file(EnvFile::new("/nowhere/at/all").optional())
}

/// Below another root, with a copy of the probe and of what it needs.
fn rooted(tree: &Tree) -> Service {
    let root = tree.path("a dir/root");
    fs::create_dir_all(&root).unwrap();
    let probe = probe();
    let libraries = Command::new("ldd").arg(&probe).output().unwrap();
    let libraries = String::from_utf8(libraries.stdout).unwrap();
    let libraries = libraries.split_whitespace().filter(|word| word.starts_with('/'));
    for file in libraries.map(Path::new).chain([probe.as_path()]) {
        let to = root.join(file.strip_prefix("/").unwrap());
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(file, to).unwrap();
    }
    fs::create_dir_all(root.join("open")).unwrap();
    fs::set_permissions(root.join("open"), fs::Permissions::from_mode(0o1777)).unwrap();
    Service::new(["/bin/true"]).root(root)
}

fn definitions(tree: &Tree) -> Definitions {
    Definitions::default()
        .with("all", all(tree))
        .with("parts", parts(tree))
        .with("named", named(tree))
}

/// With what a process does not see of itself.
fn watched(dir: PathBuf) -> Service {
    let time = |text: &str| text.parse::<Time>().unwrap();
    let asked = Health::new(HealthCheck::Tcp("h:1".into())).every(time("9s")).timeout(time("1s"));
    Service::new(["/bin/true"])
        .instances(2)
        .expand(true)
        .pre(["/bin/true"])
        .ready(ReadyCheck::Notify)
        .watchdog(time("9s"))
        .health(asked.failures(9))
        .critical(Critical::Failure)
        .restart(Restart::Never)
        .on_failure(["/bin/true"])
        .restart_on_change(dir)
        .tty()
}

/// What the process of a service wrote down, without what differs from run to run.
fn seen(tree: &Tree, name: &str) -> BTreeMap<String, String> {
    let lines = tree.lines(&format!("open/{name}"), 1);
    let mut found = BTreeMap::new();
    let base = tree.path("").to_str().unwrap().trim_end_matches('/').to_owned();
    for (at, line) in lines.iter().enumerate() {
        let (key, value) = line.split_once(": ").unwrap();
        let value = value.replace(&base, "TREE");
        match key {
            "pid" => {
                let io = Command::new("ionice").args(["-p", &value]).output().unwrap();
                found.insert("io".into(), String::from_utf8(io.stdout).unwrap().trim().to_owned());
            }
            "arg" => drop(found.insert(format!("arg {at}"), value)),
            "env" => {
                let (name, value) = value.split_once('=').unwrap();
                found.insert(format!("env {name}"), value.to_owned());
            }
            _ => drop(found.insert(key.to_owned(), value)),
        }
    }
    found
}

/// Variables of the supervisor, of shells and of the machine are not the definition's.
fn of_definition(service: &Service, seen: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let names: Vec<String> = service.env.keys().map(|name| format!("env {name}")).collect();
    let told = ["env FROM_FILE", "env FROM_DIR", "env HOME", "env USER", "env LOGNAME"];
    let ours =
        |key: &String| !key.starts_with("env ") || names.contains(key) || told.contains(&&**key);
    seen.iter().filter(|(key, _)| ours(key)).map(|(key, it)| (key.clone(), it.clone())).collect()
}

/// The directories of `all` are there, and are its user's.
fn made(tree: &Tree) {
    for (place, mode) in PLACES.into_iter().zip([0o710, 0o755, 0o755, 0o775]) {
        let data = fs::metadata(Path::new(place).join(tree.name())).unwrap();
        assert_eq!((data.mode() & 0o7777, data.uid(), data.gid()), (mode, 1, 60), "{place}");
    }
}

fn lines(log: &Path) -> Vec<String> {
    let text = fs::read_to_string(log.join("current")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// One suite: what each process saw.
fn run(suite: Suite) -> Vec<BTreeMap<String, String>> {
    let mut tree = Tree::new(suite);
    let definitions = definitions(&tree);
    tree.start(&definitions);
    let mut all = Vec::new();
    for (name, service) in &definitions.service {
        all.push(of_definition(service, &seen(&tree, name)));
    }
    // The logger: what it keeps, with a label, in a directory of its own.
    let log = tree.path("logs/all");
    let kept = tree.until("two lines of the log", || Some(lines(&log)).filter(|it| it.len() > 1));
    let texts: Vec<_> = kept.iter().map(|line| line.split_once(' ').unwrap().1).collect();
    assert_eq!(texts, ["a line on standard output", "a line on standard error"], "{suite:?}");
    assert!(kept.iter().all(|line| line.starts_with("@4") && line.find(' ') == Some(25)));
    let of_log = fs::metadata(&log).unwrap();
    assert_eq!((of_log.mode() & 0o7777, of_log.uid(), of_log.gid()), (0o751, 1, 4), "{suite:?}");
    assert_eq!(fs::metadata(log.join("current")).unwrap().uid(), 1);
    made(&tree);
    // Streams that are files.
    assert_eq!(fs::read_to_string(tree.path("open/out")).unwrap(), "a line on standard output\n");
    assert_eq!(tree.lines("open/err", 2)[0], "a secret line on standard error");
    all
}

/// What the definition says is what each process sees.
pub fn a_process_sees_what_its_definition_says(suite: Suite) {
    let [all, named, parts] = &run(suite)[..] else { unreachable!() };
    let is = |seen: &BTreeMap<String, String>, key: &str, value: &str| {
        assert_eq!(seen.get(key).map(String::as_str), Some(value), "{key} {seen:#?}");
    };
    for (key, value) in [
        ("arg 0", ""),
        ("arg 1", "two words"),
        ("arg 2", "\\'quoted\\' \\\"twice\\\""),
        ("arg 3", "$HOME `id` \\\\"),
        ("arg 4", "line\\nend"),
        ("arg 5", "%n \\xc3\\xa4"),
        ("env EMPTY", ""),
        ("env PLAIN", "a value"),
        ("env BLANK_END", "kept "),
        ("env LINES", "one\\ntwo\\n"),
        ("env LC_ALL", "C.UTF-8"),
        ("env OPTIND", "no number"),
        ("env HOME", "/usr/sbin"),
        ("env USER", "daemon"),
        ("env LOGNAME", "daemon"),
        ("cwd", "TREE/a dir"),
        ("Uid", "1"),
        ("Gid", "60"),
        ("Umask", "0027"),
        ("nice", "3"),
        ("io", "best-effort: prio 6"),
        ("limit Max resident set", "536870912"),
        ("limit Max file size", "268435456"),
        ("hard Max file size", "536870912"),
        ("limit Max core file size", "4096"),
        ("limit Max open files", "100"),
        ("hard Max open files", "200"),
        ("hard Max cpu time", "7200"),
        ("limit Max processes", "5000"),
        ("limit Max cpu time", "3600"),
        ("fd 0", "/dev/null"),
        ("fd 1", "pipe"),
        ("fd 2", "pipe"),
    ] {
        is(all, key, value);
    }
    for (key, value) in [
        ("env FROM_DIR", "of the directory"),
        ("env BOTH", "of the definition"),
        ("Uid", "33"),
        ("Gid", "33"),
        ("limit Max address space", "1073741824"),
        ("limit Max data size", "536870912"),
        ("limit Max stack size", "4194304"),
        ("hard Max stack size", "8388608"),
        ("limit Max locked memory", "65536"),
        ("io", "idle"),
        ("fd 0", "/etc/passwd"),
        ("fd 1", "TREE/open/out"),
        ("fd 2", "/dev/null"),
    ] {
        is(parts, key, value);
    }
    for key in ["env HOME", "env USER", "env LOGNAME"] {
        assert!(!parts.contains_key(key), "{key} of a number: {parts:#?}");
    }
    for (key, value) in [
        ("env HOME", "/mine"),
        ("env USER", "daemon"),
        ("env PATH", "/nowhere"),
        ("env UID", "mine"),
        ("env GIDLIST", "the file\\\\"),
        ("env FROM_FILE", "of the\\n file"),
        ("Uid", "1"),
        ("Gid", "1"),
        ("fd 2", "TREE/open/err"),
    ] {
        is(named, key, value);
    }
}

/// Nor is there a difference in anything else that a process can see.
#[test]
fn every_process_sees_the_same_under_every_suite() {
    let suites: Vec<_> =
        [RUNIT, DAEMONTOOLS, S6, S6_SH].into_iter().filter(|suite| suite.is_installed()).collect();
    let runs: Vec<_> = suites.iter().map(|suite| run(*suite)).collect();
    for (suite, run) in suites.iter().zip(&runs).skip(1) {
        for (mine, first) in run.iter().zip(&runs[0]) {
            assert_eq!(comparable(mine), comparable(first), "{suite:?} and {:?}", suites[0]);
        }
    }
}

/// s6 makes a session for every service, asked or not; whether the primary group is listed among
/// the supplementary ones makes no difference to the kernel.
fn comparable(seen: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut seen = seen.clone();
    let gid = seen["Gid"].clone();
    let mut groups: Vec<String> = seen["Groups"].split(' ').map(str::to_owned).collect();
    groups.push(gid);
    groups.retain(|group| !group.is_empty());
    groups.sort();
    groups.dedup();
    seen.insert("Groups".into(), groups.join(" "));
    if !seen.contains_key("arg 0") {
        seen.remove("session");
    }
    seen
}

/// In a machine of its own. What systemd cannot do is left out by name, and its outputs are
/// journald's.
pub fn every_process_sees_under_systemd_what_it_sees_under_runit() {
    let runit = run(RUNIT);
    let tree = Tree::new(RUNIT);
    let mut definitions = definitions(&tree);
    // What is about rights is not left out, and journald has its own.
    let log = definitions.service.get_mut("all").and_then(|all| all.log.as_mut()).unwrap();
    (log.user, log.group, log.mode) = (None, None, None);
    let options = Options::new().lossy(Lossy::Commented);
    let plan = definitions.render(Target::Systemd, options).unwrap();
    let gaps: BTreeSet<&str> = plan.gaps.iter().map(|gap| &*gap.key).collect();
    crate::units::install(&plan);
    let systemctl = |words: &[&str]| {
        assert!(Command::new("systemctl").args(words).status().unwrap().success(), "{words:?}");
    };
    let units: Vec<String> =
        definitions.service.keys().map(|name| format!("{name}.service")).collect();
    let start = units.iter().map(String::as_str);
    systemctl(&["start"].into_iter().chain(start).collect::<Vec<_>>());
    for ((name, service), there) in definitions.service.iter().zip(&runit) {
        let here = of_definition(service, &seen(&tree, name));
        let (mut here, mut there) = (comparable(&here), comparable(there));
        // The groups of the database are added, as `groups` says of systemd.
        for seen in [&mut here, &mut there] {
            seen.remove("Groups");
        }
        for (output, stream) in [("fd 1", &service.stdout), ("fd 2", &service.stderr)] {
            if matches!(stream, None | Some(Stream::Inherit | Stream::Stdout)) {
                assert!(here[output].starts_with("socket"), "{output} of {name}: {here:#?}");
                here.remove(output);
                there.remove(output);
            }
        }
        // What the tests were started with is handed down by every other suite.
        there
            .retain(|key, _| !key.starts_with("fd ") || ["fd 0", "fd 1", "fd 2"].contains(&&**key));
        // Where it is not set, it is the supervisor's own, which systemd sets itself.
        let infinite = |limit: Limit<u32>| limit.soft == Bound::Infinity;
        if service.limits.files.is_none_or(infinite) {
            here.remove("limit Max open files");
            there.remove("limit Max open files");
        }
        // Without one in the definition, the hard limit is infinity, or the supervisor's.
        let hard: &[&str] = match name.as_str() {
            "all" => &["hard Max file size", "hard Max open files", "hard Max cpu time"],
            "parts" => &["hard Max stack size"],
            _ => &[],
        };
        for seen in [&mut here, &mut there] {
            seen.retain(|key, _| !key.starts_with("hard ") || hard.contains(&&**key));
        }
        if gaps.contains("env_dir") {
            there.remove("env FROM_DIR");
        }
        assert_eq!(here, there, "{name}, without {gaps:?}");
    }
    made(&tree);
    let properties =
        "MemoryMax,MemoryHigh,MemorySwapMax,TasksMax,CPUQuotaPerSecUSec,CPUWeight,IOWeight";
    let show =
        Command::new("systemctl").args(["show", "parts", "-p", properties]).output().unwrap();
    let show = String::from_utf8(show.stdout).unwrap();
    let mut shown: Vec<&str> = show.lines().collect();
    shown.sort_unstable();
    let resources = [
        "CPUQuotaPerSecUSec=500ms",
        "CPUWeight=200",
        "IOWeight=50",
        "MemoryHigh=536870912",
        "MemoryMax=1073741824",
        "MemorySwapMax=0",
        "TasksMax=64",
    ];
    assert_eq!(shown, resources);
    let stop = units.iter().map(String::as_str);
    systemctl(&["stop"].into_iter().chain(stop).collect::<Vec<_>>());
}

/// One of those that say how it is asked whether a service is ready or well; and what is so without being said.
fn is_a_way(key: &str) -> bool {
    key.starts_with("ready")
        || ["health.tcp", "health.http", "health.command", "health.then"].contains(&key)
}

#[test]
fn every_key_is_used_above() {
    let tree = Tree::new(RUNIT);
    let mut definitions = definitions(&tree).with("rooted", rooted(&tree));
    definitions.service.get_mut("named").unwrap().down = true;
    definitions.service.insert("watched".into(), watched(tree.path("open")));
    // What these do is shown by the manager.
    let place = Path::new("/nowhere");
    definitions.service.extend(crate::units::jobs_and_needs(place, place).service);
    let open = Service::new(["/bin/true"]).socket(Socket::new("http", "/run/it"));
    definitions.service.insert("open".into(), open);
    let text = definitions.to_toml().unwrap();
    for key in KEYS.iter().filter(|key| key.form != "table" && !is_a_way(key.path)) {
        let last = key.path.rsplit('.').next().unwrap();
        assert!(
            text.contains(&format!("{last} = ")) || text.contains(&format!(".{last}]")),
            "{}\n{text}",
            key.path
        );
    }
    let asked = |key: &str| {
        CAPABILITIES
            .iter()
            .filter(|row| row.key == key)
            .any(|row| definitions.service.values().any(|service| row.is_asked(service)))
    };
    for row in CAPABILITIES.iter().filter(|row| !is_a_way(row.key)) {
        assert!(asked(row.key), "{}", row.key);
    }
}

/// The same program below another root.
pub fn a_root_is_changed(suite: Suite) {
    let mut tree = Tree::new(suite);
    let mut service = rooted(&tree);
    service.exec = vec![probe().into(), "/open/it".into(), "an argument".into()];
    let service = service.user(1).group(60).also_group(4).env("A", "b c");
    let service = service.limits(Limits::new().core(Size(0)));
    tree.start(&Definitions::default().with("it", service));
    // There is no /proc there, so it is the file that tells who wrote it.
    let lines = tree.lines("a dir/root/open/it", 4);
    for line in ["arg: an argument", "env: A=b c", "cwd: /"] {
        assert!(lines.iter().any(|it| it == line), "{suite:?} {lines:?}");
    }
    let file = fs::metadata(tree.path("a dir/root/open/it")).unwrap();
    assert_eq!((file.uid(), file.gid()), (1, 60), "{suite:?}");
}
