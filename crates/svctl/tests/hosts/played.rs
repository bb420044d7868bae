//! Hosts that are played: each name has its own way to fail.

use std::{fs, path::PathBuf, process::Command};

use serde_json::Value;
use tempfile::TempDir;

use crate::{
    scripts,
    svctl::{Run, command, program},
};

/// What stands for `ssh`. A host that is `up…` runs what it is told, on this machine.
const SSH: &str = r#"
while [ "$1" != -- ]; do shift; done
host=$2 command=$3
version='{"svctl":"9.0","schema":2,"of_later":true}'
case $host in
refused) echo "ssh: connect to host refused port 22: Connection refused" >&2; exit 255;;
unknown) echo "ssh: Could not resolve hostname unknown: Name or service not known" >&2; exit 255;;
stranger) echo "Host key verification failed." >&2; exit 255;;
absent) exec sh -c "$(printf %s "$command" | sed 's/s=svctl;/s=no-such-svctl;/')";;
nonsense) echo hello; exit 0;;
chatty) exec yes hello;;
silent) exec sleep 1000000;;
deaf) trap '' TERM; exec sleep 1000000;;
late) echo "$version"; exec sleep 1000000;;
flood) echo "$version"; exec yes "[$(head -c 900 /dev/zero | tr '\0' 0)]";;
cut) echo "$version"; printf '[{"service":'; exit 255;;
liar) echo "$version"; echo '<html>'; exit 0;;
crashed) echo "$version"; kill -9 $$;;
later) echo "$version"; echo '[{"service":"web","suite":"of-later","supervised":true,"state":"up","pid":7,"of_later":{},"error":null}]'; exit 0;;
esac
SVDIR=$T/$host PATH=$T/bin:/usr/bin:/bin exec sh -c "$command"
"#;

struct Played {
    tree: TempDir,
}

impl Played {
    fn new() -> Self {
        let tree = tempfile::Builder::new().prefix("svhosts-").tempdir().unwrap();
        let path = |name: &str| tree.path().join(name);
        for dir in ["path", "bin", "up1/web/supervise", "up2/web/supervise"] {
            fs::create_dir_all(path(dir)).unwrap();
        }
        for host in ["up1", "up2"] {
            fs::write(path(host).join("web/run"), "#!/bin/sh\n").unwrap();
        }
        std::os::unix::fs::symlink(program(), path("bin/svctl")).unwrap();
        scripts::write(
            &path("path/ssh"),
            &format!("#!/bin/sh\nT={}\n{SSH}", tree.path().display()),
        );
        Self { tree }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.tree.path().join(name)
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = command(words);
        let path = format!("{}:/usr/bin:/bin", self.path("path").display());
        command.env("PATH", path).env("SVCTL_HOSTS", "/dev/null").env("HOME", self.tree.path());
        command
    }

    fn run(&self, words: &[&str]) -> Run {
        Run::of(self.command(words).output().unwrap())
    }

    /// Rows of which those of this version are as the schema has them.
    fn rows(&self, words: &[&str]) -> (Vec<Value>, Run) {
        let ran = self.run(words);
        let rows: Vec<Value> = serde_json::from_str(&ran.out).unwrap();
        rows.iter().filter(|row| row["host"] != "later").for_each(crate::schema::check);
        (rows, ran)
    }
}

/// Hosts that are found out at once, and what is said of each.
const FAILING: [(&str, &str, &str); 10] = [
    ("refused", "unreachable", "Connection refused"),
    ("unknown", "unreachable", "Could not resolve"),
    ("stranger", "unreachable", "Host key"),
    ("absent", "no-program", "has no svctl"),
    ("nonsense", "nonsense", "hello"),
    ("chatty", "nonsense", "hello"),
    ("flood", "flood", "more than"),
    ("cut", "cut", "ended before"),
    ("liar", "nonsense", "no JSON"),
    ("crashed", "cut", "ended before"),
];

#[test]
fn a_host_that_cannot_be_asked_is_a_row_that_says_why() {
    let played = Played::new();
    let names: Vec<_> = FAILING.iter().map(|(name, ..)| *name).collect();
    let list = format!("{},up1,later", names.join(","));
    let (rows, ran) = played.rows(&["-H", &list, "status", "--json", "--host-timeout", "60s"]);
    for ((name, why, part), row) in FAILING.iter().zip(&rows) {
        assert_eq!((&row["host"], &row["why"]), (&Value::from(*name), &Value::from(*why)), "{row}");
        assert!(row["error"].as_str().unwrap().contains(part), "{row}");
    }
    let [up, later] = rows.get(FAILING.len()..).unwrap() else { panic!("{rows:?}") };
    assert_eq!(
        (&up["host"], &up["service"], &up["state"]),
        (&"up1".into(), &"web".into(), &"unsupervised".into())
    );
    // Of what a later version says, everything is handed on.
    assert_eq!((&later["pid"], &later["of_later"]), (&7.into(), &serde_json::json!({})));
    assert_eq!(ran.code, 111, "{ran:?}");

    let text = played.run(&["-H", &list, "status", "--host-timeout", "60s"]);
    assert!(text.out.starts_with("HOST "), "{text:?}");
    for (name, _, part) in FAILING {
        let row = text.out.lines().find(|line| line.starts_with(name)).unwrap();
        assert!(row.contains(part), "{row}");
    }
    assert!(text.err.contains("compare the key") && text.err.contains("install svctl"), "{text:?}");
}

#[test]
fn nothing_waits_beyond_its_deadline() {
    let played = Played::new();
    let ran = played.run(&["-H", "silent,deaf", "status", "--json", "--host-timeout", "500ms"]);
    for row in ran.json().as_array().unwrap() {
        assert_eq!(row["why"], "silent", "{row}");
    }
    assert_eq!(ran.code, 99);
    let words =
        ["-H", "late", "wait", "web", "--timeout", "200ms", "--host-timeout", "300ms", "--json"];
    let ran = played.run(&words);
    // A busy machine may not have answered yet.
    assert!(ran.json()[0]["why"] == "deadline" || ran.json()[0]["why"] == "silent", "{ran:?}");
    assert_eq!(ran.code, 99);
}

#[test]
fn the_exit_code_is_the_highest_and_each_command_has_its_words() {
    let played = Played::new();
    let ran = played.run(&["-H", "up1,up2", "status"]);
    assert_eq!((ran.code, ran.out.lines().count()), (102, 3), "{ran:?}");
    let ran = played.run(&["-H", "up1,up2", "up", "web"]);
    assert_eq!(ran.code, 102, "{ran:?}");
    assert!(
        ran.err.contains("svctl: up1 web: ") && ran.err.contains("svctl: up2 web: "),
        "{ran:?}"
    );
    let ran = played.run(&["-H", "up1", "check", "--json"]);
    assert_eq!((&ran.json()[0]["host"], &ran.json()[0]["ok"]), (&"up1".into(), &false.into()));
    let ran = played.run(&["-H", "up1,up2", "version", "--json"]);
    assert_eq!(ran.json().as_array().unwrap().len(), 2);
    let ran = played.run(&["-H", "up1", "explain", "web"]);
    assert!(ran.out.lines().all(|line| line.starts_with("up1: ")) && ran.code == 1, "{ran:?}");
    let ran = played.run(&["-H", "up1", "status", "nothing", "--json"]);
    assert_eq!(ran.code, 111, "{ran:?}");
    // No word that was typed is a word of the host's shell.
    let hostile = "$(touch pwned)`touch pwned`';touch pwned;'\"!*";
    let ran = played.run(&["-H", "up1", "status", hostile, "--json"]);
    assert!(ran.out.contains("touch pwned") && ran.code != 0, "{ran:?}");
    assert!(!played.path("pwned").exists() && !fs::exists("pwned").unwrap());
    let ran = played.run(&["-H", "up1", "status", "a\nb"]);
    assert!(ran.code == 100 && ran.err.contains("end of a line"), "{ran:?}");
}

#[test]
fn one_batch_follows_the_other_until_one_fails() {
    let played = Played::new();
    let (rows, ran) =
        played.rows(&["--rolling", "-H", "later,refused,up1,up2", "status", "--json"]);
    let whys: Vec<_> = rows.iter().map(|row| row["why"].clone()).collect();
    assert_eq!(whys, [Value::Null, "unreachable".into(), "not-asked".into(), "not-asked".into()]);
    assert_eq!(ran.code, 111);
    let (rows, _) = played.rows(&[
        "--rolling",
        "--parallel",
        "3",
        "-H",
        "later,refused,up1,up2",
        "status",
        "--json",
    ]);
    let whys: Vec<_> = rows.iter().map(|row| row["why"].clone()).collect();
    assert_eq!(whys, [Value::Null, "unreachable".into(), Value::Null, "not-asked".into()]);
}

/// The file is here, and goes there.
#[test]
fn definitions_are_applied_on_other_hosts() {
    let played = Played::new();
    let file = played.path("a.toml");
    let text =
        "# \u{e4} 100% 'quoted' $(touch pwned)\n[service.web]\nexec = [\"/bin/echo\", \"a b\"]\n";
    fs::write(&file, text).unwrap();
    let out = played.path("sv");
    let [file, out] = [&file, &out].map(|path| path.to_str().unwrap());
    let words =
        ["-H", "up1,refused", "apply", file, "--to", "runit", "--out", out, "--dry-run", "--json"];
    let (rows, ran) = played.rows(&[&words[..], &["--host-timeout", "60s"]].concat());
    assert_eq!(
        (&rows[0]["host"], &rows[0]["files"]),
        (&"up1".into(), &serde_json::json!(["web/run"])),
        "{ran:?}"
    );
    assert_eq!((&rows[1]["why"], ran.code), (&"unreachable".into(), 111));
    assert!(!fs::exists("pwned").unwrap() && !fs::exists(out).unwrap());
    let wrong = played.path("wrong.toml");
    fs::write(&wrong, "[service.web]\nexce = []\n").unwrap();
    let ran = played.run(&["-H", "up1", "apply", wrong.to_str().unwrap(), "--to", "runit"]);
    assert!(ran.code == 1 && ran.err.matches("exce").count() >= 1 && ran.out.is_empty(), "{ran:?}");
}

#[test]
fn groups_and_words_without_sense() {
    let played = Played::new();
    fs::write(played.path("hosts"), "[web]\nup1\nup2\n[all:children]\nweb\n").unwrap();
    let with_groups = |words: &[&str]| {
        Run::of(played.command(words).env("SVCTL_HOSTS", played.path("hosts")).output().unwrap())
    };
    for words in ["@web", "@all", "up?", "up1,@web"] {
        let ran = with_groups(&["-H", words, "status", "--json"]);
        assert_eq!(ran.json().as_array().unwrap().len(), 2, "{words}: {ran:?}");
    }
    for (words, part) in [
        (&["-H", "@db", "status"][..], "no group"),
        (&["-H", "db*", "status"], "no known host"),
        (&["-H", "-oProxyCommand=touch pwned", "status"], "error: "),
        (&["--host=-oProxyCommand=touch pwned", "status"], "begins with `-`"),
        (&["-H", "a b", "status"], "no name of a host"),
        (&["-H", "up1", "completions", "bash"], "takes no --host"),
        (&["-H", "up1", "escape", "x"], "takes no --host"),
        (&["--push", "status"], "needs -H"),
        (&["-H", "up1", "--rolling", "watch"], "comes to an end"),
        (&["-H", "up1", "--push", "status"], "not static"),
    ] {
        let ran = with_groups(words);
        assert!(ran.code == 100 && ran.err.contains(part), "{words:?}: {ran:?}");
    }
    assert!(!fs::exists("pwned").unwrap());
    let ran =
        Run::of(played.command(&["-H", "up1", "status"]).env("PATH", "bin:.").output().unwrap());
    assert!(ran.code == 111 && ran.err.contains("cannot find ssh"), "{ran:?}");
}
