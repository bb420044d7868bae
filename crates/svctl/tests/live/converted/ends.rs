//! How a service ends and starts again: scripts that tell, and who says when it is over.

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{made::Made, place::Place, seen::Report};

/// `$1` is the name of a file. A main process and a child, each of which writes down the signals that it gets and
/// ends by them. The child ends by USR1 as well, when it has written down all others.
const STOPS: &str = r#"#!/bin/sh
said=TREE/open/$1
traps() {
    for it in HUP INT QUIT TERM ALRM USR2; do trap "echo $1 $it >>$said; over=1" "$it"; done
}
(
    traps child
    trap 'over=1; echo "child asked" >>"$said"' USR1
    echo $(exec sh -c 'echo $PPID') >"$said.child"
    while [ ! "$over" ]; do sleep 0.02; done
) &
traps main
until [ -s "$said.child" ]; do sleep 0.02; done
echo up >>"$said.up"
while [ ! "$over" ]; do sleep 0.02; done
"#;

/// `$1` is the name of a file, `$2` the exit code: a line for each start.
const ENDS: &str = "#!/bin/sh\necho start >>TREE/open/$1\nexit $2\n";

/// A `kill` for stop commands: a small system has only that of its shell.
const KILL: &str = "#!/bin/sh\nkill \"$@\"\n";

/// Writes them into a place.
pub fn scripts(place: &Place) {
    place.script("stops", STOPS);
    place.script("kill", KILL);
    place.script("ends", ENDS);
}

/// Waits until such a service is up.
#[track_caller]
pub fn until_up(place: &Place, name: &str) {
    place.until(&format!("{name} up"), || {
        Some(()).filter(|()| place.path(&format!("open/{name}.up")).exists())
    });
}

/// Who got which signal, once the main process has ended.
#[track_caller]
pub fn told(place: &Place, name: &str) -> Vec<String> {
    let child = place.lines(&format!("{name}.child")).remove(0);
    let pid = Pid::from_raw(child.parse().unwrap());
    let is_there = || std::path::Path::new("/proc").join(&child).join("stat").exists();
    place.until(&format!("end of the child of {name}"), || {
        // One that is dead and that nobody has waited for counts as gone.
        let stat = std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
        if is_there() && !stat.contains(") Z") {
            let _asked = kill(pid, Signal::SIGUSR1);
            return None;
        }
        Some(())
    });
    let mut lines = place.lines(name);
    // It was there, or had ended by a signal that cannot be caught.
    if lines.iter().any(|it| it == "child asked")
        && lines.iter().any(|it| it.starts_with("child ") && it != "child asked")
    {
        lines.retain(|it| it != "child asked");
    }
    lines.sort();
    lines.dedup();
    lines
}

/// Starts that count as no end: more than systemd's own limit allows, of five in ten seconds.
const MANY: usize = 8;

/// How often a service was started until it was left alone; `None` for again and again.
#[track_caller]
pub fn starts(place: &Place, name: &str, mut is_over: impl FnMut() -> bool) -> Option<usize> {
    place.until(&format!("last start of {name}"), || {
        let count = place.lines(name).len();
        if count >= MANY {
            return Some(None);
        }
        // Once more, as a start may have lain between.
        (count > 0 && is_over() && place.lines(name).len() == count).then_some(Some(count))
    })
}

/// Whether this conversion is over with a service.
pub fn is_over(made: &Made<'_>, name: &str) -> bool {
    let state = made.state(name);
    ["down down", "failed down", "exited down", "failed up", "exited up", "down ?"]
        .contains(&&*state)
}

/// What became of a service otherwise than under its own supervisor, if the report does not name that.
pub fn differs<T: PartialEq + std::fmt::Debug>(
    target: &str,
    name: &str,
    theirs: &T,
    ours: &T,
    report: &Report,
    words: &[&str],
) -> Option<String> {
    let is_named = theirs == ours || report.says(words);
    (!is_named).then(|| format!("{name} of {target}: {theirs:?}, and then {ours:?}"))
}
