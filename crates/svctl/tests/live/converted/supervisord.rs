//! Programs of a real supervisord.

use std::{collections::BTreeMap, process::Command};

use super::{
    ends,
    made::{Made, targets},
    place::{Place, Running, dir_of, environment},
    seen::seen,
};
use crate::supervised::skips;

const HEAD: &str = "[unix_http_server]\nfile=TREE/socket\n[supervisorctl]\nserverurl=unix://TREE/socket\n\
                    [rpcinterface:supervisor]\n\
                    supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n\
                    [supervisord]\nnodaemon=true\nuser=root\nlogfile=TREE/log\npidfile=TREE/pid\nchildlogdir=TREE\n";

/// The directory of its programs. Where there is none, the test is left out.
fn bin() -> Option<std::path::PathBuf> {
    let found = dir_of("supervisord", "SV_READERS_BIN");
    if found.is_none() {
        skips::leave_out("supervisord", "neither in SV_READERS_BIN nor in PATH");
    }
    found
}

fn start<'a>(place: &'a Place, bin: &std::path::Path) -> Running<'a> {
    let (program, conf) = (bin.join("supervisord"), place.path("app/supervisord.conf"));
    place.start("app", &[program.to_str().unwrap(), "-c", conf.to_str().unwrap()])
}

const SEES: &str = r#"environment=COMMON="c 1",HERE="%(here)s",BOTH="common"
umask=026
[include]
files = conf.d/*.ini more.conf
[program:web]
command=PROBE TREE/open/web "a b" 'c"d' e\ f %% $HOME * ; a comment
directory=TREE/a dir
environment=A="1,2",B="x%%y",C='q',BOTH=own
umask=027
user=daemon
stdout_logfile=TREE/open/web.out
redirect_stderr=true
[program:apart]
command=PROBE TREE/open/apart
  "in the next line"
stdout_logfile=TREE/open/apart.out
stdout_logfile_maxbytes=0
stderr_logfile=TREE/open/apart.err
stderr_logfile_maxbytes=0
[program:quiet]
command=PROBE TREE/open/quiet
stdout_logfile=NONE
stderr_logfile=/dev/null
[program:two]
command=PROBE TREE/open/two%(process_num)d of %(numprocs)d in %(group_name)s
numprocs=2
numprocs_start=1
process_name=%(program_name)s_%(process_num)02d
[program:outside]
command=PROBE TREE/open/outside %(ENV_HOME)s x%(ENV_LANG)s "a %(ENV_LANG)s" %(ENV_OWN)s ${NOTHING}
environment=OWN="inner %(ENV_LANG)s",HOME="%(ENV_HOME)s/own ${HOME}"
"#;

#[test]
fn a_program_is_converted_to_what_it_was() {
    let Some(bin) = bin() else { return };
    let place = Place::new();
    place.write("app/supervisord.conf", &format!("{HEAD}{SEES}"));
    place.write("app/conf.d/one.ini", "[program:one]\ncommand=PROBE TREE/open/one \"%(here)s\"\n");
    place.write("app/more.conf", "[program:more]\ncommand=PROBE TREE/open/more\n");
    let names = [
        ("web", "web"),
        ("apart", "apart"),
        ("quiet", "quiet"),
        ("two_01", "two1"),
        ("two_02", "two2"),
        ("one", "one"),
        ("more", "more"),
        ("outside", "outside"),
    ];
    let theirs: BTreeMap<&str, _> = {
        let _running = start(&place, &bin);
        names.into_iter().map(|(name, file)| (name, seen(&place, file))).collect()
    };
    let mut wrong = Vec::new();
    for (target, scanner) in targets() {
        let made = Made::new(&place, target, &scanner, &["app/supervisord.conf"]);
        for (name, file) in names {
            wrong.extend(made.unnamed(name, file, &theirs[name]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What `supervisorctl status` calls it.
fn status(place: &Place, bin: &std::path::Path, name: &str) -> String {
    let said = ctl(place, bin, &["status", name]);
    said.split_whitespace().nth(1).unwrap_or_default().to_owned()
}

fn ctl(place: &Place, bin: &std::path::Path, words: &[&str]) -> String {
    let mut ctl = Command::new(bin.join("supervisorctl"));
    let conf = place.path("app/supervisord.conf");
    let said = environment(&mut ctl).arg("-c").arg(conf).args(words).output().unwrap();
    String::from_utf8(said.stdout).unwrap()
}

const STOPS: [(&str, &str); 5] = [
    ("plain", ""),
    ("quit", "stopsignal=QUIT"),
    ("number", "stopsignal=2"),
    ("group", "stopasgroup=true"),
    ("kills", "killasgroup=true"),
];

const ENDS: [(&str, &str); 9] = [
    ("well", "TREE/ends well 0\nstartsecs=0"),
    ("badly", "TREE/ends badly 3\nstartsecs=0"),
    ("always", "TREE/ends always 0\nstartsecs=0\nautorestart=true"),
    ("never", "TREE/ends never 3\nstartsecs=0\nautorestart=false"),
    ("code", "TREE/ends code 7\nstartsecs=0\nexitcodes=0,7"),
    ("other", "TREE/ends other 0\nstartsecs=0\nexitcodes=2"),
    ("quick", "TREE/ends quick 0"),
    ("fails", "TREE/ends fails 1\nstartretries=1"),
    ("once", "TREE/ends once 0\nautorestart=false\nstartretries=0"),
];

#[test]
fn a_program_ends_and_starts_again_as_it_did() {
    let Some(bin) = bin() else { return };
    let place = Place::new();
    ends::scripts(&place);
    let stops = STOPS.map(|(name, more)| {
        format!("[program:{name}]\ncommand=TREE/stops {name}\ndirectory=TREE/app\n{more}\n")
    });
    let ends = ENDS
        .map(|(name, words)| format!("[program:{name}]\ncommand={words}\ndirectory=TREE/app\n"));
    place.write("app/supervisord.conf", &format!("{HEAD}{}{}", stops.concat(), ends.concat()));
    let (told, starts) = {
        let _running = start(&place, &bin);
        let told = STOPS.map(|(name, _)| {
            ends::until_up(&place, name);
            ctl(&place, &bin, &["stop", name]);
            ends::told(&place, name)
        });
        let is_over = |name: &str| ["EXITED", "FATAL"].contains(&&*status(&place, &bin, name));
        (told, ENDS.map(|(name, _)| ends::starts(&place, name, || is_over(name))))
    };
    assert_eq!(told[0], ["child asked", "main TERM"]);
    let mut wrong = Vec::new();
    for (target, scanner) in targets() {
        let made = Made::new(&place, target, &scanner, &["app/supervisord.conf"]);
        for ((name, _), theirs) in STOPS.iter().zip(&told) {
            ends::until_up(&place, name);
            made.stop(name);
            let ours = ends::told(&place, name);
            wrong.extend(ends::differs(
                target,
                name,
                theirs,
                &ours,
                &made.of(name),
                &["stop.group", "`stop.signal`"],
            ));
        }
        for ((name, _), theirs) in ENDS.iter().zip(&starts) {
            let ours = ends::starts(&place, name, || ends::is_over(&made, name));
            let words = [
                "has nothing for `restart",
                "not started again",
                "an end with success is one",
                "0 is a success",
            ];
            wrong.extend(ends::differs(target, name, theirs, &ours, &made.of(name), &words));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
