//! Examples for the manual page of each command that people type most. A test parses every one.

/// A command line, and what it is for.
pub(super) type Example = (&'static str, &'static str);

/// Those of the page about all of it.
pub(super) const OF_ALL: [Example; 7] = [
    ("svctl -H web1,web2 status", "The services of two hosts, by ssh."),
    (
        "svctl -H @web --rolling restart web --for ready",
        "One host of a group after the other, until one fails.",
    ),
    ("svctl status --state backoff,failed", "What does not stay up?"),
    (
        "svctl restart web --for ready --kill-after 10s",
        "Restart it, by force if need be, and wait until the new process is ready.",
    ),
    (
        "svctl wait --for up-for=5s web db && deploy",
        "Go on when both have stayed up for five seconds.",
    ),
    ("svctl check --ready --json", "A health check for a container."),
    ("svctl logs -f web db", "Follow two logs, merged by time."),
];

/// Those of each command that does not say all in its name.
const OF_COMMANDS: [(&str, &[Example]); 27] = [
    (
        "status",
        &[
            ("svctl status", "Every service of the scan directory."),
            ("svctl status 'web-*'", "Those whose names begin with web-."),
            ("svctl status --changed-within 10m", "What started or ended in the last ten minutes."),
            ("svctl --suite systemd status nginx", "A unit of systemd; nginx.service is the same."),
            (
                "svctl --suite systemd status --brief",
                "All units, as quickly as their manager lists them.",
            ),
        ],
    ),
    (
        "up",
        &[
            ("svctl up web db", "Both; each is told once it is up."),
            ("svctl up db --for ready --timeout 2m", "Until it is ready, two minutes at most."),
            ("svctl up web --persist", "Also after the next start of its supervisor."),
        ],
    ),
    (
        "down",
        &[
            ("svctl down web --kill-after 10s", "Kill what has not ended after ten seconds."),
            ("svctl down --all --limit 5", "All of them, five at a time."),
        ],
    ),
    ("once", &[("svctl once backup --for finished --timeout 1h", "Run it once, to its end.")]),
    (
        "restart",
        &[
            ("svctl restart web", "Until another process of it is there."),
            (
                "svctl restart 'web-*' --limit 1 --for ready",
                "One after the other, each once the one before is ready.",
            ),
        ],
    ),
    ("reload", &[("svctl reload web", "Read the configuration again, without an end.")]),
    ("send", &[("svctl send usr1 web", "A signal, or any other word that its suite has.")]),
    (
        "exit",
        &[(
            "svctl exit web",
            "The service and its supervisor; under a scanner, disable it instead.",
        )],
    ),
    (
        "wait",
        &[
            ("svctl wait --for ready db --timeout 1m", "Until it is ready; 99 after a minute."),
            ("svctl wait --for down --any web db", "Until one of them is down."),
            ("svctl wait --for up-for=5s web", "Until it has stayed up for five seconds."),
        ],
    ),
    (
        "watch",
        &[
            ("svctl watch", "Every change of every service, until Ctrl-C."),
            ("svctl watch --json web", "The changes of one, each an object in a line."),
            (
                "svctl watch -q --exec ./page-me",
                "A program for every change, with its JSON to read.",
            ),
        ],
    ),
    (
        "metrics",
        &[
            ("svctl metrics", "Once, on standard output."),
            (
                "svctl metrics --textfile /var/lib/prometheus/node-exporter/svctl.prom",
                "For node_exporter, from a timer.",
            ),
            ("svctl metrics --listen 9558", "At http://127.0.0.1:9558/metrics, until ended."),
        ],
    ),
    (
        "check",
        &[
            ("svctl check", "Is all well? 0 if so, else 1."),
            ("svctl check --expect 3", "Also 1 where there are fewer than three services."),
            ("svctl check --ready web", "Ready as well, for a container's health check."),
        ],
    ),
    (
        "explain",
        &[
            ("svctl explain web", "Why is it not up, and what is there to do?"),
            ("svctl explain web --over 10s", "Look for ten seconds, for what comes and goes."),
        ],
    ),
    (
        "lint",
        &[
            ("svctl lint /etc/sv/web", "One service directory."),
            ("svctl lint svcmgr.toml /etc/systemd/system/web.service", "Definitions and a unit."),
            ("svctl lint --fix ./web", "Also mend what can be mended safely."),
            ("svctl lint --image ./rootfs /etc/service", "In the unpacked image of a container."),
        ],
    ),
    ("show", &[("svctl show web", "Its processes, sockets, files and last lines of log.")]),
    (
        "enable",
        &[
            ("svctl enable web", "That of /etc/sv or another store of its suite."),
            ("svctl enable ./web", "A service directory that is here."),
        ],
    ),
    (
        "disable",
        &[(
            "svctl disable web --kill-after 10s",
            "Unlink it, and end it and its supervisor, by force if need be.",
        )],
    ),
    (
        "logs",
        &[
            ("svctl logs web -n 50", "The last fifty lines."),
            ("svctl logs -f web db", "Follow two logs, merged by time."),
            ("svctl logs web --since 10m", "What was logged in the last ten minutes."),
        ],
    ),
    (
        "apply",
        &[
            ("svctl apply svcmgr.toml --to runit --dry-run", "What would be done?"),
            (
                "svctl apply svcmgr.toml --to systemd",
                "Units, enabled and running; a second time changes nothing.",
            ),
            (
                "svctl -H web1,web2 --rolling apply svcmgr.toml --to s6",
                "One host after the other, until one fails.",
            ),
        ],
    ),
    (
        "build",
        &[
            ("svctl build svcmgr.toml --check", "Which targets can it be built for?"),
            (
                "svctl build svcmgr.toml --to runit --out /etc/sv --diff",
                "What would be changed? 1 if anything.",
            ),
            ("svctl build svcmgr.toml --to systemd --out /etc/systemd/system", "Units of systemd."),
        ],
    ),
    (
        "convert",
        &[
            (
                "svctl convert web.service > svcmgr.toml",
                "A unit of systemd as a definition; what was lost is told.",
            ),
            ("svctl convert Procfile --strict", "Fail if a line loses anything."),
        ],
    ),
    (
        "dev",
        &[
            ("svctl dev", "The services of svcmgr.toml, here or above, until Ctrl-C."),
            ("svctl dev web", "One, and what it needs."),
            ("svctl dev --exit-with tests", "Until the tests have run, with their exit code."),
        ],
    ),
    ("supervise", &[("svctl supervise ./web", "One service directory, in the foreground.")]),
    (
        "scan",
        &[
            ("svctl scan /etc/service", "A scan directory, as process 1 of a container, too."),
            ("svctl scan svcmgr.toml", "The services of definitions, without directories."),
        ],
    ),
    (
        "decode",
        &[(
            "svctl decode /etc/service/web/supervise/status",
            "What each byte of a status record says.",
        )],
    ),
    (
        "completions",
        &[(
            "svctl completions fish > ~/.config/fish/completions/svctl.fish",
            "Complete svctl in fish.",
        )],
    ),
    ("reset-failed", &[("svctl reset-failed web", "So that a unit may be started again.")]),
];

/// Those of one command.
pub(super) fn of(command: &str) -> &'static [Example] {
    OF_COMMANDS.iter().find(|(name, _)| *name == command).map_or(&[], |(_, examples)| examples)
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;
    use crate::args::Args;

    #[test]
    fn every_example_can_be_typed() {
        let parser = Args::parser();
        let mut with_examples = 0;
        for command in parser.get_subcommands() {
            let examples = of(command.get_name());
            with_examples += usize::from(!examples.is_empty());
            for (line, about) in examples.iter().chain(&OF_ALL) {
                let words = line.split(' ').take_while(|word| !["&&", ">"].contains(word));
                let args = Args::read(words.map(OsString::from));
                assert!(args.is_ok(), "{line}: {}", args.unwrap_err());
                assert!(about.ends_with(['.', '?']), "{about}");
            }
            for (line, _) in examples {
                let is_named = line.split(' ').any(|word| word == command.get_name());
                assert!(is_named, "{line} is no example of {}", command.get_name());
            }
        }
        assert!(with_examples >= 20, "{with_examples}");
    }
}
