//! How a service ends, starts again and reads its configuration again.
//!
//! Source: `systemd.service(5)`, `systemd.kill(5)`, `systemd.unit(5)`.

use std::time::Duration;

use svbuild::spec::{Kind, Reload, Restart, Signal, Time};

use super::{
    parse::{self, boolean},
    service::Reader,
    words::{self, Command, Part},
};
use crate::{book::At, signal};

impl Reader<'_> {
    pub(super) fn life(&mut self) {
        self.stop();
        self.stop_commands();
        self.reload();
        self.restart();
    }

    fn stop(&mut self) {
        self.service.stop.signal =
            self.or_keep("KillSignal", "stop.signal", |text| signal::named(text).ok());
        if self.service.stop.signal == Some(Signal::TERM) {
            self.service.stop.signal = None;
        }
        let both = self.timeout_of_both.take().or_else(|| self.last("Service", "TimeoutSec"));
        let time = self.last("Service", "TimeoutStopSec").or(both);
        let mut kill_after = Some(90_000);
        if let Some((at, text)) = time {
            match parse::time(&text) {
                Ok(time) => {
                    kill_after = time.filter(|time| *time > 0);
                    self.book.exact(at, Some("stop.kill_after"));
                }
                Err(()) => self.unreadable(at),
            }
        }
        if let Some((at, text)) = self.last("Service", "SendSIGKILL") {
            if boolean(&text) == Some(false) {
                kill_after = None;
            }
            self.book.exact(at, Some("stop.kill_after"));
        }
        // A job has ended when it is done; what `kill_after` is for is a stop in the middle.
        if self.service.kind == Kind::Service {
            self.service.stop.kill_after = kill_after.map(|ms| Time(Duration::from_millis(ms)));
        }
        let why = "a stop tells the main process; under systemd what is left of the others is killed then, and \
                   other supervisors leave them alone";
        match self.last("Service", "KillMode") {
            None => self.book.equivalent(self.unit.head, Some("stop.group"), why),
            Some((at, text)) => match text.as_str() {
                "mixed" | "control-group" => self.book.equivalent(at, Some("stop.group"), why),
                "process" => {
                    self.service.stop.group = Some(false);
                    self.book.exact(at, Some("stop.group"));
                }
                "none" => {
                    self.service.stop.group = Some(false);
                    self.book.approximated(
                        at,
                        Some("stop.group"),
                        "the main process is told to end all the same",
                    );
                }
                _ => self.unreadable(at),
            },
        }
    }

    fn stop_commands(&mut self) {
        let lines = self.raw_list("Service", "ExecStop");
        let sent = match lines.as_slice() {
            [(at, text)] => match words::commands(text).as_deref() {
                Some([command]) => signal_to_main(command).map(|signal| (*at, signal)),
                _ => None,
            },
            _ => None,
        };
        if let Some((at, signal)) = sent {
            if signal != Signal::TERM {
                self.service.stop.signal = Some(signal);
            }
            let why = "the supervisor sends the signal itself, and none after it as systemd does";
            self.book.equivalent(at, Some("stop.signal"), why);
        } else if !lines.is_empty() {
            let knows_main = lines.iter().any(|(_, text)| text.contains("MAINPID"));
            if knows_main || self.service.kind == Kind::Job {
                for (at, text) in &lines {
                    self.keep_raw("Service", "ExecStop", *at, text);
                }
            } else {
                let argv = self.command_of(&lines, "stop.command");
                self.service.stop.command = argv.into_iter().map(Into::into).collect();
            }
        }
        // It runs as another user, with other variables, than `finish` does.
        for (at, text) in self.raw_list("Service", "ExecStopPost") {
            self.keep_raw("Service", "ExecStopPost", at, &text);
        }
    }

    fn reload(&mut self) {
        let mut lines = self.raw_list("Service", "ExecReload");
        let Some((at, text)) = lines.last().cloned() else { return };
        let commands = words::commands(&text).unwrap_or_default();
        let signal = match commands.as_slice() {
            [command] => signal_to_main(command),
            _ => None,
        };
        let mut reload = Reload::new();
        if let Some(signal) = signal {
            lines.pop();
            self.book.equivalent(
                at,
                Some("reload.signal"),
                "the supervisor sends the signal itself",
            );
            reload.signal = (signal.name() != "HUP").then_some(signal);
            reload.check =
                self.command_of(&lines, "reload.check").into_iter().map(Into::into).collect();
        } else if lines.iter().any(|(_, text)| text.contains("MAINPID")) {
            for (at, text) in &lines {
                self.keep_raw("Service", "ExecReload", *at, text);
            }
            return;
        } else {
            reload.command =
                self.command_of(&lines, "reload.command").into_iter().map(Into::into).collect();
            if reload.command.is_empty() {
                return;
            }
        }
        self.service.reload = Some(reload);
    }

    fn restart(&mut self) {
        let is_job = self.service.kind == Kind::Job;
        let mut when = Restart::Never;
        let counts_signals = self.counts_signals();
        if let Some((at, text)) = self.last("Service", "Restart") {
            let (rule, why) = match text.as_str() {
                "no" => (Restart::Never, None),
                "always" if is_job => {
                    return self.refuse(
                        at,
                        "a job runs once; write Type=exec for what is started again and again",
                    );
                }
                "always" => (Restart::Always, None),
                "on-failure" if counts_signals => (Restart::OnFailure, None),
                "on-failure" => (
                    Restart::OnFailure,
                    Some((
                        false,
                        "an end by SIGHUP, SIGINT, SIGPIPE or SIGTERM that nobody asked for is a failure as well",
                    )),
                ),
                "on-abnormal" | "on-watchdog" | "on-abort" => (
                    Restart::OnFailure,
                    Some((true, "it is started again after an exit with an error as well")),
                ),
                "on-success" => (
                    Restart::Never,
                    Some((
                        true,
                        "it is not started again: there is no rule for ends with success alone",
                    )),
                ),
                _ => return self.unreadable(at),
            };
            when = rule;
            self.book.exact(at, Some("restart.when"));
            match why {
                Some((true, why)) => self.book.approximated(at, Some("restart.when"), why),
                Some((false, why)) => self.book.equivalent(at, Some("restart.when"), why),
                None => (),
            }
        }
        self.success();
        // A job without the key is not started again.
        if !(is_job && when == Restart::Never) {
            self.service.restart.when = when;
        }
        let delay = self.delay(when);
        self.attempts(when, delay);
    }

    /// Codes and signals of all lines together. Ends by some signals are a success without being named.
    fn success(&mut self) {
        let list = self.list("Service", "SuccessExitStatus");
        let words = list.iter().flat_map(|(_, text)| text.split_whitespace());
        let named = words.filter(|word| !OF_SUCCESS.contains(word));
        let Some(codes) = named.map(exit_code).collect::<Option<Vec<u8>>>() else {
            for (at, text) in &list {
                self.keep("Service", "SuccessExitStatus", *at, text);
            }
            return;
        };
        self.service.success = codes.into_iter().filter(|code| *code != 0).collect();
        for (at, _) in list {
            self.book.exact(at, Some("success"));
        }
    }

    /// Whether ends by the signals that systemd takes for a success are failures all the same, as they are here.
    fn counts_signals(&mut self) -> bool {
        let list = self.list("Service", "RestartForceExitStatus");
        let words = list.iter().flat_map(|(_, text)| text.split_whitespace());
        let words: std::collections::BTreeSet<&str> = words.collect();
        let all = OF_SUCCESS.into_iter().collect();
        let is_so = words == all;
        for (at, text) in &list {
            if is_so {
                self.book.exact(*at, Some("restart.when"));
            } else {
                self.keep("Service", "RestartForceExitStatus", *at, text);
                let why = "it is started again after such an end as often as it takes, without a limit of starts";
                self.book.approximated(*at, None, why);
            }
        }
        is_so
    }

    /// The pause before another start, in seconds.
    fn delay(&mut self, when: Restart) -> u64 {
        let Some((at, text)) = self.last("Service", "RestartSec") else { return 1 };
        let Ok(Some(ms)) = parse::time(&text) else {
            self.unreadable(at);
            return 1;
        };
        let seconds = ms.div_ceil(1000).max(1);
        self.book.exact(at, Some("restart.delay"));
        if when == Restart::Never {
            return seconds;
        }
        if seconds * 1000 != ms {
            let why =
                format!("the pause is {seconds} s: pauses are whole seconds, and one at least");
            self.book.equivalent(at, Some("restart.delay"), &why);
        }
        if seconds > 1 {
            self.service.restart.delay = Some(Time(Duration::from_secs(seconds)));
        }
        seconds
    }

    /// After how many starts in what time it is given up.
    fn attempts(&mut self, when: Restart, delay: u64) {
        let places = [
            ("Unit", "StartLimitIntervalSec"),
            ("Unit", "StartLimitInterval"),
            ("Service", "StartLimitInterval"),
        ];
        let within = places.into_iter().find_map(|(section, key)| self.last(section, key));
        let places = [("Unit", "StartLimitBurst"), ("Service", "StartLimitBurst")];
        let burst = places.into_iter().find_map(|(section, key)| self.last(section, key));
        let said = |it: &Option<(At, String)>| it.as_ref().map(|(at, _)| *at);
        let lines = [said(&within), said(&burst)];
        for at in lines.into_iter().flatten() {
            self.book.exact(at, Some("restart.max"));
        }
        let seconds = within.as_ref().map_or(Ok(Some(10_000)), |(_, text)| parse::time(text));
        let max = burst.as_ref().map_or(Ok(5), |(_, text)| text.parse::<u32>());
        let (Ok(seconds), Ok(max)) = (seconds, max) else { return };
        // No number is no bound; nor is one that is never reached because of the pauses.
        let Some(seconds) = seconds.map(|ms| ms.div_ceil(1000)) else { return };
        let is_reached = seconds > 0 && max > 0 && u64::from(max) * delay <= seconds;
        if !is_reached || when == Restart::Never {
            return;
        }
        self.service.restart.max = Some(max);
        self.service.restart.within = Some(Time(Duration::from_secs(seconds)));
        if lines == [None, None] {
            let why = format!(
                "it is given up after {max} starts in {seconds} s, as systemd does where nothing is said"
            );
            self.book.equivalent(self.unit.head, Some("restart.max"), &why);
        }
    }
}

/// Ends by these are a success where nothing is said, as `SuccessExitStatus=` of `systemd.service(5)` has it.
const OF_SUCCESS: [&str; 4] = ["SIGHUP", "SIGINT", "SIGPIPE", "SIGTERM"];

/// An exit code, or its name in `systemd.exec(5)`.
fn exit_code(word: &str) -> Option<u8> {
    Some(match word {
        "SUCCESS" => 0,
        "FAILURE" => 1,
        "INVALIDARGUMENT" => 2,
        "NOTIMPLEMENTED" => 3,
        "NOPERMISSION" => 4,
        "NOTINSTALLED" => 5,
        "NOTCONFIGURED" => 6,
        "NOTRUNNING" => 7,
        "USAGE" => 64,
        "DATAERR" => 65,
        "NOINPUT" => 66,
        "NOUSER" => 67,
        "NOHOST" => 68,
        "UNAVAILABLE" => 69,
        "SOFTWARE" => 70,
        "OSERR" => 71,
        "OSFILE" => 72,
        "CANTCREAT" => 73,
        "IOERR" => 74,
        "TEMPFAIL" => 75,
        "PROTOCOL" => 76,
        "NOPERM" => 77,
        "CONFIG" => 78,
        word => return word.parse().ok(),
    })
}

/// The signal that a command sends to the main process and that is all that it does.
fn signal_to_main(command: &Command) -> Option<Signal> {
    let mut words = command.words.as_slice();
    // Our own units take variables from the shell that sends it.
    if words.first().is_some_and(|it| it.ends_with("/env")) {
        words = words.get(1..)?;
        while let [flag, _, rest @ ..] = words {
            if flag != "-u" {
                break;
            }
            words = rest;
        }
    }
    let (program, args) = words.split_first()?;
    let args: Vec<String> = match (program.rsplit('/').next()?, args) {
        ("kill", args) => args.iter().map(|it| of_main(it)).collect(),
        // `sh -c 'kill -HUP $MAINPID'`
        ("sh" | "bash", [flag, line, ..]) if flag == "-c" => {
            let line = words::parts(line).into_iter().map(|part| match part {
                Part::Text(text) => text,
                Part::Value(name) | Part::Words(name) => format!("${name}"),
            });
            let line: String = line.collect();
            let mut words = line.split_whitespace().map(|it| of_main(it.trim_matches(['"', '\''])));
            let program = words.next().filter(|it| it != "exec").or_else(|| words.next())?;
            if program.rsplit('/').next()? != "kill" {
                return None;
            }
            words.collect()
        }
        _ => return None,
    };
    let args: Vec<&str> = args.iter().map(String::as_str).filter(|it| *it != "--").collect();
    let name = match args.as_slice() {
        ["$MAINPID"] => "TERM",
        ["-s" | "--signal", name, "$MAINPID"] => name,
        [name, "$MAINPID"] => name.strip_prefix('-')?,
        _ => return None,
    };
    signal::named(name).ok()
}

fn of_main(word: &str) -> String {
    if word == "${MAINPID}" { "$MAINPID".to_owned() } else { word.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_to_the_main_process_is_one() {
        for (line, expected) in [
            ("/bin/kill -HUP $MAINPID", Some("HUP")),
            ("/usr/bin/kill -s USR1 ${MAINPID}", Some("USR1")),
            ("/bin/kill -15 $MAINPID", Some("TERM")),
            ("-/bin/kill $MAINPID", Some("TERM")),
            ("/bin/sh -c 'kill -s WINCH \"$$MAINPID\"' reload", Some("WINCH")),
            ("/bin/sh -c '/bin/kill -HUP $MAINPID'", Some("HUP")),
            (
                "/usr/bin/env -u LC_X -u A /bin/sh -c 'kill -s HUP \"$$MAINPID\"' reload",
                Some("HUP"),
            ),
            ("/bin/kill -HUP 1", None),
            ("/bin/kill -HUP $MAINPID 1", None),
            ("/usr/sbin/x reload", None),
        ] {
            let command = words::commands(line).unwrap().remove(0);
            assert_eq!(signal_to_main(&command).map(Signal::name), expected, "{line}");
        }
    }
}
