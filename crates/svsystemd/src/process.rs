//! What only `/proc` shows of a main process: systemd does not notice SIGSTOP.
//!
//! The pid comes from the manager, and the process may be gone or be another one by now, or the
//! manager may be in another pid namespace. So a process counts only if it is in the unit's control
//! group.

use std::{fs, io::Read, thread, time::Duration};

use crate::{
    Properties,
    map::MainProcess,
    wire::slot::{Slot, slot},
};

/// How the main process of a unit is seen from here.
pub(crate) fn main(unit: &Properties) -> MainProcess {
    match unit.number("MainPID") {
        0 => MainProcess::Unseen,
        pid => state(pid, unit.text("ControlGroup")),
    }
}

fn state(pid: u64, group: &str) -> MainProcess {
    if group.is_empty() {
        return MainProcess::Unseen;
    }
    let mut buffer = [0; PAGE];
    let is_in = |cgroup: &str| any_group(cgroup, |path| is_in(path, group));
    if !read(&format!("/proc/{pid}/cgroup"), &mut buffer).is_some_and(is_in) {
        return MainProcess::Unseen;
    }
    run_state(pid, &mut buffer)
}

fn run_state(pid: u64, buffer: &mut [u8; PAGE]) -> MainProcess {
    // "1234 (a name) T ...": the name may have any character, so from its end.
    let stat = read(&format!("/proc/{pid}/stat"), buffer);
    match stat.and_then(|stat| stat.rsplit_once(") ")?.1.chars().next()) {
        Some('T') => MainProcess::Stopped,
        Some(_) => MainProcess::Going,
        None => MainProcess::Unseen,
    }
}

/// The main process of a service of which the manager has not said which group it has, by the rule
/// that gives it one: below the manager's own come slices, then the unit. `None` unless it is there
/// and seen not to be frozen: then the manager knows better.
pub(crate) fn sight(pid: u64, root: &str, unit: &str) -> Option<MainProcess> {
    let mut buffer = [0; PAGE];
    let cgroup = read(&format!("/proc/{pid}/cgroup"), &mut buffer)?;
    if let Membership::Unified(group) = membership(cgroup, root, unit)? {
        let freeze = format!("/sys/fs/cgroup{group}/cgroup.freeze");
        if read(&freeze, &mut buffer)? != "0\n" {
            return None;
        }
    }
    Some(run_state(pid, &mut buffer)).filter(|it| *it != MainProcess::Unseen)
}

/// What a process that has just been started is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Begun {
    /// It has done nothing yet: a busy machine gives it no processor.
    Hardly,
    /// It sleeps, or has computed for a while.
    AtWork,
    /// It is not there, or not any more.
    Gone,
}

impl Begun {
    pub(crate) fn look(pid: u64) -> Self {
        const ENOUGH: u64 = 20_000_000;
        let mut buffer = [0; PAGE];
        let seen = read(&format!("/proc/{pid}/stat"), &mut buffer).and_then(|stat| {
            let (before, after) = stat.rsplit_once(") ")?;
            let (_, name) = before.split_once('(')?;
            // Until it executes the service's program, systemd has it called as in "(sleep)".
            let is_systemds = name.starts_with('(') || name.starts_with("systemd-execut");
            Some((after.chars().next()?, is_systemds))
        });
        match seen {
            None | Some(('Z' | 'X', _)) => Self::Gone,
            Some((_, true)) => Self::Hardly,
            Some(('R' | 'D', _)) => {
                // Nanoseconds on a processor, and others.
                let times = read(&format!("/proc/{pid}/schedstat"), &mut buffer);
                let computed = times.and_then(|times| times.split(' ').next()?.parse().ok());
                if computed.is_none_or(|it: u64| it >= ENOUGH) {
                    Self::AtWork
                } else {
                    Self::Hardly
                }
            }
            Some(_) => Self::AtWork,
        }
    }
}

/// Where a process of a unit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Membership<'a> {
    /// In this group of cgroup2, which has a freezer.
    Unified(&'a str),
    /// In systemd's hierarchy of the first version: there systemd freezes nothing.
    Named,
}

/// By `/proc/PID/cgroup`; `None` for a process of others.
fn membership<'a>(cgroup: &'a str, root: &str, unit: &str) -> Option<Membership<'a>> {
    let mut membership = None;
    for line in cgroup.lines() {
        let path = |(_, path)| group_of(path, root, unit);
        if line.split_once(":name=systemd:").and_then(path).is_some() {
            return Some(Membership::Named);
        }
        membership = membership
            .or_else(|| group_of(line.strip_prefix("0::")?, root, unit).map(Membership::Unified));
    }
    membership
}

/// The group of a unit, from the path of a process in it or below it.
fn group_of<'a>(path: &'a str, root: &str, unit: &str) -> Option<&'a str> {
    let mut rest = path.strip_prefix(root.trim_end_matches('/'))?;
    loop {
        rest = rest.strip_prefix('/')?;
        let name = rest.split('/').next()?;
        rest = rest.get(name.len()..)?;
        // A name that would be one of the kernel's files has a "_" in front.
        if name == unit || name.strip_prefix('_') == Some(unit) {
            return path.get(..path.len() - rest.len());
        }
        name.strip_suffix(".slice")?;
    }
}

/// What these files have fits into this; longer ones count as not readable.
const PAGE: usize = 4096;

/// One read: these files are made when they are read, and it is done for hundreds of services.
fn read<'a>(path: &str, buffer: &'a mut [u8; PAGE]) -> Option<&'a str> {
    let len = fs::File::open(path).ok()?.read(buffer).ok()?;
    std::str::from_utf8(buffer.get(..len).filter(|it| it.len() < PAGE)?).ok()
}

/// Whether `/proc/PID/cgroup` has a wanted path in systemd's hierarchy.
fn any_group(cgroup: &str, is_wanted: impl Fn(&str) -> bool) -> bool {
    cgroup.lines().any(|line| {
        // "0::/system.slice/web.service", or with a named hierarchy "1:name=systemd:/…".
        let mut fields = line.splitn(3, ':');
        let (_, kind, path) = (fields.next(), fields.next(), fields.next());
        matches!(kind, Some("" | "name=systemd")) && path.is_some_and(&is_wanted)
    })
}

/// Whether a process of this path is in this group or below it.
fn is_in(path: &str, group: &str) -> bool {
    path.strip_prefix(group).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
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
        let is_in = |cgroup: &str, group: &str| any_group(cgroup, |path| is_in(path, group));
        let unified = "0::/system.slice/web.service\n";
        assert!(is_in(unified, "/system.slice/web.service"));
        assert!(is_in("0::/system.slice/web.service/sub\n", "/system.slice/web.service"));
        assert!(!is_in(unified, "/system.slice/web"));
        assert!(!is_in("0::/\n", "/system.slice/web.service"));
        let hybrid = "4:memory:/\n1:name=systemd:/system.slice/web.service\n0::/x\n";
        assert!(is_in(hybrid, "/system.slice/web.service"));
    }

    #[test]
    fn the_group_of_a_unit_is_below_slices_of_its_own_manager() {
        let web = |path, root| group_of(path, root, "web.service");
        let group = "/system.slice/web.service";
        assert_eq!(web(group, ""), Some(group));
        assert_eq!(web(group, "/"), Some(group));
        assert_eq!(web("/system.slice/web.service/sub/x", ""), Some(group));
        assert_eq!(
            web("/a.slice/a-b.slice/web.service", ""),
            Some("/a.slice/a-b.slice/web.service")
        );
        assert_eq!(web("/web.service", ""), Some("/web.service"));
        assert_eq!(web("/system.slice/_web.service", ""), Some("/system.slice/_web.service"));
        let user = "/user.slice/user-1.slice/user@1.service/app.slice/web.service";
        assert_eq!(web(user, "/user.slice/user-1.slice/user@1.service"), Some(user));
        // That of another manager, of another unit, and of none.
        assert_eq!(web(user, ""), None);
        assert_eq!(web("/system.slice/web.service", "/user.slice"), None);
        assert_eq!(web("/system.slice/web.service.d", ""), None);
        assert_eq!(web("/system.slice/other.service/web.service", ""), None);
        assert_eq!(web("/system.slice", ""), None);
        assert_eq!(web("/", ""), None);
    }

    #[test]
    fn the_freezer_is_that_of_the_one_hierarchy() {
        let web = |cgroup| membership(cgroup, "", "web.service");
        let group = Membership::Unified("/system.slice/web.service");
        assert_eq!(web("0::/system.slice/web.service\n"), Some(group));
        let beside =
            "9:name=systemd:/\n1:cpu:/system.slice/web.service\n0::/system.slice/web.service\n";
        assert_eq!(web(beside), Some(group));
        let both = "1:name=systemd:/system.slice/web.service\n0::/system.slice/web.service\n";
        assert_eq!(web(both), Some(Membership::Named));
        assert_eq!(web("9:name=systemd:/\n1:cpu:/system.slice/web.service\n0::/\n"), None);
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
