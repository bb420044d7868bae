//! Relative paths, and files of variables as `sh` and `awk` read them.
#![cfg(unix)]
#![allow(
    missing_docs,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use proptest::prelude::*;
use svbuild::{
    Definitions, Options, Service, Target,
    plan::{PlanEntry, Unit},
    spec::{Base, EnvFile},
};

mod programs;
#[path = "unit/variables.rs"]
mod variables;
use programs::installed;
use variables::{CASES, read};

fn said(text: &str, base: Base<'_>) -> Result<Service, String> {
    let read = Definitions::from_toml_in(text, base).map_err(|findings| findings.to_string())?;
    Ok(read.service["web"].clone())
}

const EVERY_PATH: &str = r#"
[service.web]
exec = ["./bin/web", "./as it is"]
cwd = "sub"
env_file = [".env", { path = "more/.env", optional = true }, "/etc/web"]
stdin = "./in"
stdout = "logs/out"
stderr = "../err"
ready.command = ["check/it"]
finish = ["sh", "-c", "x/y"]
log = { dir = "log", processor = ["./bin/old"] }
"#;

#[test]
fn every_path_is_relative_to_the_base() {
    let web = said(EVERY_PATH, Base::Implied(Path::new("/srv/app"))).unwrap();
    let text = Definitions::default().with("web", web.clone()).to_toml().unwrap();
    for part in [
        r#"exec = ["/srv/app/bin/web", "./as it is"]"#,
        r#"cwd = "/srv/app/sub""#,
        r#""/srv/app/.env""#,
        r#""/srv/app/more/.env""#,
        r#""/etc/web""#,
        r#"stdin = "/srv/app/in""#,
        r#"stdout = "/srv/app/logs/out""#,
        r#"stderr = "/srv/err""#,
        r#"command = ["/srv/app/check/it"]"#,
        r#"finish = ["sh", "-c", "x/y"]"#,
        r#"dir = "/srv/app/log""#,
        r#"processor = ["/srv/app/bin/old"]"#,
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert_eq!(Definitions::from_toml(&text).unwrap().service["web"], web);
    // What the file says goes before where it lies, and is relative to that.
    let based = format!("base = \"..\"\n{EVERY_PATH}");
    for base in [Base::Implied(Path::new("/srv/app/etc")), Base::Said(Path::new("/srv/app/etc"))] {
        assert_eq!(said(&based, base).unwrap(), web);
    }
    assert_eq!(said(&format!("base = \"/srv/app\"\n{EVERY_PATH}"), Base::Unknown).unwrap(), web);
}

#[test]
fn the_base_is_where_a_service_runs_that_does_not_say_so() {
    let text = "[service.web]\nexec = [\"web\"]\n";
    let web = said(text, Base::Implied(Path::new("/srv"))).unwrap();
    assert_eq!(web.cwd.as_deref(), Some(Path::new("/srv")));
    assert_eq!(said(text, Base::Said(Path::new("/srv"))).unwrap().cwd, None);
    let rooted = format!("{text}root = \"jail\"\n");
    let web = said(&rooted, Base::Implied(Path::new("/srv"))).unwrap();
    assert_eq!((web.cwd, web.root.as_deref()), (None, Some(Path::new("/srv/jail"))));
}

#[test]
fn a_relative_path_without_a_base_is_found_and_the_way_out_is_told() {
    for (line, at) in [
        ("cwd = \"web\"", "3:7"),
        ("env_file = \".env\"", "3:12"),
        ("stdout = \"./out\"", "3:10"),
        ("log.dir = \"log\"", "3:11"),
    ] {
        let text = format!("[service.web]\nexec = [\"web\"]\n{line}\n");
        let told = said(&text, Base::Said(Path::new("/srv"))).unwrap_err();
        assert!(told.starts_with(at) && told.contains("base = \".\""), "{line}: {told}");
    }
    let told = said("[service.web]\nexec = [\"./web\"]\n", Base::Unknown).unwrap_err();
    assert!(told.starts_with("2:8") && told.contains("base = "), "{told}");
    let told = said("base = \"x\"\n[service.web]\nexec = [\"web\"]\n", Base::Unknown).unwrap_err();
    assert!(told.starts_with("1:8") && told.contains("`base` must be"), "{told}");
    let told = said("bas = \"x\"\n", Base::Unknown).unwrap_err();
    assert!(told.contains("did you mean `base`?"), "{told}");
}

#[test]
fn a_file_of_variables_is_a_path_a_table_or_several() {
    let of = |value: &str| {
        said(&format!("[service.web]\nexec = [\"web\"]\nenv_file = {value}\n"), Base::Unknown)
    };
    let files = |value: &str| of(value).unwrap().env_file;
    assert_eq!(files("\"/a\""), [EnvFile::new("/a")]);
    assert_eq!(files("{ path = \"/a\", optional = true }"), [EnvFile::new("/a").optional()]);
    assert_eq!(files("[\"/a\", { path = \"/b\" }]"), [EnvFile::new("/a"), EnvFile::new("/b")]);
    for (wrong, what) in [
        ("1", "a path"),
        ("[[\"/a\", \"/b\"]]", "a path"),
        ("{ optional = true }", "path"),
        ("{ pth = \"/a\" }", "did you mean `path`?"),
        ("\"/a/*.env\"", "one file"),
        ("\"/a\"\nenv_dir = \"/b\"", "beside `env_dir`"),
    ] {
        let told = of(wrong).unwrap_err();
        assert!(told.contains(what), "{wrong}: {told}");
    }
}

/// Runs what is made for a service that writes down its variables.
fn set_by(text: &str) -> BTreeMap<String, String> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("it's .env");
    fs::write(&file, text).unwrap();
    let service = Service::new(["env", "-0"]).env_file(EnvFile::new(&file));
    let missing: PathBuf = dir.path().join("missing");
    let service = service
        .env_file(EnvFile::new(missing).optional())
        .env("V1", "of env")
        .env("LC_V", "of env");
    let plan = Definitions::default()
        .with("web", service)
        .render(Target::Embedded, Options::new())
        .unwrap();
    let Unit::Directory(entries) = &plan.units["web"] else { unreachable!() };
    let PlanEntry::File(run) = &entries[Path::new("run")] else { unreachable!() };
    let script = dir.path().join("run");
    fs::write(&script, &run.bytes).unwrap();
    let output = Command::new("sh").arg(&script).current_dir(dir.path()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout)
        .unwrap()
        .split_terminator('\0')
        .map(|it| it.split_once('=').unwrap())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn agree(text: &str) {
    let (seen, mut expected) = (set_by(text), read(text));
    for name in ["V1", "LC_V"] {
        expected.entry(name.to_owned()).or_insert_with(|| "of env".to_owned());
    }
    for (name, value) in &expected {
        assert_eq!(seen.get(name), Some(value), "{name} of {text:?}");
    }
    let ours = |name: &&String| name.starts_with('V') || name.starts_with("LC_V");
    assert_eq!(seen.keys().filter(ours).count(), expected.keys().filter(ours).count(), "{text:?}");
}

#[test]
fn a_file_of_variables_sets_what_it_says() {
    if installed("awk") {
        agree(&CASES.concat());
        agree("LC_V=of the file\nIFS=x\nPATH=/usr/bin:/bin\nOPTIND=none\nLD_V='a'b\n");
        agree("");
    }
}

#[test]
fn what_is_missing_and_not_optional_keeps_it_from_starting() {
    let service = Service::new(["echo", "started"]).env_file(EnvFile::new("/nowhere/at/all"));
    let plan = Definitions::default()
        .with("web", service)
        .render(Target::Embedded, Options::new())
        .unwrap();
    let Unit::Directory(entries) = &plan.units["web"] else { unreachable!() };
    let PlanEntry::File(run) = &entries[Path::new("run")] else { unreachable!() };
    let output = Command::new("sh")
        .arg("-c")
        .arg(std::str::from_utf8(&run.bytes).unwrap())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(111), "{said}");
    assert!(said.contains("/nowhere/at/all") && !said.contains("started"), "{said}");
}

/// Pieces in any order.
fn any_text() -> impl Strategy<Value = String> {
    let pieces = [
        "V1", "V2=", "VALUE=", "=", "'", "\"", "\\", "\\\n", "\n", "\r\n", " ", "\t", "#", ";",
        "$", "`", "a", "$(id)", "\u{e9}", "LC_V=", "%", "*", "-", "0",
    ];
    prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..40)
        .prop_map(|it| it.concat() + "\n")
}

proptest! {
    #![proptest_config(programs::cases(60))]

    #[test]
    fn any_file_of_variables_sets_what_it_says(text in any_text()) {
        if installed("awk") {
            agree(&text);
        }
    }
}
