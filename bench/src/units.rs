//! Units of systemd. Inside `cargo xtask systemd`: it writes unit files and starts what they say.

use std::{
    cell::RefCell,
    fs,
    hint::black_box,
    process::Command,
    time::{Duration, Instant},
};

use svclient::{Bulk, State, WatchSet};
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
/// By its address, the bus is asked whoever asks.
const BUS: &str = "unix:path=/run/dbus/system_bus_socket";

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

/// What a status of a running unit is made of, first what changes from run to run.
const PROPERTIES: [(&str, &str); 5] = [
    ("Service", "MainPID"),
    ("Service", "ExecMainStartTimestamp"),
    ("Service", "Type"),
    ("Unit", "UnitFileState"),
    ("Unit", "DropInPaths"),
];

/// One question for each property of each unit.
fn gets(count: usize, properties: &[(&str, &str)]) -> Vec<Vec<u8>> {
    let all = (0..count).flat_map(|unit| properties.iter().map(move |it| (unit, it)));
    let get = |(serial, (unit, (of, name))): (usize, (usize, &(&str, &str)))| {
        let path = format!("{OBJECT}/unit/svbench_40{unit}_2eservice");
        let mut body = string(&format!("{MANAGER}.{of}"));
        body.resize(body.len().next_multiple_of(4), 0);
        body.extend(string(name));
        call(serial + 1, &path, MANAGER, "org.freedesktop.DBus.Properties", "Get", "ss", &body)
    };
    all.enumerate().map(get).collect()
}

/// All of them: the manager is asked for a list, ours for states; the manager for two properties of
/// each, ours for statuses over a connection that has asked before; the manager for five, ours over
/// a fresh one; the same by way of the bus, as every user but root asks; the manager for all of
/// each, ours for those; and ours for the first look of a watch.
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
    let (two, five) = (gets(count, &PROPERTIES[..2]), gets(count, &PROPERTIES));
    let (direct, other) = (RefCell::new(Wire::direct()?), RefCell::new(Wire::connect()?));
    let bus = Bus::system().wait()?;
    let beside = Bus::address(BUS).wait()?;
    // A fresh one knows nothing; connecting is not part of the row.
    let mut fresh = (0..=rounds).map(|_| Bus::system().wait()).collect::<Result<Vec<_>, _>>()?;
    let mut fresh_beside =
        (0..=rounds).map(|_| Bus::address(BUS).wait()).collect::<Result<Vec<_>, _>>()?;
    let statuses = |bus: &Bus| -> Fallible {
        let units: Vec<_> = units.iter().map(|unit| bus.named(unit.clone())).collect();
        for status in Bulk::new(&units).statuses() {
            let status = status?;
            let status = status.facts().ok_or("no status")?;
            status.pid.zip(status.since).ok_or("no process")?;
        }
        Ok(())
    };
    columns(&[
        "floor",
        "states",
        "floor-two",
        "statuses",
        "floor-five",
        "first",
        "floor-bus",
        "by-bus",
        "floor-bus-five",
        "first-by-bus",
        "floor-all",
        "ours-all",
        "watch",
    ]);
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
            &mut || ask_in_turn(&mut direct.borrow_mut(), &two),
            &mut || statuses(&bus),
            &mut || ask_in_turn(&mut direct.borrow_mut(), &five),
            &mut || statuses(&fresh.pop().ok_or("no fresh connection")?),
            &mut || ask_in_turn(&mut other.borrow_mut(), &two),
            &mut || statuses(&beside),
            &mut || ask_in_turn(&mut other.borrow_mut(), &five),
            &mut || statuses(&fresh_beside.pop().ok_or("no fresh connection")?),
            &mut || ask_in_turn(&mut direct.borrow_mut(), &get_all),
            &mut || {
                for status in bus.status_of(&units).wait()? {
                    status?.facts.pid.ok_or("no process")?;
                }
                Ok(())
            },
            &mut || {
                let mut watch = WatchSet::new()?;
                for key in watch.add_all(units.iter().map(|unit| bus.named(unit.clone()))) {
                    key?;
                }
                for _ in &units {
                    watch.next_now()?.ok_or("no snapshot")?.status?;
                }
                Ok(())
            },
        ],
    )
}

/// Asks and reads, so many at a time.
fn ask_in_turn(wire: &mut Wire, calls: &[Vec<u8>]) -> Fallible {
    calls.chunks(UNANSWERED).try_for_each(|calls| {
        black_box(wire.ask(&calls.concat(), calls.len())?);
        Ok(())
    })
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

/// Watches all, and waits for the end of some, between marks for a tracer.
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
