//! Values that have a form: times, sizes, signals, paths, names of units. What systemd 252 passes over, with
//! what it says.

use super::Assignment;

/// The form that the values of a key have.
#[derive(Clone, Copy)]
enum Form {
    Time,
    Signal,
    Mode,
    Between(i64, i64),
    /// A number, or `soft:hard`.
    Count,
    /// A number of bytes, or `soft:hard`.
    Bytes,
    /// A number of bytes, a part in percent, or `infinity`.
    Memory,
    Tasks,
    Percent,
    /// Where lines go to.
    Output,
    Path,
    Paths,
    /// Names below a directory of systemd's.
    Names,
    Variables,
    Urls,
    Units,
    Slice,
}

/// Keys that end with `Sec` and hold no time.
const NO_TIMES: [&str; 1] = ["StartLimitIntervalSec"];

fn form(section: &str, key: &str) -> Option<Form> {
    Some(match key {
        "KillSignal" | "RestartKillSignal" | "FinalKillSignal" | "WatchdogSignal"
        | "ReloadSignal" => Form::Signal,
        "UMask" | "SocketMode" | "DirectoryMode" => Form::Mode,
        _ if key.ends_with("DirectoryMode") => Form::Mode,
        "Nice" => Form::Between(-20, 19),
        "OOMScoreAdjust" => Form::Between(-1000, 1000),
        "IOSchedulingPriority" => Form::Between(0, 7),
        "LimitNOFILE" | "LimitNPROC" | "LimitLOCKS" | "LimitSIGPENDING" => Form::Count,
        "LimitAS" | "LimitFSIZE" | "LimitDATA" | "LimitSTACK" | "LimitCORE" | "LimitRSS"
        | "LimitMEMLOCK" | "LimitMSGQUEUE" => Form::Bytes,
        "MemoryMax" | "MemoryHigh" | "MemoryLow" | "MemoryMin" | "MemorySwapMax" => Form::Memory,
        "TasksMax" => Form::Tasks,
        "CPUQuota" => Form::Percent,
        "StandardOutput" | "StandardError" => Form::Output,
        "WorkingDirectory" | "RootDirectory" | "EnvironmentFile" => Form::Path,
        "ReadWritePaths" | "ReadOnlyPaths" | "InaccessiblePaths" | "ExecPaths" | "NoExecPaths"
        | "RequiresMountsFor" => Form::Paths,
        "RuntimeDirectory"
        | "StateDirectory"
        | "CacheDirectory"
        | "LogsDirectory"
        | "ConfigurationDirectory" => Form::Names,
        "Environment" => Form::Variables,
        "Documentation" => Form::Urls,
        "Slice" => Form::Slice,
        "After"
        | "Before"
        | "Requires"
        | "Requisite"
        | "Wants"
        | "BindsTo"
        | "PartOf"
        | "Upholds"
        | "Conflicts"
        | "OnFailure"
        | "OnSuccess"
        | "PropagatesReloadTo"
        | "ReloadPropagatedFrom"
        | "PropagatesStopTo"
        | "StopPropagatedFrom"
        | "JoinsNamespaceOf"
            if section == "Unit" =>
        {
            Form::Units
        }
        "WantedBy" | "RequiredBy" | "UpheldBy" | "Also" | "Alias" if section == "Install" => {
            Form::Units
        }
        _ if key.starts_with("ConditionPath") || key.starts_with("AssertPath") => Form::Path,
        _ if key.ends_with("Sec") && !NO_TIMES.contains(&key) => Form::Time,
        "StartLimitIntervalSec" | "StartLimitInterval" => Form::Time,
        _ => return None,
    })
}

/// The part of a value that its key does not take, and what it takes.
pub(super) fn wrong(it: &Assignment) -> Option<(String, String)> {
    let form = form(&it.section, &it.key)?;
    let value = it.value.as_str();
    let whole = |is_right: bool, takes: &str| {
        (!is_right && !value.contains('%')).then(|| (value.to_owned(), takes.to_owned()))
    };
    let part = |is_right: &dyn Fn(&str) -> bool, takes: &str| {
        let mut parts = value.split_ascii_whitespace();
        let wrong = parts.find(|it| !it.contains(['%', '"', '\'', '\\']) && !is_right(it))?;
        Some((wrong.to_owned(), takes.to_owned()))
    };
    match form {
        Form::Time => whole(is_time(value), "a time such as 5s, 1min 30s or infinity"),
        Form::Signal => whole(is_signal(value), "a signal such as SIGTERM"),
        Form::Mode => whole(is_mode(value), "an octal mode such as 0755"),
        Form::Between(least, most) => {
            let is_right = value.parse().is_ok_and(|it: i64| (least..=most).contains(&it));
            whole(is_right, &format!("a number from {least} to {most}"))
        }
        Form::Count => whole(
            is_limit(value, |it| it.parse::<u64>().ok()),
            "a number, `soft:hard` with the first not the larger, or infinity",
        ),
        Form::Bytes => whole(
            is_limit(value, bytes),
            "a number of bytes such as 64M, `soft:hard` with the first not the larger, or infinity",
        ),
        Form::Memory => {
            let is_part = percent(value).is_some();
            let is_right = is_part || value == "infinity" || bytes(value).is_some();
            // A part of the memory is no specifier.
            (!is_right).then(|| {
                let takes = "a number of bytes such as 512M, a part such as 20%, or infinity";
                (value.to_owned(), takes.to_owned())
            })
        }
        Form::Tasks => {
            let is_number = value.parse::<u64>().is_ok() || bytes(value).is_some();
            let is_right = is_number || value == "infinity" || percent(value).is_some();
            (!is_right)
                .then(|| (value.to_owned(), "a number, a part such as 20%, or infinity".to_owned()))
        }
        Form::Percent => (percent(value).is_none())
            .then(|| (value.to_owned(), "a part of one processor such as 50%".to_owned())),
        Form::Output => whole(
            is_output(value),
            "journal, null, inherit, tty, socket, file:/PATH, append:/PATH, truncate:/PATH or fd:NAME",
        ),
        Form::Path => {
            let path = value.trim_start_matches(['-', '|', '!']).trim_start();
            let is_right = path.starts_with('/') || path == "~" && it.key == "WorkingDirectory";
            whole(is_right, "an absolute path")
        }
        Form::Paths => {
            part(&|it| it.trim_start_matches(['-', '+']).starts_with('/'), "absolute paths")
        }
        Form::Names => part(
            &|it| {
                let name = it.split(':').next().unwrap_or_default();
                !name.starts_with('/') && name.split('/').all(|it| it != ".." && it != ".")
            },
            "names below the directory that systemd has for it",
        ),
        Form::Variables => variables(value),
        Form::Urls => part(&is_url, "addresses: https://…, file:/…, info:… or man:NAME(8)"),
        Form::Units => part(&is_unit, "whole names of units, as in db.service or network.target"),
        Form::Slice => {
            whole(value.strip_suffix(".slice").is_some(), "the name of a slice, as in web.slice")
        }
    }
}

/// Source: systemd.time(7), "Parsing Time Spans".
fn is_time(value: &str) -> bool {
    const UNITS: &str = " usec us µs μs msec ms seconds second sec s minutes minute min m months month M \
        hours hour hr h days day d weeks week w years year y ";
    if value == "infinity" {
        return true;
    }
    let mut rest = value.trim();
    if rest.is_empty() {
        return false;
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, behind) = rest.split_at(end);
        if number.parse::<f64>().is_err() {
            return false;
        }
        let behind = behind.trim_start();
        let end = behind.find(|c: char| !c.is_alphabetic()).unwrap_or(behind.len());
        let (unit, behind) = behind.split_at(end);
        if !unit.is_empty() && !UNITS.contains(&format!(" {unit} ")) {
            return false;
        }
        rest = behind.trim_start();
    }
    true
}

fn is_signal(value: &str) -> bool {
    const NAMES: &str = " HUP INT QUIT ILL TRAP ABRT IOT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CLD CONT STOP TSTP \
        TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO POLL PWR SYS ";
    if let Ok(number) = value.parse::<u8>() {
        return (1..=64).contains(&number);
    }
    let name = value.strip_prefix("SIG").unwrap_or(value);
    NAMES.contains(&format!(" {name} ")) || name.starts_with("RTMIN") || name.starts_with("RTMAX")
}

fn is_mode(value: &str) -> bool {
    !value.starts_with('+') && u32::from_str_radix(value, 8).is_ok_and(|it| it <= 0o7777)
}

fn is_limit(value: &str, number: impl Fn(&str) -> Option<u64>) -> bool {
    let one = |it: &str| if it == "infinity" { Some(u64::MAX) } else { number(it) };
    match value.split_once(':') {
        Some((soft, hard)) => one(soft).zip(one(hard)).is_some_and(|(soft, hard)| soft <= hard),
        None => one(value).is_some(),
    }
}

/// With the letters for powers of 1024.
fn bytes(value: &str) -> Option<u64> {
    let (number, power) = match value.char_indices().next_back()? {
        (at, letter) if letter.is_ascii_alphabetic() => {
            (value.get(..at)?, u32::try_from("BKMGTPE".find(letter)?).ok()?)
        }
        _ => (value, 0),
    };
    let (whole, part) = number.trim_end().split_once('.').unwrap_or((number.trim_end(), "0"));
    let is_number = |it: &str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit());
    if !is_number(whole) || !is_number(part) {
        return None;
    }
    whole.parse::<u64>().ok()?.checked_mul(1024_u64.checked_pow(power)?)
}

fn percent(value: &str) -> Option<f64> {
    let number = value.strip_suffix('%')?;
    let is_number = number.bytes().all(|it| it.is_ascii_digit() || it == b'.');
    number.parse().ok().filter(|_| is_number)
}

fn is_output(value: &str) -> bool {
    let words = [
        "inherit",
        "null",
        "tty",
        "journal",
        "kmsg",
        "journal+console",
        "kmsg+console",
        "socket",
        "fd",
        "syslog",
        "syslog+console",
    ];
    let path = ["file:", "append:", "truncate:"].iter().find_map(|it| value.strip_prefix(it));
    words.contains(&value) || value.starts_with("fd:") || path.is_some_and(|it| it.starts_with('/'))
}

fn is_url(value: &str) -> bool {
    ["http://", "https://", "file:", "info:", "man:"].iter().any(|it| value.starts_with(it))
}

fn is_unit(value: &str) -> bool {
    const SUFFIXES: [&str; 11] = [
        "service",
        "socket",
        "target",
        "timer",
        "path",
        "mount",
        "automount",
        "swap",
        "slice",
        "scope",
        "device",
    ];
    value
        .rsplit_once('.')
        .is_some_and(|(name, suffix)| !name.is_empty() && SUFFIXES.contains(&suffix))
}

/// `NAME=value` words, in which a whole word may be in quotes.
fn variables(value: &str) -> Option<(String, String)> {
    let words = super::words::split(value)?;
    let is_right = |it: &str| {
        let name = it.split_once('=').map(|it| it.0).unwrap_or_default();
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'_')
    };
    let wrong = words.iter().find(|it| !is_right(&it.text) && !it.text.starts_with('%'))?;
    let takes =
        "NAME=value; where a value has blanks, quotes go around all of it, as in \"NAME=a b\"";
    Some((wrong.text.clone(), takes.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(section: &str, key: &str, value: &str) -> Option<String> {
        let it = Assignment {
            section: section.to_owned(),
            key: key.to_owned(),
            value: value.to_owned(),
            key_at: 0..0,
            value_at: 0..0,
        };
        wrong(&it).map(|it| it.0)
    }

    #[test]
    fn what_systemd_passes_over_is_told() {
        for (key, value, expected) in [
            ("TimeoutStopSec", "5 minuts", "5 minuts"),
            ("RestartSec", "5x", "5x"),
            ("RestartSec", "-1", "-1"),
            ("KillSignal", "SIGFOO", "SIGFOO"),
            ("KillSignal", "99", "99"),
            ("UMask", "999", "999"),
            ("RuntimeDirectoryMode", "rwx", "rwx"),
            ("Nice", "40", "40"),
            ("Nice", "abc", "abc"),
            ("LimitNOFILE", "unlimited", "unlimited"),
            ("LimitNOFILE", "2000:1000", "2000:1000"),
            ("LimitNOFILE", "1K", "1K"),
            ("LimitMEMLOCK", "64MB", "64MB"),
            ("MemoryMax", "1GB", "1GB"),
            ("TasksMax", "lots", "lots"),
            ("CPUQuota", "2", "2"),
            ("StandardOutput", "/var/log/x", "/var/log/x"),
            ("StandardError", "append:x", "append:x"),
            ("WorkingDirectory", "~/x", "~/x"),
            ("EnvironmentFile", "-env", "-env"),
            ("ReadWritePaths", "/a var/lib", "var/lib"),
            ("RuntimeDirectory", "a /run/x", "/run/x"),
            ("StateDirectory", "../y", "../y"),
            ("Environment", "A=b c d", "c"),
            ("Environment", "A=1 \"C D=2\"", "C D=2"),
            ("Slice", "web", "web"),
        ] {
            assert_eq!(told("Service", key, value).as_deref(), Some(expected), "{key}={value}");
        }
        assert_eq!(told("Unit", "After", "a.service network").as_deref(), Some("network"));
        assert_eq!(told("Install", "WantedBy", "multi-user").as_deref(), Some("multi-user"));
        assert_eq!(told("Unit", "Documentation", "nginx").as_deref(), Some("nginx"));
        assert_eq!(told("Unit", "ConditionPathExists", "!etc/x").as_deref(), Some("!etc/x"));
    }

    #[test]
    fn what_systemd_takes_is_not() {
        for (key, value) in [
            ("TimeoutStopSec", "1min 30s"),
            ("TimeoutStopSec", "1m30"),
            ("RestartSec", "100ms"),
            ("RestartSec", "1.5"),
            ("WatchdogSec", "infinity"),
            ("WatchdogSec", "2 hours"),
            ("KillSignal", "TERM"),
            ("KillSignal", "SIGRTMIN+3"),
            ("UMask", "0027"),
            ("Nice", "-5"),
            ("LimitNOFILE", "1024:524288"),
            ("LimitNOFILE", "infinity"),
            ("LimitCORE", "1.5G"),
            ("MemoryMax", "20%"),
            ("MemoryHigh", "512M"),
            ("TasksMax", "4915"),
            ("CPUQuota", "150%"),
            ("StandardOutput", "append:/var/log/x"),
            ("WorkingDirectory", "~"),
            ("WorkingDirectory", "-/srv"),
            ("WorkingDirectory", "%h/x"),
            ("EnvironmentFile", "-/etc/default/x"),
            ("ReadWritePaths", "-/a +/b \"/c d\""),
            ("RuntimeDirectory", "a b/c"),
            ("Environment", "A=1 \"B=a b\" 'C=d'"),
            ("Environment", "\"A=1\""),
            ("Slice", "system.slice"),
        ] {
            assert_eq!(told("Service", key, value), None, "{key}={value}");
        }
        assert_eq!(told("Unit", "After", "a.service b@1.socket dev-sda.device"), None);
        assert_eq!(told("Unit", "ConditionPathExists", "|!/etc/x"), None);
        assert_eq!(told("Unit", "Documentation", "man:x(8) https://x"), None);
    }
}
