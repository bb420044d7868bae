//! Programs that go to the background by themselves, and what keeps each in the foreground.
//!
//! Source: the manual of each program.

/// How a program is kept in the foreground.
#[derive(Clone, Copy, Debug)]
enum How {
    /// These words follow the program.
    Add(&'static [&'static str]),
    /// This word becomes these.
    Replace(&'static str, &'static [&'static str]),
    /// This word is left out.
    Without(&'static str),
    /// In a word, this text becomes that; else these words follow the program.
    Within(&'static str, &'static str, &'static [&'static str]),
}

use How::{Add, Replace, Within, Without};

/// Names of programs, without a version at their end.
const TABLE: &[(&str, How)] = &[
    ("acpid", Add(&["-f"])),
    ("amavisd", Replace("start", &["foreground"])),
    ("amavisd-new", Replace("start", &["foreground"])),
    ("apache2", Replace("start", &["start", "-D", "FOREGROUND"])),
    ("apache2ctl", Replace("start", &["-D", "FOREGROUND"])),
    ("apachectl", Replace("start", &["-D", "FOREGROUND"])),
    ("apcupsd", Add(&["-b"])),
    ("atd", Add(&["-f"])),
    ("automount", Add(&["--foreground"])),
    ("avahi-daemon", Without("-D")),
    ("bird", Add(&["-f"])),
    ("caddy", Replace("start", &["run"])),
    ("catalina.sh", Replace("start", &["run"])),
    ("chronyd", Add(&["-n"])),
    ("clamd", Add(&["--foreground"])),
    ("collectd", Add(&["-f"])),
    ("conntrackd", Without("-d")),
    ("cron", Add(&["-f"])),
    ("cupsd", Add(&["-f"])),
    ("dhcpcd", Add(&["--nobackground"])),
    ("dhcpd", Add(&["-f"])),
    ("dnsmasq", Add(&["--keep-in-foreground"])),
    ("dovecot", Add(&["-F"])),
    ("elasticsearch", Without("-d")),
    ("exim", Replace("-bd", &["-bdf"])),
    ("freeradius", Add(&["-f"])),
    ("freshclam", Add(&["--foreground"])),
    ("gpsd", Add(&["-N"])),
    ("gunicorn", Without("--daemon")),
    ("hostapd", Without("-B")),
    ("httpd", Replace("start", &["start", "-D", "FOREGROUND"])),
    ("icecast", Without("-b")),
    ("irqbalance", Add(&["--foreground"])),
    ("iscsid", Add(&["-f"])),
    ("keepalived", Add(&["--dont-fork"])),
    ("krb5kdc", Add(&["-n"])),
    ("kadmind", Add(&["-nofork"])),
    ("lighttpd", Add(&["-D"])),
    ("lircd", Add(&["--nodaemon"])),
    ("memcached", Without("-d")),
    ("mongod", Without("--fork")),
    ("monit", Add(&["-I"])),
    ("mosquitto", Without("-d")),
    ("munin-node", Add(&["--foreground"])),
    ("named", Add(&["-f"])),
    ("nginx", Within("daemon on;", "daemon off;", &["-g", "daemon off;"])),
    ("nmbd", Add(&["--foreground", "--no-process-group"])),
    ("nrpe", Replace("-d", &["-f"])),
    ("nscd", Add(&["--foreground"])),
    ("ntpd", Add(&["-n"])),
    ("opendkim", Add(&["-f"])),
    ("opendmarc", Add(&["-f"])),
    ("pg_ctlcluster", Add(&["--foreground"])),
    ("php-fpm", Add(&["--nodaemonize"])),
    ("postfix", Replace("start", &["start-fg"])),
    ("postmulti", Replace("start", &["start-fg"])),
    ("postgrey", Without("-d")),
    ("privoxy", Add(&["--no-daemon"])),
    ("proftpd", Add(&["--nodaemon"])),
    ("rabbitmq-server", Without("-detached")),
    ("radvd", Add(&["--nodaemon"])),
    ("redis-server", Add(&["--daemonize", "no"])),
    ("rpc.gssd", Add(&["-f"])),
    ("rpc.idmapd", Add(&["-f"])),
    ("rpc.mountd", Add(&["--foreground"])),
    ("rpc.statd", Add(&["--foreground"])),
    ("rpcbind", Add(&["-f"])),
    ("rsyslogd", Add(&["-n"])),
    ("smartd", Add(&["--no-fork"])),
    ("smbd", Add(&["--foreground", "--no-process-group"])),
    ("snmpd", Add(&["-f"])),
    ("spamd", Without("-d")),
    ("squid", Add(&["--foreground"])),
    ("sshd", Add(&["-D"])),
    ("supervisord", Add(&["--nodaemon"])),
    ("tinyproxy", Add(&["-d"])),
    ("tor", Add(&["--RunAsDaemon", "0"])),
    ("ulogd", Without("-d")),
    ("unbound", Add(&["-d"])),
    ("unicorn", Without("-D")),
    ("varnishd", Add(&["-F"])),
    ("watchdog", Add(&["--foreground"])),
    ("winbindd", Add(&["--foreground", "--no-process-group"])),
    ("wpa_supplicant", Without("-B")),
    ("xinetd", Add(&["-dontfork"])),
    ("zabbix_agentd", Add(&["-f"])),
    ("zabbix_server", Add(&["-f"])),
    ("zkServer.sh", Replace("start", &["start-foreground"])),
];

/// The same program in the foreground, and what was done for it. `None` for one that is not known, or whose
/// words are not the usual ones.
pub(super) fn in_foreground(words: &[String]) -> Option<(Vec<String>, String)> {
    let program = words.first()?;
    let name = program.rsplit('/').next().unwrap_or(program);
    let versionless = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    let found = |name: &str| TABLE.iter().find(|(known, _)| *known == name);
    let (_, how) = found(name).or_else(|| found(versionless))?;
    let mut words = words.to_vec();
    let done = match how {
        Add(more) => {
            let there = |it: &&str| words.iter().any(|word| word == it);
            if !more.iter().all(there) {
                words.splice(1..1, more.iter().map(|it| (*it).to_owned()));
            }
            format!("by `{}`", more.join(" "))
        }
        Replace(from, to) => {
            let at = words.iter().skip(1).position(|word| word == from)? + 1;
            words.splice(at..=at, to.iter().map(|it| (*it).to_owned()));
            format!("by `{}` for `{from}`", to.join(" "))
        }
        Without(word) => {
            words.retain(|it| it != word);
            format!("without `{word}`")
        }
        Within(from, to, more) => {
            let is_said = words.iter().any(|word| word.contains(to));
            match words.iter_mut().find(|word| word.contains(from)) {
                Some(word) => *word = word.replace(from, to),
                None if is_said => (),
                None => drop(words.splice(1..1, more.iter().map(|it| (*it).to_owned()))),
            }
            format!("by `{to}`")
        }
    };
    Some((words, done))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_stays_in_the_foreground() {
        let fore = |line: &str| {
            let words: Vec<_> = line.split('|').map(str::to_owned).collect();
            in_foreground(&words).map(|(words, _)| words.join("|"))
        };
        for (line, expected) in [
            (
                "/usr/sbin/nginx|-g|daemon on; master_process on;",
                "/usr/sbin/nginx|-g|daemon off; master_process on;",
            ),
            ("nginx", "nginx|-g|daemon off;"),
            ("/usr/sbin/apachectl|start", "/usr/sbin/apachectl|-D|FOREGROUND"),
            ("/usr/sbin/postmulti|-i|-|-p|start", "/usr/sbin/postmulti|-i|-|-p|start-fg"),
            ("/usr/sbin/php-fpm8.2", "/usr/sbin/php-fpm8.2|--nodaemonize"),
            ("/usr/bin/memcached|-d|-m|64", "/usr/bin/memcached|-m|64"),
            ("/usr/sbin/sshd|-D", "/usr/sbin/sshd|-D"),
        ] {
            assert_eq!(fore(line).as_deref(), Some(expected), "{line}");
        }
        assert_eq!(fore("/etc/init.d/web|start"), None);
        assert_eq!(fore("/usr/sbin/apachectl|graceful"), None);
    }
}
