//! Commands as transient units.

use std::time::{Duration, Instant};

use svproto::LastExit;
use svsystemd::{ErrorKind, ServiceResult, Transient};

use crate::machine::{Manager, deadline};

fn name(text: &str) -> String {
    format!("svt-run-{}-{text}", std::process::id())
}

pub fn a_command_ends_with_its_exit_code(manager: Manager) {
    let bus = manager.bus();
    for (text, script, exit, result) in [
        ("five", "exit 5", LastExit::Exited { code: 5 }, ServiceResult::ExitCode),
        ("zero", "exit 0", LastExit::Exited { code: 0 }, ServiceResult::Success),
        (
            "kill",
            "kill -9 $$",
            LastExit::Signaled { signal: 9, core: false },
            ServiceResult::Signal,
        ),
        ("slow", "sleep 0.3; exit 6", LastExit::Exited { code: 6 }, ServiceResult::ExitCode),
    ] {
        let command = Transient::new(&name(text), ["/bin/sh", "-c", script]).unwrap();
        let running = bus.run(&command).wait().unwrap();
        let unit = running.unit().clone();
        let ended = running.ended_before(deadline()).unwrap().unwrap();
        assert_eq!((ended.exit, ended.result), (exit, result), "{text}");
        // Nothing is left of it.
        let until = deadline();
        while unit.status().wait().is_ok() {
            assert!(Instant::now() < until, "{text} stays");
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}

pub fn a_command_gets_its_arguments_environment_and_directory(manager: Manager) {
    let bus = manager.bus();
    let tmp = tempfile::tempdir().unwrap();
    let out = tmp.path().join("out");
    let script = format!("printf '%s|' \"$0\" \"$@\" \"$X\" \"$(pwd)\" >{}", out.display());
    let arguments = ["/bin/sh", "-c", &script, "a b", "$X ${X} %n %%", "\\n\"'", "", "é\n"];
    let command = Transient::new(&name("argv"), arguments)
        .unwrap()
        .env("X", "x $y %i \"q\"\n")
        .directory("/usr");
    bus.run(&command).wait().unwrap().ended_before(deadline()).unwrap().unwrap();
    let got = std::fs::read_to_string(out).unwrap();
    assert_eq!(got, "a b|$X ${X} %n %%|\\n\"'||é\n|x $y %i \"q\"\n|/usr|");
}

pub fn what_cannot_be_run_says_why(manager: Manager) {
    let bus = manager.bus();
    let command = Transient::new(&name("none"), ["/nonexistent"]).unwrap();
    let error = bus.run(&command).wait().err().unwrap();
    let why = std::error::Error::source(&error).unwrap().to_string();
    // Where another test reloads the manager meanwhile, the unit's own words are lost.
    let told = why.contains("203") || why.contains("the unit success");
    assert!(error.kind() == ErrorKind::Manager && told, "{error}: {why}");
    let command = Transient::new(&name("taken"), ["/bin/sleep", "1000"]).unwrap();
    let running = bus.run(&command).wait().unwrap();
    assert_eq!(bus.run(&command).wait().err().unwrap().kind(), ErrorKind::Exists);
    let unit = running.unit().clone();
    assert_eq!(running.ended_before(Instant::now()).unwrap(), None);
    let stop = unit.stop().wait().unwrap();
    stop.outcome_before(deadline()).unwrap();
    assert!(Transient::new("bad name", ["/bin/true"]).is_err());
}
