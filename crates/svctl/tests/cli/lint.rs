//! `svctl lint`: what it prints, in each form, and its exit codes. The rules themselves are tested by svlint.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use serde_json::Value;

use crate::{
    scripts,
    svctl::{Run, command, run},
};

/// A scan directory with a service that is well, and one that has the line ends of DOS.
fn tree() -> tempfile::TempDir {
    let tree = tempfile::tempdir().unwrap();
    service(tree.path(), "web", "#!/bin/sh\r\nexec server\r\n");
    service(tree.path(), "db", "#!/bin/sh\nexec server\n");
    tree
}

fn service(scan: &Path, name: &str, text: &str) {
    fs::create_dir(scan.join(name)).unwrap();
    let run = scan.join(name).join("run");
    fs::write(&run, text).unwrap();
    fs::set_permissions(&run, fs::Permissions::from_mode(0o755)).unwrap();
}

fn lint(words: &[&str], path: &Path) -> Run {
    let words = ["lint"].into_iter().chain(words.iter().copied()).map(Into::into);
    run(words.chain([path.as_os_str().to_owned()]))
}

#[test]
fn text_has_the_line_the_code_and_what_to_do() {
    let tree = tree();
    let said = lint(&[], tree.path());
    assert_eq!((said.code, &*said.err), (1, ""));
    for text in ["error[line-ends]", "web/run:1:1", "1 | #!/bin/sh\u{240d}", "sed -i", "1 error"] {
        assert!(said.out.contains(text), "{text}: {}", said.out);
    }
    let quiet = lint(&["--quiet"], &tree.path().join("db"));
    assert_eq!((quiet.code, &*quiet.out), (0, ""));
    let allowed = lint(&["--allow", "line-ends"], tree.path());
    assert_eq!(allowed.code, 0, "{}", allowed.out);
    assert!(allowed.out.contains("1 allowed"), "{}", allowed.out);
}

#[test]
fn json_is_what_the_schema_says_and_names_bytes() {
    let tree = tree();
    let said = lint(&["--json"], tree.path());
    let value = said.json();
    let found = &value[0];
    assert_eq!(
        (&found["code"], &found["bytes"]),
        (&"line-ends".into(), &serde_json::json!([0, 10]))
    );
    assert_eq!((said.code, value.as_array().map(Vec::len)), (1, Some(1)));
    // What could not be looked at is among them.
    let absent = lint(&["--json"], &tree.path().join("absent"));
    let told = absent.json();
    assert_eq!((absent.code, &told[0]["code"]), (111, &Value::Null));
    assert!(told[0]["error"].as_str().unwrap().contains("No such file"), "{told}");
}

#[test]
fn sarif_names_a_rule_of_its_list_and_a_region() {
    let tree = tree();
    let said = lint(&["--format", "sarif"], tree.path());
    let value: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(value["version"], "2.1.0");
    let run = &value["runs"][0];
    let result = &run["results"][0];
    let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
    assert_eq!(run["tool"]["driver"]["rules"][index]["id"], result["ruleId"]);
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(place["region"]["startLine"], 1);
    let uri = place["artifactLocation"]["uri"].as_str().unwrap();
    assert_eq!(uri, format!("file://{}/web/run", tree.path().display()));
    assert_eq!(
        result["fixes"][0]["artifactChanges"][0]["replacements"][0]["deletedRegion"]["byteOffset"],
        9
    );
}

#[test]
fn github_gets_one_line_for_each() {
    let tree = tree();
    let said = lint(&["--format", "github"], tree.path());
    assert_eq!(said.out.lines().count(), 1, "{}", said.out);
    assert!(said.out.starts_with("::error file="), "{}", said.out);
    assert!(
        said.out.contains(",line=1,col=1,") && said.out.contains("title=line-ends::"),
        "{}",
        said.out
    );
}

#[test]
fn fix_mends_the_file_and_says_so() {
    let tree = tree();
    let other = self::tree();
    let told = lint(&["--fix", "--json"], other.path());
    let mended = &told.json()[0];
    assert_eq!(
        (told.code, &mended["code"], &mended["fixed"]),
        (0, &"line-ends".into(), &true.into())
    );
    let said = lint(&["--fix"], tree.path());
    assert_eq!(said.code, 0, "{}", said.out);
    assert!(said.out.contains("fixed ") && said.out.contains("nothing found"), "{}", said.out);
    assert_eq!(fs::read(tree.path().join("web/run")).unwrap(), b"#!/bin/sh\nexec server\n");
    let again = lint(&["--fix", "--json"], tree.path());
    assert_eq!(again.json(), serde_json::json!([]));
}

#[test]
fn what_cannot_be_looked_at_is_no_success() {
    let tree = tree();
    let said = lint(&[], &tree.path().join("absent"));
    assert_eq!(said.code, 111);
    assert!(said.err.contains("absent: No such file"), "{}", said.err);
    let nothing = tempfile::tempdir().unwrap();
    assert_eq!(lint(&[], nothing.path()).code, 111);
    let said = lint(&["--allow", "line-end"], tree.path());
    assert!(said.code == 100 && said.err.contains("no such rule"), "{}", said.err);
}

#[test]
fn nothing_that_is_read_moves_a_cursor_or_forges_a_line() {
    let tree = tempfile::tempdir().unwrap();
    service(tree.path(), "web\u{1b}[2J", "\u{1b}[31mforged\n::error::x\u{1b}]0;title\u{7}\n");
    for words in [&[][..], &["--format", "github"]] {
        let said = lint(words, tree.path());
        assert_eq!(said.code, 1, "{}", said.out);
        assert!(!said.out.contains('\u{1b}') && !said.out.contains('\u{7}'), "{:?}", said.out);
        assert!(!said.out.lines().any(|it| it.starts_with("::error::")), "{}", said.out);
    }
}

/// Programs that say what shellcheck and systemd-analyze say, in their form, of the last file that they are
/// given; to which of the files they were given, beside them.
fn others() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let note = "printf '%s\\n' \"$@\" >\"$0.given\"; for last; do :; done\n";
    let comment = r#"{"comments":[{"file":"'"$last"'","line":2,"endLine":2,"column":6,"endColumn":9,"level":"warning","code":2086,"message":"Double quote","fix":null}]}"#;
    scripts::write(
        &dir.path().join("shellcheck"),
        &format!(
            "#!/bin/sh\n{note}while read -r line; do echo \"$line\"; done <\"$last\" >>\"$0.given\"\nprintf '%s\\n' '{comment}'\nexit 1\n"
        ),
    );
    scripts::write(
        &dir.path().join("systemd-analyze"),
        &format!("#!/bin/sh\n{note}echo \"$last:3: Unknown key 'X', ignoring.\" >&2\n"),
    );
    dir
}

#[test]
fn what_other_programs_say_is_told_as_theirs_in_every_form() {
    let (tree, others) = (tempfile::tempdir().unwrap(), others());
    service(tree.path(), "db", "#!/bin/sh\nexec server\n");
    service(tree.path(), "perl", "#!/usr/bin/perl\nexec 'server';\n");
    let unit = tree.path().join("web.service");
    fs::write(&unit, "[Service]\nExecStart=/bin/true\n").unwrap();
    let lint = |words: &[&str], path: &Path| {
        let mut command = command(["lint"]);
        command.args(words).arg(tree.path().join("db")).arg(tree.path().join("perl")).arg(&unit);
        Run::of(command.env("PATH", path).output().unwrap())
    };
    let with = ["--with", "shellcheck,systemd-analyze"];
    let (alone, said) = (lint(&[], others.path()), lint(&with, others.path()));
    // What was opened, not what may be at its path by now.
    let given = fs::read_to_string(others.path().join("shellcheck.given")).unwrap();
    assert!(given.contains("exec server\n") && !given.contains("perl"), "{given}");
    assert!(!given.contains(tree.path().to_str().unwrap()), "{given}");
    assert_eq!((alone.code, said.code), (0, 1), "{}{}", alone.out, said.out);
    let (run, unit) = (tree.path().join("db/run"), unit.display());
    for line in [
        format!("shellcheck: {}:2:6: warning: SC2086: Double quote\n", run.display()),
        format!("systemd-analyze: {unit}:3: warning: Unknown key 'X', ignoring.\n"),
    ] {
        assert!(said.out.contains(&line), "{line}: {}", said.out);
    }
    let json = lint(&[&with[..], &["--json"]].concat(), others.path());
    crate::schema::check(&json.json());
    assert_eq!(json.json()[0]["by"], "shellcheck");
    let github = lint(&[&with[..], &["--format", "github"]].concat(), others.path());
    assert!(github.out.contains(",line=2,col=6,title=shellcheck SC2086::Double quote"));
    let sarif = lint(&[&with[..], &["--format", "sarif"]].concat(), others.path());
    let sarif: Value = serde_json::from_str(&sarif.out).unwrap();
    assert_eq!(sarif["runs"][2]["tool"]["driver"]["name"], "systemd-analyze");
    let result = &sarif["runs"][1]["results"][0];
    assert_eq!(result["ruleId"], "SC2086");
    let region = &result["locations"][0]["physicalLocation"]["region"];
    assert_eq!((&region["startLine"], &region["startColumn"]), (&2.into(), &6.into()));
    // One that is not there is no silence.
    let absent = lint(&["--with", "shellcheck"], tree.path());
    assert_eq!(absent.code, 111);
    assert!(absent.err.contains("cannot run shellcheck: No such file"), "{}", absent.err);
}
