//! Programs that go to the background by themselves, and what keeps them from it.

use crate::{Finding, rule::scripts, shell::Word, source::Source, visit::Visit};

/// Programs whose manual says that they do, and the options that keep them in the foreground: letters, and
/// words.
const DAEMONS: [(&str, &str, &[&str]); 21] = [
    ("sshd", "DditTGC?Vh", &[]),
    ("cron", "fhL", &[]),
    ("crond", "fndxi", &[]),
    ("rsyslogd", "nNv", &[]),
    ("atd", "fd", &[]),
    ("acpid", "fdlv", &["--foreground", "--debug"]),
    ("smbd", "FiSbV", &["--foreground", "--interactive", "--no-process-group"]),
    ("nmbd", "FiSV", &["--foreground", "--interactive"]),
    ("winbindd", "FiSV", &["--foreground", "--interactive"]),
    ("ntpd", "ndqgh", &["--nofork", "--quit"]),
    ("chronyd", "dnqQpv", &[]),
    ("lighttpd", "Dtvh1", &[]),
    ("named", "fgvV", &[]),
    ("unbound", "dhV", &[]),
    ("dhclient", "dxr1", &["--no-daemon"]),
    ("supervisord", "nhv", &["--nodaemon"]),
    ("squid", "Nkvz", &["--foreground"]),
    ("proftpd", "ntvl", &["--nodaemon", "--configtest"]),
    ("keepalived", "nvh", &["--dont-fork"]),
    ("dnsmasq", "kdv", &["--keep-in-foreground", "--no-daemon", "--test"]),
    ("inetd", "id", &[]),
];

/// Options that ask for the background, whoever takes them.
const ASKED: [&str; 3] = ["--daemonize", "--daemon", "--background"];

pub(super) fn check(
    visit: &mut Visit<'_>,
    source: &Source,
    name: &str,
    program: &Word,
    words: &[Word],
) {
    let location = || source.at(program.at.clone());
    if let Some(word) = words.iter().find(|it| it.is_plain && ASKED.contains(&it.text.as_str())) {
        let next = words.iter().skip_while(|it| it.at != word.at).nth(1);
        if !next.is_some_and(|it| matches!(it.text.as_str(), "no" | "false" | "0" | "off")) {
            let message =
                format!("{} asks {} to go to the background", word.text, source.quoted(name));
            let finding = Finding::new(&scripts::DAEMONIZES, source.at(word.at.clone()), message);
            visit.tell(finding.help("Leave the option out."));
        }
        return;
    }
    // memcached and mosquitto are in the foreground unless they are told so.
    if matches!(name, "memcached" | "mosquitto") {
        if let Some(word) = words.iter().find(|it| it.is_plain && it.text == "-d") {
            let message = format!("-d asks {name} to go to the background");
            let finding = Finding::new(&scripts::DAEMONIZES, source.at(word.at.clone()), message);
            visit.tell(finding.help("Leave -d out."));
        }
        return;
    }
    let Some((_, letters, long)) = DAEMONS.iter().find(|it| it.0 == name) else { return };
    // A word that only the shell knows may be the option.
    let keeps = |it: &Word| {
        !it.is_plain
            || long.contains(&it.text.as_str())
            || it
                .text
                .strip_prefix('-')
                .is_some_and(|it| !it.starts_with('-') && it.chars().any(|it| letters.contains(it)))
    };
    if words.iter().any(keeps) || letters.is_empty() {
        return;
    }
    let letter = letters.chars().next().unwrap_or('f');
    let message = format!("{name} goes to the background by itself");
    let finding = Finding::new(&scripts::DAEMONIZES, location(), message);
    visit.tell(finding.help(format!("Add -{letter}, which keeps it in the foreground.")));
}
