//! Units of a real systemd, in a machine of its own.

use std::{collections::BTreeMap, fs, path::PathBuf, process::Command};

use super::{
    ends,
    made::{Made, targets},
    place::Place,
    seen::{Report, Seen, seen, unnamed},
};

const DIR: &str = "/run/systemd/system";

fn systemctl(words: &[&str]) -> String {
    let said = Command::new("systemctl").args(words).output().unwrap();
    String::from_utf8(said.stdout).unwrap().trim().to_owned()
}

/// Units that are gone with the value.
struct Units {
    files: Vec<PathBuf>,
    names: Vec<String>,
}

impl Units {
    /// Units of a directory `app` of the place, as the manager reads them; `names` are those that are started.
    fn new(place: &Place, names: &[&str]) -> Self {
        let mut files = Vec::new();
        for entry in fs::read_dir(place.path("app")).unwrap().map(Result::unwrap) {
            let to = PathBuf::from(DIR).join(entry.file_name());
            let _copied = Command::new("cp").arg("-r").args([&entry.path(), &to]).status();
            files.push(to);
        }
        Self::of(files, names)
    }

    /// What was made of them.
    fn made(place: &Place, names: &[&str]) -> Self {
        let mut files = Vec::new();
        for entry in fs::read_dir(place.path("made")).unwrap().map(Result::unwrap) {
            let to = PathBuf::from(DIR).join(entry.file_name());
            fs::copy(entry.path(), &to).unwrap();
            files.push(to);
        }
        Self::of(files, names)
    }

    fn of(files: Vec<PathBuf>, names: &[&str]) -> Self {
        systemctl(&["daemon-reload"]);
        let names: Vec<String> = names.iter().map(|it| format!("{it}.service")).collect();
        let start = ["start", "--no-block"].into_iter().chain(names.iter().map(String::as_str));
        systemctl(&start.collect::<Vec<_>>());
        Self { files, names }
    }
}

impl Drop for Units {
    fn drop(&mut self) {
        for words in [&["stop"][..], &["reset-failed"]] {
            let all = words.iter().copied().chain(self.names.iter().map(String::as_str));
            systemctl(&all.collect::<Vec<_>>());
        }
        for file in &self.files {
            let _gone = fs::remove_dir_all(file);
            let _gone = fs::remove_file(file);
        }
        systemctl(&["daemon-reload"]);
    }
}

/// Units by their names; `SELF` stands for the file that the probe writes.
const SEES: &[(&str, &str)] = &[
    (
        "plain",
        "Environment=A=\"x y\" \"B=1 2\" C='q'\nExecStart=SELF \"a b\" 'c d' e\\x20f $A ${A} -${B}- $$A %% %n %p \\; \\\n  next",
    ),
    (
        "who",
        "User=daemon\nGroup=games\nSupplementaryGroups=adm\nUMask=0027\nWorkingDirectory=TREE/a dir\nExecStart=SELF",
    ),
    ("alone", "User=daemon\nExecStart=SELF"),
    ("number", "User=33\nGroup=33\nExecStart=:SELF $A"),
    (
        "limits",
        "LimitNOFILE=100:200\nLimitCORE=0\nLimitSTACK=4M:8M\nLimitFSIZE=1G\nLimitCPU=1h\nLimitNPROC=5000\nNice=3\nIOSchedulingClass=best-effort\nIOSchedulingPriority=6\nExecStart=SELF",
    ),
    (
        "file",
        "Environment=FROM=unit ONLY=unit\nEnvironmentFile=TREE/variables\nEnvironmentFile=-/nowhere/at/all\nExecStart=SELF $FROM ${FROM} $ONLY $NOTHING -$FROM",
    ),
    ("words", "EnvironmentFile=TREE/variables\nExecStart=SELF $FROM x${ONLY} $NOTHING"),
    ("made", "User=daemon\nRuntimeDirectory=cv-made\nStateDirectory=cv-made\nExecStart=SELF"),
    (
        "streams",
        "StandardInput=file:/etc/passwd\nStandardOutput=append:TREE/open/streams.out\nStandardError=null\nExecStart=SELF",
    ),
    ("joined", "StandardOutput=file:TREE/open/joined.out\nStandardError=inherit\nExecStart=SELF"),
    ("drop", "Environment=A=1\nExecStart=/bin/false"),
    (
        "first",
        "Type=exec\nExecStartPre=-/bin/false\nExecStartPre=/bin/sh -c 'echo \"$$A\" >>TREE/open/first.pre'\nEnvironment=A=of-pre\nExecStart=-SELF",
    ),
    ("passed", "PassEnvironment=LANG\nUnsetEnvironment=B\nEnvironment=B=2\nExecStart=SELF"),
    ("inst@a-b", "Environment=A=%i\nExecStart=SELF %i %I %j %N"),
];

/// What the unit `limits` says.
const LIMITS: [&str; 9] = [
    "limit Max open files",
    "hard Max open files",
    "limit Max core file size",
    "limit Max stack size",
    "limit Max file size",
    "limit Max cpu time",
    "limit Max processes",
    "nice",
    "io",
];

fn file_of(name: &str) -> String {
    name.replace('@', "-")
}

/// Whether it is a variable of the manager, or of whoever tests.
fn surroundings(seen: &mut Seen) {
    // A number that is another one at each start, or the place of a unit's own group.
    for key in ["INVOCATION_ID", "JOURNAL_STREAM", "SYSTEMD_EXEC_PID", "MEMORY_PRESSURE_WATCH"]
        .map(|name| format!("env {name}"))
    {
        if let Some(value) = seen.get_mut(&key) {
            value.clear();
        }
    }
}

pub fn a_unit_is_converted_to_what_it_was() {
    let place = Place::new();
    place.write("variables", "# a file\nFROM=\"of the file\"\nONLY=file\n");
    let names: Vec<String> = SEES.iter().map(|(name, _)| format!("cv-{name}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for (name, text) in SEES {
        let probe = format!("PROBE TREE/open/{}", file_of(name));
        let text =
            format!("[Unit]\nDescription=A unit\n[Service]\n{}\n", text.replace("SELF", &probe));
        let name = name.split_once('@').map_or((*name).to_owned(), |(it, _)| format!("{it}@"));
        place.write(&format!("app/cv-{name}.service"), &text);
    }
    let drop_in =
        "[Service]\nEnvironment=B=2\nExecStart=\nExecStart=PROBE TREE/open/drop dropped\n";
    place.write("app/cv-drop.service.d/own.conf", drop_in);
    let inputs: Vec<String> = names.iter().map(|name| format!("app/{name}.service")).collect();
    let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
    let see = |place: &Place| -> BTreeMap<&str, Seen> {
        let each = SEES.iter().map(|(name, _)| {
            let mut seen = seen(place, &file_of(name));
            surroundings(&mut seen);
            (*name, seen)
        });
        each.collect()
    };
    let theirs = {
        let _units = Units::new(&place, &names);
        see(&place)
    };
    assert_eq!(place.lines("first.pre"), ["of-pre"]);
    let mut wrong = Vec::new();
    let mut compare = |target: &str, ours: &BTreeMap<&str, Seen>, report: &serde_json::Value| {
        for (name, theirs) in &theirs {
            let report = Report::of(report, &format!("cv-{}", file_of(name)));
            let found = unnamed(target, theirs, &ours[name], &report);
            // What is said is kept, whatever is so where nothing is said.
            if *name == "limits" {
                for key in LIMITS {
                    assert_eq!(theirs.get(key), ours[name].get(key), "{key} of {target}");
                }
            }
            wrong.extend(found.into_iter().map(|it| format!("{name} of {target}: {it}")));
        }
        assert_eq!(
            place.lines("first.pre").first().map(String::as_str),
            Some("of-pre"),
            "{target}"
        );
    };
    for (target, scanner) in targets() {
        let made = Made::new(&place, target, &scanner, &inputs);
        compare(target, &see(&place), &made.report);
    }
    place.clear();
    let report = super::made::convert(&place, "systemd", &inputs);
    {
        let made: Vec<String> =
            SEES.iter().map(|(name, _)| format!("cv-{}", file_of(name))).collect();
        let _units = Units::made(&place, &made.iter().map(String::as_str).collect::<Vec<_>>());
        compare("systemd", &see(&place), &report);
    }
    for dir in ["/run/cv-made", "/var/lib/cv-made"] {
        let _gone = fs::remove_dir_all(dir);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

const STOPS: [(&str, &str); 8] = [
    ("plain", ""),
    ("quit", "KillSignal=QUIT"),
    ("number", "KillSignal=2"),
    ("mixed", "KillMode=mixed"),
    ("process", "KillMode=process"),
    ("hook", "ExecStop=/bin/sh -c 'echo hook >>TREE/open/hook'"),
    ("kills", "ExecStop=TREE/kill -INT $MAINPID"),
    ("chain", "ExecStop=TREE/kill -s USR2 $MAINPID\nKillMode=mixed"),
];

const ENDS: [(&str, &str, &str); 13] = [
    ("never", "3", ""),
    ("well", "0", "Restart=on-failure"),
    ("badly", "3", "Restart=on-failure"),
    ("always", "0", "Restart=always"),
    ("slowly", "3", "Restart=on-failure\nRestartSec=1\nStartLimitIntervalSec=0"),
    ("bounded", "3", "Restart=on-failure\nStartLimitIntervalSec=1h\nStartLimitBurst=2"),
    ("code", "7", "Restart=on-failure\nSuccessExitStatus=7"),
    ("named", "75", "Restart=on-failure\nSuccessExitStatus=TEMPFAIL"),
    ("success", "0", "Restart=on-success"),
    ("abnormal", "3", "Restart=on-abnormal"),
    ("prevent", "3", "Restart=on-failure\nRestartPreventExitStatus=3"),
    ("force", "0", "Restart=no\nRestartForceExitStatus=0"),
    ("once", "0", "Type=oneshot"),
];

/// Once, several times, again and again.
fn how_often(starts: Option<usize>) -> &'static str {
    match starts {
        Some(1) => "once",
        Some(_) => "several times",
        None => "again and again",
    }
}

pub fn a_unit_ends_and_starts_again_as_it_did() {
    let place = Place::new();
    ends::scripts(&place);
    let mut names = Vec::new();
    let service = |name: &str, exec: &str, more: &str| {
        let more: String = more.replace("StartLimitIntervalSec", "StartLimitInterval");
        let text = format!("[Service]\nExecStart={exec}\nWorkingDirectory=TREE/app\n{more}\n");
        place.write(&format!("app/ce-{name}.service"), &text);
    };
    for (name, more) in STOPS {
        service(name, &format!("TREE/stops {name}"), more);
        names.push(format!("ce-{name}"));
    }
    for (name, code, more) in ENDS {
        service(name, &format!("TREE/ends {name} {code}"), more);
        names.push(format!("ce-{name}"));
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let inputs: Vec<String> = names.iter().map(|name| format!("app/{name}.service")).collect();
    let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
    let by_systemd = || {
        let told = STOPS.map(|(name, _)| {
            ends::until_up(&place, name);
            systemctl(&["stop", &format!("ce-{name}.service")]);
            ends::told(&place, name)
        });
        let is_over = |name: &str| {
            let state = systemctl(&["is-active", &format!("ce-{name}.service")]);
            ["inactive", "failed"].contains(&&*state)
        };
        let starts = ENDS.map(|(name, ..)| how_often(ends::starts(&place, name, || is_over(name))));
        (told, starts)
    };
    let (told, starts) = {
        let _units = Units::new(&place, &names);
        by_systemd()
    };
    let mut wrong = Vec::new();
    let stop = ["a stop tells", "has nothing for `stop.", "for systemd alone"];
    let start = [
        "not started again",
        "started again after",
        "has nothing for `restart",
        "for systemd alone",
        "`success`",
    ];
    // daemontools runs nothing after an end, and says of each key that it has nothing for it.
    let is_asked = |target: &str| !["daemontools", "encore"].contains(&target);
    for (target, scanner) in targets().filter(|(target, _)| is_asked(target)) {
        let made = Made::new(&place, target, &scanner, &inputs);
        for ((name, _), theirs) in STOPS.iter().zip(&told) {
            ends::until_up(&place, name);
            let full = format!("ce-{name}");
            made.stop(&full);
            let ours = ends::told(&place, name);
            wrong.extend(ends::differs(target, name, theirs, &ours, &made.of(&full), &stop));
        }
        for ((name, ..), theirs) in ENDS.iter().zip(&starts) {
            let full = format!("ce-{name}");
            let ours = how_often(ends::starts(&place, name, || ends::is_over(&made, &full)));
            wrong.extend(ends::differs(target, name, theirs, &ours, &made.of(&full), &start));
        }
    }
    place.clear();
    let report = super::made::convert(&place, "systemd", &inputs);
    {
        let _units = Units::made(&place, &names);
        let (ours_told, ours) = by_systemd();
        for (at, (name, _)) in STOPS.iter().enumerate() {
            let report = Report::of(&report, &format!("ce-{name}"));
            wrong.extend(ends::differs(
                "systemd",
                name,
                &told[at],
                &ours_told[at],
                &report,
                &["a stop tells", "none after it"],
            ));
        }
        for (at, (name, ..)) in ENDS.iter().enumerate() {
            let report = Report::of(&report, &format!("ce-{name}"));
            let words = ["not started again", "started again after", "as often as it takes"];
            wrong.extend(ends::differs("systemd", name, &starts[at], &ours[at], &report, &words));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
