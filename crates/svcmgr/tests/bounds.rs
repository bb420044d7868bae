//! What a program may do with the values that it holds: move them to another thread, share them,
//! pin and move them, print them. A field that takes this away is a change of the public face.

use std::{fmt::Debug, panic::UnwindSafe};

use svcmgr::{
    Bulk, Cause, Death, Disabled, Enabled, Error, Facts, FoundVersion, Goal, Intent, Liveness,
    LogDir, LogItem, LogLine, Logs, Name, Oddities, Order, OrderError, OrderStep, Outcome, Pending,
    Reading, Request, ScanDir, Service, Settled, State, Status, Stopper, Subscription, Suite,
    Survey, Told, UnixTime, UnknownWord, Versions, WatchEvent, WatchKey, WatchSet,
    scripted::Scripted,
};

fn free<T: Send + Sync + Unpin + Debug + 'static>() {}
fn movable<T: Send + Unpin + Debug + 'static>() {}

#[test]
fn what_programs_hold_goes_to_any_thread() {
    free::<Service>();
    free::<ScanDir>();
    free::<Survey>();
    free::<Status>();
    free::<Facts>();
    free::<Reading>();
    free::<State>();
    free::<Liveness>();
    free::<Oddities>();
    free::<Name<'static>>();
    free::<Suite>();
    free::<Intent>();
    free::<Goal>();
    free::<Request>();
    free::<Outcome>();
    free::<Cause>();
    free::<Error>();
    free::<Told>();
    free::<Order>();
    free::<OrderError>();
    free::<OrderStep>();
    free::<Enabled>();
    free::<Disabled>();
    free::<LogDir>();
    free::<LogLine>();
    free::<LogItem>();
    free::<Death>();
    free::<UnixTime>();
    free::<UnknownWord>();
    free::<FoundVersion>();
    free::<Versions>();
    free::<WatchKey>();
    free::<WatchEvent>();
    free::<WatchSet>();
    free::<Stopper>();
    free::<Scripted>();
    free::<Logs>();
    free::<Subscription>();
    movable::<Pending>();
    movable::<Settled>();
    free::<Bulk<'static, Service>>();
}

#[test]
fn errors_and_statuses_pass_a_caught_panic() {
    fn passes<T: UnwindSafe>() {}
    passes::<Status>();
    passes::<Outcome>();
    passes::<Request>();
}

#[cfg(feature = "build")]
#[test]
fn definitions_and_plans_go_to_any_thread() {
    use svcmgr::build::{Definitions, Error, Gap, Options, Plan, Service, WriteReport};
    free::<Definitions>();
    free::<Service>();
    free::<Plan>();
    free::<Gap>();
    free::<Options>();
    free::<Error>();
    free::<WriteReport>();
}

#[cfg(feature = "devtree")]
#[test]
fn trees_and_kits_go_to_any_thread() {
    use svcmgr::{
        devtree::{Definition, DevTree, Error, Handle, ServiceEvent, ServiceOptions, TreeError},
        testkit::{Kit, KitError, Port, ReadyWhen, Spec},
    };
    movable::<DevTree>();
    free::<Definition>();
    free::<Handle>();
    free::<ServiceEvent>();
    free::<ServiceOptions>();
    free::<Error>();
    free::<TreeError>();
    movable::<Kit>();
    free::<KitError>();
    free::<Port>();
    free::<ReadyWhen>();
    free::<Spec>();
    movable::<svcmgr::devtree::Supervisor>();
}

#[cfg(feature = "systemd")]
#[test]
fn units_and_connections_go_to_any_thread() {
    use svcmgr::systemd::{Bus, Error, Unit, UnitName, UnitStatus, UnitWatch};
    free::<Bus>();
    free::<Unit>();
    free::<UnitName>();
    free::<UnitStatus>();
    free::<Error>();
    movable::<UnitWatch>();
}

#[cfg(feature = "tokio")]
#[test]
fn streams_go_to_any_task() {
    movable::<svcmgr::tokio::WatchStream>();
}

#[cfg(feature = "async-io")]
#[test]
fn streams_of_async_io_go_to_any_task() {
    movable::<svcmgr::async_io::WatchStream>();
}

#[cfg(feature = "remote")]
#[test]
fn calls_on_other_hosts_go_to_any_thread() {
    use svcmgr::remote::{
        BadHost, BadProgram, Call, Calls, Error, EventKind, Host, HostEvent, HostFailure, Hosts,
        HostsError, Program, Progress, Version,
    };
    free::<Call>();
    movable::<Calls>();
    free::<Host>();
    free::<Hosts>();
    free::<HostEvent>();
    free::<EventKind>();
    free::<HostFailure>();
    free::<Progress>();
    free::<Program>();
    free::<Version>();
    free::<Error>();
    free::<BadHost>();
    free::<BadProgram>();
    free::<HostsError>();
}

#[cfg(feature = "convert")]
#[test]
fn conversions_go_to_any_thread() {
    use svcmgr::convert::{
        Conversion, Counts, Disk, Error, Format, LineReport, LineVerdict, Location, Memory, Report,
        ServiceReport,
    };
    free::<Conversion>();
    free::<Report>();
    free::<LineReport>();
    free::<ServiceReport>();
    free::<LineVerdict>();
    free::<Location>();
    free::<Counts>();
    free::<Format>();
    free::<Disk>();
    free::<Memory>();
    free::<Error>();
}

#[cfg(feature = "lint")]
#[test]
fn what_a_linter_finds_goes_to_any_thread() {
    use svcmgr::lint::{Edit, Finding, Fix, Linter, Location, Report, Rule, Span, Unseen, fix};
    free::<Linter>();
    free::<Report>();
    free::<Finding>();
    free::<Location>();
    free::<Span>();
    free::<Fix>();
    free::<Edit>();
    free::<Rule>();
    free::<Unseen>();
    free::<fix::Fixed>();
}
