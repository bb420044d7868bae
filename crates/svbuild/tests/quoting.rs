//! Arbitrary bytes through the real readers: `/bin/sh`, `execlineb`, `chpst`, `envdir`,
//! `s6-envdir`.
#![cfg(target_os = "linux")]
#![allow(missing_docs, clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    io::ErrorKind,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::Path,
    process::{Command, Output, Stdio},
};

use proptest::prelude::*;
use svbuild::{
    Definitions, Language, Options, Plan, Service, Target,
    plan::{PlanEntry, Unit},
    quote,
    spec::{Limits, Size},
};

mod memory;
mod programs;
use programs::{installed, word, words};

fn config() -> ProptestConfig {
    programs::cases(200)
}

/// What `printf '%s\0'` was given.
fn given(output: &[u8]) -> Vec<Vec<u8>> {
    let mut words: Vec<_> = output.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect();
    assert_eq!(words.pop(), Some(Vec::new()));
    words
}

fn run(program: &str, options: &[&str], text: &[u8], locale: &str) -> Vec<u8> {
    let dir = memory::tempdir();
    fs::write(dir.path().join("script"), text).unwrap();
    let output = Command::new(program)
        .args(options)
        .arg(dir.path().join("script"))
        .env("LC_ALL", locale)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{}", String::from_utf8_lossy(text));
    output.stdout
}

fn sh_line(words: &[Vec<u8>]) -> Vec<u8> {
    let mut line = b"exec /usr/bin/printf '%s\\0'".to_vec();
    for word in words {
        line.push(b' ');
        line.extend(quote::sh::quote(word).unwrap());
    }
    line.push(b'\n');
    line
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn sh_gives_back_every_word(words in words()) {
        for locale in ["C", "C.UTF-8"] {
            prop_assert_eq!(given(&run("/bin/sh", &[], &sh_line(&words), locale)), words.clone());
        }
    }

    #[test]
    fn bash_as_sh_gives_back_every_word(words in words()) {
        if installed("bash") {
            prop_assert_eq!(given(&run("bash", &["--posix"], &sh_line(&words), "C.UTF-8")), words);
        }
    }

    #[test]
    fn execline_gives_back_every_word(words in words()) {
        if installed("execlineb") {
            let mut text = b"/usr/bin/printf \"%s\\\\0\"".to_vec();
            for word in &words {
                text.push(b' ');
                text.extend(quote::execline::quote(word).unwrap());
            }
            prop_assert_eq!(given(&run("execlineb", &["-P"], &text, "C")), words);
        }
    }

    #[test]
    fn readers_of_directories_give_back_every_value(value in word(), end in word()) {
        let value = [value, end].concat();
        let Ok(content) = quote::envdir::content(&value) else { return Ok(()) };
        let dir = memory::tempdir();
        fs::write(dir.path().join("X"), content).unwrap();
        for reader in [&["chpst", "-e"][..], &["envdir"], &["s6-envdir", "--"]] {
            if installed(reader[0]) {
                let seen = environment(reader, dir.path());
                prop_assert_eq!(seen.get(&b"X"[..]), Some(&value), "{:?}", reader);
                prop_assert_eq!(seen.len(), 1, "{:?}", seen);
            }
        }
    }
}

fn environment(reader: &[&str], dir: &Path) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let output = Command::new(programs::find(reader[0]).unwrap())
        .args(&reader[1..])
        .arg(dir)
        .args(["/usr/bin/env", "-0"])
        .env_clear()
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let entry = |entry: &[u8]| {
        let at = entry.iter().position(|byte| *byte == b'=').unwrap();
        (entry[..at].to_vec(), entry[at + 1..].to_vec())
    };
    given(&output.stdout).iter().map(|it| entry(it)).collect()
}

#[test]
fn what_no_reader_can_be_told_is_refused() {
    use quote::Unquotable;
    assert_eq!(quote::sh::quote(b"a\0b"), Err(Unquotable::Nul));
    assert_eq!(quote::execline::quote(b"\0"), Err(Unquotable::Nul));
    assert_eq!(quote::systemd::argument(b"\0"), Err(Unquotable::Nul));
    assert_eq!(quote::systemd::program(b"bin/x"), Err(Unquotable::NotAbsolute));
    assert_eq!(quote::systemd::program(b"-/bin/x"), Err(Unquotable::NotAbsolute));
    assert_eq!(quote::systemd::program(b"/bin/a\"b"), Err(Unquotable::Special));
    assert_eq!(quote::systemd::assignment("A", b"\xff"), Err(Unquotable::NotUtf8));
    for (value, why) in [
        (&b"a\nb"[..], Unquotable::LineEnd),
        (b"a\rUser=root", Unquotable::LineEnd),
        (b"a ", Unquotable::OuterBlank),
        (b"a\\", Unquotable::FinalBackslash),
        (b"\xff", Unquotable::NotUtf8),
    ] {
        assert_eq!(quote::systemd::plain(value), Err(why));
    }
    for value in [&b"a "[..], b"a\t", b"a\r"] {
        assert_eq!(quote::envdir::content(value), Err(Unquotable::OuterBlank));
    }
    assert_eq!(quote::envdir::content(&[b'a'; 4095]), Err(Unquotable::TooLong));
}

/// What a program saw that the scripts of a whole definition started: its words, and its
/// environment.
fn seen(scripts: &Path) -> (Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let mut command = Command::new(scripts.join("run"));
    command.arg("web").current_dir(scripts).env_clear();
    command.env("PATH", std::env::var_os("PATH").unwrap()).stdin(Stdio::null());
    let output = output(&mut command);
    let said = String::from_utf8_lossy(&output.stderr);
    let text = fs::read(scripts.join("run")).unwrap();
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&text));
    let all = given(&output.stdout);
    let at = all.iter().position(|word| word == b"--environment--").unwrap();
    (all[..at].to_vec(), all[at + 1..].to_vec())
}

/// Runs a script that this process has just written. A child that another test starts meanwhile has
/// it open for writing until its own program runs.
fn output(command: &mut Command) -> Output {
    loop {
        match command.output() {
            Err(error) if error.kind() == ErrorKind::ExecutableFileBusy => std::thread::yield_now(),
            output => return output.unwrap(),
        }
    }
}

const TARGETS: [(Target, Language, &str); 7] = [
    (Target::Runit, Language::Sh, "chpst"),
    (Target::Daemontools, Language::Sh, "softlimit"),
    (Target::S6, Language::Execline, "s6-softlimit"),
    (Target::S6, Language::Sh, "s6-softlimit"),
    (Target::S6Rc, Language::Execline, "s6-softlimit"),
    (Target::S6Rc, Language::Sh, "s6-softlimit"),
    (Target::Embedded, Language::Sh, "sh"),
];

proptest! {
    #![proptest_config(ProptestConfig { cases: config().cases / 2, ..config() })]

    #[test]
    fn definitions_arrive_as_they_are(
        argv in words(),
        values in prop::collection::vec(word(), 0..5),
        dir in word(),
        late in word(),
    ) {
        let tree = memory::tempdir();
        // The name of a directory may be any bytes but `/`.
        let name: Vec<u8> = dir.iter().map(|byte| if *byte == b'/' { b'_' } else { *byte }).collect();
        let name = [b"d", &name[..name.len().min(100)]].concat();
        let cwd = tree.path().join(OsStr::from_bytes(&name));
        fs::create_dir(&cwd).unwrap();

        let tell = "printf '%s\\0' \"$@\" \"$PWD\" --environment--; exec env -0";
        let mut exec: Vec<Vec<u8>> = vec![b"/bin/sh".into(), b"-c".into(), tell.into(), b"sh".into()];
        exec.extend(argv.iter().cloned());
        let limits = Limits::new().core(Size(0));
        let exec = exec.iter().map(|word| OsStr::from_bytes(word));
        let mut service = Service::new(exec).cwd(&cwd).nice(1).limits(limits);
        for (at, value) in values.iter().enumerate() {
            service = service.env(format!("V{at}"), OsStr::from_bytes(value));
        }
        // A variable that programs on the way listen to, and that is therefore set last.
        service = service.env("LC_X", OsStr::from_bytes(&late));
        let definitions = Definitions::default().with("web", service);

        for (target, language, program) in TARGETS {
            if !installed(program) {
                continue;
            }
            let plan = definitions.render(target, Options::new().language(language)).unwrap();
            let scripts = tree.path().join(format!("{target}-{language:?}"));
            put(&plan, &scripts);
            let (mut arrived, environment) = seen(&scripts);
            let place = arrived.pop().unwrap();
            prop_assert_eq!(&arrived, &argv, "{} {:?}", target, language);
            prop_assert_eq!(place, cwd.as_os_str().as_bytes().to_vec());
            let has = |name: &str, value: &[u8]| {
                environment.contains(&[name.as_bytes(), b"=", value].concat())
            };
            for (at, value) in values.iter().enumerate() {
                prop_assert!(has(&format!("V{at}"), value), "{} V{} {:?}", target, at, environment);
            }
            prop_assert!(has("LC_X", &late), "{} {:?}", target, environment);
        }
    }

    #[test]
    fn finish_gets_its_own_words_and_then_the_supervisors(argv in words()) {
        let tree = memory::tempdir();
        let mut finish: Vec<&OsStr> = vec![OsStr::new("/usr/bin/printf"), OsStr::new("%s\\0")];
        finish.extend(argv.iter().map(|word| OsStr::from_bytes(word)));
        let service = Service::new(["/bin/true"]).finish(finish);
        let definitions = Definitions::default().with("web", service);
        for (target, language, program) in TARGETS {
            if target == Target::Daemontools || !installed(program) {
                continue;
            }
            let plan = definitions.render(target, Options::new().language(language)).unwrap();
            let scripts = tree.path().join(format!("{target}-{language:?}"));
            put(&plan, &scripts);
            for theirs in [&["3", "0"][..], &["256", "15", "web", "4711"]] {
                let output = output(Command::new(scripts.join("finish")).args(theirs));
                let mut expected = argv.clone();
                expected.extend(theirs.iter().map(|word| word.as_bytes().to_vec()));
                prop_assert_eq!(given(&output.stdout), expected, "{} {:?}", target, output.stderr);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: config().cases / 8, ..config() })]

    /// What is a reference is replaced by all of its value, whatever that is, and nothing else is replaced.
    #[test]
    fn references_are_replaced_and_nothing_else_is(
        argv in words(),
        value in word(),
        otherwise in word(),
    ) {
        let tree = memory::tempdir();
        let escaped = |word: &[u8]| {
            let mut text = Vec::new();
            for (at, byte) in word.iter().enumerate() {
                // All that `$${` stands for is `${`.
                if word[at..].starts_with(b"${") {
                    text.push(b'$');
                }
                text.push(*byte);
            }
            text
        };
        let otherwise: Vec<u8> =
            otherwise.iter().copied().filter(|byte| !b"{}".contains(byte)).collect();
        let tell = "printf '%s\\0' \"$@\" \"$PWD\" --environment--; exec env -0";
        let mut exec: Vec<Vec<u8>> = vec![b"/bin/sh".into(), b"-c".into(), tell.into(), b"${SH:-sh}".into()];
        exec.extend(argv.iter().map(|word| escaped(word)));
        exec.push([&b"<${VALUE}${EMPTY}${NONE:-"[..], &otherwise[..], b"}>"].concat());
        let exec = exec.iter().map(|word| OsStr::from_bytes(word));
        let mut service = Service::new(exec).expand(true).cwd(tree.path()).env("EMPTY", "");
        service = service.env("VALUE", OsStr::from_bytes(&escaped(&value)));
        service = service.env("TWICE", "${VALUE}${VALUE}");
        let definitions = Definitions::default().with("web", service);
        for (target, language, program) in TARGETS {
            if !installed(program) {
                continue;
            }
            let plan = definitions.render(target, Options::new().language(language)).unwrap();
            let scripts = tree.path().join(format!("{target}-{language:?}"));
            put(&plan, &scripts);
            let (mut arrived, environment) = seen(&scripts);
            let _place = arrived.pop();
            let last = arrived.pop().unwrap();
            prop_assert_eq!(&arrived, &argv, "{} {:?}", target, language);
            let expected = [&b"<"[..], &value, &otherwise, b">"].concat();
            prop_assert_eq!(last, expected, "{} {:?}", target, language);
            let twice = [&b"TWICE="[..], &value, &value].concat();
            prop_assert!(environment.contains(&twice), "{} {:?}", target, environment);
        }
    }
}

/// Puts a plan somewhere without the care of the real writer, whose tests are elsewhere.
fn put(plan: &Plan, scripts: &Path) {
    let Unit::Directory(entries) = &plan.units["web"] else { unreachable!() };
    fs::create_dir(scripts).unwrap();
    for (path, entry) in entries {
        match entry {
            PlanEntry::Directory { .. } => fs::create_dir(scripts.join(path)).unwrap(),
            PlanEntry::Link(_) => unreachable!(),
            PlanEntry::File(file) => {
                let path = scripts.join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(&path, &file.bytes).unwrap();
                fs::set_permissions(&path, fs::Permissions::from_mode(file.mode)).unwrap();
            }
        }
    }
}
