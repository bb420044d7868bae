//! Whose a service directory is, by what lies in it.

use svproto::Dialect;

/// Names that only one suite reads.
const NAMES: [(&str, Dialect); 16] = [
    ("notification-fd", Dialect::S6),
    ("timeout-kill", Dialect::S6),
    ("timeout-finish", Dialect::S6),
    ("max-death-tally", Dialect::S6),
    ("down-signal", Dialect::S6),
    ("reload-signal", Dialect::S6),
    ("lock-fd", Dialect::S6),
    ("flag-newpidns", Dialect::S6),
    ("flag-timeout-killpg", Dialect::S6),
    ("event", Dialect::S6),
    ("control", Dialect::Runit),
    ("check", Dialect::Runit),
    ("start", Dialect::Encore),
    ("stop", Dialect::Encore),
    ("notify", Dialect::Encore),
    ("no-setsid", Dialect::Encore),
];

/// Programs that come with one suite. daemontools' are used under others, too, so they count only where
/// nothing else does.
const PROGRAMS: [(&str, Dialect); 12] = [
    ("chpst", Dialect::Runit),
    ("svlogd", Dialect::Runit),
    ("sv", Dialect::Runit),
    ("invoke-run", Dialect::Runit),
    ("execlineb", Dialect::S6),
    ("s6-log", Dialect::S6),
    ("s6-setuidgid", Dialect::S6),
    ("s6-envdir", Dialect::S6),
    ("s6-softlimit", Dialect::S6),
    ("with-contenv", Dialect::S6),
    ("s6-notifyoncheck", Dialect::S6),
    ("s6-setlock", Dialect::S6),
];

const OF_DAEMONTOOLS: [&str; 4] = ["multilog", "setuidgid", "softlimit", "envdir"];

/// What names and programs say, if they agree.
pub(crate) fn guess<'a>(
    names: impl Iterator<Item = &'a str>,
    programs: impl Iterator<Item = &'a str>,
) -> Option<Dialect> {
    let mut found = Vec::new();
    for name in names {
        found.extend(NAMES.iter().filter(|it| it.0 == name).map(|it| it.1));
    }
    let mut is_daemontools = false;
    for program in programs {
        found.extend(PROGRAMS.iter().filter(|it| it.0 == program).map(|it| it.1));
        is_daemontools |= OF_DAEMONTOOLS.contains(&program);
    }
    match found.split_first() {
        Some((first, rest)) => rest.iter().all(|it| it == first).then_some(*first),
        None => is_daemontools.then_some(Dialect::Daemontools),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_in_a_directory_says_whose_it_is_unless_it_disagrees() {
        let of = |names: &[&str], programs: &[&str]| {
            guess(names.iter().copied(), programs.iter().copied())
        };
        assert_eq!(of(&["run", "notification-fd"], &[]), Some(Dialect::S6));
        assert_eq!(of(&["run", "log"], &["svlogd"]), Some(Dialect::Runit));
        assert_eq!(of(&["run", "finish"], &["setuidgid"]), Some(Dialect::Daemontools));
        assert_eq!(of(&["run"], &["setuidgid", "chpst"]), Some(Dialect::Runit));
        assert_eq!(of(&["run", "control"], &["s6-log"]), None);
        assert_eq!(of(&["run", "finish", "log"], &[]), None);
    }
}
