//! Service directories under the suites that they were written for.

use std::collections::BTreeMap;

use super::{
    made::{Made, scanner, targets},
    place::Place,
    seen::seen,
};

/// A suite, and scripts `run` for it by their names. Each has a directory `env` beside it.
const DIRS: &[(&str, &[(&str, &str)])] = &[
    (
        "runit",
        &[
            (
                "chpst",
                "#!/bin/sh\nexec 2>&1\nexec chpst -u daemon:games:adm -e ./env -n 3 -o 100 -d 536870912 -P PROBE TREE/open/chpst 'a b'\n",
            ),
            ("merged", "#!/bin/sh -e\nexec chpst -v -udaemon -/ / PROBE TREE/open/merged\n"),
            ("number", "#!/bin/sh\nexec chpst -u :33:4:5 PROBE TREE/open/number\n"),
            (
                "prepares",
                "#!/bin/sh\nset -e\n# a comment\ncd 'TREE/a dir'\numask 027\nulimit -n 200\nulimit -S -c 0\nexport A=1 B='x y'\nC=\"z w\"\nexport C\nexec PROBE TREE/open/prepares \\\n  next 2>&1\n",
            ),
            ("shell", "#!/bin/sh\nPROBE TREE/open/shell\n"),
            (
                "constants",
                "#!/bin/sh\nset -eu\nDIR='TREE/a dir'; export DIR\nHIDDEN=1\nOPTS=\"-x  $HIDDEN\"\nset -a\nALL=$HIDDEN\nset +a\nunset GONE\n[ -d /tmp ] || mkdir -p /tmp\ncd \"$DIR\" && exec PROBE TREE/open/constants $OPTS \"$OPTS\" # last\n",
            ),
            (
                "opaque",
                "#!/bin/sh\nX=$(echo computed)\nif [ -r ./env/FROM ]; then . ./conf; fi\nexport X Y\nexec PROBE TREE/open/opaque \"$X\" \"$PWD\"\n",
            ),
            ("bash", "#!/bin/bash\nwords=(a \"b c\")\nexec PROBE TREE/open/bash \"${words[@]}\"\n"),
            ("env", "#!/usr/bin/env sh\nexec env -i PATH=/bin:/usr/bin A=b PROBE TREE/open/env\n"),
            (
                "streams",
                "#!/bin/sh\nexec </dev/null >>TREE/open/streams.out 2>&1\nexec nice -n 5 ionice -c2 -n7 setsid PROBE TREE/open/streams\n",
            ),
            ("dollar", "#!/bin/sh\nexec PROBE TREE/open/dollar \"$HOME\" ${LANG}\n"),
            ("two", "#!/bin/sh\nexec chpst -e env chpst -u daemon PROBE TREE/open/two\n"),
            ("unset", "#!/bin/sh\nunset HOME\nexec PROBE TREE/open/unset\n"),
        ],
    ),
    (
        "daemontools",
        &[
            (
                "envdir",
                "#!/bin/sh\nexec envdir ./env setuidgid daemon softlimit -o 100 -d 536870912 PROBE TREE/open/envdir\n",
            ),
            (
                "uidgid",
                "#!/bin/sh\nexec 2>&1\nexec envuidgid daemon softlimit -a 1073741824 PROBE TREE/open/uidgid\n",
            ),
            ("group", "#!/bin/sh\nexec pgrphack setlock -n ./lock PROBE TREE/open/group\n"),
            ("memory", "#!/bin/sh\nexec softlimit -m 900000000 PROBE TREE/open/memory\n"),
        ],
    ),
    ("encore", &[("plain", "#!/bin/sh\nexec envdir env PROBE TREE/open/plain\n")]),
    (
        "s6",
        &[
            (
                "block",
                "#!/bin/execlineb -P\nfdmove -c 2 1\ns6-envdir env\ns6-softlimit -o 100\ns6-setuidgid daemon\ncd \"TREE/a dir\"\nPROBE TREE/open/block \"a b\"\n",
            ),
            (
                "exports",
                "#!/usr/bin/execlineb -P\nexport A \"x y\"\numask 027\nredirfd -r 0 /dev/null\nnice -n 4\nPROBE TREE/open/exports\n",
            ),
            (
                "subst",
                "#!/usr/bin/execlineb -P\nimportas -D none IT LANG\nbacktick X { echo computed }\nPROBE TREE/open/subst $IT\n",
            ),
            ("sh", "#!/bin/sh -e\nexec 2>&1\nexec s6-setuidgid daemon PROBE TREE/open/sh\n"),
            (
                "empty",
                "#!/usr/bin/execlineb -P\nemptyenv export PATH /bin:/usr/bin PROBE TREE/open/empty\n",
            ),
        ],
    ),
];

#[test]
fn a_directory_is_converted_to_what_it_was() {
    let mut wrong = Vec::new();
    for (suite, scripts) in DIRS {
        let Some(scanned) = scanner(suite) else { continue };
        let place = Place::new();
        for (name, run) in *scripts {
            place.script(&format!("app/{name}/run"), run);
            for (variable, value) in
                [("FROM", "the directory \t\nnot this"), ("LINES", "one\0two"), ("EMPTY", "\n")]
            {
                place.write(&format!("app/{name}/env/{variable}"), value);
            }
            place.write(&format!("app/{name}/conf"), "Y='of a file'\n");
        }
        let theirs: BTreeMap<&str, _> = {
            let app = place.path("app");
            let words: Vec<&str> = scanned.iter().map(String::as_str).chain(app.to_str()).collect();
            let _running = place.start("app", &words);
            scripts.iter().map(|(name, _)| (*name, seen(&place, name))).collect()
        };
        for (target, scanner) in targets() {
            let made = Made::new(&place, target, &scanner, &["app"]);
            for (name, _) in *scripts {
                let unnamed = made.unnamed(name, name, &theirs[name]);
                wrong.extend(unnamed.into_iter().map(|it| format!("{suite}: {it}")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
