//! Sources under a real s6-rc: what its compiler makes of them, and what comes up, goes down and is updated.
//! Its programs are those of `SV_S6RC_BIN`, else of `PATH`.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use svbuild::{
    Definitions, Options, Service, Target,
    spec::{EnvFile, Log, Need, Ready, ReadyCheck, RestartPolicy, Stop, Timestamp, When},
};

use crate::{
    programs,
    tree::{S6_RC, Suite, Tree},
};

fn bin() -> Option<PathBuf> {
    let path = std::env::var_os("SV_S6RC_BIN").or_else(|| std::env::var_os("PATH"));
    std::env::split_paths(&path.unwrap_or_default()).find(|dir| dir.join("s6-rc-init").is_file())
}

/// Debian does not package it.
pub fn is_installed() -> bool {
    if bin().is_none() {
        programs::leave_out("s6-rc", "neither in SV_S6RC_BIN nor in PATH");
    }
    bin().is_some()
}

/// One of its programs, in the directory of the tree.
fn program(tree: &Tree, name: &str, args: &[&str]) -> Output {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = bin().into_iter().chain(std::env::split_paths(&path));
    let tree = tree.path("");
    let args = args.iter().map(|arg| arg.replace("TREE/", tree.to_str().unwrap()));
    Command::new(bin().unwrap().join(name))
        .args(args)
        .env("PATH", std::env::join_paths(path).unwrap())
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn done(tree: &Tree, name: &str, args: &[&str]) -> String {
    let said = program(tree, name, args);
    assert!(said.status.success(), "{name} {args:?}: {said:?}");
    String::from_utf8(said.stdout).unwrap()
}

/// Brings up what is in `source`.
pub fn begin(tree: &Tree) {
    done(tree, "s6-rc-compile", &["TREE/compiled", "TREE/source"]);
    tree.until("scanner", || tree.path("scan/.s6-svscan/control").exists().then_some(()));
    let words = ["-c", "TREE/compiled", "-l", "TREE/live", "-t", "60000", "TREE/scan"];
    done(tree, "s6-rc-init", &words);
    let said = change(tree, "-u", "default");
    // Whether all came up is asked where it matters.
    assert!(matches!(said.status.code(), Some(0 | 1)), "{said:?}");
}

fn change(tree: &Tree, way: &str, what: &str) -> Output {
    program(tree, "s6-rc", &["-l", "TREE/live", "-t", "60000", way, "change", what])
}

fn up(tree: &Tree) -> Vec<String> {
    let all = done(tree, "s6-rc", &["-l", "TREE/live", "-a", "list"]);
    let mut names: Vec<_> =
        all.lines().filter(|it| !it.starts_with("s6rc-")).map(str::to_owned).collect();
    names.sort();
    names
}

fn says(tree: &Tree, what: &str) -> [std::ffi::OsString; 3] {
    let line = format!("echo '{what}' >>'{}'", tree.path("told").display());
    ["/bin/sh".into(), "-c".into(), line.into()]
}

/// A program that says that it runs, and runs.
fn runs(what: &str) -> Service {
    let line = format!("echo '{what}'; exec sleep 1000");
    Service::new(["/bin/sh", "-c", &line])
}

fn told(tree: &Tree) -> Vec<String> {
    let text = fs::read_to_string(tree.path("told")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// A database with a logger, a job that sets it up and undoes that, and servers that need both.
fn shop(tree: &Tree) -> Definitions {
    let log = |name: &str| Log::new().dir(tree.path(name)).timestamp(Timestamp::Tai64n);
    let mut prepare = Service::new(says(tree, "prepared")).job().remain().needs("db");
    prepare = prepare.env("SECRET", "a $b").stop(Stop::new().command(says(tree, "undone")));
    prepare.session = true;
    let mut strange = Service::new(["/bin/sh", "-c", "exit 3"]).job().success(3).success(4);
    strange = strange.env_file(EnvFile::new("/nowhere/at/all").optional());
    let ready = Ready::new(ReadyCheck::Fd(4)).timeout("30s".parse().unwrap());
    let db = Service::new(["/bin/sh", "-c", "echo db; echo >&4; exec sleep 1000"]).ready(ready);
    Definitions::default()
        .with("db", db.log(log("log-db")))
        .with("prepare", prepare)
        .with("strange", strange)
        .with("web", runs("web").instances(2).after("prepare").log(log("log-web")))
        .with("later", runs("later").after(Need::new("web")).needs("strange"))
        .with("idle", runs("idle").down())
}

pub fn jobs_and_services_come_up_in_order_and_are_updated(suite: Suite) {
    let mut tree = Tree::new(suite);
    let mut shop = shop(&tree);
    tree.start(&shop);
    let all =
        ["db", "db-log", "later", "prepare", "strange", "web@1", "web@1-log", "web@2", "web@2-log"];
    assert_eq!(up(&tree), all);
    assert_eq!(told(&tree), ["prepared"]);
    // What it writes is kept by its logger, with a label.
    tree.until("line of the database", || {
        let text = fs::read_to_string(tree.path("log-db/current")).unwrap_or_default();
        (text.starts_with("@4") && text.ends_with(" db\n")).then_some(())
    });
    tree.until("line of a server", || {
        let text = fs::read_to_string(tree.path("log-web/2/current")).unwrap_or_default();
        text.ends_with(" web\n").then_some(())
    });

    // An instance more, and a service that was there is gone.
    shop.service.get_mut("web").unwrap().instances = Some(3);
    let plan = shop.render(Target::S6Rc, suite.options()).unwrap();
    plan.write(&tree.path("source")).unwrap();
    done(&tree, "s6-rc-compile", &["TREE/next", "TREE/source"]);
    done(&tree, "s6-rc-update", &["-l", "TREE/live", "-t", "60000", "TREE/next"]);
    assert!(change(&tree, "-u", "default").status.success());
    let more = up(&tree);
    assert!(more.contains(&"web@3".to_owned()) && more.contains(&"web@3-log".to_owned()));
    assert_eq!(told(&tree), ["prepared"], "nothing was done again");

    assert!(change(&tree, "-u", "idle").status.success());
    assert!(up(&tree).contains(&"idle".to_owned()));
    assert!(change(&tree, "-d", "web").status.success());
    let left = up(&tree);
    assert!(!left.iter().any(|name| name.starts_with("web") || name == "later"), "{left:?}");
    assert!(change(&tree, "-d", "db").status.success());
    assert_eq!(told(&tree), ["prepared", "undone"]);
    assert_eq!(up(&tree), ["db-log", "idle", "strange"]);
}

pub fn a_job_that_fails_holds_back_what_needs_it(suite: Suite) {
    let mut tree = Tree::new(suite);
    let definitions = Definitions::default()
        .with("broken", Service::new(["/bin/false"]).job())
        .with("fine", runs("fine"))
        .with("held", runs("held").after(Need::new("broken").when(When::Done)));
    tree.start(&definitions);
    assert_eq!(up(&tree), ["fine"]);
    assert_eq!(change(&tree, "-u", "held").status.code(), Some(1));
}

pub fn what_is_not_ready_in_its_time_is_not_up(suite: Suite) {
    let mut tree = Tree::new(suite);
    let ready = Ready::new(ReadyCheck::Fd(3)).timeout("100ms".parse().unwrap());
    tree.start(&Definitions::default().with("slow", runs("slow").ready(ready)));
    assert_eq!(up(&tree), Vec::<String>::new());
}

/// The compiler would make a script that everybody may read of one that holds values.
pub fn values_are_readable_by_nobody_else(suite: Suite) {
    let mut tree = Tree::new(suite);
    let file = tree.path("open/seen");
    let line = format!("env >'{0}.new' && mv '{0}.new' '{0}'; exec sleep 1000", file.display());
    // One that goes by a directory, and some that only a script can set.
    let service = Service::new(["/bin/sh", "-c", &line])
        .env("PLAIN", "hidden-one")
        .env("LINES_OF_IT", "hidden\n-two\n")
        .env("PATH", "/usr/bin:/bin:/hidden-three");
    tree.start(&Definitions::default().with("it", service));
    let seen = tree.until("environment", || fs::read_to_string(&file).ok());
    for value in ["PLAIN=hidden-one\n", "LINES_OF_IT=hidden\n-two\n\n", "/hidden-three\n"] {
        assert!(seen.contains(value), "{seen}");
    }
    let mut found = 0;
    for top in ["source", "compiled", "live/servicedirs"] {
        let mut dirs = vec![(tree.path(top).canonicalize().unwrap(), true)];
        while let Some((dir, open)) = dirs.pop() {
            for entry in fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                let metadata = fs::symlink_metadata(&path).unwrap();
                let open = open && metadata.mode() & 0o005 != 0;
                if metadata.is_dir() {
                    dirs.push((path, open));
                } else if metadata.is_file() {
                    let text = fs::read(&path).unwrap();
                    if text.windows(6).any(|it| it == b"hidden") {
                        found += 1;
                        assert!(!open, "{} {:o}", path.display(), metadata.mode());
                    }
                }
            }
        }
    }
    assert!(found >= 6, "{found}");
}

/// What the compiler makes of the sources, in the words of `s6-rc-db`: kept, to be read when it changes.
#[test]
fn what_the_compiler_makes_of_it_is_kept() {
    if !S6_RC.is_installed() {
        return;
    }
    let tree = Tree::new(S6_RC);
    let plan = shop(&tree).render(Target::S6Rc, Options::new()).unwrap();
    plan.write(&tree.path("source")).unwrap();
    done(&tree, "s6-rc-compile", &["TREE/compiled", "TREE/source"]);
    let ask = |words: &[&str]| {
        let words = [&["-c", "TREE/compiled"], words].concat();
        let mut lines: Vec<_> =
            done(&tree, "s6-rc-db", &words).lines().map(str::to_owned).collect();
        lines.sort();
        lines.retain(|line| !line.starts_with("s6rc-"));
        lines.join(" ")
    };
    let mut text = String::new();
    for name in ask(&["list", "all"]).split(' ') {
        let kind = ask(&["type", name]);
        text.push_str(&format!("{name}: {kind}"));
        let more: &[&str] = match kind.as_str() {
            "bundle" => &["contents"],
            "longrun" => &["dependencies", "pipeline", "timeout"],
            _ => &["dependencies"],
        };
        for what in more {
            let way: &[&str] = if *what == "timeout" { &["-u"] } else { &[] };
            text.push_str(&format!("; {what} {}", ask(&[way, &[*what, name]].concat())));
        }
        text.push('\n');
    }
    programs::expect(Path::new("tests/expected/s6-rc.compiled.txt"), &text);
}

/// As it is copied into an image with s6-overlay.
#[test]
fn what_s6_overlay_gets_is_kept() {
    let log = Log::new().dir("/var/log/web");
    let definitions = Definitions::default()
        .with("setup", Service::new(["/usr/bin/setup"]).job())
        .with("web", Service::new(["/usr/bin/web"]).user("www-data").after("setup").log(log))
        .with("again", Service::new(["/bin/a"]).restart(RestartPolicy::default()).down());
    let plan = definitions.render(Target::S6Rc, Options::new().s6_overlay(true)).unwrap();
    programs::expect(Path::new("tests/expected/s6-overlay.txt"), &plan.to_string());
    let base = Definitions::default().with("base", Service::new(["/bin/a"]));
    let refused = base.render(Target::S6Rc, Options::new().s6_overlay(true)).unwrap_err();
    assert!(refused.to_string().contains("s6-overlay has one of that name"), "{refused}");
    assert!(base.render(Target::S6Rc, Options::new()).is_ok());
    for name in ["default", "s6rc-x", "web-log", "web-pipeline"] {
        let taken = definitions.clone().with(name, Service::new(["/bin/a"]));
        assert!(taken.render(Target::S6Rc, Options::new()).is_err(), "{name}");
    }
}

/// Nothing that may be read is left where everybody may write.
#[test]
fn a_source_belongs_to_whoever_builds() {
    let tree = Tree::new(S6_RC);
    let plan = shop(&tree).render(Target::S6Rc, Options::new()).unwrap();
    plan.write(&tree.path("source")).unwrap();
    let mode = |path: &str| fs::metadata(tree.path(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("source/prepare/up"), 0o600);
    assert_eq!((mode("source/db/run"), mode("source/db/type")), (0o755, 0o644));
}
