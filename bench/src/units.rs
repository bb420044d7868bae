//! Units of systemd. Inside `cargo xtask systemd`: it writes unit files and starts what they say.

use std::{
    fs,
    hint::black_box,
    process::Command,
    time::{Duration, Instant},
};

use svclient::{Bulk, State};
use svsystemd::{Bus, UnitName};

use crate::{
    Fallible,
    bus::{Wire, call, size, string},
    op::{self, Mark},
    rounds::{columns, in_turn},
    spawn,
};

const PATTERN: &str = "svbench@*.service";
const MANAGER: &str = "org.freedesktop.systemd1";
const OBJECT: &str = "/org/freedesktop/systemd1";

/// So many calls of one connection may be without an answer: dbus-daemon refuses more than 128.
const UNANSWERED: usize = 100;

/// Starts so many units that sleep.
fn start(template: &str, count: usize, sleep: &str) -> Fallible<Vec<UnitName>> {
    if std::env::var_os("SYSTEMD_HOST").is_none() {
        return Err("run it with `cargo xtask systemd`: it starts units".into());
    }
    let text = format!("[Service]\nExecStart=/bin/sleep {sleep}\n");
    fs::write(format!("/run/systemd/system/{template}@.service"), text)?;
    let names: Vec<String> =
        (0..count).map(|number| format!("{template}@{number}.service")).collect();
    spawn::once(Command::new("systemctl").arg("start").args(&names))?;
    Ok(names.iter().map(|name| UnitName::new(name)).collect::<Result<_, _>>()?)
}

/// All of them: the manager is asked for a list, ours for states; the manager for two properties of
/// each, ours for statuses, over a connection that has asked before and over a fresh one; the manager
/// for all of each, ours for those.
pub(crate) fn look(count: usize, rounds: usize) -> Fallible {
    let units = start("svbench", count, "1000")?;
    let mut wire = Wire::connect()?;
    let body = [size(0).as_slice(), &size(PATTERN.len() + 5), &string(PATTERN)].concat();
    let interface = format!("{MANAGER}.Manager");
    let list = call(1, OBJECT, MANAGER, &interface, "ListUnitsByPatterns", "asas", &body);
    let get_all: Vec<Vec<u8>> = (0..count)
        .map(|number| {
            let path = format!("{OBJECT}/unit/svbench_40{number}_2eservice");
            let interface = "org.freedesktop.DBus.Properties";
            call(number + 1, &path, MANAGER, interface, "GetAll", "s", &string(""))
        })
        .collect();
    // The least that has a process and a moment, one question each.
    let get_two: Vec<Vec<u8>> = (0..2 * count)
        .map(|at| {
            let path = format!("{OBJECT}/unit/svbench_40{}_2eservice", at / 2);
            let (of, name) = match at % 2 {
                0 => ("org.freedesktop.systemd1.Service", "MainPID"),
                _ => ("org.freedesktop.systemd1.Unit", "StateChangeTimestamp"),
            };
            let mut body = string(of);
            body.resize(body.len().next_multiple_of(4), 0);
            body.extend(string(name));
            call(at + 1, &path, MANAGER, "org.freedesktop.DBus.Properties", "Get", "ss", &body)
        })
        .collect();
    let mut other = Wire::connect()?;
    let mut third = Wire::connect()?;
    let bus = Bus::system().wait()?;
    // A fresh one knows nothing; connecting is not part of the row.
    let mut fresh = (0..=rounds).map(|_| Bus::system().wait()).collect::<Result<Vec<_>, _>>()?;
    let statuses = |bus: &Bus| -> Fallible {
        let units: Vec<_> = units.iter().map(|unit| bus.named(unit.clone())).collect();
        for observation in Bulk::new(&units).statuses() {
            let observation = observation?;
            let status = observation.reading.status().ok_or("no status")?;
            status.pid.zip(status.since).ok_or("no process")?;
        }
        Ok(())
    };
    columns(&["floor", "states", "floor-two", "statuses", "first", "floor-all", "ours-all"]);
    in_turn(
        rounds,
        1,
        &mut [
            &mut || {
                wire.ask(&list, 1).map(|it| {
                    black_box(it);
                })
            },
            &mut || {
                let states = bus.states(&[PATTERN]).wait()?;
                let up = states.iter().filter(|it| it.state == State::Up).count();
                if up == count { Ok(()) } else { Err("not all are up".into()) }
            },
            &mut || {
                get_two.chunks(UNANSWERED).try_for_each(|calls| {
                    black_box(third.ask(&calls.concat(), calls.len())?);
                    Ok(())
                })
            },
            &mut || statuses(&bus),
            &mut || statuses(&fresh.pop().ok_or("no fresh connection")?),
            &mut || {
                get_all.chunks(UNANSWERED).try_for_each(|calls| {
                    black_box(other.ask(&calls.concat(), calls.len())?);
                    Ok(())
                })
            },
            &mut || {
                for status in bus.status_of(&units).wait()? {
                    status?.status.pid.ok_or("no process")?;
                }
                Ok(())
            },
        ],
    )
}

/// `systemctl show` for each.
pub(crate) fn show(count: usize, rounds: usize) -> Fallible {
    let units = start("svbench", count, "1000")?;
    let program = spawn::find("systemctl")?;
    columns(&["systemctl"]);
    in_turn(
        rounds,
        1,
        &mut [&mut || {
            units.iter().try_for_each(|unit| {
                let mut show = Command::new(&program);
                let properties = "ActiveState,SubState,MainPID,StateChangeTimestamp";
                show.args(["show", "-p", properties, unit.as_str()]);
                spawn::once(show.stdout(std::process::Stdio::null()))
            })
        }],
    )
}

/// Watches all, and waits for the end of some, between marks for who traces this.
pub(crate) fn live(count: usize, changing: usize) -> Fallible {
    let mut units = start("svbench", count, "1000")?;
    let bus = Bus::system().wait()?;
    bus.version().wait()?;
    units.extend(start("svlive", changing, "2")?);
    let mut watch = bus.watch(&units).wait()?;
    let soon = || Instant::now() + Duration::from_secs(10);
    for _ in &units {
        watch.next_before(soon()).ok_or("no snapshot")?.status?;
    }
    op::mark(Mark::Begin);
    let mut ended = 0;
    while ended < changing {
        let event = watch.next_before(soon()).ok_or("no event")?;
        // A unit that is down is let go by the manager.
        let is_up = event.status.as_ref().is_ok_and(|it| it.states().0 == "active");
        ended += usize::from(!is_up);
    }
    op::mark(Mark::End);
    Ok(())
}

/// Lists them so often, between marks.
pub(crate) fn list(times: usize) -> Fallible {
    start("svbench", 3, "1000")?;
    let bus = Bus::system().wait()?;
    bus.states(&[PATTERN]).wait()?;
    op::mark(Mark::Begin);
    for _ in 0..times {
        black_box(bus.states(&[PATTERN]).wait()?);
    }
    op::mark(Mark::End);
    Ok(())
}
