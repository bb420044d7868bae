//! A Procfile: arbitrary words through the shell, as foreman and honcho hand them to it, and through foreman itself
//! where it is.
#![cfg(target_os = "linux")]
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    os::unix::ffi::OsStrExt,
    path::Path,
    process::{Command, Stdio},
};

use proptest::prelude::*;
use svbuild::{
    Definitions, Error, Lossy, Options, Service, Target,
    plan::{File, Unit},
    spec::Stream,
};

mod programs;
use programs::{word, words};

/// Both files of a plan.
fn files(definitions: &Definitions) -> (File, Option<File>) {
    let plan = definitions.render(Target::Procfile, Options::new()).unwrap();
    let file = |name: &str| match plan.units.get(name)? {
        Unit::File(file) => Some(file.clone()),
        Unit::Directory(_) => None,
    };
    (file("Procfile").unwrap(), file(".env"))
}

/// The lines of a Procfile as a reader takes them that ends a line wherever Python's `splitlines` does.
fn lines(procfile: &File) -> BTreeMap<String, String> {
    let text = std::str::from_utf8(&procfile.bytes).unwrap();
    let ends = |c: char| {
        matches!(
            c,
            '\n' | '\r' | '\x0b' | '\x0c' | '\x1c'..='\x1e' | '\u{85}' | '\u{2028}' | '\u{2029}'
        )
    };
    let lines = text.split(ends).filter(|line| !line.starts_with('#') && !line.is_empty());
    let pair = |line: &str| {
        let (name, command) = line.split_once(':').unwrap();
        (name.to_owned(), command.trim().to_owned())
    };
    lines.map(pair).collect()
}

/// What a line of foreman becomes: `$NAME` is replaced for each variable that foreman sets.
fn replaced(line: &str) -> String {
    ["PORT", "PS", "A", "HOME", "x"]
        .iter()
        .fold(line.to_owned(), |line, name| line.replace(&format!("${name}"), "REPLACED"))
}

fn told(line: &str) -> Vec<Vec<u8>> {
    let output = Command::new("/bin/sh")
        .args(["-c", &replaced(line)])
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert!(output.status.success(), "{line}: {output:?}");
    output.stdout.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect()
}

const TELL: &str = "printf '%s\\0' \"$@\" \"$PWD\" \"$(umask)\" \"$(nice)\"; exec env -0";

fn telling(argv: &[Vec<u8>]) -> Service {
    let mut exec: Vec<&OsStr> = ["/bin/sh", "-c", TELL, "sh"].map(OsStr::new).to_vec();
    exec.extend(argv.iter().map(|word| OsStr::from_bytes(word)));
    Service::new(exec)
}

proptest! {
    #![proptest_config(programs::cases(100))]

    #[test]
    fn every_word_arrives_in_one_line(argv in words(), value in word(), late in word()) {
        let tree = tempfile::tempdir().unwrap();
        let dir = tree.path().join(OsStr::from_bytes(b"it's $HOME\n\xff"));
        fs::create_dir(&dir).unwrap();
        let service = telling(&argv)
            .cwd(&dir)
            .umask(0o027)
            .nice(3)
            .env("VALUE", OsStr::from_bytes(&value))
            .env("LC_X", OsStr::from_bytes(&late));
        let definitions = Definitions::default().with("web", service).with("other", Service::new(["/bin/true"]));
        let (procfile, env) = files(&definitions);
        prop_assert!(env.is_none());
        prop_assert_eq!(procfile.mode, 0o600);
        let lines = lines(&procfile);
        prop_assert_eq!(lines.len(), 2);
        prop_assert_eq!(&lines["other"], "exec /bin/true");
        let told = told(&lines["web"]);
        prop_assert_eq!(&told[..argv.len()], &argv[..], "{}", lines["web"]);
        let rest = &told[argv.len()..];
        prop_assert_eq!(&rest[0], dir.as_os_str().as_bytes());
        prop_assert_eq!(&rest[1..3], &[b"0027".to_vec(), b"3".to_vec()]);
        prop_assert!(rest.contains(&[b"VALUE=", &value[..]].concat()), "{}", lines["web"]);
        prop_assert!(rest.contains(&[b"LC_X=", &late[..]].concat()), "{}", lines["web"]);
    }
}

#[test]
fn what_every_service_has_is_in_the_other_file() {
    let service = |port: &str| Service::new(["/bin/web"]).env("SAME", "a b").env("OWN", port);
    let definitions = Definitions::default().with("a", service("1")).with("b", service("2"));
    let (procfile, env) = files(&definitions);
    let env = env.unwrap();
    assert_eq!((env.mode, &*env.bytes), (0o600, &b"SAME='a b'\n"[..]));
    assert_eq!(lines(&procfile)["a"], "export OWN=1 && exec /bin/web");
    // What two readers read differently stands in the line.
    let odd = |value: &str| {
        let service = Service::new(["/bin/web"]).env("ODD", value).env("PORT", "80");
        files(&Definitions::default().with("a", service)).1.is_none()
    };
    assert!(["it's", "\"", "\\n", "$A", "`id`", "a\nb", "é"].into_iter().all(odd));
}

#[test]
fn programs_run_before_it_and_streams_lead_elsewhere() {
    let tree = tempfile::tempdir().unwrap();
    let file = |name: &str| tree.path().join(name);
    let service = Service::new(["/bin/sh", "-c", "cat; echo \"$A\"; echo err >&2"])
        .env("A", "b")
        .pre(["/bin/sh", "-c", "echo \"pre $A\""])
        .stdin(Stream::File(file("in")))
        .stdout(Stream::File(file("out")))
        .stderr(Stream::Stdout);
    fs::write(file("in"), "in\n").unwrap();
    let (procfile, env) = files(&Definitions::default().with("web", service.clone()));
    let line = &lines(&procfile)["web"];
    let bytes = env.unwrap().bytes;
    assert_eq!(bytes, b"A=b\n");
    let run = |line: &str| {
        let shell = Command::new("/bin/sh").args(["-c", line]).env("A", "b").output().unwrap();
        (shell.status.code(), String::from_utf8(shell.stdout).unwrap())
    };
    assert_eq!(run(line), (Some(0), "pre b\n".to_owned()), "{line}");
    assert_eq!(fs::read_to_string(file("out")).unwrap(), "in\nb\nerr\n");
    let (procfile, _) = files(&Definitions::default().with("web", service.pre(["/bin/false"])));
    assert_eq!(run(&lines(&procfile)["web"]), (Some(1), "pre b\n".to_owned()));
}

#[test]
fn what_a_procfile_has_no_word_for_is_told() {
    let web = Service::new(["/bin/web"]).user("www-data").instances(2).down();
    let definitions = Definitions::default().with("web", web);
    let lossy = Options::new().lossy(Lossy::Commented);
    let Err(Error::Gaps(gaps)) = definitions.render(Target::Procfile, lossy) else {
        unreachable!("the user is about rights")
    };
    assert!(gaps.iter().all(|gap| gap.key == "user"));
    for name in ["a.b", "a@b"] {
        let named = Definitions::default().with(name, Service::new(["/bin/web"]));
        assert!(named.render(Target::Procfile, lossy).is_err(), "{name}");
    }
    let plain = Definitions::default().with("web", Service::new(["/bin/web"]));
    let plan = plain.render(Target::Procfile, Options::new()).unwrap();
    assert!(plan.notes[0].contains("PORT"), "{:?}", plan.notes);
}

/// The same words, by foreman.
#[test]
fn foreman_starts_what_was_defined() {
    if !programs::installed("foreman") {
        return;
    }
    let tree = tempfile::tempdir().unwrap();
    let words = ["$PORT", "it's", "a  b", "line\nend", "#x", "%s\\n", "é"];
    let argv: Vec<Vec<u8>> = words.iter().map(|word| word.as_bytes().to_vec()).collect();
    let service = |service: Service| service.env("SAME", "all of them").cwd(tree.path());
    let file = tree.path().join("told");
    let web = service(telling(&argv)).stdout(Stream::File(file.clone())).env("OWN", "$SAME");
    let definitions = Definitions::default()
        .with("web", web)
        .with("b", service(Service::new(["/bin/sleep", "60"])));
    let plan = definitions.render(Target::Procfile, Options::new()).unwrap();
    plan.write(tree.path()).unwrap();
    let output =
        Command::new("foreman").arg("start").current_dir(Path::new(tree.path())).output().unwrap();
    let told = fs::read(&file).unwrap();
    let told: Vec<_> = told.split(|byte| *byte == 0).collect();
    assert_eq!(told[..argv.len()], argv[..], "{output:?}");
    for value in [&b"SAME=all of them"[..], b"OWN=$SAME"] {
        assert!(told.contains(&value), "{output:?}");
    }
}
