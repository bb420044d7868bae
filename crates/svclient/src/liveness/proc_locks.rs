//! Linux's table of locks, which everybody may read: who holds a lock without having to open it.

use nix::sys::stat::FileStat;

use super::Liveness;

/// Finds the lock of a file in `/proc/locks`. That it is not there proves nothing: another pid
/// namespace or a stacked file system hides it.
#[cfg(target_os = "linux")]
pub(super) fn find(stat: &FileStat) -> Liveness {
    use nix::sys::stat::{major, minor};

    let wanted = format!("{:02x}:{:02x}:{}", major(stat.st_dev), minor(stat.st_dev), stat.st_ino);
    let table = std::fs::read_to_string("/proc/locks").unwrap_or_default();
    table.lines().find_map(|line| owner_of(line, &wanted)).unwrap_or(Liveness::Unknown)
}

/// There is no such table.
#[cfg(not(target_os = "linux"))]
pub(super) fn find(_: &FileStat) -> Liveness {
    Liveness::Unknown
}

/// `1: FLOCK  ADVISORY  WRITE 4711 08:01:1234 0 EOF`: alive if the file is the wanted one. Lines of
/// waiting processes have `->` after the number and hold nothing.
#[cfg(target_os = "linux")]
fn owner_of(line: &str, wanted: &str) -> Option<Liveness> {
    let mut words = line.split_ascii_whitespace().skip(1);
    let holds = matches!(words.next(), Some("FLOCK" | "POSIX"));
    let writes = words.nth(1) == Some("WRITE");
    // 0 or -1 where the owner lives in another pid namespace.
    let supervisor = words.next()?.parse().ok().and_then(svproto::Pid::new);
    (holds && writes && words.next()? == wanted).then_some(Liveness::Alive { supervisor })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use svproto::Pid;

    use super::*;

    #[test]
    fn a_line_names_the_owner_of_its_file() {
        let line = "7: FLOCK  ADVISORY  WRITE 4711 08:01:1234 0 EOF";
        let alive = |pid| Some(Liveness::Alive { supervisor: Pid::new(pid) });
        assert_eq!(owner_of(line, "08:01:1234"), alive(4711));
        assert_eq!(owner_of(line, "08:01:123"), None);
        assert_eq!(owner_of("7: -> FLOCK  ADVISORY  WRITE 1 08:01:1234 0 EOF", "08:01:1234"), None);
        assert_eq!(owner_of("7: POSIX  ADVISORY  READ 1 08:01:1234 0 EOF", "08:01:1234"), None);
        assert_eq!(owner_of("", "08:01:1234"), None);
        let foreign = "7: POSIX  ADVISORY  WRITE 0 08:01:1234 0 EOF";
        assert_eq!(owner_of(foreign, "08:01:1234"), alive(0));
    }
}
