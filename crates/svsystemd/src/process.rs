//! What only `/proc` shows of a main process: systemd does not notice SIGSTOP.
//!
//! The pid comes from the manager, and the process may be gone or be another one by now, or the
//! manager may be in another pid namespace. So a process counts only if it is in the unit's control
//! group.

use std::{fs, thread, time::Duration};

use crate::{
    Properties,
    asked::{Slot, slot},
    map::MainProcess,
};

/// How the main process of a unit is seen from here.
pub(crate) fn main(unit: &Properties) -> MainProcess {
    match unit.number("MainPID") {
        0 => MainProcess::Unseen,
        pid => state(pid, unit.text("ControlGroup")),
    }
}

fn state(pid: u64, group: &str) -> MainProcess {
    let read = |file: &str| fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
    if group.is_empty() || !is_in(&read("cgroup"), group) {
        return MainProcess::Unseen;
    }
    // "1234 (a name) T ...": the name may have any character, so from its end.
    let stat = read("stat");
    match stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next()) {
        Some('T') => MainProcess::Stopped,
        Some(_) => MainProcess::Going,
        None => MainProcess::Unseen,
    }
}

/// Whether `/proc/PID/cgroup` says that the process is in this group or below it.
fn is_in(cgroup: &str, group: &str) -> bool {
    cgroup.lines().any(|line| {
        // "0::/system.slice/web.service", or with a named hierarchy "1:name=systemd:/…".
        let mut fields = line.splitn(3, ':');
        let (_, kind, path) = (fields.next(), fields.next(), fields.next());
        let below = path.and_then(|path| path.strip_prefix(group));
        matches!(kind, Some("" | "name=systemd"))
            && below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

/// Filled once the main process looks like `wanted`, or has gone, or a second has passed.
///
/// SIGSTOP takes effect a moment after it was sent, and nobody but the parent is told. In nearly all
/// cases the first look is enough; for the rest a thread looks.
pub(crate) fn settled(unit: &Properties, wanted: MainProcess) -> Slot<()> {
    let (pid, group) = (unit.number("MainPID"), unit.text("ControlGroup").to_owned());
    let (fill, done) = slot();
    let is_there = move || {
        let seen = state(pid, &group);
        seen == wanted || seen == MainProcess::Unseen
    };
    if is_there() {
        fill.fill(());
        return done;
    }
    let look = move || {
        let mut pause = Duration::from_millis(1);
        while !is_there() && pause < Duration::from_millis(600) {
            thread::park_timeout(pause);
            pause *= 2;
        }
        fill.fill(());
    };
    // Without a thread the slot is dropped with the closure, and the wait ends at once.
    drop(thread::Builder::new().name("svsystemd".to_owned()).spawn(look));
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_counts_only_in_the_units_group() {
        let unified = "0::/system.slice/web.service\n";
        assert!(is_in(unified, "/system.slice/web.service"));
        assert!(is_in("0::/system.slice/web.service/sub\n", "/system.slice/web.service"));
        assert!(!is_in(unified, "/system.slice/web"));
        assert!(!is_in("0::/\n", "/system.slice/web.service"));
        let hybrid = "4:memory:/\n1:name=systemd:/system.slice/web.service\n0::/x\n";
        assert!(is_in(hybrid, "/system.slice/web.service"));
    }

    #[test]
    fn this_process_is_going() {
        let cgroup = fs::read_to_string("/proc/self/cgroup").unwrap();
        let Some(group) = cgroup.lines().find_map(|line| line.strip_prefix("0::")) else { return };
        let group = if group == "/" { "" } else { group };
        if !group.is_empty() {
            assert_eq!(state(std::process::id().into(), group), MainProcess::Going);
        }
        assert_eq!(state(std::process::id().into(), "/nowhere"), MainProcess::Unseen);
    }
}
