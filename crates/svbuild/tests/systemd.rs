//! Unit files: through a reader of our own, and through systemd's.
#![cfg(target_os = "linux")]
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::{
    ffi::OsStr,
    fs,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    process::Command,
};

use proptest::prelude::*;
use svbuild::{
    Definitions, Error, Lossy, Options, Plan, Service, Target,
    plan::Unit,
    spec::{
        Bound, Dir, Dirs, External, IoClass, IoPriority, Limit, Limits, Log, Need, ReadyCheck,
        Reload, Resources, Restart, Size, Stop, Stream, Systemd, Time, When,
    },
};

mod programs;
#[path = "unit/parser.rs"]
mod unit;
use programs::{installed, word, words};

fn render(service: Service) -> Result<Plan, Error> {
    Definitions::default().with("web", service).render(Target::Systemd, Options::default())
}

fn text(plan: &Plan) -> Vec<u8> {
    let Unit::File(file) = &plan.units["web.service"] else { unreachable!() };
    file.bytes.clone()
}

/// What systemd says against a unit; it exits with 0 for what it ignores.
fn complaints(text: &[u8]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let unit = dir.path().join("web.service");
    fs::write(&unit, text).unwrap();
    let output = Command::new("systemd-analyze")
        .args(["verify", "--man=no", "--recursive-errors=no"])
        .arg(&unit)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    let of_unit: Vec<_> = said.lines().filter(|line| line.contains("web.service")).collect();
    format!("{}{}", of_unit.join("\n"), if output.status.success() { "" } else { "\nfailed" })
}

fn value<'a>(lines: &'a unit::Lines, key: &str) -> Option<&'a str> {
    lines.iter().find(|(_, it, _)| it == key).map(|(_, _, value)| value.as_str())
}

proptest! {
    #![proptest_config(programs::cases(400))]

    #[test]
    fn words_variables_and_paths_are_what_they_were(
        argv in words(),
        values in prop::collection::vec(word(), 0..4),
        dir in word(),
        description in word(),
    ) {
        let mut exec: Vec<&OsStr> = vec![OsStr::new("/bin/true")];
        exec.extend(argv.iter().map(|word| OsStr::from_bytes(word)));
        let cwd = PathBuf::from(OsStr::from_bytes(&[b"/d", &dir[..]].concat()));
        let description = String::from_utf8_lossy(&description).into_owned();
        let mut service = Service::new(exec).cwd(&cwd).description(&description);
        for (at, value) in values.iter().enumerate() {
            service = service.env(format!("V{at}"), OsStr::from_bytes(value));
        }
        let Ok(plan) = render(service.clone()) else { return Ok(()) };
        let text = text(&plan);
        let lines = unit::lines(&text).unwrap();
        let shape: Vec<_> = lines.iter().map(|(section, key, _)| format!("{section}.{key}")).collect();
        let variables = vec!["Service.Environment".to_owned(); values.len()];
        let expected: Vec<String> = ["Unit.Description", "Unit.StartLimitIntervalSec", "Service.Type",
            "Service.ExecStart", "Service.Restart", "Service.RestartSec", "Service.KillMode",
            "Service.TimeoutStopSec", "Service.WorkingDirectory"].map(str::to_owned).into_iter()
            .chain(variables)
            .chain(["Service.StandardInput", "Service.StandardOutput", "Service.StandardError",
            "Install.WantedBy"].map(str::to_owned)).collect();
        prop_assert_eq!(shape, expected, "a definition has added a line");

        let mut whole = vec![b"/bin/true".to_vec()];
        whole.extend(argv);
        prop_assert_eq!(unit::command(value(&lines, "ExecStart").unwrap()), Ok(whole));
        let seen = unit::environment(&lines).unwrap();
        for (at, value) in values.iter().enumerate() {
            prop_assert_eq!(&seen[&format!("V{at}")], value);
        }
        prop_assert_eq!(seen.len(), values.len());
        let path = unit::plain(value(&lines, "WorkingDirectory").unwrap()).unwrap();
        prop_assert_eq!(path, cwd.as_os_str().as_bytes().to_vec());
        let said = unit::plain(value(&lines, "Description").unwrap()).unwrap();
        prop_assert_eq!(said, description.into_bytes());
    }
}

proptest! {
    #![proptest_config(programs::cases(60))]

    #[test]
    fn systemd_has_nothing_against_it(
        argv in words(),
        values in prop::collection::vec(word(), 0..4),
        dir in word(),
        description in word(),
    ) {
        if !installed("systemd-analyze") {
            return Ok(());
        }
        let mut exec: Vec<&OsStr> = vec![OsStr::new("/bin/true")];
        exec.extend(argv.iter().map(|word| OsStr::from_bytes(word)));
        let mut service = Service::new(exec.clone()).finish(exec);
        for (at, value) in values.iter().enumerate() {
            // What is not UTF-8 is refused, which the test above is about.
            service = service.env(format!("V{at}"), String::from_utf8_lossy(value).into_owned());
        }
        let kept = service.clone();
        let path = PathBuf::from(OsStr::from_bytes(&[b"/d", &dir[..]].concat()));
        let file = Stream::File(path.clone());
        let service = service.cwd(&path).stdout(file.clone()).stderr(file.clone()).stdin(file)
            .description(String::from_utf8_lossy(&description).into_owned());
        // What cannot be written as a path is refused; the rest is written in any case.
        let plan = render(service).or_else(|_| render(kept)).unwrap();
        let text = text(&plan);
        prop_assert_eq!(complaints(&text), "", "{}", String::from_utf8_lossy(&text));
    }
}

/// Everything that systemd can express.
fn everything() -> Service {
    Service::new(["/bin/sleep", "1000"])
        .description("100% of $everything")
        .cwd("/tmp")
        .env("EMPTY", "")
        .env("A", "b c")
        .user("daemon")
        .group("daemon")
        .also_group("adm")
        .umask(0)
        .dirs(
            Dirs::new()
                .runtime(Dir::new(["web", "web2"]).mode(0o750))
                .state(["web"])
                .cache(["web"])
                .logs(["web"]),
        )
        .nice(5)
        .io_priority(IoPriority::new(IoClass::BestEffort).level(6))
        .limits(
            Limits::new()
                .address_space(Limit::new(Size(1 << 30), Bound::Infinity))
                .stack(Limit::new(Size(1 << 22), Size(1 << 24)))
                .data(Bound::Infinity)
                .rss(Size(1 << 30))
                .file_size(Size(1 << 20))
                .core(Size(0))
                .files(512)
                .processes(1000)
                .cpu("1h".parse::<Time>().unwrap()),
        )
        .resources(
            Resources::new()
                .memory_max(Size(1 << 30))
                .memory_high(Bound::Infinity)
                .swap_max(Size(0))
                .pids(64)
                .cpu("150%".parse().unwrap())
                .cpu_weight(200)
                .io_weight(50),
        )
        .session()
        .stdin(Stream::Null)
        .stdout(Stream::File("/tmp/out %i".into()))
        .stderr(Stream::Stdout)
        .stop(
            Stop::new()
                .signal("INT".parse().unwrap())
                .kill_after("1m 500ms".parse::<Time>().unwrap())
                .command(["/bin/echo", "$A %n"]),
        )
        .reload(Reload::new().check(["/bin/echo", "$A %n"]))
        .finish(["/bin/echo", "$EXIT_CODE", "%n"])
        .restart(Restart::OnFailure)
        .after("db")
        .log(Log::new().max_size(Size(1 << 20)).max_files(4))
}

#[test]
fn systemd_has_nothing_against_everything() {
    if !installed("systemd-analyze") {
        return;
    }
    let ready = [
        None,
        Some(ReadyCheck::Fd(3)),
        Some(ReadyCheck::Notify),
        Some(ReadyCheck::Tcp("[::1]:80".into())),
        Some(ReadyCheck::Http("http://[::1]:80/a?b=%20$c".into())),
        Some(ReadyCheck::Command(vec!["/bin/test".into(), "-e".into(), "/a b".into()])),
    ];
    for ready in ready {
        let mut service = everything();
        service.ready = ready.map(Into::into);
        service.root = service.ready.is_none().then(|| "/".into());
        if service.root.is_some() {
            service.dirs = Dirs::default();
        }
        let definitions = Definitions::default()
            .with("web", service)
            .with("db", Service::new(["/bin/true"]).restart(Restart::Never).down());
        let plan = definitions.render(Target::Systemd, Options::default()).unwrap();
        let text = text(&plan);
        assert_eq!(complaints(&text), "", "{}", String::from_utf8_lossy(&text));
        for unit in plan.units.values() {
            let Unit::File(file) = unit else { unreachable!() };
            assert!(!String::from_utf8_lossy(&file.bytes).contains("simple"));
        }
    }
}

#[test]
fn the_whole_unit() {
    let mut service = everything();
    service.ready = Some(ReadyCheck::Fd(3).into());
    let definitions =
        Definitions::default().with("web", service).with("db", Service::new(["/bin/true"]));
    let plan = definitions.render_one("web", Target::Systemd, Options::default()).unwrap();
    assert_eq!(plan.units.len(), 2);
    programs::expect(Path::new("tests/expected/systemd.txt"), &plan.to_string());
}

#[test]
fn what_it_cannot_express_is_left_out_with_a_comment_if_asked() {
    let service = Service::new(["/bin/true"]).env_dir("/etc/env").stdin(Stream::Inherit);
    let Err(Error::Gaps(gaps)) = render(service.clone()) else { panic!("refused") };
    let keys: Vec<_> = gaps.iter().map(|gap| gap.key.as_str()).collect();
    assert_eq!(keys, ["env_dir", "stdin"]);
    let lossy = Options::new().lossy(Lossy::Commented);
    let plan = Definitions::default().with("web", service).render(Target::Systemd, lossy).unwrap();
    let text = String::from_utf8(text(&plan)).unwrap();
    assert_eq!(plan.gaps, gaps);
    assert_eq!(text.matches("# left out: ").count(), 2, "{text}");
    assert_eq!(unit::lines(text.as_bytes()).unwrap().len(), 12, "{text}");
}

#[test]
fn who_waits_for_whom_is_said_to_the_manager() {
    let text_of = |service: Service| {
        let plan = Definitions::default()
            .with("web", service)
            .with("job", Service::new(["/bin/true"]).job())
            .with("db", Service::new(["/bin/true"]).ready(ReadyCheck::Fd(3)))
            .with("plain", Service::new(["/bin/true"]))
            .render_one("web", Target::Systemd, Options::default())
            .map_err(|error| error.to_string())?;
        Ok::<_, String>(String::from_utf8(text(&plan)).unwrap())
    };
    let base = || Service::new(["/bin/true"]);
    for (service, lines) in vec![
        (base().after("plain"), "After=plain.service\nStart"),
        (base().after("job"), "After=job.service\nRequires=job.service\nStart"),
        (base().needs("db"), "After=db.service\nRequires=db.service\nStart"),
        (base().wants("db").after("db"), "After=db.service\nWants=db.service\nStart"),
        (base().after(Need::new("db").when(When::Ready)), "After=db.service\nStart"),
        (
            base().wants(Need::new("plain").when(When::Up)),
            "After=plain.service\nWants=plain.service\nStart",
        ),
        // `systemd.md` 19.
        (
            base().after_external(External::new().systemd("a.target").systemd("b.socket")),
            "After=a.target\nAfter=b.socket\nWants=a.target\nStart",
        ),
        (base().job().success(2).success(7), "Restart=no\nSuccessExitStatus=2 7\n"),
        (base().job(), "Type=oneshot\nExecStart="),
        (base().job().remain(), "Type=oneshot\nRemainAfterExit=yes\nExecStart="),
        (base().job().restart(Restart::OnFailure), "Restart=on-failure\n"),
    ] {
        let text = text_of(service).unwrap();
        assert!(text.contains(lines), "{lines}\n{text}");
        if installed("systemd-analyze") {
            assert_eq!(complaints(text.as_bytes()), "", "{text}");
        }
    }
    for (name, last) in [("db", "ready"), ("job", "done")] {
        let error = text_of(base().after(Need::new(name).when(When::Up))).unwrap_err();
        assert!(error.contains(&format!("it waits until that is {last}")), "{error}");
    }
}

/// `systemd.md` 17.
#[test]
fn a_name_is_looked_up_where_the_path_of_the_service_leads() {
    let of = |path: Option<&str>| {
        let service = Service::new(["sleep", "1000"]);
        render(path.iter().fold(service, |service, path| service.env("PATH", *path)))
    };
    let line = "ExecSearchPath=/opt/bin:/bin\n";
    let told = String::from_utf8(text(&of(Some("/opt/bin:/bin")).unwrap())).unwrap();
    assert!(told.contains(line) && told.contains("ExecStart=\"sleep\" \"1000\"\n"), "{told}");
    let plain = String::from_utf8(text(&of(None).unwrap())).unwrap();
    assert!(!plain.contains("ExecSearchPath"), "{plain}");
    for odd in ["bin:/bin", "", "/a b", "/bin:%n"] {
        assert!(matches!(of(Some(odd)), Err(Error::Gaps(_))), "{odd}");
    }
    if installed("systemd-analyze") {
        assert_eq!(complaints(told.as_bytes()), "");
        assert_eq!(complaints(plain.as_bytes()), "");
    }
}

#[test]
fn a_program_that_is_neither_a_path_nor_a_name_is_refused() {
    for program in ["./sleep", "a b", "-sleep", "-/bin/true", "@/bin/true", "+/bin/true"] {
        let error = render(Service::new([program])).unwrap_err();
        let kind = error.kind();
        assert!(
            matches!(kind, svbuild::ErrorKind::Invalid | svbuild::ErrorKind::Unquotable),
            "{error}"
        );
    }
}

/// Text of the definition: what a key writes is refused with both names, anything else takes the place of
/// what the unit says of itself, once.
#[test]
fn text_for_the_unit_is_in_it_once_or_refused_with_the_key() {
    let mut everything = everything();
    everything.ready = Some(ReadyCheck::Tcp("h:1".into()).into());
    let other = || Service::new(["/bin/true"]);
    let of = |service| Definitions::default().with("web", service).with("db", other());
    let render = |service| of(service).render_one("web", Target::Systemd, Options::default());
    let (mut refused, mut replaced) = (0, 0);
    for service in [everything, other(), other().down().user(1).group(1)] {
        let whole = render(service.clone()).unwrap();
        for (section, directive, _) in unit::lines(&text(&whole)).unwrap() {
            let own = match section.as_str() {
                "Unit" => Systemd::new().unit(&directive, "own"),
                "Install" => Systemd::new().install(&directive, "own"),
                _ => Systemd::new().service(&directive, "own"),
            };
            match render(service.clone().systemd(own)) {
                Ok(plan) => {
                    let lines = unit::lines(&text(&plan)).unwrap();
                    let those: Vec<_> = lines.iter().filter(|it| it.1 == directive).collect();
                    assert_eq!(those, [&(section, directive, "own".to_owned())]);
                    replaced += 1;
                }
                Err(error) => {
                    let said = error.to_string();
                    let key = format!("`systemd.{section}.{directive}`");
                    assert!(said.contains(&key) && said.contains("the key `"), "{said}");
                    refused += 1;
                }
            }
        }
    }
    assert!(refused > 30 && replaced > 10, "{refused} {replaced}");
    let more = Systemd::new()
        .unit("After", "network.target")
        .service("ProtectSystem", "strict")
        .service("ExecStartPre", "/bin/true %n")
        .service("ExecStartPre", "-/bin/false")
        .install("WantedBy", "graphical.target");
    let told = text(&render(other().systemd(more)).unwrap());
    let told = String::from_utf8(told).unwrap();
    for lines in [
        "StartLimitIntervalSec=0\nAfter=network.target\n\n[Service]\n",
        "ExecStartPre=/bin/true %n\nExecStartPre=-/bin/false\nProtectSystem=strict\n",
        "[Install]\nWantedBy=graphical.target\n",
    ] {
        assert!(told.contains(lines), "{told}");
    }
    assert!(!told.contains("multi-user"), "{told}");
    if installed("systemd-analyze") {
        assert_eq!(complaints(told.as_bytes()), "");
    }
    for (directive, value) in
        [("A b", "x"), ("lower", "x"), ("Nice", "1\nUser=root"), ("Nice", "1\\")]
    {
        let error = render(other().systemd(Systemd::new().service(directive, value))).unwrap_err();
        assert!(error.to_string().contains("systemd.Service"), "{error}");
    }
}

/// Otherwise the tests above would hold whatever was written.
#[test]
fn the_judge_notices_what_systemd_ignores_and_what_it_refuses() {
    if !installed("systemd-analyze") {
        return;
    }
    for wrong in ["Umask=0", "Nice=40", "LimitNOFILE=5:3", "Environment=\"1A=b\"", "KillSignal=x"] {
        let text = format!("[Service]\nExecStart=/bin/true\n{wrong}\n");
        assert_ne!(complaints(text.as_bytes()), "", "{wrong}");
    }
    assert_ne!(complaints(b"[Service]\nExecStart=\"/bin/true\n"), "");
    assert_eq!(complaints(b"[Service]\nExecStart=/bin/true\n"), "");
}
